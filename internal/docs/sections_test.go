package docs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// sections write the parts of pages that come from the program itself. Each gets the word that stands in the comment
// behind its name.
var sections = map[string]func(t *testing.T, arg string) string{
	"editors":    editorTable,
	"editor":     editorPage,
	"team-files": teamFiles,
	"tools":      toolReference,
	"settings":   settingTable,
	"benchmark":  benchmarkTable,
	"ratios":     ratioTable,
	"charts":     ratioCharts,
	"probes":     probeTable,
	"walls":      wallTable,
}

// generated is a part of a page that a section writes.
var generated = regexp.MustCompile(`(?s)<!-- generated: (\S+)(?: (\S+))? -->\n(.*?)<!-- end -->`)

// TestGeneratedSectionsAreCurrent compares what stands between <!-- generated: NAME ARG … --> and <!-- end --> with
// what the section of that name writes.
func TestGeneratedSectionsAreCurrent(t *testing.T) {
	used := map[string]bool{}
	for _, p := range pages(t) {
		text := generated.ReplaceAllStringFunc(p.text(), func(part string) string {
			m := generated.FindStringSubmatch(part)
			section := sections[m[1]]
			if section == nil {
				t.Fatalf("%s: no section is named %s", p.name, m[1])
			}
			used[m[1]], used["docs/editors/"+m[2]+".md: "+p.name] = true, true
			return strings.Replace(part, m[3], "\n"+strings.Trim(section(t, m[2]), "\n")+"\n\n", 1)
		})
		keep(t, p.name, p.text(), text, func() { write(t, p.name, text) })
	}
	for name := range sections {
		if !used[name] {
			t.Errorf("no page has the section %s", name)
		}
	}
	for _, e := range editor.All() {
		if name := "docs/editors/" + e.ID + ".md"; hasPage(e) && !used[name+": "+name] {
			t.Errorf("%s should hold a title, <!-- generated: editor %s --> and <!-- end -->", name, e.ID)
		}
	}
}

// table is a table of Markdown.
func table(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.ReplaceAll(strings.Join(row, "\x00"), "|", `\|`), "\x00", " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return b.String()
}

// inCode is a text as code, and nothing if there is none.
func inCode(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// fenced is a config, or a command, in a block.
func fenced(text string) string {
	return "```" + language(text) + "\n" + strings.Trim(text, "\n") + "\n```\n"
}

var yamlText = regexp.MustCompile(`^\w+:`)

// language is that of a config, or of a command.
func language(text string) string {
	switch {
	case strings.HasPrefix(text, "["):
		return "toml"
	case strings.HasPrefix(text, "{"):
		return "json"
	case yamlText.MatchString(text):
		return "yaml"
	}
	return "sh"
}

// machines are those for which pages say where files are. The folders are invented; shown writes what people know, and
// below the folders in which all programs keep their settings less.
var machines = []struct {
	name, goos string
	env        map[string]string
	shown      *strings.Replacer
	settings   string
}{
	{"macOS", "darwin", map[string]string{"HOME": "/~"}, strings.NewReplacer("/~", "~"), "~/Library/Application Support/"},
	{"Linux", "linux", map[string]string{"HOME": "/~"}, strings.NewReplacer("/~", "~"), "~/.config/"},
	{
		"Windows", "windows",
		map[string]string{"USERPROFILE": `C:\~`, "APPDATA": `C:\~\AppData\Roaming`, "LOCALAPPDATA": `C:\~\AppData\Local`},
		strings.NewReplacer("C:/~/AppData/Roaming", "%APPDATA%", "C:/~/AppData/Local", "%LOCALAPPDATA%", "C:/~", "%USERPROFILE%", "/", `\`), `%APPDATA%\`,
	},
}

// files are those that an editor has on each machine, those that have the same one together.
func files(short bool, of func(s editor.System) []string) string {
	var found []string
	names := map[string][]string{}
	for _, m := range machines {
		for _, file := range of(editor.System{GOOS: m.goos, Getenv: func(name string) string { return m.env[name] }, Folder: "/project"}) {
			file = m.shown.Replace(strings.ReplaceAll(file, `\`, "/"))
			if rest, ok := strings.CutPrefix(file, m.settings); ok && short {
				file = "…/" + strings.ReplaceAll(rest, `\`, "/")
			}
			if names[file] == nil {
				found = append(found, file)
			}
			names[file] = append(names[file], m.name)
		}
	}
	for i, file := range found {
		found[i] = inCode(file)
		if !short || len(names[file]) < len(machines) {
			found[i] = strings.Join(names[file], ", ") + " " + found[i]
		}
	}
	return strings.Join(found, "; ")
}

// userFiles are the files of an editor's user by machine.
func userFiles(t *testing.T, e editor.Editor) string {
	t.Helper()
	return files(false, func(s editor.System) []string {
		file, err := e.Path(s, editor.User)
		if errors.Is(err, editor.ErrOtherSystem) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return []string{file}
	})
}

// teamFile is the file of a project, from its root; empty if the editor reads none.
func teamFile(t *testing.T, e editor.Editor) string {
	t.Helper()
	if !e.HasProject() {
		return ""
	}
	file, err := e.Path(editor.System{GOOS: "linux", Getenv: func(string) string { return "" }, Folder: "/project"}, editor.Project)
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(strings.ReplaceAll(file, `\`, "/"), "/project/")
	return name
}

// command is what install has an entry start: this program by its path for a user, by its name for a team.
func command(team bool) editor.Command {
	c := editor.Command{Path: shownPath + "/" + program, Vars: []string{editor.KeyVariable}}
	if team {
		c.Path = program
	}
	return c
}

var (
	named  = regexp.MustCompile(`"?LEADMAGIC_API_KEY"?\s*[:=] "([^"]+)"`)
	listed = regexp.MustCompile(`env_vars = \[.*\]`)
)

// says is what an entry says of the key.
func says(e editor.Editor) string {
	snippet := e.Snippet(editor.Name, command(true))
	if m := named.FindStringSubmatch(snippet); m != nil {
		return inCode(m[1])
	}
	return cmp.Or(inCode(listed.FindString(snippet)), "nothing")
}

// arrives is how the key gets from the shell to the program.
func arrives(e editor.Editor) string {
	switch delivery := e.Delivery(command(false)); {
	case strings.Contains(delivery, "passes no variable"):
		return "it does not: keep it with " + inCode(program+" login") + ", or in a file"
	case strings.Contains(delivery, "passes "+editor.KeyVariable+" on"):
		return "by itself"
	default:
		return "the entry names the variable"
	}
}

// forms are an editor and its other forms, which have their place on its page.
func forms(id string) (all []editor.Editor) {
	for _, e := range editor.All() {
		if e.ID == id || strings.HasPrefix(e.ID, id+"-") {
			all = append(all, e)
		}
	}
	return all
}

// hasPage says whether an editor has a page of its own.
func hasPage(e editor.Editor) bool {
	return !slices.ContainsFunc(editor.All(), func(first editor.Editor) bool { return strings.HasPrefix(e.ID, first.ID+"-") })
}

// editorTable is a row for each editor. The argument is the folder of the pages, seen from the page.
func editorTable(t *testing.T, folder string) string {
	rows := [][]string{{"editor", "your file", "team's file", "what the entry says of the key", "how your shell's key arrives"}}
	for _, e := range editor.All() {
		if !hasPage(e) {
			continue
		}
		first, _, _ := strings.Cut(userFiles(t, e), ";")
		names, file, _ := strings.Cut(first, " `")
		file = "`" + file
		if !strings.Contains(names, ",") {
			file += " on " + names
		}
		if len(file) > 80 {
			file = "see its page"
		}
		link := fmt.Sprintf("[%s](%s)", strings.TrimSuffix(e.Title, " (VS Code extension)"), path.Join(folder, e.ID+".md"))
		rows = append(rows, []string{link, file, cmp.Or(inCode(teamFile(t, e)), "–"), says(e), arrives(e)})
	}
	return table(rows...)
}

// editorPage is what the table of editors knows of one, with its other forms.
func editorPage(t *testing.T, id string) string {
	all := forms(id)
	var b strings.Builder
	if _, err := all[0].Path(editor.System{GOOS: "linux", Getenv: func(string) string { return "" }}, editor.User); errors.Is(err, editor.ErrOtherSystem) {
		b.WriteString("<!-- test: skip=system -->\n")
	}
	fmt.Fprintf(&b, "%s\n", fenced(program+" install "+id))
	for _, e := range all {
		if len(all) > 1 {
			fmt.Fprintf(&b, "## %s\n\n", e.Title)
		}
		describeEditor(t, &b, e)
	}
	return b.String()
}

var dated = regexp.MustCompile(` 20\d\d-\d\d-\d\d`)

func describeEditor(t *testing.T, b *strings.Builder, e editor.Editor) {
	t.Helper()
	rows := [][]string{{"", ""}}
	row := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{name, text})
		}
	}
	team, delivery := teamFile(t, e), e.Delivery(command(false))
	row("your file", userFiles(t, e))
	row("or", files(true, e.Elsewhere))
	row("team's file", cmp.Or(inCode(team), "none"))
	row("the key", delivery)
	row("it waits", e.Waits)
	notes := slices.Concat(e.Notes(editor.User), e.Notes(editor.Project))
	slices.Sort(notes)
	for _, note := range slices.Compact(notes) {
		row("note", note)
	}
	row("known from", e.Facts)
	if !dated.MatchString(e.Facts) {
		t.Errorf("%s: nothing says when what is known of it was looked up", e.ID)
	}
	entry := func(words string, c editor.Command) {
		fmt.Fprintf(b, "%s:\n\n%s\n", words, fenced(e.Snippet(editor.Name, c)))
	}
	fmt.Fprintf(b, "%s\n", table(rows...))
	entry("What stands in your file then", command(false))
	if team != "" {
		entry("What `install --project` writes into "+inCode(team)+", to be committed", command(true))
		prompt := command(true)
		prompt.Prompt = true
		if strings.Contains(e.Snippet(editor.Name, prompt), "${input:") {
			entry("With `--vscode-prompt` "+e.Title+" asks for the key once and keeps it", prompt)
		}
	}
	if strings.Contains(delivery, "passes no variable") {
		file := command(false)
		file.KeyFile = "/Users/ada/.secrets/leadmagic"
		entry("With `--key-file` the entry names a file that holds the key", file)
	}
}

// teamFiles are the entries that a team commits, one for each file.
func teamFiles(t *testing.T, _ string) string {
	var b strings.Builder
	for _, e := range editor.All() {
		if team := teamFile(t, e); team != "" && hasPage(e) {
			fmt.Fprintf(&b, "%s, `%s`: %s\n\n%s\n", e.Title, team, e.Delivery(command(true)), fenced(e.Snippet(editor.Name, command(true))))
		}
	}
	return b.String()
}

// toolReference is every tool of the REST API, in a table and one by one.
func toolReference(*testing.T, string) string {
	rows := [][]string{{"tool", "credits", "what it does"}}
	var each strings.Builder
	for _, tool := range rest.Tools() {
		what, _, _ := strings.Cut(tool.Description(), ". ")
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%s)", tool.Name, tool.Name), tool.Cost(), strings.TrimSuffix(what, ".")})
		fmt.Fprintf(&each, "\n### %s\n\n%s\n\n`%s`", tool.Name, tool.Description(), tool.Route)
		if tool.Aliases != nil {
			fmt.Fprintf(&each, ", also called `%s`", strings.Join(tool.Aliases, "`, `"))
		}
		each.WriteString("\n")
	}
	return table(rows...) + each.String()
}

var setting = regexp.MustCompile(`(?m)^ +--([a-z-]+)(?: (string|strings|duration|float))? +(.*)$`)

// settingTable is every setting with its variable, as --help has them.
func settingTable(*testing.T, string) string {
	rows := [][]string{{"flag", "variable", "what it does"}}
	for _, m := range setting.FindAllStringSubmatch(cli.Commands().PersistentFlags().FlagUsages(), -1) {
		variable := "none"
		if name := "LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(m[1], "-", "_")); hasVariable(name) {
			variable = inCode(name)
		}
		rows = append(rows, []string{inCode("--" + m[1]), variable, m[3]})
	}
	return table(rows...)
}

// wallTable is the table in arch_test.go, as far as it is about the program itself.
func wallTable(t *testing.T, _ string) string {
	_, walls, _ := strings.Cut(read(t, "arch_test.go"), "var walls = map[string][]string{\n")
	walls, _, found := strings.Cut(walls, "\n\n\t// The sandbox as tests use it.")
	if !found {
		t.Fatal("arch_test.go has no walls")
	}
	return "```go\n" + strings.ReplaceAll(strings.ReplaceAll(walls, "\n\t", "\n"), "\t\"", "\"") + "\n```\n"
}

// A benchmark is a run of internal/bench.
type benchmark struct {
	Date        string `json:"date"`
	System      string `json:"system"`
	CPUs        int    `json:"cpus"`
	Contestants []struct {
		Name    string                `json:"name"`
		Version string                `json:"version"`
		Numbers map[string]float64    `json:"numbers"`
		Ratios  map[string][3]float64 `json:"ratios"`
		Probes  map[string]string     `json:"probes"`
	} `json:"contestants"`
}

func readBenchmark(t *testing.T) (b benchmark) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "docs/benchmark.json")), &b); err != nil || len(b.Contestants) < 4 {
		t.Fatalf("docs/benchmark.json has %d contestants, want all four side by side in one run (%v)", len(b.Contestants), err)
	}
	return b
}

// A quantity is a row of the table, and a part of the chart where it has a title for that.
type quantity struct{ name, member, format, chart string }

var quantities = []quantity{
	{"ready after the start", "start_ms", "%.0f ms", "start"},
	{"a call, median", "call_p50_ms", "%.2f ms", "a call, median"},
	{"a call, 99th of 100", "call_p99_ms", "%.1f ms", ""},
	{"processor time of a call", "cpu_per_call_ms", "%.2f ms", "processor time of a call"},
	{"64 calls in flight", "calls_per_second_64_in_flight", "%.0f a second", ""},
	{"a result of 16 MiB", "result_16_mib_ms", "%.0f ms", "a result of 16 MiB"},
	{"private memory, idle", "private_idle_mb", "%.1f MB", "private memory, idle"},
	{"private memory after all these calls", "private_mb", "%.1f MB", ""},
	{"private memory after results of 16 MiB", "private_after_16_mib_mb", "%.1f MB", ""},
	{"resident memory, idle", "resident_idle_mb", "%.0f MB", ""},
}

// label is what a contestant is called.
func label(name, version string) string {
	switch name {
	case program:
		return "this program"
	case "bare relay":
		return name
	}
	return name + " " + version
}

// benchmarkTable is the table of the numbers, and how they came about.
func benchmarkTable(t *testing.T, _ string) string {
	b := readBenchmark(t)
	rows := [][]string{{""}}
	for _, c := range b.Contestants {
		rows[0] = append(rows[0], label(c.Name, c.Version))
	}
	for _, q := range quantities {
		row := []string{q.name}
		for _, c := range b.Contestants {
			n, ok := c.Numbers[q.member]
			if !ok {
				t.Fatalf("%s has no %s", c.Name, q.member)
			}
			row = append(row, fmt.Sprintf(q.format, n))
		}
		rows = append(rows, row)
	}
	return table(rows...) + fmt.Sprintf("\nMeasured on %s on %s with %d shared cores, in one run.\n", b.Date, b.System, b.CPUs)
}

// ratioTable is what this program costs beside the relay.
func ratioTable(t *testing.T, _ string) string {
	b := readBenchmark(t)
	rows := [][]string{{"", "this program, as a multiple of the bare relay"}}
	for _, row := range [][2]string{{"ready after the start", "start"}, {"a call", "call"}, {"64 calls in flight", "64 in flight"}, {"a result of 16 MiB", "result of 16 MiB"}} {
		q := ratio(t, b, row[1])
		rows = append(rows, []string{row[0], fmt.Sprintf("%.2f (%.2f to %.2f)", q[1], q[0], q[2])})
	}
	cpu := b.Contestants[0].Numbers["cpu_per_call_ms"] / b.Contestants[1].Numbers["cpu_per_call_ms"]
	return table(append(rows, []string{"processor time of a call", fmt.Sprintf("%.2f", cpu)})...)
}

// ratioCharts show how the cost beside the relay changes with the size of a result, and with the calls in flight.
func ratioCharts(t *testing.T, _ string) string {
	b := readBenchmark(t)
	var out strings.Builder
	for _, chart := range []struct {
		title, format string
		points        []string
	}{
		{"A result of this size", "result of %s", []string{"1 KiB", "4 KiB", "16 KiB", "64 KiB", "256 KiB", "1 MiB", "4 MiB", "16 MiB", "64 MiB"}},
		{"Calls in flight", "%s in flight", []string{"1", "2", "4", "8", "16", "32", "64", "128", "256", "512"}},
	} {
		var line []string
		for _, point := range chart.points {
			line = append(line, fmt.Sprintf("%.2f", ratio(t, b, fmt.Sprintf(chart.format, point))[1]))
		}
		fmt.Fprintf(&out, "```mermaid\nxychart-beta\n    title \"%s\"\n    x-axis [\"%s\"]\n    y-axis \"time beside the bare relay\" 0 --> 2\n    line [%s]\n```\n\n",
			chart.title, strings.Join(chart.points, `", "`), strings.Join(line, ", "))
	}
	return out.String()
}

func ratio(t *testing.T, b benchmark, name string) [3]float64 {
	t.Helper()
	q, ok := b.Contestants[0].Ratios[name]
	if !ok {
		t.Fatalf("%s has no ratio %q", b.Contestants[0].Name, name)
	}
	return q
}

// probeTable is what became of calls when something went wrong.
func probeTable(t *testing.T, _ string) string {
	var out strings.Builder
	for _, probe := range []struct{ title, member string }{
		{"The endpoint points to another host", "redirect"},
		{"The stream with the answer breaks off", "cut_stream"},
		{"The key is not the one that is taken", "rejected_key"},
		{"A number that a float64 does not hold", "numbers"},
	} {
		fmt.Fprintf(&out, "**%s**\n\n", probe.title)
		for _, c := range readBenchmark(t).Contestants {
			if said := c.Probes[probe.member]; said != "" {
				fmt.Fprintf(&out, "- %s: %s\n", label(c.Name, c.Version), strings.ReplaceAll(said, `\n`, "; "))
			}
		}
		out.WriteString("\n")
	}
	return out.String()
}

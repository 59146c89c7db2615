package docs

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
)

// machines are those for which pages say where files are. The folders are invented; shown writes what people know.
var machines = []struct {
	name, goos string
	env        map[string]string
	shown      *strings.Replacer
}{
	{"macOS", "darwin", map[string]string{"HOME": "/~"}, strings.NewReplacer("/~", "~")},
	{"Linux", "linux", map[string]string{"HOME": "/~"}, strings.NewReplacer("/~", "~")},
	{
		"Windows", "windows",
		map[string]string{"USERPROFILE": `C:\~`, "APPDATA": `C:\~\AppData\Roaming`, "LOCALAPPDATA": `C:\~\AppData\Local`},
		strings.NewReplacer("C:/~/AppData/Roaming", "%APPDATA%", "C:/~/AppData/Local", "%LOCALAPPDATA%", "C:/~", "%USERPROFILE%", "/", `\`),
	},
}

// places are the files of an editor's user by machine, those that have the same one together.
func places(t *testing.T, e editor.Editor) string {
	t.Helper()
	var names, files []string
	for _, m := range machines {
		s := editor.System{GOOS: m.goos, Getenv: func(name string) string { return m.env[name] }, Folder: "/project"}
		file, err := e.Path(s, editor.User)
		if err != nil {
			t.Fatal(err)
		}
		file = m.shown.Replace(strings.ReplaceAll(file, `\`, "/"))
		if n := len(files); n > 0 && files[n-1] == file {
			names[n-1] += ", " + m.name
			continue
		}
		names, files = append(names, m.name), append(files, file)
	}
	var parts []string
	for i := range files {
		parts = append(parts, names[i]+" "+inCode(files[i]))
	}
	return strings.Join(parts, "; ")
}

// settings are the folders in which all programs of a machine keep their settings. A page writes them as …
var settings = []string{"~/Library/Application Support/", "~/.config/", `%APPDATA%\`}

// elsewhere are the files that an editor has if it was installed in another way, or has profiles; empty if there are none.
func elsewhere(e editor.Editor) string {
	var files []string
	names := map[string][]string{}
	for _, m := range machines {
		s := editor.System{GOOS: m.goos, Getenv: func(name string) string { return m.env[name] }, Folder: "/project"}
		for _, file := range e.Elsewhere(s) {
			file = m.shown.Replace(strings.ReplaceAll(file, `\`, "/"))
			for _, folder := range settings {
				if rest, ok := strings.CutPrefix(file, folder); ok {
					file = "…/" + strings.ReplaceAll(rest, `\`, "/")
				}
			}
			if names[file] == nil {
				files = append(files, file)
			}
			names[file] = append(names[file], m.name)
		}
	}
	for i, file := range files {
		if files[i] = inCode(file); len(names[file]) < len(machines) {
			files[i] = strings.Join(names[file], ", ") + " " + files[i]
		}
	}
	return strings.Join(files, "; ")
}

// teamFile is the file of a project, from its root; empty if the editor reads none.
func teamFile(t *testing.T, e editor.Editor) string {
	t.Helper()
	if !e.HasProject() {
		return ""
	}
	folder := t.TempDir()
	file, err := e.Path(editor.System{GOOS: "linux", Getenv: func(string) string { return "" }, Folder: folder}, editor.Project)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(folder, file)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
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
	if m := listed.FindString(snippet); m != "" {
		return inCode(m)
	}
	return "nothing"
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

// pageOf is the page of an editor. A second form of an editor has its place on the first one's page.
func pageOf(e editor.Editor) string {
	for _, first := range editor.All() {
		if strings.HasPrefix(e.ID, first.ID+"-") {
			return first.ID + ".md"
		}
	}
	return e.ID + ".md"
}

// editorTable is a row for each editor. The argument is the folder of the pages, seen from the page.
func editorTable(t *testing.T, args []string) string {
	rows := [][]string{{"editor", "your file", "team's file", "what the entry says of the key", "how your shell's key arrives"}}
	for _, e := range editor.All() {
		if pageOf(e) != e.ID+".md" {
			continue
		}
		first, _, _ := strings.Cut(places(t, e), ";")
		_, file, _ := strings.Cut(first, " `")
		file = "`" + file
		if !strings.HasPrefix(first, "macOS, Linux ") {
			file += " on macOS"
		}
		if len(file) > 80 {
			file = "see its page"
		}
		team := teamFile(t, e)
		if team != "" {
			team = inCode(team)
		}
		link := fmt.Sprintf("[%s](%s)", strings.TrimSuffix(e.Title, " (VS Code extension)"), path.Join(args[0], pageOf(e)))
		rows = append(rows, []string{link, file, cmp.Or(team, "–"), says(e), arrives(e)})
	}
	return table(rows...)
}

// editorPage is what the table of editors knows of one, with its other forms.
func editorPage(t *testing.T, args []string) string {
	first, ok := editor.Lookup(args[0])
	if !ok {
		t.Fatalf("there is no editor %s", args[0])
	}
	forms := []editor.Editor{first}
	for _, e := range editor.All() {
		if e.ID != first.ID && pageOf(e) == first.ID+".md" {
			forms = append(forms, e)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", fenced("sh", program+" install "+first.ID))
	for _, e := range forms {
		if len(forms) > 1 {
			fmt.Fprintf(&b, "## %s\n\n", e.Title)
		}
		describeEditor(t, &b, e)
	}
	return b.String()
}

func describeEditor(t *testing.T, b *strings.Builder, e editor.Editor) {
	t.Helper()
	rows := [][]string{
		{"", ""},
		{"your file", places(t, e)},
		{"team's file", "none"},
		{"the key", e.Delivery(command(false))},
	}
	team := teamFile(t, e)
	if team != "" {
		rows[2][1] = inCode(team)
	}
	if also := elsewhere(e); also != "" {
		rows = slices.Insert(rows, 2, []string{"or", also})
	}
	if e.Waits() != "" {
		rows = append(rows, []string{"it waits", e.Waits()})
	}
	notes := slices.Concat(e.Notes(editor.User), e.Notes(editor.Project))
	slices.Sort(notes)
	for _, note := range slices.Compact(notes) {
		rows = append(rows, []string{"note", note})
	}
	language := "json"
	if strings.HasPrefix(e.Snippet(editor.Name, command(false)), "[") {
		language = "toml"
	}
	fmt.Fprintf(b, "%s\nWhat stands in your file then:\n\n%s\n", table(rows...), fenced(language, e.Snippet(editor.Name, command(false))))
	if team != "" {
		fmt.Fprintf(b, "What `install --project` writes into `%s`, to be committed:\n\n%s\n", team, fenced(language, e.Snippet(editor.Name, command(true))))
	}
	if prompt := command(true); e.HasProject() {
		prompt.Prompt = true
		if text := e.Snippet(editor.Name, prompt); strings.Contains(text, "${input:") {
			fmt.Fprintf(b, "With `--vscode-prompt` %s asks for the key once and keeps it:\n\n%s\n", e.Title, fenced(language, text))
		}
	}
	if !strings.Contains(e.Delivery(command(false)), "passes no variable") {
		return
	}
	file := command(false)
	file.KeyFile = "/Users/ada/.secrets/leadmagic"
	fmt.Fprintf(b, "With `--key-file` the entry names a file that holds the key:\n\n%s\n", fenced(language, e.Snippet(editor.Name, file)))
}

// teamFiles are the entries that a team commits, one for each file.
func teamFiles(t *testing.T, _ []string) string {
	var b strings.Builder
	for _, e := range editor.All() {
		team := teamFile(t, e)
		if team == "" || pageOf(e) != e.ID+".md" {
			continue
		}
		language := "json"
		if strings.HasSuffix(team, ".toml") {
			language = "toml"
		}
		fmt.Fprintf(&b, "%s, `%s`: %s\n\n%s\n", e.Title, team, e.Delivery(command(true)), fenced(language, e.Snippet(editor.Name, command(true))))
	}
	return b.String()
}

// TestEveryEditorHasAPage makes the page where -update is given, and leaves the words around the section alone.
func TestEveryEditorHasAPage(t *testing.T) {
	for _, e := range editor.All() {
		if pageOf(e) != e.ID+".md" {
			continue
		}
		name := "docs/editors/" + pageOf(e)
		section := "<!-- generated: editor " + e.ID + " -->\n"
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case err == nil && strings.Contains(string(text), section):
		case err != nil && *update:
			write(t, name, fmt.Sprintf("# %s\n\n%s<!-- end -->\n", e.Title, section))
		default:
			t.Errorf("%s: there is no section %q: go test ./internal/docs -update makes the page", name, strings.TrimSpace(section))
		}
	}
}

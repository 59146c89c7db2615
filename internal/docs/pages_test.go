package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/doctor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

func TestTheREADMESaysThatThisIsUnofficial(t *testing.T) {
	if !strings.Contains(pages(t)["README.md"].text(), "unofficial") {
		t.Error("README.md does not say that this is unofficial")
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)|(?:src|href|srcset)="([^"]+)"|^\[[^\]]+\]: (\S+)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+?)\s*$`)
)

// TestEveryLinkLeadsSomewhere follows the links inside the repository, headings included, and reads the others.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		for number, line := range p.prose(t) {
			for _, m := range link.FindAllStringSubmatch(spans.ReplaceAllString(line, "`…`"), -1) {
				if problem := follow(all, p, m[1]+m[2]+m[3]); problem != "" {
					t.Errorf("%s:%d: %s %s", p.name, number, m[0], problem)
				}
			}
		}
	}
}

// follow says what is wrong with a link on a page.
func follow(all map[string]*page, p *page, to string) string {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return "is no address"
	case u.Scheme == "https" || u.Scheme == "mailto":
		return ""
	case u.Scheme != "" || strings.HasPrefix(to, "/"):
		return "is neither https nor in this repository"
	}
	name := p.name
	if u.Path != "" {
		name = path.Join(path.Dir(p.name), u.Path)
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return "leads nowhere"
		}
	}
	other := all[name]
	switch {
	case u.Fragment == "":
		return ""
	case other == nil:
		return "leads to a part of what is no page"
	}
	for _, m := range heading.FindAllStringSubmatch(other.text(), -1) {
		if anchor(m[1]) == u.Fragment {
			return ""
		}
	}
	return "leads to no heading"
}

// anchor is the fragment that GitHub gives a heading.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}

var (
	spans        = regexp.MustCompile("`([^`]+)`")
	variableName = regexp.MustCompile(`\bLEADMAGIC_[A-Z_]+\b`)
	flagName     = regexp.MustCompile(`^--[a-z-]+`)
	// foreignFlags are named in prose and belong to other programs.
	foreignFlags = []string{"scope", "transport"}
)

// TestEveryNameInProseExists looks at the code between words: commands, flags and variables.
func TestEveryNameInProseExists(t *testing.T) {
	root := cli.Commands()
	known := func(flag string) bool {
		for _, cmd := range append(root.Commands(), root) {
			if cmd.Flags().Lookup(flag) != nil || cmd.PersistentFlags().Lookup(flag) != nil {
				return true
			}
		}
		return slices.Contains(foreignFlags, flag)
	}
	for _, p := range pages(t) {
		for i, line := range p.lines {
			for _, name := range variableName.FindAllString(line, -1) {
				if !strings.HasSuffix(name, "_") && !hasVariable(name) {
					t.Errorf("%s:%d: the program reads no variable %s", p.name, i+1, name)
				}
			}
		}
		for number, line := range p.prose(t) {
			for _, m := range spans.FindAllStringSubmatch(line, -1) {
				for _, command := range commands(m[1]) {
					if args, ours := arguments(command); ours {
						if err := checkArguments(args); err != nil {
							t.Errorf("%s:%d: %v", p.name, number, err)
						}
					}
				}
				if name := flagName.FindString(m[1]); name != "" && !known(name[2:]) {
					t.Errorf("%s:%d: no command has a flag %s", p.name, number, name)
				}
			}
		}
	}
}

// TestEveryConfigIsRead reads every config of every page. Those for editors are as install writes them, or else start the
// program with flags and variables that it has; none holds a key.
func TestEveryConfigIsRead(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			value, err := parse(b.language, b.text())
			if err != nil {
				t.Errorf("%s: %v", b.place(-1), err)
			}
			for _, e := range editor.All() {
				servers, _ := member(value, e.Key).(map[string]any)
				switch entry := servers[editor.Name]; {
				case entry == nil || b.generated:
				case b.options["edited"] == "" && !installs(value):
					t.Errorf("%s: install writes no such entry", b.place(-1))
				case b.options["edited"] != "":
					if err := checkEntry(entry); err != nil {
						t.Errorf("%s: %v", b.place(-1), err)
					}
				}
			}
			if keyscan.Holds(b.text()) && b.language != "console" {
				t.Errorf("%s: this holds what looks like a key", b.place(-1))
			}
		}
	}
}

// hookEntry is what a pre-commit hook runs.
var hookEntry = regexp.MustCompile(`entry: ` + program + ` ([^,}\n]*)`)

// parse reads a text in a language; nil if that is not one of configs.
func parse(language, text string) (value any, err error) {
	switch language {
	case "json", "jsonc":
		var data []byte
		if data, err = hujson.Standardize([]byte(text)); err == nil {
			err = json.Unmarshal(data, &value)
		}
	case "toml":
		err = toml.Unmarshal([]byte(text), &value)
	case "yaml":
		for _, m := range hookEntry.FindAllStringSubmatch(text, -1) {
			if err := checkArguments(commands(m[1])[0]); err != nil {
				return nil, err
			}
		}
		err = yaml.Unmarshal([]byte(text), &value)
	case "", "sh", "console", "text", "go", "diff", "mermaid":
	default:
		err = errors.New("no test reads the language " + language)
	}
	return value, err
}

func member(value any, name string) any {
	m, _ := value.(map[string]any)
	return m[name]
}

// checkEntry says what is wrong with an entry that is not as install writes it.
func checkEntry(entry any) error {
	if member(entry, "command") != program {
		return fmt.Errorf("the entry starts %q", member(entry, "command"))
	}
	var args []string
	items, _ := member(entry, "args").([]any)
	for _, item := range items {
		args = append(args, fmt.Sprint(item))
	}
	return checkArguments(args)
}

// installs says whether install writes a config, for some editor.
func installs(value any) bool {
	prompted := command(true)
	prompted.Prompt = true
	for _, e := range editor.All() {
		for _, c := range []editor.Command{command(true), command(false), prompted} {
			text := e.Snippet(editor.Name, c)
			if written, err := parse(language(text), text); err == nil && reflect.DeepEqual(written, value) {
				return true
			}
		}
	}
	return false
}

// TestThePageOfDoctorsJSONIsTrue holds the page about `doctor --json` against a report: the members of the example and of
// the tables are those of a report, and every check, stage and status has its row.
func TestThePageOfDoctorsJSONIsTrue(t *testing.T) {
	p := pages(t)["docs/doctor-json.md"]
	rows := map[string][]string{} // the first code of a row → all of its codes
	for _, line := range p.lines {
		if codes := spans.FindAllStringSubmatch(line, -1); strings.HasPrefix(line, "| `") {
			for _, code := range codes {
				rows[codes[0][1]] = append(rows[codes[0][1]], code[1])
			}
		}
	}
	output, _ := newStage(t, map[string]string{"home": "editors"}).run(t, binary(t), "doctor", "--json")
	report := object(t, output)
	blocks := p.blocks(t)
	text := blocks[slices.IndexFunc(blocks, func(b block) bool { return b.language == "json" })].text()
	var example doctor.Report
	err := json.Unmarshal([]byte(text), &example)
	if again, _ := json.Marshal(example); err != nil || !reflect.DeepEqual(object(t, text), object(t, string(again))) {
		t.Errorf("%s: the example has not the members of a report: %v", p.name, err)
	}
	if got, want := float64(example.Format), report["format"]; got != want {
		t.Errorf("%s: the example has format %v, want %v", p.name, got, want)
	}
	wanted := slices.Collect(maps.Keys(report))
	for _, check := range report["checks"].([]any) {
		check := check.(map[string]any)
		stage, name := check["stage"].(string), check["name"].(string)
		name = regexp.MustCompile("^(?:mcp|api|project) ").ReplaceAllString(name, "")
		if name != stage && !slices.Contains(rows[stage], name) {
			t.Errorf("%s: the stage %s has no check %q", p.name, stage, name)
		}
		wanted = slices.AppendSeq(wanted, maps.Keys(check))
	}
	for _, name := range wanted {
		if rows[name] == nil {
			t.Errorf("%s: a report has a member %s", p.name, name)
		}
	}
	for _, name := range append(constants(t, "internal/doctor/doctor.go", "Stage"), constants(t, "internal/doctor/doctor.go", "Status")...) {
		if !strings.Contains(p.text(), inCode(name)) {
			t.Errorf("%s does not speak of %s", p.name, name)
		}
	}
}

func object(t *testing.T, text string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

// TestEveryProblemIsShown compares the kinds of problem that the program knows with those that the pages show, each as
// the program words it: TestEveryCommandRuns compares the text.
func TestEveryProblemIsShown(t *testing.T) {
	var shown []string
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			if code := b.options["code"]; code != "" && b.language == "console" {
				shown = append(shown, code)
			}
		}
	}
	slices.Sort(shown)
	known := constants(t, "internal/problem/problem.go", "Code")
	slices.Sort(known)
	if shown = slices.Compact(shown); !slices.Equal(shown, known) {
		t.Errorf("pages show the problems\n%q, want\n%q: a block after <!-- test: code=CODE … --> shows one", shown, known)
	}
}

// constants are the values of the constants of a type in a file.
func constants(t *testing.T, name, kind string) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +`+kind+` += "(.*?)"`).FindAllStringSubmatch(read(t, name), -1) {
		found = append(found, m[1])
	}
	if len(found) < 2 {
		t.Fatalf("%s: found %q of type %s", name, found, kind)
	}
	return found
}

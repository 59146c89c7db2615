package docs

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThePageOfDoctorsJSONIsTrue holds the page about `doctor --json` against a report: the members of the example and of
// the tables are those of a report, and every check of the report is in the table of its stage.
func TestThePageOfDoctorsJSONIsTrue(t *testing.T) {
	all := pages(t)
	p := all[slices.IndexFunc(all, func(p *page) bool { return p.name == "docs/doctor-json.md" })]
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
	var example map[string]any
	for _, b := range p.blocks(t) {
		if b.language == "json" {
			example = object(t, b.text())
		}
	}
	if got, want := example["format"], report["format"]; got != want {
		t.Errorf("%s: the example has format %v, want %v", p.name, got, want)
	}
	for _, member := range []string{"program", "summary"} {
		compareMembers(t, member, example[member], report[member])
	}
	compareMembers(t, "the report", example, report)
	for _, check := range report["checks"].([]any) {
		check := check.(map[string]any)
		stage, name := check["stage"].(string), check["name"].(string)
		for _, prefix := range []string{"mcp ", "api ", "project "} {
			name = strings.TrimPrefix(name, prefix)
		}
		if name != stage && !slices.Contains(rows[stage], name) {
			t.Errorf("%s: the stage %s has no check %q", p.name, stage, name)
		}
		for member := range check {
			if rows[member] == nil {
				t.Errorf("%s: a check has a member %s", p.name, member)
			}
		}
	}
	for member := range report {
		if rows[member] == nil {
			t.Errorf("%s: the report has a member %s", p.name, member)
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

// compareMembers compares which members an example has with those of the real thing.
func compareMembers(t *testing.T, what string, example, real any) {
	t.Helper()
	got := slices.Sorted(maps.Keys(example.(map[string]any)))
	want := slices.Sorted(maps.Keys(real.(map[string]any)))
	if !slices.Equal(got, want) {
		t.Errorf("the example of %s has the members %q, want %q", what, got, want)
	}
}

// TestEveryProblemIsShown compares the kinds of problem that the program knows with those that the pages show, each as
// the program words it: TestEveryCommandRuns compares the text.
func TestEveryProblemIsShown(t *testing.T) {
	known := constants(t, "internal/problem/problem.go", "Code")
	var shown []string
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			code := b.options["code"]
			if code == "" {
				continue
			}
			if !slices.Contains(known, code) {
				t.Errorf("%s: there is no problem %s", b.place(-1), code)
			}
			if b.language != "console" {
				t.Errorf("%s: this block is not run", b.place(-1))
			}
			shown = append(shown, code)
		}
	}
	for _, code := range known {
		if !slices.Contains(shown, code) {
			t.Errorf("no page shows the problem %s: a block after <!-- test: code=%s … --> does", code, code)
		}
	}
}

// TestTheJSONOfDoctorIsDescribed looks for each stage and status that a report may have.
func TestTheJSONOfDoctorIsDescribed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "doctor-json.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Stage", "Status"} {
		for _, name := range constants(t, "internal/doctor/doctor.go", kind) {
			if !strings.Contains(string(text), inCode(name)) {
				t.Errorf("docs/doctor-json.md does not speak of the %s %s", strings.ToLower(kind), name)
			}
		}
	}
}

// constants are the values of the constants of a type in a file.
func constants(t *testing.T, name, kind string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +`+kind+` += "(.*?)"`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	if len(found) < 2 {
		t.Fatalf("%s: found %q of type %s", name, found, kind)
	}
	return found
}

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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
func constants(t *testing.T, name, kind string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(name)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == kind {
			for _, value := range spec.Values {
				found = append(found, unquote(t, value.(*ast.BasicLit)))
			}
		}
		return true
	})
	if len(found) < 2 {
		t.Fatalf("%s: found %q of type %s", name, found, kind)
	}
	return found
}

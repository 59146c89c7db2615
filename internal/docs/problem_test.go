package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// TestEveryProblemIsShown compares the kinds of problem that the program knows with those that the pages show, each as
// the program words it: TestEveryCommandRuns compares the text.
func TestEveryProblemIsShown(t *testing.T) {
	known := problemCodes(t)
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

// problemCodes are the constants of type Code in internal/problem.
func problemCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal", "problem", "problem.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			for _, value := range spec.Values {
				code, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, code)
			}
		}
		return true
	})
	if len(codes) < 15 {
		t.Fatalf("found %d kinds of problem in internal/problem, want all", len(codes))
	}
	return codes
}

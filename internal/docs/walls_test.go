package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// wallTable is the table in arch_test.go, as far as it is about the program itself.
func wallTable(t *testing.T, _ []string) string {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "arch_test.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"room", "imports of ours", "of others"}}
	modules := map[string]string{} // the name in arch_test.go → module
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, value := range spec.Values {
			if text, ok := value.(*ast.BasicLit); ok {
				modules[spec.Names[i].Name] = unquote(t, text)
			}
			if list, ok := value.(*ast.CompositeLit); ok && spec.Names[i].Name == "walls" {
				rows = append(rows, wallRows(t, list, modules)...)
			}
		}
		return true
	})
	if len(rows) < 8 {
		t.Fatalf("read %d rooms out of arch_test.go, want all", len(rows)-1)
	}
	return table(rows...)
}

func wallRows(t *testing.T, list *ast.CompositeLit, modules map[string]string) (rows [][]string) {
	t.Helper()
	for _, element := range list.Elts {
		pair := element.(*ast.KeyValueExpr)
		room := unquote(t, pair.Key.(*ast.BasicLit))
		if room == "internal/sandbox/faults" || strings.HasPrefix(room, "internal/bench") || room == "internal/mutation" {
			continue // programs of the tests
		}
		var ours, others []string
		for _, allowed := range pair.Value.(*ast.CompositeLit).Elts {
			switch allowed := allowed.(type) {
			case *ast.BasicLit:
				ours = append(ours, inCode(unquote(t, allowed)))
			case *ast.Ident:
				others = append(others, modules[allowed.Name])
			}
		}
		rows = append(rows, []string{inCode(strings.Replace(room, ".", "main.go", 1)), strings.Join(ours, ", "), strings.Join(others, ", ")})
	}
	return rows
}

func unquote(t *testing.T, text *ast.BasicLit) string {
	t.Helper()
	s, err := strconv.Unquote(text.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

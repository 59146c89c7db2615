package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// toolReference is every tool of the REST API, in a table and one by one.
func toolReference(*testing.T, []string) string {
	rows := [][]string{{"tool", "credits", "what it does"}}
	var each strings.Builder
	for _, tool := range rest.Tools() {
		what, _, _ := strings.Cut(tool.Description, ". ")
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%s)", tool.Name, tool.Name), tool.Cost, strings.TrimSuffix(what, ".")})
		fmt.Fprintf(&each, "\n### %s\n\n%s\n\n`%s %s`", tool.Name, tool.Description, tool.Method, tool.Path)
		if tool.Aliases != nil {
			fmt.Fprintf(&each, ", also called `%s`", strings.Join(tool.Aliases, "`, `"))
		}
		each.WriteString("\n")
	}
	return table(rows...) + each.String()
}

var setting = regexp.MustCompile(`(?m)^ +--([a-z-]+)(?:\[=[^\]]*\])?(?: (string|strings|duration|float))? +(.*)$`)

// settingTable is every setting with its variable, as --help has them.
func settingTable(t *testing.T, _ []string) string {
	text, err := help("version")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, _ := strings.Cut(text, "Global Flags:")
	rows := [][]string{{"flag", "variable", "what it does"}}
	for _, m := range setting.FindAllStringSubmatch(flags, -1) {
		variable := inCode("LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(m[1], "-", "_")))
		if m[1] == "sandbox" {
			variable = "none"
		}
		rows = append(rows, []string{inCode("--" + m[1]), variable, m[3]})
	}
	if len(rows) < 10 {
		t.Fatalf("read %d settings out of --help:\n%s", len(rows)-1, flags)
	}
	return table(rows...)
}

// wallTable is the table in arch_test.go, as far as it is about the program itself.
func wallTable(t *testing.T, _ []string) string {
	text, err := os.ReadFile(filepath.Join(root, "arch_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, walls, _ := strings.Cut(string(text), "var walls = map[string][]string{\n")
	walls, _, found := strings.Cut(walls, "\n\n\t// The sandbox as tests use it.")
	if !found {
		t.Fatal("arch_test.go has no walls")
	}
	return fenced("go", strings.ReplaceAll(strings.ReplaceAll(walls, "\n\t", "\n"), "\t\"", "\""))
}

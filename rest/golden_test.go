package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestTheListOfToolsIsTheGoldenOne(t *testing.T) {
	session := connect(t, options("http://127.0.0.1:0"), nil)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(list.Tools, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "tools.json", append(got, '\n'))
}

func TestTheReferenceIsTheGoldenOne(t *testing.T) {
	session := connect(t, options("http://127.0.0.1:0"), nil)
	compareGolden(t, "docs.md", []byte(readDocs(t, session)))
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed; if that is meant, run: go test ./rest -update\n%s", path, firstDifference(got, want))
	}
}

// firstDifference shows the first line that is not the same.
func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer than the other"
}

func TestEachToolIsFitForModelsAndAgents(t *testing.T) {
	session := connect(t, options("http://127.0.0.1:0"), nil)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]*rest.Tool)
	for _, tool := range rest.Tools() {
		known[tool.Name] = tool
	}
	if len(list.Tools) != len(known) {
		t.Errorf("got %d tools listed, want the %d of the table", len(list.Tools), len(known))
	}
	for _, tool := range list.Tools {
		schema, _ := tool.InputSchema.(map[string]any)
		for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
			if _, ok := schema[keyword]; ok {
				t.Errorf("%s: the schema has %s at the top, which model APIs reject", tool.Name, keyword)
			}
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			if description, _ := p.(map[string]any)["description"].(string); description == "" {
				t.Errorf("%s: the argument %s has no description", tool.Name, name)
			}
			if name == "preview" {
				t.Errorf("%s: preview is an argument", tool.Name)
			}
		}
		if tool.OutputSchema != nil {
			t.Errorf("%s: has an output schema", tool.Name)
		}
		a, free := tool.Annotations, known[tool.Name].Free()
		if a.ReadOnlyHint != free || a.DestructiveHint == nil || *a.DestructiveHint || a.OpenWorldHint == nil || !*a.OpenWorldHint {
			t.Errorf("%s: got annotations %+v for a tool that is free: %v", tool.Name, a, free)
		}
		if !free && a.IdempotentHint {
			t.Errorf("%s: costs money and says that it may be repeated", tool.Name)
		}
		if tool.Title == "" || a.Title != tool.Title {
			t.Errorf("%s: got the titles %q and %q", tool.Name, tool.Title, a.Title)
		}
		if says := strings.HasSuffix(tool.Description, " Free."); says != free {
			t.Errorf("%s: got the description %q for a tool that is free: %v", tool.Name, tool.Description, free)
		}
	}
}

func TestAliasesAreNamesOfNoOtherTool(t *testing.T) {
	var names []string
	for _, tool := range rest.Tools() {
		names = append(append(names, tool.Name), tool.Aliases...)
	}
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("a name stands twice in %v", names)
	}
}

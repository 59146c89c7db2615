package docs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// TestEveryConfigIsRead reads every config of every page. Those for editors are as install writes them, or else start the
// program with flags and variables that it has; none holds a key.
func TestEveryConfigIsRead(t *testing.T) {
	entries := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			value, err := parseConfig(b)
			if err != nil {
				t.Errorf("%s: %v", b.place(-1), err)
			}
			for _, e := range editor.All() {
				servers, _ := member(value, e.Key).(map[string]any)
				if servers[editor.Name] == nil {
					continue
				}
				entries++
				if !b.generated && !installs(value) && b.options["edited"] == "" {
					t.Errorf("%s: install writes no such entry", b.place(-1))
				}
				if err := checkEntry(servers[editor.Name]); err != nil && b.options["edited"] != "" {
					t.Errorf("%s: %v", b.place(-1), err)
				}
				break
			}
			if keyscan.Holds(b.text()) && b.language != "console" {
				t.Errorf("%s: this holds what looks like a key", b.place(-1))
			}
		}
	}
	if entries < 10 {
		t.Errorf("found %d entries for editors, want those of the README and of each editor's page", entries)
	}
}

// hookEntry is what a pre-commit hook runs.
var hookEntry = regexp.MustCompile(`entry: ` + program + ` ([^,}\n]*)`)

// parseConfig reads a block in the language that it says it is in; nil if that is no config.
func parseConfig(b block) (value any, err error) {
	switch b.language {
	case "json", "jsonc":
		data, err := hujson.Standardize([]byte(b.text()))
		if err != nil {
			return nil, err
		}
		return value, json.Unmarshal(data, &value)
	case "toml":
		return value, toml.Unmarshal([]byte(b.text()), &value)
	case "yaml":
		for _, m := range hookEntry.FindAllStringSubmatch(b.text(), -1) {
			if err := checkArguments(strings.Fields(m[1])); err != nil {
				return nil, err
			}
		}
	case "", "sh", "console", "text", "go", "diff":
	default:
		return nil, fmt.Errorf("no test reads the language %s", b.language)
	}
	return nil, nil
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
	env, _ := member(entry, "env").(map[string]any)
	for name := range env {
		if strings.HasPrefix(name, "LEADMAGIC_") && !hasVariable(name) {
			return fmt.Errorf("the program reads no variable %s", name)
		}
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
	return slices.ContainsFunc(editor.All(), func(e editor.Editor) bool {
		return slices.ContainsFunc([]editor.Command{command(true), command(false), prompted}, func(c editor.Command) bool {
			text, parse := e.Snippet(editor.Name, c), json.Unmarshal
			if strings.HasPrefix(text, "[") {
				parse = toml.Unmarshal
			}
			var written any
			return parse([]byte(text), &written) == nil && reflect.DeepEqual(written, value)
		})
	})
}

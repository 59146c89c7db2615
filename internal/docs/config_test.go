package docs

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// TestEveryConfigIsRead reads every config of every page. Those for editors are to start this program, with flags and
// variables that it has, and to hold no key.
func TestEveryConfigIsRead(t *testing.T) {
	own := newTree(t)
	entries := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			value, err := own.parseConfig(b)
			if err != nil {
				t.Errorf("%s: %v", b.place(-1), err)
				continue
			}
			for _, servers := range serversOf(value) {
				entries++
				if err := own.checkServer(servers); err != nil {
					t.Errorf("%s: %v", b.place(-1), err)
				}
				if !b.generated && !installs(value) && b.options["edited"] == "" {
					t.Errorf("%s: install writes no such entry", b.place(-1))
				}
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

// parseConfig reads a block in the language that it says it is in; nil if that is no config.
func (tr tree) parseConfig(b block) (value any, err error) {
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
		for _, line := range b.lines() {
			entry, ok := strings.CutPrefix(strings.TrimSpace(line), "entry: ")
			if !ok {
				continue
			}
			args, ours := strings.CutPrefix(entry, program+" ")
			if !ours {
				return nil, fmt.Errorf("%q does not run the program", entry)
			}
			if err := tr.check(strings.Fields(args)); err != nil {
				return nil, err
			}
		}
	case "", "sh", "console", "text", "go", "diff":
	default:
		return nil, fmt.Errorf("no test reads the language %s", b.language)
	}
	return nil, nil
}

// serversOf are the entries for this program in an editor's config.
func serversOf(value any) []map[string]any {
	m, _ := value.(map[string]any)
	var out []map[string]any
	for _, e := range editor.All() {
		servers, _ := m[e.Key].(map[string]any)
		if entry, ok := servers[editor.Name].(map[string]any); ok {
			return append(out, entry)
		}
	}
	return out
}

// checkServer says what is wrong with an entry.
func (tr tree) checkServer(entry map[string]any) error {
	if nested, ok := entry["transport"].(map[string]any); ok {
		entry = nested
	}
	var args []string
	command, _ := entry["command"].(string)
	if list := texts(entry["command"]); list != nil {
		command, args = list[0], list[1:]
	}
	if path.Base(command) != program {
		return fmt.Errorf("the entry starts %q", command)
	}
	if err := tr.check(append(args, texts(entry["args"])...)); err != nil {
		return err
	}
	for _, name := range texts(entry["env_vars"]) {
		if strings.HasPrefix(name, "LEADMAGIC_") && !tr.hasVariable(name) {
			return fmt.Errorf("the program reads no variable %s", name)
		}
	}
	for _, member := range []string{"env", "environment"} {
		env, _ := entry[member].(map[string]any)
		for name := range env {
			if strings.HasPrefix(name, "LEADMAGIC_") && !tr.hasVariable(name) {
				return fmt.Errorf("the program reads no variable %s", name)
			}
		}
	}
	return nil
}

func texts(value any) []string {
	var out []string
	items, _ := value.([]any)
	for _, item := range items {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// installs says whether install writes a config, for some editor.
func installs(value any) bool {
	prompted := command(true)
	prompted.Prompt = true
	return slices.ContainsFunc(editor.All(), func(e editor.Editor) bool {
		for _, c := range []editor.Command{command(true), command(false), prompted} {
			text := e.Snippet(editor.Name, c)
			var written any
			if strings.HasPrefix(text, "[") {
				if toml.Unmarshal([]byte(text), &written) != nil {
					continue
				}
			} else if json.Unmarshal([]byte(text), &written) != nil {
				continue
			}
			if reflect.DeepEqual(written, value) {
				return true
			}
		}
		return false
	})
}

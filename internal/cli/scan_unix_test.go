//go:build unix

package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// A repository may hold any name that its system allows.
func TestNamesOfFilesDoNotActOnTheTerminal(t *testing.T) {
	const name = "a\nleadmagic-mcp-proxy: b\x1b]52;c;bGVhZA==\a\u202e\u009b2J\x7f.env"
	for _, text := range []string{"LEADMAGIC_API_KEY=" + leakedKey, strings.Repeat(" ", 9<<20)} {
		for _, args := range [][]string{{"scan", "."}, {"scan", "--json", "."}, {"scan", "./" + name + "x"}} {
			s := newShelf(t)
			s.put(name, text)
			s.run(args...)
			shown := s.out.String() + s.err.String()
			if !strings.Contains(shown, "leadmagic-mcp-proxy: b") || strings.Contains(shown, "\nleadmagic-mcp-proxy: b") {
				t.Errorf("%q: got\n%s", args, shown)
			}
			if strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("%q: it acts on the terminal: %q", args, shown)
			}
			if args[1] == "--json" {
				var out struct {
					Findings []struct{ File string }
					Skipped  []string
				}
				if err := json.Unmarshal(s.out.Bytes(), &out); err != nil || len(out.Findings)+len(out.Skipped) != 1 || len(out.Findings) == 1 && !strings.HasSuffix(out.Findings[0].File, name) {
					t.Errorf("got %+v (%v)", out, err)
				}
			}
		}
	}
}

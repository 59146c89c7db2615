package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
)

const leakedKey = "lm_canary_5f1c0e9a7b3d2468"

// A shelf is a scratch home and a project, with a command line that stands in the project.
type shelf struct {
	t             *testing.T
	home, project string
	vars          map[string]string
	out, err      bytes.Buffer
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, home: t.TempDir(), project: t.TempDir()}
	s.vars = map[string]string{"HOME": s.home, "USERPROFILE": s.home, "PATH": os.DevNull}
	t.Chdir(s.project)
	return s
}

// run runs one command. Asking for the key is a failure: these commands have no business with it.
func (s *shelf) run(args ...string) int {
	s.t.Helper()
	s.out.Reset()
	s.err.Reset()
	env := &Env{
		Getenv: func(name string) string {
			if name == editor.KeyVariable {
				s.t.Errorf("%v has read the key", args)
			}
			return s.vars[name]
		},
		Environ: func() []string { return []string{editor.KeyVariable + "=" + leakedKey} },
		Stdin:   strings.NewReader(""),
		Stdout:  &s.out,
		Stderr:  &s.err,
	}
	var code int
	// With a clock of its own: a file that was written just now is waited for.
	synctest.Test(s.t, func(t *testing.T) { code = Run(t.Context(), env, args) })
	if shown := s.out.String() + s.err.String(); strings.Contains(shown, "lm_canary") {
		s.t.Errorf("%v shows the key:\n%s", args, shown)
	}
	return code
}

func (s *shelf) put(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestExitCodesOfInstallAndScan(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"the list", []string{"install"}, 0},
		{"a new entry", []string{"install", "zed"}, 0},
		{"one that is there", []string{"install", "--project", "opencode"}, 0},
		{"nothing to remove", []string{"uninstall", "zed"}, 0},
		{"an entry to be shown", []string{"install", "--print", "--all"}, 0},
		{"the form for others", []string{"install", "generic"}, 0},
		{"another entry in the way", []string{"install", "cursor"}, 1},
		{"another entry in the way of one of two", []string{"install", "cursor", "zed"}, 1},
		{"an entry that is not ours", []string{"uninstall", "cursor"}, 1},
		{"a file that cannot be read", []string{"install", "codex"}, 1},
		{"an unknown editor", []string{"install", "emacs"}, 2},
		{"what would be removed", []string{"uninstall"}, 0},
		{"no project file", []string{"install", "--project", "zed"}, 2},
		{"two that contradict each other", []string{"install", "--all", "zed"}, 2},
		{"an unknown flag", []string{"install", "--nope"}, 2},
		{"a key found", []string{"scan"}, 1},
		{"a key found, for programs", []string{"scan", "--json"}, 1},
		{"no key found", []string{"scan", "opencode.json"}, 0},
		{"a file that is not there", []string{"scan", "nope"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t)
			s.put(filepath.Join(s.home, ".cursor", "mcp.json"), `{"mcpServers":{"leadmagic":{"command":"x","env":{"LEADMAGIC_API_KEY":"`+leakedKey+`"}}}}`)
			s.put(filepath.Join(s.home, ".codex", "config.toml"), "a = \n# "+leakedKey)
			s.put("opencode.json", `{"mcp":{"leadmagic":{"type":"local","command":["leadmagic-mcp-proxy"]}}}`)
			if got := s.run(tt.args...); got != tt.want {
				t.Errorf("got %d, want %d\n%s%s", got, tt.want, &s.out, &s.err)
			}
			if said := s.err.String(); (tt.want == 2) != strings.Contains(said, "leadmagic-mcp-proxy: ") && tt.want == 2 {
				t.Errorf("misuse says %q", said)
			}
		})
	}
}

func TestAReplacedKeyIsNowhereAfterwards(t *testing.T) {
	s := newShelf(t)
	s.put(filepath.Join(s.home, ".gemini", "settings.json"), "{\n  \"mcpServers\": {\n    \"leadmagic\": {\"httpUrl\": \"https://mcp.leadmagic.io/mcp\", \"headers\": {\"x-leadmagic-key\": \""+leakedKey+"\"}}\n  }\n}\n")
	if code := s.run("install", "gemini"); code != 1 || !strings.Contains(s.err.String(), "with a key in it under x-leadmagic-key") {
		t.Fatalf("%d: %s", code, &s.err)
	}
	if code := s.run("install", "--dry-run", "--force", "gemini"); code != 0 || !strings.Contains(s.out.String(), `+        "LEADMAGIC_API_KEY": "$LEADMAGIC_API_KEY"`) {
		t.Fatalf("%d: %s%s", code, &s.out, &s.err)
	}
	if code := s.run("install", "--force", "gemini"); code != 0 || !strings.Contains(s.out.String(), "the entry held one; create a new key") {
		t.Fatalf("%d: %s%s", code, &s.out, &s.err)
	}
	if code := s.run("scan"); code != 0 {
		t.Errorf("scan finds\n%s", &s.out)
	}
	err := filepath.WalkDir(s.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || bytes.Contains(text, []byte(leakedKey)) {
			t.Errorf("the key stands in %s (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignTextDoesNotActOnTheTerminal(t *testing.T) {
	const act = "\x1b]52;c;bGVhZA==\a\u202e\u009b2J\u0085\r"
	tests := []struct {
		name, text string
		args       []string
		code       int
		want       string
	}{
		{"another entry", `{"mcpServers":{"leadmagic":{"command":"npx\u001b[2J` + "\u202e" + `"}}}`, []string{"install", "--project", "cursor"}, 1, `"command": "npx\u001b[2J\u202e"`},
		{"one that is not ours", `{"mcpServers":{"leadmagic":{"command":"npx` + "\u202e" + `"}}}`, []string{"uninstall", "--project", "cursor"}, 1, `"npx\u202e"`},
		{"the name that holds a key", `{"mcpServers":{"leadmagic":{"command":"npx","env":{"a\nleadmagic-mcp-proxy: b":"` + leakedKey + `"}}}}`, []string{"install", "--project", "cursor"}, 1, "under a leadmagic-mcp-proxy: b"},
		{"a difference", "{\n\t// " + act + "\n\t\"mcpServers\": {}\n}\n", []string{"install", "--project", "--dry-run", "cursor"}, 0, " \t" + `// \u001b]52;c;bGVhZA==\u0007\u202e\u009b2J\u0085`},
		{"a file that cannot be read", `{"a": ` + act + `}`, []string{"install", "--project", "cursor"}, 1, "line 1, column"},
		{"a list in place of an object", `{"` + "\u202e" + `": 1, "mcpServers": []}`, []string{"install", "--project", "cursor"}, 1, "is a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t)
			s.put(".cursor/mcp.json", tt.text)
			code := s.run(tt.args...)
			shown := s.out.String() + s.err.String()
			if code != tt.code || !strings.Contains(shown, tt.want) {
				t.Errorf("%d, got\n%s\nwant a word of %s", code, shown, tt.want)
			}
			if strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && r != '\t' && r != ' ' && !unicode.IsPrint(r) }) {
				t.Errorf("it acts on the terminal: %q", shown)
			}
			if strings.Contains(shown, "\nleadmagic-mcp-proxy: b") {
				t.Errorf("a line passes for ours: %q", shown)
			}
		})
	}
}

func TestAPathDoesNotActOnTheTerminal(t *testing.T) {
	s := editor.System{Folder: filepath.FromSlash("/project"), Getenv: func(name string) string {
		return filepath.FromSlash(map[string]string{"HOME": "/home/ada"}[name])
	}}
	for path, want := range map[string]string{
		"/project/a  b.json": "a  b.json", "/home/ada/ключ.json": "~/ключ.json", "/else/x": "/else/x",
		"/project/a\n\x1b[2Jb": `"a\n\x1b[2Jb"`, "/project/\u202ex": `"\u202ex"`, "/project/\xff": `"\xff"`,
	} {
		if got := filepath.ToSlash(shorten(s, filepath.FromSlash(path))); got != filepath.ToSlash(want) {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

func TestInstallAllTakesWhatIsFound(t *testing.T) {
	s := newShelf(t)
	if code := s.run("install", "--all"); code != 1 || !strings.Contains(s.err.String(), "no editor was found") {
		t.Errorf("%d: %s", code, &s.err)
	}
	for _, dir := range []string{".cursor", ".codex", ".copilot"} {
		s.put(filepath.Join(s.home, dir, "x"), "")
	}
	for _, want := range []string{"added", "already"} {
		if code := s.run("install", "--all"); code != 0 || strings.Count(s.out.String(), want) != 3 {
			t.Errorf("%d: %s%s", code, &s.out, &s.err)
		}
	}
	if code := s.run("install", "--all", "--project"); code != 0 || strings.Count(s.out.String(), "added") != 3 {
		t.Errorf("in a project, %d: %s%s", code, &s.out, &s.err)
	}
	if code := s.run("uninstall", "--all"); code != 0 || strings.Count(s.out.String(), "removed") != 3 {
		t.Errorf("%d: %s%s", code, &s.out, &s.err)
	}
}

package editor

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

const leak = `{"env": {"LEADMAGIC_API_KEY": "` + canary + `"}}` + "\n"

func TestScanLooksWhereEditorsKeepTheirServers(t *testing.T) {
	s, home := machine(t, "linux")
	for _, name := range []string{
		".claude.json", ".claude/settings.json", ".cursor/mcp.json", ".config/Code/User/mcp.json", ".gemini/.env",
		".codex/config.toml.leadmagic-2026-01-01.bak", "unknown.json",
	} {
		put(t, filepath.Join(home, name), leak)
	}
	put(t, filepath.Join(home, ".codex", "config.toml"), "[mcp_servers.leadmagic]\n# broken\ncommand = \nX-API-Key = '8f3a'\n")
	rep, err := Scanner(s, nil).Scan(t.Context(), keyscan.Targets{User: true})
	if err != nil || rep.Files != 7 {
		t.Fatalf("%d files (%v)", rep.Files, err)
	}
	var got []string
	for _, f := range rep.Findings {
		rel, _ := filepath.Rel(home, f.Path)
		got = append(got, filepath.ToSlash(rel)+" "+f.Editor+" "+f.Instead)
	}
	want := []string{
		`.claude.json claude-code put "${LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install claude-code --force`,
		`.claude/settings.json claude-code put "${LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install claude-code --force`,
		`.cursor/mcp.json cursor put "${env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install cursor --force`,
		`.config/Code/User/mcp.json vscode put "${env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install vscode --force`,
		`.gemini/.env gemini put "$LEADMAGIC_API_KEY" there, or run: leadmagic-mcp-proxy install gemini --force`,
		`.codex/config.toml codex remove it and run: leadmagic-mcp-proxy install codex --force`,
		`.codex/config.toml.leadmagic-2026-01-01.bak codex put env_vars = ["LEADMAGIC_API_KEY"] there, or run: leadmagic-mcp-proxy install codex --force`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestScanLooksAtEveryFileOfAProject(t *testing.T) {
	names := map[string]bool{".crushrc": true, "crushrc": true, ".continue/.env": true}
	for _, e := range All() {
		for _, name := range e.project {
			names[name] = true
		}
		for _, r := range e.reads {
			names[strings.ReplaceAll(r.name, "*", "x")] = true
		}
	}
	s, _ := machine(t, "linux")
	for name := range names {
		put(t, filepath.Join(s.Folder, filepath.FromSlash(name)), leak)
	}
	rep, err := Scanner(s, nil).Scan(t.Context(), keyscan.Targets{Project: true})
	if err != nil || rep.Files != len(names) || len(rep.Findings) != len(names) {
		t.Errorf("%d keys in %d of %d files (%v)", len(rep.Findings), rep.Files, len(names), err)
	}
}

// The places in their order, and whose they are.
func TestThePlacesOfAScan(t *testing.T) {
	s, home := machine(t, "linux")
	var got strings.Builder
	put(t, filepath.Join(home, ".gemini", "settings.json"), "{}")
	put(t, filepath.Join(home, ".gemini", "settings.json.leadmagic-2026-01-01.bak"), "{}")
	put(t, filepath.Join(home, ".gemini", ".env"), "")
	put(t, filepath.Join(home, ".claude", "settings.json"), "{}")
	scanner := Scanner(s, []string{"A=b"})
	if scanner.Folder != s.Folder || !slices.Equal(scanner.Environ, []string{"A=b"}) {
		t.Errorf("got %+v", scanner)
	}
	for _, p := range scanner.User {
		rel, _ := filepath.Rel(home, p.Path)
		got.WriteString("~/" + filepath.ToSlash(rel) + " " + p.Editor + "\n")
	}
	for _, p := range scanner.Project {
		got.WriteString(p.Path + " " + p.Editor + "\n")
	}
	name := filepath.Join("testdata", "places")
	if *update {
		put(t, name, got.String())
	}
	if want, err := os.ReadFile(name); err != nil || got.String() != string(want) {
		t.Errorf("got\n%s(%v)", got.String(), err)
	}
}

func TestWhatToPutInsteadOfAKey(t *testing.T) {
	for id, want := range map[string]string{
		"zed":            "leave it out, since Zed passes the variable on; or run: leadmagic-mcp-proxy install zed --force",
		"claude-desktop": "leave it out, keep the key with leadmagic-mcp-proxy login, and run: leadmagic-mcp-proxy install claude-desktop --force",
		"opencode":       `put "{env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install opencode --project --force`,
	} {
		e := lookup(t, id)
		if got := e.instead(Project, "leadmagic_api_key"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWhatToDoAboutAKeyInNoEditorsFile(t *testing.T) {
	s, _ := machine(t, "linux")
	for _, p := range Scanner(s, nil).Project {
		if got := p.Instead(KeyVariable); (got == keyscan.Instead(KeyVariable)) != (p.Editor == "") {
			t.Errorf("%s of %q: got %s", p.Path, p.Editor, got)
		}
	}
}

func TestFilesOfEditorsAreKnownByTheirPlace(t *testing.T) {
	s, home := machine(t, "linux")
	want := map[string]string{
		"team.code-workspace":                       "vscode",
		"deep/.code-workspace":                      "vscode",
		"backup/Code/User/profiles/-1a2b/mcp.json":  "vscode",
		"backup/Code/User/mcp.json":                 "vscode",
		"backup/Code/User/profiles/mcp.json":        "",
		".vscode/mcp.json":                          "vscode",
		".vscode/mcp.json.leadmagic-2026-01-01.bak": "vscode",
		"x/mcp.json":                                "",
		"sub/.gemini/.env":                          "gemini",
		"x.gemini/.env":                             "",
		".zed/settings.json":                        "zed",
		"other.json":                                "",
	}
	for name := range want {
		put(t, filepath.Join(s.Folder, filepath.FromSlash(name)), leak)
	}
	profile := filepath.Join(home, ".config", "Code", "User", "profiles", "-1a2b", "mcp.json")
	put(t, profile, leak)
	editors := func(targets keyscan.Targets) map[string]string {
		t.Helper()
		rep, err := Scanner(s, nil).Scan(t.Context(), targets)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, f := range rep.Findings {
			rel, _ := filepath.Rel(s.Folder, f.Path)
			got[filepath.ToSlash(rel)] = f.Editor
		}
		return got
	}
	if got := editors(keyscan.Targets{Paths: []string{"."}}); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	maps.DeleteFunc(want, func(name, _ string) bool {
		return !slices.Contains([]string{"team.code-workspace", ".vscode/mcp.json", ".vscode/mcp.json.leadmagic-2026-01-01.bak", ".zed/settings.json"}, name)
	})
	if got := editors(keyscan.Targets{Project: true}); !maps.Equal(got, want) {
		t.Errorf("a project: got %q, want %q", got, want)
	}
	rel, _ := filepath.Rel(s.Folder, profile)
	if got := editors(keyscan.Targets{User: true}); !maps.Equal(got, map[string]string{filepath.ToSlash(rel): "vscode"}) {
		t.Errorf("the user's: got %q", got)
	}
}

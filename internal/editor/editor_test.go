package editor

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// system is a machine of which nothing is known but what vars say.
func system(goos string, vars map[string]string) System {
	return System{GOOS: goos, Getenv: func(name string) string { return vars[name] }, Folder: "/home/ada/project"}
}

// machine is a system whose home folder is empty, and that home folder.
func machine(t *testing.T, goos string) (System, string) {
	t.Helper()
	home := t.TempDir()
	s := system(goos, map[string]string{"HOME": home, "USERPROFILE": home})
	s.Folder = t.TempDir()
	return s, home
}

func lookup(t *testing.T, id string) Editor {
	t.Helper()
	e, ok := Lookup(id)
	if !ok {
		t.Fatalf("there is no editor %s", id)
	}
	return e
}

func TestVariablesMoveTheFiles(t *testing.T) {
	tests := []struct {
		name, id, goos string
		vars           map[string]string
		want           string
	}{
		{"Claude Code's own folder", "claude-code", "linux", map[string]string{"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"},
		{"Codex's own folder", "codex", "linux", map[string]string{"HOME": "/h", "CODEX_HOME": "/c"}, "/c/config.toml"},
		{"Codex's folder needs no home", "codex", "linux", map[string]string{"CODEX_HOME": "/c"}, "/c/config.toml"},
		{"a relative folder is seen from here", "codex", "linux", map[string]string{"CODEX_HOME": "c"}, "/home/ada/project/c/config.toml"},
		{"Gemini CLI's own home", "gemini", "linux", map[string]string{"GEMINI_CLI_HOME": "/g"}, "/g/.gemini/settings.json"},
		{"the settings folder of Linux", "zed", "linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/zed/settings.json"},
		{"a relative settings folder does not count", "zed", "linux", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "x"}, "/h/.config/zed/settings.json"},
		{"Zed on macOS takes no such folder", "zed", "darwin", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/h/.config/zed/settings.json"},
		{"opencode takes it everywhere", "opencode", "darwin", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/opencode/opencode.json"},
		{"Goose on Windows without APPDATA", "goose", "windows", map[string]string{"USERPROFILE": "/u"}, "/u/AppData/Roaming/Block/goose/config/config.yaml"},
		{"Crush's own folder", "crush", "linux", map[string]string{"HOME": "/h", "CRUSH_GLOBAL_CONFIG": "/c"}, "/c/crush.json"},
		{"Crush in the settings folder", "crush", "darwin", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/crush/crush.json"},
		{"Continue's own folder", "continue", "linux", map[string]string{"HOME": "/h", "CONTINUE_GLOBAL_DIR": "/c"}, "/c/config.yaml"},
		{"Qwen Code's own folder", "qwen", "linux", map[string]string{"HOME": "/h", "QWEN_HOME": "/q"}, "/q/settings.json"},
		{"Amp's own file", "amp", "linux", map[string]string{"HOME": "/h", "AMP_SETTINGS_FILE": "/a/s.json"}, "/a/s.json"},
		{"Droid's own home", "droid", "linux", map[string]string{"HOME": "/h", "FACTORY_HOME_OVERRIDE": "/f"}, "/f/.factory/mcp.json"},
		{"Windows without APPDATA", "zed", "windows", map[string]string{"USERPROFILE": "/u"}, "/u/AppData/Roaming/Zed/settings.json"},
		{"Windows without USERPROFILE", "cursor", "windows", map[string]string{"HOMEDRIVE": "/d", "HOMEPATH": "/u"}, "/d/u/.cursor/mcp.json"},
		{"Windows with half of a home", "cursor", "windows", map[string]string{"HOME": "/u", "HOMEDRIVE": "/d"}, "/u/.cursor/mcp.json"},
		{"Windows with a shell's HOME alone", "cursor", "windows", map[string]string{"HOME": "/u"}, "/u/.cursor/mcp.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookup(t, tt.id).Path(system(tt.goos, tt.vars), User)
			if filepath.ToSlash(got) != tt.want || err != nil {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestWithoutAHomeItIsSaidWhatIsMissing(t *testing.T) {
	for goos, variable := range map[string]string{"linux": "HOME", "darwin": "HOME", "windows": "USERPROFILE"} {
		for _, e := range All() {
			_, err := e.Path(system(goos, nil), User)
			if errors.Is(err, ErrOtherSystem) {
				continue
			}
			if want := "the home folder is unknown: " + variable + " is not set"; err == nil || err.Error() != want {
				t.Errorf("%s on %s: got %v, want %s", e.ID, goos, err, want)
			}
			if e.Found(system(goos, nil)) {
				t.Errorf("%s is found on a %s without a home", e.ID, goos)
			}
		}
	}
	if _, err := lookup(t, "cursor").Path(system("linux", map[string]string{"HOME": "x"}), User); err == nil || err.Error() != "the home folder is unknown: HOME is not an absolute path" {
		t.Errorf("a relative HOME: got %v", err)
	}
}

func TestOpencodePrefersTheFileWithComments(t *testing.T) {
	s, home := machine(t, "linux")
	e := lookup(t, "opencode")
	for _, dir := range []string{filepath.Join(home, ".config", "opencode"), s.Folder} {
		put(t, filepath.Join(dir, "opencode.jsonc"), "{}")
	}
	for _, scope := range []Scope{User, Project} {
		if got, _ := e.Path(s, scope); filepath.Base(got) != "opencode.jsonc" {
			t.Errorf("scope %d: got %s", scope, got)
		}
	}
}

func TestTheHomeFolderIsNoProject(t *testing.T) {
	s, home := machine(t, "linux")
	s.Folder = home
	if _, err := lookup(t, "cursor").Path(s, Project); !errors.Is(err, ErrNotProject) {
		t.Errorf("got %v, want ErrNotProject", err)
	}
}

func TestEditorsAreFound(t *testing.T) {
	bin := t.TempDir()
	put(t, filepath.Join(bin, "codex"), "")
	put(t, filepath.Join(bin, "gemini.cmd"), "")
	s, home := machine(t, "linux")
	vars := map[string]string{"HOME": home, "PATH": bin}
	s.Getenv = func(name string) string { return vars[name] }
	put(t, filepath.Join(home, ".claude.json"), "{}")
	put(t, filepath.Join(home, ".cursor", "extensions", "x"), "")
	found := map[string]bool{}
	for _, e := range All() {
		if e.Found(s) {
			found[e.ID] = true
		}
	}
	if want := map[string]bool{"claude-code": true, "cursor": true, "codex": true}; !maps.Equal(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
	s.GOOS = "windows"
	if vars["USERPROFILE"] = home; !lookup(t, "gemini").Found(s) {
		t.Error("gemini.cmd is not found on Windows")
	}
}

func TestClineMeansTheFormsThatAreFound(t *testing.T) {
	s, home := machine(t, "linux")
	ids := func() string {
		var ids []string
		for _, e := range lookup(t, "cline").Forms(s) {
			ids = append(ids, e.ID)
		}
		return strings.Join(ids, " ")
	}
	if got := ids(); got != "cline" {
		t.Errorf("with neither found: %s", got)
	}
	put(t, filepath.Join(home, ".cline", "x"), "")
	if got := ids(); got != "cline-cli" {
		t.Errorf("with the command found: %s", got)
	}
	put(t, filepath.Join(home, ".config", "Code", "User", "globalStorage", "saoudrizwan.claude-dev", "x"), "")
	if got := ids(); got != "cline cline-cli" {
		t.Errorf("with both found: %s", got)
	}
}

func TestAnEditorIsInstalledInSeveralWays(t *testing.T) {
	tests := []struct {
		name, id, goos string
		there          []string // below the home folder
		vars           map[string]string
		want           []string // the files, below it too
	}{
		{
			"Claude Desktop as a package of Windows", "claude-desktop", "windows",
			[]string{"Local/Packages/Claude_pzs8sxrjxfjjc/x"},
			map[string]string{"LOCALAPPDATA": "Local"},
			[]string{"Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"},
		},
		{
			"where LOCALAPPDATA is not set", "claude-desktop", "windows",
			[]string{"AppData/Local/Packages/Claude_1/x", "AppData/Local/Packages/Claudette_1/x"},
			nil,
			[]string{"AppData/Local/Packages/Claude_1/LocalCache/Roaming/Claude/claude_desktop_config.json"},
		},
		{
			"both of them", "claude-desktop", "windows",
			[]string{"AppData/Roaming/Claude/x", "AppData/Local/Packages/Claude_1/x"},
			nil,
			[]string{"AppData/Roaming/Claude/claude_desktop_config.json", "AppData/Local/Packages/Claude_1/LocalCache/Roaming/Claude/claude_desktop_config.json"},
		},
		{
			"such a folder on another system", "claude-desktop", "linux",
			[]string{"AppData/Local/Packages/Claude_1/x"},
			nil,
			[]string{".config/Claude/claude_desktop_config.json"},
		},
		{
			"profiles of VS Code", "vscode", "linux",
			[]string{".config/Code/User/profiles/-5f2/settings.json", ".config/Code/User/profiles/1a/mcp.json"},
			nil,
			[]string{".config/Code/User/mcp.json", ".config/Code/User/profiles/-5f2/mcp.json", ".config/Code/User/profiles/1a/mcp.json"},
		},
		{
			"a file in the place of a profile", "vscode", "linux",
			[]string{".config/Code/User/settings.json", ".config/Code/User/profiles/1a"},
			nil,
			[]string{".config/Code/User/mcp.json"},
		},
		{
			"profiles on macOS", "vscode-insiders", "darwin",
			[]string{"Library/Application Support/Code - Insiders/User/profiles/1a/x"},
			nil,
			[]string{"Library/Application Support/Code - Insiders/User/mcp.json", "Library/Application Support/Code - Insiders/User/profiles/1a/mcp.json"},
		},
		{
			"VS Code as a Flatpak, with a profile", "vscode", "linux",
			[]string{".var/app/com.visualstudio.code/config/Code/User/profiles/1a/x"},
			nil,
			[]string{".var/app/com.visualstudio.code/config/Code/User/mcp.json", ".var/app/com.visualstudio.code/config/Code/User/profiles/1a/mcp.json"},
		},
		{
			"Zed as a Flatpak", "zed", "linux",
			[]string{".var/app/dev.zed.Zed/x"},
			nil,
			[]string{".var/app/dev.zed.Zed/config/zed/settings.json"},
		},
		{
			"Cline in other programs", "cline", "linux",
			[]string{".config/Cursor/User/globalStorage/saoudrizwan.claude-dev/x", ".vscode-server/data/User/globalStorage/saoudrizwan.claude-dev/x", ".config/Cursor Nightly/x"},
			nil,
			[]string{".config/Cursor/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", ".vscode-server/data/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"},
		},
		{
			"Copilot CLI in a folder of its own", "copilot-cli", "linux",
			[]string{"c/x"},
			map[string]string{"COPILOT_HOME": "c"},
			[]string{"c/mcp-config.json"},
		},
		{"none of them", "vscode", "linux", nil, nil, []string{".config/Code/User/mcp.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, home := machine(t, tt.goos)
			s.Getenv = func(name string) string {
				switch value, ok := tt.vars[name]; {
				case ok:
					return filepath.Join(home, value)
				case name == "HOME" || name == "USERPROFILE":
					return home
				}
				return ""
			}
			for _, name := range tt.there {
				put(t, filepath.Join(home, filepath.FromSlash(name)), "")
			}
			before := files(t, home)
			forms := lookup(t, tt.id).Forms(s)
			if here := slices.DeleteFunc(Here(s), func(e Editor) bool { return e.ID != tt.id }); len(here) != len(forms) {
				t.Errorf("there are %d here, and %d forms", len(here), len(forms))
			}
			var got []string
			for i, e := range forms {
				path, err := e.Path(s, User)
				rel, _ := filepath.Rel(home, path)
				if got = append(got, filepath.ToSlash(rel)); err != nil {
					t.Fatal(err)
				}
				if e.HasProject() != (i == 0 && lookup(t, tt.id).HasProject()) {
					t.Errorf("%s has the project's file: %v", rel, e.HasProject())
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				put(t, path, `{"x": {"env": {"LEADMAGIC_API_KEY": "`+canary+`"}}}`)
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			rep, err := Scanner(s, nil).Scan(t.Context(), keyscan.Targets{User: true})
			if err != nil || len(rep.Findings) != len(got) {
				t.Errorf("scan found %d keys in %d files (%v)", len(rep.Findings), rep.Files, err)
			}
			for i, e := range forms {
				path, _ := e.Path(s, User)
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if text, ok := before[got[i]]; ok {
					put(t, path, text)
				}
				roundTrip(t, e, s, request())
			}
			for name := range before {
				if !exists(filepath.Join(home, filepath.FromSlash(name))) {
					t.Errorf("%s is gone", name)
				}
			}
		})
	}
}

func TestWhereElseAnEditorHasFiles(t *testing.T) {
	for id, want := range map[string]map[string]string{
		"claude-desktop": {"linux": "", "windows": "/h/AppData/Local/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json"},
		"zed":            {"linux": "/h/.var/app/dev.zed.Zed*/config/zed/settings.json", "freebsd": "/h/.var/app/dev.zed.Zed*/config/zed/settings.json", "darwin": "", "windows": ""},
		"vscode":         {"darwin": "/h/Library/Application Support/Code/User/profiles/*/mcp.json"},
		"cursor":         {"linux": ""},
	} {
		for goos, want := range want {
			got := lookup(t, id).Elsewhere(system(goos, map[string]string{"HOME": "/h", "USERPROFILE": "/h"}))
			if filepath.ToSlash(strings.Join(got, " ")) != want {
				t.Errorf("%s on %s: got %q, want %q", id, goos, got, want)
			}
		}
	}
	if got := lookup(t, "zed").Elsewhere(system("linux", nil)); len(got) != 0 {
		t.Errorf("without a home: got %q", got)
	}
}

func TestOddNamesAreNoReasonToFail(t *testing.T) {
	for path, want := range map[string]bool{"C:": false, "C": false, "": false, `C:\x`: true, `C:\`: true, "C:/": true, "C:/x": true, "C:x": false, `\\host\x`: true, "/x": true} {
		if got := system("windows", nil).absolute(path); got != want {
			t.Errorf("%q is absolute: %v, want %v", path, got, want)
		}
	}
	_, home := machine(t, "linux")
	for _, name := range []string{"mcp.json.bak", "mcp.json.leadmagic-.txt", "mcp.json.leadmagic-1.bak/x"} {
		put(t, filepath.Join(home, name), "")
	}
	if got := backups(filepath.Join(home, "mcp.json")); len(got) != 1 {
		t.Errorf("the backups are %v", got)
	}
	if _, ok := (&configFile{real: filepath.Join(home, "mcp.json")}).before(); ok {
		t.Error("a folder is read as a backup")
	}
}

func TestNearestKnowsWhatPeopleType(t *testing.T) {
	for id, want := range map[string]string{
		"claude": "claude-code", "code": "vscode", "Cursor": "cursor", "copilot": "copilot-cli", "gemini-cli": "gemini",
		"desktop": "claude-desktop", "code-insiders": "vscode-insiders", "emacs": "", "de": "", "roo": "roo-code", "x": "", "": "",
	} {
		if got := Nearest(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

// put writes a file and the folders above it.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

package editor

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

func TestWhereAnEditorLooksForServers(t *testing.T) {
	const cursor, claude = "User HOME/.cursor/mcp.json mcpServers", "User HOME/.claude.json mcpServers"
	var many []string
	for i := range mostMatches + 1 {
		many = append(many, fmt.Sprintf("work/.continue/mcpServers/%02d.yaml", i))
	}
	var first []string
	for _, name := range many[:mostMatches] {
		first = append(first, "Project HOME/"+name+" mcpServers")
	}
	for _, tt := range []struct {
		name, id, goos string
		folder         string   // below the home folder, which is no repository
		there          []string // files below it
		want           []string
	}{
		{"the user's file and the project's", "cursor", "linux", "work", nil, []string{cursor, "Project HOME/work/.cursor/mcp.json mcpServers"}},
		{"the home folder is no project", "cursor", "linux", "", nil, []string{cursor}},
		{"the top of a repository, for an editor that looks no further", "cursor", "linux", "work/a", []string{"work/.git/HEAD"}, []string{cursor, "Project HOME/work/a/.cursor/mcp.json mcpServers"}},
		{"the folders above, as far as the repository goes", "claude-code", "linux", "work/a/b", []string{"work/.git/HEAD"}, []string{
			claude, "Local HOME/.claude.json projects REAL/work/a/b mcpServers",
			"Project HOME/work/a/b/.mcp.json mcpServers", "Project HOME/work/a/.mcp.json mcpServers", "Project HOME/work/.mcp.json mcpServers",
		}},
		{"the top of a repository", "claude-code", "linux", "work", []string{"work/.git/HEAD"}, []string{
			claude, "Local HOME/.claude.json projects REAL/work mcpServers", "Project HOME/work/.mcp.json mcpServers",
		}},
		{"a folder in no repository", "claude-code", "linux", "work/a", nil, []string{
			claude, "Local HOME/.claude.json projects REAL/work/a mcpServers", "Project HOME/work/a/.mcp.json mcpServers",
		}},
		{"newer servers besides", "opencode", "linux", "work", nil, []string{
			"User HOME/.config/opencode/opencode.json mcp", "User HOME/.config/opencode/opencode.json mcp servers",
			"Project HOME/work/opencode.json mcp", "Project HOME/work/opencode.json mcp servers",
		}},
		{"a file in the form of another editor", "vscode", "linux", "work", []string{"work/.mcp.json"}, []string{
			"User HOME/.config/Code/User/mcp.json servers", "Project HOME/work/.vscode/mcp.json servers", "Project HOME/work/.mcp.json mcpServers",
		}},
		{"a file that is only read, and is not there", "zed", "linux", "work", nil, []string{"User HOME/.config/zed/settings.json context_servers"}},
		{"a file that is only read", "zed", "linux", "work", []string{"work/.zed/settings.json"}, []string{"User HOME/.config/zed/settings.json context_servers", "Project HOME/work/.zed/settings.json context_servers"}},
		{"a file by two names", "crush", "linux", "work", []string{"work/.crush.json"}, []string{"User HOME/.config/crush/crush.json mcp", "Project HOME/work/.crush.json mcp"}},
		{"the user's file by a name of a project's", "crush", "linux", ".config/crush", []string{".config/crush/crush.json"}, []string{"User HOME/.config/crush/crush.json mcp"}},
		{"files of any name", "continue", "linux", "work", []string{"work/.continue/mcpServers/b.yaml", "work/.continue/mcpServers/a.yaml", "work/.continue/mcpServers/a.json", "work/.continue/mcpServers/a.txt"}, []string{
			"User HOME/.continue/config.yaml mcpServers", "Project HOME/work/.continue/mcpServers/a.yaml mcpServers", "Project HOME/work/.continue/mcpServers/b.yaml mcpServers", "Project HOME/work/.continue/mcpServers/a.json mcpServers",
		}},
		{"more files than anybody has", "continue", "linux", "work", many, append([]string{"User HOME/.continue/config.yaml mcpServers"}, first...)},
		{"an editor of another system", "visual-studio", "linux", "work", nil, []string{"Project HOME/work/.mcp.json servers"}},
		{"the user's file read as a project's", "visual-studio", "windows", "", []string{".mcp.json"}, []string{"User HOME/.mcp.json servers"}},
		{"a file of the user's, read in his home folder", "zed", "darwin", ".config", []string{".config/zed/settings.json"}, []string{"User HOME/.config/zed/settings.json context_servers"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, home := machine(t, tt.goos)
			s.Folder = filepath.Join(home, filepath.FromSlash(tt.folder))
			put(t, filepath.Join(s.Folder, "x"), "")
			for _, name := range tt.there {
				put(t, filepath.Join(home, filepath.FromSlash(name)), "{}")
			}
			var got []string
			for _, l := range lookup(t, tt.id).Lists(s) {
				scope := map[Scope]string{User: "User", Project: "Project", Local: "Local"}[l.Scope]
				got = append(got, strings.Join(append([]string{scope, l.Path}, l.at...), " "))
				if l.Editor.ID != tt.id {
					t.Errorf("%s is of %s", l.Path, l.Editor.ID)
				}
			}
			home, linked := filepath.ToSlash(home), filepath.ToSlash(file.Real(home))
			for i := range got {
				got[i] = strings.Replace(filepath.ToSlash(got[i]), "projects "+linked, "projects REAL", 1)
				got[i] = strings.NewReplacer(home, "HOME", linked, "REAL").Replace(got[i])
			}
			got = slices.Compact(got) // Claude Code for Windows may write a path with either sign
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// What a file of another editor's form names is filled in as that one does.
func TestAFileInTheFormOfAnotherEditor(t *testing.T) {
	s, _ := machine(t, "linux")
	put(t, filepath.Join(s.Folder, ".mcp.json"), `{"mcpServers": {"leadmagic": {"command": "x", "env": {"A": "${NOPE:-d}"}}}}`)
	put(t, filepath.Join(s.Folder, ".continue", "mcpServers", "x.json"), `{"mcpServers": {"leadmagic": {"command": "x", "env": {"A": "${NOPE:-d}"}}}}`)
	for _, id := range []string{"vscode", "continue"} {
		lists := lookup(t, id).Lists(s)
		l := lists[len(lists)-1]
		entries, err := l.Entries(s, func(Server) bool { return false })
		if err != nil || len(entries) != 1 {
			t.Fatalf("%s: got %+v (%v)", id, entries, err)
		}
		if got := l.Editor.Environment(entries[0].Server, Process{GOOS: "linux"}).Environ; !slices.Equal(got, []string{"A=d"}) {
			t.Errorf("%s: got %v", id, got)
		}
		if got := l.Editor.reference("A"); got != "${A}" {
			t.Errorf("%s: got %s", id, got)
		}
	}
}

func TestTheEntriesOfAList(t *testing.T) {
	all, ours := func(Server) bool { return true }, func(s Server) bool { return s.Command == "x" }
	many, lines := "{\"mcpServers\": {\n", []string{"leadmagic:22"}
	for i := range 20 {
		many += fmt.Sprintf("\"%02d\": {},\n", i)
		if lines = append(lines, fmt.Sprintf("%02d:%d", i, i+2)); i == 19 {
			lines[20] = "19:0"
		}
	}
	many += "\"leadmagic\": {}}}"
	for _, tt := range []struct {
		name, text string
		wanted     func(Server) bool
		want       string
		err        string
	}{
		{"no file", "-", all, "", ""},
		{"an empty file", "", all, "", ""},
		{"no servers", "{}", all, "", ""},
		{"ours first, then those that are wanted, by their names", "{\"mcpServers\": {\n\"b\": {\"command\": \"x\"},\n\"a\": {\"command\": \"x\"},\n\"leadmagic\": {},\n\"0\": {\"command\": \"y\"}}}", ours, "leadmagic:4 a:3 b:2", ""},
		{"others alone", "{\"mcpServers\": {\n\"b\": {\"command\": \"x\"}}}", ours, "b:2", ""},
		{"none that is wanted", "{\"mcpServers\": {\n\"b\": {\"command\": \"y\"}}}", ours, "", ""},
		{"many", many, all, strings.Join(lines, " "), ""},
		{"one that stands there twice", "{\"mcpServers\": {\"b\": {},\n\"b\": {}, \"c\": {}}}", all, "b:0", `PATH: line 2, column 1: "b" stands here a second time (first in line 1); remove one of them`},
		{"ours, which stands there twice", "{\"mcpServers\": {\"leadmagic\": {},\n\"leadmagic\": {}}}", all, "", `PATH: line 2, column 1: "leadmagic" stands here a second time (first in line 1); remove one of them`},
		{"servers that are a list", `{"mcpServers": []}`, all, "", `PATH: line 1, column 16: "mcpServers" is a list, where an object is due`},
		{"a file that cannot be read", "{", all, "", "PATH: line 1, column 2: the file ends too early"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, home := machine(t, "linux")
			path := filepath.Join(home, ".cursor", "mcp.json")
			if tt.text != "-" {
				put(t, path, tt.text)
			}
			entries, err := lookup(t, "cursor").Lists(s)[0].Entries(s, tt.wanted)
			var got []string
			for _, e := range entries {
				if got = append(got, fmt.Sprintf("%s:%d", e.Name, e.Line)); e.Path != path {
					t.Errorf("%s is in %s", e.Name, e.Path)
				}
			}
			if strings.Join(got, " ") != tt.want || fmt.Sprint(err) != strings.ReplaceAll(cmp.Or(tt.err, "<nil>"), "PATH", path) {
				t.Errorf("got %s (%v), want %s (%s)", got, err, tt.want, tt.err)
			}
		})
	}
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".cursor", "mcp.json", "x"), "")
	if _, err := lookup(t, "cursor").Lists(s)[0].Entries(s, all); err == nil || !strings.HasSuffix(err.Error(), "mcp.json: it is not a regular file") {
		t.Errorf("a folder in its place: got %v", err)
	}
}

func TestAServerIsReadWhateverItsMembersAreCalled(t *testing.T) {
	for text, want := range map[string]Server{
		`{"cmd": "x", "args": ["a", 5, "b"], "envs": {"A": "b", "C": 5}, "env_keys": ["D"]}`:                  {Command: "x", Args: []string{"a", "b"}, Env: map[string]string{"A": "b"}, EnvVars: []string{"D"}},
		`{"command": "x", "cmd": "y", "env": {"A": "b"}, "environment": {"C": "d"}}`:                          {Command: "x", Env: map[string]string{"A": "b", "C": "d"}},
		`{"command": ["x"], "args": ["a"]}`:                                                                   {Command: "x", Args: []string{}},
		`{"command": [], "args": ["a"]}`:                                                                      {Args: []string{"a"}},
		`{"env_vars": ["A", {"name": "B"}, {"serverName": "C"}, {"x": "D"}, {"name": 5}], "env_keys": ["E"]}`: {EnvVars: []string{"A", "B", "C", "E"}},
		`{"url": "u", "headers": {"A": "b"}, "http_headers": {"C": "d"}}`:                                     {URL: "u", Env: map[string]string{"A": "b", "C": "d"}},
		`{"httpUrl": "u"}`:   {URL: "u"},
		`{"serverUrl": "u"}`: {URL: "u"},
		`{"uri": "u"}`:       {URL: "u"},
		`{"transport": {"command": "x", "env": {"A": "leadmagic_api_key"}}, "disabled": true}`: {Command: "x", Env: map[string]string{"A": "leadmagic_api_key"}, Disabled: true, NamesKey: true},
		`{"transport": "stdio", "command": "x"}`:                                               {Command: "x"},
		`{"command": {"path": "x", "args": ["a"], "env": {"A": "b"}}, "enabled": false}`:       {Command: "x", Args: []string{"a"}, Env: map[string]string{"A": "b"}, Disabled: true},
		`{"enabled": true}`:                                    {},
		`{"enabled": true, "disabled": true}`:                  {Disabled: true},
		`{"enabled": "false", "disabled": "true"}`:             {},
		`{"envFile": "e", "deep": [{"LEADMAGIC_API_KEY": 1}]}`: {EnvFile: "e", NamesKey: true},
		`5`: {},
	} {
		value, _, _, err := jsonFormat{}.find([]byte(`{"n":`+text+`}`), []string{"n"})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%+v", serverOf(value)); got != fmt.Sprintf("%+v", want) {
			t.Errorf("%s:\ngot  %s\nwant %+v", text, got, want)
		}
	}
}

func TestTheFirstKeyOfAnEntryIsNamed(t *testing.T) {
	s := Server{Env: map[string]string{"B": canary, "A": canary, "X-API-Key": `a"b`}, Args: []string{canary}, URL: canary}
	for _, want := range []string{"A", "B", "args", "url", ""} {
		if got := s.LiteralKey(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		switch want {
		case "args":
			s.Args = []string{"a"}
		case "url":
			s.URL = ""
		default:
			delete(s.Env, want)
		}
	}
}

// What the editor would start depends on the folder that it is started in, or on another machine.
func TestAProgramThatIsNamedByAnotherPathIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "proxy")
	put(t, program, "1")
	t.Chdir(dir)
	for _, command := range []string{"proxy", "./proxy", "/" + filepath.ToSlash(program)} {
		if (Server{Command: command}).ours(program) {
			t.Errorf("%s is taken for ours", command)
		}
	}
	if !(Server{Command: "npx", Args: []string{"leadmagic-mcp-proxy"}}).ours(program) {
		t.Error("what npx starts is not taken for ours")
	}
}

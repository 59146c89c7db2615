package editor

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The shell of the tests: its key is as short as a sample, so that no test output looks like a leak.
var shell = []string{
	"HOME=/h", "PATH=/bin", "USER=u", "LANG=C", "TZ=UTC", "HTTPS_PROXY=http://p:1", "SSL_CERT_FILE=/c.pem", "OTEL_X=1",
	"LEADMAGIC_API_KEY=K", "LEADMAGIC_MCP_URL=https://m", "BASH_FUNC=() { :; }",
}

func TestWhatAServerSees(t *testing.T) {
	const key, noKey = "LEADMAGIC_API_KEY=K", "LEADMAGIC_API_KEY"
	ref := func(value string) Server { return Server{Env: map[string]string{"LEADMAGIC_API_KEY": value}} }
	tests := []struct {
		name, id, goos string
		server         Server
		has            []string // NAME=value
		lacks          []string // names
	}{
		{"Claude Code passes all but telemetry", "claude-code", "linux", Server{}, []string{key, "HTTPS_PROXY=http://p:1", "CLAUDECODE=1"}, []string{"OTEL_X"}},
		{"Claude Code expands braces", "claude-code", "linux", ref("${LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"Claude Code knows defaults", "claude-code", "linux", ref("${NOPE:-d}e"), []string{"LEADMAGIC_API_KEY=de"}, nil},
		{"Claude Code leaves what is not set", "claude-code", "linux", ref("${NOPE}"), []string{"LEADMAGIC_API_KEY=${NOPE}"}, nil},
		{"Claude Code takes any name", "claude-code", "linux", ref("${a b?:-d:-e}"), []string{"LEADMAGIC_API_KEY=d"}, nil},
		{"Claude Code leaves a bare dollar", "claude-code", "linux", ref("$LEADMAGIC_API_KEY"), []string{"LEADMAGIC_API_KEY=$LEADMAGIC_API_KEY"}, nil},
		{"Claude Desktop passes a short list", "claude-desktop", "darwin", Server{}, []string{"PATH=/bin", "HOME=/h"}, []string{noKey, "HTTPS_PROXY", "LANG"}},
		{"Claude Desktop expands nothing", "claude-desktop", "darwin", ref("${LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY}"}, nil},
		{"Claude Desktop passes a file's name", "claude-desktop", "darwin", Server{Env: map[string]string{"LEADMAGIC_API_KEY_FILE": "/k"}}, []string{"LEADMAGIC_API_KEY_FILE=/k", "PATH=/bin"}, nil},
		{"on Windows its env replaces the environment", "claude-desktop", "windows", Server{Env: map[string]string{"A": "b"}}, []string{"A=b"}, []string{"PATH", noKey}},
		{"Cursor expands its own syntax", "cursor", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"Cursor does not expand the shell's", "cursor", "linux", ref("${LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY}"}, nil},
		{"Cursor without the variable", "cursor", "linux", ref("${env:NOPE}"), []string{"LEADMAGIC_API_KEY="}, nil},
		{"Cursor knows folders", "cursor", "linux", Server{EnvFile: "${userHome}/e", Env: map[string]string{"A": "${workspaceFolder}${/}x"}}, []string{"A=/work" + string(filepath.Separator) + "x", "LEADMAGIC_API_KEY=F"}, nil},
		{"Cline does not", "cline", "linux", ref("${workspaceFolder}"), []string{"LEADMAGIC_API_KEY=${workspaceFolder}"}, nil},
		{"VS Code passes all", "vscode", "linux", Server{}, []string{key}, nil},
		{"VS Code reads an envFile", "vscode", "linux", Server{EnvFile: "/e"}, []string{"LEADMAGIC_API_KEY=F"}, nil},
		{"what is asked for replaces what is inherited", "vscode", "linux", ref("${input:leadmagic-key}"), nil, []string{noKey}},
		{"Windsurf by itself passes no key that is known of", "windsurf", "linux", Server{}, nil, []string{noKey}},
		{"Windsurf expands", "windsurf", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"Windsurf reads a file", "windsurf", "linux", ref("${file:/k}"), []string{"LEADMAGIC_API_KEY=from a file"}, nil},
		{"Zed passes all", "zed", "linux", Server{}, []string{key, "OTEL_X=1"}, nil},
		{"Zed expands nothing", "zed", "linux", ref("$LEADMAGIC_API_KEY"), []string{"LEADMAGIC_API_KEY=$LEADMAGIC_API_KEY"}, nil},
		{"Gemini drops what looks like a secret", "gemini", "linux", Server{}, []string{"HTTPS_PROXY=http://p:1", "LEADMAGIC_MCP_URL=https://m", "GEMINI_CLI=1"}, []string{noKey, "SSL_CERT_FILE"}},
		{"Gemini expands a dollar", "gemini", "linux", ref("$LEADMAGIC_API_KEY"), []string{key}, nil},
		{"Gemini expands braces with a default", "gemini", "linux", ref("${NOPE:-d}"), []string{"LEADMAGIC_API_KEY=d"}, nil},
		{"Gemini makes nothing of what is not set", "gemini", "linux", ref("x$NOPE-${NOPE}y"), []string{"LEADMAGIC_API_KEY=x-y"}, nil},
		{"Gemini makes nothing of Cursor's syntax", "gemini", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY="}, nil},
		{"Codex passes a list", "codex", "linux", Server{}, []string{"HOME=/h", "LANG=C", "TZ=UTC", "SSL_CERT_FILE=/c.pem"}, []string{noKey, "HTTPS_PROXY", "LEADMAGIC_MCP_URL"}},
		{"Codex passes what is named", "codex", "linux", Server{EnvVars: []string{"LEADMAGIC_API_KEY", "NOPE"}}, []string{key}, []string{"NOPE"}},
		{"Codex expands nothing", "codex", "linux", ref("$LEADMAGIC_API_KEY"), []string{"LEADMAGIC_API_KEY=$LEADMAGIC_API_KEY"}, nil},
		{"Copilot passes all", "copilot-cli", "linux", Server{}, []string{key}, nil},
		{"Copilot expands a dollar and leaves what is not set", "copilot-cli", "linux", ref("$LEADMAGIC_API_KEY$NOPE"), []string{"LEADMAGIC_API_KEY=K$NOPE"}, nil},
		{"Cline's extension passes the SDK's six", "cline", "linux", Server{}, []string{"HOME=/h", "PATH=/bin", "USER=u"}, []string{noKey, "LANG", "HTTPS_PROXY"}},
		{"Cline's extension expands", "cline", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"Cline's command passes all and expands nothing", "cline-cli", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY=${env:LEADMAGIC_API_KEY}", "LANG=C"}, nil},
		{"opencode passes all", "opencode", "linux", Server{}, []string{key, "OPENCODE=1"}, nil},
		{"opencode expands curly braces", "opencode", "linux", ref("{env:LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"opencode reads a file", "opencode", "linux", ref("{file:~/e2}"), []string{"LEADMAGIC_API_KEY=E"}, nil},
		{"opencode leaves the dollar before them", "opencode", "linux", ref("${env:LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY=$K"}, nil},
		{"opencode makes nothing of what is not set", "opencode", "linux", ref("{env:NOPE}"), []string{"LEADMAGIC_API_KEY="}, nil},
		{"Kiro expands braces and leaves what is not set", "kiro", "linux", ref("${LEADMAGIC_API_KEY}${NOPE}$USER"), []string{"LEADMAGIC_API_KEY=K${NOPE}$USER"}, nil},
		{"Goose passes all, and what is named", "goose", "linux", Server{EnvVars: []string{"LEADMAGIC_API_KEY"}}, []string{key, "LANG=C"}, nil},
		{"Crush expands as a shell does", "crush", "linux", ref("$LEADMAGIC_API_KEY${NOPE}"), []string{key, "LANG=C"}, nil},
		{"Continue expands its secrets", "continue", "linux", ref("${{ secrets.LEADMAGIC_API_KEY }}"), []string{key}, []string{"LANG"}},
		{"Continue leaves others' syntax", "continue", "linux", ref("${LEADMAGIC_API_KEY}"), []string{"LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY}"}, nil},
		{"Qwen Code passes all, and leaves what is not set", "qwen", "linux", ref("$LEADMAGIC_API_KEY${NOPE}${NOPE:-d}"), []string{"LEADMAGIC_API_KEY=K${NOPE}${NOPE:-d}", "SSL_CERT_FILE=/c.pem"}, nil},
		{"Kilo Code does as opencode", "kilo", "linux", ref("{env:LEADMAGIC_API_KEY}"), []string{key, "KILO=1"}, nil},
		{"Amp expands braces alone", "amp", "linux", ref("${LEADMAGIC_API_KEY}$USER"), []string{"LEADMAGIC_API_KEY=K$USER", "LANG=C"}, nil},
		{"Auggie passes the SDK's six", "auggie", "linux", Server{}, []string{"PATH=/bin"}, []string{noKey, "LANG"}},
		{"Auggie expands", "auggie", "linux", ref("${LEADMAGIC_API_KEY}"), []string{key}, nil},
		{"Visual Studio asks", "visual-studio", "windows", ref("${input:x}"), nil, []string{noKey}},
		{"Roo Code expands, and leaves what is not set", "roo-code", "linux", ref("${env:LEADMAGIC_API_KEY}${env:NOPE}"), []string{"LEADMAGIC_API_KEY=K${env:NOPE}"}, []string{"LANG"}},
		{"Droid passes all", "droid", "linux", ref("${LEADMAGIC_API_KEY}"), []string{key, "LANG=C"}, nil},
		{"what a command of Crush gives is not known", "crush", "linux", ref("$(pass show x)"), nil, []string{noKey}},
		{"Windows takes names in any case", "cursor", "windows", Server{Env: map[string]string{"leadmagic_api_key": "${env:leadmagic_api_key}"}}, []string{key}, []string{"leadmagic_api_key"}},
		{"elsewhere a name in another case is another", "cursor", "linux", Server{Env: map[string]string{"leadmagic_api_key": "${env:leadmagic_api_key}"}}, []string{key, "leadmagic_api_key="}, nil},
		{"the SDK's list on Windows", "cline", "windows", Server{}, []string{"PATH=/bin"}, []string{"HOME", noKey}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := Process{GOOS: tt.goos, Environ: shell, Folder: "/work", ReadFile: func(path string) ([]byte, error) {
				switch filepath.ToSlash(path) {
				case "":
					t.Error("a file without a name is read")
				case "/e", "/h/e":
					return []byte("# comment\nexport LEADMAGIC_API_KEY=\"F\"\nA = b\n"), nil
				case "/h/e2":
					return []byte("E\n"), nil
				case "/k":
					return []byte("from a file\n"), nil
				}
				return nil, errors.New("there is no such file")
			}}
			got := lookup(t, tt.id).Environment(tt.server, run).Environ
			for _, kv := range tt.has {
				if !slices.Contains(got, kv) {
					t.Errorf("%s is missing in %v", kv, got)
				}
			}
			for _, name := range tt.lacks {
				if slices.ContainsFunc(got, func(kv string) bool { return strings.HasPrefix(kv, name+"=") }) {
					t.Errorf("%s is passed on: %v", name, got)
				}
			}
			if !slices.IsSorted(got) {
				t.Errorf("not sorted: %v", got)
			}
		})
	}
}

func TestWhatIsNoVariableIsNotPassed(t *testing.T) {
	run := Process{GOOS: "windows", Environ: []string{`=C:=C:\x`, "NONE", "A=b=c"}}
	if got := lookup(t, "claude-code").Environment(Server{}, run).Environ; !slices.Equal(got, []string{"A=b=c", "CLAUDECODE=1"}) {
		t.Errorf("got %q", got)
	}
}

func TestAFileThatCannotBeReadSaysNothing(t *testing.T) {
	s := Server{EnvFile: "/e", Env: map[string]string{"A": "${file:/k}b"}}
	read := func(string) ([]byte, error) { return []byte("X=y"), errors.New("no") }
	for id, want := range map[string]string{"windsurf": "A=b", "vscode": "A=${file:/k}b"} {
		if got := lookup(t, id).Environment(s, Process{GOOS: "linux", ReadFile: read}).Environ; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q", id, got)
		}
	}
}

func TestAFileOfVariables(t *testing.T) {
	got := dotenv("# A=1\n\nNONE\nB=2\nexport C = 'x=y' \n")
	if want := map[string]string{"B": "2", "C": "x=y"}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsAskedForIsNamed(t *testing.T) {
	s := Server{Env: map[string]string{"LEADMAGIC_API_KEY": "${input:leadmagic-key}"}}
	if got := lookup(t, "vscode").Environment(s, Process{GOOS: "linux"}).Asked; !slices.Equal(got, []string{"LEADMAGIC_API_KEY"}) {
		t.Errorf("got %v", got)
	}
	if got := lookup(t, "cursor").Environment(s, Process{GOOS: "linux"}); got.Asked != nil || !slices.Equal(got.Environ, []string{"LEADMAGIC_API_KEY=${input:leadmagic-key}"}) {
		t.Errorf("Cursor asks for nothing, and yet %+v", got)
	}
}

func TestGeminiDropsAProxyWithAPassword(t *testing.T) {
	run := Process{GOOS: "linux", Environ: []string{"HTTPS_PROXY=http://me:secret@p", "MONKEYS=1", "GEMINI_CLI_KEY=1", "EMPTY="}}
	got := lookup(t, "gemini").Environment(Server{}, run).Environ
	if want := []string{"EMPTY=", "GEMINI_CLI=1", "GEMINI_CLI_KEY=1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What install writes must make the key arrive, wherever that is possible at all.
func TestTheKeyArrivesWithWhatInstallWrites(t *testing.T) {
	for _, e := range All() {
		for _, goos := range []string{"linux", "darwin", "windows"} {
			s := serverOf(e.entry(Name, Command{Path: "x", Vars: []string{KeyVariable}}).plain())
			got := e.Environment(s, Process{GOOS: goos, Environ: shell}).Environ
			tells := strings.Contains(e.Delivery(Command{Vars: []string{KeyVariable}}), "passes no variable of yours on")
			if arrives := slices.Contains(got, "LEADMAGIC_API_KEY=K"); arrives == tells {
				t.Errorf("%s on %s: the key arrives: %v", e.ID, goos, arrives)
			}
		}
	}
}

package editor

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compact is JSON without its line ends and blanks, of which our values have none.
func compact(s string) string { return strings.Join(strings.Fields(s), "") }

func TestEntriesWithMoreInThem(t *testing.T) {
	proxy := []string{KeyVariable, "HTTPS_PROXY", "SSL_CERT_FILE"}
	tests := []struct {
		name, id string
		command  Command
		want     string
	}{
		{"arguments", "cursor", Command{Path: "x", Args: []string{"--read-only"}}, `"args":["--read-only"]`},
		{"arguments in opencode's list", "opencode", Command{Path: "x", Args: []string{"-a", "b"}}, `"command":["x","-a","b"]`},
		{"Codex passes certificates but no proxy", "codex", Command{Path: "x", Vars: proxy}, `env_vars=["LEADMAGIC_API_KEY","HTTPS_PROXY"]`},
		{"Gemini passes the proxy but no certificates", "gemini", Command{Path: "x", Vars: proxy}, `"env":{"LEADMAGIC_API_KEY":"$LEADMAGIC_API_KEY","SSL_CERT_FILE":"$SSL_CERT_FILE"}`},
		{"Claude Code passes all", "claude-code", Command{Path: "x", Vars: proxy}, `{"type":"stdio","command":"x"}`},
		{"Cursor passes all, but the key is named", "cursor", Command{Path: "x", Vars: proxy}, `"env":{"LEADMAGIC_API_KEY":"${env:LEADMAGIC_API_KEY}"}`},
		{"VS Code asks", "vscode", Command{Path: "x", Vars: proxy, Prompt: true}, `"env":{"LEADMAGIC_API_KEY":"${input:leadmagic-key}"}`},
		{"VS Code keeps what it has asked for", "vscode", Command{Path: "x", Vars: proxy, Prompt: true}, `{"inputs":[{"type":"promptString","id":"leadmagic-key","description":"LeadMagicAPIkey","password":true}],`},
		{"a key file stands for the key", "cursor", Command{Path: "x", Vars: []string{KeyVariable, KeyFileVariable}, KeyFile: "/k"}, `"env":{"LEADMAGIC_API_KEY_FILE":"/k"}`},
		{"a key file for an editor that passes nothing", "claude-desktop", Command{Path: "x", Vars: []string{KeyVariable}, KeyFile: "/k"}, `"env":{"LEADMAGIC_API_KEY_FILE":"/k"}`},
		{"a key file for Codex", "codex", Command{Path: "x", Vars: []string{KeyVariable}, KeyFile: "/k"}, `env={LEADMAGIC_API_KEY_FILE="/k"}`},
		{"a path of Windows in JSON", "cursor", Command{Path: `C:\x.exe`}, `"command":"C:\\x.exe"`},
		{"a path of Windows in TOML", "codex", Command{Path: `C:\x.exe`}, `command='C:\x.exe'`},
		{"a path with quotes in TOML", "codex", Command{Path: `/a'b\"c`}, `command="/a'b\\\"c"`},
		{"a path with a tab and a backslash in TOML", "codex", Command{Path: "C:\\\t"}, `command="C:\\\t"`},
		{"a path with DEL and a backslash in TOML", "codex", Command{Path: "C:\\\x7f"}, `command="C:\\\u007f"`},
		{"a path with a blank and a backslash in TOML", "codex", Command{Path: `C:\ x`}, `command='C:\x'`},
		{"a key file beside variables that are passed", "codex", Command{Path: "x", Vars: append(proxy, KeyFileVariable), KeyFile: "/k"}, `env_vars=["HTTPS_PROXY"]env={LEADMAGIC_API_KEY_FILE="/k"}`},
		{"a name of another kind", "codex", Command{Path: "x"}, `[mcp_servers.leadmagic]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := compact(lookup(t, tt.id).Snippet(Name, tt.command)); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s in it", got, tt.want)
			}
		})
	}
}

func TestAnEntryForOneFolderIsRemovedByTheEditor(t *testing.T) {
	want := "claude mcp remove --scope local leadmagic, then: leadmagic-mcp-proxy install claude-code --force"
	if got := lookup(t, "claude-code").Replace(Local); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheEntryOfOtherEditors(t *testing.T) {
	c := Command{Path: "x", Vars: []string{KeyVariable}}
	if got, want := compact(Generic().Snippet(Name, c)), `{"mcpServers":{"leadmagic":{"command":"x"}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := compact(lookup(t, "codex").Snippet(Name, Command{Path: "x"})), `[mcp_servers.leadmagic]command="x"`; got != want {
		t.Errorf("with nothing to be passed: got %s, want %s", got, want)
	}
}

func TestDeliveryTellsHowTheKeyArrives(t *testing.T) {
	tests := []struct {
		id      string
		command Command
		want    string
	}{
		{"claude-code", Command{}, "Claude Code passes LEADMAGIC_API_KEY on"},
		{"cursor", Command{}, "the entry names LEADMAGIC_API_KEY, which Cursor fills in"},
		{"codex", Command{}, "the entry names LEADMAGIC_API_KEY, which Codex fills in"},
		{"claude-desktop", Command{}, "Claude Desktop passes no variable of yours on and fills none in: keep the key with leadmagic-mcp-proxy login, or name a file with --key-file"},
		{"claude-desktop", Command{KeyFile: "/k"}, "it is read from the file that the entry names"},
		{"vscode", Command{Prompt: true}, "VS Code asks for it once and keeps it"},
		{"cursor", Command{Prompt: true}, "the entry names LEADMAGIC_API_KEY, which Cursor fills in"},
	}
	for _, tt := range tests {
		tt.command.Vars = []string{KeyVariable}
		if got := lookup(t, tt.id).Delivery(tt.command); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.id, got, tt.want)
		}
	}
	if notes := strings.Join(lookup(t, "zed").Notes(User), ""); !strings.Contains(notes, "login") {
		t.Errorf("Zed from a dock has no shell's variables, and nothing says so: %q", notes)
	}
}

func TestAnEntryThatDoesTheSameIsLeftAlone(t *testing.T) {
	const ours = `"type":"stdio","command":"/bin/x"`
	tests := []struct {
		name, id, entry string
		want            bool
	}{
		{"the same", "claude-code", `{` + ours + `}`, true},
		{"with a timeout of the user's", "claude-code", `{` + ours + `,"timeout":60000}`, true},
		{"with an empty list of arguments", "claude-code", `{` + ours + `,"args":[],"env":{}}`, true},
		{"switched off by the user", "claude-code", `{` + ours + `,"disabled":true}`, true},
		{"with a variable of the user's", "claude-code", `{` + ours + `,"env":{"HTTPS_PROXY":"http://p"}}`, true},
		{"with other arguments", "claude-code", `{` + ours + `,"args":["--sandbox"]}`, false},
		{"with a key in it", "claude-code", `{` + ours + `,"env":{"LEADMAGIC_API_KEY":"abc"}}`, false},
		{"with a key file", "claude-code", `{` + ours + `,"env":{"LEADMAGIC_API_KEY_FILE":"/k"}}`, false},
		{"with another command", "claude-code", `{"type":"stdio","command":"/bin/y"}`, false},
		{"a remote one", "claude-code", `{` + ours + `,"url":"https://mcp.leadmagic.io/mcp"}`, false},
		{"no entry at all", "claude-code", `null`, false},
		{"the wrong syntax for a variable", "gemini", `{"command":"/bin/x","env":{"LEADMAGIC_API_KEY":"${env:LEADMAGIC_API_KEY}"}}`, false},
		{"Zed without its arguments", "zed", `{"source":"custom","command":"/bin/x"}`, false},
		{"another command in the transport", "cline-cli", `{"transport":{"type":"stdio","command":"/bin/y"}}`, false},
		{"no transport", "cline-cli", `{"transport":"stdio"}`, false},
		{"the transport of Cline's command", "cline-cli", `{"transport":{"type":"stdio","command":"/bin/x"},"disabled":false}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := lookup(t, tt.id)
			have, _, found, err := e.format.find([]byte(`{"k":`+tt.entry+`}`), []string{"k"})
			if err != nil || !found {
				t.Fatal(err)
			}
			if got := satisfies(have, e.entry(Name, Command{Path: "/bin/x", Vars: []string{KeyVariable}})); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestServersAreReadInEveryShape(t *testing.T) {
	read := func(f format, doc string) Server {
		t.Helper()
		v, _, _, err := f.find([]byte(doc), []string{"s", "n"})
		if err != nil {
			t.Fatal(err)
		}
		return serverOf(v)
	}
	s := read(jsonFormat{}, `{"s":{"n":{"type":"local","command":["/a/leadmagic-mcp-proxy","-x"],"environment":{"A":"b"},"enabled":false}}}`)
	if !s.ours("") || !slices.Equal(s.Args, []string{"-x"}) || s.Env["A"] != "b" || !s.Disabled {
		t.Errorf("opencode: got %+v", s)
	}
	s = read(tomlFormat{}, "[s.n]\ncommand = 'C:\\a\\leadmagic-mcp-proxy.exe'\nenv_vars = ['A', { name = 'B', source = 'local' }]\nenabled = true\n")
	if !s.ours("") || !slices.Equal(s.EnvVars, []string{"A", "B"}) || s.Disabled {
		t.Errorf("codex: got %+v", s)
	}
	s = read(jsonFormat{}, `{"s":{"n":{"url":"https://mcp.leadmagic.io/mcp","headers":{"X-LeadMagic-Key":"8f3a"}}}}`)
	if s.ours("") || s.URL == "" || s.LiteralKey() != "X-LeadMagic-Key" {
		t.Errorf("remote: got %+v", s)
	}
	s = read(jsonFormat{}, `{"s":{"n":{"command":{"path":"/a/leadmagic-mcp-proxy","args":["-x"],"env":{"A":"b"}},"settings":{}}}}`)
	if !s.ours("") || !slices.Equal(s.Args, []string{"-x"}) || s.Env["A"] != "b" {
		t.Errorf("older Zed: got %+v", s)
	}
	s = read(jsonFormat{}, `{"s":{"n":{"command":"x","env":{"LEADMAGIC_API_KEY":"${LEADMAGIC_API_KEY}"},"disabled":true,"envFile":".env"}}}`)
	if s.LiteralKey() != "" || !s.Disabled || s.EnvFile != ".env" {
		t.Errorf("with a reference: got %+v", s)
	}
}

func TestAKeyInAnEntryIsNamedByItsPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		entry string
		want  string
	}{
		"a variable":                 {`{"env":{"LEADMAGIC_API_KEY":"8f3a"}}`, "LEADMAGIC_API_KEY"},
		"a bearer token":             {`{"url":"https://a","headers":{"Authorization":"Bearer ` + canary + `"}}`, "Authorization"},
		"an argument":                {`{"command":"npx","args":["mcp-remote","--header","x-leadmagic-key:` + canary + `"]}`, "args"},
		"an argument of opencode's":  {`{"command":["npx","--key","` + canary + `"]}`, "args"},
		"an address":                 {`{"serverUrl":"https://a/mcp?key=` + canary + `"}`, "url"},
		"an argument with reference": {`{"command":"npx","args":["--header","x-leadmagic-key:${LEADMAGIC_API_KEY}"]}`, ""},
		"a word in a key's place":    {`{"env":{"LEADMAGIC_API_KEY":"dummy","X-API-Key":"changeit"}}`, ""},
		"somebody's secret":          {`{"env":{"GITHUB_TOKEN":"ghp_abc"}}`, ""},
	} {
		value, _, _, err := jsonFormat{}.find([]byte(`{"n":`+tt.entry+`}`), []string{"n"})
		if err != nil {
			t.Fatal(err)
		}
		if got := serverOf(value).LiteralKey(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestAnEntryThatStartsThisVeryFileIsOurs(t *testing.T) {
	dir := t.TempDir()
	program, other := filepath.Join(dir, "proxy"), filepath.Join(dir, "other")
	put(t, program, "1")
	put(t, other, "2")
	for command, want := range map[string]bool{program: true, other: false, filepath.Join(dir, "gone"): false, "proxy": false} {
		if got := (Server{Command: command}).ours(program); got != want {
			t.Errorf("%s: got %v", command, got)
		}
	}
}

func TestAnEntryThatALauncherStartsIsOurs(t *testing.T) {
	for line, want := range map[string]bool{
		"npx -y leadmagic-mcp-proxy":                                   true,
		"npx --yes leadmagic-mcp-proxy@0.1.0 --read-only":              true,
		"cmd /c npx -y leadmagic-mcp-proxy@latest":                     true,
		`C:\Windows\System32\cmd.exe /d /s /c npx leadmagic-mcp-proxy`: true,
		"npx.cmd -y leadmagic-mcp-proxy":                               true,
		"npm exec --yes -- leadmagic-mcp-proxy":                        true,
		"pnpm dlx leadmagic-mcp-proxy":                                 true,
		"yarn dlx -q leadmagic-mcp-proxy":                              true,
		"bunx --bun leadmagic-mcp-proxy":                               true,
		"bun x leadmagic-mcp-proxy":                                    true,
		"docker run -i --rm -e LEADMAGIC_API_KEY ghcr.io/leadmagic-mcp-proxy/leadmagic-mcp-proxy:0.1.0": true,
		"npx -y mcp-remote https://mcp.leadmagic.io/mcp":                                                false,
		"npx -y @leadmagic-mcp-proxy/linux-x64":                                                         false,
		"cmd /c npx -y leadmagic":                                                                       false,
	} {
		words := strings.Fields(line)
		if got := (Server{Command: words[0], Args: words[1:]}).ours(""); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
}

func TestHowACommandLineStartsThisProgram(t *testing.T) {
	tests := []struct {
		name string
		line []string
		by   string
		args string // joined with commas
		env  string
		none bool
	}{
		{name: "by its name", line: []string{"leadmagic-mcp-proxy", "-a"}, args: "-a"},
		{name: "by its path", line: []string{"/opt/bin/leadmagic-mcp-proxy"}},
		{name: "on Windows", line: []string{`C:\bin\LeadMagic-MCP-Proxy.EXE`, "-a"}, args: "-a"},
		{name: "by a link of npm", line: []string{`C:\npm\leadmagic-mcp-proxy.cmd`}},
		{name: "under another name", line: []string{"/opt/lm", "-a"}, args: "-a"},
		{name: "npx", line: []string{"npx", "-y", "leadmagic-mcp-proxy", "-a", "b"}, by: "npx", args: "-a,b"},
		{name: "a package of somebody's", line: []string{"npx", "--yes", "@x/leadmagic-mcp-proxy@1.2", "-a"}, by: "npx", args: "-a"},
		{name: "an option's value", line: []string{"npx", "-p", "x", "--", "leadmagic-mcp-proxy", "-a"}, by: "npx", args: "-a"},
		{name: "go run", line: []string{"go", "run", "github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy@latest", "-a"}, by: "go", args: "-a"},
		{name: "env", line: []string{"env", "-i", "A=b", "leadmagic-mcp-proxy"}, by: "env", env: "A=b"},
		{name: "a password manager", line: []string{"op", "run", "--env-file=x", "--", "leadmagic-mcp-proxy", "-a"}, by: "op", args: "-a"},
		{name: "a container", line: []string{"docker", "run", "-e", "A=b", "--env=C=d", "x/leadmagic-mcp-proxy:latest", "-a"}, by: "docker", args: "-a", env: "A=b,C=d"},
		{name: "an image by its digest", line: []string{"docker", "run", "x/leadmagic-mcp-proxy@sha256:0123", "-a"}, by: "docker", args: "-a"},
		{name: "an image by its tag and digest", line: []string{"docker", "run", "x/leadmagic-mcp-proxy:1@sha256:0123", "-a"}, by: "docker", args: "-a"},
		{name: "a shell", line: []string{"sh", "-c", "A='b' exec leadmagic-mcp-proxy -a \"$X\" && echo", "ignored"}, by: "sh", args: "-a,x", env: "A=b"},
		{name: "a shell with arguments", line: []string{"bash", "-c", `leadmagic-mcp-proxy "$@"`, "name", "-a"}, by: "bash", args: "-a"},
		{name: "a shell with arguments of which there are none", line: []string{"bash", "-c", `leadmagic-mcp-proxy "$@"`}, by: "bash"},
		{name: "a shell with a name and no arguments", line: []string{"bash", "-c", `leadmagic-mcp-proxy "$@"`, "name"}, by: "bash"},
		{name: "a script of PowerShell", line: []string{`C:\npm\leadmagic-mcp-proxy.ps1`, "-a"}, args: "-a"},
		{name: "all arguments in another way", line: []string{"sh", "-c", `leadmagic-mcp-proxy -a $*`, "name", "-b"}, by: "sh", args: "-a,-b"},
		{name: "a word of a shell's line that ends with a sign", line: []string{"sh", "-c", "A=b; export A; leadmagic-mcp-proxy -a; rm"}, by: "sh", args: "-a", env: "A=b"},
		{name: "a shell of Windows", line: []string{"cmd", "/c", "leadmagic-mcp-proxy -a", "b"}, by: "cmd", args: "-a,b"},
		{name: "a shell that begins something else", line: []string{"sh", "-c", "cd /x; leadmagic-mcp-proxy -a; rm y"}, by: "sh", args: "-a"},
		{name: "a default in a shell", line: []string{"sh", "-c", "leadmagic-mcp-proxy -a ${NOPE:-d} ${X:-d}"}, by: "sh", args: "-a,d,x"},
		{name: "another program", line: []string{"npx", "mcp-remote", "https://mcp.leadmagic.io"}, none: true},
		{name: "a longer name", line: []string{"npx", "leadmagic-mcp-proxy-evil"}, none: true},
		{name: "nothing", line: []string{""}, none: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			is := func(word string) bool { return word == "/opt/lm" }
			getenv := func(name string) string { return map[string]string{"X": "x"}[name] }
			l, ok := FindLaunch(tt.line[0], tt.line[1:], is, getenv)
			if ok == tt.none || l.By != tt.by || strings.Join(l.Args, ",") != tt.args || strings.Join(l.Env, ",") != tt.env {
				t.Errorf("got %+v, %v", l, ok)
			}
		})
	}
}

func TestAnEditorIsKnownByItsClientInfo(t *testing.T) {
	for client, want := range map[string]string{
		"claude-code":                   `Claude Code: "env": {"NAME": "${NAME}"}`,
		"claude-ai":                     `Claude Desktop: `,
		"cursor-vscode":                 `Cursor: "env": {"NAME": "${env:NAME}"}`,
		"Visual Studio Code - Insiders": `VS Code: "env": {"NAME": "${input:leadmagic-key}"} and an input of that id with "password": true`,
		"windsurf-client":               `Windsurf: "env": {"NAME": "${env:NAME}"}`,
		"codeium-client":                `Windsurf: "env": {"NAME": "${env:NAME}"}`,
		"Zed":                           `Zed: `,
		"gemini-cli-mcp-client":         `Gemini CLI: "env": {"NAME": "$NAME"}`,
		"codex-mcp-client":              `Codex: env_vars = ["NAME"]`,
		"github-copilot-developer":      `Copilot CLI: "env": {"NAME": "${NAME}"}`,
		"Cline":                         `Cline: "env": {"NAME": "${env:NAME}"}`,
		"goose":                         `Goose: `,
		"Roo Code":                      `Roo Code: "env": {"NAME": "${env:NAME}"}`,
		"factory-cli":                   `Factory Droid: `,
		"amp-mcp-client":                `Amp: "env": {"NAME": "${NAME}"}`,
		"kilo":                          `Kilo Code: "environment": {"NAME": "{env:NAME}"}`,
		"qwen-cli-mcp-client":           `Qwen Code: "env": {"NAME": "$NAME"}`,
		"continue-cli-client":           `Continue: `,
		"example-client":                `: `,
		"opencode":                      `opencode: "environment": {"NAME": "{env:NAME}"}`,
		"an editor of its own":          ": ",
		"":                              ": ",
	} {
		e, _ := OfClient(client)
		if got := e.Name() + ": " + e.Naming("NAME"); got != want {
			t.Errorf("%s: got %s, want %s", client, got, want)
		}
	}
}

func TestOnlyAnEditorThatAsksIsToldTo(t *testing.T) {
	c := Command{Path: "/bin/x", Vars: []string{KeyVariable}}
	asks := c
	asks.Prompt = true
	for _, e := range All() {
		if got, plain := e.Snippet(Name, asks), e.Snippet(Name, c); (got != plain) != e.Prompts {
			t.Errorf("%s: with a prompt\n%s\nwithout\n%s", e.ID, got, plain)
		}
	}
}

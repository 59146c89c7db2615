package cli

import (
	"bytes"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/doctor"
)

func TestAReportForATerminal(t *testing.T) {
	report := &doctor.Report{
		Program: doctor.Program{Name: "leadmagic-mcp-proxy", Version: "1.2.3", OS: "linux", Arch: "amd64"},
		Summary: doctor.Summary{OK: 1, Warn: 1, Fail: 2},
		Checks: []doctor.Check{
			{Stage: "key", Name: "source", Status: doctor.OK, Detail: "LEADMAGIC_API_KEY"},
			{Stage: "key", Name: "form", Status: doctor.Warn, Detail: "odd", Hint: "compare it"},
			{Stage: "editors", Editor: "codex", Name: "key", Status: doctor.Fail, Detail: "gone"},
			{Stage: "files", Name: "keys in files", Status: doctor.Skipped, Detail: "none"},
		},
	}
	want := strings.Join([]string{
		"leadmagic-mcp-proxy 1.2.3 (unofficial), linux/amd64",
		"",
		"key",
		"  \x1b[32mok     \x1b[0m  source         LEADMAGIC_API_KEY",
		"  \x1b[33mwarn   \x1b[0m  form           odd",
		"                          hint: compare it",
		"",
		"editors",
		"  \x1b[31mfail   \x1b[0m  codex key      gone",
		"",
		"files",
		"  \x1b[2mskipped\x1b[0m  keys in files  none",
		"",
		"2 things to fix, 1 warning",
		"",
	}, "\n")
	if got := reportText(report, true); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestWhatIsNoTerminalGetsNeitherColourNorProgress(t *testing.T) {
	var out bytes.Buffer
	env := &Env{Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &out}
	if colours(env) {
		t.Error("a file is coloured")
	}
	progress(env)("waiting")
	if out.Len() > 0 {
		t.Errorf("got %q, want nothing", out.String())
	}
}

func TestTheHomeFolderUnderAllItsNames(t *testing.T) {
	home := t.TempDir()
	env := &Env{Getenv: func(name string) string { return map[string]string{"HOME": home, "USERPROFILE": "relative"}[name] }}
	if got := homes(env); len(got) == 0 || got[len(got)-1] != home && got[0] != home {
		t.Errorf("got %q, want %q among them", got, home)
	}
	env.Getenv = func(string) string { return "" }
	if got := homes(env); got != nil {
		t.Errorf("got %q without a home folder", got)
	}
}

func TestOnlyAnOldConsoleKnowsNoColours(t *testing.T) {
	for _, tt := range []struct {
		goos, variable string
		want           bool
	}{
		{"linux", "", true},
		{"darwin", "", true},
		{"windows", "", false},
		{"windows", "WT_SESSION", true},
		{"windows", "TERM", true},
	} {
		getenv := func(name string) string {
			if name == tt.variable {
				return "x"
			}
			return ""
		}
		if got := knowsColours(tt.goos, getenv); got != tt.want {
			t.Errorf("%s with %q set: %v, want %v", tt.goos, tt.variable, got, tt.want)
		}
	}
}

// An entry is read as the program itself reads its flags and variables.
func TestWhatTheProgramMakesOfAnEntry(t *testing.T) {
	const hosted, api, evil = "https://mcp.leadmagic.io/mcp", "https://api.leadmagic.io", "https://evil.example/mcp"
	tests := []struct {
		name      string
		args      []string
		env       map[string]string
		mcp, api  string // where the key goes, empty for nowhere
		from      string // where the hosted server's address is from
		command   string
		sandbox   bool
		refusal   string
		otherFrom map[string]string
	}{
		{name: "nothing given", mcp: hosted, api: api},
		{name: "an address implies its kind", args: []string{"--mcp-url", evil}, mcp: evil, from: "--mcp-url"},
		{name: "the last of two", args: []string{"--mcp-url=" + hosted, "--mcp-url=" + evil}, mcp: evil, from: "--mcp-url"},
		{name: "the value of another flag", args: []string{"--log-file", "--mcp-url", "--ca-file", evil}, mcp: hosted, api: api, otherFrom: map[string]string{"ca-file": "--ca-file", "log-file": "--log-file"}},
		{name: "a variable with blanks", env: map[string]string{"LEADMAGIC_MCP_URL": " " + evil + "\n"}, mcp: evil, from: "LEADMAGIC_MCP_URL"},
		{name: "the flag wins", args: []string{"--mcp-url", hosted}, env: map[string]string{"LEADMAGIC_MCP_URL": evil}, mcp: hosted, from: "--mcp-url"},
		{name: "the sandbox wins over addresses", args: []string{"--sandbox"}, env: map[string]string{"LEADMAGIC_MCP_URL": evil}, sandbox: true},
		{name: "what cannot be used sends nothing", args: []string{"--mcp-url", "http://evil.example"}, from: "--mcp-url", refusal: "it is not https"},
		{name: "an unknown flag", args: []string{"--mcp-url", evil, "--max-credit=5"}, from: "--mcp-url", refusal: "unknown flag: --max-credit"},
		{name: "a flag without its value", args: []string{"--mcp-url"}, refusal: "flag needs an argument"},
		{name: "a proxy that is no URL", env: map[string]string{"HTTPS_PROXY": "http://corp\\me:p@ss#word@host:80"}, refusal: "HTTPS_PROXY"},
		{name: "another command sends the key, too", args: []string{"call", "check_credits", "--json", "--mcp-url", evil}, mcp: evil, from: "--mcp-url", command: "call"},
		{name: "flags before the command", args: []string{"--mcp-url", evil, "tools"}, mcp: evil, from: "--mcp-url", command: "tools"},
		{name: "a word that is no command", args: []string{"word"}, mcp: hosted, api: api, command: "word"},
		{name: "help", args: []string{"--help"}, mcp: hosted, api: api, command: "--help"},
		{name: "version", args: []string{"--version"}, mcp: hosted, api: api, command: "--version"},
		{name: "REST alone", args: []string{"--upstream", "rest"}, env: map[string]string{"LEADMAGIC_HTTP_PROXY": "http://p:1"}, api: api, otherFrom: map[string]string{"upstream": "--upstream", "http-proxy": "LEADMAGIC_HTTP_PROXY"}},
	}
	show := func(u *url.URL) string {
		if u == nil {
			return ""
		}
		return u.String()
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := entrySettings(tt.args, func(name string) string { return tt.env[name] })
			if show(s.MCP) != tt.mcp || strings.TrimSuffix(show(s.API), "/") != tt.api || s.From["mcp-url"] != tt.from || s.Command != tt.command || s.Sandbox != tt.sandbox {
				t.Errorf("got %v, %v, %+v", s.MCP, s.API, s)
			}
			if (s.Refusal == nil) != (tt.refusal == "") || s.Refusal != nil && !strings.Contains(s.Refusal.What, tt.refusal) {
				t.Errorf("got refusal %v, want %q", s.Refusal, tt.refusal)
			}
			for name, from := range tt.otherFrom {
				if s.From[name] != from {
					t.Errorf("%s: got it from %q, want %q", name, s.From[name], from)
				}
			}
		})
	}
}

// Whoever reads only the beginning of an output, as head does, wants no complaint about it.
func TestAReaderThatHasGone(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	for _, args := range []string{
		"tools --sandbox", "tools --sandbox --json", "call --sandbox check_credits", "doctor --offline", "doctor --offline --json", "doctor --offline --report",
		"scan", "scan --json", "install", "install --print cursor", "version", "--help", "help tools", "completion bash",
	} {
		t.Run(args, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			env := &Env{
				Getenv: func(name string) string {
					return map[string]string{"HOME": home, "USERPROFILE": home, "LEADMAGIC_API_KEY": "lm_canary_5f1c0e9a7b3d2468"}[name]
				},
				Environ: func() []string { return []string{"HOME=" + home, "LEADMAGIC_API_KEY=lm_canary_5f1c0e9a7b3d2468"} },
				Stdin:   strings.NewReader(""), Stdout: w, Stderr: &stderr, Version: "1.2.3",
			}
			if code := Run(t.Context(), env, strings.Fields(args)); code != 0 || stderr.Len() > 0 {
				t.Errorf("ended with %d, and said %q", code, stderr.String())
			}
		})
	}
}

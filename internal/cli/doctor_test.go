package cli

import (
	"bytes"
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
	var out bytes.Buffer
	if err := writeReport(&out, report, true); err != nil {
		t.Fatal(err)
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
	if out.String() != want {
		t.Errorf("got\n%q\nwant\n%q", out.String(), want)
	}
}

func TestWhatIsNoTerminalGetsNeitherColourNorProgress(t *testing.T) {
	var out bytes.Buffer
	env := &Env{Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &out}
	if colours(env) {
		t.Error("a file is coloured")
	}
	s := newSpinner(env)
	s.say("waiting")
	s.clear()
	if out.Len() > 0 {
		t.Errorf("got %q, want nothing", out.String())
	}
}

func TestProgressLeavesNothingBehind(t *testing.T) {
	var out bytes.Buffer
	s := &spinner{out: &out}
	s.say("something that is long")
	s.say("short")
	s.clear()
	line := []rune{}
	column := 0
	for _, r := range out.String() {
		if r == '\r' {
			column = 0
			continue
		}
		line = append(line[:column], append([]rune{r}, line[min(column+1, len(line)):]...)...)
		column++
	}
	if left := strings.TrimSpace(string(line)); left != "" || column != 0 {
		t.Errorf("the line shows %q, with the cursor at %d", left, column)
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

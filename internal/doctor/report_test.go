package doctor

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
)

func TestWhatOthersHaveWrittenIsMadeFitToBeShown(t *testing.T) {
	d := newDoctor(t)
	d.Homes, d.System.Folder = []string{"/home/ada", "/data/home/ada"}, "/home/ada/project"
	key, err := auth.Parse("secret-without-prefix-0123456789")
	if err != nil {
		t.Fatal(err)
	}
	d.Keys = auth.Only(key, "a test")
	d.Keys.Redactor = new(auth.Redactor)
	if _, err := d.Keys.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, want string }{
		{"a file in the home folder", "reading /home/ada/.claude.json: no", "reading ~/.claude.json: no"},
		{"the home folder itself", "/home/ada is a folder", "~ is a folder"},
		{"where it leads to", "/data/home/ada/bin/x", "~/bin/x"},
		{"a file in this folder", "/home/ada/project/.mcp.json, line 2", "./.mcp.json, line 2"},
		{"another one's home", "/home/adam/x /mnt/home/ada/y /home/ada2 /home/ada-b /home/ada.c", "/home/adam/x /mnt/home/ada/y /home/ada2 /home/ada-b /home/ada.c"},
		{"two, one behind the other", "/home/ada:/home/ada /home/ada/project/home/ada", "~:~ ./home/ada"},
		{"the sign of Windows", `\home\ada\x`, `~\x`},
		{"several lines and control characters", "one\r\ntwo\x1b[31m three\u202e\x07", "one two three"},
		{"the key", "it is secret-without-prefix-0123456789", "it is [redacted]"},
		{"another key", "it is lm_leaked_5f1c0e9a7b3d2468", "it is <hidden>"},
		{"more than anybody reads", strings.Repeat("ä", 600), strings.Repeat("ä", 499) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := d.tidy(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAReportCountsItsChecks(t *testing.T) {
	d := newDoctor(t)
	r := d.report([]Check{{Status: OK}, {Status: OK}, {Status: Warn}, {Status: Skipped}})
	if want := (Summary{OK: 2, Warn: 1, Skipped: 1}); r.Summary != want || !r.Healthy {
		t.Errorf("got %+v, healthy %v; want %+v, and healthy", r.Summary, r.Healthy, want)
	}
	if r = d.report([]Check{{Status: OK}, {Status: Fail}}); r.Healthy {
		t.Error("got a healthy report with a fault in it")
	}
}

func TestHintsForWindowsAreForPowerShell(t *testing.T) {
	d := newDoctor(t)
	d.System.GOOS = "windows"
	for hint, want := range map[string]string{
		"do without: export A_B=rest":        "do without: $env:A_B='rest'",
		"such as: export A='find_*,check_*'": "such as: $env:A='find_*,check_*'",
		"try again later":                    "try again later",
	} {
		if got := d.report([]Check{{Hint: hint}}).Checks[0].Hint; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Programs read it: a member that is renamed needs another number of the format.
func TestTheFormOfTheJSON(t *testing.T) {
	d := newDoctor(t)
	d.System.GOOS = "plan9"
	report := d.report([]Check{{Stage: atEditors, Editor: "codex", Name: "key", Status: Fail, Detail: "gone", Hint: "look"}, {Stage: atKey, Name: "form", Status: OK, Detail: "fine"}})
	report.Program.Arch = "z80"
	got, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":1,"healthy":false,"program":{"name":"leadmagic-mcp-proxy","version":"1.2.3","os":"plan9","arch":"z80"},` +
		`"summary":{"ok":1,"warn":0,"fail":1,"skipped":0},"checks":[` +
		`{"stage":"editors","editor":"codex","name":"key","status":"fail","detail":"gone","hint":"look"},` +
		`{"stage":"key","name":"form","status":"ok","detail":"fine"}]}`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

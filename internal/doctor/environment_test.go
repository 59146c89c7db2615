package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestTheProgramItsSettingsAndTheKey(t *testing.T) {
	other := func(version string, err error) func(*testing.T, *Doctor) {
		return func(t *testing.T, d *Doctor) {
			t.Helper()
			d.write(t, "bin/leadmagic-mcp-proxy", "")
			d.VersionOf = func(context.Context, string) (string, error) { return version, err }
		}
	}
	tests := []struct {
		name         string
		environ      []string
		spoil        func(*testing.T, *Doctor)
		check        string
		status       Status
		detail, hint string
	}{
		{"the program is on the PATH", nil, other("1.2.3", nil), "program", OK, "version 1.2.3, ~/bin/leadmagic-mcp-proxy", ""},
		{"another version is on the PATH", nil, other("1.2.2", nil), "program", Warn, "this is version 1.2.3, and the first on the PATH, ~/bin/leadmagic-mcp-proxy, is version 1.2.2", "the order of the PATH"},
		{"what is on the PATH does not run", nil, other("", errors.New("exit status 3")), "program", Warn, "does not run: exit status 3", "put the folder of /opt/leadmagic-mcp-proxy before it"},
		{"nothing is on the PATH", nil, nil, "program", Warn, "/opt/leadmagic-mcp-proxy is not on the PATH", "put its folder on the PATH"},

		{"no setting is given", nil, nil, "settings", OK, "all at their defaults", ""},
		{"settings are given", nil, func(_ *testing.T, d *Doctor) { d.Given = []string{"--sandbox", "--tools"} }, "settings", OK, "given: --sandbox, --tools", ""},
		{"settings that cannot be used", nil, func(_ *testing.T, d *Doctor) {
			d.Refusal = problem.New(problem.BadSetting, problem.NotSent, "--upstream is \"no\"", "use one of auto, mcp, rest")
		}, "settings", Fail, "--upstream is \"no\"", "use one of auto"},
		{"nothing is asked with those", nil, nil, "network", Skipped, "the settings cannot be used", ""},
		{"nor is it known where the key goes", nil, nil, "mcp-url", Skipped, "the settings cannot be used", ""},

		{"a key as LeadMagic's are", []string{key}, nil, "form", OK, "as LeadMagic's keys are", ""},
		{"a key of another form", []string{"LEADMAGIC_API_KEY=abcdefghijklmnop"}, nil, "form", Warn, "it does not begin with lm_", "app.leadmagic.io"},
		{"a key that hides another", []string{key, "LEADMAGIC_API_KEY_FILE=KEYFILE"}, nil, "source", OK, "LEADMAGIC_API_KEY; the one from LEADMAGIC_API_KEY_FILE is not used", ""},
		{"a variable without a key", []string{"LEADMAGIC_API_KEY=${LEADMAGIC_API_KEY}", "LEADMAGIC_API_KEY_FILE=KEYFILE"}, nil, "source", OK, "LEADMAGIC_API_KEY_FILE; LEADMAGIC_API_KEY is ${LEADMAGIC_API_KEY}, a reference that nothing has filled in and is passed over", ""},
		{"no key", nil, nil, "source", Fail, "no LeadMagic API key is set", "leadmagic-mcp-proxy login"},
		{"a key file that others can read", []string{"LEADMAGIC_API_KEY_FILE=OPENFILE"}, nil, "file", Warn, "LEADMAGIC_API_KEY_FILE names a file that can be read by others", "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder, environ := t.TempDir(), []string{}
			for name, mode := range map[string]os.FileMode{"KEYFILE": 0o600, "OPENFILE": 0o644} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(canary), mode); err != nil {
					t.Fatal(err)
				}
			}
			for _, entry := range tt.environ {
				for _, name := range []string{"KEYFILE", "OPENFILE"} {
					if entry == "LEADMAGIC_API_KEY_FILE="+name {
						entry = "LEADMAGIC_API_KEY_FILE=" + filepath.Join(folder, name)
					}
				}
				environ = append(environ, entry)
			}
			if runtime.GOOS == "windows" && tt.check == "file" {
				return // the mode says nothing there
			}
			d := newDoctor(t, environ...)
			if tt.spoil != nil {
				tt.spoil(t, d)
			}

			expect(t, d.Examine(t.Context()).Checks, tt.check, tt.status, tt.detail, tt.hint)
		})
	}
}

func TestASourceIsNamedAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDoctor(t, "LEADMAGIC_API_KEY_FILE="+name)
	if c := find(t, d.Examine(t.Context()).Checks, "source"); c.Detail != "LEADMAGIC_API_KEY_FILE" {
		t.Errorf("got %q, want nothing of sources that are not set", c.Detail)
	}
}

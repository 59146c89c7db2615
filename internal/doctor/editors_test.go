package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
)

const key = "LEADMAGIC_API_KEY=" + canary

func TestWhatAnEditorWouldStart(t *testing.T) {
	tests := []struct {
		name, file, text string
		check            string
		status           Status
		detail, hint     string
	}{
		{
			"a program on the PATH", ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\nenv_vars = ['LEADMAGIC_API_KEY']\n",
			"codex command", OK, "leadmagic-mcp-proxy, version 1.2.3", "",
		},
		{
			"a program that is gone", ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = '" + root + "/gone/leadmagic-mcp-proxy'\n",
			"codex command", Fail, "/gone/leadmagic-mcp-proxy does not run: no such file or directory", "install codex --force",
		},
		{
			"a path that depends on the folder", ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'bin/leadmagic-mcp-proxy'\nenv_vars = ['LEADMAGIC_API_KEY']\n",
			"codex command", Warn, "named by a path that others may not have", "install codex --force",
		},
		{
			"a path in a team's file is not started", "./.mcp.json", `{"mcpServers":{"leadmagic":{"command":"/team/leadmagic-mcp-proxy"}}}`,
			"claude-code project command", Warn, "named by a path that others may not have", "install claude-code --project --force",
		},
		{
			"a PATH of the entry's own", ".gemini/settings.json", `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"PATH":"/nowhere"}}}}`,
			"gemini command", Fail, "not on the PATH that Gemini CLI passes on", "install gemini --force",
		},
		{
			"an empty PATH", ".gemini/settings.json", `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"PATH":"","LEADMAGIC_API_KEY":"$LEADMAGIC_API_KEY"}}}}`,
			"gemini command", OK, "version 1.2.3", "",
		},
		{
			"a command of this program that is no server", ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","args":["secret"]}}}`,
			"cursor command", Fail, "so it starts no server", "install cursor --force",
		},
		{
			"another program", ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"/usr/bin/npx --secret","args":["mcp-remote"]}}}`,
			"cursor entry", Warn, "~/.cursor/mcp.json, line 1 starts npx, not this program", "install cursor --force",
		},
		{
			"no program", ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"url":"https://mcp.leadmagic.io/mcp?key=secret"}}}`,
			"cursor entry", OK, "connects to mcp.leadmagic.io by itself, without this program", "",
		},
		{
			"an entry that is switched off", ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","disabled":true}}}`,
			"cursor entry", Warn, "is disabled", "enable leadmagic in Cursor",
		},
		{
			"a file that cannot be read", ".gemini/settings.json", `{"mcpServers":`,
			"gemini entry", Fail, "~/.gemini/settings.json: line 1, column", "correct the file by hand",
		},
		{
			"no entry", ".cursor/mcp.json", `{}`,
			"cursor entry", Skipped, "there is none for leadmagic", "install cursor",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoctor(t, key)
			d.installed(t)
			if strings.HasPrefix(tt.file, "./") {
				d.write(t, ".claude/x", "") // the editor is found
			}
			d.write(t, tt.file, tt.text)
			report := d.Examine(t.Context())
			expect(t, report.Checks, tt.check, tt.status, tt.detail, tt.hint)
			if report.Healthy != (tt.status != Fail) {
				t.Errorf("got healthy %v", report.Healthy)
			}
			for _, c := range report.Checks {
				if strings.Contains(c.Detail+c.Hint, "secret") {
					t.Errorf("%s shows what may be secret: %s", c.Name, c.Detail)
				}
			}
		})
	}
}

func TestWhetherTheKeyWouldArrive(t *testing.T) {
	const codex = "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\n"
	tests := []struct {
		name    string
		environ []string
		file    string
		text    string
		check   string
		status  Status
		detail  string
		hint    string
	}{
		{
			"Codex passes what is named",
			[]string{key},
			".codex/config.toml", codex + "env_vars = ['LEADMAGIC_API_KEY']\n",
			"codex key", OK, "would arrive from LEADMAGIC_API_KEY", "",
		},
		{
			"Codex passes nothing else",
			[]string{key},
			".codex/config.toml", codex,
			"codex key", Fail, "the key would not arrive: Codex does not pass LEADMAGIC_API_KEY on",
			`add env_vars = ["LEADMAGIC_API_KEY"], or run: leadmagic-mcp-proxy install codex --force`,
		},
		{
			"Gemini drops a file's name too",
			[]string{"LEADMAGIC_API_KEY_FILE=KEYFILE"},
			".gemini/settings.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy"}}}`,
			"gemini key", Fail, "Gemini CLI does not pass LEADMAGIC_API_KEY_FILE on", `"LEADMAGIC_API_KEY_FILE": "$LEADMAGIC_API_KEY_FILE"`,
		},
		{
			"Cursor does not fill in the shell's form",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_API_KEY":"${LEADMAGIC_API_KEY}"}}}}`,
			"cursor key", Fail, "LEADMAGIC_API_KEY is ${LEADMAGIC_API_KEY}, a reference that nothing has filled in", `"${env:LEADMAGIC_API_KEY}"`,
		},
		{
			"Cursor's own form, from a dock or not",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_API_KEY":"${env:LEADMAGIC_API_KEY}"}}}}`,
			"cursor key", OK, "would arrive from LEADMAGIC_API_KEY, if Cursor is started where it is set", "",
		},
		{
			"VS Code asks",
			[]string{key},
			".config/Code/User/mcp.json",
			`{"servers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_API_KEY":"${input:leadmagic-key}"}}}}`,
			"vscode key", OK, "VS Code asks for it once and keeps it", "",
		},
		{
			"a key in the file",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_API_KEY":"lm_leaked_5f1c0e9a7b3d2468"}}}}`,
			"cursor key", Fail, "LEADMAGIC_API_KEY holds a key itself", "create a new key",
		},
		{
			"a key among the arguments",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","args":["--key","lm_leaked_5f1c0e9a7b3d2468"]}}}`,
			"cursor key", Fail, "an argument holds a key itself", "create a new key",
		},
		{
			"a key in a header of another server",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"url":"https://mcp.leadmagic.io/mcp","headers":{"x-leadmagic-key":"lm_leaked_5f1c0e9a7b3d2468"}}}}`,
			"cursor key", Fail, "x-leadmagic-key holds a key itself", "create a new key",
		},
		{
			"another key than this shell's",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","envFile":"ENVFILE"}}}`,
			"cursor key", Warn, "another key would arrive than this shell has", "Cursor",
		},
		{
			"the sandbox needs none", nil, ".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","args":["--sandbox"]}}}`,
			"cursor key", OK, "not needed", "",
		},
		{
			"there is none", nil, ".codex/config.toml", codex,
			"codex key", Skipped, "there is no key that could arrive", "",
		},
		{
			"settings are lost with the key",
			[]string{key, "LEADMAGIC_UPSTREAM=rest", "HTTPS_PROXY=http://p:1"},
			".codex/config.toml", codex,
			"codex settings", Warn, "set here, and would not arrive: LEADMAGIC_UPSTREAM, HTTPS_PROXY", `leadmagic-mcp-proxy install codex --force -- --upstream="$LEADMAGIC_UPSTREAM"`,
		},
		{
			"settings that install has the entry name",
			[]string{key, "HTTPS_PROXY=http://p:1"},
			".codex/config.toml", codex,
			"codex settings", Warn, "set here, and would not arrive: HTTPS_PROXY", "leadmagic-mcp-proxy install codex --force",
		},
		{
			"settings that the sandbox does not need",
			[]string{key, "LEADMAGIC_UPSTREAM=rest"},
			".codex/config.toml", codex + "args = ['--sandbox', '--mcp-url', 'https://elsewhere.example']\n",
			"codex key", OK, "not needed: the entry has --sandbox", "",
		},
		{
			"an address that the shell has too",
			[]string{key, "LEADMAGIC_MCP_URL=https://elsewhere.example"},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy"}}}`,
			"cursor key", OK, "would arrive from LEADMAGIC_API_KEY", "",
		},
		{
			"an entry that sends the key elsewhere",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_MCP_URL":"https://elsewhere.example/mcp?token=x"}}}}`,
			"cursor mcp-url", Warn, "sends the key to https://elsewhere.example/mcp?…, which is not an address of LeadMagic", "take LEADMAGIC_MCP_URL out",
		},
		{
			"an argument that sends the key elsewhere",
			[]string{key},
			".cursor/mcp.json",
			`{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","args":["--api-url","https://elsewhere.example"]}}}`,
			"cursor api-url", Warn, "sends the key to https://elsewhere.example, ", "take --api-url out",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range map[string]string{"key": canary, "env": "LEADMAGIC_API_KEY=lm_older_0000000000000000\n"} {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fill := strings.NewReplacer("KEYFILE", filepath.Join(folder, "key"), "ENVFILE", filepath.ToSlash(filepath.Join(folder, "env")))
			var environ []string
			for _, entry := range tt.environ {
				name, value, _ := strings.Cut(entry, "=")
				environ = append(environ, name+"="+fill.Replace(value))
			}
			d := newDoctor(t, environ...)
			d.Wanted = []string{"LEADMAGIC_UPSTREAM", "HTTPS_PROXY", "NO_PROXY", editor.KeyFileVariable}
			d.Carried = []string{"HTTPS_PROXY", "NO_PROXY", editor.KeyFileVariable}
			d.installed(t)
			d.write(t, tt.file, fill.Replace(tt.text))
			id, _, _ := strings.Cut(tt.check, " ")
			checks := d.examineEditors(t, id)
			expect(t, checks, tt.check, tt.status, tt.detail, tt.hint)
			for _, c := range checks {
				if c.Name == "settings" && c.Status == Warn && !strings.HasSuffix(tt.check, " settings") || strings.Contains(c.Detail, "if Codex is started") {
					t.Errorf("%s: got %s, %s", c.Name, c.Status, c.Detail)
				}
				if tt.status == OK && c.Status != OK {
					t.Errorf("%s: got %s, %s", c.Name, c.Status, c.Detail)
				}
				if strings.Contains(c.Detail+c.Hint, "lm_canary") || strings.Contains(c.Detail+c.Hint, "lm_leaked") {
					t.Errorf("%s shows a key", c.Name)
				}
			}
		})
	}
}

// What a key command would do for each editor, and what the keychain would be asked, may disturb a person.
func TestNobodyIsDisturbedForEachEditor(t *testing.T) {
	const claude = `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy"}}}`
	t.Run("the keychain is asked once", func(t *testing.T) {
		d := newDoctor(t, key)
		d.installed(t)
		keychain := &chain{secret: canary}
		d.Keychain = keychain
		d.write(t, ".config/Claude/claude_desktop_config.json", claude)
		d.write(t, ".codeium/windsurf/mcp_config.json", claude)
		report := d.Examine(t.Context())
		for _, id := range []string{"claude-desktop", "windsurf"} {
			if c := find(t, report.Checks, id+" key"); c.Status != OK || c.Detail != "would arrive from the keychain of this system" {
				t.Errorf("%s: got %s, %q", id, c.Status, c.Detail)
			}
		}
		if keychain.asked != 1 {
			t.Errorf("the keychain was asked %d times, want once", keychain.asked)
		}
	})
	t.Run("the command is run for this shell alone", func(t *testing.T) {
		d := newDoctor(t, "LEADMAGIC_API_KEY_COMMAND=leadmagic-mcp-proxy show")
		d.installed(t)
		ran := 0
		d.Keys.Run = func(context.Context, []string, io.Writer) ([]byte, error) {
			ran++
			return []byte(canary), nil
		}
		d.write(t, ".claude.json", claude)
		d.write(t, ".config/zed/settings.json", `{"context_servers":{"leadmagic":{"command":"leadmagic-mcp-proxy","args":[],"env":{"PATH":"/nowhere"}}}}`)
		report := d.Examine(t.Context())
		expect(t, report.Checks, "claude-code key", OK, "would arrive from LEADMAGIC_API_KEY_COMMAND, which was not run for this", "")
		expect(t, report.Checks, "zed key", Fail, "names a program that is not there", "")
		if ran != 1 {
			t.Errorf("the command ran %d times, want once", ran)
		}
	})
}

func TestWhatClaudeCodeKeepsForOneFolder(t *testing.T) {
	d := newDoctor(t, key)
	d.installed(t)
	entries := func(folder string, written func(string) string) string {
		here, err := filepath.EvalSymlinks(folder)
		if err != nil {
			t.Fatal(err)
		}
		here = written(here)
		doc, err := json.Marshal(map[string]any{"projects": map[string]any{here: map[string]any{"mcpServers": map[string]any{
			"leadmagic": map[string]any{"command": "leadmagic-mcp-proxy", "env": map[string]string{editor.KeyVariable: "$LEADMAGIC_API_KEY"}},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(doc)
	}
	d.write(t, ".claude.json", entries(d.System.Folder, filepath.ToSlash))
	expect(t, d.Examine(t.Context()).Checks, "claude-code local entry", OK, "~/.claude.json, line 1", "")
	d.write(t, ".claude.json", entries(d.System.Folder, filepath.FromSlash))
	checks := d.Examine(t.Context()).Checks
	expect(t, checks, "claude-code local entry", OK, "~/.claude.json, line 1", "")
	expect(t, checks, "claude-code local command", OK, "version 1.2.3", "")
	expect(t, checks, "claude-code local key", Fail, "a reference that nothing has filled in", "claude mcp remove --scope local leadmagic, then: leadmagic-mcp-proxy install claude-code --force")

	d.write(t, ".claude.json", entries(t.TempDir(), filepath.FromSlash))
	expect(t, d.Examine(t.Context()).Checks, "claude-code entry", Skipped, "there is none for leadmagic", "install claude-code")

	d.write(t, ".claude.json", `{"mcpServers":`)
	faults, notThere := 0, false
	for _, c := range d.Examine(t.Context()).Checks {
		if c.Editor == "claude-code" && c.Status == Fail {
			faults++
		}
		notThere = notThere || strings.Contains(c.Detail, "there is none")
	}
	if faults != 1 || notThere {
		t.Errorf("a broken file is named %d times, want once, and nothing said to be missing: %v", faults, notThere)
	}
}

func TestAProgramInTheFolderOfOneVersion(t *testing.T) {
	d := newDoctor(t, key)
	d.VersionOf = func(context.Context, string) (string, error) { return d.Version, nil }
	program := d.write(t, "brew/Cellar/leadmagic-mcp-proxy/1.2.3/bin/leadmagic-mcp-proxy", "")
	d.write(t, ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"`+filepath.ToSlash(program)+`"}}}`)
	expect(t, d.Examine(t.Context()).Checks, "cursor command", OK, "version 1.2.3", "")

	link := filepath.Join(filepath.Dir(d.write(t, "brew/bin/x", "")), "leadmagic-mcp-proxy")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	expect(t, d.Examine(t.Context()).Checks, "cursor command", Warn,
		"goes with the next upgrade; ~/brew/bin/leadmagic-mcp-proxy stays", "install cursor --force")
}

func TestProgramsThatDoNotAnswerAreWaitedForSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 3 * time.Second
		d := newDoctor(t, key)
		d.VersionOf = func(context.Context, string) (string, error) {
			<-time.After(patience)
			return "", errors.New("it gave no answer")
		}
		entry := `{"mcpServers":{"leadmagic":{"command":"` + root + `/slow/leadmagic-mcp-proxy"}}}`
		for _, name := range []string{".claude.json", ".copilot/mcp-config.json", ".cursor/mcp.json"} {
			d.write(t, name, entry)
		}
		start := time.Now()
		report := d.Examine(t.Context())
		if took := time.Since(start); took != patience {
			t.Errorf("got a report after %s, want one after %s", took, patience)
		}
		var order []string
		for _, c := range report.Checks {
			if c.Name == "command" {
				order = append(order, c.Editor)
			}
		}
		if got, want := strings.Join(order, " "), "claude-code cursor copilot-cli"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Only the shell's own PATH leads to what is started, but this very program needs no start.
func TestAPATHOfAnEntry(t *testing.T) {
	d := newDoctor(t, key)
	d.installed(t)
	other := d.write(t, "other/leadmagic-mcp-proxy", "")
	whole := d.VersionOf
	d.VersionOf = func(ctx context.Context, file string) (string, error) {
		if file == other {
			t.Errorf("%s is started", file)
		}
		return whole(ctx, file)
	}
	d.write(t, ".gemini/settings.json", `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"PATH":"`+filepath.ToSlash(filepath.Dir(other))+`"}}}}`)
	expect(t, d.Examine(t.Context()).Checks, "gemini command", Warn, "leads to ~/other/leadmagic-mcp-proxy, which is not what this shell would start and was not started", "take PATH out of it")
	d.Executable = other
	expect(t, d.Examine(t.Context()).Checks, "gemini command", OK, "~/other/leadmagic-mcp-proxy, version 1.2.3", "")
}

func TestAnEditorThatWasAskedForIsLookedAtAlone(t *testing.T) {
	d := newDoctor(t, key)
	d.write(t, ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"x","env":{"LEADMAGIC_API_KEY":"lm_leaked_5f1c0e9a7b3d2468"}}}}`)
	zed, _ := editor.Lookup("zed")
	d.Editors, d.Named = []editor.Editor{zed}, true
	report := d.Examine(t.Context())
	expect(t, report.Checks, "zed entry", Fail, "there is none for leadmagic", "install zed")
	expect(t, report.Checks, "keys in files", OK, "none in those of Zed", "")
}

func TestTheSandboxHasAKeyThatNoEditorHas(t *testing.T) {
	d := newDoctor(t, key)
	d.Sandbox = true
	d.installed(t)
	d.write(t, ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\n")
	expect(t, d.Examine(t.Context()).Checks, "codex key", Skipped, "there is no key that could arrive", "")
}

func TestAMachineWithoutEditors(t *testing.T) {
	d := newDoctor(t, key)
	expect(t, d.Examine(t.Context()).Checks, "editors", Skipped, "none was found on this machine", "leadmagic-mcp-proxy install lists those")
}

func TestVariablesHaveOneNameInAnyCaseOnWindows(t *testing.T) {
	environ := []string{"Path=C:\\bin", "A=b=c"}
	if got := lookup("windows", environ)("PATH"); got != "C:\\bin" {
		t.Errorf("got %q on Windows", got)
	}
	if got := lookup("linux", environ)("PATH"); got != "" {
		t.Errorf("got %q on Linux", got)
	}
	if got := lookup("linux", environ)("A"); got != "b=c" {
		t.Errorf("got %q, want b=c", got)
	}
}

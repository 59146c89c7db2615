package auth

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestAMissingKeySaysWhatWasFoundInstead(t *testing.T) {
	tests := []struct {
		name string
		set  map[string]string
		want string
	}{
		{"nothing", nil, "no LeadMagic API key is set"},
		{"an empty variable", map[string]string{variable: ""}, "no LeadMagic API key is set: LEADMAGIC_API_KEY is empty"},
		{
			"a reference",
			map[string]string{variable: "${LEADMAGIC_API_KEY}"},
			"no LeadMagic API key is set: LEADMAGIC_API_KEY is ${…}, a reference that nothing has filled in",
		},
		{
			"a dollar before a key",
			map[string]string{variable: "$" + canary},
			"no LeadMagic API key is set: LEADMAGIC_API_KEY is $…, a reference that nothing has filled in",
		},
		{"a sample", map[string]string{variable: "lm_your_api_key_here"}, "no LeadMagic API key is set: LEADMAGIC_API_KEY is a sample, not a key"},
		{"a near miss", map[string]string{"LEADMAGIC_KEY": canary}, "no LeadMagic API key is set: LEADMAGIC_KEY is set, but the name is LEADMAGIC_API_KEY"},
		{"a near miss of another variable", map[string]string{"LEADMAGIC_KEY_FILE": "/key"}, "no LeadMagic API key is set: LEADMAGIC_KEY_FILE is set, but the name is LEADMAGIC_API_KEY_FILE"},
		{"a near miss that holds a reference", map[string]string{"LEADMAGIC_KEY": "${env:KEY}"}, "no LeadMagic API key is set"},
		{"a near miss in small letters", map[string]string{"leadmagic_api_key": canary}, "no LeadMagic API key is set: leadmagic_api_key is set, but the name is LEADMAGIC_API_KEY"},
		{"other variables of ours", map[string]string{"LEADMAGIC_API_URL": "x", "LEADMAGIC_MCP_URL": "x"}, "no LeadMagic API key is set"},
		{
			"several",
			map[string]string{variable: "<key>", fileVariable: "${env:KEY_FILE}"},
			"no LeadMagic API key is set: LEADMAGIC_API_KEY is <…>, a reference that nothing has filled in; " +
				"LEADMAGIC_API_KEY_FILE is ${env:…}, a reference that nothing has filled in",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			maps.Copy(m.values, tt.set)
			_, err := m.Get(t.Context())
			p := problem.As(err)
			want := strings.ReplaceAll(tt.want, "is ${…}", "is ${LEADMAGIC_API_KEY}")
			if p == nil || p.Code != problem.KeyMissing || p.Outcome != problem.NotSent || p.What != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if leaks(p.Line()) {
				t.Error("the problem shows the key")
			}
		})
	}
}

func TestWhichNamesAreAlmostRight(t *testing.T) {
	for name, want := range map[string]string{
		"LEADMAGIC_KEY": variable, "LEADMAGIC_APIKEY": variable, "LEAD_MAGIC_API_KEY": variable, "LEADMAGIC_TOKEN": variable, "LEADMAGIC_API_TOKEN": variable,
		"LEADMAGIC_SECRET": variable, "LEADMAGIC_API": variable, "LM_API_KEY": variable, "LM_KEY": variable, "leadmagic-api-key": variable,
		"MY_LEADMAGIC_KEY": variable, "LEADMAGIC_KEY_FILE": fileVariable, "LEADMAGIC_KEY_PATH": fileVariable, "LEADMAGIC_TOKEN_CMD": commandVariable,
		"LEADMAGIC_KEYCOMMAND": commandVariable,
		variable:               "", fileVariable: "", commandVariable: "", "": "", "OPENAI_API_KEY": "", "API_KEY": "", "KEY": "", "SSH_KEY_FILE": "", "LM_STUDIO_KEY": "",
		"GITHUB_TOKEN": "", "CLIENT_SECRET": "", "LEADMAGIC_MCP_URL": "", "LEADMAGIC_API_URL": "", "LEADMAGIC_LOG_FILE": "", "LEADMAGIC": "", "LM_API": "",
	} {
		if got := NearestVariable(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

var (
	cursor  = Syntax{"Cursor", `"env": {"NAME": "${env:NAME}"}`}
	desktop = Syntax{"Claude Desktop", ""}
)

func TestAdviceIsInTheEditorsOwnSyntax(t *testing.T) {
	for editor, want := range map[Syntax]string{
		cursor:  `in Cursor, write "env": {"LEADMAGIC_API_KEY": "${env:LEADMAGIC_API_KEY}"} and set LEADMAGIC_API_KEY where Cursor is started; or run: leadmagic-mcp-proxy login`,
		desktop: `run: leadmagic-mcp-proxy login; or write "env": {"LEADMAGIC_API_KEY_FILE": "…"} with the path of a file in Claude Desktop`,
		{"VS Code", `"env": {"NAME": "${input:leadmagic-key}"} and an input`}: `in VS Code, write "env": {"LEADMAGIC_API_KEY": "${input:leadmagic-key}"} and an input; or run: leadmagic-mcp-proxy login`,
		{"Codex", `env_vars = ["NAME"]`}:                                      `in Codex, write env_vars = ["LEADMAGIC_API_KEY"] and set LEADMAGIC_API_KEY where Codex is started; or run: leadmagic-mcp-proxy login`,
		{}:                                                                    "",
	} {
		m := newMachine(t)
		if _, err := m.Get(t.Context()); err == nil {
			t.Fatal("there is a key")
		}
		if got := m.Advice(editor); got != want {
			t.Errorf("%s: got %q, want %q", editor.Editor, got, want)
		}
	}
}

func TestAdviceFollowsWhatWasFound(t *testing.T) {
	empty, reference := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "reference")
	for path, content := range map[string]string{empty: "\n", reference: "${LEADMAGIC_API_KEY}"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		set    map[string]string
		editor Syntax
		want   string
	}{
		{"a reference in the file's variable", map[string]string{fileVariable: "${LEADMAGIC_API_KEY_FILE}"}, cursor, `"LEADMAGIC_API_KEY_FILE": "${env:LEADMAGIC_API_KEY_FILE}"`},
		{"a reference in an editor that fills in none", map[string]string{variable: "${LEADMAGIC_API_KEY}"}, desktop, "Claude Desktop fills in no references"},
		{"a reference in an unknown editor", map[string]string{variable: "${LEADMAGIC_API_KEY}"}, Syntax{}, "set LEADMAGIC_API_KEY where the editor is started"},
		{"two references", map[string]string{variable: "${LEADMAGIC_API_KEY}", fileVariable: "${LEADMAGIC_API_KEY_FILE}"}, cursor, `"LEADMAGIC_API_KEY": "${env:LEADMAGIC_API_KEY}"`},
		{"a near miss", map[string]string{"LEADMAGIC_KEY": canary}, cursor, "name it LEADMAGIC_API_KEY instead of LEADMAGIC_KEY"},
		{"a near miss of the file's variable", map[string]string{"LEADMAGIC_API_KEYFILE": "/key"}, Syntax{}, "name it LEADMAGIC_API_KEY_FILE instead of LEADMAGIC_API_KEYFILE"},
		{"a near miss of the command's variable", map[string]string{"LEADMAGIC_KEY_CMD": "pass"}, Syntax{}, "name it LEADMAGIC_API_KEY_COMMAND instead of LEADMAGIC_KEY_CMD"},
		{"an empty file", map[string]string{fileVariable: empty}, cursor, "write the key into " + empty},
		{"a reference in an empty file's stead", map[string]string{fileVariable: reference}, cursor, "write the key into " + reference},
		{"a command that prints nothing", map[string]string{commandVariable: "true"}, cursor, "make it print the key alone, in one line"},
	}
	for _, tt := range tests {
		m := newMachine(t)
		m.print = says("")
		maps.Copy(m.values, tt.set)
		if _, err := m.Get(t.Context()); err == nil {
			t.Fatal("there is a key")
		}
		if got := m.Advice(tt.editor); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAnOddKeyIsReported(t *testing.T) {
	m := newMachine(t)
	m.values[variable] = "0123456789abcdef"
	if _, err := m.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Describe(); !got.Odd || got.Source != variable {
		t.Errorf("%+v, want a key that does not look like those of LeadMagic", got)
	}
}

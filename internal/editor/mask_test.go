package editor

import (
	"bytes"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

func TestMaskedHidesSecretsOfAllKinds(t *testing.T) {
	text := strings.Join([]string{
		`"LEADMAGIC_API_KEY": "` + canary + `",`,
		`"GITHUB_TOKEN": "ghp_abc", "A": "b", "ref": "${env:GITHUB_TOKEN}",`,
		`"args": ["--api-key", "s3cret", "--password=s3cret", "plain"],`,
		`"password": true, "id": "leadmagic-key", "GITHUB_TOKEN": "${env:GITHUB_TOKEN}",`,
		`env_vars = ["LEADMAGIC_API_KEY", "HTTPS_PROXY"]`,
		`client_secret = 's3cret'`,
		`"LEADMAGIC_API_KEY_FILE": "/home/u/key", "args": ["--auth-scheme", "bearer", "--key-file=/home/u/key"],`,
		`  OTHER_TOKEN: s3cret # mine`,
		`"A_TOKEN": " ${X}", "B_TOKEN": "Bearer ${X}", "C_TOKEN": "Bearer {X}", "D_TOKEN": "Bearer X", "E_TOKEN": " %X% ", "F_TOKEN": " ",`,
		`  - api-key: s3cret`,
		`envs: {OTHER_TOKEN: s3cret, A: b, SECRET: ${{ secrets.X }}}`,
	}, "\n")
	want := strings.Join([]string{
		`"LEADMAGIC_API_KEY": "<hidden>",`,
		`"GITHUB_TOKEN": "<hidden>", "A": "b", "ref": "${env:GITHUB_TOKEN}",`,
		`"args": ["--api-key", "<hidden>", "--password=<hidden>", "plain"],`,
		`"password": true, "id": "leadmagic-key", "GITHUB_TOKEN": "${env:GITHUB_TOKEN}",`,
		`env_vars = ["LEADMAGIC_API_KEY", "HTTPS_PROXY"]`,
		`client_secret = '<hidden>'`,
		`"LEADMAGIC_API_KEY_FILE": "/home/u/key", "args": ["--auth-scheme", "bearer", "--key-file=/home/u/key"],`,
		`  OTHER_TOKEN: <hidden>`,
		`"A_TOKEN": " ${X}", "B_TOKEN": "Bearer ${X}", "C_TOKEN": "Bearer {X}", "D_TOKEN": "<hidden>", "E_TOKEN": " %X% ", "F_TOKEN": " ",`,
		`  - api-key: <hidden>`,
		`envs: {OTHER_TOKEN: <hidden>, A: b, SECRET: ${{ secrets.X }}}`,
	}, "\n")
	if got := string(masked([]byte(text))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzNothingMaskedHoldsAKey(f *testing.F) {
	f.Add([]byte(`{"LEADMAGIC_API_KEY": "` + canary + `"}`))
	f.Add([]byte("x-api-key='" + canary + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := masked(text)
		if keyscan.Hide(string(got)) != string(got) || bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

package auth

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestACommandKeepsItsBackslashes(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{`C:\tools\getkey.bat`, []string{`C:\tools\getkey.bat`}},
		{`C:\tools\getkey.bat leadmagic`, []string{`C:\tools\getkey.bat`, "leadmagic"}},
		{`"C:\Program Files\op\op.exe" read "op://team/lead magic/key"`, []string{`C:\Program Files\op\op.exe`, "read", "op://team/lead magic/key"}},
		{`\\server\share\key.exe --dir "C:\keys\\" 'it''s'`, []string{`\\server\share\key.exe`, "--dir", `C:\keys\`, `'it''s'`}},
	}
	for _, tt := range tests {
		m := newMachine(t)
		var got []string
		m.Run = func(_ context.Context, words []string, _ io.Writer) ([]byte, error) {
			got = words
			return []byte(canary), nil
		}
		m.values[commandVariable] = tt.line
		if _, err := m.Get(t.Context()); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: started %q, %v; want %q", tt.line, got, err, tt.want)
		}
	}
}

func TestABatchFilePrintsTheKey(t *testing.T) {
	m := newMachine(t)
	m.Run = nil
	name := filepath.Join(m.dir, "get key.bat")
	if err := os.WriteFile(name, []byte("@echo off\r\necho "+canary+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.values[commandVariable] = `"` + name + `"`
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("it is not taken: %v", err)
	}
}

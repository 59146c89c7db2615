//go:build unix

package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheVersionOfAnotherProgram(t *testing.T) {
	tests := []struct{ name, script, want, problem string }{
		{"an older one", `echo "leadmagic-mcp-proxy 0.9.0 (unofficial: an independent client for LeadMagic)"`, "0.9.0", ""},
		{"another program of the same name", `echo "usage: …"`, "", "does not say its version"},
		{"one that fails", `exit 3`, "", "exit status 3"},
		{"one that is told nothing of ours", `test -z "$LEADMAGIC_API_KEY" && echo "leadmagic-mcp-proxy 1 x"`, "1", ""},
		{"one that says more than that", `echo "leadmagic-mcp-proxy 1 x"; exec yes`, "", "no answer in"},
		{"one that hangs", `exec sleep 60`, "", "no answer in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "leadmagic-mcp-proxy")
			if err := os.WriteFile(file, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if strings.Contains(tt.script, "exec ") {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			env := &Env{Version: "1.2.3", Environ: func() []string { return append(os.Environ(), "LEADMAGIC_API_KEY=lm_canary_5f1c0e9a7b3d2468") }}
			got, err := versionOf(ctx, env, file)
			if got != tt.want || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tt.want, tt.problem)
			}
		})
	}
	if _, err := versionOf(t.Context(), &Env{Environ: func() []string { return nil }}, "/nonexistent/leadmagic-mcp-proxy"); err == nil || err.Error() != "no such file or directory" {
		t.Errorf("got %v of a program that is not there", err)
	}
}

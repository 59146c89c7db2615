package cli

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// Every open editor starts a session, which therefore makes no commands, no table of editors and no help. Memory stands for
// time here, which depends on the machine.
func TestASessionBeginsWithLittle(t *testing.T) {
	const most = 128 << 10 // half of it is the buffer for the editor's lines
	env := &Env{
		Getenv: func(name string) string {
			return map[string]string{"LEADMAGIC_API_KEY": "lm_" + strings.Repeat("a", 20)}[name]
		},
		Environ: func() []string { return nil }, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Version: "test",
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if code := Run(t.Context(), env, nil); code != 0 {
		t.Fatalf("it exits with %d", code)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("a session that is asked nothing takes %d bytes, more than %d", got, most)
	}
}

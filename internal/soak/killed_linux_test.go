package soak

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

const (
	hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + withSessions +
		`","capabilities":{},"clientInfo":{"name":"soak","version":"1"}}}` + "\n"
	slowCall = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"delay_ms":300}}}` + "\n"
)

// TestAKilledEditorTakesTheProgramWithIt kills the parent of the program, which cannot say goodbye.
func TestAKilledEditorTakesTheProgramWithIt(t *testing.T) {
	for _, tt := range []struct{ name, says string }{
		{"while nothing is going on", hello},
		{"while a call is in flight", hello + slowCall},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSandbox(t, faults.Options{TestTools: true})
			// Both processes hold the write end; the read end is at its end when both are gone.
			living, held, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer living.Close()
			parent := exec.Command(os.Args[0]) //nolint:noctx // it is killed, which is what is tested
			parent.Env = append(scratch(t.TempDir()), at(s)...)
			parent.Env = append(parent.Env, roleVariable+"=editor", optionsVariable+"="+built, "SOAK_SAYS="+tt.says)
			parent.Stderr = held
			stdout, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			_ = held.Close()
			if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
				t.Fatalf("the editor has not opened its session: %q %v", line, err)
			}
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed := time.Now()
			if err := living.SetReadDeadline(killed.Add(patience)); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(living)
			if err != nil {
				t.Fatalf("the program lives on: %v", err)
			}
			_ = parent.Wait() // it was killed, and says so
			if strings.Count(string(said), "\n") > 1 || strings.Contains(string(said), "panic") || strings.Contains(string(said), canary) {
				t.Errorf("the program said %q", said)
			}
			if took := time.Since(killed); took > 10*time.Second {
				t.Errorf("the program has lived on for %v", took)
			}
			if left := s.Sessions(); left != 0 {
				t.Errorf("LeadMagic still keeps %d sessions", left)
			}
		})
	}
}

// TestPipesAreClosedInAnyOrder closes them while a call is in flight.
func TestPipesAreClosedInAnyOrder(t *testing.T) {
	tests := []struct {
		name  string
		close func(p *program)
	}{
		{"first the one it reads", func(p *program) { _ = p.stdin.Close(); _ = p.stdout.Close() }},
		{"first the one it writes", func(p *program) { _ = p.stdout.Close(); _ = p.stdin.Close() }},
		{"only the one it writes", func(p *program) { _ = p.stdout.Close() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startSandbox(t, faults.Options{TestTools: true})
			p := start(t, at(s))
			if _, err := io.WriteString(p.stdin, hello); err != nil {
				t.Fatal(err)
			}
			if line, err := p.lines.ReadString('\n'); err != nil {
				t.Fatalf("the session was not opened: %q %v", line, err)
			}
			if _, err := io.WriteString(p.stdin, slowCall); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the call is in flight", func() bool { return s.CallCount() == 1 })
			begun := time.Now()
			tt.close(p)
			go p.wait()
			p.awaitEnd()
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("the program has lived on for %v", took)
			}
			if state := p.cmd.ProcessState; !state.Exited() || state.ExitCode() > 1 {
				t.Errorf("the program ended with %v\n%s", state, p.stderr.String())
			}
			if left := s.Sessions(); left != 0 {
				t.Errorf("LeadMagic still keeps %d sessions", left)
			}
		})
	}
}

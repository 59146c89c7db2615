package soak

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// patience is how long anything may take that should be soon, on a machine that is busy.
const patience = time.Minute

// A program is the real program, started as an editor does.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	lines  *bufio.Reader // of stdout
	stderr bytes.Buffer  // whole once ended
	ended  chan struct{} // closed when the process is gone
	err    error         // of its end
}

// start starts the program with a scratch home and these variables, "NAME=value", besides.
func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := prepare(t, env, args...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func prepare(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(built, args...), ended: make(chan struct{})} //nolint:noctx // the test ends it
	p.cmd.Env = append(scratch(t.TempDir()), env...)
	p.cmd.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewReaderSize(p.stdout, 64<<10)
	return p
}

// scratch is an environment without anything of ours, at home in dir.
func scratch(dir string) []string {
	env := []string{
		"HOME=" + dir, "USERPROFILE=" + dir, "TMPDIR=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir,
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent",
	}
	for _, name := range []string{"PATH", "SystemRoot"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env
}

// at are the variables for a sandbox with the canary as key.
func at(s *faults.Server) []string {
	return []string{"LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=" + s.URL + "/mcp"}
}

// inProcess is the program running in this process, over pipes. Its err is set before stdout ends.
func inProcess(t *testing.T, stdin io.WriteCloser, stdout io.ReadCloser) *program {
	return &program{t: t, stdin: stdin, stdout: stdout, lines: bufio.NewReader(stdout), ended: make(chan struct{})}
}

// wait collects the process once its stdout is at its end, or is not wanted any more.
func (p *program) wait() {
	if p.cmd != nil {
		p.err = p.cmd.Wait()
	}
	close(p.ended)
}

// awaitEnd waits until the process is gone.
func (p *program) awaitEnd() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("the program does not end")
	}
	if strings.Contains(p.stderr.String(), canary) {
		p.t.Error("the program has printed the key on stderr")
	}
}

// startSandbox starts one with the canary as key and credits enough for any test.
func startSandbox(t *testing.T, o faults.Options) *faults.Server {
	t.Helper()
	o.Key, o.Credits = canary, 10_000_000
	s, err := faults.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// eventually waits for what another process brings about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

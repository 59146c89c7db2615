package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A program is a running relay or proxy.
type program struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

const hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`

// begin starts a program and opens its session.
func begin(b *testing.B, path, url string) *program {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), path) // it ends with its input
	cmd.Env = append(without(os.Environ(), "LEADMAGIC_"), "LEADMAGIC_MCP_URL="+url, "LEADMAGIC_API_KEY=lm_canary_5f1c0e9a7b3d2468")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p := &program{cmd, stdin, bufio.NewReaderSize(stdout, 1<<20)}
	p.ask(b, hello)
	return p
}

// ready says the rest of the handshake.
func (p *program) ready(b *testing.B) *program {
	b.Helper()
	p.say(b, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	p.ask(b, call(1, "small"))
	return p
}

func without(environ []string, prefix string) []string {
	var kept []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, prefix) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func call(id int, what string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"find_work_email","arguments":{"size":%q,"full_name":"Ada Lovelace"}}}`, id, what)
}

func (p *program) say(b *testing.B, line string) {
	b.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		b.Fatal(err)
	}
}

// hear reads a line, and returns how long it is.
func (p *program) hear(b *testing.B) int {
	b.Helper()
	n := 0
	for {
		part, err := p.out.ReadSlice('\n')
		n += len(part)
		switch {
		case err == nil:
			return n
		case !errors.Is(err, bufio.ErrBufferFull):
			b.Fatal(err)
		}
	}
}

func (p *program) ask(b *testing.B, line string) time.Duration {
	b.Helper()
	start := time.Now()
	p.say(b, line)
	if n := p.hear(b); n < 20 {
		b.Fatalf("got an answer of %d bytes", n)
	}
	return time.Since(start)
}

func (p *program) end(b *testing.B) {
	b.Helper()
	_ = p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

// resident is how much memory the program holds, in bytes; 0 where the system does not tell.
func (p *program) resident() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kB float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kB); err == nil {
			return kB * 1024
		}
	}
	return 0
}

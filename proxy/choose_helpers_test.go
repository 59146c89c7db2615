package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// scripted is an upstream that answers as it is told: a nil answer leaves the call open.
type scripted struct {
	answer func(m *Message) *Message

	deliver func(*Message)
	mu      sync.Mutex
	seen    []string
}

func (s *scripted) Open(_ *Handshake, deliver func(*Message)) { s.deliver = deliver }
func (s *scripted) Close(context.Context)                     {}

func (s *scripted) Send(m *Message) {
	what := m.Method
	if what == "tools/call" {
		what += " " + m.Param("name")
	}
	s.mu.Lock()
	s.seen = append(s.seen, what)
	s.mu.Unlock()
	if m.Kind != Call {
		return
	}
	if a := s.answer(m); a != nil {
		a.call = m
		go s.deliver(a)
	}
}

func (s *scripted) methods() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// says answers each call with a result that names who gave it, and initialize with a protocol version.
func says(name, version string) func(*Message) *Message {
	return func(m *Message) *Message {
		result := fmt.Sprintf(`{"from":%q}`, name)
		if m.Method == "initialize" {
			result = fmt.Sprintf(`{"from":%q,"protocolVersion":%q}`, name, version)
		}
		return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`)
	}
}

func refuses(p *problem.Problem) func(*Message) *Message {
	return func(m *Message) *Message { return m.failed(p) }
}

func silent(*Message) *Message { return nil }

// desk is an editor in front of a Choose.
type desk struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	ended chan error
}

func sit(t *testing.T, c *Choose) *desk {
	t.Helper()
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	d := &desk{t: t, in: in, lines: make(chan string, 100), ended: make(chan error, 1)}
	c.Log = slog.New(slog.DiscardHandler)
	if c.Explained == nil {
		c.Explained = func(*problem.Problem) {}
	}
	if c.KeyChanged == nil {
		c.KeyChanged = func() bool { return false }
	}
	go func() {
		err := Run(t.Context(), Options{In: inRead, Out: outWrite, Upstream: c, Log: c.Log})
		_ = outWrite.Close()
		d.ended <- err
	}()
	go func() {
		defer close(d.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			d.lines <- scanner.Text()
		}
	}()
	return d
}

func (d *desk) say(line string) {
	d.t.Helper()
	if _, err := io.WriteString(d.in, line+"\n"); err != nil {
		d.t.Fatal(err)
	}
}

// hear is the next line, which must have all parts.
func (d *desk) hear(parts ...string) {
	d.t.Helper()
	line, open := <-d.lines
	if !open {
		d.t.Fatalf("the session ended before %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(line, part) {
			d.t.Fatalf("got %s\nwant it to have %s", line, part)
		}
	}
}

// leave closes the editor's side; nothing more may come.
func (d *desk) leave() {
	d.t.Helper()
	_ = d.in.Close()
	if line, open := <-d.lines; open {
		d.t.Errorf("got %s\nwant nothing more", line)
	}
	if err := <-d.ended; err != nil {
		d.t.Errorf("Run: %v", err)
	}
}

// pass lets time go by in a synctest bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const (
	hello   = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"desk"}}}`
	ready   = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	find1   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}`
	ask2    = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"leadmagic_status"}}`
	metaOf  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	modern3 = `{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`
	probe4  = `{"jsonrpc":"2.0","id":4,"method":"server/discover","params":{` + metaOf + `}}`
)

var (
	noKey   = problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")
	down    = problem.New(problem.Unreachable, problem.NotSent, "nobody is there", "wait")
	signIn  = problem.New(problem.SignInRequired, problem.Refused, "a sign-in is asked for", "use rest")
	version = "2025-06-18"
)

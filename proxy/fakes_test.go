package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// wire is what the fake upstreams have in common: a response that they deliver goes to the call that waits for it, and
// whatever else to the editor.
type wire struct {
	notify  func(*jsonrpc.Message)
	mu      sync.Mutex
	waiting map[string][]chan *jsonrpc.Message
	closed  chan struct{}
}

func (w *wire) Start(notify func(*jsonrpc.Message)) {
	w.notify, w.closed = notify, make(chan struct{})
}

func (w *wire) Close(context.Context) { close(w.closed) }

func (w *wire) deliver(m *jsonrpc.Message) {
	if m.Kind != jsonrpc.Response {
		w.notify(m)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := jsonrpc.NormalizeID(m.ID)
	if list := w.waiting[id]; len(list) > 0 {
		w.waiting[id] = list[1:]
		list[0] <- m
	}
}

// call gives m to send and waits for the response, as upstreams do.
func (w *wire) call(ctx context.Context, m *jsonrpc.Message, send func(*jsonrpc.Message)) *jsonrpc.Message {
	if ctx.Err() != nil {
		return jsonrpc.Failed(m, problem.NeverSent(ctx))
	}
	response := make(chan *jsonrpc.Message, 1)
	w.mu.Lock()
	if w.waiting == nil {
		w.waiting = make(map[string][]chan *jsonrpc.Message)
	}
	id := jsonrpc.NormalizeID(m.ID)
	w.waiting[id] = append(w.waiting[id], response)
	w.mu.Unlock()
	send(m)
	select {
	case got := <-response:
		return got
	case <-ctx.Done():
	}
	var late <-chan time.Time
	switch cause, ok := errors.AsType[*jsonrpc.Cancelled](context.Cause(ctx)); {
	case ok:
		send(cause.Notification)
		late = time.After(lateFor)
	case errors.Is(context.Cause(ctx), errNoResponse), errors.Is(context.Cause(ctx), errNotNeeded):
		send(jsonrpc.NewNotification(jsonrpc.MethodCancelled, nil))
	}
	if late != nil {
		select {
		case got := <-response:
			return got
		case <-late:
		case <-w.closed:
		}
	}
	return jsonrpc.Failed(m, problem.New(problem.Cut, problem.Unknown, "the session ended before LeadMagic answered", ""))
}

// scripted is an upstream that answers as it is told: a nil answer leaves the call open.
type scripted struct {
	wire
	answer func(m *jsonrpc.Message) *jsonrpc.Message

	logging sync.Mutex
	seen    []string
}

func (s *scripted) send(m *jsonrpc.Message) {
	what := m.Method
	if what == "tools/call" {
		what += " " + m.Param("name")
	}
	s.logging.Lock()
	s.seen = append(s.seen, what)
	s.logging.Unlock()
	if m.Kind == jsonrpc.Request {
		if a := s.answer(m); a != nil {
			go s.deliver(a)
		}
	}
}

func (s *scripted) Notify(_ context.Context, m *jsonrpc.Message) { s.send(m) }

func (s *scripted) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	return s.call(ctx, m, s.send)
}

func (s *scripted) methods() []string {
	s.logging.Lock()
	defer s.logging.Unlock()
	return slices.Clone(s.seen)
}

// says answers each call with a result that names who gave it, and initialize with a protocol version.
func says(name, version string) func(*jsonrpc.Message) *jsonrpc.Message {
	return func(m *jsonrpc.Message) *jsonrpc.Message {
		result := fmt.Sprintf(`{"from":%q}`, name)
		if m.Method == "initialize" {
			result = fmt.Sprintf(`{"from":%q,"protocolVersion":%q}`, name, version)
		}
		return jsonrpc.NewResult(m, []byte(result))
	}
}

func refuses(p *problem.Problem) func(*jsonrpc.Message) *jsonrpc.Message {
	return func(m *jsonrpc.Message) *jsonrpc.Message { return jsonrpc.Failed(m, p) }
}

func silent(*jsonrpc.Message) *jsonrpc.Message { return nil }

// compose is the message made of texts and parts of others.
func compose(parts ...any) *jsonrpc.Message {
	var all [][]byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			all = append(all, []byte(part))
		case []byte:
			all = append(all, part)
		}
	}
	return jsonrpc.Compose(all...)
}

func ping(id any) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"ping"}`, id) }

// newEditor is an editor in front of a Failover.
func newEditor(t *testing.T, f *Failover) *proxytest.Editor {
	t.Helper()
	f.Log = slog.New(slog.DiscardHandler)
	if f.Explained == nil {
		f.Explained = func(*problem.Problem) {}
	}
	if f.KeyChanged == nil {
		f.KeyChanged = func() bool { return false }
	}
	return proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
		return Run(t.Context(), Options{In: in, Out: out, Upstream: f, Log: f.Log})
	})
}

// pass lets time go by in a synctest bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const (
	hello         = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"editor"}}}`
	ready         = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	find1         = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}`
	ask2          = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"leadmagic_status"}}`
	metaOf        = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	statelessList = `{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`
	probe4        = `{"jsonrpc":"2.0","id":4,"method":"server/discover","params":{` + metaOf + `}}`
)

var (
	noKey   = problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")
	down    = problem.New(problem.Unreachable, problem.NotSent, "nobody is there", "wait")
	signIn  = problem.New(problem.SignInRequired, problem.Refused, "a sign-in is asked for", "use rest")
	version = "2025-06-18"
)

const isUnknown = "the outcome is unknown, credits may have been used"

func wantParts(t *testing.T, line string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("got %s\nwant it to have %s", proxytest.Short(line), part)
		}
	}
}

package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// A far is what is at the other end of an upstream under test. It does what the name of the tool says, and both of its
// forms, over HTTP and in this process, are this one.
type far struct {
	release chan struct{} // closed to let tools go on that wait
	mu      sync.Mutex
	got     []string
}

// respond is the notifications and the response for a request; drop says that there is none.
func (f *far) respond(ctx context.Context, m *jsonrpc.Message) (lines []string, drop bool) {
	f.mu.Lock()
	f.got = append(f.got, m.Method+" "+m.Param("name"))
	f.mu.Unlock()
	result := `{"tool":` + string(jsonrpc.Quote(m.Param("name"))) + `}`
	switch m.Method {
	case "initialize":
		result = `{"protocolVersion":"2025-11-25"}`
	case "tools/list":
		result = `{"tools":[{"name":"check_credits"},{"name":"quick"},{"name":"told"},{"name":"waits"},{"name":"hangs"},{"name":"dies"}]}`
	}
	switch m.Param("name") {
	case "told":
		for i := range 3 {
			lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":%d}}`, i))
		}
	case "waits":
		select {
		case <-f.release:
		case <-ctx.Done():
			return nil, true
		}
	case "hangs":
		<-ctx.Done()
		return nil, true
	case "dies":
		return nil, true
	}
	return append(lines, string(jsonrpc.NewResult(m, []byte(result)).Raw)), false
}

// has reports whether a request came.
func (f *far) has(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.got, what)
}

// ServeHTTP is the far end over HTTP.
func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m, err := jsonrpc.Parse(body)
	switch {
	case r.Method != http.MethodPost || err != nil:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case m.Kind != jsonrpc.Request:
		f.mu.Lock()
		f.got = append(f.got, m.Method)
		f.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	lines, drop := f.respond(r.Context(), m)
	if drop {
		panic(http.ErrAbortHandler)
	}
	for _, line := range lines {
		_, _ = io.WriteString(w, "data: "+line+"\n\n")
	}
}

// serve is the far end in this process. A tool that dies ends the session.
func (f *far) serve(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	var writing sync.Mutex
	lines := jsonrpc.NewLineReader(in)
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return err
		}
		m, err := jsonrpc.Parse(line)
		switch {
		case err != nil:
			return err
		case m.Param("name") == "dies":
			return io.ErrUnexpectedEOF
		case m.Kind != jsonrpc.Request:
			f.mu.Lock()
			f.got = append(f.got, m.Method)
			f.mu.Unlock()
			continue
		}
		work.Go(func() {
			lines, _ := f.respond(ctx, m)
			writing.Lock()
			defer writing.Unlock()
			for _, line := range lines {
				_, _ = io.WriteString(out, line+"\n")
			}
		})
	}
}

var quiet = slog.New(slog.DiscardHandler)

// ends are the upstreams that reach something.
var ends = map[string]func(t *testing.T, f *far) proxy.Upstream{
	"streamable": func(t *testing.T, f *far) proxy.Upstream {
		t.Helper()
		listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := httptest.NewUnstartedServer(f)
		_ = server.Listener.Close()
		server.Listener = listener
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		t.Cleanup(server.Close)
		return &streamable.Client{URL: &url.URL{Scheme: "http", Host: "leadmagic.test", Path: "/mcp"}, Log: quiet, Dial: func() http.RoundTripper {
			return &http.Transport{DialContext: listener.dial, MaxIdleConnsPerHost: 200}
		}}
	},
	"in process": func(_ *testing.T, f *far) proxy.Upstream { return &proxy.InProcess{Serve: f.serve, Log: quiet} },
}

// around are the upstreams that stand around others.
var around = map[string]func(proxy.Upstream) proxy.Upstream{
	"alone": func(u proxy.Upstream) proxy.Upstream { return u },
	"behind filter": func(u proxy.Upstream) proxy.Upstream {
		return &proxy.Filter{Next: u, Exclude: []string{"none"}, Log: quiet}
	},
	"behind budget": func(u proxy.Upstream) proxy.Upstream {
		return &proxy.Budget{Next: u, Limit: problem.MaxCredits, Price: one}
	},
	"behind account":  func(u proxy.Upstream) proxy.Upstream { return &proxy.Budget{Next: u, Spent: func(proxy.SpentCall) {}} },
	"behind failover": failover,
	"behind all": func(u proxy.Upstream) proxy.Upstream {
		return &proxy.Filter{Next: &proxy.Budget{Next: failover(u), Limit: problem.MaxCredits, Price: one}, ReadOnly: false, Exclude: []string{"none"}, Log: quiet}
	},
}

func one(string, []byte) (problem.Credits, bool) { return problem.Credit, true }

func failover(u proxy.Upstream) proxy.Upstream {
	return &proxy.Failover{
		Candidates: []*proxy.Candidate{{Name: "only", Upstream: u}},
		Fallback: &proxy.InProcess{Log: quiet, Serve: func(_ context.Context, in io.ReadCloser, _ io.WriteCloser) error {
			_, err := io.Copy(io.Discard, in)
			return err
		}},
		KeyChanged: func() bool { return false }, Explained: func(*problem.Problem) {},
		Log: quiet,
	}
}

// A session is an upstream under test and what it has said.
type session struct {
	t  *testing.T
	up proxy.Upstream
	*far
	mu     sync.Mutex
	heard  []string
	closed bool
}

// eachUpstream runs a test with a session of each upstream, alone and behind each of the others. No goroutine may be left
// at the end, which synctest sees to.
func eachUpstream(t *testing.T, test func(s *session)) {
	t.Helper()
	for end, newEnd := range ends {
		for place, put := range around {
			t.Run(end+" "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &far{release: make(chan struct{})}
					s := &session{t: t, far: f, up: put(newEnd(t, f))}
					s.up.Start(func(m *jsonrpc.Message) {
						s.mu.Lock()
						defer s.mu.Unlock()
						if s.closed {
							t.Errorf("after Close the upstream said %s", m.Raw)
						}
						s.heard = append(s.heard, string(m.Raw))
					})
					if r := s.call(t.Context(), `{"jsonrpc":"2.0","id":"open","method":"initialize","params":{"protocolVersion":"2025-11-25"}}`); r.Result == nil {
						t.Fatalf("initialize: %v", r.Err)
					}
					s.up.Notify(t.Context(), message(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`))
					test(s)
					s.close()
				})
			})
		}
	}
}

func (s *session) close() {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	s.up.Close(ctx)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	synctest.Wait()
}

func message(t *testing.T, line string) *jsonrpc.Message {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// call sends a request as Run does: its context ends when the response is there.
func (s *session) call(ctx context.Context, line string) *jsonrpc.Message {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := message(s.t, line)
	r := s.up.Call(ctx, m)
	switch {
	case r == nil:
		s.t.Fatalf("%s has no response", line)
	case r.Kind != jsonrpc.Response, (r.Err == nil) == (r.Raw == nil), r.Err == nil && jsonrpc.NormalizeID(r.ID) != jsonrpc.NormalizeID(m.ID):
		s.t.Errorf("the response to %s is %+v", line, r)
	}
	return r
}

func tool(id any, name string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, id, name)
}

// outcomeOf is what became of a call that LeadMagic has not answered.
func outcomeOf(t *testing.T, r *jsonrpc.Message) problem.Outcome {
	t.Helper()
	p := problem.As(r.Err)
	if p == nil {
		t.Fatalf("the response is %s, %v, want a problem", r.Raw, r.Err)
	}
	return p.Outcome
}

func TestUpstreamResponds(t *testing.T) {
	eachUpstream(t, func(s *session) {
		var calls sync.WaitGroup
		for id := range 100 {
			calls.Go(func() {
				if r := s.call(s.t.Context(), tool(id, "quick")); string(jsonrpc.Get(r.Result, "tool")) != `"quick"` {
					s.t.Errorf("call %d: %s, %v", id, r.Raw, r.Err)
				}
			})
		}
		calls.Wait()
	})
}

func TestUpstreamSaysWhatComesAlongTheWayBeforeTheResponse(t *testing.T) {
	eachUpstream(t, func(s *session) {
		s.call(s.t.Context(), tool(1, "told"))
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.heard); n != 3 {
			s.t.Errorf("with the response there were %q", s.heard)
		}
	})
}

func TestUpstreamSaysThatTheOutcomeIsUnknown(t *testing.T) {
	eachUpstream(t, func(s *session) {
		if outcome := outcomeOf(s.t, s.call(s.t.Context(), tool(1, "dies"))); outcome != problem.Unknown {
			s.t.Errorf("the outcome is %v", outcome)
		}
		if r := s.call(s.t.Context(), tool(2, "quick")); r.Result == nil {
			s.t.Errorf("the next call: %v", r.Err)
		}
	})
}

// cancelled is the cause with which an editor ends the context of a call.
func cancelled(t *testing.T, id any) error {
	t.Helper()
	return &jsonrpc.Cancelled{Notification: message(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%v}}`, id))}
}

func TestUpstreamSendsNothingOfACallThatIsCancelledBefore(t *testing.T) {
	for name, cause := range map[string]error{"by the editor": cancelled(t, 1), "by the end of the session": problem.ErrSessionEnded, "by time": context.DeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			eachUpstream(t, func(s *session) {
				ctx, cancel := context.WithCancelCause(s.t.Context())
				cancel(cause)
				if outcome := outcomeOf(s.t, s.call(ctx, tool(1, "quick"))); outcome != problem.NotSent {
					s.t.Errorf("the outcome is %v", outcome)
				}
				if s.has("tools/call quick") || s.has("notifications/cancelled") {
					s.t.Errorf("LeadMagic got %q", s.got)
				}
			})
		})
	}
}

func TestUpstreamTellsLeadMagicOfACancellationAndReturnsTheLateResponse(t *testing.T) {
	eachUpstream(t, func(s *session) {
		ctx, cancel := context.WithCancelCause(s.t.Context())
		response := make(chan *jsonrpc.Message, 1)
		go func() { response <- s.call(ctx, tool(1, "waits")) }()
		synctest.Wait()
		cancel(cancelled(s.t, 1))
		synctest.Wait()
		if !s.has("notifications/cancelled") {
			s.t.Errorf("LeadMagic got %q", s.got)
		}
		close(s.release)
		if r := <-response; string(jsonrpc.Get(r.Result, "tool")) != `"waits"` {
			s.t.Errorf("the late response is %s, %v", r.Raw, r.Err)
		}
	})
}

func TestUpstreamDoesNotWaitForALateResponseForEver(t *testing.T) {
	eachUpstream(t, func(s *session) {
		ctx, cancel := context.WithCancelCause(s.t.Context())
		response := make(chan *jsonrpc.Message, 1)
		go func() { response <- s.call(ctx, tool(1, "hangs")) }()
		synctest.Wait()
		start := time.Now()
		cancel(cancelled(s.t, 1))
		if outcome := outcomeOf(s.t, <-response); outcome != problem.Unknown {
			s.t.Errorf("the outcome is %v", outcome)
		}
		if took := time.Since(start); took != 30*time.Second {
			s.t.Errorf("it took %v", took)
		}
	})
}

func TestUpstreamReturnsWhenTheSessionEndsOrTheTimeIsUp(t *testing.T) {
	for name, cause := range map[string]error{"the end": problem.ErrSessionEnded, "the time": errors.New("the time is up")} {
		t.Run(name, func(t *testing.T) {
			eachUpstream(t, func(s *session) {
				ctx, cancel := context.WithCancelCause(s.t.Context())
				response := make(chan *jsonrpc.Message, 1)
				go func() { response <- s.call(ctx, tool(1, "hangs")) }()
				synctest.Wait()
				start := time.Now()
				cancel(cause)
				if outcome := outcomeOf(s.t, <-response); outcome != problem.Unknown {
					s.t.Errorf("the outcome is %v", outcome)
				}
				if took := time.Since(start); errors.Is(cause, problem.ErrSessionEnded) && took != 0 || took > 30*time.Second {
					s.t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestUpstreamReturnsEveryCallWhenItIsClosed(t *testing.T) {
	eachUpstream(t, func(s *session) {
		ctx, cancel := context.WithCancelCause(s.t.Context())
		responses := make(chan *jsonrpc.Message, 20)
		for id := range 20 {
			name := "hangs"
			if id%2 == 0 {
				name = "waits"
			}
			go func() { responses <- s.call(ctx, tool(id, name)) }()
		}
		synctest.Wait()
		cancel(cancelled(s.t, 7)) // the calls listen on for a late response
		synctest.Wait()
		s.close()
		for range 20 {
			if outcome := outcomeOf(s.t, <-responses); outcome != problem.Unknown {
				s.t.Errorf("the outcome is %v", outcome)
			}
		}
		if r := s.call(s.t.Context(), tool(99, "quick")); outcomeOf(s.t, r) != problem.NotSent {
			s.t.Errorf("after Close the response is %v", r.Err)
		}
		s.up.Notify(s.t.Context(), message(s.t, `{"jsonrpc":"2.0","method":"notifications/after"}`))
		synctest.Wait()
		if s.has("tools/call quick") || s.has("notifications/after") {
			s.t.Errorf("after Close LeadMagic got %q", s.got)
		}
		s.mu.Lock()
		s.closed = false
		s.mu.Unlock()
	})
}

func TestUpstreamIsClosedWhileCallsBegin(t *testing.T) {
	eachUpstream(t, func(s *session) {
		var calls sync.WaitGroup
		for id := range 50 {
			calls.Go(func() { s.call(s.t.Context(), tool(id, "quick")) })
		}
		s.close()
		calls.Wait()
	})
}

func TestUpstreamKeepsUnusualMessages(t *testing.T) {
	eachUpstream(t, func(s *session) {
		for _, id := range []string{`"a"`, `"\u0061b"`, `0`, `-5`, `""`} {
			if r := s.call(s.t.Context(), tool(id, "quick")); r.Result == nil {
				s.t.Errorf("id %s: %v", id, r.Err)
			}
		}
		long := strings.Repeat("x", 100<<10) // more than any buffer takes at once
		if r := s.call(s.t.Context(), strings.Replace(tool(1, long), "tools/call", "prompts/get", 1)); !strings.Contains(string(r.Result), long) {
			s.t.Errorf("a long line: %v", r.Err)
		}
	})
}

// A pipeListener is a net.Listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

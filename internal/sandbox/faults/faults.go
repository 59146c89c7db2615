// Package faults is the sandbox as tests use it: [Server] is a sandbox that records its requests and calls, in which things go
// wrong on purpose, and which offers tools that use every part of the protocol. The program does not contain it.
package faults

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// Options says how a [Server] behaves. The zero value is a plain sandbox.
type Options struct {
	Key       string
	Credits   float64
	OAuthOnly bool
	TokenLife time.Duration
	TLS       *Leaf // over TLS with HTTP/2, with such a certificate by an authority made for it

	SessionsOnly  bool // no stateless protocol
	StatelessOnly bool // no sessions
	PageSize      int  // of every list; 0 means one page
	EventIDs      bool // events within sessions carry ids, and a cut stream can be resumed for as long as its session lives
	TestTools     bool // adds tools that use every part of the protocol: see tools.go
	AnyHost       bool // takes any Host header
}

// Call is a call that was carried out.
type Call struct {
	sandbox.Call
	Cancelled bool // it ended early because its client cancelled it; of test tools only
}

// Request is one HTTP request that the server saw, whatever became of it.
type Request struct {
	Method string
	Path   string      // with the query
	Proto  string      // HTTP/1.1 or HTTP/2.0
	Remote string      // the client's address: equal for requests that shared a connection
	Header http.Header // as it came, keys included
	Body   []byte
}

// maxRequests is how many requests are kept; older ones are dropped.
const maxRequests = 1 << 14

// Server is a sandbox under test. It is safe for concurrent use. Close it when done.
type Server struct {
	*sandbox.Sandbox
	Authority *Authority // that a client must trust; nil without TLS
	opts      Options

	mu       sync.Mutex
	faults   []*Fault
	cleared  chan struct{} // closed when the faults are cleared
	calls    []*Call
	requests []Request
	dropped  int // requests that are not kept any more
	servers  []*mcp.Server
	lost     map[string]int // the status of a request in a lost session, by the session's id
}

// Start serves a new sandbox on a free loopback port.
func Start(opts Options) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a sandbox: %w", err)
	}
	if opts.TLS == nil {
		return StartOn(listener, opts), nil
	}
	authority, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Issue(*opts.TLS)
	if err != nil {
		return nil, err
	}
	s := StartOn(TLSListener(listener, certificate), opts)
	s.URL, s.Authority = "https://"+listener.Addr().String(), authority
	return s, nil
}

// StartOn serves a new sandbox on a listener, which has TLS already if it is to have it.
func StartOn(listener net.Listener, opts Options) *Server {
	s := &Server{opts: opts, cleared: make(chan struct{}), lost: make(map[string]int)}
	s.Sandbox = sandbox.StartOn(listener, sandbox.Options{
		Key: opts.Key, Credits: opts.Credits, OAuthOnly: opts.OAuthOnly, TokenLife: opts.TokenLife,
		Hooks: sandbox.Hooks{
			SessionsOnly: opts.SessionsOnly, StatelessOnly: opts.StatelessOnly,
			Wrap:      s.wrap,
			Called:    func(c sandbox.Call) { s.record(c) },
			Configure: s.configure,
			Extend:    s.extend,
		},
	})
	return s
}

func (s *Server) configure(options *mcp.ServerOptions, httpOptions *mcp.StreamableHTTPOptions) {
	options.PageSize = s.opts.PageSize
	options.SubscribeHandler = func(context.Context, *mcp.SubscribeRequest) error { return nil } // the SDK keeps the list
	options.UnsubscribeHandler = func(context.Context, *mcp.UnsubscribeRequest) error { return nil }
	options.CompletionHandler = complete
	if s.opts.EventIDs && !httpOptions.Stateless {
		httpOptions.EventStore = mcp.NewMemoryEventStore(nil)
	}
}

func (s *Server) extend(server *mcp.Server) {
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	if s.opts.TestTools {
		s.addTools(server)
	}
}

// Fault adds f to the faults; the first that matches a request happens. It panics when there is no such kind of fault.
func (s *Server) Fault(f Fault) {
	if err := f.check(); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.cleared = s.cleared
	s.faults = append(s.faults, &f)
}

// ClearFaults removes every fault.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cleared)
	s.faults, s.cleared = nil, make(chan struct{})
}

// fault is the fault that happens to a request, if one does.
func (s *Server) fault(r *http.Request, body []byte) (f Fault, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *Fault) bool { return f.matches(r, body) })
	if i < 0 {
		return f, false
	}
	f = *s.faults[i]
	if s.faults[i].Times--; s.faults[i].Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return f, true
}

// record keeps a call. What is returned changes it.
func (s *Server) record(c sandbox.Call) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := &Call{Call: c}
	s.calls = append(s.calls, call)
	return call
}

// Calls returns the tool calls and REST requests that were carried out, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make([]Call, len(s.calls))
	for i, c := range s.calls {
		calls[i] = *c
	}
	return calls
}

// CallCount is the number of tool calls carried out since the start.
func (s *Server) CallCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// Requests returns the HTTP requests seen, oldest first, without the oldest ones if there were very many.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// RequestCount is the number of HTTP requests seen since the start.
func (s *Server) RequestCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped + len(s.requests)
}

// Sessions is the number of MCP sessions that are open.
func (s *Server) Sessions() (open int) {
	for _, session := range s.sessions() {
		if s.lostStatus(session.ID()) == 0 {
			open++
		}
	}
	return open
}

func (s *Server) sessions() (all []*mcp.ServerSession) {
	s.mu.Lock()
	servers := slices.Clone(s.servers)
	s.mu.Unlock()
	for _, server := range servers {
		all = slices.AppendSeq(all, server.Sessions())
	}
	return slices.DeleteFunc(all, func(session *mcp.ServerSession) bool { return session.ID() == "" })
}

// lostStatus is the status of a request in a session that is lost, or 0.
func (s *Server) lostStatus(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost[id]
}

// DropSessions loses every session, as a restart does: from now on their ids are answered with 404. Calls that run are
// still answered, then the streams of their sessions end.
func (s *Server) DropSessions() { s.dropSessions(http.StatusNotFound) }

func (s *Server) dropSessions(status int) {
	for _, session := range s.sessions() {
		s.mu.Lock()
		s.lost[session.ID()] = status
		s.mu.Unlock()
		go func() { _ = session.Close() }() // it waits for the calls that run
	}
}

// wrap is the handler around the sandbox's own.
func (s *Server) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.opts.AnyHost {
			r.Host = "127.0.0.1"
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		if len(s.requests) == maxRequests {
			s.requests = s.requests[1:]
			s.dropped++
		}
		s.requests = append(s.requests, Request{
			Method: r.Method, Path: r.URL.RequestURI(), Proto: r.Proto, Remote: r.RemoteAddr, Header: r.Header.Clone(), Body: body,
		})
		s.mu.Unlock()
		healthy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch status := s.lostStatus(r.Header.Get("Mcp-Session-Id")); status {
			case 0:
				next.ServeHTTP(w, r)
			case http.StatusBadRequest: // as servers on the TypeScript SDK do
				send(w, status, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`)
			default:
				http.Error(w, "session not found", status)
			}
		})
		if f, found := s.fault(r, body); found {
			s.apply(w, r, f, healthy)
			return
		}
		healthy.ServeHTTP(w, r)
	})
}

// portal is what a hotel's network answers.
const portal = "<!doctype html><html><head><title>Welcome</title></head><body><p>Sign in to use this network.</p></body></html>\n"

// apply answers a request with what a fault makes of it.
func (s *Server) apply(w http.ResponseWriter, r *http.Request, f Fault, healthy http.Handler) {
	ctx := r.Context()
	wait(ctx, time.Duration(f.Delay))
	if f.Carried {
		healthy.ServeHTTP(httptest.NewRecorder(), r)
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch f.Kind {
	case Delay:
		healthy.ServeHTTP(w, r)
	case Hold:
		select {
		case <-f.cleared:
			healthy.ServeHTTP(w, r)
		case <-ctx.Done():
		}
	case Status:
		send(w, f.Status, f.ContentType, f.Body)
	case Problem:
		body, err := f.problem(s.Balance())
		if err != nil {
			panic(err)
		}
		w.Header().Set("X-Request-Id", problemID)
		send(w, f.Status, "application/problem+json", string(body))
	case Redirect:
		w.Header().Set("Location", f.Location)
		send(w, http.StatusTemporaryRedirect, "text/html", "<a href=\"#\">moved</a>\n")
	case HTML:
		send(w, http.StatusOK, "text/html; charset=utf-8", portal)
	case LostSession:
		s.dropSessions(cmp.Or(f.Status, http.StatusNotFound))
		healthy.ServeHTTP(w, r)
	case Hang:
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	case Cut:
		panic(http.ErrAbortHandler)
	case CutStream:
		cutStream(w, r, f, healthy)
	case Alter:
		alter(w, r, f, healthy)
	case Truncate:
		answer := httptest.NewRecorder()
		healthy.ServeHTTP(answer, r)
		send(w, answer.Code, answer.Header().Get("Content-Type"), answer.Body.String()[:answer.Body.Len()/2])
	}
}

// send writes a whole answer. Without a content type, and none among the headers set before, there is none.
func send(w http.ResponseWriter, status int, contentType, body string) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	} else if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // net/http guesses otherwise
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may be gone
}

// cutStream carries the request out and cuts the connection within its answer.
func cutStream(w http.ResponseWriter, r *http.Request, f Fault, healthy http.Handler) {
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	c := &cutWriter{ResponseWriter: w, fault: f, stop: stop}
	healthy.ServeHTTP(c, r.WithContext(ctx))
	if c.isCut() {
		panic(http.ErrAbortHandler)
	}
}

// cutWriter passes some events, which the SDK writes one at a time, and half of what is written then. Any other body is
// written at once and counts as an event.
type cutWriter struct {
	http.ResponseWriter
	fault Fault
	stop  context.CancelFunc // ends the request

	mu     sync.Mutex // the SDK writes from several goroutines
	events int
	cut    bool
}

// Unwrap lets [http.ResponseController] flush.
func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutWriter) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

func (c *cutWriter) Write(data []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return 0, io.ErrClosedPipe
	}
	text := string(data)
	if before, after, found := strings.Cut(text, "id: "); found && !c.fault.IDs && c.isStream() {
		_, rest, _ := strings.Cut(after, "\n")
		text = before + rest
	}
	if retry := time.Duration(c.fault.Retry); retry > 0 && c.events == 0 && c.isStream() {
		text = fmt.Sprintf("retry: %d\n%s", retry.Milliseconds(), text)
	}
	if !strings.HasSuffix(text, "data: \n\n") { // an event with nothing but an id
		c.events++
	}
	if c.events > c.fault.Events {
		c.cut = true
		text = text[:len(text)/2]
		defer c.stop()
	}
	_, err := io.WriteString(c.ResponseWriter, text)
	if c.cut {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
	}
	return len(data), err
}

func (c *cutWriter) isStream() bool {
	return strings.HasPrefix(c.Header().Get("Content-Type"), "text/event-stream")
}

// wait waits for d unless ctx ends first.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

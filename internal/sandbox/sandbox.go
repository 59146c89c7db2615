// Package sandbox is a stand-in for LeadMagic: its hosted MCP server and its REST API on one [http.Handler], with invented
// answers and a balance that goes down. It is an independent, unofficial witness: it imports nothing of this module, so that
// a wrong header or path cannot be made twice, and it never talks to LeadMagic.
//
// What it serves:
//
//	/mcp (and /)   MCP Streamable HTTP, both eras: sessions up to 2025-11-25, stateless from 2026-07-28
//	/v1, /v3       the REST API
//	/health        whether it is up, without a key
//	/_sandbox/     the control path below
//
// Answers are derived from the input alone: the same question is answered the same way, and every answer says that its data
// is invented. A miss is asked for with a domain that ends in .invalid or the name "Nobody".
//
// # Control path
//
// Tests that run in another process arm faults and look at what happened over HTTP. Only loopback peers without an Origin
// header are let in, and no key is ever shown.
//
//	GET    /_sandbox/state      balance, calls carried out, credits charged, sessions, requests seen, faults armed
//	PATCH  /_sandbox/state      {"balance": 5} sets the balance, {"key": "lm_…"} rotates the key
//	GET    /_sandbox/calls      the calls carried out, oldest first, as far as they are kept
//	GET    /_sandbox/requests   the requests seen, without headers that hold keys
//	GET    /_sandbox/faults     the faults armed
//	POST   /_sandbox/faults     arms one fault or an array of them: see [Fault]
//	DELETE /_sandbox/faults     clears all faults
//	DELETE /_sandbox/sessions   loses every session
//	POST   /_sandbox/announce   {"what": "tools"} tells every session that the tools, prompts or resources changed
package sandbox

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Key is the key that a sandbox accepts unless [Options.Key] says otherwise. It is invented.
const Key = "lm_sandbox_0000000000000000"

// Options says how a [Sandbox] behaves. The zero value is LeadMagic as documented for a user with a key and credits.
type Options struct {
	Key     string  // the key that is accepted; default [Key]
	Credits float64 // opening balance; 0 means 1000, less than 0 means none

	OAuthOnly    bool // /mcp answers every key with 401 and a Bearer challenge; REST still takes keys
	CreditStatus int  // what /mcp answers to a paid call without credits: 403 (default) or 402

	LegacyOnly bool // /mcp refuses 2026-07-28
	ModernOnly bool // /mcp knows no sessions
	Paged      int  // page size of every list; 0 means one page
	NoGET      bool // GET /mcp answers 405
	JSON       bool // answers to POST are JSON bodies instead of event streams
	EventIDs   bool // events carry ids, and a cut stream can be resumed for as long as its session lives

	Workbench bool // adds tools that use every part of the protocol: progress, logs, sampling, elicitation, roots, announcements
	Bench     bool // adds the tool echo, answered without the SDK, and keeps no requests

	AnyHost      bool         // serve any Host header on loopback; otherwise a foreign one is refused, against DNS rebinding
	KeepCalls    int          // how many calls to keep; 0 means 1024, less than 0 means none
	KeepRequests int          // how many requests to keep; 0 means 256, less than 0 means none
	Logger       *slog.Logger // one debug line per request, without bodies and headers; nil means no log
}

// Sandbox is a stand-in for LeadMagic. It is safe for concurrent use. Close it when done.
type Sandbox struct {
	opts     Options
	account  *account
	requests *ring[Request]
	faults   faults
	tapes    tapes
	upstream upstream // the MCP servers
	rest     restAPI

	ctx    context.Context // ends with Close; every request and every tool runs under it
	cancel context.CancelFunc

	mu     sync.Mutex
	key    string
	closed bool
	active sync.WaitGroup // requests and background work; adding needs mu
}

// New returns a sandbox. Nothing is built and nothing runs until the first request.
func New(opts Options) *Sandbox {
	if opts.Key == "" {
		opts.Key = Key
	}
	if opts.Credits == 0 {
		opts.Credits = 1000
	}
	if opts.CreditStatus == 0 {
		opts.CreditStatus = http.StatusForbidden
	}
	if opts.KeepCalls == 0 {
		opts.KeepCalls = 1024
	}
	if opts.KeepRequests == 0 {
		opts.KeepRequests = 256
		if opts.Bench {
			opts.KeepRequests = -1
		}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sandbox{
		opts:     opts,
		key:      opts.Key,
		account:  newAccount(opts.Credits, opts.KeepCalls),
		requests: newRing(opts.KeepRequests, requestWeight),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends every request, session and tool that still runs, and waits for them. Later requests are answered with 503.
// Closing twice is fine. An answer that its peer does not read holds Close up until the connection is closed.
func (s *Sandbox) Close() {
	s.shut()
	s.active.Wait()
	s.upstream.close()
}

// shut lets nothing more in and ends what runs, without waiting.
func (s *Sandbox) shut() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
}

// bind is ctx, ending with the sandbox.
func (s *Sandbox) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// enter counts a request or a piece of background work; it reports false once the sandbox is closed.
func (s *Sandbox) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// ServeHTTP serves one request. A fault that cuts the connection panics with [http.ErrAbortHandler], as net/http expects.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "sandbox is closed", http.StatusServiceUnavailable)
		return
	}
	defer s.active.Done()
	ctx, cancel := s.bind(r.Context())
	defer cancel()
	r = r.WithContext(ctx)

	if !s.opts.AnyHost && rebound(r) {
		http.Error(w, "forbidden Host header", http.StatusForbidden)
		return
	}
	if strings.HasPrefix(r.URL.Path, controlPath) {
		s.serveControl(w, r)
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		http.Error(w, "request body too large or broken", http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	in := incoming{body: body}
	if isMCP(r.URL.Path) && r.Method == http.MethodPost {
		in.messages = peek(body)
	}
	s.record(r, body)
	s.opts.Logger.DebugContext(ctx, "sandbox request", "method", r.Method, "path", r.URL.Path)

	if fault, ok := s.faults.take(r, in); ok {
		s.inject(w, r, in, fault)
		return
	}
	s.route(w, r, in)
}

// incoming is a request's body and, for a POST to /mcp, the messages in it.
type incoming struct {
	body     []byte
	messages []message
}

// route carries a request out.
func (s *Sandbox) route(w http.ResponseWriter, r *http.Request, in incoming) {
	switch path := r.URL.Path; {
	case s.resume(w, r):
	case isMCP(path):
		s.serveMCP(w, r, in)
	case path == "/health":
		writeJSON(w, http.StatusOK, object{"status": "ok", "sandbox": notice})
	case strings.HasPrefix(path, "/v1/"), strings.HasPrefix(path, "/v3/"):
		s.serveREST(w, r)
	case strings.HasPrefix(path, "/.well-known/oauth-protected-resource"):
		serveResourceMetadata(w, r)
	default:
		http.NotFound(w, r)
	}
}

// isMCP reports whether path is the MCP endpoint; LeadMagic's bare root serves it too.
func isMCP(path string) bool { return path == "/mcp" || path == "/" }

// Balance is the number of credits left.
func (s *Sandbox) Balance() float64 { return s.account.balance() }

// SetBalance sets the number of credits left.
func (s *Sandbox) SetBalance(credits float64) { s.account.setBalance(credits) }

// Calls returns the tool calls carried out, oldest first, as far as [Options.KeepCalls] keeps them.
func (s *Sandbox) Calls() []Call { return s.account.calls.all() }

// CallCount is the number of tool calls carried out since the start.
func (s *Sandbox) CallCount() int { return s.account.count() }

// Charged is the number of credits charged since the start.
func (s *Sandbox) Charged() float64 { return s.account.charged() }

// Requests returns the HTTP requests seen, oldest first, as far as [Options.KeepRequests] keeps them. The control path and
// requests refused for their Host are not among them.
func (s *Sandbox) Requests() []Request { return s.requests.all() }

// RequestCount is the number of HTTP requests seen since the start.
func (s *Sandbox) RequestCount() int { return s.requests.count() }

// Fault arms f behind the faults that are already armed; the first that matches a request applies. It panics when f cannot
// be told apart from a typing mistake: an unknown kind or shape.
func (s *Sandbox) Fault(f Fault) {
	if err := s.faults.arm(f); err != nil {
		panic(err)
	}
}

// ClearFaults disarms every fault.
func (s *Sandbox) ClearFaults() { s.faults.clear() }

// SetKey changes the key that is accepted from now on, as when a user rotates it.
func (s *Sandbox) SetKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// wait sleeps for d unless ctx ends first; it reports whether the time has passed.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Package sandbox is a stand-in for LeadMagic: its hosted MCP server and its REST API on one port, with invented
// answers and a balance that goes down. It is an independent, unofficial implementation: it imports nothing of this module,
// so that a wrong header or path cannot be made twice, and it never talks to LeadMagic.
//
// What it serves:
//
//	/mcp (and /)   MCP Streamable HTTP: with sessions up to 2025-11-25, stateless from 2026-07-28
//	/v1, /v3       the REST API
//	/authorize …   an authorization server that approves by itself, whose access tokens /mcp takes
//	/health        whether it is up, without a key
//
// Answers are derived from the input alone: the same question is answered the same way, and every answer says that its data
// is invented. Nothing is found for a domain that ends in .invalid or the name "Nobody".
package sandbox

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Key is the key that a sandbox accepts unless [Options.Key] says otherwise. It is invented.
const Key = "lm_sandbox_0000000000000000"

// Options says how a [Sandbox] behaves. The zero value is LeadMagic as documented for a user with a key and credits.
type Options struct {
	Key       string        // the key that is accepted; default [Key]
	Credits   float64       // opening balance; 0 means 1000, less than 0 means none
	OAuthOnly bool          // /mcp takes no key, only access tokens of the sandbox's own authorization server; REST still takes keys
	TokenLife time.Duration // of an access token, in whole seconds; default 5 minutes
	Logger    *slog.Logger  // one debug line per request, without bodies and headers; nil means no log
	Hooks     Hooks
}

// Hooks are for tests that change a sandbox or record what happens in it: see the package faults. All may be nil.
type Hooks struct {
	Wrap      func(http.Handler) http.Handler // around the handler that answers requests
	Called    func(Call)                      // after each call that was carried out
	Configure func(*mcp.ServerOptions, *mcp.StreamableHTTPOptions)
	Extend    func(*mcp.Server) // after a server has its tools

	SessionsOnly, StatelessOnly bool // /mcp speaks only the protocol versions with sessions, or only the one without
}

// Call is one tool call or REST request that was carried out: it had a good key, good arguments and enough credits.
type Call struct {
	Upstream string // "mcp" or "rest"
	Tool     string // the hosted server's name for it
	Args     json.RawMessage
	Credits  float64 // charged
}

// Sandbox is a stand-in for LeadMagic that listens on an address of its own. It is safe for concurrent use. Close it when done.
type Sandbox struct {
	URL string // scheme, host and port

	*account
	opts   Options
	auth   authServer
	served atomic.Int64 // REST requests, for their ids

	routes              func() *http.ServeMux // of REST
	sessions, stateless func() http.Handler   // the MCP servers

	web     *http.Server
	serving sync.WaitGroup
	ctx     context.Context // ends with Close; every request and every tool runs under it
	cancel  context.CancelFunc
	active  sync.RWMutex // requests hold it for reading

	mu      sync.Mutex
	key     string
	servers []*mcp.Server // that are built
}

// Start serves a new sandbox on a free loopback port.
func Start(opts Options) (*Sandbox, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a sandbox: %w", err)
	}
	return StartOn(listener, opts), nil
}

// StartOn serves a new sandbox on a listener. What it answers is built when the first request needs it.
func StartOn(listener net.Listener, opts Options) *Sandbox {
	opts.Key = cmp.Or(opts.Key, Key)
	opts.Credits = cmp.Or(opts.Credits, 1000)
	opts.TokenLife = cmp.Or(opts.TokenLife, 5*time.Minute)
	opts.Logger = cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	s := &Sandbox{
		URL: "http://" + listener.Addr().String(), opts: opts, key: opts.Key, auth: newAuthServer(),
		account: &account{left: max(0, toCents(opts.Credits))},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.routes = sync.OnceValue(s.newRoutes)
	s.sessions = sync.OnceValue(func() http.Handler { return s.newServer(false) })
	s.stateless = sync.OnceValue(func() http.Handler { return s.newServer(true) })
	handler := http.Handler(http.HandlerFunc(s.route))
	if opts.Hooks.Wrap != nil {
		handler = opts.Hooks.Wrap(handler)
	}
	s.web = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.active.RLock()
			defer s.active.RUnlock()
			opts.Logger.DebugContext(r.Context(), "sandbox request", "method", r.Method, "path", r.URL.Path)
			handler.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
	}
	s.serving.Go(func() {
		if err := s.web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			opts.Logger.Warn("sandbox", "error", err)
		}
	})
	return s
}

// Close ends every request, session and tool that still runs, and waits for them. Closing twice is fine.
func (s *Sandbox) Close() {
	s.cancel() // open event streams end now, in order
	idle := make(chan struct{})
	go func() { s.active.Lock(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(time.Second): // a client does not read its answer
	}
	// Answers are still being flushed, but Shutdown also waits for connections on which no request ever came.
	grace, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_ = s.web.Shutdown(grace)
	_ = s.web.Close()
	<-idle
	s.active.Unlock()
	for _, server := range s.servers { // no request is left that could add one
		for session := range server.Sessions() {
			_ = session.Close() // it is gone either way, and this waits for its tools
		}
	}
	s.serving.Wait()
}

func (s *Sandbox) route(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case isRebound(r):
		http.Error(w, "forbidden Host header", http.StatusForbidden)
	case path == "/mcp", path == "/": // LeadMagic's bare root serves MCP too
		s.serveMCP(w, r)
	case path == "/health":
		writeJSON(w, http.StatusOK, object{"status": "ok", "sandbox": notice})
	case strings.HasPrefix(path, "/v1/"), strings.HasPrefix(path, "/v3/"):
		s.serveREST(w, r)
	case s.serveOAuth(w, r):
	default:
		http.NotFound(w, r)
	}
}

// isRebound reports DNS rebinding: a request that reached a loopback address and names another host, as from a web page that had
// its own name resolve to 127.0.0.1.
func isRebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && isLoopback(local.String()) && !isLoopback(r.Host)
}

// isLoopback reports whether hostport, with or without its port, names this machine.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// maxBody bounds a request body. Editors send whole files as arguments; LeadMagic's own limit is not documented.
const maxBody = 256 << 20

// The headers LeadMagic reads keys from: one on the MCP endpoint, the other on the REST API. Both also take a Bearer token.
const (
	mcpKeyHeader  = "X-Leadmagic-Key"
	restKeyHeader = "X-Api-Key"
)

// presented returns the key a request shows in the header or as a Bearer token, and whether it shows any. A header that
// comes twice holds no key.
func presented(r *http.Request, header string) (key string, ok bool) {
	if values := r.Header.Values(header); len(values) > 0 {
		if len(values) > 1 {
			return "", true
		}
		return values[0], true
	}
	key = bearer(r)
	return key, key != ""
}

// bearer is the Bearer token that a request shows, if it shows one.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// accepts reports whether key is the one this sandbox takes at the moment.
func (s *Sandbox) accepts(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.key)) == 1
}

// authorizeMCP checks the key or the access token of a request to /mcp and answers those it refuses.
func (s *Sandbox) authorizeMCP(w http.ResponseWriter, r *http.Request) bool {
	key, shown := presented(r, mcpKeyHeader)
	switch {
	case s.auth.authorizes(r), s.accepts(key) && !s.opts.OAuthOnly:
		return true
	case s.opts.OAuthOnly:
		challenge(w, r, shown)
	case !shown:
		writeJSON(w, http.StatusUnauthorized, object{"error": "Unauthorized", "message": "Missing API key: send it as x-leadmagic-key"})
	default:
		writeJSON(w, http.StatusUnauthorized, object{"error": "Unauthorized", "message": "Invalid API key"})
	}
	return false
}

// authorizeREST checks the key of a request to the REST API.
func (s *Sandbox) authorizeREST(r *http.Request) *refusal {
	key, shown := presented(r, restKeyHeader)
	switch {
	case !shown:
		return refuse(http.StatusUnauthorized, "missing_authentication", "no API key was sent; send it as X-API-Key")
	case !s.accepts(key):
		return refuse(http.StatusUnauthorized, "invalid_api_key", "the API key is not valid")
	}
	return nil
}

// origin is scheme and host of the sandbox as the caller sees it.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// SetKey changes the key that is accepted from now on, as when a user rotates it.
func (s *Sandbox) SetKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

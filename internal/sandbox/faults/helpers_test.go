package faults_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

const (
	withSessions = "2025-11-25"
	stateless    = "2026-07-28"

	finder = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"find_work_email","arguments":{"full_name":"Ada Lovelace","domain":"a.example"}}}`
	report = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow_report","arguments":{"steps":2,"step_ms":1},"_meta":{"progressToken":"p"}}}`
)

func start(t *testing.T, opts faults.Options) *faults.Server {
	t.Helper()
	s, err := faults.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// keyed puts the key on every request.
type keyed struct{ next http.RoundTripper }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-leadmagic-key", sandbox.Key)
	r.Header.Set("X-API-Key", sandbox.Key)
	return k.next.RoundTrip(r)
}

func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     keyed{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is an answer read to its end, or as far as it went.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the body
}

// send sends a request with headers given as name, value, name, value.
func send(t *testing.T, s *faults.Server, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client(t).Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(text), err}
}

// post sends a message in a session.
func post(t *testing.T, s *faults.Server, session, body string) reply {
	t.Helper()
	return send(t, s, "POST", "/mcp", body, "Mcp-Session-Id", session, "Mcp-Protocol-Version", withSessions)
}

// open opens a session and returns its id.
func open(t *testing.T, s *faults.Server) string {
	t.Helper()
	got := send(t, s, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`)
	id := got.header.Get("Mcp-Session-Id")
	if got.status != http.StatusOK || id == "" {
		t.Fatalf("initialize: %d %q %v", got.status, got.body, got.err)
	}
	if got := post(t, s, id, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); got.status != http.StatusAccepted {
		t.Fatalf("initialized: %d %q", got.status, got.body)
	}
	return id
}

// connect opens a session with an SDK client.
func connect(t *testing.T, s *faults.Server, version string, c *mcp.Client) *mcp.ClientSession {
	t.Helper()
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.URL + "/mcp", HTTPClient: client(t), MaxRetries: -1},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func newClient(opts *mcp.ClientOptions) *mcp.Client {
	return mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, opts)
}

func text(result *mcp.CallToolResult) string {
	if result == nil || len(result.Content) == 0 {
		return ""
	}
	return result.Content[0].(*mcp.TextContent).Text
}

// until waits for something that happens beside the test.
func until(t *testing.T, happened func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen")
		}
	}
}

// modes runs a test with a session and stateless.
func modes(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{withSessions, stateless} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

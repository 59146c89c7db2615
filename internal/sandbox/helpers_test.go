package sandbox_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

const (
	withSessions = "2025-11-25" // the last protocol version with sessions
	stateless    = "2026-07-28"
)

// start serves a sandbox for the length of a test.
func start(t *testing.T, opts faults.Options) *faults.Server {
	t.Helper()
	s, err := faults.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// client is an HTTP client of the test's own, with connections that end with it. It follows no redirects.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// keyed puts the key on every request.
type keyed struct{ next http.RoundTripper }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-leadmagic-key", sandbox.Key)
	return k.next.RoundTrip(r)
}

func keyedClient(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Transport: keyed{client(t).Transport}}
}

// connect opens a session with an SDK client.
func connect(t *testing.T, s *faults.Server, version string, opts *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, opts)
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.URL + "/mcp", HTTPClient: keyedClient(t), MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call calls a tool and returns its structured result.
func call(t *testing.T, session *mcp.ClientSession, tool string, args any) map[string]any {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %s", tool, text(result))
	}
	return decode(t, mustMarshal(t, result.StructuredContent))
}

func text(result *mcp.CallToolResult) string {
	if len(result.Content) == 0 {
		return ""
	}
	return result.Content[0].(*mcp.TextContent).Text
}

func mustMarshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func decode(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("decoding %q: %v", body, err)
	}
	return v
}

// request is what send sends.
type request struct {
	method, path, body string
	header             map[string]string // key headers are set by path unless they are here; "" leaves one out
}

func (q request) build(t *testing.T, ctx context.Context, s *faults.Server) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, q.method, s.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	key := "X-API-Key"
	if strings.HasPrefix(q.path, "/mcp") {
		key = "x-leadmagic-key"
		r.Header.Set("Accept", "application/json, text/event-stream")
	}
	r.Header.Set(key, sandbox.Key)
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

// reply is an answer read to its end, or as far as it went.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the request, or of reading the body
}

func send(t *testing.T, s *faults.Server, q request) reply {
	t.Helper()
	response, err := client(t).Do(q.build(t, t.Context(), s))
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body), err}
}

// answer is the last message of a reply: of its event stream, or its body.
func (a reply) answer(t *testing.T) map[string]any {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		return decode(t, a.body)
	}
	last := ""
	for block := range strings.SplitSeq(a.body, "\n\n") {
		for line := range strings.Lines(block) {
			if data, ok := strings.CutPrefix(line, "data: "); ok && strings.TrimSpace(data) != "" {
				last = data
			}
		}
	}
	return decode(t, last)
}

// initialize asks for a session.
var initialize = request{method: "POST", path: "/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}`}

// open opens a session over raw HTTP and returns its id.
func open(t *testing.T, s *faults.Server) string {
	t.Helper()
	got := send(t, s, initialize)
	id := got.header.Get("Mcp-Session-Id")
	if got.status != http.StatusOK || id == "" {
		t.Fatalf("initialize: %d %q", got.status, got.body)
	}
	if got := send(t, s, inSession(id, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)); got.status != http.StatusAccepted {
		t.Fatalf("initialized: %d %q", got.status, got.body)
	}
	return id
}

// inSession is a POST within a session.
func inSession(id, body string) request {
	return request{method: "POST", path: "/mcp", body: body, header: map[string]string{"Mcp-Session-Id": id, "Mcp-Protocol-Version": withSessions}}
}

// toolCall is a tools/call within a session.
func toolCall(session, tool, args string) request {
	return inSession(session, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+args+`}}`)
}

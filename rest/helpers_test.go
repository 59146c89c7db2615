package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// canary is a key that must show up nowhere but in its header.
const canary = "lm_canary_5f1c0e9a7b3d2468"

// keyed is the transport that a session is given: it adds the key.
type keyed struct{ base http.RoundTripper }

func (k keyed) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-API-Key", canary)
	return k.base.RoundTrip(req)
}

// A request is what LeadMagic gets to see of a call.
type request struct {
	Method, URI, Body string
	Header            http.Header
}

// A server is a LeadMagic that answers as the test says and records the requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.RequestURI, string(body), r.Header.Clone()})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// says answers every request with a body.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// options are those of a session with LeadMagic at url.
func options(url string) rest.Options {
	return rest.Options{BaseURL: url, Client: &http.Client{Transport: keyed{http.DefaultTransport}}, Version: "0.0.0-test"}
}

// serve runs a session and returns its two ends.
func serve(t *testing.T, o rest.Options) (toServer io.WriteCloser, fromServer io.ReadCloser) {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = rest.Serve(context.Background(), o, in, out)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		_ = toServer.Close()
		_ = fromServer.Close()
		<-ended
	})
	return toServer, fromServer
}

// connect is a client's session with a server of these options.
func connect(t *testing.T, o rest.Options, opts *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	toServer, fromServer := serve(t, o)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, opts)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer, MaxLineLength: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call runs one tool with arguments that are JSON, or without any.
func call(t *testing.T, session *mcp.ClientSession, tool, args string) *mcp.CallToolResult {
	t.Helper()
	params := &mcp.CallToolParams{Name: tool}
	if args != "" {
		params.Arguments = json.RawMessage(args)
	}
	result, err := session.CallTool(t.Context(), params)
	if err != nil {
		t.Fatalf("calling %s: %v", tool, err)
	}
	return result
}

// texts are the text blocks of a result.
func texts(result *mcp.CallToolResult) []string {
	var all []string
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			all = append(all, text.Text)
		}
	}
	return all
}

func text(result *mcp.CallToolResult) string { return strings.Join(texts(result), "\n") }

// usage is what a result says of credits.
func usage(t *testing.T, result *mcp.CallToolResult) rest.Usage {
	t.Helper()
	raw, err := json.Marshal(result.Meta[problem.UsageKey])
	if err != nil {
		t.Fatal(err)
	}
	var u rest.Usage
	if err := json.Unmarshal(raw, &u); err != nil {
		t.Fatal(err)
	}
	return u
}

package sandbox_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// health asks a sandbox how it is, and returns the protocol of the answer.
func health(t *testing.T, c *http.Client, url string) (proto string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("health: %d", response.StatusCode)
	}
	return response.Proto, nil
}

func TestServeEndsWithItsContext(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := sandbox.New(sandbox.Options{})
	served := make(chan error)
	go func() { served <- s.Serve(ctx, listener) }()
	if _, err := health(t, client(t), "http://"+listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if err := s.Serve(t.Context(), listener); err == nil || !strings.Contains(err.Error(), "serving the sandbox") {
		t.Errorf("Serve on a closed listener = %v", err)
	}
}

func TestForeignHostsAreRefusedOnLoopback(t *testing.T) {
	for _, test := range []struct {
		host string
		want int
	}{{"api.leadmagic.example", 403}, {"localhost", 200}, {"LOCALHOST:80", 200}, {"[::1]", 200}, {"127.0.0.1.example:80", 403}} {
		r := request{method: "GET", path: "/v1/credits"}.build(t, t.Context(), start(t, faults.Options{}))
		r.Host = test.host
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s: %d", test.host, response.StatusCode)
		}
	}
}

func TestAClosedSandboxRefuses(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	s.Close()
	s.Close()
	w := &recorder{header: http.Header{}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.ServeHTTP(w, r)
	if w.status != http.StatusServiceUnavailable {
		t.Errorf("status = %d", w.status)
	}
}

type recorder struct {
	header http.Header
	status int
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return len(p), nil }

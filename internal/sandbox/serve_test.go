package sandbox_test

import (
	"net/http"
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

func TestAClosedSandboxIsGone(t *testing.T) {
	s, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := health(t, client(t), s.URL); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	if proto, err := health(t, client(t), s.URL); err == nil {
		t.Errorf("it answers over %s", proto)
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

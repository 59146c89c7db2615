package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestKeys(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, test := range []struct {
		what   string
		header map[string]string
		want   int
		body   string
	}{
		{"the key in its header", nil, 200, ""},
		{"the key as a Bearer token", map[string]string{"x-leadmagic-key": "", "Authorization": "Bearer " + sandbox.Key}, 200, ""},
		{"no key", map[string]string{"x-leadmagic-key": ""}, 401, "Missing API key"},
		{"another key", map[string]string{"x-leadmagic-key": "lm_canary_5f1c0e9a7b3d2468"}, 401, "Invalid API key"},
		{"the REST header", map[string]string{"x-leadmagic-key": "", "X-API-Key": sandbox.Key}, 401, "Missing API key"},
		{"Basic authorization", map[string]string{"x-leadmagic-key": "", "Authorization": "Basic " + sandbox.Key}, 401, "Missing API key"},
		{"a wrong key beside a good token", map[string]string{"x-leadmagic-key": "lm_wrong", "Authorization": "Bearer " + sandbox.Key}, 401, "Invalid"},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := start(t, faults.Options{})
			got := send(t, s, request{method: "POST", path: "/mcp", body: ping, header: test.header})
			if got.status != test.want || !strings.Contains(got.body, test.body) || strings.Contains(got.body, "canary") {
				t.Errorf("got %d %q", got.status, got.body)
			}
			if got.header.Get("WWW-Authenticate") != "" {
				t.Error("a server that takes keys asks for sign-in")
			}
		})
	}
	t.Run("two keys are none", func(t *testing.T) {
		s := start(t, faults.Options{})
		r := request{method: "POST", path: "/mcp", body: ping}.build(t, t.Context(), s)
		r.Header.Add("x-leadmagic-key", sandbox.Key)
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != 401 {
			t.Errorf("status = %d", response.StatusCode)
		}
	})
	t.Run("a rotated key", func(t *testing.T) {
		s := start(t, faults.Options{})
		s.SetKey("lm_next")
		if got := send(t, s, request{method: "POST", path: "/mcp", body: ping}); got.status != 401 {
			t.Errorf("the old key: %d", got.status)
		}
		if got := send(t, s, request{method: "POST", path: "/mcp", body: ping, header: map[string]string{"x-leadmagic-key": "lm_next"}}); got.status != 200 {
			t.Errorf("the new key: %d", got.status)
		}
	})
}

func TestOAuthOnly(t *testing.T) {
	s := start(t, faults.Options{OAuthOnly: true})
	for _, method := range []string{"POST", "GET"} {
		got := send(t, s, request{method: method, path: "/mcp"})
		want := `resource_metadata="` + s.URL + `/.well-known/oauth-protected-resource/mcp"`
		if challenge := got.header.Get("WWW-Authenticate"); got.status != 401 || !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, want) {
			t.Errorf("%s: %d, challenge %q", method, got.status, challenge)
		}
	}
	for header, want := range map[string]bool{"": false, "Bearer " + sandbox.Key: true} { // RFC 6750 §3.1
		got := send(t, s, request{method: "GET", path: "/mcp", header: map[string]string{"x-leadmagic-key": "", "Authorization": header}})
		if challenge := got.header.Get("WWW-Authenticate"); strings.Contains(challenge, `error="invalid_token"`) != want {
			t.Errorf("authorization %q: challenge %q", header, challenge)
		}
	}
	if got := send(t, s, request{method: "GET", path: "/v1/credits"}); got.status != 200 {
		t.Errorf("REST refuses the key: %d", got.status)
	}
}

func TestNoCreditsRemain(t *testing.T) {
	s := start(t, faults.Options{Credits: 3})
	id := open(t, s)
	got := send(t, s, toolCall(id, "find_mobile_number", `{"profile_url":"ada"}`))
	body := decode(t, got.body)
	if got.status != 403 || !strings.Contains(got.body, "No credits remaining") || body["credits_required"] != 5.0 || body["credits_available"] != 3.0 {
		t.Errorf("a call that costs more: %d %s", got.status, got.body)
	}
	if got := send(t, s, toolCall(id, "check_credits", `{}`)); got.status != 200 {
		t.Errorf("a free call: %d", got.status)
	}
	if got := send(t, s, toolCall(id, "find_mobile_number", `{"profile_url":"nobody"}`)); got.status != 200 {
		t.Errorf("a miss: %d", got.status)
	}
	if got := send(t, s, toolCall(id, "find_work_email", `{"full_name":"Ada","domain":"a.example"}`)); got.status != 200 || s.Balance() != 2 {
		t.Errorf("a call that is covered: %d, balance %v", got.status, s.Balance())
	}
	if s := start(t, faults.Options{Credits: -1}); s.Balance() != 0 {
		t.Errorf("balance = %v, want 0", s.Balance())
	}
}

// health requests /health, and returns the protocol of the response.
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

package auth

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestCheckOriginTakesSafeAddresses(t *testing.T) {
	for _, raw := range []string{
		"https://mcp.leadmagic.io/mcp", " https://mcp.leadmagic.io ", "HTTPS://MCP.LeadMagic.IO:443/mcp", "https://10.0.0.1:8443/x?y=z",
		"http://127.0.0.1:8080/mcp", "http://127.9.9.9", "http://[::1]:99", "http://localhost:1", "http://LOCALHOST", "http://[::ffff:127.0.0.1]/",
	} {
		if u, err := CheckOrigin(raw); err != nil || u.Host == "" {
			t.Errorf("%s is refused: %v", raw, err)
		}
	}
}

func TestCheckOriginRefusesOthers(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"nothing", "", "no https://"},
		{"a host alone", "mcp.leadmagic.io/mcp", "no https://"},
		{"a host and port alone", "localhost:8080", "no https://"},
		{"another scheme", "ftp://mcp.leadmagic.io", "not a web address"},
		{"no host", "https:///mcp", "names no host"},
		{"no URL", "https://mcp.leadmagic.io/%zz", "not a URL"},
		{"a control character", "https://mcp.leadmagic.io/\x7f", "not a URL"},
		{"a password", "https://user:" + canary + "@mcp.leadmagic.io", "user name or password"},
		{"a user", "https://" + canary + "@mcp.leadmagic.io", "user name or password"},
		{"a fragment", "https://mcp.leadmagic.io/#a", "# part"},
		{"http elsewhere", "http://mcp.leadmagic.io/mcp", "not https"},
		{"http in the local network", "http://192.168.1.2", "not https"},
		{"a name that begins like loopback", "http://127.0.0.1.example", "not https"},
		{"a name that ends like localhost", "http://notlocalhost", "not https"},
		{"a number that a resolver may take for loopback", "http://2130706433", "not https"},
		{"loopback with a zone", "http://[::1%25eth0]", "not https"},
		{"a letter that looks like another", "https://mcp.leadmаgic.io", "not ASCII"},
		{"a port that is too large", "https://mcp.leadmagic.io:65536", "port"},
		{"port zero", "https://mcp.leadmagic.io:0", "port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := CheckOrigin(tt.raw)
			p := problem.As(err)
			if p == nil || p.Code != problem.BadSetting || p.Next == "" {
				t.Fatalf("got %v, want a bad setting with its fix", err)
			}
			if !strings.Contains(p.What, tt.want) || leaks(p.Line()) {
				t.Errorf("got %q, want it to say %q and nothing of the address", p.What, tt.want)
			}
		})
	}
}

func TestSameOrigin(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"https://mcp.leadmagic.io/mcp", "https://mcp.leadmagic.io/other?x=y", true},
		{"https://mcp.leadmagic.io", "https://MCP.leadmagic.io:443", true},
		{"http://127.0.0.1", "http://127.0.0.1:80", true},
		{"http://[::1]:8", "http://[0:0:0:0:0:0:0:1]:8", true},
		{"https://mcp.leadmagic.io", "http://mcp.leadmagic.io", false},
		{"https://mcp.leadmagic.io", "http://mcp.leadmagic.io:443", false},
		{"https://mcp.leadmagic.io", "https://mcp.leadmagic.io:8443", false},
		{"https://mcp.leadmagic.io", "https://mcp.leadmagic.io.", false},
		{"https://mcp.leadmagic.io", "https://api.leadmagic.io", false},
		{"https://mcp.leadmagic.io", "https://mcp.leadmagic.io.example", false},
	}
	for _, tt := range tests {
		a, errA := url.Parse(tt.a)
		b, errB := url.Parse(tt.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := SameOrigin(a, b); got != tt.want || SameOrigin(b, a) != tt.want {
			t.Errorf("%s and %s: same origin is %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

// FuzzOrigin says by other means than the code does where a request with the key may go.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://mcp.leadmagic.io/mcp", "https://MCP.leadmagic.io:443", "https://mcp.leadmagic.io:444", "https://mcp.leadmagic.io.",
		"http://mcp.leadmagic.io", "https://user@mcp.leadmagic.io", "https://mcp.leadmagic.io@evil.example", "//mcp.leadmagic.io", "https:mcp.leadmagic.io",
	} {
		f.Add(seed, "")
	}
	f.Add("https://mcp.leadmagic.io", "evil.example")
	home, err := CheckOrigin("https://mcp.leadmagic.io/mcp")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw, host string) {
		if u, err := CheckOrigin(raw); err == nil && u.Scheme != "https" {
			ip := net.ParseIP(u.Hostname())
			if !strings.EqualFold(u.Hostname(), "localhost") && (ip == nil || !ip.IsLoopback()) {
				t.Fatalf("%q may be given the key in the clear", raw)
			}
		}
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		var asked *http.Request
		transport := &Transport{
			Origin: home, Header: "x-leadmagic-key", Keys: Only(mustParse(t, canary), "a test"),
			Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked = r
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
			}),
		}
		res, err := transport.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Host: host, Header: http.Header{}}).WithContext(t.Context()))
		if err == nil {
			_ = res.Body.Close()
		}
		if asked == nil {
			return
		}
		at := strings.ToLower(asked.URL.Host)
		sent := strings.ToLower(asked.Host)
		if asked.URL.Scheme != "https" || asked.URL.User != nil ||
			strings.TrimSuffix(strings.TrimSuffix(at, ":443"), ":") != "mcp.leadmagic.io" ||
			sent != "" && strings.TrimSuffix(strings.TrimSuffix(sent, ":443"), ":") != "mcp.leadmagic.io" {
			t.Fatalf("the key went to %q, host %q", raw, host)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

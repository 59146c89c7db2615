package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// transportOf makes the transport of settings from flags and variables.
func transportOf(t *testing.T, variables map[string]string, flags ...string) (*baseTransport, *problem.Problem) {
	t.Helper()
	s, bad := settle(t, variables, flags...)
	if bad != nil {
		t.Fatal(bad)
	}
	return newBaseTransport(s, func(name string) string { return variables[name] })
}

// Each of these hides a proxy that somebody meant. net/http ignores them in silence.
func TestAProxyThatIsNoURLIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, value, why string }{
		{"a domain before the user name, a # in the password", `http://corp\user:p@ss#word@host:80`, "is not a URL"},
		{"a # in the password, so that the rest of it looks like a host", "http://user:p@ss#word@host:80", "has more in it than a host and a port"},
		{"a / in the password", "http://user:12/word@host:80", "has more in it than a host and a port"},
		{"a ? in the password", "http://user:12?word@host:80", "has more in it than a host and a port"},
		{"a % in the password", "http://user:pass%word@host:80", "is not a URL"},
		{"a blank in the password", "http://user:pass word@host:80", "is not a URL"},
		{"the same without http://", `corp\user:pass#word@host:80`, "is not a URL"},
		{"a port that is no number", "http://host:word", "is not a URL"},
		{"the same without http://", "host:word", "is not a URL"},
		{"a port that is too high", "http://host:65536", "names no port that there can be"},
		{"the port 0", "http://host:0", "names no port that there can be"},
		{"quotes around it", `"http://host:80"`, "is not a URL"},
		{"single quotes around it", "'http://host:80'", "is not a URL"},
		{"quotes around the host", `http://"host":80`, "names no host"},
		{"a reference that nothing has filled in", "http://$PROXY:80", "names no host"},
		{"one with braces", "${HTTP_PROXY}", "is not a URL"},
		{"no host", "http://", "names no host"},
		{"a port alone", ":8080", "names no host"},
		{"a user alone", "http://user:word@", "names no host"},
		{"a slash too few", "http:/host:80", "has more in it than a host and a port"},
		{"a blank before it", " http://host:80", "is not a URL"},
		{"a line end after it", "http://host:80\n", "is not a URL"},
		{"a script for browsers", "http://host/proxy.pac", "has more in it than a host and a port"},
		{"another kind", "ftp://user:word@host:80", "is of another kind than http, https or socks5"},
		{"SOCKS as desktops write it", "socks://host:80", "is of another kind than http, https or socks5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refused := func(setting string, variables map[string]string, flags ...string) {
				t.Helper()
				_, p := transportOf(t, variables, flags...)
				if p == nil || p.Code != problem.BadSetting || p.What != setting+" "+tt.why {
					t.Errorf("%s: got %v, want it refused: %s", setting, p, tt.why)
				}
				if p != nil && (strings.ContainsAny(p.Line(), "@$") || strings.Contains(p.Line(), "corp")) {
					t.Errorf("%s: got %q, which shows a part of the value", setting, p.Line())
				}
			}
			refused("HTTPS_PROXY", map[string]string{"HTTPS_PROXY": tt.value})
			refused("https_proxy", map[string]string{"https_proxy": tt.value})
			if !strings.HasPrefix(tt.value, " ") && !strings.HasSuffix(tt.value, "\n") {
				refused("--http-proxy (LEADMAGIC_HTTP_PROXY)", map[string]string{"LEADMAGIC_HTTP_PROXY": tt.value})
			}
			refused("--http-proxy (LEADMAGIC_HTTP_PROXY)", nil, "--http-proxy="+tt.value)
			if tt.why == errProxyKind.Error() {
				return
			}
			for _, name := range []string{"ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"} {
				refused(name, map[string]string{name: tt.value})
			}
		})
	}
}

func TestProxiesThatAreTaken(t *testing.T) {
	for _, value := range []string{
		"http://host:8080", "https://host", "socks5://127.0.0.1:1080", "socks5h://host:1080", "host:8080", "host", "10.0.0.1:3128", "http://[::1]:3128/",
		"http://user:pass@host:8080", "user:pass@host:8080", "http://corp%5Cuser:p%40ss%23word@host:80", "http://user:p@ss@host:80", "http://müller.example:80", "HTTP://host:80",
	} {
		b, p := transportOf(t, nil, "--http-proxy="+value)
		if p != nil {
			t.Errorf("%s: got %v", value, p)
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.leadmagic.io", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := b.proxy(req)
		if err != nil || proxy == nil || proxy.Hostname() == "" {
			t.Errorf("%s: got the proxy %v, %v", value, proxy, err)
		}
		if _, p := transportOf(t, map[string]string{"HTTPS_PROXY": value}); p != nil {
			t.Errorf("HTTPS_PROXY=%s: got %v", value, p)
		}
	}
}

func TestVariablesThatNothingGoesBy(t *testing.T) {
	const bad = "http://host:word"
	for _, tt := range []struct {
		name      string
		variables map[string]string
		flags     []string
	}{
		{"none is set", nil, nil},
		{"one that is empty", map[string]string{"HTTPS_PROXY": " "}, nil},
		{"the flag wins", map[string]string{"HTTPS_PROXY": bad}, []string{"--http-proxy=http://host:1"}},
		{"the one for https wins", map[string]string{"https_proxy": "http://host:1", "HTTP_PROXY": bad, "ALL_PROXY": bad}, nil},
		{"the upper case wins", map[string]string{"HTTPS_PROXY": "http://host:1", "https_proxy": bad}, nil},
		{"SOCKS as desktops write it, for others", map[string]string{"ALL_PROXY": "socks://host:1080/", "all_proxy": "socks://host:1080/"}, nil},
		{"the sandbox is on this machine", map[string]string{"HTTPS_PROXY": bad}, []string{"--sandbox"}},
		{"as is what is not https", map[string]string{"HTTPS_PROXY": bad}, []string{"--mcp-url=http://127.0.0.1:1/mcp"}},
		{"and the other way round", map[string]string{"HTTPS_PROXY": bad}, []string{"--api-url=http://127.0.0.1:1"}},
	} {
		if _, p := transportOf(t, tt.variables, tt.flags...); p != nil {
			t.Errorf("%s: got %v", tt.name, p)
		}
	}
}

func TestAProxyThatTakesOnlyLoginsOfWindowsIsNamed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("got %s, want CONNECT", r.Method)
		}
		w.Header()["Proxy-Authenticate"] = []string{"Negotiate", "NTLM"}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusProxyAuthRequired)
		_, _ = io.WriteString(w, "<html><title>Access denied</title>")
	}))
	t.Cleanup(proxy.Close)
	b, p := transportOf(t, nil, "--http-proxy="+strings.Replace(proxy.URL, "//", "//me:secret@", 1))
	if p != nil {
		t.Fatal(p)
	}
	dial := b.dial()
	t.Cleanup(dial.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://mcp.leadmagic.io/mcp", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := dial.RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("got an answer through a proxy that refuses")
	}
	got := problem.FromError(err, false)
	if want := "the HTTP proxy takes no login but Negotiate or NTLM"; !strings.Contains(got.What, want) || !strings.Contains(got.Fix(), "local proxy") || strings.Contains(got.Line(), "secret") {
		t.Errorf("got %q, want it to say %q and the way out", got.Line(), want)
	}
}

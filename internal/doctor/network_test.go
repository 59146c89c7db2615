package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// A wire is the network of a test: what listens, and how it is dialled.
type wire struct {
	url   string // of what should be LeadMagic
	base  *http.Transport
	proxy string // the HTTP proxy, empty for none
}

// secured is a LeadMagic with a certificate of an authority that only those know who are told.
func secured(t *testing.T, leaf faults.Leaf) (*faults.Server, *x509.CertPool) {
	t.Helper()
	server, err := faults.Start(faults.Options{Key: canary, TLS: &leaf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, server.Authority.Pool()
}

// silent accepts connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// resolved dials with a resolver that asks its name server so.
func resolved(ask func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	resolver := &net.Resolver{PreferGo: true, Dial: ask}
	return &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestHowFarAHostIsReached(t *testing.T) {
	tests := []struct {
		name         string
		wire         func(t *testing.T) wire
		check        string
		status       Status
		detail, hint string
	}{
		{"a certificate of a known authority", func(t *testing.T) wire {
			server, pool := secured(t, faults.Leaf{})
			return wire{url: server.URL, base: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		}, "mcp tls", OK, "TLS 1.3, certificate issued by CN=sandbox authority", ""},
		{"a certificate of an unknown authority", func(t *testing.T) wire {
			server, _ := secured(t, faults.Leaf{})
			return wire{url: server.URL}
		}, "mcp tls", Fail, "signed by an unknown authority (a company proxy?); the certificate was issued by CN=sandbox authority", "export LEADMAGIC_CA_FILE=FILE"},
		{"a certificate for another name", func(t *testing.T) wire {
			server, pool := secured(t, faults.Leaf{Hosts: []string{"portal.example"}})
			return wire{url: server.URL, base: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		}, "mcp tls", Fail, "company proxy?); the certificate was issued by CN=sandbox authority", "sign in to the network"},
		{"a certificate that has expired", func(t *testing.T) wire {
			server, pool := secured(t, faults.Leaf{Expires: time.Now().Add(-time.Hour)})
			return wire{url: server.URL, base: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		}, "mcp tls", Fail, "is the clock of this machine right?", "the clock of this machine"},
		{"http where https is due", func(t *testing.T) wire {
			return wire{url: strings.Replace(serve(t, http.NotFound), "http:", "https:", 1)}
		}, "mcp tls", Fail, "the TLS handshake did not succeed", ""},
		{"a host that accepts and says nothing", func(t *testing.T) wire {
			return wire{url: "https://" + silent(t)}
		}, "mcp tls", Fail, "accepts the connection and says nothing more", "firewall"},
		{"a host that accepts and does not answer", func(t *testing.T) wire {
			return wire{url: "http://" + silent(t)}
		}, "mcp health", Fail, "accepts the connection and does not answer", "firewall"},
		{"a name server that does not answer", func(*testing.T) wire {
			return wire{url: "https://mcp.leadmagic.test", base: resolved(func(ctx context.Context, _, _ string) (net.Conn, error) {
				return nil, block(ctx)
			})}
		}, "mcp name", Fail, "looking up mcp.leadmagic.test takes too long", "name server"},
		{"no name server", func(*testing.T) wire {
			return wire{url: "https://mcp.leadmagic.test", base: resolved(func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("no network")
			})}
		}, "mcp name", Fail, "the name mcp.leadmagic.test cannot be resolved", "name server"},
		{"an address instead of a name", func(*testing.T) wire {
			return wire{url: "http://127.0.0.1:1"}
		}, "mcp name", OK, "127.0.0.1 needs no look-up", ""},
		{"nothing listens", func(*testing.T) wire {
			return wire{url: "http://127.0.0.1:1"}
		}, "mcp connection", Fail, "no connection to 127.0.0.1:1: the connection was refused", "--mcp-url"},
		{"a proxy that wants a login", func(t *testing.T) wire {
			return wire{url: "https://mcp.leadmagic.test", proxy: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusProxyAuthRequired)
			})}
		}, "mcp connection", Fail, "the HTTP proxy wants a login", "http://user:password@host:port"},
		{"a proxy that is not there", func(*testing.T) wire {
			return wire{url: "https://mcp.leadmagic.test", proxy: "http://127.0.0.1:1"}
		}, "mcp connection", Fail, "no connection to the HTTP proxy 127.0.0.1:1: the connection was refused", "check --http-proxy"},
		{"a proxy whose name is not known", func(*testing.T) wire {
			base := resolved(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") })
			return wire{url: "https://mcp.leadmagic.test", base: base, proxy: "http://proxy.test:3128"}
		}, "mcp name", Fail, "the name proxy.test cannot be resolved", "check --http-proxy"},
		{"a proxy that accepts and says nothing", func(t *testing.T) wire {
			proxy := silent(t)
			return wire{url: "https://mcp.leadmagic.test", proxy: "http://" + proxy}
		}, "mcp connection", Fail, "the HTTP proxy 127.0.0.1:", "firewall"},
		{"a host that ends the connection", func(t *testing.T) wire {
			return wire{url: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_ = conn.Close()
				}
			})}
		}, "mcp health", Fail, " accepts the connection and ends it without an answer", "firewall"},
		{"a captive portal", func(t *testing.T) wire {
			return wire{url: serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>Welcome")) })}
		}, "mcp health", Fail, "a web page came where LeadMagic's answer was due", "sign in to the network"},
		{"a redirect is not followed", func(t *testing.T) wire {
			return wire{url: serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://elsewhere.example/login?token=x", http.StatusFound)
			})}
		}, "mcp health", Fail, "LeadMagic points to another origin, https://elsewhere.example/login; the key was not sent there", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := tt.wire(t)
			u, err := url.Parse(w.url)
			if err != nil {
				t.Fatal(err)
			}
			if w.base == nil {
				w.base = &http.Transport{}
			}
			w.base.Proxy = func(*http.Request) (*url.URL, error) {
				if w.proxy == "" {
					return nil, nil
				}
				return url.Parse(w.proxy)
			}
			w.base.OnProxyConnectResponse = problem.FromConnect
			d := newDoctor(t)
			d.Route = &Route{MCP: u, API: u, Upstream: "mcp", Proxy: w.base.Proxy, Dial: func() http.RoundTripper { return w.base }}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if tt.status == OK || !strings.Contains(tt.name, "says nothing") && !strings.Contains(tt.detail, "accepts") && !strings.Contains(tt.detail, "too long") {
				cancel() // only silence has to be waited for
				ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
			}
			defer cancel()
			n := &notes{}
			c := &networkCheck{role: "mcp", url: u}
			c.run(ctx, d)
			c.report(n, false)
			expect(t, n.checks, tt.check, tt.status, tt.detail, tt.hint)
			fault := slices.IndexFunc(n.checks, func(c Check) bool { return c.Status == Fail })
			if tt.status == Fail && slices.ContainsFunc(n.checks[fault+1:], func(c Check) bool { return c.Status != Skipped || !strings.HasSuffix(c.Detail, " was not reached") }) {
				t.Errorf("got %+v, want nothing to be looked at after a fault", n.checks)
			}
		})
	}
}

// Each host is looked at once, and none that calls do not go to.
func TestWhichHostsAreLookedAt(t *testing.T) {
	for _, tt := range []struct{ upstream, mcp, api, want string }{
		{"auto", "https://mcp.example/mcp", "https://api.example", "mcp mcp.example, api api.example"},
		{"auto", "https://one.example/mcp", "https://one.example", "mcp one.example"},
		{"auto", "http://one.example/mcp", "https://one.example", "mcp one.example, api one.example"},
		{"mcp", "https://mcp.example/mcp", "https://api.example", "mcp mcp.example"},
		{"rest", "https://mcp.example/mcp", "https://api.example", "api api.example"},
	} {
		r := &Route{Upstream: tt.upstream}
		r.MCP, _ = url.Parse(tt.mcp)
		r.API, _ = url.Parse(tt.api)
		var got []string
		for _, c := range r.hosts() {
			got = append(got, c.role+" "+c.url.Host)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// What doctor asks a host for is free, and shows no key.
func TestWhatAHostIsAskedFor(t *testing.T) {
	d := newDoctor(t, key)
	r := d.route(t)
	closed := make(chan string, 2)
	r.Dial = dialled(func(req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodGet || req.URL.Path != "/health" || req.Header.Get("User-Agent") != "leadmagic-mcp-proxy/1.2.3" || len(req.Header) != 1 {
			t.Errorf("asked for %s %s with %v", req.Method, req.URL, req.Header)
		}
		res := answer(req, 200, "{}")
		res.Body = closer{res.Body, func() { closed <- req.URL.Host }}
		return res, nil
	})
	d.Examine(t.Context())
	if len(closed) != 2 {
		t.Errorf("%d answers were closed, want 2", len(closed))
	}
}

type closer struct {
	io.Reader
	closed func()
}

func (c closer) Close() error {
	c.closed()
	return nil
}

// net/http may go on to tell of connections when a request has ended.
func TestWhatIsToldLateDoesNotCount(t *testing.T) {
	d := newDoctor(t, key)
	var trace *httptrace.ClientTrace
	d.route(t).Dial = func() http.RoundTripper {
		return transport(func(req *http.Request) (*http.Response, error) {
			trace = httptrace.ContextClientTrace(req.Context())
			return nil, errors.New("no route")
		})
	}
	c := &networkCheck{role: "mcp", url: d.Route.MCP}
	c.run(t.Context(), d)
	trace.ConnectStart("tcp", "192.0.2.1:443")
	trace.ConnectDone("tcp", "192.0.2.1:443", nil)
	expect(t, checksOf(func(n *notes) { c.report(n, false) }), "mcp name", Fail, "no connection could be made", "")
}

func TestHowLongThingsTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		r := d.route(t)
		r.Dial = func() http.RoundTripper {
			return transport(func(req *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(req.Context())
				trace.DNSStart(httptrace.DNSStartInfo{Host: req.URL.Hostname()})
				pause(10)
				trace.DNSDone(httptrace.DNSDoneInfo{Addrs: []net.IPAddr{{IP: net.IPv4(192, 0, 2, 1)}, {IP: net.IPv4(192, 0, 2, 2)}}})
				trace.ConnectStart("tcp", "192.0.2.1:443")
				pause(5)
				trace.ConnectStart("tcp", "192.0.2.2:443")
				pause(15)
				trace.ConnectDone("tcp", "192.0.2.1:443", nil)
				trace.TLSHandshakeStart()
				pause(30)
				trace.TLSHandshakeDone(tls.ConnectionState{Version: tls.VersionTLS12}, nil)
				trace.GotConn(httptrace.GotConnInfo{})
				pause(40)
				return answer(req, 200, "{}"), nil
			})
		}
		r.Open = func(ctx context.Context, protocol string) (*Session, error) {
			pause(200)
			return open(ctx, protocol, 3, func(next mcp.MethodHandler) mcp.MethodHandler {
				return func(ctx context.Context, asked string, req mcp.Request) (mcp.Result, error) {
					if asked == "tools/call" {
						pause(25)
					}
					return next(ctx, asked, req)
				}
			})
		}
		checks := d.Examine(t.Context()).Checks
		for name, want := range map[string]string{
			"mcp name":       "mcp.leadmagic.io is 192.0.2.1, 192.0.2.2 (10ms)",
			"mcp connection": "to mcp.leadmagic.io (20ms)",
			"mcp tls":        "TLS 1.2, certificate issued by nobody (30ms)",
			"mcp health":     "/health answers 200 in 100ms",
			"initialize":     "2025-11-25 in 200ms with",
			"discover":       "2026-07-28 in 200ms",
			"free call":      "check_credits answers in 25ms",
		} {
			expect(t, checks, name, OK, want, "")
		}
	})
}

// pause lets so many milliseconds go by.
func pause(ms int) { <-time.After(time.Duration(ms) * time.Millisecond) }

func TestTheClock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ahead  time.Duration // of the host, with an answer that took a second
		took   time.Duration
		status Status
		detail string
	}{
		{"nearly right", 59 * time.Second, time.Second, OK, "as that of mcp.leadmagic.io"},
		{"a minute", time.Minute, time.Second, Warn, "this machine's clock is 1m0s ahead of that of mcp.leadmagic.io"},
		{"a minute behind", -time.Minute, time.Second, Warn, "this machine's clock is 1m0s behind that of mcp.leadmagic.io"},
		{"nearly an hour", time.Hour - time.Second, time.Second, Warn, "59m59s ahead"},
		{"an hour", time.Hour, time.Second, Fail, "1h0m0s ahead"},
		{"an answer that took long", 5 * time.Minute, 7 * time.Second, Warn, "5m3s ahead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDoctor(t, key)
				d.route(t).Dial = dialled(func(req *http.Request) (*http.Response, error) {
					date := time.Now().Add(-tt.ahead).UTC().Format(http.TimeFormat)
					<-time.After(tt.took)
					return answer(req, 200, "{}", "Date", date), nil
				})
				expect(t, d.Examine(t.Context()).Checks, "clock", tt.status, tt.detail, "")
			})
		})
	}
}

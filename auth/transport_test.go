package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// environment looks variables up in a table.
func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// serve starts a server and returns a transport for it.
func serve(t *testing.T, keys *Keys, handler http.HandlerFunc) *Transport {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	origin, err := CheckOrigin(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &Transport{Base: &http.Transport{}, Origin: origin, Header: "x-leadmagic-key", Keys: keys, UserAgent: "test/1"}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func post(t *testing.T, to *url.URL, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.JoinPath("/mcp").String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTheKeyGoesOut(t *testing.T) {
	for _, tt := range []struct{ header, sent, value string }{
		{"x-leadmagic-key", "X-Leadmagic-Key", canary},
		{"X-API-Key", "X-Api-Key", canary},
		{"Authorization", "Authorization", "Bearer " + canary},
	} {
		t.Run(tt.header, func(t *testing.T) {
			var got http.Header
			transport := serve(t, Only(mustParse(t, canary), "a test"), func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Clone()
				w.Header().Set("X-Echo", r.Header.Get(tt.sent))
				_, _ = io.WriteString(w, `{"echo":"`+r.Header.Get(tt.sent)+`"}`)
			})
			transport.Header = tt.header
			req := post(t, transport.Origin, "{}")
			for _, name := range []string{"x-leadmagic-key", "X-API-KEY", "authorization"} {
				req.Header[name] = []string{"of the caller"}
			}
			before := req.Header.Clone()
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if readAll(t, res) != `{"echo":"`+tt.value+`"}` || res.Header.Get("X-Echo") != tt.value {
				t.Error("the answer is not what LeadMagic sent: to take keys out is for who writes it")
			}
			if got.Get(tt.sent) != tt.value || got.Get("User-Agent") != "test/1" {
				t.Error("the key or the user agent was not sent")
			}
			for _, name := range []string{"X-Leadmagic-Key", "X-Api-Key", "Authorization"} {
				if name != tt.sent && got.Get(name) != "" {
					t.Errorf("%s of the caller was sent", name)
				}
			}
			if len(before) != len(req.Header) || req.Header.Get("User-Agent") != "" || res.Request != req {
				t.Error("the caller's request was changed, or the answer shows the one with the key")
			}
		})
	}
}

func TestARequestElsewhereIsNotSent(t *testing.T) {
	home, err := CheckOrigin("https://mcp.leadmagic.io/mcp")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, to, host string
		origin         *url.URL
	}{
		{"another host", "https://evil.example/mcp", "", home},
		{"another scheme", "http://mcp.leadmagic.io/mcp", "", home},
		{"another port", "https://mcp.leadmagic.io:444/mcp", "", home},
		{"another host in the Host header", "https://mcp.leadmagic.io/mcp", "evil.example", home},
		{"a password", "https://a:b@mcp.leadmagic.io/mcp", "", home},
		{"a scheme of its own", "ftp://mcp.leadmagic.io/mcp", "", &url.URL{Scheme: "ftp", Host: "mcp.leadmagic.io"}},
		{"an origin in the clear", "http://mcp.leadmagic.io/mcp", "", &url.URL{Scheme: "http", Host: "mcp.leadmagic.io"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transport := &Transport{
				Origin: tt.origin, Header: "x-leadmagic-key", Keys: Only(mustParse(t, canary), "a test"),
				Base: roundTrip(func(*http.Request) (*http.Response, error) {
					t.Error("the request was sent")
					return nil, errors.New("sent")
				}),
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tt.to, nil)
			if err != nil {
				t.Fatal(err)
			}
			body := &closing{Reader: strings.NewReader("{}")}
			req.Host, req.Body = tt.host, body
			_, err = transport.RoundTrip(req) //nolint:bodyclose // there is no answer
			if p := problem.As(err); p == nil || p.Code != problem.BadSetting || p.Outcome != problem.NotSent || !body.closed {
				t.Errorf("got %v, the body is closed: %v; want a bad setting, nothing sent, and a closed body", err, body.closed)
			}
		})
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestWithoutAKeyNothingIsSent(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  problem.Code
	}{
		{"", problem.KeyMissing},
		{"${LEADMAGIC_API_KEY}", problem.KeyMissing},
		{"lm_with a blank", problem.KeyMalformed},
		{"sk-0123456789", problem.KeyMalformed},
	} {
		keys := &Keys{Getenv: environment(map[string]string{variable: tt.value, "HOME": t.TempDir()}), Keychain: &fakeChain{}}
		transport := serve(t, keys, func(http.ResponseWriter, *http.Request) { t.Errorf("%q: a request was sent", tt.value) })
		req := post(t, transport.Origin, "")
		body := &closing{Reader: strings.NewReader("{}")}
		req.Body = body
		_, err := transport.RoundTrip(req) //nolint:bodyclose // there is no answer
		if p := problem.As(err); p == nil || p.Code != tt.want || p.Outcome != problem.NotSent || !body.closed {
			t.Errorf("%q: got %v, the body is closed: %v; want %s", tt.value, err, body.closed, tt.want)
		}
	}
}

func TestARejectedKeyIsReplacedOnceForAllCalls(t *testing.T) {
	const second = "lm_second_0123456789"
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs, tries := 0, map[string]int{}
		keys := &Keys{
			Getenv: environment(map[string]string{commandVariable: "key", "HOME": "/nonexistent"}), Keychain: &fakeChain{},
			Run: func(context.Context, []string, io.Writer) ([]byte, error) {
				runs++
				if runs == 1 {
					return []byte(canary), nil
				}
				return []byte(second), nil
			},
		}
		defer keys.Close()
		if _, err := keys.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		time30(t)
		transport := &Transport{
			Origin: &url.URL{Scheme: "https", Host: "x.example"}, Header: "x-leadmagic-key", Keys: keys,
			Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != `{"id":1}` {
					t.Errorf("the body of a try is %q, %v", body, err)
				}
				key := r.Header.Get("X-Leadmagic-Key")
				mu.Lock()
				tries[key]++
				mu.Unlock()
				status := http.StatusOK
				if key == canary {
					status = http.StatusUnauthorized
				}
				return &http.Response{
					StatusCode: status, Header: http.Header{},
					Body: io.NopCloser(strings.NewReader("new")),
				}, nil
			}),
		}
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				res, err := transport.RoundTrip(post(t, transport.Origin, `{"id":1}`))
				if err != nil {
					t.Error(err)
					return
				}
				if got := readAll(t, res); res.StatusCode != http.StatusOK || got != "new" {
					t.Errorf("status %d, the answer is %q", res.StatusCode, got)
				}
			})
		}
		calls.Wait()
		if runs != 2 || tries[canary] > 20 || tries[second] != 20 {
			t.Errorf("the command ran %d times, the new key was tried %d times; want 2 and 20", runs, tries[second])
		}
	})
}

func TestAnErrorOfTheConnectionIsPassedOn(t *testing.T) {
	cause := errors.New("refused")
	transport := &Transport{
		Origin: &url.URL{Scheme: "https", Host: "x.example"}, Header: "x-leadmagic-key", Keys: Only(mustParse(t, canary), "a test"),
		Base: roundTrip(func(*http.Request) (*http.Response, error) { return nil, cause }),
	}
	if _, err := transport.RoundTrip(post(t, transport.Origin, "{}")); !errors.Is(err, cause) { //nolint:bodyclose // there is no answer
		t.Errorf("got %v", err)
	}
}

// TestA403IsNoReasonForAnotherKey has a Bearer challenge beside it: only 401 says that a key is not taken.
func TestA403IsNoReasonForAnotherKey(t *testing.T) {
	m := newMachine(t)
	m.values[variable] = canary
	if _, err := m.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.values[variable] = newer
	for _, status := range []int{http.StatusForbidden, http.StatusPaymentRequired, http.StatusOK, http.StatusInternalServerError} {
		tries := 0
		transport := serve(t, m.Keys, func(w http.ResponseWriter, _ *http.Request) {
			tries++
			w.Header().Set("Www-Authenticate", `Bearer resource_metadata="https://x.example"`)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no")
		})
		res, err := transport.RoundTrip(post(t, transport.Origin, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, res); got != "no" || res.StatusCode != status || tries != 1 {
			t.Errorf("got %d %q after %d tries, want %d itself, once", res.StatusCode, got, tries, status)
		}
	}
}

func TestTheAnswerToARejectedKeyIsReadAndClosed(t *testing.T) {
	m := newMachine(t)
	m.values[variable] = canary
	if _, err := m.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.values[variable] = newer
	rest := strings.NewReader(strings.Repeat("no", 20_000))
	refused := &closing{Reader: rest}
	transport := &Transport{
		Origin: &url.URL{Scheme: "https", Host: "x.example"}, Header: "x-leadmagic-key", Keys: m.Keys,
		Base: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Leadmagic-Key") == canary {
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: refused}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
		}),
	}
	res, err := transport.RoundTrip(post(t, transport.Origin, "{}"))
	if err != nil || readAll(t, res) != "" || res.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v", res, err)
	}
	if !refused.closed || rest.Len() > 0 {
		t.Errorf("closed: %v, %d bytes not read: the connection cannot be used again", refused.closed, rest.Len())
	}
}

func TestARefusalStandsWhereThereIsNoOtherKey(t *testing.T) {
	tries := 0
	transport := serve(t, Only(mustParse(t, canary), "a test"), func(w http.ResponseWriter, _ *http.Request) {
		tries++
		w.Header().Set("Www-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "no")
	})
	res, err := transport.RoundTrip(post(t, transport.Origin, "{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, res); res.StatusCode != http.StatusUnauthorized || got != "no" || res.Header.Get("Www-Authenticate") != "Bearer" || tries != 1 {
		t.Errorf("status %d, %d tries; want the refusal itself, once", res.StatusCode, tries)
	}
}

func TestARedirectThatLeadsNowhereIsAnAnswer(t *testing.T) {
	transport := serve(t, Only(mustParse(t, canary), "a test"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://[::1")
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(post(t, transport.Origin, "{}"))
	if err != nil {
		t.Fatalf("got %v, want the answer", err)
	}
	if _ = readAll(t, res); res.StatusCode != http.StatusPermanentRedirect {
		t.Errorf("got the status %d, want 308", res.StatusCode)
	}
}

func TestABodyThatCannotBeHadAgainIsSentOnce(t *testing.T) {
	for name, spoil := range map[string]func(*http.Request){
		"no way to get it":    func(r *http.Request) { r.GetBody = nil },
		"an error getting it": func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") } },
	} {
		values := map[string]string{variable: canary, "HOME": t.TempDir()}
		keys := &Keys{Getenv: environment(values), Keychain: &fakeChain{}}
		if _, err := keys.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		values[variable] = "lm_second_0123456789"
		tries := 0
		transport := serve(t, keys, func(w http.ResponseWriter, _ *http.Request) {
			tries++
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "no")
		})
		req := post(t, transport.Origin, "{}")
		spoil(req)
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, res); got != "no" || tries != 1 {
			t.Errorf("%s: got %q after %d tries, want the refusal after one", name, got, tries)
		}
	}
}

func TestIdleConnectionsAreClosedWhereThereAreAny(t *testing.T) {
	base := &idler{}
	(&Transport{Base: base}).CloseIdleConnections()
	if !base.closed {
		t.Error("they are left open")
	}
	(&Transport{Base: roundTrip(nil)}).CloseIdleConnections() // which has none
}

type idler struct {
	http.RoundTripper
	closed bool
}

func (i *idler) CloseIdleConnections() { i.closed = true }

// BenchmarkTransport sends the same request over the same server, with and without the transport.
func BenchmarkTransport(b *testing.B) {
	content := bytes.Repeat([]byte(`{"name":"Ada Lovelace","domain":"analytical.example","lm":"all"},`), 16<<20/65)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	defer server.Close()
	origin, err := CheckOrigin(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	buf := make([]byte, 1<<20)
	for name, over := range map[string]http.RoundTripper{
		"direct":  base,
		"proxied": &Transport{Base: base, Origin: origin, Header: "x-leadmagic-key", Keys: Only(mustParse(b, canary), "a test")},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL, nil)
				if err != nil {
					b.Fatal(err)
				}
				res, err := over.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := res.Body.Read(buf); err != nil {
						break
					}
				}
				_ = res.Body.Close()
			}
		})
	}
}

// credentials have another key after a refusal, and know of what they were told.
type credentials struct {
	statuses []int
	requests []*http.Request
}

func (*credentials) Get(context.Context) (Key, error)       { return Token("first"), nil }
func (*credentials) Newer(context.Context, Key) (Key, bool) { return Token("second"), true }
func (c *credentials) Answered(res *http.Response) {
	c.statuses, c.requests = append(c.statuses, res.StatusCode), append(c.requests, res.Request)
}

func TestEachResponseIsToldOf(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{"no body": nil, "an empty body": http.NoBody} {
		keys := &credentials{}
		transport := &Transport{
			Origin: &url.URL{Scheme: "https", Host: "x.example"}, Header: "Authorization", Keys: keys,
			Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				status := http.StatusUnauthorized
				if r.Header.Get("Authorization") == "Bearer second" {
					status = http.StatusOK
				}
				if r.Header.Get("User-Agent") != "of the caller" {
					t.Errorf("%s: the user agent is %q", name, r.Header.Get("User-Agent"))
				}
				return &http.Response{StatusCode: status, Header: http.Header{"Location": {"/other"}}, Body: http.NoBody, Request: r}, nil
			}),
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x.example/mcp", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "of the caller")
		req.GetBody = nil
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = readAll(t, res)
		if !slices.Equal(keys.statuses, []int{http.StatusUnauthorized, http.StatusOK}) || !slices.Equal(keys.requests, []*http.Request{req, req}) {
			t.Errorf("%s: responses with %v were told of", name, keys.statuses)
		}
		if res.StatusCode != http.StatusOK || res.Header.Get("Location") != "/other" {
			t.Errorf("%s: got %d, and %q for its place", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// What is not wanted of an answer is not waited for without end.
func TestARefusalWithoutEndIsNotReadToItsEnd(t *testing.T) {
	endless := &closing{Reader: endless{}}
	transport := &Transport{
		Origin: &url.URL{Scheme: "https", Host: "x.example"}, Header: "Authorization", Keys: &credentials{},
		Base: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") == "Bearer first" {
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: endless}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
		}),
	}
	res, err := transport.RoundTrip(post(t, transport.Origin, "{}"))
	if err != nil || readAll(t, res) != "" || !endless.closed {
		t.Errorf("got %v, closed: %v", err, endless.closed)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

package sandbox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// tlsClient trusts an authority and speaks HTTP/2 where it can.
func tlsClient(t *testing.T, authority *sandbox.Authority) *http.Client {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// health asks a sandbox how it is, and tells the protocol that it was asked over.
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

func TestHTTP2OverTLS(t *testing.T) {
	s, err := sandbox.StartTLS(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := tlsClient(t, s.Authority)
	if proto, err := health(t, c, s.URL); err != nil || proto != "HTTP/2.0" {
		t.Fatalf("%q %v", proto, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.Authority.PEM()) {
		t.Error("the PEM holds no certificate")
	}
	s.Fault(sandbox.Fault{Kind: sandbox.Cut, Times: 1})
	if _, err := health(t, c, s.URL); err == nil {
		t.Error("a cut stream is answered")
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.URL + "/mcp", HTTPClient: &http.Client{Transport: keyed{c.Transport}}, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: legacy})
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, session, "check_credits", nil); got["credits"] != 1000.0 {
		t.Errorf("check_credits = %v", got)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	for _, r := range s.Requests() {
		if r.Proto != "HTTP/2.0" {
			t.Errorf("%s %s over %s", r.Method, r.Path, r.Proto)
		}
	}
}

func TestCertificatesNoClientTakes(t *testing.T) {
	authority, err := sandbox.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	other, err := sandbox.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what    string
		leaf    sandbox.Leaf
		trusted *sandbox.Authority
		want    any
	}{
		{"expired", sandbox.Leaf{Expires: time.Now().Add(-time.Hour)}, authority, new(x509.CertificateInvalidError)},
		{"for another name", sandbox.Leaf{Hosts: []string{"a.example"}}, authority, new(x509.HostnameError)},
		{"of an unknown authority", sandbox.Leaf{}, other, new(x509.UnknownAuthorityError)},
	} {
		certificate, err := authority.Issue(test.leaf)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sandbox.StartTLSWith(sandbox.Options{}, authority, certificate)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = health(t, tlsClient(t, test.trusted), s.URL); !errors.As(err, test.want) {
			t.Errorf("%s: %v", test.what, err)
		}
		s.Close()
	}
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

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		func() {
			s, err := sandbox.Start(sandbox.Options{Workbench: true, EventIDs: true})
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: keyed{transport}}
			connect := func(version string) *mcp.ClientSession {
				session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, &mcp.ClientOptions{
					ElicitationHandler: func(ctx context.Context, _ *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
						<-ctx.Done() // a person who is away
						return nil, ctx.Err()
					},
					ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {},
				}).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.URL + "/mcp", HTTPClient: c, MaxRetries: -1},
					&mcp.ClientSessionOptions{ProtocolVersion: version})
				if err != nil {
					t.Fatal(err)
				}
				return session
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan struct{}, 10)
			calls := 0
			run := func(session *mcp.ClientSession, tool string, args map[string]any) {
				calls++
				go func() {
					_, _ = session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args}) // how it ends is not the point
					ended <- struct{}{}
				}()
			}
			old, young := connect(legacy), connect(modern)
			run(old, "ask", map[string]any{"what": "elicitation", "via": "call"})
			run(old, "ask", map[string]any{"what": "elicitation", "via": "session"})
			run(old, "slow_report", map[string]any{"steps": 1000, "step_ms": 1000})
			run(young, "slow_report", map[string]any{"steps": 1000, "step_ms": 1000})
			run(young, "echo", map[string]any{"delay_ms": 1_000_000})
			s.Fault(sandbox.Fault{Tool: "find_jobs", Kind: sandbox.Hang})
			run(young, "find_jobs", nil)
			until(t, func() bool { return s.CallCount() == 3 && s.RequestCount() >= 10 })
			s.Fault(sandbox.Fault{Tool: "contents", Kind: sandbox.CutStream, IDs: true, Times: 1})
			run(old, "contents", nil) // this client gives its session up over the cut
			until(t, func() bool { return s.RequestCount() >= 11 })
			s.DropSessions()
			s.Close()
			s.Close() // twice is fine
			cancel()
			for range calls {
				<-ended
			}
			_, _ = old.Close(), young.Close() // their server is gone
		}()
	}
	stacks := make([]byte, 1<<20)
	defer func() {
		if t.Failed() {
			t.Logf("%d goroutines before; after:\n%s", before, stacks)
		}
	}()
	until(t, func() bool {
		if runtime.NumGoroutine() <= before {
			return true
		}
		stacks = stacks[:runtime.Stack(stacks[:cap(stacks)], true)]
		return false
	})
}

func TestCloseDoesNotWaitForAPeerThatReadsNothing(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Fault(sandbox.Fault{Kind: sandbox.Huge, Size: 1 << 30})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	s.Close() // the test ends only if this does
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

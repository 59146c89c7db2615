package faults_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestFaultsAnswer(t *testing.T) {
	for _, test := range []struct {
		fault  string
		status int
		kind   string // Content-Type
		body   string // in it
		header string // "name: value"
	}{
		{`{"kind":"status","status":503}`, 503, "", "", ""},
		{`{"kind":"status","status":429,"body":"slow down","content_type":"text/plain","retry_after":"2"}`, 429, "text/plain", "slow down", "Retry-After: 2"},
		{`{"kind":"status","status":401,"header":{"WWW-Authenticate":"Bearer x"}}`, 401, "", "", "WWW-Authenticate: Bearer x"},
		{`{"kind":"problem","status":403}`, 403, "application/problem+json", `"errors":[{"code":"insufficient_permissions"`, "X-Request-Id: req_sandbox_fault"},
		{`{"kind":"problem","status":404,"form":"flat","detail":"no such profile","code":"profile_not_found"}`, 404, "application/problem+json", `"trace":{"request_id":"req_sandbox_fault"}`, ""},
		{`{"kind":"problem","status":400,"form":"message","detail":"bad email"}`, 400, "application/problem+json", `{"error":"Bad Request","message":"bad email"}`, ""},
		{`{"kind":"problem","status":401,"form":"nested","detail":"who are you"}`, 401, "application/problem+json", `{"error":{"code":"INVALID_API_KEY","message":"who are you","status":401}}`, ""},
		{`{"kind":"problem","status":429,"retry_after":"3"}`, 429, "application/problem+json", `"retry_after_seconds":3`, "Retry-After: 3"},
		{`{"kind":"problem","status":402}`, 402, "application/problem+json", `"credits_available":1000`, ""},
		{`{"kind":"redirect","location":"https://a.example/"}`, 307, "text/html", "moved", "Location: https://a.example/"},
		{`{"kind":"html"}`, 200, "text/html; charset=utf-8", "Sign in to use this network", ""},
	} {
		t.Run(test.fault, func(t *testing.T) {
			s := start(t, faults.Options{})
			session := open(t, s)
			f, err := faults.Parse(test.fault)
			if err != nil {
				t.Fatal(err)
			}
			f.Times = 1
			s.Fault(f)
			got := post(t, s, session, finder)
			if got.err != nil || got.status != test.status || got.header.Get("Content-Type") != test.kind || !strings.Contains(got.body, test.body) {
				t.Fatalf("got %d %q %q %v", got.status, got.header.Get("Content-Type"), got.body, got.err)
			}
			if name, value, _ := strings.Cut(test.header, ": "); got.header.Get(name) != value {
				t.Errorf("header %v, want %s", got.header, test.header)
			}
			if s.CallCount() != 0 {
				t.Errorf("%d calls carried out", s.CallCount())
			}
			if got := post(t, s, session, finder); !strings.Contains(got.body, `"id":7,"result"`) {
				t.Errorf("after the fault: %d %q", got.status, got.body)
			}
		})
	}
}

func TestWhichRequestsAFaultMatches(t *testing.T) {
	s := start(t, faults.Options{})
	session := open(t, s)
	list, batch := `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":7,"method":"tools/list"}]`
	for _, test := range []struct {
		what    string
		fault   faults.Fault
		body    string // of a POST to /mcp; empty for GET /v1/credits
		matches bool
	}{
		{"all", faults.Fault{}, list, true},
		{"its JSON-RPC method", faults.Fault{RPC: "tools/list"}, list, true},
		{"another JSON-RPC method", faults.Fault{RPC: "tools/call"}, list, false},
		{"its tool", faults.Fault{Tool: "find_work_email"}, finder, true},
		{"another tool", faults.Fault{Tool: "find_jobs"}, finder, false},
		{"a method of a batch", faults.Fault{RPC: "tools/list"}, batch, true},
		{"its HTTP method", faults.Fault{Method: "GET"}, "", true},
		{"another HTTP method", faults.Fault{Method: "DELETE"}, "", false},
		{"the start of its path", faults.Fault{Path: "/v1/"}, "", true},
		{"another path", faults.Fault{Path: "/mcp"}, "", false},
		{"a JSON-RPC method where there is none", faults.Fault{RPC: "tools/list"}, "", false},
	} {
		t.Run(test.what, func(t *testing.T) {
			test.fault.Kind, test.fault.Status = faults.Status, 418
			s.ClearFaults()
			s.Fault(test.fault)
			var got reply
			if test.body == "" {
				got = send(t, s, "GET", "/v1/credits", "")
			} else {
				got = post(t, s, session, test.body)
			}
			if (got.status == 418) != test.matches {
				t.Errorf("status = %d, want a match %v", got.status, test.matches)
			}
		})
	}
}

func TestHowOftenAFaultHappens(t *testing.T) {
	s := start(t, faults.Options{})
	s.Fault(faults.Fault{Kind: faults.Status, Status: 418, Times: 2})
	s.Fault(faults.Fault{Kind: faults.Status, Status: 419, Times: 1})
	s.Fault(faults.Fault{Kind: faults.Status, Status: 420})
	health := func(n int) (statuses []int) {
		for range n {
			statuses = append(statuses, send(t, s, "GET", "/health", "").status)
		}
		return statuses
	}
	if got, want := health(6), []int{418, 418, 419, 420, 420, 420}; !reflect.DeepEqual(got, want) {
		t.Errorf("statuses = %v, want %v", got, want)
	}
	s.ClearFaults()
	if got := health(1); got[0] != 200 {
		t.Errorf("status after ClearFaults = %d", got[0])
	}
}

func TestAMisspeltFaultIsRefused(t *testing.T) {
	for _, bad := range []string{"", "null", `{"kind":"typo"}`, `{"kind":"status","stauts":500}`, `{"kind":"delay","delay":"soon"}`, `{"kind":"delay","delay":5}`} {
		if _, err := faults.Parse(bad); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	s := start(t, faults.Options{})
	defer func() {
		if recover() == nil {
			t.Error("a fault of no kind is taken")
		}
	}()
	s.Fault(faults.Fault{Kind: "typo"})
}

func TestCutBeforeTheHeaders(t *testing.T) {
	for want, carried := range []bool{false, true} {
		s := start(t, faults.Options{})
		session := open(t, s)
		s.Fault(faults.Fault{Tool: "find_work_email", Kind: faults.Cut, Carried: carried})
		if got := post(t, s, session, finder); !errors.Is(got.err, io.EOF) {
			t.Errorf("got %d %v", got.status, got.err)
		}
		if s.CallCount() != want || s.Charged() != float64(want) {
			t.Errorf("carried %v: %d calls, %v charged", carried, s.CallCount(), s.Charged())
		}
	}
}

func TestHangAndDelay(t *testing.T) {
	s := start(t, faults.Options{})
	s.Fault(faults.Fault{Kind: faults.Hang, Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client(t).Do(r)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	s.Fault(faults.Fault{Kind: faults.Delay, Delay: faults.Duration(30 * time.Millisecond), Times: 1})
	before := time.Now()
	if got := send(t, s, "GET", "/health", ""); got.status != 200 || time.Since(before) < 30*time.Millisecond {
		t.Errorf("delay: %d after %v", got.status, time.Since(before))
	}
}

func TestHeldUntilTheFaultsAreCleared(t *testing.T) {
	s := start(t, faults.Options{})
	s.Fault(faults.Fault{Method: "HEAD", Path: "/health", Kind: faults.Hold})
	got := make(chan reply)
	for range 2 {
		go func() { got <- send(t, s, "HEAD", "/health", "") }()
	}
	until(t, func() bool { return s.RequestCount() == 2 })
	if other := send(t, s, "GET", "/health", ""); other.status != 200 {
		t.Errorf("one that is not to be held: %d %v", other.status, other.err)
	}
	select {
	case early := <-got:
		t.Errorf("it was not held: %d %v", early.status, early.err)
	default:
	}
	s.ClearFaults()
	for range 2 {
		if held := <-got; held.status != 200 {
			t.Errorf("once the faults are cleared: %d %v", held.status, held.err)
		}
	}
}

func TestLostSessions(t *testing.T) {
	for _, test := range []struct {
		lose   func(*faults.Server)
		status int
		body   string
	}{
		{func(s *faults.Server) { s.DropSessions() }, 404, "session not found"},
		{func(s *faults.Server) {
			s.Fault(faults.Fault{Tool: "find_work_email", Kind: faults.LostSession, Times: 1})
		}, 404, "session not found"},
		{func(s *faults.Server) {
			s.Fault(faults.Fault{Tool: "find_work_email", Kind: faults.LostSession, Status: 400, Times: 1})
		}, 400, "Bad Request: No valid session ID provided"},
	} {
		s := start(t, faults.Options{})
		session := open(t, s)
		if got := s.Sessions(); got != 1 {
			t.Fatalf("%d sessions, want 1", got)
		}
		stream := getStream(t, s, session)
		test.lose(s)
		for range 2 { // it stays lost
			if got := post(t, s, session, finder); got.status != test.status || !strings.Contains(got.body, test.body) {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, test.status, test.body)
			}
		}
		if got := <-stream; got != nil {
			t.Errorf("the GET stream ended with %v", got)
		}
		if got := s.Sessions(); got != 0 || s.CallCount() != 0 {
			t.Errorf("%d sessions, %d calls carried out", got, s.CallCount())
		}
		if got := post(t, s, open(t, s), finder); got.status != 200 {
			t.Errorf("a new session: %d %q", got.status, got.body)
		}
		if got := send(t, s, "DELETE", "/mcp", "", "Mcp-Session-Id", open(t, s)); got.status != 204 || s.Sessions() != 1 {
			t.Errorf("DELETE: %d, then %d sessions", got.status, s.Sessions())
		}
	}
}

// getStream opens the GET stream of a session; the channel tells how it ended.
func getStream(t *testing.T, s *faults.Server, session string) <-chan error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/mcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Accept": "text/event-stream", "Mcp-Session-Id": session, "Mcp-Protocol-Version": withSessions} {
		r.Header.Set(name, value)
	}
	response, err := client(t).Do(r) //nolint:bodyclose // the goroutine below closes it
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("opening the stream: %v %v", response, err)
	}
	ended := make(chan error, 1)
	go func() {
		defer func() { _ = response.Body.Close() }()
		_, err := io.Copy(io.Discard, response.Body)
		ended <- err
	}()
	return ended
}

// events are those that came whole, and what came of the next.
func events(body string) (whole []string, rest string) {
	for block := range strings.SplitAfterSeq(body, "\n\n") {
		if !strings.HasSuffix(block, "\n\n") {
			return whole, block
		}
		if strings.Contains(block, "data: {") {
			whole = append(whole, block)
		}
	}
	return whole, ""
}

func TestACutStream(t *testing.T) {
	for _, ids := range []bool{false, true} {
		for want := range 3 {
			s := start(t, faults.Options{TestTools: true, EventIDs: ids})
			session := open(t, s)
			s.Fault(faults.Fault{RPC: "tools/call", Kind: faults.CutStream, Events: want, Times: 1})
			got := post(t, s, session, report)
			whole, rest := events(got.body)
			if got.err == nil || got.status != 200 || len(whole) != want || rest == "" || strings.Contains(got.body, "id: ") {
				t.Errorf("%v, %d, %q", got.err, got.status, got.body)
			}
			until(t, func() bool { return s.CallCount() == 1 })
		}
	}
}

func TestACutStreamIsResumed(t *testing.T) {
	s := start(t, faults.Options{TestTools: true, EventIDs: true})
	session := open(t, s)
	s.Fault(faults.Fault{Kind: faults.CutStream, IDs: true, Events: 1, Retry: faults.Duration(5 * time.Millisecond), Times: 2})
	var all []string
	last := ""
	for _, method := range []string{"POST", "GET", "GET"} {
		var got reply
		if method == "POST" {
			got = post(t, s, session, report)
		} else {
			got = send(t, s, method, "/mcp", "", "Mcp-Session-Id", session, "Mcp-Protocol-Version", withSessions, "Last-Event-ID", last)
		}
		whole, _ := events(got.body)
		if len(whole) != 1 || (got.err == nil) != (len(all) == 2) || strings.Contains(got.body, "retry: 5\n") != (len(all) < 2) {
			t.Fatalf("%s: %v %q", method, got.err, got.body)
		}
		all = append(all, whole...)
		_, last, _ = strings.Cut(whole[0], "id: ")
		last, _, _ = strings.Cut(last, "\n")
	}
	if !strings.Contains(all[0], "step 1") || !strings.Contains(all[1], "step 2") || !strings.Contains(all[2], `"id":7,"result"`) {
		t.Errorf("got %q", all)
	}
	if s.CallCount() != 1 || s.Calls()[0].Cancelled {
		t.Errorf("calls = %+v", s.Calls())
	}
}

func TestHalfAnAnswer(t *testing.T) {
	s := start(t, faults.Options{})
	session := open(t, s)
	s.Fault(faults.Fault{RPC: "tools/call", Kind: faults.Truncate})
	got := post(t, s, session, finder)
	if whole, rest := events(got.body); got.err != nil || got.status != 200 || len(whole) != 0 || !strings.Contains(rest, "data: {") || s.CallCount() != 1 {
		t.Errorf("%v %d %q", got.err, got.status, got.body)
	}
	for kind, cut := range map[faults.Kind]bool{faults.Truncate: false, faults.CutStream: true} {
		s.ClearFaults()
		s.Fault(faults.Fault{Path: "/v1/", Kind: kind})
		got := send(t, s, "GET", "/v1/credits", "")
		if (got.err != nil) != cut || got.status != 200 || !strings.HasPrefix(got.body, "{") || strings.HasSuffix(got.body, "}") {
			t.Errorf("%s: %v %q", kind, got.err, got.body)
		}
	}
}

func TestHTTP2OverTLS(t *testing.T) {
	s, err := faults.Start(faults.Options{TLS: new(faults.Leaf)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if proto, err := overTLS(t, s, s.Authority); err != nil || proto != "HTTP/2.0" {
		t.Fatalf("%q %v", proto, err)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(s.Authority.PEM()) {
		t.Error("the PEM holds no certificate")
	}
	s.Fault(faults.Fault{Kind: faults.Cut, Times: 1})
	if _, err := overTLS(t, s, s.Authority); err == nil {
		t.Error("a cut stream is answered")
	}
	if got := s.Requests()[0].Proto; got != "HTTP/2.0" {
		t.Errorf("a request came over %s", got)
	}
}

// overTLS asks a sandbox whether it is up, and returns the protocol of the answer.
func overTLS(t *testing.T, s *faults.Server, trusted *faults.Authority) (string, error) {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusted.Pool(), MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return "", err
	}
	return response.Proto, response.Body.Close()
}

func TestCertificatesNoClientTakes(t *testing.T) {
	other, err := faults.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what    string
		leaf    faults.Leaf
		trusted *faults.Authority // nil for the one that issued it
		want    any
	}{
		{"expired", faults.Leaf{Expires: time.Now().Add(-time.Hour)}, nil, new(x509.CertificateInvalidError)},
		{"for another name", faults.Leaf{Hosts: []string{"a.example"}}, nil, new(x509.HostnameError)},
		{"of an unknown authority", faults.Leaf{}, other, new(x509.UnknownAuthorityError)},
	} {
		s, err := faults.Start(faults.Options{TLS: &test.leaf})
		if err != nil {
			t.Fatal(err)
		}
		trusted := test.trusted
		if trusted == nil {
			trusted = s.Authority
		}
		if _, err = overTLS(t, s, trusted); !errors.As(err, test.want) {
			t.Errorf("%s: %v", test.what, err)
		}
		s.Close()
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		func() {
			s, err := faults.Start(faults.Options{TestTools: true, EventIDs: true})
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			connect := func(version string) *mcp.ClientSession {
				session, err := newClient(&mcp.ClientOptions{
					ElicitationHandler: func(ctx context.Context, _ *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
						<-ctx.Done() // a person who is away
						return nil, ctx.Err()
					},
					ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {},
				}).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.URL + "/mcp", HTTPClient: &http.Client{Transport: keyed{transport}}, MaxRetries: -1},
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
			old, young := connect(withSessions), connect(stateless)
			run(old, "ask", map[string]any{"what": "elicitation", "via": "call"})
			run(old, "ask", map[string]any{"what": "elicitation", "via": "session"})
			run(old, "slow_report", map[string]any{"steps": 1000, "step_ms": 1000})
			run(young, "slow_report", map[string]any{"steps": 1000, "step_ms": 1000})
			run(young, "echo", map[string]any{"delay_ms": 1_000_000})
			s.Fault(faults.Fault{Tool: "find_jobs", Kind: faults.Hang})
			run(young, "find_jobs", nil)
			until(t, func() bool { return s.CallCount() == 3 && s.RequestCount() >= 10 })
			s.Fault(faults.Fault{Tool: "contents", Kind: faults.CutStream, IDs: true, Times: 1})
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

func TestCloseDoesNotWaitForAClientThatReadsNothing(t *testing.T) {
	s := start(t, faults.Options{TestTools: true})
	session := open(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"size":16777216}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": session, "Mcp-Protocol-Version": withSessions} {
		r.Header.Set(name, value)
	}
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	s.Close() // the test ends only if this does
}

package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

const finder = `{"full_name":"Ada Lovelace","domain":"a.example"}`

// find is a paid call within a session.
func find(session string) request { return toolCall(session, "find_work_email", finder) }

func TestFaultsAnswer(t *testing.T) {
	for _, test := range []struct {
		what   string
		fault  sandbox.Fault
		status int
		kind   string // Content-Type
		body   string // exactly, or in it when it starts with …
		header map[string]string
	}{
		{"a status without a body", sandbox.Fault{Kind: sandbox.Status, Status: 503}, 503, "", "", nil},
		{"a status with everything", sandbox.Fault{Kind: sandbox.Status, Status: 429, Body: `{"id":{{id}}}`, ContentType: "application/json", RetryAfter: "2", Header: map[string]string{"X-Session": "{{session}}"}}, 429, "application/json", `{"id":7}`, map[string]string{"Retry-After": "2"}},
		{"a challenge", sandbox.Fault{Kind: sandbox.Status, Status: 401, Header: map[string]string{"WWW-Authenticate": `Bearer resource_metadata="https://a.example/x"`}}, 401, "", "", map[string]string{"WWW-Authenticate": `Bearer resource_metadata="https://a.example/x"`}},
		{"no content", sandbox.Fault{Kind: sandbox.Status, Status: 204}, 204, "", "", nil},
		{"an event stream as written", sandbox.Fault{Kind: sandbox.Status, ContentType: "text/event-stream", Body: "data: {{id}}\n\n"}, 200, "text/event-stream", "data: 7\n\n", nil},
		{"a problem in the newest form", sandbox.Fault{Kind: sandbox.Problem, Status: 403}, 403, "application/problem+json", `…"errors":[{"code":"insufficient_permissions"`, nil},
		{"a flat problem", sandbox.Fault{Kind: sandbox.Problem, Status: 404, Form: sandbox.FormFlat, Detail: "no such profile", Code: "profile_not_found"}, 404, "application/problem+json", `…"trace":{"request_id":"req_sandbox_fault"}`, nil},
		{"an old problem", sandbox.Fault{Kind: sandbox.Problem, Status: 400, Form: sandbox.FormMessage, Detail: "bad email"}, 400, "application/problem+json", `{"error":"Bad Request","message":"bad email"}`, nil},
		{"an older problem", sandbox.Fault{Kind: sandbox.Problem, Status: 401, Form: sandbox.FormNested, Detail: "who are you"}, 401, "application/problem+json", `{"error":{"code":"INVALID_API_KEY","message":"who are you","status":401}}`, nil},
		{"a rate limit", sandbox.Fault{Kind: sandbox.Problem, Status: 429, RetryAfter: "3"}, 429, "application/problem+json", `…"retry_after_seconds":3`, map[string]string{"Retry-After": "3"}},
		{"no credits", sandbox.Fault{Kind: sandbox.Problem, Status: 402}, 402, "application/problem+json", `…"credits_available":1000`, nil},
		{"a blamed field", sandbox.Fault{Kind: sandbox.Problem, Status: 400, Param: "email"}, 400, "application/problem+json", `…"param":["email"]`, nil},
		{"a JSON-RPC error", sandbox.Fault{Kind: sandbox.RPCError, RPCCode: -32020, Status: 400, Detail: "headers"}, 400, "application/json", `{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"headers"}}`, nil},
		{"a JSON-RPC error with the id null", sandbox.Fault{Kind: sandbox.RPCError, ID: "null"}, 200, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"refused on request"}}`, nil},
		{"a JSON-RPC error without an id", sandbox.Fault{Kind: sandbox.RPCError, ID: "none"}, 200, "application/json", `{"jsonrpc":"2.0","error":{"code":-32000,"message":"refused on request"}}`, nil},
		{"a result of the test's own", sandbox.Fault{Kind: sandbox.Result, Body: `{"tools":[],"nextCursor":"again"}`}, 200, "application/json", `{"jsonrpc":"2.0","id":7,"result":{"tools":[],"nextCursor":"again"}}`, nil},
		{"a result for nobody", sandbox.Fault{Kind: sandbox.Result, ID: "wrong"}, 200, "application/json", `{"jsonrpc":"2.0","id":"nobody-asked","result":{}}`, nil},
		{"a redirect", sandbox.Fault{Kind: sandbox.Redirect, Location: "https://a.example/{{session}}"}, 307, "text/html", "…moved", nil},
		{"a permanent redirect", sandbox.Fault{Kind: sandbox.Redirect, Status: 301}, 301, "text/html", "…moved", map[string]string{"Location": "https://elsewhere.invalid/mcp"}},
		{"a captive portal", sandbox.Fault{Kind: sandbox.HTML}, 200, "text/html; charset=utf-8", "…Sign in to use this network", nil},
		{"nothing", sandbox.Fault{Kind: sandbox.Empty}, 200, "application/json", "", nil},
		{"an empty stream", sandbox.Fault{Kind: sandbox.Empty, ContentType: "text/event-stream"}, 200, "text/event-stream", "", nil},
		{"202 for a call", sandbox.Fault{Kind: sandbox.Accepted}, 202, "", "", nil},
		{"a huge error", sandbox.Fault{Kind: sandbox.Huge, Status: 500, Size: 100_000}, 500, "text/plain", strings.Repeat("x", 100_000), nil},
		{"a huge result", sandbox.Fault{Kind: sandbox.Huge, Size: 3}, 200, "application/json", `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"xxx"}]}}`, nil},
		{"a huge event", sandbox.Fault{Kind: sandbox.Huge, Size: 3, ContentType: "text/event-stream"}, 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"xxx\"}]}}\n\n", nil},
		{"the key in a result", sandbox.Fault{Kind: sandbox.EchoKey}, 200, "application/json", "…you sent " + sandbox.Key, nil},
		{"the key in an error body", sandbox.Fault{Kind: sandbox.EchoKey, Where: "error"}, 500, "application/json", "…you sent " + sandbox.Key, nil},
		{"the key in a JSON-RPC error", sandbox.Fault{Kind: sandbox.EchoKey, Where: "rpc-error"}, 200, "application/json", `…"data":{"key":"` + sandbox.Key + `"}`, nil},
		{"the key in a header", sandbox.Fault{Kind: sandbox.EchoKey, Where: "header"}, 200, "text/event-stream", "…ada.lovelace@a.example", map[string]string{"X-Echo": sandbox.Key}},
		{"the key in pieces", sandbox.Fault{Kind: sandbox.EchoKey, Where: "split"}, 200, "text/event-stream", "…you sent " + sandbox.Key, nil},
		{"the key in halves", sandbox.Fault{Kind: sandbox.EchoKey, Where: "events"}, 200, "text/event-stream", `…"data":"` + sandbox.Key[:len(sandbox.Key)/2] + `"`, nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			session := open(t, s)
			test.fault.Times = 1
			s.Fault(test.fault)
			got := send(t, s, find(session))
			if got.err != nil || got.status != test.status || got.header.Get("Content-Type") != test.kind {
				t.Fatalf("got %d %q %v, want %d %q", got.status, got.header.Get("Content-Type"), got.err, test.status, test.kind)
			}
			if part, ok := strings.CutPrefix(test.body, "…"); ok && !strings.Contains(got.body, part) || !ok && got.body != test.body {
				t.Errorf("body = %q, want %q", got.body, test.body)
			}
			for name, want := range test.header {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s = %q, want %q", name, value, want)
				}
			}
			carried := 0
			if test.fault.Where == "header" {
				carried = 1
			}
			if s.CallCount() != carried {
				t.Errorf("%d calls carried out", s.CallCount())
			}
			if got := send(t, s, find(session)); got.answer(t)["result"] == nil {
				t.Errorf("after the fault: %d %q", got.status, got.body)
			}
		})
	}
}

func TestFaultsOnREST(t *testing.T) {
	s := start(t, sandbox.Options{})
	finder := request{method: "POST", path: "/v1/people/email-finder", body: finder}
	s.Fault(sandbox.Fault{Path: "/v1/people", Kind: sandbox.Problem, Status: 502, Times: 1})
	if got := send(t, s, finder); got.status != 502 || !strings.Contains(got.body, "external_service_error") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	s.Fault(sandbox.Fault{Path: "/v1/people", Kind: sandbox.Huge, Size: 2, Times: 1})
	if got := send(t, s, finder); got.body != `{"filler":"xx"}` {
		t.Errorf("got %s", got.body)
	}
	s.Fault(sandbox.Fault{Path: "/v1/people", Kind: sandbox.EchoKey, Times: 1})
	if got := send(t, s, finder); got.body != `{"message":"you sent `+sandbox.Key+`, thank you"}` {
		t.Errorf("got %s", got.body)
	}
	s.Fault(sandbox.Fault{Path: "/v1/people", Kind: sandbox.Truncate, Times: 1})
	if got := send(t, s, finder); got.err != nil || json.Valid([]byte(got.body)) || !strings.HasPrefix(got.body, "{") {
		t.Errorf("got %v %s", got.err, got.body)
	}
	s.Fault(sandbox.Fault{Path: "/v1/people", Kind: sandbox.CutStream, Times: 1})
	if got := send(t, s, finder); got.err == nil || len(got.body) == 0 {
		t.Errorf("a cut body: %v %q", got.err, got.body)
	}
}

func TestCutBeforeTheHeaders(t *testing.T) {
	for _, carried := range []bool{false, true} {
		s := start(t, sandbox.Options{})
		session := open(t, s)
		s.Fault(sandbox.Fault{Tool: "find_work_email", Kind: sandbox.Cut, Carried: carried})
		if got := send(t, s, find(session)); !errors.Is(got.err, io.EOF) {
			t.Errorf("got %d %v", got.status, got.err)
		}
		want := 0
		if carried {
			want = 1
		}
		if s.CallCount() != want || s.Charged() != float64(want) {
			t.Errorf("carried %v: %d calls, %v charged", carried, s.CallCount(), s.Charged())
		}
	}
}

func TestAcceptedAfterTheCallWasCarriedOut(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	s.Fault(sandbox.Fault{Tool: "find_work_email", Kind: sandbox.Accepted, Carried: true})
	if got := send(t, s, find(session)); got.status != 202 || got.body != "" || s.CallCount() != 1 {
		t.Errorf("got %d %q, %d calls", got.status, got.body, s.CallCount())
	}
}

func TestHangAndDelay(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Fault(sandbox.Fault{Kind: sandbox.Hang, Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	response, err := client(t).Do(request{method: "GET", path: "/health"}.build(t, ctx, s))
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	s.Fault(sandbox.Fault{Kind: sandbox.Hang, After: time.Millisecond, Times: 1})
	if got := send(t, s, request{method: "GET", path: "/health"}); !errors.Is(got.err, io.EOF) {
		t.Errorf("hang, then cut: %v", got.err)
	}
	s.Fault(sandbox.Fault{Kind: sandbox.Delay, Delay: 30 * time.Millisecond, Times: 1})
	before := time.Now()
	if got := send(t, s, request{method: "GET", path: "/health"}); got.status != 200 || time.Since(before) < 30*time.Millisecond {
		t.Errorf("delay: %d after %v", got.status, time.Since(before))
	}
}

func TestHeldUntilTheFaultsAreCleared(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Fault(sandbox.Fault{Method: "HEAD", Path: "/health", Kind: sandbox.Hold})
	got := make(chan reply)
	for range 2 {
		go func() { got <- send(t, s, request{method: "HEAD", path: "/health"}) }()
	}
	until(t, func() bool { return s.RequestCount() == 2 })
	if other := send(t, s, request{method: "GET", path: "/health"}); other.status != 200 {
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

func TestLostSessionFault(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
	}{
		{0, "session not found"},
		{404, "session not found"},
		{400, "Bad Request: No valid session ID provided"},
	} {
		s := start(t, sandbox.Options{})
		session := open(t, s)
		s.Fault(sandbox.Fault{Tool: "find_work_email", Kind: sandbox.LostSession, Status: test.status, Times: 1})
		want := test.status
		if want == 0 {
			want = http.StatusNotFound
		}
		for range 2 { // it stays lost
			got := send(t, s, find(session))
			if got.status != want || !strings.Contains(got.body, test.body) {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, want, test.body)
			}
			if want == 400 && (got.header.Get("Content-Type") != "application/json" || got.answer(t)["id"] != nil) {
				t.Errorf("got %v %q", got.header, got.body)
			}
		}
		if s.CallCount() != 0 {
			t.Errorf("%d calls carried out", s.CallCount())
		}
		if got := send(t, s, find(open(t, s))); got.status != 200 {
			t.Errorf("a new session: %d %q", got.status, got.body)
		}
	}
}

func TestEndlessLine(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Fault(sandbox.Fault{Kind: sandbox.Endless, Path: "/mcp"})
	response, err := client(t).Do(request{method: "POST", path: "/mcp", body: "{}"}.build(t, t.Context(), s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data := make([]byte, 1<<20)
	if _, err := io.ReadFull(response.Body, data); err != nil || strings.Contains(string(data), "\n") {
		t.Errorf("a line end, or %v", err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type = %q", kind)
	}
}

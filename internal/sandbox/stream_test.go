package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// report is a call with two progress messages before its answer: three events.
func report(session string) request {
	return inSession(session, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow_report","arguments":{"steps":2,"step_ms":1},"_meta":{"progressToken":"p"}}}`)
}

func resumeFrom(session, event string) request {
	return request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": session, "Mcp-Protocol-Version": legacy, "Last-Event-ID": event}}
}

// lastID is the last event id in what came of a stream.
func lastID(body string) string {
	id := ""
	for _, block := range strings.SplitAfter(body, "\n\n") {
		if !strings.HasSuffix(block, "\n\n") {
			break // an event without its end does not count
		}
		for line := range strings.Lines(block) {
			if value, ok := strings.CutPrefix(line, "id: "); ok {
				id = strings.TrimSpace(value)
			}
		}
	}
	return id
}

// whole counts the events that came whole.
func whole(body string) int {
	count := 0
	for _, block := range strings.SplitAfter(body, "\n\n") {
		if strings.HasSuffix(block, "\n\n") && strings.Contains(block, "data: {") {
			count++
		}
	}
	return count
}

func TestACutStreamWithoutIDs(t *testing.T) {
	for _, test := range []struct {
		events, bytes, want int
		partial             bool
	}{
		{0, 0, 0, true},
		{0, -1, 0, false},
		{1, 0, 1, true},
		{2, -1, 2, false},
		{2, 5, 2, true},
	} {
		t.Run(fmt.Sprintf("%d events, %d bytes", test.events, test.bytes), func(t *testing.T) {
			s := start(t, sandbox.Options{Workbench: true})
			session := open(t, s)
			s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.CutStream, Events: test.events, Bytes: test.bytes, Times: 1})
			got := send(t, s, report(session))
			if got.err == nil || got.status != 200 || whole(got.body) != test.want {
				t.Errorf("%v, %d, %q", got.err, got.status, got.body)
			}
			if partial := got.body != "" && !strings.HasSuffix(got.body, "\n\n"); partial != test.partial {
				t.Errorf("partial event %v in %q", partial, got.body)
			}
			if strings.Contains(got.body, "id: ") {
				t.Errorf("ids in %q", got.body)
			}
		})
	}
}

func TestACutStreamIsResumed(t *testing.T) {
	s := start(t, sandbox.Options{Workbench: true})
	session := open(t, s)
	s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.CutStream, IDs: true, Events: 1, Retry: 5 * time.Millisecond, Cuts: 2, Times: 1})
	got := send(t, s, report(session))
	if got.err == nil || whole(got.body) != 1 || !strings.HasPrefix(got.body, "id: tape-1_0\nretry: 5\ndata: \n\n") {
		t.Fatalf("%v %q", got.err, got.body)
	}
	got = send(t, s, resumeFrom(session, lastID(got.body)))
	if got.err == nil || whole(got.body) != 1 || !strings.Contains(got.body, "step 2") {
		t.Fatalf("first time: %v %q", got.err, got.body)
	}
	last := lastID(got.body)
	got = send(t, s, resumeFrom(session, last))
	if got.err != nil || whole(got.body) != 1 || got.answer(t)["id"] != 7.0 {
		t.Fatalf("second time: %v %q", got.err, got.body)
	}
	if s.CallCount() != 1 || s.Calls()[0].Cancelled {
		t.Errorf("calls = %+v", s.Calls())
	}
	if got := send(t, s, resumeFrom(session, last)); got.status != 400 {
		t.Errorf("what was shown whole is kept: %d %q", got.status, got.body)
	}
}

func TestAStreamEndedInOrderIsResumed(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.CutStream, IDs: true, Bytes: -1, Clean: true, Times: 1})
	got := send(t, s, find(session))
	if got.err != nil || got.body != "id: tape-1_0\ndata: \n\n" {
		t.Fatalf("%v %q", got.err, got.body)
	}
	if got := send(t, s, resumeFrom(session, "tape-1_0")); got.answer(t)["id"] != 7.0 {
		t.Errorf("resumed: %q", got.body)
	}
	q := resumeFrom(session, "tape-1_0")
	q.header["x-leadmagic-key"] = ""
	if got := send(t, s, q); got.status != 401 {
		t.Errorf("without a key: %d", got.status)
	}
}

func TestTheSDKsOwnEventsAreResumed(t *testing.T) {
	s := start(t, sandbox.Options{EventIDs: true, Workbench: true})
	session := open(t, s)
	s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.CutStream, Events: 1, Times: 1})
	got := send(t, s, report(session))
	if got.err == nil || lastID(got.body) == "" {
		t.Fatalf("%v %q", got.err, got.body)
	}
	if got := send(t, s, resumeFrom(session, lastID(got.body))); got.answer(t)["id"] != 7.0 || whole(got.body) != 2 {
		t.Errorf("resumed: %q", got.body)
	}
}

func TestAStandingStreamIsCutAgainAndAgain(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	const cuts = 100
	s.Fault(sandbox.Fault{Method: "GET", Path: "/mcp", Kind: sandbox.CutStream, After: time.Millisecond, Times: cuts / 2})
	s.Fault(sandbox.Fault{Method: "GET", Path: "/mcp", Kind: sandbox.CutStream, Bytes: -1, Times: cuts / 2})
	get := request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": session, "Mcp-Protocol-Version": legacy}}
	for n := range cuts {
		if got := send(t, s, get); got.status != 200 || got.err == nil {
			t.Fatalf("stream %d: %d %q %v", n, got.status, got.body, got.err)
		}
	}
	standing := standingStream(t, s, session)
	if got := send(t, s, request{method: "DELETE", path: "/mcp", header: map[string]string{"Mcp-Session-Id": session}}); got.status != 204 {
		t.Fatalf("DELETE: %d", got.status)
	}
	if err := <-standing; err != nil {
		t.Errorf("the last stream: %v", err)
	}
}

func TestReshapedStreams(t *testing.T) {
	event := regexp.MustCompile(`"jsonrpc"`)
	for _, test := range []struct {
		shape string
		check func(body string) bool
	}{
		{sandbox.Pretty, func(body string) bool {
			return strings.Count(body, "data: ") > 20 && strings.Contains(body, "data:   ")
		}},
		{sandbox.CRLF, func(body string) bool {
			return strings.Count(body, "\n") == strings.Count(body, "\r\n") && strings.HasSuffix(body, "\r\n\r\n")
		}},
		{sandbox.CR, func(body string) bool { return !strings.Contains(body, "\n") && strings.HasSuffix(body, "\r\r") }},
		{sandbox.BOM, func(body string) bool { return strings.HasPrefix(body, "\uFEFFevent: ") }},
		{sandbox.Comments, func(body string) bool {
			return strings.HasPrefix(body, ": keep-alive\n\n:\n\n") && strings.Contains(body, "\n: between lines\n")
		}},
		{sandbox.OneByte, func(body string) bool { return whole(body) == 3 }},
		{sandbox.LateHeaders, func(body string) bool { return whole(body) == 3 }},
		{sandbox.Unterminated, func(body string) bool { return strings.HasSuffix(body, "}\n") && !strings.HasSuffix(body, "\n\n") }},
		{sandbox.WrongID, func(body string) bool {
			return strings.Contains(body, `"id":"nobody-asked"`) && !strings.Contains(body, `"id":7`)
		}},
		{sandbox.NullID, func(body string) bool { return strings.Contains(body, `"id":null`) }},
		{sandbox.Twice, func(body string) bool { return strings.Count(body, `"id":7`) == 2 && whole(body) == 4 }},
		{sandbox.Stranger, func(body string) bool {
			return strings.Index(body, "nobody-asked") < strings.Index(body, `"id":7`) && strings.Contains(body, "nobody-asked")
		}},
	} {
		t.Run(test.shape, func(t *testing.T) {
			s := start(t, sandbox.Options{Workbench: true})
			session := open(t, s)
			s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.Reshape, Shapes: []string{test.shape}})
			got := send(t, s, report(session))
			if got.err != nil || got.status != 200 || got.header.Get("Content-Type") != "text/event-stream" {
				t.Fatalf("%v %d %v", got.err, got.status, got.header)
			}
			if !test.check(got.body) || len(event.FindAllString(got.body, -1)) < 3 {
				t.Errorf("body = %q", got.body)
			}
			if s.CallCount() != 1 {
				t.Errorf("%d calls carried out", s.CallCount())
			}
		})
	}
}

func TestReshapedBodies(t *testing.T) {
	s := start(t, sandbox.Options{Workbench: true})
	session := open(t, s)
	shaped := func(q request, f sandbox.Fault) reply {
		t.Helper()
		f.Kind, f.Times = sandbox.Reshape, 1
		s.Fault(f)
		got := send(t, s, q)
		if got.err != nil || got.status != 200 {
			t.Fatalf("%v %d", got.err, got.status)
		}
		return got
	}
	got := shaped(report(session), sandbox.Fault{Shapes: []string{sandbox.PlainJSON, sandbox.Pretty}})
	if got.header.Get("Content-Type") != "application/json" || !strings.Contains(got.body, "\n  ") || got.answer(t)["id"] != 7.0 {
		t.Errorf("JSON with line breaks: %q", got.body)
	}
	credits := request{method: "GET", path: "/v1/credits"}
	if got := shaped(credits, sandbox.Fault{Shapes: []string{sandbox.Pretty, sandbox.OneByte}}); !strings.HasPrefix(got.body, "{\n") || !json.Valid([]byte(got.body)) {
		t.Errorf("REST with line breaks: %q", got.body)
	}
	if got := shaped(credits, sandbox.Fault{ContentType: "text/plain"}); got.header.Get("Content-Type") != "text/plain" || !json.Valid([]byte(got.body)) {
		t.Errorf("another content type: %v %q", got.header, got.body)
	}
	both := shaped(report(session), sandbox.Fault{Shapes: []string{sandbox.CRLF, sandbox.Comments, sandbox.BOM, sandbox.OneByte}})
	if !strings.HasPrefix(both.body, "\uFEFF: keep-alive\r\n") {
		t.Errorf("several shapes: %q", both.body)
	}
}

func TestHeadersAreWithheldUntilTheFirstEvent(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	if got := send(t, s, inSession(session, `{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"leadmagic://docs"}}`)); got.status != 200 {
		t.Fatalf("subscribe: %d %q", got.status, got.body)
	}
	s.Fault(sandbox.Fault{Method: "GET", Kind: sandbox.Reshape, Shapes: []string{sandbox.LateHeaders}})
	first := make(chan string, 1)
	q := request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": session, "Mcp-Protocol-Version": legacy}}.build(t, t.Context(), s)
	c := client(t)
	go func() {
		response, err := c.Do(q)
		if err != nil {
			first <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		data := make([]byte, len("event"))
		_, _ = io.ReadFull(response.Body, data) // what came instead is the test's failure
		first <- string(data)
	}()
	until(t, func() bool { return s.RequestCount() == 4 })
	select {
	case got := <-first:
		t.Errorf("before any event: %q", got)
	case <-time.After(30 * time.Millisecond): // nothing to wait for: the point is that nothing comes
	}
	until(t, func() bool { // the stream may not stand yet when the first announcement is made
		if err := s.Announce("docs"); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-first:
			if got != "event" {
				t.Errorf("the stream starts with %q", got)
			}
			return true
		default:
			return false
		}
	})
}

func TestTruncatedStream(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	s.Fault(sandbox.Fault{RPC: "tools/call", Kind: sandbox.Truncate})
	got := send(t, s, find(session))
	if got.err != nil || got.status != 200 || whole(got.body) != 0 || !strings.Contains(got.body, "data: {") || s.CallCount() != 1 {
		t.Errorf("%v %d %q", got.err, got.status, got.body)
	}
}

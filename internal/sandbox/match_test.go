package sandbox_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

func TestWhichRequestsAFaultStrikes(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := open(t, s)
	list := inSession(session, `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`)
	reply := inSession(session, `{"jsonrpc":"2.0","id":7,"result":{}}`)
	batch := inSession(session, `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":7,"method":"tools/list"}]`)
	get := request{method: "GET", path: "/v1/credits"}
	for _, test := range []struct {
		what   string
		fault  sandbox.Fault
		q      request
		struck bool
	}{
		{"all", sandbox.Fault{}, list, true},
		{"its JSON-RPC method", sandbox.Fault{RPC: "tools/list"}, list, true},
		{"another JSON-RPC method", sandbox.Fault{RPC: "tools/call"}, list, false},
		{"its tool", sandbox.Fault{Tool: "find_work_email"}, find(session), true},
		{"another tool", sandbox.Fault{Tool: "find_jobs"}, find(session), false},
		{"a method of a batch", sandbox.Fault{RPC: "tools/list"}, batch, true},
		{"an answer", sandbox.Fault{RPC: "response"}, reply, true},
		{"no answer", sandbox.Fault{RPC: "response"}, list, false},
		{"its HTTP method", sandbox.Fault{Method: "GET"}, get, true},
		{"another HTTP method", sandbox.Fault{Method: "DELETE"}, get, false},
		{"the start of its path", sandbox.Fault{Path: "/v1/"}, get, true},
		{"another path", sandbox.Fault{Path: "/mcp"}, get, false},
		{"a JSON-RPC method where there is none", sandbox.Fault{RPC: "tools/list"}, get, false},
	} {
		t.Run(test.what, func(t *testing.T) {
			test.fault.Kind, test.fault.Status = sandbox.Status, 418
			s.ClearFaults()
			s.Fault(test.fault)
			if got := send(t, s, test.q); (got.status == 418) != test.struck {
				t.Errorf("status = %d, want struck %v", got.status, test.struck)
			}
		})
	}
}

func TestHowOftenAFaultStrikes(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Fault(sandbox.Fault{Kind: sandbox.Status, Status: 418, Skip: 1, Times: 2})
	s.Fault(sandbox.Fault{Kind: sandbox.Status, Status: 419, Skip: 4, Times: 1})
	var got []int
	for range 8 {
		got = append(got, send(t, s, request{method: "GET", path: "/health"}).status)
	}
	// What the first fault takes, the second does not see.
	if want := []int{200, 418, 418, 200, 200, 200, 419, 200}; !reflect.DeepEqual(got, want) {
		t.Errorf("statuses = %v, want %v", got, want)
	}
	s.Fault(sandbox.Fault{Kind: sandbox.Status, Status: 418})
	for range 3 {
		if got := send(t, s, request{method: "GET", path: "/health"}); got.status != 418 {
			t.Errorf("status = %d", got.status)
		}
	}
	s.ClearFaults()
	if got := send(t, s, request{method: "GET", path: "/health"}); got.status != 200 {
		t.Errorf("status after ClearFaults = %d", got.status)
	}
}

func TestFaultsAsJSON(t *testing.T) {
	want := sandbox.Fault{Method: "POST", RPC: "tools/call", Kind: sandbox.CutStream, Delay: time.Second, Retry: time.Second, IDs: true, Events: 2, Bytes: -1, Shapes: []string{sandbox.CRLF}, Header: map[string]string{"A": "b"}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got sandbox.Fault
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s became %+v: %v", data, got, err)
	}
	for _, bad := range []string{`{"kind":"status","stauts":500}`, `{"kind":"delay","delay":"soon"}`, `{"kind":"delay","delay":5}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a fault of no kind is armed")
		}
	}()
	sandbox.New(sandbox.Options{}).Fault(sandbox.Fault{Kind: "typo"})
}

package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"0"}}}`

// toolCall is a message that calls a tool. extra are further members of params.
func toolCall(id, tool, args string, extra ...string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, id, tool, args, strings.Join(extra, ""))
}

// modern is the _meta that makes a request one of the 2026-07-28 revision.
const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"raw","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}`

// converse sends each line and reads one line back after it.
func converse(t *testing.T, w io.Writer, r io.Reader, lines ...string) []json.RawMessage {
	t.Helper()
	answers := bufio.NewReader(r)
	var got []json.RawMessage
	for _, line := range lines {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, answer)
	}
	return got
}

// reply is what tests look at in an answer.
type reply struct {
	Result struct {
		ResultType        string
		ProtocolVersion   string
		SupportedVersions []string
		Instructions      string
		Capabilities      map[string]any
		IsError           bool
		Tools             []struct{ Name string }
		StructuredContent map[string]any
		Content           []struct{ Text string }
		Meta              map[string]json.RawMessage `json:"_meta"`
	}
	Error *struct {
		Code    int
		Message string
	}
}

func parse(t *testing.T, raw json.RawMessage) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("reading %s: %v", raw, err)
	}
	return r
}

func TestSessionsAreServed(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"credits":7}`, "X-Request-Id", "req_1"))
	o := options(leadmagic.URL)
	o.Instructions = "REST was chosen for a reason"
	toServer, fromServer := serve(t, o)
	got := converse(t, toServer, fromServer, initialize,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, toolCall(`"two"`, "check_credits", `{}`), `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	opened := parse(t, got[0]).Result
	if opened.ProtocolVersion != "2025-06-18" || !strings.HasSuffix(opened.Instructions, "\n\nREST was chosen for a reason") {
		t.Errorf("got %+v, want the editor's version and the reason", opened)
	}
	if !strings.Contains(string(got[0]), "unofficial") {
		t.Errorf("got %s, want it to say that this is unofficial", got[0])
	}
	for _, name := range []string{"tools", "prompts", "resources"} {
		if _, ok := opened.Capabilities[name]; !ok {
			t.Errorf("got capabilities %v, want %s among them", opened.Capabilities, name)
		}
	}
	listed := parse(t, got[1]).Result
	names := make([]string, 0, len(listed.Tools))
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
	}
	if !slices.Contains(names, "check_credits") || slices.Contains(names, "check_credit_balance") {
		t.Errorf("got the tools %v, want check_credits and no alias", names)
	}
	result := parse(t, got[2]).Result
	if result.IsError || result.StructuredContent["credits"] != 7.0 || result.ResultType != "" {
		t.Errorf("got %s, want the balance, without a result type", got[2])
	}
	if !strings.Contains(string(got[3]), `"result":{}`) {
		t.Errorf("got %s, want an answer to ping", got[3])
	}
}

func TestStatelessRequestsAreServed(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"credits":7}`))
	o := options(leadmagic.URL)
	o.Instructions = "REST was chosen for a reason"
	toServer, fromServer := serve(t, o)
	got := converse(t, toServer, fromServer,
		`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+modern+`}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{`+modern+`}}`,
		toolCall(`3`, "check_credit_balance", `{}`, ","+modern),
		toolCall(`4`, "search_google_ads", `{}`, ","+modern),
		`{"jsonrpc":"2.0","id":5,"method":"resources/read","params":{"uri":"leadmagic://docs",`+modern+`}}`,
		`{"jsonrpc":"2.0","id":6,"method":"prompts/get","params":{"name":"account_research","arguments":{"company_domain":"acme.com"},`+modern+`}}`)
	for i, raw := range got {
		if r := parse(t, raw); r.Error != nil || r.Result.ResultType != "complete" {
			t.Errorf("got %s to message %d, want a complete result", raw, i+1)
		}
	}
	discovered := parse(t, got[0]).Result
	if !slices.Contains(discovered.SupportedVersions, "2026-07-28") || !strings.Contains(discovered.Instructions, "REST was chosen for a reason") {
		t.Errorf("got %s, want the version and the reason", got[0])
	}
	if result := parse(t, got[2]).Result; result.IsError || result.StructuredContent["credits"] != 7.0 || result.Meta["io.github.leadmagic-mcp-proxy/usage"] == nil {
		t.Errorf("got %s, want the balance", got[2])
	}
	if result := parse(t, got[3]).Result; !result.IsError || !strings.Contains(result.Content[0].Text, "company_domain or company_name is missing") {
		t.Errorf("got %s, want a refusal that names the arguments", got[3])
	}
}

func TestCancellingACallClosesItsRequest(t *testing.T) {
	for _, mode := range []struct{ name, opening, extra string }{
		{"legacy", initialize, ""},
		{"modern", `{"jsonrpc":"2.0","id":0,"method":"server/discover","params":{` + modern + `}}`, "," + modern},
	} {
		t.Run(mode.name, func(t *testing.T) {
			begun, gone := make(chan struct{}), make(chan struct{})
			leadmagic := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
				close(begun)
				<-r.Context().Done()
				close(gone)
			})
			toServer, fromServer := serve(t, options(leadmagic.URL))
			converse(t, toServer, fromServer, mode.opening)
			lines := toolCall(`7`, "search_profile", `{"profile_url":"ada"}`, mode.extra) + "\n"
			if _, err := io.WriteString(toServer, lines); err != nil {
				t.Fatal(err)
			}
			<-begun
			answer := converse(t, toServer, fromServer, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
			<-gone
			if parse(t, answer[0]).Error == nil {
				t.Errorf("got %s, want no result for a call that is called off", answer[0])
			}
			if n := len(leadmagic.seen()); n != 1 {
				t.Errorf("got %d requests, want one", n)
			}
		})
	}
}

func TestTheEndOfTheEditorEndsItsCalls(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	leadmagic := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	toServer, fromServer := serve(t, options(leadmagic.URL))
	converse(t, toServer, fromServer, initialize)
	if _, err := io.WriteString(toServer, toolCall(`7`, "search_profile", `{"profile_url":"ada"}`)+"\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := toServer.Close(); err != nil {
		t.Fatal(err)
	}
	<-gone
}

func TestTheEndOfTheContextEndsItsCalls(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	leadmagic := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = rest.Serve(ctx, options(leadmagic.URL), in, out)
		_ = out.Close()
	}()
	converse(t, toServer, fromServer, initialize)
	if _, err := io.WriteString(toServer, toolCall(`7`, "search_profile", `{"profile_url":"ada"}`)+"\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	<-gone
	go func() { _, _ = io.Copy(io.Discard, fromServer) }()
	<-ended
}

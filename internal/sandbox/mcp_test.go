package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// eras runs a test in both eras.
func eras(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{legacy, modern} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

func TestDocsPromptsAndCompletion(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		session := connect(t, start(t, sandbox.Options{}), version, nil)
		docs, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "leadmagic://docs"})
		if err != nil || !strings.Contains(docs.Contents[0].Text, "`find_work_email`") {
			t.Errorf("docs: %v %v", docs, err)
		}
		prompt, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "contact_lookup", Arguments: map[string]string{"full_name": "Ada Lovelace", "company_domain": "a.example"}})
		if err != nil || !strings.Contains(prompt.Messages[0].Content.(*mcp.TextContent).Text, "Ada Lovelace at a.example") {
			t.Errorf("contact_lookup: %v %v", prompt, err)
		}
		prompts, err := session.ListPrompts(t.Context(), nil)
		if err != nil || len(prompts.Prompts) != 2 || prompts.Prompts[0].Name != "account_research" {
			t.Errorf("prompts: %v %v", prompts, err)
		}
		completion, err := session.Complete(t.Context(), &mcp.CompleteParams{
			Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "account_research"}, Argument: mcp.CompleteParamsArgument{Name: "company_domain", Value: "A"},
		})
		if err != nil || len(completion.Completion.Values) != 2 {
			t.Errorf("completion: %v %v", completion, err)
		}
	})
}

func TestPagedLists(t *testing.T) {
	s := start(t, sandbox.Options{Paged: 5})
	session := connect(t, s, legacy, nil)
	page, err := session.ListTools(t.Context(), nil)
	if err != nil || len(page.Tools) != 5 || page.NextCursor == "" {
		t.Fatalf("first page: %d tools, cursor %q, %v", len(page.Tools), page.NextCursor, err)
	}
	count := 0
	for _, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count < 30 {
		t.Errorf("%d tools in all pages", count)
	}
}

func TestOptionsOfTheEndpoint(t *testing.T) {
	t.Run("the bare root serves MCP too", func(t *testing.T) {
		s := start(t, sandbox.Options{})
		got := send(t, s, request{method: "POST", path: "/", body: `{"jsonrpc":"2.0","id":1,"method":"ping"}`, header: map[string]string{"x-leadmagic-key": sandbox.Key, "Accept": "application/json, text/event-stream"}})
		if got.status != 200 || !strings.Contains(got.body, `"id":1`) {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
	t.Run("GET can be missing", func(t *testing.T) {
		s := start(t, sandbox.Options{NoGET: true})
		if got := send(t, s, request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": open(t, s)}}); got.status != 405 {
			t.Errorf("status = %d", got.status)
		}
	})
	t.Run("answers can be plain JSON", func(t *testing.T) {
		s := start(t, sandbox.Options{JSON: true})
		got := send(t, s, toolCall(open(t, s), "check_credits", `{}`))
		if got.header.Get("Content-Type") != "application/json" || got.answer(t)["id"] != 7.0 {
			t.Errorf("got %q %q", got.header.Get("Content-Type"), got.body)
		}
	})
	t.Run("events can carry ids", func(t *testing.T) {
		s := start(t, sandbox.Options{EventIDs: true})
		if got := send(t, s, toolCall(open(t, s), "check_credits", `{}`)); !strings.Contains(got.body, "\nid: ") {
			t.Errorf("got %q", got.body)
		}
	})
	t.Run("only the legacy era", func(t *testing.T) {
		s := start(t, sandbox.Options{LegacyOnly: true})
		got := send(t, s, modernCall("tools/list", "", `{}`))
		if got.status != 400 || got.answer(t)["error"].(map[string]any)["code"] != -32022.0 {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
	t.Run("only the modern era", func(t *testing.T) {
		s := start(t, sandbox.Options{ModernOnly: true})
		if got := send(t, s, modernCall("tools/list", "", `{}`)); got.status != 200 {
			t.Errorf("modern: %d %q", got.status, got.body)
		}
		if got := send(t, s, request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": "x"}}); got.status != 405 {
			t.Errorf("GET: %d", got.status)
		}
	})
}

// modernCall is a request of the modern era with all its headers.
func modernCall(method, name, params string) request {
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modern + `","io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}`
	if params = strings.TrimSuffix(strings.TrimPrefix(params, "{"), "}"); params != "" {
		params += ","
	}
	return request{
		method: "POST", path: "/mcp", body: `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{` + params + meta + `}}`,
		header: map[string]string{"Mcp-Protocol-Version": modern, "Mcp-Method": method, "Mcp-Name": name},
	}
}

func TestTheModernEraChecksItsHeaders(t *testing.T) {
	s := start(t, sandbox.Options{Workbench: true})
	good := modernCall("tools/call", "check_credits", `{"name":"check_credits","arguments":{}}`)
	if got := send(t, s, good); got.status != 200 || got.header.Get("Mcp-Session-Id") != "" {
		t.Errorf("good: %d %q", got.status, got.body)
	}
	bad := modernCall("tools/call", "find_jobs", `{"name":"check_credits","arguments":{}}`)
	if got := send(t, s, bad); got.status != 400 || got.answer(t)["error"].(map[string]any)["code"] != -32020.0 {
		t.Errorf("another name in the header: %d %q", got.status, got.body)
	}
	region := modernCall("tools/call", "regional", `{"name":"regional","arguments":{"region":"eu"}}`)
	if got := send(t, s, region); got.status != 400 {
		t.Errorf("a missing parameter header: %d %q", got.status, got.body)
	}
	region.header["Mcp-Param-Region"] = "eu"
	if got := send(t, s, region); got.status != 200 || !strings.Contains(got.body, `Mcp-Param-Region\":[\"eu\"]`) {
		t.Errorf("a parameter header: %d %q", got.status, got.body)
	}
	echo := modernCall("tools/call", "other", `{"name":"echo","arguments":{}}`)
	if got := send(t, s, echo); got.status != 400 {
		t.Errorf("the short cut takes a wrong header: %d", got.status)
	}
}

func TestLostSessions(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := open(t, s)
	if got := s.Sessions(); got != 1 {
		t.Fatalf("%d sessions, want 1", got)
	}
	standing := standingStream(t, s, id)
	s.DropSessions()
	if got := <-standing; got != nil {
		t.Errorf("the standing stream ended with %v", got)
	}
	if got := send(t, s, toolCall(id, "check_credits", `{}`)); got.status != http.StatusNotFound {
		t.Errorf("a lost session: %d %q", got.status, got.body)
	}
	if got := send(t, s, toolCall(open(t, s), "check_credits", `{}`)); got.status != 200 {
		t.Errorf("a new session: %d %q", got.status, got.body)
	}
	if got := send(t, s, request{method: "DELETE", path: "/mcp", header: map[string]string{"Mcp-Session-Id": open(t, s)}}); got.status != 204 {
		t.Errorf("DELETE: %d", got.status)
	}
	if got := s.Sessions(); got != 1 {
		t.Errorf("%d sessions, want 1", got)
	}
}

// standingStream opens the GET stream of a session; the channel tells how it ended.
func standingStream(t *testing.T, s *sandbox.Server, id string) <-chan error {
	t.Helper()
	q := request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": id, "Mcp-Protocol-Version": legacy}}.build(t, t.Context(), s)
	c := client(t)
	stands, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		response, err := c.Do(q)
		close(stands)
		if err != nil {
			ended <- err
			return
		}
		defer func() { _ = response.Body.Close() }()
		_, err = io.Copy(io.Discard, response.Body)
		ended <- err
	}()
	<-stands
	return ended
}

func TestHealthAndUnknownPaths(t *testing.T) {
	s := start(t, sandbox.Options{})
	if got := send(t, s, request{method: "GET", path: "/health", header: map[string]string{"X-API-Key": ""}}); got.status != 200 || !strings.Contains(got.body, "ok") {
		t.Errorf("health: %d %q", got.status, got.body)
	}
	if got := send(t, s, request{method: "GET", path: "/v2/credits"}); got.status != 404 {
		t.Errorf("unknown: %d", got.status)
	}
}

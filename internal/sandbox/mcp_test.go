package sandbox_test

import (
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// modes runs a test with a session and stateless.
func modes(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{withSessions, stateless} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

func TestDocsAndPrompts(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		session := connect(t, start(t, faults.Options{}), version, nil)
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
	})
}

func TestPagedLists(t *testing.T) {
	s := start(t, faults.Options{PageSize: 5})
	session := connect(t, s, withSessions, nil)
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
		s := start(t, faults.Options{})
		got := send(t, s, request{method: "POST", path: "/", body: `{"jsonrpc":"2.0","id":1,"method":"ping"}`, header: map[string]string{"x-leadmagic-key": sandbox.Key, "Accept": "application/json, text/event-stream"}})
		if got.status != 200 || !strings.Contains(got.body, `"id":1`) {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
	t.Run("only sessions", func(t *testing.T) {
		s := start(t, faults.Options{SessionsOnly: true})
		got := send(t, s, statelessCall("tools/list", "", `{}`))
		if got.status != 400 || got.answer(t)["error"].(map[string]any)["code"] != -32022.0 {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
	t.Run("only stateless", func(t *testing.T) {
		s := start(t, faults.Options{StatelessOnly: true})
		if got := send(t, s, statelessCall("tools/list", "", `{}`)); got.status != 200 {
			t.Errorf("stateless: %d %q", got.status, got.body)
		}
		if got := send(t, s, request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": "x"}}); got.status != 405 {
			t.Errorf("GET: %d", got.status)
		}
	})
}

// statelessCall is a stateless request with all its headers.
func statelessCall(method, name, params string) request {
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + stateless + `","io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"},"io.modelcontextprotocol/clientCapabilities":{}}`
	if params = strings.TrimSuffix(strings.TrimPrefix(params, "{"), "}"); params != "" {
		params += ","
	}
	return request{
		method: "POST", path: "/mcp", body: `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{` + params + meta + `}}`,
		header: map[string]string{"Mcp-Protocol-Version": stateless, "Mcp-Method": method, "Mcp-Name": name},
	}
}

func TestStatelessRequestsHaveTheirHeadersChecked(t *testing.T) {
	s := start(t, faults.Options{})
	good := statelessCall("tools/call", "check_credits", `{"name":"check_credits","arguments":{}}`)
	if got := send(t, s, good); got.status != 200 || got.header.Get("Mcp-Session-Id") != "" {
		t.Errorf("good: %d %q", got.status, got.body)
	}
	bad := statelessCall("tools/call", "find_jobs", `{"name":"check_credits","arguments":{}}`)
	if got := send(t, s, bad); got.status != 400 || got.answer(t)["error"].(map[string]any)["code"] != -32020.0 {
		t.Errorf("another name in the header: %d %q", got.status, got.body)
	}
}

func TestHealthAndUnknownPaths(t *testing.T) {
	s := start(t, faults.Options{})
	if got := send(t, s, request{method: "GET", path: "/health", header: map[string]string{"X-API-Key": ""}}); got.status != 200 || !strings.Contains(got.body, "ok") {
		t.Errorf("health: %d %q", got.status, got.body)
	}
	if got := send(t, s, request{method: "GET", path: "/v2/credits"}); got.status != 404 {
		t.Errorf("unknown: %d", got.status)
	}
}

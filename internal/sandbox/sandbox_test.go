package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// start serves a sandbox for the length of a test.
func start(t *testing.T, opts sandbox.Options) *sandbox.Server {
	t.Helper()
	s, err := sandbox.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// keyed puts a header on every request.
type keyed struct{ name, value string }

func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(k.name, k.value)
	return http.DefaultTransport.RoundTrip(r)
}

// connect opens a session with an SDK client.
func connect(t *testing.T, s *sandbox.Server, opts *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, opts)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.URL + "/mcp", HTTPClient: &http.Client{Transport: keyed{"x-leadmagic-key", sandbox.Key}}, MaxRetries: -1,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call calls a tool and returns its structured result.
func call(t *testing.T, session *mcp.ClientSession, tool string, args any) map[string]any {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %s", tool, result.Content[0].(*mcp.TextContent).Text)
	}
	data, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestSessionOfAnSDKClient(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := connect(t, s, nil)
	ctx := context.Background()

	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, tool := range tools.Tools {
		names[tool.Name] = true
	}
	for _, want := range []string{"check_credits", "check_credit_balance", "find_work_email", "get_account_analytics", "preview_cost", "search_people"} {
		if !names[want] {
			t.Errorf("tools/list lacks %s", want)
		}
	}
	got := call(t, session, "find_work_email", map[string]any{"full_name": "Ada Lovelace", "domain": "analytical.example"})
	if got["email"] != "ada.lovelace@analytical.example" || got["credits_consumed"] != 1.0 {
		t.Errorf("find_work_email = %v", got)
	}
	if !strings.Contains(got["sandbox"].(string), "invented") {
		t.Errorf("the answer does not say that it is invented: %v", got)
	}
	if got := call(t, session, "check_credits", nil); got["credits"] != 999.0 {
		t.Errorf("check_credits = %v, want 999", got)
	}
}

package cli

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/explain"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

const canary = "lm_canary_5f1c0e9a7b3d2468"

// questions are arguments for each tool that needs some.
var questions = map[string]string{
	"b2b_profile_to_work_email":  `{"profile_url":"ada-l"}`,
	"detect_job_change":          `{"profile_url":"ada-l","company_name":"Acme"}`,
	"email_to_b2b_profile":       `{"work_email":"ada@acme.example"}`,
	"enrich_company":             `{"company_domain":"acme.example"}`,
	"find_company_employees":     `{"company_domain":"acme.example","limit":3}`,
	"find_company_funding":       `{"company_domain":"acme.example"}`,
	"find_jobs":                  `{"company_name":"Acme","per_page":2}`,
	"find_lookalike_companies":   `{"company_domain":"acme.example","limit":2}`,
	"find_mobile_number":         `{"profile_url":"ada-l"}`,
	"find_people_by_role":        `{"job_title":"CEO","company_domain":"acme.example"}`,
	"find_personal_email":        `{"profile_url":"ada-l"}`,
	"find_work_email":            `{"full_name":"Ada Lovelace","domain":"acme.example"}`,
	"get_b2b_ad_details":         `{"ad_url":"14366"}`,
	"get_company_technographics": `{"company_domain":"acme.example"}`,
	"list_company_competitors":   `{"company_domain":"acme.example"}`,
	"preview_cost":               `{"items":[{"product":"email_finder","input":{}}]}`,
	"resolve_job_search_filters": `{"tags":{"include":["kubernetes"]}}`,
	"search_b2b_ads":             `{"company_domain":"acme.example","limit":2}`,
	"search_companies":           `{"query":"robots","limit":2}`,
	"search_google_ads":          `{"company_domain":"acme.example","limit":2}`,
	"search_jobs":                `{"titles":{"include":["Engineer"]},"limit":2}`,
	"search_meta_ads":            `{"company_domain":"acme.example","limit":2}`,
	"search_people":              `{"company_domain":"acme.example","limit":2}`,
	"search_profile":             `{"profile_url":"ada-l"}`,
	"validate_work_email":        `{"email":"ada@acme.example"}`,
}

// stand is a sandbox and the surroundings of a program that goes there, over that upstream.
func stand(t *testing.T, upstream string, o faults.Options) (*Env, *faults.Server) {
	t.Helper()
	o.Key, o.Credits = canary, 10_000
	box, err := faults.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	variables := map[string]string{
		"LEADMAGIC_API_KEY": canary, "LEADMAGIC_MCP_URL": box.URL + "/mcp", "LEADMAGIC_API_URL": box.URL, "LEADMAGIC_UPSTREAM": upstream,
	}
	return &Env{
		Getenv:  func(name string) string { return variables[name] },
		Environ: func() []string { return nil },
		Stdout:  io.Discard, Stderr: io.Discard, Version: "test",
	}, box
}

// open is an editor's session with a sandbox, over that upstream.
func open(t *testing.T, upstream string) (*mcp.ClientSession, *faults.Server) {
	t.Helper()
	env, box := stand(t, upstream, faults.Options{})
	return start(t, env, ""), box
}

// start is an MCP client of a session with the settings of env.
func start(t *testing.T, env *Env, protocol string) *mcp.ClientSession {
	t.Helper()
	ss := newSession(env, newSettings())
	t.Cleanup(ss.close)
	client, end, err := ss.connect(t.Context(), protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return client
}

// listed are the tools of a session.
func listed(t *testing.T, l *mcp.ClientSession) []*mcp.Tool {
	t.Helper()
	list, err := l.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list.Tools
}

func ask(t *testing.T, l *mcp.ClientSession, tool, arguments string) *mcp.CallToolResult {
	t.Helper()
	if arguments == "" {
		arguments = `{}`
	}
	result, err := l.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return result
}

func TestEachRESTToolThroughASession(t *testing.T) {
	l, box := open(t, "rest")
	offered := listed(t, l)
	known := make(map[string]*rest.Tool)
	for _, tool := range rest.Tools() {
		known[tool.Name] = tool
	}
	if len(offered) != len(known) {
		t.Errorf("got %d tools in the session, want the %d of the table", len(offered), len(known))
	}
	for _, tool := range offered {
		t.Run(tool.Name, func(t *testing.T) {
			before := box.RequestCount()
			result := ask(t, l, tool.Name, questions[tool.Name])
			if result.IsError {
				t.Fatalf("got %v", result.Content[0].(*mcp.TextContent).Text)
			}
			if n := box.RequestCount() - before; n != 1 {
				t.Errorf("got %d requests, want one", n)
			}
			requests := box.Requests()
			got, want := requests[len(requests)-1], known[tool.Name]
			route, _, _ := strings.Cut(want.Route, "{")
			if !strings.HasPrefix(got.Method+" "+got.Path, route) {
				t.Errorf("got %s %s, want %s", got.Method, got.Path, want.Route)
			}
			if key := got.Header.Get("X-Api-Key"); key != canary {
				t.Errorf("got the key header %q, want the key", key)
			}
			if _, ok := result.Meta[problem.UsageKey]; !ok {
				t.Errorf("got _meta %v, want what the call has used", result.Meta)
			}
		})
	}
}

// Editors make the names of tools out of what a server calls itself, and people allow tools by these names.
func TestOurServersHaveOneNameAndTitle(t *testing.T) {
	hosted, _ := open(t, "mcp")
	api, _ := open(t, "rest")
	explained := &explain.Server{Version: "test", State: func() explain.State { return explain.State{} }}
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	go func() { _ = explained.Serve(t.Context(), in, out) }()
	standby, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil).
		Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Close() })
	for name, session := range map[string]*mcp.ClientSession{"the sandbox": hosted, "the REST API": api, "the standby": standby} {
		if got := session.InitializeResult().ServerInfo; got.Name != problem.ServerName || got.Title != problem.ServerTitle {
			t.Errorf("%s calls itself %q, %q, want %q, %q", name, got.Name, got.Title, problem.ServerName, problem.ServerTitle)
		}
	}
}

// The names and the answers do not depend on what carries the session.
func TestTheSameQuestionsOverBothUpstreams(t *testing.T) {
	hosted, _ := open(t, "mcp")
	api, _ := open(t, "rest")
	offered := listed(t, hosted)
	for _, name := range slices.Sorted(maps.Keys(questions)) {
		if !slices.ContainsFunc(offered, func(tool *mcp.Tool) bool { return tool.Name == name }) {
			continue // LeadMagic's list depends on the workspace
		}
		t.Run(name, func(t *testing.T) {
			got, want := ask(t, api, name, questions[name]), ask(t, hosted, name, questions[name])
			gotJSON, _ := json.Marshal(got.StructuredContent)
			wantJSON, _ := json.Marshal(want.StructuredContent)
			if string(gotJSON) != string(wantJSON) {
				t.Errorf("REST says   %s\nhosted says %s", gotJSON, wantJSON)
			}
		})
	}
}

func TestWhatBecomesOfASessionWhoseHostedServerRefuses(t *testing.T) {
	gone := func(status int) faults.Fault {
		return faults.Fault{Path: "/mcp", Kind: faults.Status, Status: status}
	}
	balance := func(status int) faults.Fault {
		return faults.Fault{Path: "/v1/credits", Kind: faults.Problem, Status: status}
	}
	tests := []struct {
		name, upstream string
		signIn         bool
		faults         []faults.Fault
		served         string // in the instructions of a session over REST
		refused        string // or why there is none
	}{
		{"it wants a sign-in", "auto", true, nil, "asks for a sign-in instead of an API key, so these tools call LeadMagic's REST API", ""},
		{"it is not there", "auto", false, []faults.Fault{gone(404)}, "is not at this address (HTTP 404), so these tools call LeadMagic's REST API", ""},
		{"it is not there any more", "auto", false, []faults.Fault{gone(410)}, "is not at this address (HTTP 410), so these tools", ""},
		{"it wants a sign-in, and the key is dead", "auto", true, []faults.Fault{balance(401)}, "", "LeadMagic rejected the API key from LEADMAGIC_API_KEY"},
		{"it is not there, and the key is dead", "auto", false, []faults.Fault{gone(404), balance(401)}, "", "LeadMagic rejected the API key from LEADMAGIC_API_KEY"},
		{"it wants a sign-in, and the REST API fails", "auto", true, []faults.Fault{balance(503)}, "", "LeadMagic failed with HTTP 503: refused on request"},
		{"neither is there", "auto", false, []faults.Fault{gone(404), balance(404)}, "", "LeadMagic's REST API is not at this address (HTTP 404)"},
		{"it is not there, and no other is wanted", "mcp", false, []faults.Fault{gone(404)}, "", "LeadMagic's hosted server is not at this address (HTTP 404)"},
		{"it wants a sign-in, and no other is wanted", "mcp", true, nil, "", "LeadMagic's hosted server asks for a sign-in instead of an API key"},
	}
	for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
		for _, tt := range tests {
			t.Run(tt.name+" "+protocol, func(t *testing.T) {
				env, box := stand(t, tt.upstream, faults.Options{OAuthOnly: tt.signIn})
				for _, fault := range tt.faults {
					box.Fault(fault)
				}
				if tt.refused != "" {
					ss := newSession(env, newSettings())
					t.Cleanup(ss.close)
					if _, _, err := ss.connect(t.Context(), protocol); err == nil || err.Error() != tt.refused {
						t.Errorf("got %v, want %q", err, tt.refused)
					}
					return
				}
				if got := start(t, env, protocol).InitializeResult().Instructions; !strings.Contains(got, tt.served) {
					t.Errorf("got the instructions %q, want them to say %q", got, tt.served)
				}
			})
		}
	}
}

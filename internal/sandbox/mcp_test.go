package sandbox_test

import (
	"io"
	"net/http"
	"slices"
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

func TestTools(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		s := start(t, sandbox.Options{})
		session := connect(t, s, version, nil)
		if got := session.InitializeResult().ProtocolVersion; got != version {
			t.Fatalf("protocol version = %s, want %s", got, version)
		}
		tools, err := session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range tools.Tools {
			names = append(names, tool.Name)
			if tool.Title == "" || tool.Description == "" || tool.Annotations == nil {
				t.Errorf("%s lacks a title, a description or annotations", tool.Name)
			}
			if strings.Contains(tool.Description, "Free.") != tool.Annotations.ReadOnlyHint {
				t.Errorf("%s: read-only %v, but %q", tool.Name, tool.Annotations.ReadOnlyHint, tool.Description)
			}
			schema := decode(t, mustMarshal(t, tool.InputSchema))
			for _, word := range []string{"anyOf", "oneOf", "allOf"} {
				if schema[word] != nil {
					t.Errorf("%s has a top-level %s", tool.Name, word)
				}
			}
		}
		for _, want := range []string{
			"check_credits", "check_credit_balance", "validate_work_email", "find_work_email", "find_personal_email",
			"find_mobile_number", "b2b_profile_to_work_email", "email_to_b2b_profile", "search_profile", "detect_job_change",
			"find_people_by_role", "find_company_employees", "enrich_company", "find_company_funding", "list_company_competitors",
			"get_company_technographics", "find_jobs", "search_google_ads", "get_b2b_ad_details", "preview_cost",
			"get_account_analytics", "search_people", "search_companies", "find_lookalike_companies", "search_jobs",
			"get_job_search_catalogs", "resolve_job_search_filters",
		} {
			if !slices.Contains(names, want) {
				t.Errorf("tools/list lacks %s", want)
			}
		}
		if slices.Contains(names, "echo") || slices.Contains(names, "slow_report") {
			t.Error("tools/list shows test tools")
		}
	})
}

func TestToolAnswers(t *testing.T) {
	for _, test := range []struct {
		what, tool string
		args       map[string]any
		want       map[string]any
		credits    float64
	}{
		{"an email is made from the name and the domain", "find_work_email", map[string]any{"full_name": "Ada Lovelace", "domain": "analytical.example"}, map[string]any{"email": "ada.lovelace@analytical.example", "company_name": "Analytical"}, 1},
		{"first and last name serve as well", "find_work_email", map[string]any{"first_name": "Ada", "last_name": "Lovelace", "company_name": "Analytical"}, map[string]any{"email": "ada.lovelace@analytical.example"}, 1},
		{"nobody has no email", "find_work_email", map[string]any{"full_name": "Nobody", "domain": "a.example"}, map[string]any{"email": nil, "credits_consumed": 0.0}, 0},
		{"an invalid domain finds nothing", "enrich_company", map[string]any{"company_domain": "acme.invalid"}, map[string]any{"companyName": nil}, 0},
		{"a valid email costs a quarter", "validate_work_email", map[string]any{"email": "ada@analytical.example"}, map[string]any{"email_status": "valid", "credits_consumed": 0.25}, 0.25},
		{"a bouncing email costs a quarter", "validate_work_email", map[string]any{"email": "bounce@analytical.example"}, map[string]any{"email_status": "invalid"}, 0.25},
		{"a malformed email is judged for free", "validate_work_email", map[string]any{"email": "not an email"}, map[string]any{"email_status": "invalid", "credits_consumed": 0.0}, 0},
		{"an unknown email is free", "validate_work_email", map[string]any{"email": "a@b.invalid"}, map[string]any{"email_status": "unknown"}, 0},
		{"a profile is read as a name", "search_profile", map[string]any{"profile_url": "https://profiles.example/in/grace-hopper/"}, map[string]any{"full_name": "Grace Hopper"}, 1},
		{"a mobile number is from the fiction range", "find_mobile_number", map[string]any{"work_email": "ada@analytical.example"}, map[string]any{"email": "ada@analytical.example"}, 5},
		{"personal emails come in a list", "find_personal_email", map[string]any{"profile_url": "ada-lovelace"}, map[string]any{"first_personal_email": "ada.lovelace@home.example"}, 2},
		{"a profile becomes an email", "b2b_profile_to_work_email", map[string]any{"profile_url": "ada-lovelace"}, map[string]any{"profile_url": "ada-lovelace"}, 5},
		{"an email becomes a profile", "email_to_b2b_profile", map[string]any{"work_email": "ada.lovelace@a.example"}, map[string]any{"profile_url": "https://profiles.example/in/ada-lovelace"}, 10},
		{"a job change names the profile", "detect_job_change", map[string]any{"profile_url": "ada-lovelace", "company_name": "Analytical"}, map[string]any{"employee_name": "Ada Lovelace", "profile_found": true}, 3},
		{"an unknown profile has no job change", "detect_job_change", map[string]any{"profile_url": "nobody", "company_name": "Analytical"}, map[string]any{"status": "PROFILE_NOT_FOUND"}, 0},
		{"a role is found", "find_people_by_role", map[string]any{"job_title": "CEO", "company_domain": "acme.example"}, map[string]any{"company_name": "Acme"}, 2},
		{"employees are paid for one by one", "find_company_employees", map[string]any{"company_domain": "acme.example", "limit": 3}, map[string]any{"credits_consumed": 0.15}, 0.15},
		{"a company is found", "enrich_company", map[string]any{"company_domain": "https://www.acme.example/about"}, map[string]any{"companyName": "Acme", "websiteUrl": "https://acme.example"}, 1},
		{"funding is found", "find_company_funding", map[string]any{"company_name": "Acme"}, map[string]any{"credits_consumed": 4.0}, 4},
		{"competitors are found", "list_company_competitors", map[string]any{"company_url": "acme.example"}, map[string]any{"credits_consumed": 5.0}, 5},
		{"technologies are found", "get_company_technographics", map[string]any{"company_domain": "acme.example"}, map[string]any{"credits_consumed": 1.0}, 1},
		{"jobs are paid for one by one", "find_jobs", map[string]any{"company_name": "Acme", "per_page": 2}, map[string]any{"page": 1.0, "per_page": 2.0, "credits_consumed": 2.0}, 2},
		{"B2B ads cost one more", "search_b2b_ads", map[string]any{"company_name": "Acme", "limit": 2}, map[string]any{"ads_count": 2.0}, 3},
		{"Google ads cost one each", "search_google_ads", map[string]any{"company_name": "Acme", "limit": 2}, map[string]any{"ads_count": 2.0}, 2},
		{"an ad is shown", "get_b2b_ad_details", map[string]any{"ad_url": "/ad-library/detail/4711"}, map[string]any{"credits_consumed": 2.0}, 2},
		{"emails of people cost one more each", "search_people", map[string]any{"company_domain": "acme.example", "limit": 2, "include_email": true}, map[string]any{"returned_count": 2.0}, 4},
		{"mobile numbers of people cost five more each", "search_people", map[string]any{"company_domain": "acme.example", "limit": 2, "include_mobile": true}, map[string]any{"returned_count": 2.0}, 12},
		{"companies cost one per row", "search_companies", map[string]any{"query": "logistics", "limit": 3}, map[string]any{"returned_count": 3.0}, 3},
		{"similar companies cost five", "find_lookalike_companies", map[string]any{"company_domain": "acme.example"}, map[string]any{"credits_consumed": 5.0}, 5},
		{"no similar companies are free", "find_lookalike_companies", map[string]any{"company_domain": "acme.invalid"}, map[string]any{"credits_consumed": 0.0}, 0},
		{"jobs of v3 cost one per row", "search_jobs", map[string]any{"query": "engineer", "limit": 2}, map[string]any{"returned_count": 2.0}, 2},
		{"filters are resolved for free", "resolve_job_search_filters", map[string]any{"query": "engineer"}, map[string]any{"credits_consumed": 0.0}, 0},
		{"catalogs are free", "get_job_search_catalogs", nil, map[string]any{"credits_consumed": 0.0}, 0},
		{"the balance is free", "check_credits", nil, map[string]any{"credits": 1000.0}, 0},
		{"the balance has a second name", "check_credit_balance", nil, map[string]any{"credits": 1000.0}, 0},
		{"a preview adds up", "preview_cost", map[string]any{"items": []any{map[string]any{"product": "mobile_finder"}, map[string]any{"product": "email-finder"}}}, map[string]any{"totalItems": 2.0, "totalCredits": 6.0}, 0},
		{"analytics show the dashboard", "get_account_analytics", nil, map[string]any{"credits": map[string]any{"current": 1000.0, "formatted": "1000.00"}}, 0},
		{"analytics show a day", "get_account_analytics", map[string]any{"report": "day", "date": "2026-11-01"}, map[string]any{"date": "2026-11-01"}, 0},
		{"job types are wrapped, since a result is an object", "list_job_types", nil, nil, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			session := connect(t, s, legacy, nil)
			got := call(t, session, test.tool, test.args)
			for name, want := range test.want {
				if value, ok := got[name]; !ok || mustMarshal(t, value) != mustMarshal(t, want) {
					t.Errorf("%s = %v, want %v, in %v", name, value, want, got)
				}
			}
			if !strings.Contains(mustMarshal(t, got), "invented") {
				t.Errorf("the answer does not say that it is invented: %v", got)
			}
			if left := s.Balance(); left != 1000-test.credits {
				t.Errorf("balance = %v, want %v less than 1000", left, test.credits)
			}
			tool := strings.Replace(test.tool, "check_credit_balance", "check_credits", 1)
			if calls := s.Calls(); len(calls) != 1 || calls[0].Tool != tool || calls[0].Upstream != "mcp" || calls[0].Credits != test.credits {
				t.Errorf("calls = %+v", calls)
			}
		})
	}
}

func TestTheSameQuestionHasTheSameAnswer(t *testing.T) {
	args := map[string]any{"company_domain": "acme.example", "limit": 5}
	var answers []string
	for range 2 {
		s := start(t, sandbox.Options{})
		answers = append(answers, mustMarshal(t, call(t, connect(t, s, legacy, nil), "find_company_employees", args)))
	}
	if answers[0] != answers[1] {
		t.Errorf("answers differ:\n%s\n%s", answers[0], answers[1])
	}
}

func TestBadArgumentsAreToldToTheModelForFree(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := connect(t, s, legacy, nil)
	for _, test := range []struct{ tool, args, want string }{
		{"find_work_email", `{"domain":"a.example"}`, "first_name, full_name"},
		{"validate_work_email", `{}`, "email is required"},
		{"find_jobs", `{"per_page":51}`, "at most 50"},
		{"find_jobs", `{"per_page":0}`, "at least 1"},
		{"find_jobs", `{"per_page":2.5}`, "must be an integer"},
		{"find_jobs", `{"experience_level":"novice"}`, "must be one of entry"},
		{"find_jobs", `{"has_remote":"yes"}`, "true or false"},
		{"find_jobs", `{"posted_after":"yesterday"}`, "must be a date"},
		{"find_jobs", `{"preview":true}`, "preview"},
		{"preview_cost", `{"items":[]}`, "length of at least 1"},
		{"preview_cost", `{"items":{}}`, "must be an array"},
		{"search_people", `{"people_filters":[]}`, "must be an object"},
		{"validate_work_email", `{"email":7}`, "must be a string"},
	} {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: test.tool, Arguments: decode(t, test.args)})
		if err != nil {
			t.Fatal(err)
		}
		if !result.IsError || !strings.Contains(text(result), test.want) {
			t.Errorf("%s %s: isError %v, %q, want %q", test.tool, test.args, result.IsError, text(result), test.want)
		}
	}
	if s.CallCount() != 0 || s.Balance() != 1000 {
		t.Errorf("%d calls carried out, balance %v", s.CallCount(), s.Balance())
	}
}

func TestKeys(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, test := range []struct {
		what   string
		header map[string]string
		want   int
		body   string
	}{
		{"the key in its header", nil, 200, ""},
		{"the key as a Bearer token", map[string]string{"x-leadmagic-key": "", "Authorization": "Bearer " + sandbox.Key}, 200, ""},
		{"no key", map[string]string{"x-leadmagic-key": ""}, 401, "Missing API key"},
		{"another key", map[string]string{"x-leadmagic-key": "lm_canary_5f1c0e9a7b3d2468"}, 401, "Invalid API key"},
		{"the REST header", map[string]string{"x-leadmagic-key": "", "X-API-Key": sandbox.Key}, 401, "Missing API key"},
		{"Basic authorization", map[string]string{"x-leadmagic-key": "", "Authorization": "Basic " + sandbox.Key}, 401, "Missing API key"},
		{"a wrong key beside a good token", map[string]string{"x-leadmagic-key": "lm_wrong", "Authorization": "Bearer " + sandbox.Key}, 401, "Invalid"},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			got := send(t, s, request{method: "POST", path: "/mcp", body: ping, header: test.header})
			if got.status != test.want || !strings.Contains(got.body, test.body) || strings.Contains(got.body, "canary") {
				t.Errorf("got %d %q", got.status, got.body)
			}
			if got.header.Get("WWW-Authenticate") != "" {
				t.Error("a server that takes keys asks for sign-in")
			}
		})
	}
	t.Run("two keys are none", func(t *testing.T) {
		s := start(t, sandbox.Options{})
		r := request{method: "POST", path: "/mcp", body: ping}.build(t, t.Context(), s)
		r.Header.Add("x-leadmagic-key", sandbox.Key)
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != 401 {
			t.Errorf("status = %d", response.StatusCode)
		}
	})
	t.Run("a rotated key", func(t *testing.T) {
		s := start(t, sandbox.Options{})
		s.SetKey("lm_next")
		if got := send(t, s, request{method: "POST", path: "/mcp", body: ping}); got.status != 401 {
			t.Errorf("the old key: %d", got.status)
		}
		if got := send(t, s, request{method: "POST", path: "/mcp", body: ping, header: map[string]string{"x-leadmagic-key": "lm_next"}}); got.status != 200 {
			t.Errorf("the new key: %d", got.status)
		}
	})
}

func TestOAuthOnly(t *testing.T) {
	s := start(t, sandbox.Options{OAuthOnly: true})
	for _, method := range []string{"POST", "GET"} {
		got := send(t, s, request{method: method, path: "/mcp"})
		want := `resource_metadata="` + s.URL + `/.well-known/oauth-protected-resource/mcp"`
		if challenge := got.header.Get("WWW-Authenticate"); got.status != 401 || !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, want) {
			t.Errorf("%s: %d, challenge %q", method, got.status, challenge)
		}
	}
	got := send(t, s, request{method: "GET", path: "/.well-known/oauth-protected-resource/mcp"})
	if body := decode(t, got.body); body["resource"] != s.URL+"/mcp" {
		t.Errorf("metadata = %v", body)
	}
	if got := send(t, s, request{method: "GET", path: "/v1/credits"}); got.status != 200 {
		t.Errorf("REST refuses the key: %d", got.status)
	}
}

func TestNoCreditsRemain(t *testing.T) {
	for _, test := range []struct{ option, want int }{{0, 403}, {402, 402}} {
		s := start(t, sandbox.Options{Credits: 3, CreditStatus: test.option})
		id := open(t, s)
		got := send(t, s, toolCall(id, "find_mobile_number", `{"profile_url":"ada"}`))
		body := decode(t, got.body)
		if got.status != test.want || !strings.Contains(got.body, "No credits remaining") || body["credits_required"] != 5.0 || body["credits_available"] != 3.0 {
			t.Errorf("a call that costs more: %d %s", got.status, got.body)
		}
		if got := send(t, s, toolCall(id, "check_credits", `{}`)); got.status != 200 {
			t.Errorf("a free call: %d", got.status)
		}
		if got := send(t, s, toolCall(id, "find_mobile_number", `{"profile_url":"nobody"}`)); got.status != 200 {
			t.Errorf("a miss: %d", got.status)
		}
		if got := send(t, s, toolCall(id, "find_work_email", `{"full_name":"Ada","domain":"a.example"}`)); got.status != 200 || s.Balance() != 2 {
			t.Errorf("a call that is covered: %d, balance %v", got.status, s.Balance())
		}
	}
	if s := start(t, sandbox.Options{Credits: -1}); s.Balance() != 0 {
		t.Errorf("balance = %v, want 0", s.Balance())
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

package sandbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestTools(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		s := start(t, faults.Options{})
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
			s := start(t, faults.Options{})
			session := connect(t, s, withSessions, nil)
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
		s := start(t, faults.Options{})
		answers = append(answers, mustMarshal(t, call(t, connect(t, s, withSessions, nil), "find_company_employees", args)))
	}
	if answers[0] != answers[1] {
		t.Errorf("answers differ:\n%s\n%s", answers[0], answers[1])
	}
}

func TestBadArgumentsAreToldToTheModelForFree(t *testing.T) {
	s := start(t, faults.Options{})
	session := connect(t, s, withSessions, nil)
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

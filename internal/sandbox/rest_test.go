package sandbox_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestRESTRoutes(t *testing.T) {
	s := start(t, faults.Options{Credits: 10_000})
	for _, test := range []struct {
		method, path, body string
		want               string // in the answer
		cost               string
		tool               string
	}{
		{"GET", "/v1/credits", "", `"credits":`, "0.00", "check_credits"},
		{"POST", "/v1/credits", "", `"credits":`, "0.00", "check_credits"},
		{"POST", "/v1/credits/refresh", "", `"credits":`, "0.00", "refresh_credit_balance"},
		{"GET", "/v1/credits/health", "", `"ok"`, "0.00", "check_api_key"},
		{"POST", "/v1/people/email-validation", `{"email":"ada@a.example"}`, `"email_status":"valid"`, "0.25", "validate_work_email"},
		{"POST", "/v1/people/email-finder", `{"full_name":"Ada Lovelace","domain":"a.example"}`, `"ada.lovelace@a.example"`, "1.00", "find_work_email"},
		{"POST", "/v1/people/email-finder", `{"full_name":"Nobody","domain":"a.example"}`, `"email":null`, "0.00", "find_work_email"},
		{"POST", "/v1/people/personal-email-finder", `{"profile_url":"ada-lovelace"}`, "home.example", "2.00", "find_personal_email"},
		{"POST", "/v1/people/b2b-profile-email", `{"profile_url":"ada-lovelace"}`, "ada.lovelace@", "5.00", "b2b_profile_to_work_email"},
		{"POST", "/v1/people/profile-search", `{"profile_url":"ada-lovelace"}`, "Ada Lovelace", "1.00", "search_profile"},
		{"POST", "/v1/people/b2b-profile", `{"personal_email":"ada@home.example"}`, "/in/ada-", "10.00", "email_to_b2b_profile"},
		{"POST", "/v1/people/mobile-finder", `{"work_email":"ada@a.example"}`, "-555-01", "5.00", "find_mobile_number"},
		{"POST", "/v1/people/job-change-detector", `{"profile_url":"ada-lovelace","company_domain":"a.example"}`, "job_change_detected", "3.00", "detect_job_change"},
		{"POST", "/v1/people/role-finder", `{"job_title":"CEO","company_name":"A"}`, `"company_name":"A"`, "2.00", "find_people_by_role"},
		{"POST", "/v1/people/employee-finder", `{"company_domain":"a.example","limit":4}`, `"employees":[{`, "0.20", "find_company_employees"},
		{"POST", "/v1/companies/company-search", `{"company_domain":"acme.example"}`, `"companyName":"Acme"`, "1.00", "enrich_company"},
		{"POST", "/v1/companies/company-search", `{"profile_url":"https://profiles.example/company/acme"}`, `"companyName":"Acme`, "1.00", "enrich_company"},
		{"POST", "/v1/companies/company-funding", `{"company_domain":"acme.example"}`, "fundingHistory", "4.00", "find_company_funding"},
		{"POST", "/v1/companies/competitors-search", `{"company_domain":"acme.example"}`, "competitors", "5.00", "list_company_competitors"},
		{"POST", "/v1/companies/competitors-search", `{"company_domain":"acme.invalid"}`, `"competitors":[]`, "0.00", "list_company_competitors"},
		{"POST", "/v1/companies/technographics", `{"company_domain":"acme.example"}`, `"data":[{`, "1.00", "get_company_technographics"},
		{"POST", "/v1/jobs/jobs-finder", `{"job_title":"Engineer","per_page":3}`, `"title":"Engineer"`, "3.00", "find_jobs"},
		{"GET", "/v1/jobs/countries", "", `[{"id":"XA","name":"Sandboxia"}`, "0.00", "list_job_countries"},
		{"GET", "/v1/jobs/job-types", "", `[{"id":1,"name":"Full Time"}`, "0.00", "list_job_types"},
		{"GET", "/v1/jobs/regions", "", `{"id":3,"name":"Europe"}`, "0.00", "list_job_regions"},
		{"GET", "/v1/jobs/company-types", "", `"Recruiter"`, "0.00", "list_job_company_types"},
		{"GET", "/v1/jobs/industries", "", `"Logistics"`, "0.00", "list_job_industries"},
		{"POST", "/v1/ads/google-ads-search", `{"company_domain":"acme.example","limit":2}`, `"ads_count":2`, "2.00", "search_google_ads"},
		{"POST", "/v1/ads/meta-ads-search", `{"company_domain":"acme.example","limit":2}`, `"ads_count":2`, "2.00", "search_meta_ads"},
		{"POST", "/v1/ads/b2b-ads-search", `{"company_domain":"acme.example","limit":2}`, `"ads_count":2`, "3.00", "search_b2b_ads"},
		{"POST", "/v1/ads/b2b-ads-details", `{"ad_url":"https://ads.example/detail/12"}`, `"ad_id":"12"`, "2.00", "get_b2b_ad_details"},
		{"GET", "/v1/analytics/dashboard", "", `"rate_limit"`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/usage?days=7", "", `"days":7`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/products", "", `"days":30`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/credits", "", `"period"`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/daily", "", `"daily"`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/summary?start_date=2026-01-01", "", `"total_credits"`, "0.00", "get_account_analytics"},
		{"GET", "/v1/analytics/day/2026-11-01", "", `"date":"2026-11-01"`, "0.00", "get_account_analytics"},
		{"POST", "/v1/batch/preview-cost", `{"items":[{"product":"email_validation"},{"product":"mobile_finder"}]}`, `"totalCredits":5.25`, "0.00", "preview_cost"},
		{"POST", "/v3/people/search", `{"company_domain":"acme.example","limit":3,"include_mobile":true,"include_email":true}`, `"has_more"`, "21.00", "search_people"},
		{"POST", "/v3/companies/search", `{"query":"logistics","limit":2}`, `"companies":[{`, "2.00", "search_companies"},
		{"POST", "/v3/companies/lookalike", `{"description":"logistics"}`, `"companies":[{`, "5.00", "find_lookalike_companies"},
		{"POST", "/v3/jobs/search", `{"query":"engineer","limit":2}`, `"jobs":[{`, "2.00", "search_jobs"},
		{"POST", "/v3/jobs-search", `{"query":"engineer","limit":2}`, `"jobs":[{`, "2.00", "search_jobs"},
		{"POST", "/v3/jobs/search/resolve", `{"query":"engineer"}`, `"titles":["engineer"]`, "0.00", "resolve_job_search_filters"},
		{"GET", "/v3/jobs/search/catalogs", "", `"industries"`, "0.00", "get_job_search_catalogs"},
		{"GET", "/v3/jobs/search/job-board/stats", "", `"industries"`, "0.00", "get_job_search_catalogs"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			before, calls := s.Balance(), s.CallCount()
			got := send(t, s, request{method: test.method, path: test.path, body: test.body})
			if got.status != 200 || !strings.Contains(got.body, test.want) {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if !strings.Contains(got.body, "invented") {
				t.Errorf("the answer does not say that it is invented: %s", got.body)
			}
			if cost := got.header.Get("X-Credits-Cost"); cost != test.cost {
				t.Errorf("X-Credits-Cost = %s, want %s", cost, test.cost)
			}
			cost, err := strconv.ParseFloat(test.cost, 64)
			if err != nil {
				t.Fatal(err)
			}
			if left, _ := strconv.ParseFloat(got.header.Get("X-Credits-Remaining"), 64); left != s.Balance() || diff(before, left) != cost {
				t.Errorf("X-Credits-Remaining = %v, balance %v, before %v", left, s.Balance(), before)
			}
			all := s.Calls()
			if last := all[len(all)-1]; s.CallCount() != calls+1 || last.Tool != test.tool || last.Upstream != "rest" || last.Credits != cost {
				t.Errorf("%d calls, last %+v", s.CallCount()-calls, last)
			}
		})
	}
}

// diff is a difference of credits, to the hundredth.
func diff(before, after float64) float64 {
	return float64(int64((before-after)*100+0.5)) / 100
}

func TestRESTHeaders(t *testing.T) {
	s := start(t, faults.Options{})
	first := send(t, s, request{method: "GET", path: "/v1/credits"}).header
	second := send(t, s, request{method: "GET", path: "/v1/credits"}).header
	if a, b := first.Get("X-Request-Id"), second.Get("X-Request-Id"); a == "" || a == b {
		t.Errorf("request ids %q and %q", a, b)
	}
	if first.Get("RateLimit-Limit") != "600" || first.Get("X-RateLimit-Limit") != "600" {
		t.Errorf("limits: %v", first)
	}
	// The minute may turn between two requests.
	if a, b := first.Get("RateLimit-Remaining"), second.Get("RateLimit-Remaining"); a != "599" || b != "598" && b != "599" {
		t.Errorf("remaining: %s, %s", a, b)
	}
	if reset, err := strconv.Atoi(first.Get("RateLimit-Reset")); err != nil || reset < 1 || reset > 60 {
		t.Errorf("v1 resets in %v seconds", first.Get("RateLimit-Reset"))
	}
	v3 := send(t, s, request{method: "GET", path: "/v3/jobs/search/tags"}).header
	if reset, err := strconv.ParseInt(v3.Get("RateLimit-Reset"), 10, 64); err != nil || reset < time.Now().Unix() {
		t.Errorf("v3 resets at %v", v3.Get("RateLimit-Reset"))
	}
	lookalike := send(t, s, request{method: "POST", path: "/v3/companies/lookalike", body: `{"description":"x"}`}).header
	if got := lookalike.Get("X-Credits-Consumed"); got != "5.00" {
		t.Errorf("X-Credits-Consumed = %q", got)
	}
}

func TestRESTRefusals(t *testing.T) {
	noKey := map[string]string{"X-API-Key": ""}
	for _, test := range []struct {
		what  string
		q     request
		want  int
		code  string
		param string
	}{
		{"no key", request{method: "GET", path: "/v1/credits", header: noKey}, 401, "missing_authentication", ""},
		{"the MCP header", request{method: "GET", path: "/v1/credits", header: map[string]string{"X-API-Key": "", "x-leadmagic-key": sandbox.Key}}, 401, "missing_authentication", ""},
		{"a wrong key", request{method: "GET", path: "/v1/credits", header: map[string]string{"X-API-Key": "lm_canary_5f1c0e9a7b3d2468"}}, 401, "invalid_api_key", ""},
		{"a missing field", request{method: "POST", path: "/v1/people/email-validation", body: `{}`}, 400, "missing_required_field", "email"},
		{"an empty field", request{method: "POST", path: "/v1/people/email-validation", body: `{"email":""}`}, 400, "missing_required_field", "email"},
		{"no field of a group", request{method: "POST", path: "/v1/people/mobile-finder", body: `{}`}, 400, "missing_required_field", "profile_url"},
		{"a wrong type", request{method: "POST", path: "/v1/people/email-validation", body: `{"email":1}`}, 400, "invalid_parameter", "email"},
		{"out of bounds", request{method: "POST", path: "/v1/people/employee-finder", body: `{"company_name":"a","limit":101}`}, 400, "invalid_parameter", "limit"},
		{"too many days", request{method: "GET", path: "/v1/analytics/usage?days=91"}, 400, "invalid_parameter", "days"},
		{"days that are none", request{method: "GET", path: "/v1/analytics/usage?days=x"}, 400, "invalid_parameter", ""},
		{"a day that is none", request{method: "GET", path: "/v1/analytics/day/today"}, 400, "invalid_parameter", "date"},
		{"a broken body", request{method: "POST", path: "/v1/people/email-validation", body: `{"email":`}, 400, "invalid_json", ""},
		{"two bodies", request{method: "POST", path: "/v1/people/email-validation", body: `{} {}`}, 400, "invalid_json", ""},
		{"an array", request{method: "POST", path: "/v1/people/email-validation", body: `[]`}, 400, "invalid_json", ""},
		{"another content type", request{method: "POST", path: "/v1/people/email-validation", body: `{}`, header: map[string]string{"Content-Type": "text/plain"}}, 400, "invalid_json", ""},
		{"the app's preview", request{method: "POST", path: "/v3/people/search", body: `{"preview":true}`}, 403, "insufficient_permissions", "preview"},
		{"too few credits", request{method: "POST", path: "/v1/people/b2b-profile", body: `{"work_email":"a@b.example"}`}, 402, "insufficient_credits", ""},
		{"an unknown route", request{method: "GET", path: "/v1/people"}, 404, "resource_not_found", ""},
		{"a wrong method", request{method: "GET", path: "/v1/people/email-finder"}, 405, "method_not_allowed", ""},
		{"a wrong method of a route with a parameter", request{method: "POST", path: "/v1/analytics/day/2026-11-01"}, 405, "method_not_allowed", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := start(t, faults.Options{Credits: 3})
			got := send(t, s, test.q)
			if got.status != test.want || got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("got %d %s %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			body := decode(t, got.body)
			problem := body["errors"].([]any)[0].(map[string]any)
			if body["success"] != false || problem["code"] != test.code || problem["status"] != float64(test.want) || problem["detail"] == "" {
				t.Errorf("problem = %v", problem)
			}
			if params, _ := problem["param"].([]any); test.param != "" && (len(params) == 0 || params[0] != test.param) {
				t.Errorf("param = %v, want %s", problem["param"], test.param)
			}
			if id := body["meta"].(map[string]any)["request_id"]; id != got.header.Get("X-Request-Id") {
				t.Errorf("request_id = %v", id)
			}
			if test.want == 402 {
				if context := problem["context"].(map[string]any); context["credits_required"] != 10.0 || context["credits_available"] != 3.0 || context["credits_needed"] != 7.0 {
					t.Errorf("context = %v", context)
				}
			}
			if s.CallCount() != 0 || s.Balance() != 3 || strings.Contains(got.body, "canary") {
				t.Errorf("%d calls, balance %v, %s", s.CallCount(), s.Balance(), got.body)
			}
		})
	}
}

func TestRESTTakesABearerToken(t *testing.T) {
	s := start(t, faults.Options{})
	got := send(t, s, request{method: "GET", path: "/v1/credits", header: map[string]string{"X-API-Key": "", "Authorization": "Bearer " + sandbox.Key}})
	if got.status != http.StatusOK {
		t.Errorf("status = %d", got.status)
	}
}

func TestSearchesHavePages(t *testing.T) {
	s := start(t, faults.Options{})
	seen, cursor, pages := map[string]bool{}, "", 0
	var total float64
	for {
		body := `{"query":"logistics","limit":7`
		if cursor != "" {
			body += `,"cursor":"` + cursor + `"`
		}
		got := decode(t, send(t, s, request{method: "POST", path: "/v3/companies/search", body: body + "}"}).body)
		for _, row := range got["companies"].([]any) {
			seen[mustMarshal(t, row)] = true
		}
		pages++
		total = got["count"].(float64)
		if got["has_more"] != true {
			break
		}
		cursor = got["next_cursor"].(string)
	}
	if pages != (int(total)+6)/7 || len(seen) < int(total)-2 { // two companies may share a name
		t.Errorf("%d different rows of %v in %d pages", len(seen), total, pages)
	}
	if s.Balance() != 1000-total {
		t.Errorf("balance = %v after %v rows", s.Balance(), total)
	}
}

func TestACallIsRecorded(t *testing.T) {
	s := start(t, faults.Options{})
	const body = `{"email":"a@b.example",  "unknown":9007199254740993.0}`
	if got := send(t, s, request{method: "POST", path: "/v1/people/email-validation", body: body}); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := string(s.Calls()[0].Args); got != `{"email":"a@b.example","unknown":9007199254740993.0}` {
		t.Errorf("args = %s", got)
	}
	r := s.Requests()[0]
	if string(r.Body) != body || r.Header.Get("X-Api-Key") != sandbox.Key || r.Path != "/v1/people/email-validation" || r.Method != "POST" {
		t.Errorf("request = %+v", r)
	}
}

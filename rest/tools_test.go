package rest_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// routes are calls and what LeadMagic is to get of them, at least one for each tool.
var routes = []struct {
	name, tool, args  string
	method, uri, body string
}{
	{"the balance", "check_credits", ``, "GET", "/v1/credits", ``},
	{"the balance by its hosted name", "check_credit_balance", `{}`, "GET", "/v1/credits", ``},
	{"the balance by its oldest name", "get_credits", `{}`, "GET", "/v1/credits", ``},
	{"a report without a name is the dashboard", "get_account_analytics", `{}`, "GET", "/v1/analytics/dashboard", ``},
	{"a report of some days", "get_account_analytics", `{"report":"usage","days":7}`, "GET", "/v1/analytics/usage?days=7", ``},
	{"a whole number may be written as a fraction", "get_account_analytics", `{"report":"products","days":7.0}`, "GET", "/v1/analytics/products?days=7", ``},
	{"a report without days leaves them to LeadMagic", "get_account_analytics", `{"report":"credits"}`, "GET", "/v1/analytics/credits", ``},
	{"the daily report", "get_account_analytics", `{"report":"daily","days":90}`, "GET", "/v1/analytics/daily?days=90", ``},
	{
		"a report between dates", "get_account_analytics", `{"report":"summary","start_date":"2026-01-01","end_date":"2026-01-31"}`,
		"GET", "/v1/analytics/summary?end_date=2026-01-31&start_date=2026-01-01", ``,
	},
	{"query values are escaped", "get_account_analytics", `{"report":"summary","start_date":"a&b=c#d"}`, "GET", "/v1/analytics/summary?start_date=a%26b%3Dc%23d", ``},
	{"the report of one day", "get_account_analytics", `{"report":"day","date":"2026-01-31"}`, "GET", "/v1/analytics/day/2026-01-31", ``},
	{"a path value reaches no other path", "get_account_analytics", `{"report":"day","date":"../../credits"}`, "GET", "/v1/analytics/day/..%2F..%2Fcredits", ``},
	{"a path value reaches no other host", "get_account_analytics", `{"report":"day","date":"//evil.example/x"}`, "GET", "/v1/analytics/day/%2F%2Fevil.example%2Fx", ``},
	{"a path value adds no query", "get_account_analytics", `{"report":"day","date":"x?a=b#c"}`, "GET", "/v1/analytics/day/x%3Fa=b%23c", ``},
	{"control characters in a path are escaped", "get_account_analytics", `{"report":"day","date":"a\r\nX-Evil: 1"}`, "GET", "/v1/analytics/day/a%0D%0AX-Evil:%201", ``},
	{
		"a preview of costs", "preview_cost", `{"items":[{"product":"email_finder","input":{"full_name":"Ada"}}],"metadata":{"n":9007199254740993}}`,
		"POST", "/v1/batch/preview-cost", `{"items":[{"product":"email_finder","input":{"full_name":"Ada"}}],"metadata":{"n":9007199254740993}}`,
	},

	{"an email to validate", "validate_work_email", `{"email":"ada@acme.com"}`, "POST", "/v1/people/email-validation", `{"email":"ada@acme.com"}`},
	{"a malformed email is LeadMagic's to judge", "validate_work_email", `{"email":"ada at acme"}`, "POST", "/v1/people/email-validation", `{"email":"ada at acme"}`},
	{"an email by its older name", "validate_email", `{"email":"ada@acme.com"}`, "POST", "/v1/people/email-validation", `{"email":"ada@acme.com"}`},
	{
		"a work email by full name", "find_work_email", `{"full_name":"Ada Lovelace","domain":"acme.com"}`,
		"POST", "/v1/people/email-finder", `{"full_name":"Ada Lovelace","domain":"acme.com"}`,
	},
	{
		"arguments that stand for nothing are left out", "find_work_email",
		`{"first_name":"Ada","last_name":null,"full_name":"","domain":"  ","company_name":"Acme"}`,
		"POST", "/v1/people/email-finder", `{"first_name":"Ada","company_name":"Acme"}`,
	},
	{
		"letters and control characters arrive as they were written", "find_work_email", `{"full_name":"Åsa \u0000\ud83d\ude00 <b>&","domain":"acme.com"}`,
		"POST", "/v1/people/email-finder", `{"full_name":"Åsa \u0000\ud83d\ude00 <b>&","domain":"acme.com"}`,
	},
	{"personal emails", "find_personal_email", `{"profile_url":"ada-l"}`, "POST", "/v1/people/personal-email-finder", `{"profile_url":"ada-l"}`},
	{"a work email by profile", "b2b_profile_to_work_email", `{"profile_url":"ada-l"}`, "POST", "/v1/people/b2b-profile-email", `{"profile_url":"ada-l"}`},
	{"a work email by its older name", "linkedin_profile_to_work_email", `{"profile_url":"ada-l"}`, "POST", "/v1/people/b2b-profile-email", `{"profile_url":"ada-l"}`},
	{"a profile", "search_profile", `{"profile_url":"https://profiles.example/in/ada-l"}`, "POST", "/v1/people/profile-search", `{"profile_url":"https://profiles.example/in/ada-l"}`},
	{"a profile by email", "email_to_b2b_profile", `{"personal_email":"ada@home.example"}`, "POST", "/v1/people/b2b-profile", `{"personal_email":"ada@home.example"}`},
	{
		"a mobile number", "find_mobile_number", `{"profile_url":"ada-l","work_email":"ada@acme.com"}`,
		"POST", "/v1/people/mobile-finder", `{"profile_url":"ada-l","work_email":"ada@acme.com"}`,
	},
	{
		"a job change", "detect_job_change", `{"profile_url":"ada-l","company_domain":"acme.com"}`,
		"POST", "/v1/people/job-change-detector", `{"profile_url":"ada-l","company_domain":"acme.com"}`,
	},
	{
		"a role", "find_people_by_role", `{"job_title":"CEO","company_domain":"acme.com"}`,
		"POST", "/v1/people/role-finder", `{"job_title":"CEO","company_domain":"acme.com"}`,
	},
	{
		"employees", "find_company_employees", `{"company_domain":"acme.com","limit":3}`,
		"POST", "/v1/people/employee-finder", `{"company_domain":"acme.com","limit":3}`,
	},
	{"employees without a limit", "find_company_employees", `{"company_name":"Acme"}`, "POST", "/v1/people/employee-finder", `{"company_name":"Acme"}`},
	{
		"people", "search_people", `{"titles":["CEO"],"company_filters":{"country_codes":["US"]},"limit":2,"include_company":false}`,
		"POST", "/v3/people/search", `{"company_filters":{"country_codes":["US"]},"titles":["CEO"],"include_company":false,"limit":2}`,
	},
	{"a long page without a cursor", "search_people", `{"query":"CEO","limit":51}`, "POST", "/v3/people/search", `{"query":"CEO","limit":51}`},
	{"a page with a cursor", "search_people", `{"cursor":"abc","limit":50}`, "POST", "/v3/people/search", `{"limit":50,"cursor":"abc"}`},

	{"a company", "enrich_company", `{"company_domain":"acme.com"}`, "POST", "/v1/companies/company-search", `{"company_domain":"acme.com"}`},
	{"funding", "find_company_funding", `{"company_name":"Acme"}`, "POST", "/v1/companies/company-funding", `{"company_name":"Acme"}`},
	{"competitors", "list_company_competitors", `{"company_url":"acme"}`, "POST", "/v1/companies/competitors-search", `{"company_url":"acme"}`},
	{"technologies", "get_company_technographics", `{"company_domain":"acme.com"}`, "POST", "/v1/companies/technographics", `{"company_domain":"acme.com"}`},
	{"companies", "search_companies", `{"query":"robots","limit":5}`, "POST", "/v3/companies/search", `{"query":"robots","limit":5}`},
	{
		"similar companies", "find_lookalike_companies", `{"company_domain":"acme.com","offset":25}`,
		"POST", "/v3/companies/lookalike", `{"company_domain":"acme.com","offset":25}`,
	},

	{
		"jobs", "find_jobs", `{"company_name":"Acme","experience_level":"senior","has_remote":true,"posted_after":"2026-05-01","page":2,"per_page":5}`,
		"POST", "/v1/jobs/jobs-finder", `{"company_name":"Acme","experience_level":"senior","has_remote":true,"posted_after":"2026-05-01","page":2,"per_page":5}`,
	},
	{"jobs without a filter", "find_jobs", `{}`, "POST", "/v1/jobs/jobs-finder", `{}`},
	{"countries", "list_job_countries", `{}`, "GET", "/v1/jobs/countries", ``},
	{"job types", "list_job_types", `{}`, "GET", "/v1/jobs/job-types", ``},
	{"regions", "list_job_regions", `{}`, "GET", "/v1/jobs/regions", ``},
	{"company types", "list_job_company_types", `{}`, "GET", "/v1/jobs/company-types", ``},
	{"industries", "list_job_industries", `{}`, "GET", "/v1/jobs/industries", ``},
	{
		"jobs by filters", "search_jobs", `{"titles":{"include":["Engineer"]},"location":{"countries":["US",840]},"postedWithin":30,"limit":5,"totalMode":"none"}`,
		"POST", "/v3/jobs/search", `{"titles":{"include":["Engineer"]},"location":{"countries":["US",840]},"postedWithin":30,"limit":5,"totalMode":"none"}`,
	},
	{"job catalogs", "get_job_search_catalogs", `{}`, "GET", "/v3/jobs/search/catalogs", ``},
	{
		"filters to resolve", "resolve_job_search_filters", `{"tags":{"include":["kubernetes"]}}`,
		"POST", "/v3/jobs/search/resolve", `{"tags":{"include":["kubernetes"]}}`,
	},

	{"Google ads", "search_google_ads", `{"company_domain":"acme.com","limit":3}`, "POST", "/v1/ads/google-ads-search", `{"company_domain":"acme.com","limit":3}`},
	{"ads without a limit get one", "search_google_ads", `{"company_domain":"acme.com"}`, "POST", "/v1/ads/google-ads-search", `{"company_domain":"acme.com","limit":10}`},
	{"a limit that is null gets one", "search_meta_ads", `{"company_name":"Acme","limit":null}`, "POST", "/v1/ads/meta-ads-search", `{"company_name":"Acme","limit":10}`},
	{"B2B ads", "search_b2b_ads", `{"company_domain":"acme.com"}`, "POST", "/v1/ads/b2b-ads-search", `{"company_domain":"acme.com","limit":10}`},
	{"one ad", "get_b2b_ad_details", `{"ad_url":"/ad-library/detail/14366"}`, "POST", "/v1/ads/b2b-ads-details", `{"ad_url":"/ad-library/detail/14366"}`},
}

func TestACallIsOneRequest(t *testing.T) {
	for _, tt := range routes {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(200, `{"credits":1}`))
			result := call(t, connect(t, options(leadmagic.URL), nil), tt.tool, tt.args)
			if result.IsError {
				t.Fatalf("got the failure %q", text(result))
			}
			seen := leadmagic.seen()
			if len(seen) != 1 {
				t.Fatalf("got %d requests, want one", len(seen))
			}
			got := seen[0]
			if got.Method != tt.method || got.URI != tt.uri || got.Body != tt.body {
				t.Errorf("got  %s %s %s\nwant %s %s %s", got.Method, got.URI, got.Body, tt.method, tt.uri, tt.body)
			}
			contentType := ""
			if tt.method == "POST" {
				contentType = "application/json"
			}
			for name, want := range map[string]string{"X-Api-Key": canary, "Accept": "application/json", "Content-Type": contentType} {
				if value := got.Header.Get(name); value != want {
					t.Errorf("got %s: %q, want %q", name, value, want)
				}
			}
		})
	}
}

// sample is a value for a schema with text, in digits that each form of an integer may have, and whether it has any.
func sample(schema map[string]any, integer string) (value string, hasInteger bool) {
	if choice, ok := schema["anyOf"].([]any); ok {
		schema, _ = choice[len(choice)-1].(map[string]any)
	}
	switch schema["type"] {
	case "integer":
		return integer, true
	case "array":
		items, _ := schema["items"].(map[string]any)
		item, has := sample(items, integer)
		return "[" + item + "," + item + "]", has
	case "object":
		properties, _ := schema["properties"].(map[string]any)
		var members []string
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			property, _ := properties[name].(map[string]any)
			if member, has := sample(property, integer); has {
				members = append(members, strconv.Quote(name)+":"+member)
			}
		}
		return "{" + strings.Join(members, ",") + "}", members != nil
	}
	return `"x"`, false
}

// JSON Schema takes 5.0 for an integer, and models write it: LeadMagic gets 5, in each argument that is one.
func TestIntegersAreSentInDigits(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"credits":1}`))
	session := connect(t, options(leadmagic.URL), nil)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	base := make(map[string]string)
	for _, r := range routes {
		if _, ok := base[r.tool]; !ok && r.args != "" {
			base[r.tool] = r.args
		}
	}
	base["get_account_analytics"] = `{"report":"usage"}`
	tried := 0
	for _, tool := range list.Tools {
		schema, _ := tool.InputSchema.(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			want, has := sample(property.(map[string]any), "5")
			if !has {
				continue
			}
			for _, written := range []string{"5", "5.0", "5e0", "0.5E+1", "50e-1", "5.000e00"} {
				tried++
				value, _ := sample(property.(map[string]any), written)
				var args map[string]json.RawMessage
				if err := json.Unmarshal([]byte(base[tool.Name]), &args); err != nil {
					t.Fatalf("%s: %v", tool.Name, err)
				}
				args[name] = json.RawMessage(value)
				raw, _ := json.Marshal(args)
				before := len(leadmagic.seen())
				result := call(t, session, tool.Name, string(raw))
				seen := leadmagic.seen()[before:]
				if result.IsError || len(seen) != 1 {
					t.Errorf("%s with %s %s: got %d requests, %s", tool.Name, name, value, len(seen), text(result))
					continue
				}
				var sent map[string]json.RawMessage
				_ = json.Unmarshal([]byte(seen[0].Body), &sent)
				got := string(sent[name])
				if seen[0].Method == "GET" {
					got = seen[0].URI[strings.LastIndex(seen[0].URI, "=")+1:]
				} else if strings.HasPrefix(got, "{") { // in the order of the table
					var members map[string]json.RawMessage
					_ = json.Unmarshal(sent[name], &members)
					sorted, _ := json.Marshal(members)
					got = string(sorted)
				}
				if got != want {
					t.Errorf("%s with %s %s: got %s sent, want %s", tool.Name, name, value, got, want)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("got %d arguments that are integers, want those of the table", tried)
	}
}

func TestWholeNumbers(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"jobs":[]}`))
	session := connect(t, options(leadmagic.URL), nil)
	for _, tt := range []struct{ given, sent string }{ // sent is empty for what is refused
		{"0", "0"},
		{"-0", "0"},
		{"0.0", "0"},
		{"0e999", "0"},
		{"-7.0", "-7"},
		{"1E2", "100"},
		{"1200e-2", "12"},
		{"0.001e3", "1"},
		{"100", "100"},
		{"9007199254740993", "9007199254740993"},
		{"9007199254740993.0", "9007199254740993"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"1e39", "1" + strings.Repeat("0", 39)},
		{"1e41", ""},
		{"1e999999999", ""},
		{"1e99999999999999999999", ""},
		{"1.5", ""},
		{"15e-1", ""},
		{"1e-1", ""},
		{"1e-99999999999999999999", ""},
		{"1.00000000000000000000000001", ""},
	} {
		before := len(leadmagic.seen())
		result := call(t, session, "search_jobs", `{"jobTypeIds":[`+tt.given+`],"location":{"countries":[`+tt.given+`]}}`)
		seen := leadmagic.seen()[before:]
		if tt.sent == "" {
			if !result.IsError || len(seen) != 0 || !strings.Contains(text(result), "jobTypeIds[0] ") || !strings.Contains(text(result), "location.countries[0] ") {
				t.Errorf("%s: got %v, want it refused", tt.given, seen)
			}
			continue
		}
		if want := `{"jobTypeIds":[` + tt.sent + `],"location":{"countries":[` + tt.sent + `]}}`; len(seen) != 1 || !sameMembers(seen[0].Body, want) {
			t.Errorf("%s: got %v, want %s", tt.given, seen, want)
		}
	}
}

// sameMembers reports whether two objects have the same members, in whatever order.
func sameMembers(a, b string) bool {
	var one, other map[string]json.RawMessage
	return json.Unmarshal([]byte(a), &one) == nil && json.Unmarshal([]byte(b), &other) == nil &&
		maps.EqualFunc(one, other, func(x, y json.RawMessage) bool { return string(x) == string(y) })
}

func TestEachToolHasARoute(t *testing.T) {
	called := make(map[string]bool)
	for _, tt := range routes {
		called[tt.tool] = true
	}
	for _, tool := range rest.Tools() {
		if !called[tool.Name] {
			t.Errorf("no test calls %s", tool.Name)
		}
	}
}

func TestABaseURLMayHaveAPathAndAQuery(t *testing.T) {
	tests := []struct{ base, args, want string }{
		{"", `{"report":"usage"}`, "/v1/analytics/usage"},
		{"/gateway/", `{"report":"usage","days":7}`, "/gateway/v1/analytics/usage?days=7"},
		{"/?tenant=a", `{"report":"usage"}`, "/v1/analytics/usage?tenant=a"},
		{"/gateway?tenant=a", `{"report":"usage","days":7}`, "/gateway/v1/analytics/usage?tenant=a&days=7"},
		{"/gateway", `{"report":"day","date":"../%2e"}`, "/gateway/v1/analytics/day/..%2F%252e"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			leadmagic := newServer(t, says(200, `{}`))
			call(t, connect(t, options(leadmagic.URL+tt.base), nil), "get_account_analytics", tt.args)
			if got := leadmagic.seen(); len(got) != 1 || got[0].URI != tt.want {
				t.Errorf("got %v, want one request for %s", got, tt.want)
			}
		})
	}
}

func TestAnUnknownToolIsAnError(t *testing.T) {
	leadmagic := newServer(t, says(200, `{}`))
	session := connect(t, options(leadmagic.URL), nil)
	for _, name := range []string{"find_everything", "", "../credits", "check_credits "} {
		if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: name}); err == nil {
			t.Errorf("calling %q: got no error", name)
		}
	}
	if got := leadmagic.seen(); len(got) != 0 {
		t.Errorf("got the requests %v, want none", got)
	}
}

package rest_test

import (
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestWrongArgumentsAreNamedAndNothingIsSent(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	tests := []struct {
		name, tool, args string
		want             []string
	}{
		{"a needed argument is missing", "validate_work_email", `{}`, []string{"email is missing"}},
		{"null is no argument", "validate_work_email", `{"email":null}`, []string{"email is missing"}},
		{"an empty text is no argument", "find_people_by_role", `{"job_title":" ","company_name":"Acme"}`, []string{"job_title is missing"}},
		{"no arguments at all", "find_work_email", ``, []string{"full_name or first_name is missing", "domain or company_name is missing", "find_work_email takes first_name, last_name, full_name, domain, company_name"}},
		{"one of two is missing", "find_work_email", `{"first_name":"Ada"}`, []string{"domain or company_name is missing"}},
		{"one of three is missing", "find_mobile_number", `{"work_email":""}`, []string{"profile_url or work_email or personal_email is missing"}},
		{"a number where text is due", "validate_work_email", `{"email":5}`, []string{"email must be text, not a number"}},
		{"text where a number is due", "search_google_ads", `{"company_name":"Acme","limit":"ten"}`, []string{"limit must be a whole number, not text"}},
		{"a fraction where a whole number is due", "search_google_ads", `{"company_name":"Acme","limit":1.5}`, []string{"limit must be a whole number, not a fraction"}},
		{"a number where a choice is due", "find_jobs", `{"has_remote":1}`, []string{"has_remote must be true or false, not a number"}},
		{"a text where a list is due", "search_people", `{"titles":"CEO"}`, []string{"titles must be a list, not text"}},
		{"a list where an object is due", "search_people", `{"company_filters":[]}`, []string{"company_filters must be an object, not a list"}},
		{"an object where text is due", "enrich_company", `{"company_domain":{"a":1}}`, []string{"company_domain must be text, not an object"}},
		{"a wrong item is named by its place", "search_people", `{"titles":["CEO",7]}`, []string{"titles[1] must be text, not a number"}},
		{"a wrong field in an object is named by its path", "search_jobs", `{"location":{"countries":[true]}}`, []string{"location.countries[0] must be text or a whole number, not true or false"}},
		{"a null in an object", "search_jobs", `{"titles":{"include":null}}`, []string{"titles.include must be a list, not null"}},
		{"an unknown field in an object", "search_jobs", `{"titles":{"any":["CEO"]}}`, []string{"titles.any is not an argument"}},
		{"an item that lacks its kind", "preview_cost", `{"items":["email_finder"]}`, []string{"items[0] must be an object, not text"}},
		{"too small a number", "search_meta_ads", `{"company_name":"Acme","limit":0}`, []string{"limit must be at least 1"}},
		{"a negative number", "find_jobs", `{"per_page":-1}`, []string{"per_page must be at least 1"}},
		{"too large a number", "search_meta_ads", `{"company_name":"Acme","limit":101}`, []string{"limit must be at most 100"}},
		{"a number beyond all numbers", "find_jobs", `{"per_page":1e999}`, []string{"per_page must be at most 50"}},
		{"too many days", "get_account_analytics", `{"report":"usage","days":91}`, []string{"days must be at most 90"}},
		{"too long a list", "search_people", `{"titles":["1","2","3","4","5","6","7","8","9","10","11","12","13"]}`, []string{"titles must have a length of at most 12"}},
		{"an empty list where one item is due", "preview_cost", `{"items":[]}`, []string{"items must have a length of at least 1"}},
		{"a text that is not one of a few", "find_jobs", `{"experience_level":"boss"}`, []string{"experience_level must be one of entry, mid, senior, executive"}},
		{"a report that there is not", "get_account_analytics", `{"report":"../credits"}`, []string{"report must be one of dashboard, usage"}},
		{"an unknown argument", "check_credits", `{"verbose":true}`, []string{"verbose is not an argument", "check_credits takes no arguments"}},
		{"preview is never sent", "search_people", `{"query":"CEO","preview":true}`, []string{"preview is for LeadMagic's own app and is never sent"}},
		{"a name that is no word is quoted", "check_credits", `{"a b\n\u001b[31m":1,"":2}`, []string{`"a b" is not an argument`, `"" is not an argument`}},
		{"the older offset is not offered", "search_people", `{"offset":25}`, []string{"offset is not an argument"}},
		{"a long page with a cursor", "search_people", `{"cursor":"abc","limit":51}`, []string{"limit must be at most 50 with cursor"}},
		{"dates in the wrong order", "find_jobs", `{"posted_after":"2026-05-02","posted_before":"2026-05-01"}`, []string{"posted_after must not be after posted_before"}},
		{"salaries in the wrong order", "search_jobs", `{"salary":{"min_usd":200000,"max_usd":100000}}`, []string{"salary.min_usd must not be more than salary.max_usd"}},
		{"sizes in the wrong order", "find_jobs", `{"min_employees":100,"max_employees":10}`, []string{"min_employees must not be more than max_employees"}},
		{"days for a report of one day", "get_account_analytics", `{"report":"day","date":"2026-01-31","days":7}`, []string{"days is for the report usage, products, credits or daily, not for day"}},
		{"a date without its report", "get_account_analytics", `{"date":"2026-01-31"}`, []string{"date is for the report day, not for dashboard"}},
		{"a first day without its report", "get_account_analytics", `{"report":"usage","start_date":"2026-01-31"}`, []string{"start_date is for the report summary, not for usage"}},
		{"a last day without its report", "get_account_analytics", `{"report":"usage","end_date":"2026-01-31"}`, []string{"end_date is for the report summary, not for usage"}},
		{
			"a field with two faults is named once", "get_account_analytics", `{"report":"usage","start_date":"2026-02-01","end_date":"2026-01-01"}`,
			[]string{"start_date must not be after end_date", "next: correct start_date, end_date and call again"},
		},
		{"a report without its date", "get_account_analytics", `{"report":"day"}`, []string{"date is missing"}},
		{"a date that is empty", "get_account_analytics", `{"report":"day","date":""}`, []string{"date is missing"}},
		{"a date that is the folder itself", "get_account_analytics", `{"report":"day","date":"."}`, []string{"date must not be . or .."}},
		{"a date that is the folder above", "get_account_analytics", `{"report":"day","date":".."}`, []string{"date must not be . or .."}},
		{"a megabyte in a path", "get_account_analytics", `{"report":"day","date":"` + big + `"}`, []string{"date must not be longer than 200 bytes"}},
		{"a megabyte in a query", "get_account_analytics", `{"report":"summary","start_date":"` + big + `"}`, []string{"start_date must not be longer than 200 bytes"}},
		{"a megabyte as a name", "check_credits", `{"` + big + `":1}`, []string{"check_credits was not sent: " + strings.Repeat("x", 39) + "… is not an argument"}},
		{"a megabyte of wrong items", "search_jobs", `{"jobTypeIds":["` + strings.Repeat(`","`, 1<<18) + `"]}`, []string{"jobTypeIds[0] must be a whole number", "and more"}},
		{"arguments that are a list", "check_credits", `[1]`, []string{"arguments must be an object"}},
		{"arguments that are text", "check_credits", `"x"`, []string{"arguments must be an object"}},
		{
			"as many faults as are named", "check_credits", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}`,
			[]string{"g is not an argument; h is not an argument\n"},
		},
		{
			"one more", "check_credits", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`,
			[]string{"h is not an argument; and more\n"},
		},
		{
			"every fault is named", "find_jobs", `{"page":0,"per_page":99,"colour":"red","has_remote":"no"}`,
			[]string{"colour is not an argument", "has_remote must be", "page must be at least 1", "per_page must be at most 50", "correct colour, has_remote, page, per_page and call again"},
		},
	}
	leadmagic := newServer(t, says(200, `{"credits":1}`))
	session := connect(t, options(leadmagic.URL), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(leadmagic.seen())
			result := call(t, session, tt.tool, tt.args)
			if !result.IsError {
				t.Fatalf("got the result %q, want a failure", text(result))
			}
			got := text(result)
			for _, want := range append(tt.want, tt.tool+" was not sent: ", "the agent can fix this", "no credits were used") {
				if !strings.Contains(got, want) {
					t.Errorf("got %.500q, want it to say %q", got, want)
				}
			}
			if lines := strings.Count(got, "\n") + 1; lines != 3 {
				t.Errorf("got %d lines, want 3", lines)
			}
			if len(got) > 4000 {
				t.Errorf("got %d bytes, want what can be read", len(got))
			}
			if used := usage(t, result).CreditsUsed; used != "0" {
				t.Errorf("got %q credits used, want 0", used)
			}
			if n := len(leadmagic.seen()) - before; n != 0 {
				t.Errorf("got %d requests, want none", n)
			}
		})
	}
}

func TestALongArgumentIsSentWhole(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"email":null,"credits_consumed":0}`))
	session := connect(t, options(leadmagic.URL), nil)
	args := `{"full_name":"` + strings.Repeat("é", 1<<19) + `","domain":"acme.com"}`
	call(t, session, "find_work_email", args)
	if got := leadmagic.seen(); len(got) != 1 || got[0].Body != args {
		t.Errorf("got %d requests, or another body than the megabyte that was given", len(got))
	}
}

func TestArgumentsOfNullAreNone(t *testing.T) {
	leadmagic := newServer(t, says(200, `{"credits":1}`))
	session := connect(t, options(leadmagic.URL), nil)
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "check_credits", Arguments: nil})
	if err != nil || result.IsError {
		t.Errorf("got %v, %v, want the balance", result, err)
	}
}

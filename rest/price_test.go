package rest_test

import (
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

func TestCostsAreTheWorstCase(t *testing.T) {
	tests := []struct {
		name, tool, args string
		rest             float64
		restKnown        bool
		hosted           float64
		hostedKnown      bool
	}{
		{"a free tool", "check_credits", `{}`, 0, true, 0, true},
		{"a free tool by its hosted name", "check_credit_balance", ``, 0, true, 0, true},
		{"a free tool with arguments of the hosted server", "preview_cost", `{"volume":5}`, 0, true, 0, true},
		{"a flat price", "email_to_b2b_profile", `{"work_email":"a@b.c"}`, 10, true, 10, true},
		{"a fraction", "validate_work_email", `{"email":"a@b.c"}`, 0.25, true, 0.25, true},
		{"an alias", "linkedin_profile_to_work_email", `{"profile_url":"ada"}`, 5, true, 5, true},
		{"rows by their limit", "find_company_employees", `{"company_name":"Acme","limit":3}`, 0.15, true, 0.15, true},
		{"rows without a limit", "find_company_employees", `{"company_name":"Acme"}`, 0.5, true, 0, false},
		{"ads by their limit", "search_google_ads", `{"company_name":"Acme","limit":100}`, 100, true, 100, true},
		{"ads without a limit", "search_meta_ads", `{"company_name":"Acme"}`, 10, true, 0, false},
		{"ads with a base price", "search_b2b_ads", `{"company_name":"Acme","limit":5}`, 6, true, 6, true},
		{"jobs by their page", "find_jobs", `{"per_page":7}`, 7, true, 7, true},
		{"jobs without a page size", "find_jobs", `{}`, 20, true, 0, false},
		{"a limit written as a fraction", "search_jobs", `{"limit":5.0}`, 5, true, 5, true},
		{"a flat price with a limit", "find_lookalike_companies", `{"company_name":"Acme","limit":2000}`, 5, true, 5, true},
		{"people", "search_people", `{"limit":10}`, 10, true, 10, true},
		{"people without a limit", "search_people", `{}`, 25, true, 0, false},
		{"people with all details", "search_people", `{"limit":10,"include_contact_details":true}`, 70, true, 70, true},
		{"people with emails", "search_people", `{"limit":10,"include_contact_details":true,"include_email":true}`, 20, true, 20, true},
		{"people with mobile numbers", "search_people", `{"limit":10,"include_mobile":true}`, 60, true, 60, true},
		{"people with both", "search_people", `{"limit":1,"include_email":true,"include_mobile":true}`, 7, true, 7, true},
		{"people with neither", "search_people", `{"limit":10,"include_contact_details":true,"include_email":false,"include_mobile":false}`, 10, true, 10, true},
		{"arguments that are refused", "search_google_ads", `{"company_name":"Acme","limit":"100"}`, 0, true, 0, false},
		{"arguments that are not in the table", "search_profile", `{"profile_url":"ada","extended":true}`, 0, true, 0, false},
		{"arguments that are no object", "search_profile", `[]`, 0, true, 0, false},
		{"a tool that is not in the table", "run_sheet_column", `{}`, 0, false, 0, false},
	}
	cost := rest.Costs()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, known := cost(tt.tool, []byte(tt.args), false); got.Float() != tt.rest || known != tt.restKnown {
				t.Errorf("over REST: got %v, %v, want %v, %v", got, known, tt.rest, tt.restKnown)
			}
			if got, known := cost(tt.tool, []byte(tt.args), true); got.Float() != tt.hosted || known != tt.hostedKnown {
				t.Errorf("hosted: got %v, %v, want %v, %v", got, known, tt.hosted, tt.hostedKnown)
			}
		})
	}
}

// The prices of LeadMagic, as published in September 2026, of the first call in routes of each tool.
func TestEachToolHasItsPrice(t *testing.T) {
	prices := map[string]float64{
		"validate_work_email": 0.25, "find_work_email": 1, "find_personal_email": 2, "b2b_profile_to_work_email": 5, "search_profile": 1,
		"email_to_b2b_profile": 10, "find_mobile_number": 5, "detect_job_change": 3, "find_people_by_role": 2,
		"find_company_employees": 0.15, "search_people": 2,
		"enrich_company": 1, "find_company_funding": 4, "list_company_competitors": 5, "get_company_technographics": 1,
		"search_companies": 5, "find_lookalike_companies": 5, "find_jobs": 5, "search_jobs": 5,
		"search_google_ads": 3, "search_meta_ads": 10, "search_b2b_ads": 11, "get_b2b_ad_details": 2,
	}
	args := make(map[string]string)
	for _, r := range routes {
		if _, ok := args[r.tool]; !ok {
			args[r.tool] = r.args
		}
	}
	cost := rest.Costs()
	for _, tool := range rest.Tools() {
		got, known := cost(tool.Name, []byte(args[tool.Name]), false)
		if want := prices[tool.Name]; !known || got.Float() != want || tool.Free() != (want == 0) {
			t.Errorf("%s: got %v credits, known %v, free %v, want %v", tool.Name, got, known, tool.Free(), want)
		}
	}
}

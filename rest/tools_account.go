package rest

import (
	"net/http"
	"slices"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// The reports of get_account_analytics, and which of them take days.
var (
	reports       = []string{"dashboard", "usage", "products", "credits", "daily", "summary", "day"}
	periodReports = reports[1:5]
)

func accountTools() []tool {
	return []tool{
		{
			name: problem.BalanceTool, title: "Check credits", aliases: []string{problem.OlderBalanceTool, "get_credits"},
			method: http.MethodGet, path: "/v1/credits",
			what: "Show how many LeadMagic credits are left. Needs nothing. Call it before a series of paid calls, and after a call whose outcome is unknown.",
		},
		{
			name: "get_account_analytics", title: "Account analytics",
			method: http.MethodGet, path: "/v1/analytics/{report}",
			what: "Report on the account's usage. dashboard shows credits, rate limits and concurrency now; usage, products, credits and daily cover the last days; summary covers the lifetime or the time between two dates; day shows one date by product.",
			params: []param{
				{name: "report", kind: "string", what: "which report", enum: reports, preset: "dashboard", send: true, place: inPath},
				{name: "days", kind: "integer", what: "how many days back; for usage, products, credits and daily", least: new(1), most: new(90), preset: 30, place: inQuery},
				{name: "start_date", kind: "string", what: "first day, as YYYY-MM-DD; for summary", format: "date", place: inQuery},
				{name: "end_date", kind: "string", what: "last day, as YYYY-MM-DD; for summary", format: "date", place: inQuery},
				{name: "date", kind: "string", what: "the day, as YYYY-MM-DD; for day, which needs it", format: "date", place: inPath},
			},
			rule:  checkReport,
			route: routeReport,
		},
		{
			name: "preview_cost", title: "Preview cost",
			method: http.MethodPost, path: "/v1/batch/preview-cost",
			what: "Estimate what a set of lookups would cost, without running any. Needs items. Returns the credits in all and by product, and whether they exceed what is left.",
			params: []param{
				{
					name: "items", kind: "array", what: "the lookups", required: true, least: new(1), most: new(10_000),
					items: &param{kind: "object", fields: []param{
						{name: "product", kind: "string", what: "what to run, for example email_finder, email_validation, mobile_finder, profile_search or company_search"},
						{name: "input", kind: "object", what: "the arguments of the lookup"},
						{name: "client_id", kind: "string", what: "client of yours that the lookup is for"},
						{name: "client_name", kind: "string", what: "name of that client"},
						{name: "metadata", kind: "object", what: "anything you want kept with it"},
					}},
				},
				{name: "budget_user_id", kind: "string", what: "member whose budget to check against"},
				{name: "client_id", kind: "string", what: "client of yours that all lookups are for"},
				{name: "client_name", kind: "string", what: "name of that client"},
				{name: "metadata", kind: "object", what: "anything you want kept with the estimate"},
			},
		},
	}
}

// checkReport finds arguments that belong to another report than the one asked for.
func checkReport(a arguments) []fault {
	report := a.text("report")
	var faults []fault
	belongs := func(name, to string, ok bool) {
		if a.given(name) && !ok {
			faults = append(faults, fault{name, "is for the report " + to + ", not for " + report})
		}
	}
	belongs("days", "usage, products, credits or daily", slices.Contains(periodReports, report))
	belongs("start_date", "summary", report == "summary")
	belongs("end_date", "summary", report == "summary")
	belongs("date", "day", report == "day")
	if report == "day" && !a.given("date") {
		faults = append(faults, fault{"date", "is missing"})
	}
	return append(faults, notAfter(a, "start_date", "end_date")...)
}

func routeReport(a arguments) string {
	if a.text("report") == "day" {
		return "/v1/analytics/day/{date}"
	}
	return "/v1/analytics/{report}"
}

// notAfter finds two dates in the wrong order.
func notAfter(a arguments, first, last string) []fault {
	from, ok := a.date(first)
	to, ok2 := a.date(last)
	if ok && ok2 && from.After(to) {
		return []fault{{first, "must not be after " + last}}
	}
	return nil
}

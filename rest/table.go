package rest

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Tools lists the tools of the REST API, by name, as far as they are known without asking LeadMagic. The list is built when
// it is needed: most sessions are not served from here.
func Tools() []*Tool {
	list := slices.Concat(accountTools(), peopleTools(), companyTools(), jobTools(), adTools())
	slices.SortFunc(list, func(a, b *Tool) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// The reports of get_account_analytics, and which of them take days.
var (
	reports       = []string{"dashboard", "usage", "products", "credits", "daily", "summary", "day"}
	periodReports = reports[1:5]
)

func accountTools() []*Tool {
	return []*Tool{
		{
			Name: problem.BalanceTool, Title: "Check credits", Route: "GET /v1/credits", Aliases: []string{problem.OlderBalanceTool, "get_credits"},
			what: "Show how many LeadMagic credits are left. Needs nothing. Call it before a series of paid calls, and after a call whose outcome is unknown.",
		},
		{
			Name: "get_account_analytics", Title: "Account analytics", Route: "GET /v1/analytics/{report}",
			what: "Report on the account's usage. dashboard shows credits, rate limits and concurrency now; usage, products, credits and daily cover the last days; summary covers the lifetime or the time between two dates; day shows one date by product.",
			params: []param{
				{name: "report", kind: "string", what: "which report", enum: reports, preset: "dashboard", send: true, place: inPath},
				{name: "days", kind: "integer", what: "how many days back; for usage, products, credits and daily", least: new(1), most: new(90), preset: 30, place: inQuery},
				{name: "start_date", kind: "string", what: "first day, as YYYY-MM-DD; for summary", format: "date", place: inQuery},
				{name: "end_date", kind: "string", what: "last day, as YYYY-MM-DD; for summary", format: "date", place: inQuery},
				{name: "date", kind: "string", what: "the day, as YYYY-MM-DD; for day, which needs it", format: "date", place: atEnd},
			},
			rule: checkReport,
		},
		{
			Name: "preview_cost", Title: "Preview cost", Route: "POST /v1/batch/preview-cost",
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

// notAfter finds two dates in the wrong order.
func notAfter(a arguments, first, last string) []fault {
	from, err := time.Parse(time.DateOnly, a.text(first))
	to, err2 := time.Parse(time.DateOnly, a.text(last))
	if err == nil && err2 == nil && from.After(to) {
		return []fault{{first, "must not be after " + last}}
	}
	return nil
}

// Arguments that several tools take.
var (
	profileURL     = param{name: "profile_url", kind: "string", what: "URL of the person's B2B profile, or its last part"}
	companyDomain  = param{name: "company_domain", kind: "string", what: "domain of the company, for example acme.com; more exact than a name"}
	companyName    = param{name: "company_name", kind: "string", what: "name of the company, if you do not know its domain"}
	workEmail      = param{name: "work_email", kind: "string", what: "work email address of the person", format: "email"}
	personalEmail  = param{name: "personal_email", kind: "string", what: "personal email address of the person", format: "email"}
	cursor         = param{name: "cursor", kind: "string", what: "next_cursor of the page before, with the same filters and limit"}
	companyFilters = param{
		name: "company_filters", kind: "object",
		what: "filters on the company, for example {\"company_domains\": [\"acme.com\"], \"country_codes\": [\"US\"], \"employee_ranges\": [\"51 to 200\"], \"crm_tech\": [\"Salesforce\"], \"has_funding\": true, \"website_active\": true}",
	}
)

func peopleTools() []*Tool {
	return []*Tool{
		{
			Name: "validate_work_email", Title: "Validate work email", Route: "POST /v1/people/email-validation", Aliases: []string{"validate_email"},
			what:   "Check whether one email address can receive mail. Needs email. Returns email_status (valid, invalid, catch_all or unknown), facts about its mail server and about its company.",
			price:  flat(0.25, "0.25 if conclusive", "0.25 credits when the answer is valid or invalid, nothing when it is unknown or the address is malformed"),
			params: []param{{name: "email", kind: "string", what: "email address to check", format: "email", required: true}},
		},
		{
			Name: "find_work_email", Title: "Find work email", Route: "POST /v1/people/email-finder", Aliases: []string{"find_email"},
			what:  "Find a person's work email from the name and the company. Needs full_name, or first_name and best also last_name; and domain or company_name. Returns the email, its status and facts about the company.",
			price: flat(1, "1 if found", "1 credit when an email is found, nothing otherwise"),
			params: []param{
				{name: "first_name", kind: "string", what: "first name"},
				{name: "last_name", kind: "string", what: "last name"},
				{name: "full_name", kind: "string", what: "full name, instead of first_name and last_name"},
				{name: "domain", kind: "string", what: "domain of the company, for example acme.com; more exact than a name"},
				companyName,
			},
			oneOf: [][]string{{"full_name", "first_name"}, {"domain", "company_name"}},
			hits:  []string{"email"},
		},
		{
			Name: "find_personal_email", Title: "Find personal email", Route: "POST /v1/people/personal-email-finder",
			what:   "Find the personal email addresses of the person behind a B2B profile. Needs profile_url.",
			price:  flat(2, "2 if found", "2 credits when an email is found, nothing otherwise"),
			params: []param{profileURL.must()},
			hits:   []string{"first_personal_email", "personal_email", "personal_emails"},
		},
		{
			Name: "b2b_profile_to_work_email", Title: "Profile to work email", Route: "POST /v1/people/b2b-profile-email", Aliases: []string{"linkedin_profile_to_work_email", "social_to_work_email"},
			what:   "Find the work email of the person behind a B2B profile. Needs profile_url. find_work_email is cheaper when you know the name and the company.",
			price:  flat(5, "5 if found", "5 credits when an email is found, nothing otherwise"),
			params: []param{profileURL.must()},
			hits:   []string{"email"},
		},
		{
			Name: "search_profile", Title: "Read profile", Route: "POST /v1/people/profile-search",
			what:   "Read a person's B2B profile: position, company, work history, education, certifications, location. Needs profile_url.",
			price:  flat(1, "1", "1 credit"),
			params: []param{profileURL.must()},
			hits:   []string{"full_name", "first_name", "last_name", "professional_title", "company_name", "work_experience"},
		},
		{
			Name: "email_to_b2b_profile", Title: "Email to profile", Route: "POST /v1/people/b2b-profile", Aliases: []string{"email_to_profile"},
			what:   "Find the URL of a person's B2B profile from an email address. Needs work_email or personal_email.",
			price:  flat(10, "10 if found", "10 credits when a profile is found, nothing otherwise"),
			params: []param{workEmail, personalEmail},
			oneOf:  [][]string{{"work_email", "personal_email"}},
			hits:   []string{"profile_url"},
		},
		{
			Name: "find_mobile_number", Title: "Find mobile number", Route: "POST /v1/people/mobile-finder", Aliases: []string{"find_mobile"},
			what:   "Find a person's mobile number. Needs at least one of profile_url, work_email and personal_email; more of them find more.",
			price:  flat(5, "5 if found", "5 credits when a number is found, nothing otherwise"),
			params: []param{profileURL, workEmail, personalEmail},
			oneOf:  [][]string{{"profile_url", "work_email", "personal_email"}},
			hits:   []string{"mobile_number"},
		},
		{
			Name: "detect_job_change", Title: "Detect job change", Route: "POST /v1/people/job-change-detector",
			what:   "Tell whether a person still works where you think. Needs profile_url, and company_name or company_domain of the employer you expect. Returns status (NO_CHANGE, JOB_CHANGE_DETECTED, NEVER_WORKED_THERE, AMBIGUOUS_CURRENT_EMPLOYMENT, CURRENT_EMPLOYMENT_UNKNOWN or PROFILE_NOT_FOUND), the current position and the work history.",
			price:  flat(3, "3 if found", "3 credits, nothing when the profile is not found"),
			params: []param{profileURL.must(), companyName, companyDomain},
			oneOf:  [][]string{{"company_name", "company_domain"}},
			hits:   []string{"profile_found", "employee_name", "current_company", "work_history"},
		},
		{
			Name: "find_people_by_role", Title: "Find person by role", Route: "POST /v1/people/role-finder", Aliases: []string{"find_role"},
			what:   "Find one person who holds a job title at a company. Needs job_title, and company_domain or company_name. Returns the name and the profile URL.",
			price:  flat(2, "2 if found", "2 credits when someone is found, nothing otherwise"),
			params: []param{{name: "job_title", kind: "string", what: "job title to look for, for example CEO or Head of Sales", required: true}, companyDomain, companyName},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			hits:   []string{"name", "first_name", "last_name", "profile_url"},
		},
		{
			Name: "find_company_employees", Title: "List employees", Route: "POST /v1/people/employee-finder", Aliases: []string{"find_employees"},
			what:  "List people who work at a company, with job titles and profile URLs. Needs company_domain or company_name.",
			price: perRow(0, 0.05, "limit", "0.05 per person", "0.05 credits for each person returned, so 0.5 at most unless limit says more, and nothing when nobody is found"),
			params: []param{
				companyDomain, companyName,
				{name: "limit", kind: "integer", what: "most people to return, and to pay for", least: new(1), preset: 10},
			},
			oneOf: [][]string{{"company_domain", "company_name"}},
			hits:  []string{"employees", "data"},
		},
		{
			Name: "search_people", Title: "Search people", Route: "POST /v3/people/search",
			what: "Search people by company, job title, seniority, place and more. Filters that are given must all hold. Returns people with their companies, and next_cursor when there are more.",
			price: price{
				rows:  "limit",
				most:  searchPeopleWorst,
				short: "1 per person, +1 email, +5 mobile",
				text:  "1 credit for each person returned (25 at most unless limit says otherwise), 1 more for each email and 5 more for each mobile number that is shown; searching without these is free on plans with unmetered search",
			},
			params: []param{
				companyDomain, companyName,
				{name: "linkedin_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
				companyFilters,
				{
					name: "people_filters", kind: "object",
					what: "filters on the person, each a list of which one must hold, for example {\"contact_job_level\": [\"VP\", \"Director\"], \"contact_job_function\": [\"Sales\"], \"contact_country\": [\"United States\"]}; the answer names those that it ignored in interpreted_search",
				},
				{name: "title", kind: "string", what: "job title"},
				{name: "job_title", kind: "string", what: "job title, likewise"},
				{name: "titles", kind: "array", what: "job titles, of which one must hold", most: new(12), items: &param{kind: "string"}},
				{name: "roles", kind: "array", what: "roles, of which one must hold", most: new(12), items: &param{kind: "string"}},
				{name: "query", kind: "string", what: "what to look for, in words"},
				{name: "required_email", kind: "boolean", what: "only people with a known email"},
				{name: "required_mobile", kind: "boolean", what: "only people with a known mobile number"},
				{name: "channels", kind: "array", what: "only people who can be reached by these", items: &param{kind: "string", enum: []string{"email", "phone"}}},
				{name: "channel_match", kind: "string", what: "whether any or all of channels must be there", enum: []string{"any", "all"}, preset: "any"},
				{name: "include_company", kind: "boolean", what: "add facts about each company; false makes the answer shorter", preset: true},
				{name: "include_domain_intel", kind: "boolean", what: "add facts about each company's domain; false makes the answer shorter", preset: true},
				{name: "include_contact_details", kind: "boolean", what: "show email addresses and mobile numbers, which cost extra", preset: false},
				{name: "include_email", kind: "boolean", what: "with include_contact_details: show email addresses, 1 credit more each; true alone leaves mobile numbers out"},
				{name: "include_mobile", kind: "boolean", what: "with include_contact_details: show mobile numbers, 5 credits more each; true alone leaves email addresses out"},
				{name: "limit", kind: "integer", what: "most people to return, and to pay for; 50 at most with cursor", least: new(1), most: new(10_000), preset: 25},
				cursor, // LeadMagic has another way to turn pages, which is not stable
			},
			rule: func(a arguments) []fault {
				if a.given("cursor") && a.number("limit") > 50 {
					return []fault{{"limit", "must be at most 50 with cursor"}}
				}
				return nil
			},
			hits: []string{"people"},
		},
	}
}

// searchPeopleWorst counts contact details as shown whenever LeadMagic's rules may show them.
// Source: LeadMagic OpenAPI 1.4.35, people-search.
func searchPeopleWorst(a arguments) problem.Credits {
	const row, email, mobile = problem.Credit, problem.Credit, 5 * problem.Credit
	worst := row
	both := a.flag("include_contact_details")
	if a.flag("include_email") || both && !a.given("include_email") && !a.flag("include_mobile") {
		worst += email
	}
	if a.flag("include_mobile") || both && !a.given("include_mobile") && !a.flag("include_email") {
		worst += mobile
	}
	return worst * problem.Credits(a.number("limit"))
}

func companyTools() []*Tool {
	return []*Tool{
		{
			Name: "enrich_company", Title: "Enrich company", Route: "POST /v1/companies/company-search", Aliases: []string{"search_company"},
			what:  "Look up one company: industry, size, revenue, funding, headquarters, description. Needs company_domain, company_name or profile_url.",
			price: flat(1, "1 if found", "1 credit when the company is found, nothing otherwise"),
			params: []param{
				companyDomain, companyName,
				{name: "profile_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
			},
			oneOf: [][]string{{"company_domain", "company_name", "profile_url"}},
			hits:  []string{"companyName", "companyId", "websiteUrl", "industry"},
		},
		{
			Name: "find_company_funding", Title: "Company funding", Route: "POST /v1/companies/company-funding", Aliases: []string{"get_company_funding"},
			what:   "Read a company's funding rounds, investors, financials, leadership, acquisitions and news. Needs company_domain or company_name.",
			price:  flat(4, "4 if found", "4 credits when the company is found, nothing otherwise"),
			params: []param{companyDomain, companyName},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			hits:   []string{"basicInfo", "financialInfo", "fundingHistory", "companySize", "leadership"},
		},
		{
			Name: "list_company_competitors", Title: "List competitors", Route: "POST /v1/companies/competitors-search",
			what:  "List a company's competitors with their size, headquarters, valuation and funding. Needs company_domain, company_name or company_url.",
			price: flat(5, "5", "5 credits"),
			params: []param{
				companyDomain, companyName,
				{name: "company_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
			},
			oneOf: [][]string{{"company_domain", "company_url", "company_name"}},
			hits:  []string{"competitors"},
		},
		{
			Name: "get_company_technographics", Title: "Company technologies", Route: "POST /v1/companies/technographics",
			what:   "List the technologies that a company uses, by category. Needs company_domain.",
			price:  flat(1, "1 if found", "1 credit, nothing when none is found"),
			params: []param{companyDomain.must()},
			hits:   []string{"data"},
		},
		{
			Name: "search_companies", Title: "Search companies", Route: "POST /v3/companies/search",
			what:  "Search companies by place, size, technology, funding and more, or in words. Filters that are given must all hold. Returns companies, and next_cursor when there are more. For one company that you know, enrich_company says more.",
			price: perRow(0, 1, "limit", "1 per company", "1 credit for each company returned, so 10 at most unless limit says otherwise; it is free on plans with unmetered search"),
			params: []param{
				companyDomain, companyName,
				{name: "profile_url", kind: "string", what: "URL of the company's B2B profile"},
				companyFilters,
				{name: "query", kind: "string", what: "what to look for, in words"},
				{name: "limit", kind: "integer", what: "most companies to return, and to pay for", least: new(1), most: new(50), preset: 10},
				cursor,
			},
			hits: []string{"companies"},
		},
		{
			Name: "find_lookalike_companies", Title: "Find similar companies", Route: "POST /v3/companies/lookalike",
			what:  "Find companies like a given one, or like a description. Needs company_domain, company_name or description.",
			price: flat(5, "5 if found", "5 credits however many are returned, nothing when none is found"),
			params: []param{
				companyDomain, companyName,
				{name: "description", kind: "string", what: "the kind of company, in words"},
				companyFilters,
				{name: "limit", kind: "integer", what: "most companies to return", least: new(1), most: new(2000), preset: 25},
				{name: "offset", kind: "integer", what: "how many to skip, to read on", least: new(0), preset: 0},
			},
			oneOf: [][]string{{"company_domain", "company_name", "description"}},
			hits:  []string{"companies"},
		},
	}
}

func jobTools() []*Tool {
	return []*Tool{
		{
			Name: "find_jobs", Title: "Find jobs", Route: "POST /v1/jobs/jobs-finder",
			what:  "Find job postings by company, title, place, date and more, page by page. Filters that are given must all hold. search_jobs filters more finely.",
			price: perRow(0, 1, "per_page", "1 per job", "1 credit for each job returned, so 20 at most unless per_page says otherwise"),
			params: []param{
				companyName,
				{name: "company_website", kind: "string", what: "website of the company"},
				{name: "job_title", kind: "string", what: "job title"},
				{name: "location", kind: "string", what: "place of the job, in words"},
				{name: "experience_level", kind: "string", what: "level of the job", enum: []string{"entry", "mid", "senior", "executive"}},
				{name: "job_description", kind: "string", what: "words in the description"},
				{name: "city_name", kind: "string", what: "city; give country_id too, as cities share names"},
				{name: "country_id", kind: "string", what: "country code such as US, from list_job_countries"},
				{name: "region_id", kind: "integer", what: "id from list_job_regions"},
				{name: "job_type_id", kind: "integer", what: "id from list_job_types"},
				{name: "company_type_id", kind: "integer", what: "id from list_job_company_types"},
				{name: "company_industry_id", kind: "integer", what: "id from list_job_industries"},
				{name: "min_employees", kind: "integer", what: "fewest employees of the company", least: new(0)},
				{name: "max_employees", kind: "integer", what: "most employees of the company", least: new(0)},
				{name: "has_remote", kind: "boolean", what: "true for jobs that may be done remotely, false for the others"},
				{name: "posted_within", kind: "integer", what: "posted in the last so many days", least: new(1)},
				{name: "posted_after", kind: "string", what: "posted on or after this day, as YYYY-MM-DD", format: "date"},
				{name: "posted_before", kind: "string", what: "posted on or before this day, as YYYY-MM-DD", format: "date"},
				{name: "page", kind: "integer", what: "page to return", least: new(1), preset: 1},
				{name: "per_page", kind: "integer", what: "most jobs to return, and to pay for", least: new(1), most: new(50), preset: 20},
			},
			rule: func(a arguments) []fault {
				faults := notAfter(a, "posted_after", "posted_before")
				if a.given("min_employees") && a.given("max_employees") && a.number("min_employees") > a.number("max_employees") {
					faults = append(faults, fault{"min_employees", "must not be more than max_employees"})
				}
				return faults
			},
			hits: []string{"results"},
		},
		jobList("list_job_countries", "Job countries", "/v1/jobs/countries", "country_id", "get_job_countries"),
		jobList("list_job_types", "Job types", "/v1/jobs/job-types", "job_type_id", "get_job_types"),
		jobList("list_job_regions", "Job regions", "/v1/jobs/regions", "region_id"),
		jobList("list_job_company_types", "Job company types", "/v1/jobs/company-types", "company_type_id"),
		jobList("list_job_industries", "Job industries", "/v1/jobs/industries", "company_industry_id"),
		{
			Name: "search_jobs", Title: "Search jobs", Route: "POST /v3/jobs/search",
			what:  "Search job postings by title, occupation, company, place, skill, salary, seniority and date. Filters that are given must all hold; names are resolved to ids. Returns jobs, and next_cursor when there are more.",
			price: perRow(0, 1, "limit", "1 per job", "1 credit for each job returned, so 25 at most unless limit says otherwise; it is free on plans with unmetered search"),
			params: append(
				jobFilters(),
				param{name: "salary", kind: "object", what: "yearly salary", fields: []param{
					{name: "min_usd", kind: "integer", what: "least, in US dollars"},
					{name: "max_usd", kind: "integer", what: "most, in US dollars"},
				}},
				list("seniority", "string", "seniorities, from get_job_search_catalogs"),
				param{name: "postedAfter", kind: "string", what: "posted on or after this day, as YYYY-MM-DD", format: "date"},
				param{name: "postedBefore", kind: "string", what: "posted on or before this day, as YYYY-MM-DD", format: "date"},
				param{name: "postedWithin", kind: "integer", what: "posted in the last so many days", least: new(1)},
				list("languages", "string", "languages of the posting, such as en"),
				param{name: "hasRemote", kind: "boolean", what: "whether the job may be done remotely"},
				list("jobTypeIds", "integer", "job types, from get_job_search_catalogs"),
				list("industryIds", "integer", "industries, from get_job_search_catalogs"),
				list("companyTypeIds", "integer", "company types, from get_job_search_catalogs"),
				list("companySizeCodes", "integer", "company sizes, as LeadMagic's codes"),
				param{name: "limit", kind: "integer", what: "most jobs to return, and to pay for", least: new(1), most: new(50), preset: 25},
				cursor,
				param{name: "includeDescription", kind: "boolean", what: "add the text of each posting", preset: false},
				param{name: "includeFacets", kind: "boolean", what: "add counts by filter", preset: false},
				param{name: "totalMode", kind: "string", what: "how exactly to count all matches", enum: []string{"none", "capped", "exact"}, preset: "capped"},
				param{name: "mode", kind: "string", what: "deep looks into more text and takes longer", enum: []string{"fast", "deep"}, preset: "fast"},
				param{name: "autoResolve", kind: "boolean", what: "resolve names to ids before searching", preset: true},
			),
			rule: func(a arguments) []fault {
				faults := notAfter(a, "postedAfter", "postedBefore")
				var salary struct {
					Least *float64 `json:"min_usd"`
					Most  *float64 `json:"max_usd"`
				}
				_ = json.Unmarshal(a.values["salary"], &salary) // checked before, unless it is not given
				if salary.Least != nil && salary.Most != nil && *salary.Least > *salary.Most {
					faults = append(faults, fault{"salary.min_usd", "must not be more than salary.max_usd"})
				}
				return faults
			},
			hits: []string{"signals", "jobs", "results"},
		},
		{
			Name: "get_job_search_catalogs", Title: "Job search catalogs", Route: "GET /v3/jobs/search/catalogs",
			what: "List what search_jobs can filter by: countries, regions, job types, industries, company types and seniorities with their ids. Needs nothing.",
		},
		{
			Name: "resolve_job_search_filters", Title: "Resolve job filters", Route: "POST /v3/jobs/search/resolve",
			what:   "Turn names of companies, places, tags, occupations and titles into the ids that search_jobs filters by. Returns no jobs.",
			params: jobFilters(),
		},
	}
}

// jobList is a free list of the ids that one argument of find_jobs takes.
func jobList(name, title, path, argument string, aliases ...string) *Tool {
	return &Tool{
		Name: name, Title: title, Route: "GET " + path, Aliases: aliases,
		what: "List the ids that " + argument + " of find_jobs takes, with their names. Needs nothing.",
	}
}

// list is a list of values of a kind.
func list(name, kind, what string) param {
	return param{name: name, kind: "array", what: what, items: &param{kind: kind}}
}

// jobFilters are the filters of the v3 job search that can be resolved from names to ids.
func jobFilters() []param {
	group := func(name, what string, fields ...param) param {
		return param{name: name, kind: "object", what: what, fields: fields}
	}
	include := func(kind string) param { return list("include", kind, "of which one must hold") }
	exclude := func(kind string) param { return list("exclude", kind, "of which none may hold") }
	return []param{
		group("titles", "job titles", include("string"), exclude("string"),
			param{name: "vector", kind: "boolean", what: "take titles of like meaning too", preset: false}),
		group("occupationTaxonomy", "occupations, coarse to fine",
			list("level1", nameOrID, "fields of work, such as Engineer"), list("level2", nameOrID, "specialities, such as DevOps"), list("level3", nameOrID, "occupations")),
		group("companies", "companies, by name or domain", include("string"), exclude("string"), list("ids", "integer", "companies, by id")),
		group("location", "places of the job",
			list("countries", nameOrID, "country codes, names or ids"), list("regions", nameOrID, "regions"), list("states", nameOrID, "states"), list("cities", nameOrID, "cities")),
		group("tags", "skills and technologies, such as kubernetes", include(nameOrID), exclude(nameOrID)),
	}
}

func adTools() []*Tool {
	return []*Tool{
		searchAds("google", "Google", 0),
		searchAds("meta", "Meta", 0),
		searchAds("b2b", "B2B", 1),
		{
			Name: "get_b2b_ad_details", Title: "B2B ad details", Route: "POST /v1/ads/b2b-ads-details",
			what:   "Read one B2B ad in full: texts, creative, targeting, impressions. Needs ad_url, as search_b2b_ads returns it.",
			price:  flat(2, "2 if found", "2 credits when the ad is found, nothing otherwise"),
			params: []param{{name: "ad_url", kind: "string", what: "URL or path of the ad in the ad library, or its number", required: true}},
			hits:   []string{"ad_details"},
		},
	}
}

// searchAds is the search of one network. Without a limit LeadMagic returns, and bills, every ad it finds: so
// one is always sent.
func searchAds(network, title string, base float64) *Tool {
	short, cost := "1 per ad", "1 credit for each ad returned, so 10 at most unless limit says otherwise"
	if base > 0 {
		short, cost = "1, and 1 per ad", "1 credit for the search and 1 for each ad returned, so 11 at most unless limit says otherwise"
	}
	return &Tool{
		Name: "search_" + network + "_ads", Title: "Search " + title + " ads", Route: "POST /v1/ads/" + network + "-ads-search",
		what:  "List the ads that a company runs on the " + title + " network. Needs company_domain or company_name.",
		price: perRow(base, 1, "limit", short, cost),
		params: []param{
			companyDomain, companyName,
			{name: "limit", kind: "integer", what: "most ads to return, and to pay for", least: new(1), most: new(100), preset: 10, send: true},
		},
		oneOf: [][]string{{"company_domain", "company_name"}},
		hits:  []string{"ads"},
	}
}

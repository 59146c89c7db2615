package rest

import "net/http"

// Arguments that several tools take.
func profileURL() param {
	return param{name: "profile_url", kind: "string", what: "URL of the person's B2B profile, or its last part"}
}

func companyDomain() param {
	return param{name: "company_domain", kind: "string", what: "domain of the company, for example acme.com; more exact than a name"}
}

func companyName() param {
	return param{name: "company_name", kind: "string", what: "name of the company, if you do not know its domain"}
}

func workEmail() param {
	return param{name: "work_email", kind: "string", what: "work email address of the person", format: "email"}
}

func personalEmail() param {
	return param{name: "personal_email", kind: "string", what: "personal email address of the person", format: "email"}
}

func peopleTools() []tool {
	return []tool{
		{
			name: "validate_work_email", title: "Validate work email", aliases: []string{"validate_email"},
			method: http.MethodPost, path: "/v1/people/email-validation",
			what:   "Check whether one email address can receive mail. Needs email. Returns email_status (valid, invalid, catch_all or unknown), facts about its mail server and about its company.",
			price:  flat(0.25, "0.25 if conclusive", "0.25 credits when the answer is valid or invalid, nothing when it is unknown or the address is malformed"),
			params: []param{{name: "email", kind: "string", what: "email address to check", format: "email", required: true}},
		},
		{
			name: "find_work_email", title: "Find work email", aliases: []string{"find_email"},
			method: http.MethodPost, path: "/v1/people/email-finder",
			what:  "Find a person's work email from the name and the company. Needs full_name, or first_name and best also last_name; and domain or company_name. Returns the email, its status and facts about the company.",
			price: flat(1, "1 if found", "1 credit when an email is found, nothing otherwise"),
			params: []param{
				{name: "first_name", kind: "string", what: "first name"},
				{name: "last_name", kind: "string", what: "last name"},
				{name: "full_name", kind: "string", what: "full name, instead of first_name and last_name"},
				{name: "domain", kind: "string", what: "domain of the company, for example acme.com; more exact than a name"},
				companyName(),
			},
			oneOf: [][]string{{"full_name", "first_name"}, {"domain", "company_name"}},
			hits:  []string{"email"},
		},
		{
			name: "find_personal_email", title: "Find personal email",
			method: http.MethodPost, path: "/v1/people/personal-email-finder",
			what:   "Find the personal email addresses of the person behind a B2B profile. Needs profile_url.",
			price:  flat(2, "2 if found", "2 credits when an email is found, nothing otherwise"),
			params: []param{profileURL().must()},
			hits:   []string{"first_personal_email", "personal_email", "personal_emails"},
		},
		{
			name: "b2b_profile_to_work_email", title: "Profile to work email",
			aliases: []string{"linkedin_profile_to_work_email", "social_to_work_email"},
			method:  http.MethodPost, path: "/v1/people/b2b-profile-email",
			what:   "Find the work email of the person behind a B2B profile. Needs profile_url. find_work_email is cheaper when you know the name and the company.",
			price:  flat(5, "5 if found", "5 credits when an email is found, nothing otherwise"),
			params: []param{profileURL().must()},
			hits:   []string{"email"},
		},
		{
			name: "search_profile", title: "Read profile",
			method: http.MethodPost, path: "/v1/people/profile-search",
			what:   "Read a person's B2B profile: position, company, work history, education, certifications, location. Needs profile_url.",
			price:  flat(1, "1", "1 credit"),
			params: []param{profileURL().must()},
			hits:   []string{"full_name", "first_name", "last_name", "professional_title", "company_name", "work_experience"},
		},
		{
			name: "email_to_b2b_profile", title: "Email to profile", aliases: []string{"email_to_profile"},
			method: http.MethodPost, path: "/v1/people/b2b-profile",
			what:   "Find the URL of a person's B2B profile from an email address. Needs work_email or personal_email.",
			price:  flat(10, "10 if found", "10 credits when a profile is found, nothing otherwise"),
			params: []param{workEmail(), personalEmail()},
			oneOf:  [][]string{{"work_email", "personal_email"}},
			hits:   []string{"profile_url"},
		},
		{
			name: "find_mobile_number", title: "Find mobile number", aliases: []string{"find_mobile"},
			method: http.MethodPost, path: "/v1/people/mobile-finder",
			what:   "Find a person's mobile number. Needs at least one of profile_url, work_email and personal_email; more of them find more.",
			price:  flat(5, "5 if found", "5 credits when a number is found, nothing otherwise"),
			params: []param{profileURL(), workEmail(), personalEmail()},
			oneOf:  [][]string{{"profile_url", "work_email", "personal_email"}},
			hits:   []string{"mobile_number"},
		},
		{
			name: "detect_job_change", title: "Detect job change",
			method: http.MethodPost, path: "/v1/people/job-change-detector",
			what:   "Tell whether a person still works where you think. Needs profile_url, and company_name or company_domain of the employer you expect. Returns status (NO_CHANGE, JOB_CHANGE_DETECTED, NEVER_WORKED_THERE, AMBIGUOUS_CURRENT_EMPLOYMENT, CURRENT_EMPLOYMENT_UNKNOWN or PROFILE_NOT_FOUND), the current position and the work history.",
			price:  flat(3, "3 if found", "3 credits, nothing when the profile is not found"),
			params: []param{profileURL().must(), companyName(), companyDomain()},
			oneOf:  [][]string{{"company_name", "company_domain"}},
			hits:   []string{"profile_found", "employee_name", "current_company", "work_history"},
		},
		{
			name: "find_people_by_role", title: "Find person by role", aliases: []string{"find_role"},
			method: http.MethodPost, path: "/v1/people/role-finder",
			what:   "Find one person who holds a job title at a company. Needs job_title, and company_domain or company_name. Returns the name and the profile URL.",
			price:  flat(2, "2 if found", "2 credits when someone is found, nothing otherwise"),
			params: []param{{name: "job_title", kind: "string", what: "job title to look for, for example CEO or Head of Sales", required: true}, companyDomain(), companyName()},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			hits:   []string{"name", "first_name", "last_name", "profile_url"},
		},
		{
			name: "find_company_employees", title: "List employees", aliases: []string{"find_employees"},
			method: http.MethodPost, path: "/v1/people/employee-finder",
			what:  "List people who work at a company, with job titles and profile URLs. Needs company_domain or company_name.",
			price: perRow(0, 0.05, "limit", "0.05 per person", "0.05 credits for each person returned, so 0.5 at most unless limit says more, and nothing when nobody is found"),
			params: []param{
				companyDomain(), companyName(),
				{name: "limit", kind: "integer", what: "most people to return, and to pay for", least: new(1), preset: 10},
			},
			oneOf: [][]string{{"company_domain", "company_name"}},
			hits:  []string{"employees", "data"},
		},
		searchPeople(),
	}
}

// searchPeople is the v3 search. Of its two ways to turn pages it has the one that is stable.
func searchPeople() tool {
	return tool{
		name: "search_people", title: "Search people",
		method: http.MethodPost, path: "/v3/people/search",
		what: "Search people by company, job title, seniority, place and more. Filters that are given must all hold. Returns people with their companies, and next_cursor when there are more.",
		price: price{
			rows:  "limit",
			most:  searchPeopleWorst,
			short: "1 per person, +1 email, +5 mobile",
			text:  "1 credit for each person returned (25 at most unless limit says otherwise), 1 more for each email and 5 more for each mobile number that is shown; searching without these is free on plans with unmetered search",
		},
		params: []param{
			companyDomain(), companyName(),
			{name: "linkedin_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
			companyFilters(),
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
			{name: "cursor", kind: "string", what: "next_cursor of the page before, with the same filters and limit"},
		},
		rule: checkPages,
		hits: []string{"people"},
	}
}

// checkPages holds pages of a search to the size that LeadMagic allows them.
func checkPages(a arguments) []fault {
	const most = 50
	if a.given("cursor") && a.number("limit") > most {
		return []fault{{"limit", "must be at most 50 with cursor"}}
	}
	return nil
}

// searchPeopleWorst counts contact details as shown whenever LeadMagic's rules may show them.
// Source: LeadMagic OpenAPI 1.4.35, people-search.
func searchPeopleWorst(a arguments) float64 {
	const row, email, mobile = 1, 1, 5
	worst := float64(row)
	both := a.flag("include_contact_details")
	if a.flag("include_email") || both && !a.given("include_email") && !a.flag("include_mobile") {
		worst += email
	}
	if a.flag("include_mobile") || both && !a.given("include_mobile") && !a.flag("include_email") {
		worst += mobile
	}
	return worst * a.number("limit")
}

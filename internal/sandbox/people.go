package sandbox

import (
	"cmp"
	"strings"
)

// Parameters that several operations share.
var (
	profileURL    = param{name: "profile_url", kind: "string", what: "profile URL or its last part"}
	companyDomain = param{name: "company_domain", kind: "string", what: "company domain, for example acme.example; better than a name"}
	companyName   = param{name: "company_name", kind: "string", what: "company name"}
	workEmail     = param{name: "work_email", kind: "string", what: "work email address", format: "email"}
	personalEmail = param{name: "personal_email", kind: "string", what: "personal email address", format: "email"}
)

func (p param) mandatory() param {
	p.required = true
	return p
}

func peopleOperations() []*operation {
	return []*operation{
		{
			tool: "validate_work_email", title: "Validate a work email", paid: true, routes: []string{"POST /v1/people/email-validation"},
			what:   "Says whether one email address can receive mail, with facts about its company. Costs 0.25 credits when the answer is valid or invalid, nothing when it is unknown or the address is malformed.",
			params: []param{{name: "email", kind: "string", what: "email address", format: "email", required: true}},
			none:   object{"message": "Email status is unknown", "company_name": nil, "mx_provider": nil, "email_status": "unknown"},
			answer: validateEmail,
		},
		{
			tool: "find_work_email", title: "Find a work email", paid: true, routes: []string{"POST /v1/people/email-finder"},
			what: "Finds a person's work email from the name and the company. Needs full_name, or first_name and last_name, and domain or company_name. Costs 1 credit when found, nothing otherwise.",
			params: []param{
				{name: "first_name", kind: "string", what: "first name"},
				{name: "last_name", kind: "string", what: "last name"},
				{name: "full_name", kind: "string", what: "full name instead of first and last"},
				{name: "domain", kind: "string", what: "company domain; better than a name"},
				companyName,
			},
			oneOf:  [][]string{{"first_name", "full_name"}, {"domain", "company_name"}},
			none:   object{"message": "No email found", "email": nil, "status": nil, "mx_record": nil, "mx_provider": nil, "company_name": nil},
			answer: findEmail,
		},
		{
			tool: "find_personal_email", title: "Find personal emails", paid: true, routes: []string{"POST /v1/people/personal-email-finder"},
			what:   "Finds personal email addresses behind a profile URL. Costs 2 credits when found, nothing otherwise.",
			params: []param{profileURL.mandatory()},
			none:   object{"message": "No personal email found", "profile_url": nil, "name": nil, "first_personal_email": nil, "personal_emails": nil},
			answer: func(in input, _ *account) answer {
				p := personBehind(in.text("profile_url"))
				email := slug(p.first) + "." + slug(p.last) + "@home.example"
				return found(2, "Personal email found", object{
					"profile_url": in.text("profile_url"), "name": p.name(), "first_personal_email": email, "personal_emails": []string{email},
				})
			},
		},
		{
			tool: "b2b_profile_to_work_email", title: "Profile to work email", paid: true, routes: []string{"POST /v1/people/b2b-profile-email"},
			what:   "Turns a profile URL into a work email. Costs 5 credits when found, nothing otherwise.",
			params: []param{profileURL.mandatory()},
			none:   object{"message": "No email found", "profile_url": nil, "email": nil},
			answer: func(in input, _ *account) answer {
				return found(5, "Email found", object{"profile_url": in.text("profile_url"), "email": personBehind(in.text("profile_url")).email()})
			},
		},
		{
			tool: "search_profile", title: "Read a profile", paid: true, routes: []string{"POST /v1/people/profile-search"},
			what:   "Reads the position, work history and education behind a profile URL. Costs 1 credit.",
			params: []param{profileURL.mandatory()},
			none:   object{"message": "Profile not found", "profile_url": nil, "first_name": nil, "last_name": nil, "full_name": nil, "professional_title": nil, "company_name": nil, "work_experience": nil, "education": nil},
			answer: searchProfile,
		},
		{
			tool: "email_to_b2b_profile", title: "Email to profile", paid: true, routes: []string{"POST /v1/people/b2b-profile"},
			what:   "Turns a work or personal email into a profile URL. Costs 10 credits when found, nothing otherwise.",
			params: []param{workEmail, personalEmail},
			oneOf:  [][]string{{"work_email", "personal_email"}},
			none:   object{"message": "No profile found", "profile_url": nil},
			answer: func(in input, _ *account) answer {
				return found(10, "Profile found", object{"profile_url": personBehind(cmp.Or(in.text("work_email"), in.text("personal_email"))).profile()})
			},
		},
		{
			tool: "find_mobile_number", title: "Find a mobile number", paid: true, routes: []string{"POST /v1/people/mobile-finder"},
			what:   "Finds a mobile number from a profile URL or an email. Needs at least one of them. Costs 5 credits when found, nothing otherwise.",
			params: []param{profileURL, workEmail, personalEmail},
			oneOf:  [][]string{{"profile_url", "work_email", "personal_email"}},
			none:   object{"message": "No mobile number found", "profile_url": nil, "email": nil, "mobile_number": nil},
			answer: func(in input, _ *account) answer {
				p := personBehind(cmp.Or(in.text("profile_url"), in.text("work_email"), in.text("personal_email")))
				return found(5, "Mobile number found", object{
					"profile_url": p.profile(), "email": cmp.Or(in.text("work_email"), in.text("personal_email")), "mobile_number": p.mobile(),
				})
			},
		},
		{
			tool: "detect_job_change", title: "Detect a job change", paid: true, routes: []string{"POST /v1/people/job-change-detector"},
			what:   "Compares a person's current employer with the one you expect. Needs company_domain or company_name. Costs 3 credits, nothing when the profile is unknown.",
			params: []param{profileURL.mandatory(), companyDomain, companyName},
			oneOf:  [][]string{{"company_name", "company_domain"}},
			none:   object{"message": "Profile not found", "employee_name": nil, "current_company": nil, "current_position": nil, "status": "PROFILE_NOT_FOUND", "profile_found": false},
			answer: detectJobChange,
		},
		{
			tool: "find_people_by_role", title: "Find a person by role", paid: true, routes: []string{"POST /v1/people/role-finder"},
			what:   "Finds one person with a job title at a company. Needs company_domain or company_name. Costs 2 credits when found, nothing otherwise.",
			params: []param{{name: "job_title", kind: "string", what: "job title", required: true}, companyDomain, companyName},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			none:   object{"message": "No one found in this role", "name": nil, "first_name": nil, "last_name": nil, "profile_url": nil, "company_name": nil, "company_website": nil},
			answer: func(in input, _ *account) answer {
				p := personAt(in.text("company_domain"), in.text("company_name"), 0, in.text("job_title"))
				return found(2, "Role found", object{
					"name": p.name(), "first_name": p.first, "last_name": p.last, "profile_url": p.profile(),
					"company_name": p.company, "company_website": p.domain,
				})
			},
		},
		{
			tool: "find_company_employees", title: "List a company's employees", paid: true, routes: []string{"POST /v1/people/employee-finder"},
			what:   "Lists people who work at a company. Needs company_domain or company_name. Costs 0.05 credits per person returned.",
			params: []param{companyDomain, companyName, {name: "limit", kind: "integer", what: "most people to return", def: 10, min: 1, max: 100}},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			none:   object{"message": "No employees found", "employees": []object{}, "total_count": 0},
			answer: findEmployees,
		},
	}
}

func validateEmail(in input, _ *account) answer {
	email := in.text("email")
	local, domain, ok := strings.Cut(email, "@")
	status, message := "valid", "Email is valid"
	switch {
	case !ok || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(email, " \t"):
		return found(0, "Email is malformed", object{"email": email, "email_status": "invalid", "company_name": nil, "mx_provider": nil})
	case strings.HasPrefix(strings.ToLower(local), "bounce"):
		status, message = "invalid", "Email is invalid"
	}
	domain, company := companyOf(domain, "")
	g := generatorOf("company", domain)
	return found(0.25, message, object{
		"email": email, "email_status": status, "is_domain_catch_all": false,
		"mx_record": "mx1." + domain, "mx_provider": "Siltmail", "mx_security_gateway": false,
		"company_name": company, "company_industry": g.pick(industries), "company_size": "51-200",
		"company_founded": g.between(1980, 2020), "company_location": object{"city": g.pick(cities), "country": g.pick(countries)},
	})
}

func findEmail(in input, _ *account) answer {
	full := cmp.Or(in.text("full_name"), in.text("first_name")+" "+in.text("last_name"))
	p := personNamed(full, in.text("domain"), in.text("company_name"))
	return found(1, "Email found", object{
		"email": p.email(), "status": "valid", "first_name": p.first, "last_name": p.last, "domain": p.domain,
		"mx_record": "mx1." + p.domain, "mx_provider": "Siltmail", "mx_security_gateway": false, "has_mx": true,
		"mx_records_full": []object{{"priority": 10, "exchange": "mx1." + p.domain}},
		"company_name":    p.company, "company_profile_url": "https://profiles.example/company/" + slug(p.company),
		"employment_verified": true,
	})
}

func searchProfile(in input, _ *account) answer {
	p := personBehind(in.text("profile_url"))
	g := generatorOf("profile", p.name(), p.domain)
	return found(1, "Profile found", object{
		"profile_url": in.text("profile_url"), "first_name": p.first, "last_name": p.last, "full_name": p.name(),
		"professional_title": p.title, "bio": "Works on things that do not exist.",
		"company_name": p.company, "company_website": p.domain, "company_industry": g.pick(industries),
		"total_tenure_months": g.between(6, 240), "followers_range": "500+",
		"country": g.pick(countries), "location": g.pick(cities),
		"work_experience": []object{
			{"company": p.company, "title": p.title, "start_date": "2021-04", "end_date": nil},
			{"company": capital(g.pick(lastNames)), "title": g.pick(titles), "start_date": "2016-09", "end_date": "2021-03"},
		},
		"education":      []object{{"school": "University of " + g.pick(cities), "degree": "BSc"}},
		"certifications": []object{}, "honors": []object{},
	})
}

func detectJobChange(in input, _ *account) answer {
	p := personBehind(in.text("profile_url"))
	_, expected := companyOf(in.text("company_domain"), in.text("company_name"))
	changed := generatorOf("change", p.name(), expected).between(0, 1) == 1
	status, current := "NO_CHANGE", expected
	if changed {
		status, current = "JOB_CHANGE_DETECTED", p.company
	}
	return found(3, "Profile found", object{
		"job_change_detected": changed, "status": status, "profile_found": true, "profile_url": in.text("profile_url"),
		"employee_name": p.name(), "expected_company": expected, "current_company": current,
		"summary":          p.name() + " works at " + current,
		"current_position": object{"title": p.title, "company": current, "start_date": "2024-02", "is_current_position": true},
	})
}

func findEmployees(in input, _ *account) answer {
	domain, company := companyOf(in.text("company_domain"), in.text("company_name"))
	total := generatorOf("size", domain).between(12, 400)
	people := invent(0, in.number("limit", 10), total, func(n int) object {
		p := personAt(domain, company, n, "")
		return object{
			"first_name": p.first, "last_name": p.last, "full_name": p.name(), "profile_url": p.profile(),
			"job_title": p.title, "location": generatorOf("home", p.name()).pick(cities),
		}
	})
	return found(float64(len(people))*0.05, "Employees found", object{"employees": people, "total_count": total, "company_name": company})
}

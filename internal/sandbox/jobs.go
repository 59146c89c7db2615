package sandbox

func jobOperations() []*operation {
	// The free lists of ids that find_jobs takes. A bare array has no other place for the notice than an item.
	list := func(tool, title, path, kind string, items ...object) *operation {
		return &operation{
			tool: tool, title: title, routes: []string{"GET /v1/jobs/" + path}, what: "Lists the " + kind + " ids that find_jobs takes. Free.",
			answer: func(input, *account) answer { return answer{body: items} },
		}
	}
	numbered := func(names ...string) (items []object) {
		for i, name := range names {
			items = append(items, object{"id": i + 1, "name": name})
		}
		return append(items, object{"id": 999, "name": notice})
	}
	return []*operation{
		{
			tool: "find_jobs", title: "Find jobs", paid: true, routes: []string{"POST /v1/jobs/jobs-finder"},
			what: "Searches job postings by company, title, place and more. Costs 1 credit per job returned, so keep per_page small.",
			params: []param{
				companyName,
				{name: "company_website", kind: "string", what: "company website"},
				{name: "job_title", kind: "string", what: "job title"},
				{name: "location", kind: "string", what: "place in words"},
				{name: "experience_level", kind: "string", what: "level", enum: []string{"entry", "mid", "senior", "executive"}},
				{name: "job_description", kind: "string", what: "words in the description"},
				{name: "city_name", kind: "string", what: "city; give country_id too"},
				{name: "country_id", kind: "string", what: "id from list_job_countries"},
				{name: "region_id", kind: "integer", what: "id from list_job_regions"},
				{name: "job_type_id", kind: "integer", what: "id from list_job_types"},
				{name: "company_type_id", kind: "integer", what: "id from list_job_company_types"},
				{name: "company_industry_id", kind: "integer", what: "id from list_job_industries"},
				{name: "min_employees", kind: "integer", what: "fewest employees"},
				{name: "max_employees", kind: "integer", what: "most employees"},
				{name: "has_remote", kind: "boolean", what: "remote work offered"},
				{name: "posted_within", kind: "integer", what: "posted in the last so many days"},
				{name: "posted_after", kind: "string", what: "posted on or after this day", format: "date"},
				{name: "posted_before", kind: "string", what: "posted on or before this day", format: "date"},
				{name: "page", kind: "integer", what: "page number", def: 1, min: 1},
				{name: "per_page", kind: "integer", what: "jobs per page", def: 20, min: 1, max: 50},
			},
			answer: findJobs,
		},
		list(
			"list_job_countries", "Job countries", "countries", "country",
			object{"id": "XA", "name": "Sandboxia"}, object{"id": "XB", "name": "Examplonia"}, object{"id": "XC", "name": "Placeholderland"}, object{"id": "XX", "name": notice},
		),
		list("list_job_types", "Job types", "job-types", "job type", numbered("Full Time", "Part Time", "Temporary", "Internship", "Freelance", "Contract")...),
		list("list_job_regions", "Job regions", "regions", "region", numbered("Africa", "Asia/Pacific", "Europe", "Middle East", "North America", "South America")...),
		list("list_job_company_types", "Company types", "company-types", "company type", numbered("Company", "Recruiter", "Agency")...),
		list("list_job_industries", "Industries", "industries", "industry", numbered(industries...)...),
	}
}

func findJobs(in input, _ *account) answer {
	page, perPage := in.number("page", 1), in.number("per_page", 20)
	total := 0
	if !in.misses() {
		total = generatorOf("jobs", in.text("company_name"), in.text("company_website"), in.text("job_title")).between(3, 120)
	}
	results := invent(max(0, (page-1)*perPage), perPage, total, func(n int) object { return jobAt(in, n) })
	message := "Jobs found"
	if len(results) == 0 {
		message = "No jobs found"
	}
	return found(float64(len(results)), message, object{
		"total_count": total, "page": page, "per_page": perPage, "total_pages": (total + perPage - 1) / perPage, "results": results,
	})
}

// jobAt invents the n-th job of a search.
func jobAt(in input, n int) object {
	g := generatorOf("job", in.text("company_name"), in.text("job_title"), string(rune('a'+n%26)), string(rune('a'+n/26)))
	company := in.text("company_name")
	if company == "" {
		company = g.pick(lastNames)
	}
	title := in.text("job_title")
	if title == "" {
		title = g.pick(titles)
	}
	_, company = companyOf("", company)
	return object{
		"id": g.between(1_000_000, 9_999_999), "title": title, "company": object{"name": company},
		"location": g.pick(cities) + ", " + g.pick(countries), "posted_date": "2026-11-02", "has_remote": g.between(0, 1) == 1,
		"application_url": "https://jobs.example/" + slug(company) + "/" + slug(title),
	}
}

package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strconv"
)

// Parameters that the v3 searches share.
var (
	cursorParam = param{name: "cursor", kind: "string", what: "next_cursor of the page before"}
	queryParam  = param{name: "query", kind: "string", what: "what to look for, in words"}
)

func limitParam(def, most int) param {
	return param{name: "limit", kind: "integer", what: "most rows to return", def: def, min: 1, max: most}
}

func searchOperations() []*operation {
	return []*operation{
		{
			tool: "search_people", title: "Search people", paid: true, routes: []string{"POST /v3/people/search"},
			what: "Searches people by company, title and more. Costs 1 credit per row, 1 more with include_email and 5 more with include_mobile.",
			params: []param{
				companyDomain, companyName,
				{name: "company_filters", kind: "object", what: "filters on the company"},
				{name: "people_filters", kind: "object", what: "filters on the person"},
				{name: "job_title", kind: "string", what: "job title"},
				{name: "titles", kind: "array", what: "job titles, any of them", max: 12},
				{name: "roles", kind: "array", what: "roles, any of them", max: 12},
				queryParam,
				{name: "include_email", kind: "boolean", what: "show email addresses"},
				{name: "include_mobile", kind: "boolean", what: "show mobile numbers"},
				limitParam(25, 10_000), cursorParam,
				{name: "offset", kind: "integer", what: "rows to skip; not together with cursor"},
			},
			answer: searchPeople,
		},
		{
			tool: "search_companies", title: "Search companies", paid: true, routes: []string{"POST /v3/companies/search"},
			what:   "Searches companies by filters or words. Costs 1 credit per row.",
			params: []param{companyDomain, companyName, {name: "company_filters", kind: "object", what: "filters"}, queryParam, limitParam(10, 50), cursorParam},
			answer: func(in input, _ *account) answer { return searchCompanies(in, 1) },
		},
		{
			tool: "find_lookalike_companies", title: "Find similar companies", paid: true, routes: []string{"POST /v3/companies/lookalike"},
			what:   "Finds companies like a given one. Needs company_domain or description. Costs 5 credits, nothing when none is found.",
			params: []param{companyDomain, {name: "description", kind: "string", what: "the kind of company, in words"}, limitParam(25, 2000)},
			oneOf:  [][]string{{"company_domain", "description"}},
			answer: func(in input, _ *account) answer {
				a := searchCompanies(in, 0)
				if body := a.body.(object); len(body["companies"].([]object)) > 0 {
					a = found(5, "Companies found", body)
				}
				a.consumed = true
				return a
			},
		},
		{
			tool: "search_jobs", title: "Search jobs", paid: true, routes: []string{"POST /v3/jobs/search", "POST /v3/jobs-search"},
			what: "Searches job postings by structured filters. Costs 1 credit per job returned.",
			params: []param{
				queryParam, companyName,
				{name: "job_title", kind: "string", what: "job title"},
				{name: "filters", kind: "object", what: "filters, as resolve_job_search_filters gives them"},
				{name: "totalMode", kind: "string", what: "how to count", enum: []string{"none", "capped", "exact"}},
				{name: "mode", kind: "string", what: "how hard to look", enum: []string{"fast", "deep"}},
				limitParam(10, 50), cursorParam,
			},
			answer: func(in input, _ *account) answer {
				return search(in, "jobs", 10, 3, 120, 1, func(n int) object { return jobAt(in, n) })
			},
		},
		{
			tool: "resolve_job_search_filters", title: "Resolve job filters", routes: []string{"POST /v3/jobs/search/resolve"},
			what: "Turns words into filters for search_jobs. Free.",
			params: []param{
				queryParam,
				{name: "titles", kind: "object", what: "job titles: include, exclude"},
				{name: "occupationTaxonomy", kind: "object", what: "occupations: level1, level2, level3"},
				{name: "companies", kind: "object", what: "companies: include, exclude, ids"},
				{name: "location", kind: "object", what: "places: countries, regions, states, cities"},
				{name: "tags", kind: "object", what: "skills: include, exclude"},
			},
			answer: func(in input, _ *account) answer {
				filters := object{}
				maps.Copy(filters, in)
				if query := in.text("query"); query != "" {
					filters["titles"] = []string{query}
				}
				return found(0, "Filters resolved", object{"filters": filters, "unresolved": []string{}})
			},
		},
		{
			tool: "get_job_search_catalogs", title: "Job search catalogs",
			what: "Lists what search_jobs can filter by. Free.",
			routes: []string{
				"GET /v3/jobs/search/catalogs", "GET /v3/jobs/search/companies", "GET /v3/jobs/search/tags", "GET /v3/jobs/search/titles",
				"GET /v3/jobs/search/roles", "GET /v3/jobs/search/occupation-taxonomy", "GET /v3/jobs/search/locations",
				"GET /v3/jobs/search/stats", "GET /v3/jobs/search/job-board/stats",
			},
			answer: func(input, *account) answer {
				return found(0, "Catalogs", object{"titles": titles, "industries": industries, "locations": cities, "countries": countries})
			},
		},
	}
}

// search answers with a page of the rows that match, from least to most of them, and charges for each. The cursor is opaque to
// callers; one that is not ours starts anew.
func search(in input, rows string, limit, least, most int, price float64, row func(n int) object) answer {
	offset, limit := in.number("offset", 0), in.number("limit", limit)
	if cursor := in.text("cursor"); cursor != "" {
		offset = 0
		if raw, err := base64.RawURLEncoding.DecodeString(cursor); err == nil {
			offset, _ = strconv.Atoi(string(raw))
		}
	}
	total := generatorOf(rows, seed(in)).between(least, most)
	if in.misses() {
		total = 0
	}
	items := invent(max(0, offset), limit, total, row)
	body := object{rows: items, "count": total, "returned_count": len(items), "has_more": false, "next_cursor": nil}
	if next := max(0, offset) + len(items); next < total {
		body["has_more"] = true
		body["next_cursor"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(next)))
	}
	return found(price*float64(len(items)), "Search done", body)
}

// invent makes the rows from offset on, of total.
func invent(offset, limit, total int, row func(n int) object) []object {
	rows := []object{}
	for n := offset; n < min(total, offset+limit); n++ {
		rows = append(rows, row(n))
	}
	return rows
}

// seed is the part of a search's input that names what is looked for, whatever the page.
func seed(in input) string {
	rest := object{}
	for name, value := range in {
		switch name {
		case "cursor", "offset", "limit", "include_email", "include_mobile":
		default:
			rest[name] = value
		}
	}
	data, _ := json.Marshal(rest) // it was decoded from JSON
	return string(data)
}

func searchPeople(in input, _ *account) answer {
	price := 1.0
	if in.flag("include_email") {
		price++
	}
	if in.flag("include_mobile") {
		price += 5
	}
	return search(in, "people", 25, 3, 200, price, func(n int) object {
		p := personAt(in.text("company_domain"), in.text("company_name"), n, in.text("job_title"))
		row := object{
			"full_name": p.name(), "first_name": p.first, "last_name": p.last, "job_title": p.title, "profile_url": p.profile(),
			"company_name": p.company, "company_domain": p.domain, "has_email": true, "has_mobile": true,
		}
		if in.flag("include_email") {
			row["email"] = p.email()
		}
		if in.flag("include_mobile") {
			row["mobile_number"] = p.mobile()
		}
		return row
	})
}

func searchCompanies(in input, price float64) answer {
	return search(in, "companies", 10, 3, 60, price, func(n int) object {
		g := generatorOf("row", seed(in), strconv.Itoa(n))
		domain, name := companyOf("", g.pick(lastNames)+" "+g.pick([]string{"Works", "Labs", "Group", "Partners"}))
		return object{"name": name, "domain": domain, "industry": g.pick(industries), "employee_count": g.between(10, 5000), "country": g.pick(countries)}
	})
}

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

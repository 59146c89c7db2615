package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
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
			tool: "search_people", title: "Search people", paid: true,
			what:   "Searches people by company, title and more. Costs 1 credit per row, 1 more with include_email and 5 more with include_mobile.",
			method: http.MethodPost, path: "/v3/people/search",
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
			tool: "search_companies", title: "Search companies", paid: true,
			what:   "Searches companies by filters or words. Costs 1 credit per row.",
			method: http.MethodPost, path: "/v3/companies/search",
			params: []param{companyDomain, companyName, {name: "company_filters", kind: "object", what: "filters"}, queryParam, limitParam(10, 50), cursorParam},
			answer: func(in input, _ *account) answer { return searchCompanies(in, 1) },
		},
		{
			tool: "find_lookalike_companies", title: "Find similar companies", paid: true,
			what:   "Finds companies like a given one. Needs company_domain or description. Costs 5 credits, nothing when none is found.",
			method: http.MethodPost, path: "/v3/companies/lookalike",
			params: []param{companyDomain, {name: "description", kind: "string", what: "the kind of company, in words"}, limitParam(25, 2000)},
			oneOf:  [][]string{{"company_domain", "description"}},
			answer: func(in input, _ *account) answer {
				a := searchCompanies(in, 0)
				body := a.body.(object)
				if len(body["companies"].([]object)) > 0 {
					a = found(5, "Companies found", body)
				}
				a.header = map[string]string{"X-Credits-Consumed": toCents(a.credits).String()}
				return a
			},
		},
		{
			tool: "search_jobs", title: "Search jobs", paid: true,
			what:   "Searches job postings by structured filters. Costs 1 credit per job returned.",
			method: http.MethodPost, path: "/v3/jobs/search", paths: []string{"POST /v3/jobs-search"},
			params: []param{
				queryParam, companyName,
				{name: "job_title", kind: "string", what: "job title"},
				{name: "filters", kind: "object", what: "filters, as resolve_job_search_filters gives them"},
				{name: "totalMode", kind: "string", what: "how to count", enum: []string{"none", "capped", "exact"}},
				{name: "mode", kind: "string", what: "how hard to look", enum: []string{"fast", "deep"}},
				limitParam(10, 50), cursorParam,
			},
			answer: searchJobs,
		},
		{
			tool: "resolve_job_search_filters", title: "Resolve job filters",
			what:   "Turns words into filters for search_jobs. Free.",
			method: http.MethodPost, path: "/v3/jobs/search/resolve",
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
			what:   "Lists what search_jobs can filter by. Free.",
			method: http.MethodGet, path: "/v3/jobs/search/catalogs",
			paths: []string{
				"GET /v3/jobs/search/companies", "GET /v3/jobs/search/tags", "GET /v3/jobs/search/titles", "GET /v3/jobs/search/roles",
				"GET /v3/jobs/search/occupation-taxonomy", "GET /v3/jobs/search/locations", "GET /v3/jobs/search/stats", "GET /v3/jobs/search/job-board/stats",
			},
			answer: func(input, *account) answer {
				return found(0, "Catalogs", object{"titles": titles, "industries": industries, "locations": cities, "countries": countries})
			},
		},
	}
}

// page reads where a search starts and how far it goes. The cursor is opaque to callers; one that is not ours starts anew.
func page(in input, def int) (offset, limit int) {
	if raw, err := base64.RawURLEncoding.DecodeString(in.text("cursor")); err == nil {
		offset, _ = strconv.Atoi(string(raw))
	}
	if in.text("cursor") == "" {
		offset = in.number("offset", 0)
	}
	return max(0, offset), in.number("limit", def)
}

func pageBody(rows string, items []object, total, offset int) object {
	body := object{rows: items, "count": total, "returned_count": len(items), "has_more": false, "next_cursor": nil}
	if next := offset + len(items); next < total {
		body["has_more"] = true
		body["next_cursor"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(next)))
	}
	return body
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
	offset, limit := page(in, 25)
	total := generatorOf("people", seed(in)).between(3, 200)
	if in.misses() {
		total = 0
	}
	people := []object{}
	price := 1.0
	if in.flag("include_email") {
		price++
	}
	if in.flag("include_mobile") {
		price += 5
	}
	for n := offset; n < min(total, offset+limit); n++ {
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
		people = append(people, row)
	}
	return found(price*float64(len(people)), "Search done", pageBody("people", people, total, offset))
}

func searchCompanies(in input, price float64) answer {
	offset, limit := page(in, 10)
	g := generatorOf("companies", seed(in))
	total := g.between(3, 60)
	if in.misses() {
		total = 0
	}
	rows := []object{}
	for n := offset; n < min(total, offset+limit); n++ {
		g := generatorOf("row", seed(in), strconv.Itoa(n))
		domain, name := companyOf("", g.pick(lastNames)+" "+g.pick([]string{"Works", "Labs", "Group", "Partners"}))
		rows = append(rows, object{"name": name, "domain": domain, "industry": g.pick(industries), "employee_count": g.between(10, 5000), "country": g.pick(countries)})
	}
	return found(price*float64(len(rows)), "Search done", pageBody("companies", rows, total, offset))
}

func searchJobs(in input, _ *account) answer {
	offset, limit := page(in, 10)
	total := generatorOf("jobs", seed(in)).between(3, 120)
	if in.misses() {
		total = 0
	}
	jobs := jobsFrom(in, total, offset, limit)
	return found(float64(len(jobs)), "Search done", pageBody("jobs", jobs, total, offset))
}

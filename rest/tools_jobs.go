package rest

import (
	"encoding/json"
	"net/http"
)

func jobTools() []tool {
	return []tool{
		findJobs(),
		jobList("list_job_countries", "Job countries", "/v1/jobs/countries", "country_id", "get_job_countries"),
		jobList("list_job_types", "Job types", "/v1/jobs/job-types", "job_type_id", "get_job_types"),
		jobList("list_job_regions", "Job regions", "/v1/jobs/regions", "region_id"),
		jobList("list_job_company_types", "Job company types", "/v1/jobs/company-types", "company_type_id"),
		jobList("list_job_industries", "Job industries", "/v1/jobs/industries", "company_industry_id"),
		searchJobs(),
		{
			name: "get_job_search_catalogs", title: "Job search catalogs",
			method: http.MethodGet, path: "/v3/jobs/search/catalogs",
			what: "List what search_jobs can filter by: countries, regions, job types, industries, company types and seniorities with their ids. Needs nothing.",
		},
		{
			name: "resolve_job_search_filters", title: "Resolve job filters",
			method: http.MethodPost, path: "/v3/jobs/search/resolve",
			what:   "Turn names of companies, places, tags, occupations and titles into the ids that search_jobs filters by. Returns no jobs.",
			params: jobFilters(),
		},
	}
}

// jobList is a free list of the ids that one argument of find_jobs takes.
func jobList(name, title, path, argument string, aliases ...string) tool {
	return tool{
		name: name, title: title, aliases: aliases, method: http.MethodGet, path: path,
		what: "List the ids that " + argument + " of find_jobs takes, with their names. Needs nothing.",
	}
}

func findJobs() tool {
	return tool{
		name: "find_jobs", title: "Find jobs",
		method: http.MethodPost, path: "/v1/jobs/jobs-finder",
		what:  "Find job postings by company, title, place, date and more, page by page. Filters that are given must all hold. search_jobs filters more finely.",
		price: perRow(0, 1, "per_page", "1 per job", "1 credit for each job returned, so 20 at most unless per_page says otherwise"),
		params: []param{
			companyName(),
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
	}
}

func searchJobs() tool {
	ids := func(name, what string) param {
		return param{name: name, kind: "array", what: what, items: &param{kind: "integer"}}
	}
	texts := func(name, what string) param {
		return param{name: name, kind: "array", what: what, items: &param{kind: "string"}}
	}
	return tool{
		name: "search_jobs", title: "Search jobs",
		method: http.MethodPost, path: "/v3/jobs/search",
		what:  "Search job postings by title, occupation, company, place, skill, salary, seniority and date. Filters that are given must all hold; names are resolved to ids. Returns jobs, and next_cursor when there are more.",
		price: perRow(0, 1, "limit", "1 per job", "1 credit for each job returned, so 25 at most unless limit says otherwise; it is free on plans with unmetered search"),
		params: append(
			jobFilters(),
			param{name: "salary", kind: "object", what: "yearly salary", fields: []param{
				{name: "min_usd", kind: "integer", what: "least, in US dollars"},
				{name: "max_usd", kind: "integer", what: "most, in US dollars"},
			}},
			texts("seniority", "seniorities, from get_job_search_catalogs"),
			param{name: "postedAfter", kind: "string", what: "posted on or after this day, as YYYY-MM-DD", format: "date"},
			param{name: "postedBefore", kind: "string", what: "posted on or before this day, as YYYY-MM-DD", format: "date"},
			param{name: "postedWithin", kind: "integer", what: "posted in the last so many days", least: new(1)},
			texts("languages", "languages of the posting, such as en"),
			param{name: "hasRemote", kind: "boolean", what: "whether the job may be done remotely"},
			ids("jobTypeIds", "job types, from get_job_search_catalogs"),
			ids("industryIds", "industries, from get_job_search_catalogs"),
			ids("companyTypeIds", "company types, from get_job_search_catalogs"),
			ids("companySizeCodes", "company sizes, as LeadMagic's codes"),
			param{name: "limit", kind: "integer", what: "most jobs to return, and to pay for", least: new(1), most: new(50), preset: 25},
			param{name: "cursor", kind: "string", what: "next_cursor of the page before, with the same filters and limit"},
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
	}
}

// jobFilters are the filters of the v3 job search that can be resolved from names to ids.
func jobFilters() []param {
	list := func(name, what, kind string) param {
		return param{name: name, kind: "array", what: what, items: &param{kind: kind}}
	}
	group := func(name, what string, fields ...param) param {
		return param{name: name, kind: "object", what: what, fields: fields}
	}
	include := func(kind string) param { return list("include", "of which one must hold", kind) }
	exclude := func(kind string) param { return list("exclude", "of which none may hold", kind) }
	return []param{
		group("titles", "job titles", include("string"), exclude("string"),
			param{name: "vector", kind: "boolean", what: "take titles of like meaning too", preset: false}),
		group("occupationTaxonomy", "occupations, coarse to fine",
			list("level1", "fields of work, such as Engineer", nameOrID), list("level2", "specialities, such as DevOps", nameOrID), list("level3", "occupations", nameOrID)),
		group("companies", "companies, by name or domain", include("string"), exclude("string"), list("ids", "companies, by id", "integer")),
		group("location", "places of the job",
			list("countries", "country codes, names or ids", nameOrID), list("regions", "regions", nameOrID), list("states", "states", nameOrID), list("cities", "cities", nameOrID)),
		group("tags", "skills and technologies, such as kubernetes", include(nameOrID), exclude(nameOrID)),
	}
}

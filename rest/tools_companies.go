package rest

import "net/http"

// companyFilters are the filters that the searches of people and of companies share.
func companyFilters() param {
	return param{
		name: "company_filters", kind: "object",
		what: "filters on the company, for example {\"company_domains\": [\"acme.com\"], \"country_codes\": [\"US\"], \"employee_ranges\": [\"51 to 200\"], \"crm_tech\": [\"Salesforce\"], \"has_funding\": true, \"website_active\": true}",
	}
}

func companyTools() []tool {
	return []tool{
		{
			name: "enrich_company", title: "Enrich company", aliases: []string{"search_company"},
			method: http.MethodPost, path: "/v1/companies/company-search",
			what:  "Look up one company: industry, size, revenue, funding, headquarters, description. Needs company_domain, company_name or profile_url.",
			price: flat(1, "1 if found", "1 credit when the company is found, nothing otherwise"),
			params: []param{
				companyDomain(), companyName(),
				{name: "profile_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
			},
			oneOf: [][]string{{"company_domain", "company_name", "profile_url"}},
			hits:  []string{"companyName", "companyId", "websiteUrl", "industry"},
		},
		{
			name: "find_company_funding", title: "Company funding", aliases: []string{"get_company_funding"},
			method: http.MethodPost, path: "/v1/companies/company-funding",
			what:   "Read a company's funding rounds, investors, financials, leadership, acquisitions and news. Needs company_domain or company_name.",
			price:  flat(4, "4 if found", "4 credits when the company is found, nothing otherwise"),
			params: []param{companyDomain(), companyName()},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			hits:   []string{"basicInfo", "financialInfo", "fundingHistory", "companySize", "leadership"},
		},
		{
			name: "list_company_competitors", title: "List competitors",
			method: http.MethodPost, path: "/v1/companies/competitors-search",
			what:  "List a company's competitors with their size, headquarters, valuation and funding. Needs company_domain, company_name or company_url.",
			price: flat(5, "5", "5 credits"),
			params: []param{
				companyDomain(), companyName(),
				{name: "company_url", kind: "string", what: "URL of the company's B2B profile, or its last part"},
			},
			oneOf: [][]string{{"company_domain", "company_url", "company_name"}},
			hits:  []string{"competitors"},
		},
		{
			name: "get_company_technographics", title: "Company technologies",
			method: http.MethodPost, path: "/v1/companies/technographics",
			what:   "List the technologies that a company uses, by category. Needs company_domain.",
			price:  flat(1, "1 if found", "1 credit, nothing when none is found"),
			params: []param{companyDomain().must()},
			hits:   []string{"data"},
		},
		{
			name: "search_companies", title: "Search companies",
			method: http.MethodPost, path: "/v3/companies/search",
			what:  "Search companies by place, size, technology, funding and more, or in words. Filters that are given must all hold. Returns companies, and next_cursor when there are more. For one company that you know, enrich_company says more.",
			price: perRow(0, 1, "limit", "1 per company", "1 credit for each company returned, so 10 at most unless limit says otherwise; it is free on plans with unmetered search"),
			params: []param{
				companyDomain(), companyName(),
				{name: "profile_url", kind: "string", what: "URL of the company's B2B profile"},
				companyFilters(),
				{name: "query", kind: "string", what: "what to look for, in words"},
				{name: "limit", kind: "integer", what: "most companies to return, and to pay for", least: new(1), most: new(50), preset: 10},
				{name: "cursor", kind: "string", what: "next_cursor of the page before, with the same filters and limit"},
			},
			hits: []string{"companies"},
		},
		{
			name: "find_lookalike_companies", title: "Find similar companies",
			method: http.MethodPost, path: "/v3/companies/lookalike",
			what:  "Find companies like a given one, or like a description. Needs company_domain, company_name or description.",
			price: flat(5, "5 if found", "5 credits however many are returned, nothing when none is found"),
			params: []param{
				companyDomain(), companyName(),
				{name: "description", kind: "string", what: "the kind of company, in words"},
				companyFilters(),
				{name: "limit", kind: "integer", what: "most companies to return", least: new(1), most: new(2000), preset: 25},
				{name: "offset", kind: "integer", what: "how many to skip, to read on", least: new(0), preset: 0},
			},
			oneOf: [][]string{{"company_domain", "company_name", "description"}},
			hits:  []string{"companies"},
		},
	}
}

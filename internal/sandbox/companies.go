package sandbox

import (
	"cmp"
	"strings"
)

func companyOperations() []*operation {
	byDomainOrName := [][]string{{"company_domain", "company_name"}}
	return []*operation{
		{
			tool: "enrich_company", title: "Look up a company", paid: true, routes: []string{"POST /v1/companies/company-search"},
			what:   "Looks up one company: industry, size, revenue, funding, locations. Needs company_domain, company_name or profile_url. Costs 1 credit when found, nothing otherwise.",
			params: []param{companyDomain, companyName, profileURL},
			oneOf:  [][]string{{"company_domain", "company_name", "profile_url"}},
			none:   object{"message": "Company not found", "companyName": nil, "companyId": nil, "industry": nil, "employeeCount": nil, "description": nil, "websiteUrl": nil, "headquarter": nil, "revenue": nil},
			answer: enrichCompany,
		},
		{
			tool: "find_company_funding", title: "Company funding", paid: true, routes: []string{"POST /v1/companies/company-funding"},
			what:   "Lists a company's funding rounds, investors, leadership and news. Needs company_domain or company_name. Costs 4 credits when found, nothing otherwise.",
			params: []param{companyDomain, companyName}, oneOf: byDomainOrName,
			none: object{"message": "Company not found", "basicInfo": nil, "financialInfo": nil, "fundingHistory": nil, "leadership": nil, "news": nil},
			answer: func(in input, _ *account) answer {
				domain, company := companyOf(in.text("company_domain"), in.text("company_name"))
				g := generatorOf("funding", domain)
				lead := personAt(domain, company, 0, "Chief Executive Officer")
				return found(4, "Company found", object{
					"basicInfo":     object{"companyName": company, "website": domain, "founded": g.between(1980, 2020)},
					"financialInfo": object{"totalFunding": g.between(1, 90) * 1_000_000, "currency": "USD"},
					"fundingHistory": []object{
						{"round": "Series A", "date": "2022-05-10", "amount": g.between(1, 40) * 1_000_000, "investors": []string{capital(g.pick(lastNames)) + " Ventures"}},
					},
					"leadership":     object{"ceo": lead.name()},
					"topCompetitors": competitorsOf(domain), "news": []object{}, "pressReleases": []object{}, "acquisitions": []object{},
				})
			},
		},
		{
			tool: "list_company_competitors", title: "Company competitors", paid: true, routes: []string{"POST /v1/companies/competitors-search"},
			what:   "Lists a company's competitors. Needs company_domain, company_name or company_url. Costs 5 credits.",
			params: []param{companyDomain, companyName, {name: "company_url", kind: "string", what: "company profile URL"}},
			oneOf:  [][]string{{"company_domain", "company_url", "company_name"}},
			none:   object{"message": "No competitors found", "competitors": []object{}},
			answer: func(in input, _ *account) answer {
				domain, _ := companyOf(cmp.Or(in.text("company_domain"), in.text("company_url")), in.text("company_name"))
				return found(5, "Competitors found", object{"competitors": competitorsOf(domain)})
			},
		},
		{
			tool: "get_company_technographics", title: "Company technologies", paid: true, routes: []string{"POST /v1/companies/technographics"},
			what:   "Lists the technologies a company uses. Costs 1 credit, nothing when none is known.",
			params: []param{companyDomain.mandatory()},
			none:   object{"message": "No technologies found", "data": []object{}},
			answer: func(in input, _ *account) answer {
				g := generatorOf("tech", in.text("company_domain"))
				start := g.between(0, len(techs)-1)
				data := make([]object, 0, 3)
				for n := range g.between(1, 3) {
					data = append(data, object{"name": techs[(start+n)%len(techs)], "description": "An invented product", "categories": []string{"Analytics"}, "sub_technologies": []string{}})
				}
				return found(1, "Technologies found", object{"data": data})
			},
		},
	}
}

func enrichCompany(in input, _ *account) answer {
	domain, name := in.text("company_domain"), in.text("company_name")
	if url := in.text("profile_url"); domain == "" && name == "" {
		p := personBehind(url) // the last part of the URL reads as a name
		name = p.name()
	}
	domain, name = companyOf(domain, name)
	g := generatorOf("company", domain)
	industry := g.pick(industries)
	founded := g.between(1980, 2020)
	employees := generatorOf("size", domain).between(12, 400)
	revenue := employees * 150_000
	return found(1, "Company found", object{
		"companyName": name, "companyId": g.between(100_000, 999_999), "industry": industry,
		"employeeCount": employees, "employeeCountRange": object{"start": 11, "end": 500}, "employee_range": "11-500",
		"specialities": []string{industry}, "tagline": "Nothing here is real", "followerCount": g.between(50, 90_000),
		"description": name + " does not exist.", "websiteUrl": "https://" + domain, "universalName": slug(name),
		"headquarter": object{"city": g.pick(cities), "country": g.pick(countries)},
		"locations":   []object{{"city": g.pick(cities), "country": g.pick(countries)}},
		"foundedOn":   object{"year": founded}, "founded_year": founded, "ownership_status": "private",
		"revenue": revenue, "revenue_formatted": cents(revenue * 100).String(), "total_funding": g.between(0, 90) * 1_000_000,
		"competitors": []string{}, "b2b_profile_url": "https://profiles.example/company/" + slug(name),
	})
}

func competitorsOf(domain string) []object {
	g := generatorOf("competitors", domain)
	list := make([]object, 0, 3)
	for range g.between(1, 3) {
		name := g.pick(lastNames) + " " + g.pick([]string{"Works", "Labs", "Group"})
		list = append(list, object{
			"name": name, "shortDescription": name + " does not exist.", "founded_year": g.between(1980, 2020),
			"hq": g.pick(cities), "employeesCount": g.between(10, 5000), "tags": []string{g.pick(industries)},
		})
	}
	return list
}

func adOperations() []*operation {
	search := func(name, title, network string, base float64) *operation {
		cost := "Costs 1 credit per ad returned"
		if base > 0 {
			cost = "Costs 1 credit and 1 more per ad returned"
		}
		return &operation{
			tool: "search_" + name + "_ads", title: title + " ads", paid: true, routes: []string{"POST /v1/ads/" + name + "-ads-search"},
			what:   "Searches a company's ads on " + network + ". Needs company_domain or company_name. " + cost + ": set limit.",
			params: []param{companyDomain, companyName, {name: "limit", kind: "integer", what: "most ads to return, and to pay for", min: 1, max: 100}},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			none:   object{"message": "No ads found", "ads": []object{}, "ads_count": 0},
			answer: func(in input, _ *account) answer { return searchAds(in, network, base) },
		}
	}
	return []*operation{
		search("google", "Google", "Google", 0),
		search("meta", "Meta", "Meta", 0),
		search("b2b", "B2B", "the B2B network", 1),
		{
			tool: "get_b2b_ad_details", title: "B2B ad details", paid: true, routes: []string{"POST /v1/ads/b2b-ads-details"},
			what:   "Shows one B2B ad in full. Costs 2 credits when found, nothing otherwise.",
			params: []param{{name: "ad_url", kind: "string", what: "ad library URL, path or numeric id", required: true}},
			none:   object{"message": "Ad not found", "ad_details": nil, "company": nil},
			answer: func(in input, _ *account) answer {
				url := strings.TrimRight(in.text("ad_url"), "/")
				id := url[strings.LastIndexByte(url, '/')+1:]
				g := generatorOf("ad", id)
				return found(2, "Ad found", object{
					"company":    object{"name": g.pick(lastNames)},
					"ad_details": object{"ad_id": id, "headline": "Buy what does not exist", "ad_type": "single_image", "raw": object{}},
				})
			},
		},
	}
}

func searchAds(in input, network string, base float64) answer {
	domain, company := companyOf(in.text("company_domain"), in.text("company_name"))
	g := generatorOf("ads", network, domain)
	count := min(g.between(2, 30), in.number("limit", 100))
	ads := make([]object, 0, count)
	for range count {
		id := g.between(100_000, 999_999)
		ads = append(ads, object{
			"ad_id": id, "advertiser_name": company, "headline": "Buy what does not exist", "format": g.pick([]string{"text", "image", "video"}),
			"original_url": "https://ads.example/" + slug(company), "start": "2026-10-01", "last_seen": "2026-11-20",
		})
	}
	return found(base+float64(count), "Ads found", object{"ads_count": count, "ads": ads, "company": object{"name": company, "domain": domain}})
}

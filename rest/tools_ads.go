package rest

import "net/http"

func adTools() []tool {
	return []tool{
		searchAds("google", "Google", "/v1/ads/google-ads-search", 0),
		searchAds("meta", "Meta", "/v1/ads/meta-ads-search", 0),
		searchAds("b2b", "B2B", "/v1/ads/b2b-ads-search", 1),
		{
			name: "get_b2b_ad_details", title: "B2B ad details",
			method: http.MethodPost, path: "/v1/ads/b2b-ads-details",
			what:   "Read one B2B ad in full: texts, creative, targeting, impressions. Needs ad_url, as search_b2b_ads returns it.",
			price:  flat(2, "2 if found", "2 credits when the ad is found, nothing otherwise"),
			params: []param{{name: "ad_url", kind: "string", what: "URL or path of the ad in the ad library, or its number", required: true}},
			hits:   []string{"ad_details"},
		},
	}
}

// searchAds is the search of one network. Without a limit LeadMagic returns, and bills, every ad it finds: so
// one is always sent.
func searchAds(network, title, path string, base float64) tool {
	short, cost := "1 per ad", "1 credit for each ad returned, so 10 at most unless limit says otherwise"
	if base > 0 {
		short, cost = "1, and 1 per ad", "1 credit for the search and 1 for each ad returned, so 11 at most unless limit says otherwise"
	}
	return tool{
		name: "search_" + network + "_ads", title: "Search " + title + " ads",
		method: http.MethodPost, path: path,
		what:  "List the ads that a company runs on the " + title + " network. Needs company_domain or company_name.",
		price: perRow(base, 1, "limit", short, cost),
		params: []param{
			companyDomain(), companyName(),
			{name: "limit", kind: "integer", what: "most ads to return, and to pay for", least: new(1), most: new(100), preset: 10, send: true},
		},
		oneOf: [][]string{{"company_domain", "company_name"}},
		hits:  []string{"ads"},
	}
}

package sandbox

import (
	"net/http"
	"strings"
)

func adOperations() []*operation {
	search := func(tool, title, network, path string, base float64) *operation {
		cost := "Costs 1 credit per ad returned"
		if base > 0 {
			cost = "Costs 1 credit and 1 more per ad returned"
		}
		return &operation{
			tool: tool, title: title, paid: true,
			what:   "Searches a company's ads on " + network + ". Needs company_domain or company_name. " + cost + ": set limit.",
			method: http.MethodPost, path: path,
			params: []param{companyDomain, companyName, {name: "limit", kind: "integer", what: "most ads to return, and to pay for", min: 1, max: 100}},
			oneOf:  [][]string{{"company_domain", "company_name"}},
			none:   object{"message": "No ads found", "ads": []object{}, "ads_count": 0},
			answer: func(in input, _ *account) answer { return searchAds(in, network, base) },
		}
	}
	return []*operation{
		search("search_google_ads", "Google ads", "Google", "/v1/ads/google-ads-search", 0),
		search("search_meta_ads", "Meta ads", "Meta", "/v1/ads/meta-ads-search", 0),
		search("search_b2b_ads", "B2B ads", "the B2B network", "/v1/ads/b2b-ads-search", 1),
		{
			tool: "get_b2b_ad_details", title: "B2B ad details", paid: true,
			what:   "Shows one B2B ad in full. Costs 2 credits when found, nothing otherwise.",
			method: http.MethodPost, path: "/v1/ads/b2b-ads-details",
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

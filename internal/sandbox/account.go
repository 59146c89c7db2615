package sandbox

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cents is an amount of money in hundredths of a credit, so that 0.05 adds up.
type cents int64

func toCents(credits float64) cents { return cents(math.Round(credits * 100)) }

func (c cents) credits() float64 { return float64(c) / 100 }

// String is the form LeadMagic's headers use: "15432.50".
func (c cents) String() string { return strconv.FormatFloat(c.credits(), 'f', 2, 64) }

// account is the balance and the use of one sandbox.
type account struct {
	mu     sync.Mutex
	left   cents
	spent  cents
	calls  atomic.Int64
	minute time.Time // start of the rate window that used counts in
	used   int
}

// charge takes the credits of a call and counts the call, or reports false and does neither when the balance does not cover it.
func (a *account) charge(credits float64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	price := toCents(credits)
	if price > a.left {
		return false
	}
	a.left -= price
	a.spent += price
	a.calls.Add(1)
	return true
}

// Balance is the number of credits left.
func (a *account) Balance() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left.credits()
}

// SetBalance sets the number of credits left.
func (a *account) SetBalance(credits float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = max(0, toCents(credits))
}

// Charged is the number of credits charged since the start.
func (a *account) Charged() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spent.credits()
}

// rateLimit is the number of REST requests per minute that the headers announce; nothing enforces it.
const rateLimit = 600

// rate counts so many REST requests and returns what the rate headers say: requests left in this minute and when it ends.
func (a *account) rate(now time.Time, requests int) (left int, reset time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if start := now.Truncate(time.Minute); !start.Equal(a.minute) {
		a.minute, a.used = start, 0
	}
	a.used += requests
	return max(0, rateLimit-a.used), a.minute.Add(time.Minute)
}

func accountOperations() []*operation {
	balance := func(_ input, acc *account) answer {
		return answer{body: object{"credits": acc.Balance(), "sandbox": notice}}
	}
	days := param{name: "days", kind: "integer", what: "days to include", def: 30, min: 1, max: 90}
	first := param{name: "start_date", kind: "string", what: "first day, for summary", format: "date"}
	last := param{name: "end_date", kind: "string", what: "last day, for summary", format: "date"}
	date := param{name: "date", kind: "string", what: "the day, for day", format: "date"}
	reports := func(params []param, paths ...string) (all []*operation) {
		for _, path := range paths {
			name, _, _ := strings.Cut(path, "/")
			all = append(all, &operation{
				tool: "get_account_analytics", routes: []string{"GET /v1/analytics/" + path}, params: params,
				answer: func(in input, acc *account) answer { return analytics(name, in, acc) },
			})
		}
		return all
	}
	return slices.Concat(reports(nil, "dashboard"), reports([]param{days}, "usage", "products", "credits", "daily"),
		reports([]param{first, last}, "summary"), reports([]param{date.mandatory()}, "day/{date}"), []*operation{
			{
				tool: "check_credits", also: []string{"check_credit_balance"}, title: "Check credits", routes: []string{"GET /v1/credits", "POST /v1/credits"},
				what:   "Shows the remaining credits. Free.",
				answer: balance,
			},
			{tool: "refresh_credit_balance", routes: []string{"POST /v1/credits/refresh"}, answer: balance},
			{
				tool: "check_api_key", routes: []string{"GET /v1/credits/health"},
				answer: func(input, *account) answer { return answer{body: object{"status": "ok", "sandbox": notice}} },
			},
			{
				tool: "get_account_analytics", title: "Account analytics",
				what: "Shows usage, credits spent and rate-limit headroom of the account. Free.",
				params: []param{
					{name: "report", kind: "string", what: "which report", def: "dashboard", enum: []string{"dashboard", "usage", "products", "credits", "daily", "summary", "day"}},
					days, first, last, date,
				},
				answer: func(in input, acc *account) answer {
					return analytics(cmp.Or(in.text("report"), "dashboard"), in, acc)
				},
			},
			{
				tool: "preview_cost", title: "Preview a cost", routes: []string{"POST /v1/batch/preview-cost"},
				what: "Says what a set of lookups would cost at most, without running them. Free.",
				params: []param{
					{name: "items", kind: "array", what: "lookups: objects with product and input", required: true, min: 1, max: 10_000},
					{name: "budget_user_id", kind: "string", what: "member whose budget to check"},
					{name: "client_id", kind: "string", what: "client id"},
					{name: "client_name", kind: "string", what: "client name"},
					{name: "metadata", kind: "object", what: "anything"},
				},
				answer: previewCost,
			},
		})
}

// analytics are the account's reports. The sandbox keeps no days: what was spent since it started, it spent today.
func analytics(name string, in input, acc *account) answer {
	body := object{"sandbox": notice}
	totals := object{"requests": acc.calls.Load(), "credits": acc.Charged()}
	switch name {
	case "dashboard":
		left, _ := acc.rate(time.Now(), 0)
		body["user"] = object{"name": "Sandbox User", "plan": "sandbox"}
		body["credits"] = object{"current": acc.Balance(), "formatted": toCents(acc.Balance()).String()}
		body["rate_limit"] = object{"minute": object{"limit": rateLimit, "used": rateLimit - left, "remaining": left}}
		body["concurrency"] = object{"current": 0, "peak": 1, "active_reservations": 0}
		body["stats"] = object{"today": totals, "this_week": totals, "this_month": totals}
	case "summary":
		body["total_requests"], body["total_credits"], body["success_rate"] = totals["requests"], totals["credits"], 100
	case "day":
		body["date"], body["summary"], body["products"] = in.text("date"), totals, []object{}
	default:
		body["period"] = object{"days": in.number("days", 30)}
		body["summary"], body["daily"], body["products"] = totals, []object{}, object{}
	}
	return answer{body: body}
}

// products are LeadMagic's names for what a batch can run, by the route they stand for, with the highest price of one item.
var products = map[string]float64{
	"email-validation": 0.25, "email-finder": 1, "personal-email-finder": 2, "b2b-profile-email": 5, "profile-search": 1,
	"b2b-profile": 10, "mobile-finder": 5, "job-change-detector": 3, "role-finder": 2, "employee-finder": 0.5,
	"company-search": 1, "company-funding": 4, "competitors-search": 5, "technographics": 1, "jobs-finder": 20,
}

func previewCost(in input, acc *account) answer {
	items, _ := in["items"].([]any)
	total := 0.0
	counts := map[string]int{}
	for _, item := range items {
		entry, _ := item.(map[string]any)
		name, _ := entry["product"].(string)
		name = strings.ReplaceAll(name, "_", "-")
		counts[name]++
		total += products[name]
	}
	perProduct := []object{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		count := counts[name]
		perProduct = append(perProduct, object{"product": name, "count": count, "credits": toCents(products[name] * float64(count)).credits()})
	}
	total = toCents(total).credits()
	return answer{body: object{
		"totalItems": len(items), "totalCredits": total, "creditsPerItem": json.Number(toCents(total / float64(max(1, len(items)))).String()),
		"estimatedCostUsd": 0, "perProduct": perProduct, "clientCreditRemaining": acc.Balance(),
		"willExceedBudget": total > acc.Balance(), "sandbox": notice,
	}}
}

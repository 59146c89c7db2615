package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// startSandbox is a LeadMagic by another hand, and the options of a session with it.
func startSandbox(t *testing.T) (*faults.Server, rest.Options) {
	t.Helper()
	box, err := faults.Start(faults.Options{Credits: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	o := options(box.URL)
	o.Client = &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("X-API-Key", sandbox.Key)
		return http.DefaultTransport.RoundTrip(req)
	})}
	return box, o
}

func TestTheSandboxCarriesOutEachTool(t *testing.T) {
	box, o := startSandbox(t)
	session := connect(t, o, nil)
	cost := rest.Costs()
	for _, tt := range routes {
		if strings.Contains(tt.name, "path value") || strings.Contains(tt.name, "escaped") {
			continue // these are not for LeadMagic to accept
		}
		t.Run(tt.name, func(t *testing.T) {
			charged, carried := box.Charged(), box.CallCount()
			result := call(t, session, tt.tool, tt.args)
			if result.IsError {
				t.Fatalf("got the failure %q", text(result))
			}
			if n := box.CallCount() - carried; n != 1 {
				t.Errorf("got %d calls carried out, want one", n)
			}
			last := box.Calls()[len(box.Calls())-1]
			if last.Upstream != "rest" {
				t.Errorf("got a call to %s, want one to the REST API", last.Upstream)
			}
			if !strings.Contains(texts(result)[0], "invented") {
				t.Errorf("got %.200q, want it to say that the data is invented", text(result))
			}
			used, err := usage(t, result).CreditsUsed.Float64()
			if err != nil || used != last.Credits {
				t.Errorf("got %v credits used (%v), want the %v that were charged", used, err, last.Credits)
			}
			worst, known := cost(tt.tool, []byte(tt.args), false)
			if spent := box.Charged() - charged; !known || spent > worst.Float()+1e-9 {
				t.Errorf("got %v credits charged, want at most the %v of the table (known: %v)", spent, worst, known)
			}
		})
	}
}

func TestTheSandboxMisses(t *testing.T) {
	box, o := startSandbox(t)
	session := connect(t, o, nil)
	tests := []struct{ tool, args string }{
		{"find_work_email", `{"full_name":"Nobody","domain":"acme.example"}`},
		{"find_personal_email", `{"profile_url":"nobody"}`},
		{"b2b_profile_to_work_email", `{"profile_url":"nobody"}`},
		{"email_to_b2b_profile", `{"work_email":"a@b.invalid"}`},
		{"find_mobile_number", `{"profile_url":"nobody"}`},
		{"detect_job_change", `{"profile_url":"nobody","company_name":"Acme"}`},
		{"find_people_by_role", `{"job_title":"CEO","company_domain":"acme.invalid"}`},
		{"find_company_employees", `{"company_domain":"acme.invalid"}`},
		{"enrich_company", `{"company_domain":"acme.invalid"}`},
		{"find_company_funding", `{"company_domain":"acme.invalid"}`},
		{"get_company_technographics", `{"company_domain":"acme.invalid"}`},
		{"find_jobs", `{"company_name":"Nobody"}`},
		{"search_google_ads", `{"company_domain":"acme.invalid"}`},
		{"search_meta_ads", `{"company_domain":"acme.invalid"}`},
		{"search_b2b_ads", `{"company_domain":"acme.invalid"}`},
		{"get_b2b_ad_details", `{"ad_url":"nobody"}`},
		{"search_people", `{"company_domain":"acme.invalid"}`},
		{"search_companies", `{"query":"nobody"}`},
		{"find_lookalike_companies", `{"company_domain":"acme.invalid"}`},
	}
	for _, tt := range tests {
		t.Run(tt.tool, func(t *testing.T) {
			result := call(t, session, tt.tool, tt.args)
			got := texts(result)
			if result.IsError || len(got) != 2 || got[1] != "Nothing was found, and nothing was charged." {
				t.Errorf("got %q, want an answer and that it is a miss", got)
			}
		})
	}
	if got := box.Charged(); got != 0 {
		t.Errorf("got %v credits charged, want none", got)
	}
}

func TestTheSandboxRefuses(t *testing.T) {
	box, o := startSandbox(t)
	session := connect(t, o, nil)
	refused := func(t *testing.T, want ...string) {
		t.Helper()
		result := call(t, session, "find_mobile_number", `{"profile_url":"ada"}`)
		for _, w := range want {
			if !result.IsError || !strings.Contains(text(result), w) {
				t.Errorf("got %q, want it to say %q", text(result), w)
			}
		}
		if strings.Contains(text(result), sandbox.Key) {
			t.Error("the answer has the key")
		}
	}
	t.Run("without credits", func(t *testing.T) {
		box.SetBalance(2.5)
		defer box.SetBalance(100)
		refused(t, "it needs 5, 2.5 are available (insufficient_credits, request req_sandbox_", "see https://leadmagic.io/docs")
	})
	t.Run("another key", func(t *testing.T) {
		box.SetKey("lm_canary_other")
		defer box.SetKey(sandbox.Key)
		refused(t, "LeadMagic rejected the API key")
	})
	for _, form := range []string{faults.FormErrors, faults.FormFlat, faults.FormMessage, faults.FormNested} {
		t.Run("a problem in the form "+form, func(t *testing.T) {
			box.Fault(faults.Fault{Path: "/v1/", Kind: faults.Problem, Status: 400, Form: form, Detail: "no such profile", Times: 1})
			refused(t, "LeadMagic did not accept the call (HTTP 400): no such profile", "req_sandbox_fault")
		})
	}
	t.Run("half an answer", func(t *testing.T) {
		box.Fault(faults.Fault{Path: "/v1/", Kind: faults.Truncate, Times: 1})
		refused(t, "broken", unknownOutcome)
	})
	t.Run("a cut", func(t *testing.T) {
		box.Fault(faults.Fault{Path: "/v1/", Kind: faults.Cut, Times: 1})
		refused(t, "broke before the answer was complete", unknownOutcome)
	})
	t.Run("a page", func(t *testing.T) {
		box.Fault(faults.Fault{Path: "/v1/", Kind: faults.HTML, Times: 1})
		refused(t, "a web page came", unknownOutcome)
	})
}

func TestTheBalanceOfTheSandboxGoesDown(t *testing.T) {
	_, o := startSandbox(t)
	session := connect(t, o, nil)
	result := call(t, session, "find_work_email", `{"full_name":"Ada Lovelace","domain":"acme.example"}`)
	if left := usage(t, result).CreditsLeft; left != "99999" {
		t.Errorf("got %s credits left, want 99999", left)
	}
	usage, err := rest.Credits(t.Context(), o.Client, o.BaseURL)
	if err != nil || usage.CreditsLeft != "99999" {
		t.Errorf("got a balance of %s, %v, want 99999", usage.CreditsLeft, err)
	}
	if usage.RateLimit == nil || usage.RateLimit.Limit != "600" {
		t.Errorf("got the rate limit %v, want 600 in a minute", usage.RateLimit)
	}
}

package rest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

const (
	paidCall       = `{"profile_url":"ada"}` // of search_profile
	unknownOutcome = "the outcome is unknown, credits may have been used"
	balance        = "check_credits shows the balance, for free"
)

// page is what something in between may answer with.
const page = `<!doctype html><title>Blocked</title><p>This plan needs a key`

// body is a refusal in the form of LeadMagic's current API.
func body(code, detail, more string) string {
	return fmt.Sprintf(`{"success":false,"errors":[{"type":"https://api.leadmagic.io/errors/%s","title":"T","status":400,"detail":%q,"code":%q%s}],"meta":{"request_id":"req_body"}}`,
		code, detail, code, more)
}

func TestARefusalSaysWhatLeadMagicSaid(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		header []string
		want   []string
		not    []string
	}{
		{
			"a rejected key", 401, body("invalid_api_key", "Invalid API key. 401 Unauthorized", ""),
			[]string{"WWW-Authenticate", `Bearer resource_metadata="https://x"`},
			[]string{"LeadMagic rejected the API key (invalid_api_key, request req_body)", "a person has to", "app.leadmagic.io, Settings → API"},
			[]string{"401", "Unauthorized", "sign-in", "--upstream"},
		},
		{
			"no credits", 402, body("insufficient_credits", "need 5", `,"context":{"credits_required":5,"credits_available":2.50,"credits_needed":2.5},"docs":"https://leadmagic.io/docs/v1/credits"`), nil,
			[]string{"no LeadMagic credits remain for this: it needs 5, 2.50 are available (insufficient_credits, request req_body)", "see https://leadmagic.io/docs/v1/credits"},
			[]string{unknownOutcome},
		},
		{
			"a plan that does not allow it", 403, body("insufficient_permissions", "Unlocks need a credit-metered plan", `,"action":"Upgrade the plan"`), nil,
			[]string{"the LeadMagic plan does not allow this: Unlocks need a credit-metered plan", "next: Upgrade the plan"},
			[]string{"no LeadMagic credits"},
		},
		{"credits that ran out, as 403", 403, body("credits_exhausted", "No credits remaining.", ""), nil, []string{"no LeadMagic credits remain for this: No credits remaining"}, nil},
		{"nothing there", 404, body("profile_not_found", "Profile not found", ""), nil, []string{"LeadMagic does not know what was asked for: Profile not found (profile_not_found"}, []string{unknownOutcome}},
		{
			"wrong arguments", 400, body("validation_error", "Email format is invalid.", `,"param":["email"],"action":"Provide a valid email"`), nil,
			[]string{"LeadMagic did not accept the call (HTTP 400): Email format is invalid (email) (validation_error", "the agent can fix this", "next: correct email and call again"},
			nil,
		},
		{
			"several errors", 422, `{"success":false,"errors":[{"detail":"A is wrong.","param":["a"],"code":"x"},{"title":"B is wrong","param":"b"}]}`, nil,
			[]string{"(HTTP 422): A is wrong; B is wrong (a, b) (x)", "correct a, b and call again"},
			nil,
		},
		{"a flat problem", 400, `{"type":"t","title":"Bad","detail":"No such field","code":"invalid_parameter","trace":{"request_id":"req_flat"}}`, nil, []string{"No such field (invalid_parameter, request req_flat)"}, nil},
		{"the oldest form", 400, `{"error":"Bad Request","message":"email is required"}`, []string{"X-Request-Id", "req_header"}, []string{"email is required (request req_header)"}, nil},
		{"the nested form", 400, `{"error":{"code":"BAD","message":"email is required","status":400}}`, nil, []string{"email is required (BAD)"}, nil},
		{"a form that is new", 400, `{"error":null,"success":false,"errors":[{"detail":"it is so"}]}`, nil, []string{"(HTTP 400): it is so"}, nil},
		{"text", 413, `Payload too large`, []string{"Content-Type", "text/plain"}, []string{"(HTTP 413): Payload too large"}, nil},
		{"a page", 400, `<html><body>Bad</body></html>`, []string{"Content-Type", "text/html"}, []string{"a web page came where LeadMagic's answer was due (HTTP 400)"}, []string{"<", unknownOutcome}},
		{"a filter's page", 403, page, []string{"Content-Type", "text/html"}, []string{`(HTTP 403, titled "Blocked")`, "a person has to"}, []string{"plan", "key", unknownOutcome}},
		{"a challenge's page", 401, page, []string{"Content-Type", "text/html", "WWW-Authenticate", "Bearer"}, []string{"a web page came", `titled "Blocked")`}, []string{"plan", "key", "sign-in instead", unknownOutcome}},
		{"a page that says it is JSON, of no such path", 404, page, nil, []string{`(HTTP 404, titled "Blocked")`}, []string{"REST API", unknownOutcome}},
		{"a gateway's page", 502, page, []string{"Content-Type", "text/html"}, []string{`(HTTP 502, titled "Blocked")`, unknownOutcome, "next: try again later"}, []string{"LeadMagic failed"}},
		{"LeadMagic's JSON that says it is a page", 403, body("insufficient_permissions", "upgrade", ""), []string{"Content-Type", "text/html"}, []string{"the LeadMagic plan does not allow this: upgrade"}, []string{"web page"}},
		{"a refusal that is cut", 402, `no credits left`, []string{"Content-Length", "100"}, []string{"no LeadMagic credits remain for this: no credits left\n"}, []string{unknownOutcome}},
		{"nothing at all", 418, ``, nil, []string{"LeadMagic did not accept the call (HTTP 418)\n"}, nil},
		{
			"elsewhere", 307, ``,
			[]string{"Location", "https://elsewhere.example/v1?token=t"},
			[]string{"LeadMagic points to another origin, https://elsewhere.example/v1; the key was not sent there", "set --api-url (or LEADMAGIC_API_URL)"},
			[]string{"token", unknownOutcome},
		},
		{
			"a failure", 500, body("INTERNAL_ERROR", "Something went wrong.", ""), nil,
			[]string{"LeadMagic failed with HTTP 500: Something went wrong; " + unknownOutcome, "INTERNAL_ERROR, request req_body", balance},
			nil,
		},
		{"no service, though it says when", 503, ``, []string{"Retry-After", "1"}, []string{"LeadMagic failed with HTTP 503; " + unknownOutcome}, nil},
		{"a page with a good status", 200, `<!doctype html><p>Welcome`, []string{"Content-Type", "text/html"}, []string{"a web page came where LeadMagic's answer was due", unknownOutcome}, []string{"<"}},
		{"a page that says it is JSON", 200, ` <!DOCTYPE HTML><p>Welcome`, nil, []string{"a web page came", unknownOutcome}, nil},
		{"half an answer", 200, `{"full_name":"Ada`, nil, []string{"LeadMagic's answer is broken", unknownOutcome, balance}, nil},
		{"two answers in one", 200, `{"a":1}{"b":2}`, nil, []string{"LeadMagic's answer is broken", unknownOutcome}, nil},
		{"no answer", 204, ``, nil, []string{"LeadMagic's answer is broken", unknownOutcome}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(tt.status, tt.body, tt.header...))
			result := call(t, connect(t, options(leadmagic.URL), nil), "search_profile", paidCall)
			got := text(result)
			if !result.IsError || result.StructuredContent != nil {
				t.Fatalf("got %+v, want a failure", result)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want it to say %q", got, want)
				}
			}
			for _, not := range append(tt.not, canary) {
				if strings.Contains(got, not) {
					t.Errorf("got %q, want it not to say %q", got, not)
				}
			}
			if lines := strings.Count(got, "\n") + 1; lines != 3 {
				t.Errorf("got %d lines, want 3: %q", lines, got)
			}
			unknown := strings.Contains(got, unknownOutcome)
			if used := usage(t, result).CreditsUsed; unknown != (used == "") {
				t.Errorf("got %q credits used, for an outcome that is unknown: %v", used, unknown)
			}
			if n := len(leadmagic.seen()); n != 1 {
				t.Errorf("got %d requests, want one: a paid call is not repeated", n)
			}
		})
	}
}

func TestAPageThatComesCompressedIsSeen(t *testing.T) {
	leadmagic := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("the request does not say that an answer may be compressed")
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusForbidden)
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, page)
		_ = zip.Close()
	})
	result := call(t, connect(t, options(leadmagic.URL), nil), "search_profile", paidCall)
	if want := `(HTTP 403, titled "Blocked")`; !strings.Contains(text(result), want) {
		t.Errorf("got %q, want it to say %q", text(result), want)
	}
}

func TestACutPaidCallIsNotRepeated(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"in the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"full_name":`)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, tt.answer)
			result := call(t, connect(t, options(leadmagic.URL), nil), "search_profile", paidCall)
			for _, want := range []string{"the connection to LeadMagic broke before the answer was complete; " + unknownOutcome, balance} {
				if !result.IsError || !strings.Contains(text(result), want) {
					t.Errorf("got %q, want it to say %q", text(result), want)
				}
			}
			if n := len(leadmagic.seen()); n != 1 {
				t.Errorf("got %d requests, want one", n)
			}
		})
	}
}

func TestAnAnswerWithoutEndIsNotReadToItsEnd(t *testing.T) {
	leadmagic := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		blank := bytes.Repeat([]byte(" "), 1<<20)
		for {
			if _, err := w.Write(blank); err != nil {
				return
			}
		}
	})
	result := call(t, connect(t, options(leadmagic.URL), nil), "search_profile", paidCall)
	for _, want := range []string{"LeadMagic's answer is broken: it is longer than 64 MiB", unknownOutcome} {
		if !result.IsError || !strings.Contains(text(result), want) {
			t.Errorf("got %q, want it to say %q", text(result), want)
		}
	}
}

func TestATextNamesOnlyToolsOfTheSession(t *testing.T) {
	leadmagic := newServer(t, says(500, ``))
	o := options(leadmagic.URL)
	o.HasTool = func(string) bool { return false }
	if got := text(call(t, connect(t, o, nil), "search_profile", paidCall)); strings.Contains(got, "check_credits") {
		t.Errorf("got %q, want it to name no tool", got)
	}
}

func TestAProblemIsDescribedByWhoKnowsMore(t *testing.T) {
	leadmagic := newServer(t, says(401, ``))
	o := options(leadmagic.URL)
	o.Describe = func(p *problem.Problem) *problem.Problem {
		said := *p
		said.What += " from LEADMAGIC_API_KEY"
		return &said
	}
	if got := text(call(t, connect(t, o, nil), "check_credits", `{}`)); !strings.HasPrefix(got, "LeadMagic rejected the API key from LEADMAGIC_API_KEY\n") {
		t.Errorf("got %q, want the source of the key", got)
	}
}

func TestAnAddressThatIsNoneIsTold(t *testing.T) {
	o := options("http://[::1")
	result := call(t, connect(t, o, nil), "check_credits", `{}`)
	if want := "the address of LeadMagic's REST API cannot be used"; !result.IsError || !strings.Contains(text(result), want) {
		t.Errorf("got %q, want it to say %q", text(result), want)
	}
}

func TestWhatIsNotThereIsTheAddressOrWhatWasAskedFor(t *testing.T) {
	leadmagic := newServer(t, says(404, `{"detail":"Not found"}`))
	session := connect(t, options(leadmagic.URL), nil)
	for _, tt := range []struct{ tool, args, want string }{
		{"check_credits", `{}`, "LeadMagic's REST API is not at this address (HTTP 404)"},
		{"search_profile", paidCall, "LeadMagic does not know what was asked for: Not found"},
	} {
		if got := text(call(t, session, tt.tool, tt.args)); !strings.HasPrefix(got, tt.want+"\n") {
			t.Errorf("%s: got %q, want %q", tt.tool, got, tt.want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := newServer(t, says(200, `{"credits":1}`))
	leadmagic := newServer(t, says(302, ``, "Location", elsewhere.URL))
	result := call(t, connect(t, options(leadmagic.URL), nil), "check_credits", `{}`)
	if !result.IsError || !strings.Contains(text(result), "points to another origin, "+elsewhere.URL) {
		t.Errorf("got %q, want it to name where LeadMagic points to", text(result))
	}
	if n := len(elsewhere.seen()); n != 0 {
		t.Errorf("got %d requests elsewhere, want none", n)
	}
}

func TestCreditsProvesAKey(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
		code   problem.Code
	}{
		{"a number", says(200, `{"credits":15432.50}`), "15432.50", ""},
		{"a number as text", says(200, `{"credits":"12"}`), "12", ""},
		{"a header", says(200, `{}`, "X-Credits-Remaining", "7"), "7", ""},
		{"a number with an exponent", says(200, `{"credits":1E2}`), "1E2", ""},
		{"no number", says(200, `{"credits":"NaN"}`, "X-Credits-Remaining", "NaN"), "", ""},
		{"a number of another base", says(200, `{"credits":"0x1p4"}`), "", ""},
		{"a text without a number and a header with one", says(200, `{"credits":"0x1p4"}`, "X-Credits-Remaining", "16"), "16", ""},
		{"a key that is forbidden, with a challenge", says(403, `{"detail":"no"}`, "WWW-Authenticate", "Bearer"), "", problem.NotAllowed},
		{"a good key without a balance", says(200, `{"credits":null}`), "", ""},
		{"a rejected key", says(401, ``, "WWW-Authenticate", "Bearer"), "", problem.KeyRejected},
		{"a page", says(200, `<html>`, "Content-Type", "text/html"), "", problem.NotLeadMagic},
		{"a page that refuses", says(401, page), "", problem.NotLeadMagic},
		{"a page that forbids", says(403, page), "", problem.NotLeadMagic},
		{"no such route", says(404, ``), "", problem.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, tt.answer)
			got, err := rest.Credits(t.Context(), options("").Client, leadmagic.URL)
			if got.CreditsLeft.String() != tt.want {
				t.Errorf("got %q credits, want %q", got.CreditsLeft, tt.want)
			}
			var code problem.Code
			if p := problem.As(err); p != nil {
				code = p.Code
			}
			if code != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("got %v, want the code %q", err, tt.code)
			}
			if seen := leadmagic.seen(); len(seen) != 1 || seen[0].Method != "GET" || seen[0].URI != "/v1/credits" || seen[0].Header.Get("X-Api-Key") != canary {
				t.Errorf("got %v, want one GET /v1/credits with the key", seen)
			}
		})
	}
}

func TestAProblemOfTheTransportIsToldAsItIs(t *testing.T) {
	o := options("http://127.0.0.1:1")
	o.Client = &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("adding the key: %w", problem.New(problem.KeyMissing, problem.NotSent, "no API key is set", ""))
	})}
	result := call(t, connect(t, o, nil), "search_profile", paidCall)
	if got := text(result); !result.IsError || !strings.HasPrefix(got, "no API key is set\n") {
		t.Errorf("got %q, want the transport's own words", got)
	}
	if _, err := rest.Credits(t.Context(), o.Client, o.BaseURL); !errors.Is(err, problem.As(err)) || problem.As(err).Code != problem.KeyMissing {
		t.Errorf("got %v, want the transport's own problem", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

func TestAnAnswerIsPassedOnAsItIs(t *testing.T) {
	tests := []struct {
		name, body string
		structured string // as JSON; the text is the same, byte for byte, where text is empty
		text       string
	}{
		{"an object", `{"email":"ada@acme.com","credits_consumed":1}`, `{"email":"ada@acme.com","credits_consumed":1}`, ``},
		{"order, blanks and signs of the text stay", `{ "b" : 1 , "a": "<b>&\u2028" }`, `{"b":1,"a":"<b>&\u2028"}`, ``},
		{"numbers beyond 2^53 survive", `{"id":9007199254740993,"big":123456789012345678901234567890,"n":1.10}`, `{"id":9007199254740993,"big":123456789012345678901234567890,"n":1.10}`, ``},
		{"unknown fields pass", `{"email":"a@b.c","new_field":{"deep":[1,null]}}`, `{"email":"a@b.c","new_field":{"deep":[1,null]}}`, ``},
		{"a list becomes the items of an object", `[{"id":9007199254740993}, 2]`, `{"items":[{"id":9007199254740993},2]}`, `{"items":[{"id":9007199254740993}, 2]}`},
		{"an empty list too", `[]`, `{"items":[]}`, `{"items":[]}`},
		{"a bare value becomes that of an object", `null`, `{"value":null}`, `{"value":null}`},
		{"a byte order mark and blanks go", "\uFEFF\n {\"a\":1}\n", `{"a":1}`, `{"a":1}`},
		{"bytes that are no letters are replaced", "{\"a\":\"\xff\"}", "{\"a\":\"\uFFFD\"}", "{\"a\":\"\uFFFD\"}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(200, tt.body))
			toServer, fromServer := serve(t, options(leadmagic.URL))
			raw := converse(t, toServer, fromServer, initialize, toolCall(`1`, "list_job_types", `{}`))[1]
			var message struct {
				Result struct {
					IsError           bool
					StructuredContent json.RawMessage
					Content           []struct{ Text string }
				}
			}
			if err := json.Unmarshal(raw, &message); err != nil {
				t.Fatal(err)
			}
			got := message.Result
			if got.IsError || len(got.Content) != 1 {
				t.Fatalf("got %s, want a result of one text", raw)
			}
			// The SDK writes <, > and & as \u003c and so on, which is the same text.
			if structured := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(got.StructuredContent)); structured != tt.structured {
				t.Errorf("got structured content %s, want %s", structured, tt.structured)
			}
			want := tt.text
			if want == "" {
				want = tt.body
			}
			if got.Content[0].Text != want {
				t.Errorf("got the text %q, want %q", got.Content[0].Text, want)
			}
		})
	}
}

func TestAResultSaysWhatItUsedAndWhatIsLeft(t *testing.T) {
	tests := []struct {
		name, tool, args, body string
		header                 []string
		want                   rest.Usage
	}{
		{
			"from headers", "find_work_email", `{"full_name":"Ada","domain":"acme.com"}`, `{"email":"a@b.c"}`,
			[]string{
				"X-Credits-Cost", "1", "X-Credits-Remaining", "15432.50", "X-Request-Id", "req_1", "RateLimit-Limit", "600", "RateLimit-Remaining", "599",
				"RateLimit-Reset", "42", "X-RateLimit-Remaining-Daily", "9000",
			},
			rest.Usage{
				CreditsUsed: "1", CreditsLeft: "15432.5", RequestID: "req_1",
				RateLimit: &rest.RateLimit{Limit: "600", Remaining: "599", ResetSeconds: 42, RemainingDaily: "9000"},
			},
		},
		{
			"from the body where no header says it", "find_work_email", `{"full_name":"Ada","domain":"acme.com"}`, `{"email":"a@b.c","credits_consumed":1}`, nil,
			rest.Usage{CreditsUsed: "1"},
		},
		{
			"what was charged counts, not what was reserved", "find_lookalike_companies", `{"company_domain":"acme.com"}`,
			`{"companies":[],"credits_consumed":0}`,
			[]string{"X-Credits-Cost", "5", "X-Credits-Consumed", "0"},
			rest.Usage{CreditsUsed: "0"},
		},
		{
			"the body counts before what was reserved", "find_lookalike_companies", `{"company_domain":"acme.com"}`,
			`{"companies":[],"credits_consumed":0}`,
			[]string{"X-Credits-Cost", "5"},
			rest.Usage{CreditsUsed: "0"},
		},
		{"a cost that is text", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada","credits_consumed":" 0.50 "}`, nil, rest.Usage{CreditsUsed: "0.5"}},
		{
			"the older headers", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada"}`,
			[]string{"X-RateLimit-Limit", "300", "X-RateLimit-Remaining", "7"},
			rest.Usage{RateLimit: &rest.RateLimit{Limit: "300", Remaining: "7"}},
		},
		{"headers that say nothing", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada"}`, []string{"X-Credits-Cost", "some", "X-Credits-Remaining", "NaN", "RateLimit-Reset", "soon"}, rest.Usage{}},
		{"a number of another base", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada"}`, []string{"X-Credits-Cost", "0x1p4", "X-Credits-Remaining", "1_000"}, rest.Usage{}},
		{"infinity", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada"}`, []string{"X-Credits-Cost", "Inf", "X-Credits-Remaining", "+5"}, rest.Usage{}},
		{"a number with an exponent", "search_profile", `{"profile_url":"ada"}`, `{"full_name":"Ada","credits_consumed":"1E0"}`, []string{"X-Credits-Remaining", " 1E2 "}, rest.Usage{CreditsUsed: "1", CreditsLeft: "100"}},
		{"a free tool uses nothing", "check_credits", `{}`, `{"credits":7.5}`, []string{"X-Credits-Remaining", "7.5"}, rest.Usage{CreditsUsed: "0", CreditsLeft: "7.5"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(200, tt.body, tt.header...))
			got := usage(t, call(t, connect(t, options(leadmagic.URL), nil), tt.tool, tt.args))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v (%+v), want %+v (%+v)", got, got.RateLimit, tt.want, tt.want.RateLimit)
			}
		})
	}
}

func TestARefusalCostsWhatLeadMagicSays(t *testing.T) {
	tests := []struct {
		name   string
		header []string
		want   string
	}{
		{"nothing, unless it says more", []string{"X-Credits-Cost", "1"}, "0"},
		{"what it consumed", []string{"X-Credits-Cost", "1", "X-Credits-Consumed", "0.05"}, "0.05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(404, `{"code":"profile_not_found"}`, tt.header...))
			got := usage(t, call(t, connect(t, options(leadmagic.URL), nil), "search_profile", `{"profile_url":"ada"}`))
			if got.CreditsUsed.String() != tt.want {
				t.Errorf("got %q credits used, want %s", got.CreditsUsed, tt.want)
			}
		})
	}
}

func TestARefusalNamesItsRequest(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"as its body does", `{"code":"profile_not_found","trace":{"request_id":"of the body"}}`, "of the body"},
		{"or its header", `{"code":"profile_not_found"}`, "of the header"},
	} {
		leadmagic := newServer(t, says(404, tt.body, "X-Request-Id", "of the header"))
		result := call(t, connect(t, options(leadmagic.URL), nil), "search_profile", `{"profile_url":"ada"}`)
		if got := usage(t, result).RequestID; got != tt.want || !strings.Contains(text(result), "request "+tt.want) {
			t.Errorf("%s: got %q and %q", tt.name, got, text(result))
		}
	}
}

func TestAMissSaysSo(t *testing.T) {
	const free, charged = "Nothing was found, and nothing was charged.", "Nothing was found."
	tests := []struct {
		name, tool, args, body string
		want                   string
	}{
		{"nulls", "find_work_email", `{"full_name":"Ada","domain":"acme.com"}`, `{"email":null,"domain":"acme.com","credits_consumed":0}`, free},
		{"an empty text", "b2b_profile_to_work_email", `{"profile_url":"ada"}`, `{"email":"","profile_url":"ada","credits_consumed":0}`, free},
		{"empty lists", "find_personal_email", `{"profile_url":"ada"}`, `{"first_personal_email":null,"personal_emails":[],"credits_consumed":0}`, free},
		{"an empty page", "find_jobs", `{}`, `{"results":[],"total_count":0,"credits_consumed":0}`, free},
		{"an unknown profile", "detect_job_change", `{"profile_url":"ada","company_name":"Acme"}`, `{"status":"PROFILE_NOT_FOUND","profile_found":false,"work_history":[],"credits_consumed":0}`, free},
		{"a bare list", "get_company_technographics", `{"company_domain":"acme.com"}`, `[]`, charged},
		{"a miss that is charged", "list_company_competitors", `{"company_domain":"acme.com"}`, `{"competitors":[],"credits_consumed":5}`, charged},
		{"a hit", "find_work_email", `{"full_name":"Ada","domain":"acme.com"}`, `{"email":"ada@acme.com","credits_consumed":1}`, ""},
		{"a zero", "list_company_competitors", `{"company_domain":"acme.com"}`, `{"competitors":0}`, charged},
		{"an empty object", "find_company_funding", `{"company_domain":"acme.com"}`, `{"basicInfo":{},"financialInfo":null,"credits_consumed":0}`, free},
		{"a hit that is free on the plan", "search_people", `{}`, `{"people":[{}],"credits_consumed":0}`, ""},
		{"a hit under a name that is not known yet", "find_work_email", `{"full_name":"Ada","domain":"acme.com"}`, `{"result":{"email":"ada@acme.com"},"credits_consumed":0}`, ""},
		{"an unknown status is an answer", "validate_work_email", `{"email":"ada@acme.com"}`, `{"email":"ada@acme.com","email_status":"unknown","credits_consumed":0}`, ""},
		{"no job change is an answer", "detect_job_change", `{"profile_url":"ada","company_name":"Acme"}`, `{"job_change_detected":false,"profile_found":true,"status":"NO_CHANGE"}`, ""},
		{"an empty list of a free tool", "list_job_types", `{}`, `[]`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leadmagic := newServer(t, says(200, tt.body))
			result := call(t, connect(t, options(leadmagic.URL), nil), tt.tool, tt.args)
			got := texts(result)[1:]
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if result.IsError || !slices.Equal(got, want) {
				t.Errorf("got %q after the answer, want %q", got, want)
			}
		})
	}
}

func TestTheLogCountsTheBytesOfAnAnswerOnce(t *testing.T) {
	for status, body := range map[int]string{200: `{"credits":7.5}`, 400: `{"message":"no"}`} {
		var out bytes.Buffer
		leadmagic := newServer(t, says(status, body))
		o := options(leadmagic.URL)
		o.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		call(t, connect(t, o, nil), "check_credits", `{}`)
		if want := fmt.Sprintf("bytes=%d ", len(body)); !strings.Contains(out.String(), want) {
			t.Errorf("HTTP %d: got %q, want %q in it", status, out.String(), want)
		}
	}
}

package problem_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// now is when all answers of these tests come.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// header is made of names and values in turn.
func header(list ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(list); i += 2 {
		h.Add(list[i], list[i+1])
	}
	return h
}

func TestFromAnswer(t *testing.T) {
	const listed = `{"success":false,"errors":[{"type":"https://api.leadmagic.io/errors/x","title":"A title","status":400,"detail":"The details.","code":"the_code","param":["email"],` +
		`"action":"Do this.","docs":"https://leadmagic.io/docs"}],"meta":{"request_id":"req_meta","timestamp":"2026-11-23T12:00:00Z"}}`
	tests := []struct {
		name   string
		answer problem.Answer
		want   problem.Problem // except for Code, Fate and What, only what is not zero is looked at
	}{
		{
			"the current form of LeadMagic's problems",
			problem.Answer{Status: 400, Body: []byte(listed)},
			problem.Problem{
				Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): The details (email)",
				Upstream: "the_code", RequestID: "req_meta", Docs: "https://leadmagic.io/docs", Next: "correct email and call again",
			},
		},
		{
			"several in one",
			problem.Answer{Status: 422, Body: []byte(`{"errors":[{"detail":"A.","param":"a"},{"message":"B"},{"title":"C","param":["c"],"code":"late"},{"detail":"A"}]}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 422): A; B; C (a, c)", Upstream: "late", Next: "correct a, c and call again"},
		},
		{
			"the flat form",
			problem.Answer{Status: 400, Body: []byte(`{"type":"t","title":"Bad","status":400,"detail":"No field","code":"c","action":"Send it.","docs":"javascript:alert(1)","trace":{"request_id":"req_trace"}}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): No field", Upstream: "c", RequestID: "req_trace", Next: "Send it"},
		},
		{
			"the oldest form",
			problem.Answer{Status: 400, Header: header("X-Request-Id", "req_header"), Body: []byte(`{"error":"Bad Request","message":"email is required"}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): email is required", RequestID: "req_header"},
		},
		{
			"the oldest form without a message",
			problem.Answer{Status: 400, Body: []byte(`{"error":"Bad Request"}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): Bad Request"},
		},
		{
			"the nested form",
			problem.Answer{Status: 400, Body: []byte(`{"error":{"code":"BAD","message":"email is required","status":400}}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): email is required", Upstream: "BAD"},
		},
		{
			"a JSON-RPC error",
			problem.Answer{Status: 400, Body: []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Bad session"}}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): Bad session"},
		},
		{
			"an error that is null beside others",
			problem.Answer{Status: 400, Body: []byte(`{"error":null,"errors":[{"detail":"it is so"}]}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): it is so"},
		},
		{
			"members of unexpected types leave the others",
			problem.Answer{Status: 400, Body: []byte(`{"errors":[{"detail":"it is so","param":{"a":1},"docs":5,"context":"none"}],"meta":[]}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): it is so"},
		},
		{
			"text",
			problem.Answer{Status: 413, Header: header("Content-Type", "text/plain"), Body: []byte("Too\tlarge.\nmore of it")},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 413): Too large"},
		},
		{
			"what other arguments do not change",
			problem.Answer{Status: 405, Body: []byte(`{"detail":"POST is not allowed","code":"c"}`), Paid: true},
			problem.Problem{Code: problem.Failed, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 405): POST is not allowed", Upstream: "c"},
		},
		{
			"a page has no words for us",
			problem.Answer{Status: 400, Header: header("Content-Type", "text/html; charset=utf-8"), Body: []byte("<b>Bad</b>")},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400)"},
		},
		{
			"nor has half a body",
			problem.Answer{Status: 400, Body: []byte(`{"errors":[{"detail":"it`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400)"},
		},
		{
			"nor have bytes that are no letters",
			problem.Answer{Status: 400, Body: []byte("\xff\xfe")},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400)"},
		},
		{
			"control characters go",
			problem.Answer{Status: 400, Body: []byte(`{"detail":"a\u0000b\r\nc\u001b[31m"}`)},
			problem.Problem{Code: problem.BadRequest, Fate: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): ab c"},
		},
		{
			"a rejected key",
			problem.Answer{Status: 401, Body: []byte(`{"errors":[{"code":"invalid_api_key"}]}`)},
			problem.Problem{Code: problem.KeyRejected, Fate: problem.Refused, What: "LeadMagic rejected the API key", Upstream: "invalid_api_key"},
		},
		{
			"a sign-in",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `bearer realm="x", resource_metadata="https://x"`)},
			problem.Problem{Code: problem.SignInRequired, Fate: problem.Refused, What: "LeadMagic's hosted server asks for a sign-in instead of an API key"},
		},
		{
			"a sign-in, offered after another way",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `Basic realm="a, b", Bearer resource_metadata="https://x"`)},
			problem.Problem{Code: problem.SignInRequired, Fate: problem.Refused, What: "LeadMagic's hosted server asks for a sign-in instead of an API key"},
		},
		{
			"a challenge of another kind",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `Digest realm="bearer of x"`)},
			problem.Problem{Code: problem.KeyRejected, Fate: problem.Refused, What: "LeadMagic rejected the API key"},
		},
		{
			"credits with numbers",
			problem.Answer{Status: 402, Body: []byte(`{"errors":[{"detail":"need 5","context":{"credits_required":5,"credits_available":2.50}}]}`)},
			problem.Problem{Code: problem.NoCredits, Fate: problem.Refused, What: "no LeadMagic credits remain for this: it needs 5, 2.50 are available"},
		},
		{
			"credits with one number",
			problem.Answer{Status: 402, Body: []byte(`{"errors":[{"context":{"credits_available":"0"}}]}`)},
			problem.Problem{Code: problem.NoCredits, Fate: problem.Refused, What: "no LeadMagic credits remain for this: 0 are available"},
		},
		{
			"credits without numbers",
			problem.Answer{Status: 402, Body: []byte(`{"detail":"You have none."}`)},
			problem.Problem{Code: problem.NoCredits, Fate: problem.Refused, What: "no LeadMagic credits remain for this: You have none"},
		},
		{
			"credits as 403",
			problem.Answer{Status: 403, Body: []byte(`{"error":"Forbidden","message":"No credits remaining"}`)},
			problem.Problem{Code: problem.NoCredits, Fate: problem.Refused, What: "no LeadMagic credits remain for this: No credits remaining"},
		},
		{
			"a plan as 403, though it speaks of credits",
			problem.Answer{Status: 403, Body: []byte(`{"errors":[{"code":"insufficient_permissions","detail":"Needs a credit-metered plan","action":"Upgrade."}]}`)},
			problem.Problem{Code: problem.NotAllowed, Fate: problem.Refused, What: "the LeadMagic plan does not allow this: Needs a credit-metered plan", Upstream: "insufficient_permissions", Next: "Upgrade"},
		},
		{
			"nothing there",
			problem.Answer{Status: 404, Body: []byte(`{"detail":"Profile not found"}`)},
			problem.Problem{Code: problem.NotFound, Fate: problem.Refused, What: "LeadMagic does not know what was asked for: Profile not found"},
		},
		{"gone", problem.Answer{Status: 410}, problem.Problem{Code: problem.NotFound, Fate: problem.Refused, What: "LeadMagic does not know what was asked for"}},
		{
			"a rate limit",
			problem.Answer{Status: 429, Header: header("Retry-After", "7"), Waited: 2500 * time.Millisecond, Paid: true},
			problem.Problem{
				Code: problem.RateLimited, Fate: problem.Refused, What: "LeadMagic's rate limit is reached, after waiting 3 s", RetryAfter: 7 * time.Second,
				Next: "call again in 7 s, with fewer calls side by side",
			},
		},
		{
			"a rate limit that is told in the body",
			problem.Answer{Status: 429, Header: header("RateLimit-Reset", "42"), Body: []byte(`{"errors":[{"context":{"retry_after_seconds":3}}]}`)},
			problem.Problem{Code: problem.RateLimited, Fate: problem.Refused, What: "LeadMagic's rate limit is reached", RetryAfter: 3 * time.Second},
		},
		{
			"a failure of a paid call",
			problem.Answer{Status: 503, Header: header("Retry-After", "30", "RateLimit-Reset", "42"), Paid: true},
			problem.Problem{Code: problem.Failed, Fate: problem.Unknown, What: "LeadMagic failed with HTTP 503", RetryAfter: 30 * time.Second, Next: "check whether the result is still needed before calling again"},
		},
		{"a failure of a free call", problem.Answer{Status: 500, Body: []byte(`{"detail":"Oops."}`)}, problem.Problem{Code: problem.Failed, Fate: problem.Refused, What: "LeadMagic failed with HTTP 500: Oops"}},
		{
			"another origin",
			problem.Answer{Status: 307, Header: header("Location", "https://user:pw@other.example/mcp?token=t#f"), Asked: mustParse("https://mcp.leadmagic.io/mcp")},
			problem.Problem{Code: problem.Redirected, Fate: problem.Refused, What: "LeadMagic points to another origin, https://other.example/mcp; the key was not sent there"},
		},
		{
			"another path",
			problem.Answer{Status: 301, Header: header("Location", "/v2"), Asked: mustParse("https://mcp.leadmagic.io/mcp")},
			problem.Problem{Code: problem.Redirected, Fate: problem.Refused, What: "LeadMagic points to another path, https://mcp.leadmagic.io/v2; the key was not sent there"},
		},
		{
			"nowhere",
			problem.Answer{Status: 302},
			problem.Problem{Code: problem.Redirected, Fate: problem.Refused, What: "LeadMagic answered HTTP 302 without saying where to go; nothing was followed"},
		},
		{
			"a page where an answer was due",
			problem.Answer{Status: 200, Body: []byte("\n<!DOCTYPE html>"), Paid: true},
			problem.Problem{Code: problem.NotLeadMagic, Fate: problem.Unknown, What: "a web page came where LeadMagic's answer was due: something between you and LeadMagic answered (a captive portal?)"},
		},
		{
			"half an answer to a free call",
			problem.Answer{Status: 200, Body: []byte(`{"a":`)},
			problem.Problem{Code: problem.BrokenAnswer, Fate: problem.Refused, What: "LeadMagic's answer is broken: it is not a complete answer to this call"},
		},
		{
			"an answer of another form",
			problem.Answer{Status: 200, Body: []byte(`{"error":"Profile service is down"}`), Paid: true},
			problem.Problem{Code: problem.BrokenAnswer, Fate: problem.Unknown, What: "LeadMagic's answer is broken: it is not a complete answer to this call: Profile service is down"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.answer.Header == nil {
				tt.answer.Header = http.Header{}
			}
			tt.answer.Now = now
			got := problem.FromAnswer(tt.answer)
			if got.Code != tt.want.Code || got.Fate != tt.want.Fate || got.What != tt.want.What {
				t.Errorf("got  %s, fate %d: %s\nwant %s, fate %d: %s", got.Code, got.Fate, got.What, tt.want.Code, tt.want.Fate, tt.want.What)
			}
			if got.HTTPStatus != tt.answer.Status {
				t.Errorf("got the status %d, want %d", got.HTTPStatus, tt.answer.Status)
			}
			for _, field := range []struct{ name, got, want string }{
				{"Next", got.Next, tt.want.Next},
				{"Upstream", got.Upstream, tt.want.Upstream},
				{"RequestID", got.RequestID, tt.want.RequestID},
				{"Docs", got.Docs, tt.want.Docs},
			} {
				if field.got != field.want && (field.want != "" || field.name == "Docs" || field.name == "Upstream") {
					t.Errorf("got %s %q, want %q", field.name, field.got, field.want)
				}
			}
			if got.RetryAfter != tt.want.RetryAfter {
				t.Errorf("got RetryAfter %v, want %v", got.RetryAfter, tt.want.RetryAfter)
			}
		})
	}
}

func mustParse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func TestALongMessageIsCutBetweenLetters(t *testing.T) {
	body := `{"detail":"` + strings.Repeat("é", 1<<20) + `"}`
	got := problem.FromAnswer(problem.Answer{Status: 400, Header: http.Header{}, Body: []byte(body)}).What
	if utf8.RuneCountInString(got) > 350 || !utf8.ValidString(got) || !strings.HasSuffix(got, "é…") {
		t.Errorf("got %d characters, ending in %q, want a short text of whole letters", utf8.RuneCountInString(got), got[max(0, len(got)-8):])
	}
}

package problem_test

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

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
		want   problem.Problem // except for Code, Outcome and What, only what is not zero is looked at
	}{
		{
			"the current form of LeadMagic's problems",
			problem.Answer{Status: 400, Body: []byte(listed)},
			problem.Problem{
				Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): The details (email)",
				Upstream: "the_code", RequestID: "req_meta", Docs: "https://leadmagic.io/docs", Next: "correct email and call again",
			},
		},
		{
			"several in one",
			problem.Answer{Status: 422, Body: []byte(`{"errors":[{"detail":"A.","param":"a"},{"message":"B"},{"title":"C","param":["c"],"code":"late"},{"detail":"A"}]}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 422): A; B; C (a, c)", Upstream: "late", Next: "correct a, c and call again"},
		},
		{
			"the flat form",
			problem.Answer{Status: 400, Body: []byte(`{"type":"t","title":"Bad","status":400,"detail":"No field","code":"c","action":"Send it.","docs":"javascript:alert(1)","trace":{"request_id":"req_trace"}}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): No field", Upstream: "c", RequestID: "req_trace", Next: "Send it"},
		},
		{
			"the oldest form",
			problem.Answer{Status: 400, Header: header("X-Request-Id", "req_header"), Body: []byte(`{"error":"Bad Request","message":"email is required"}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): email is required", RequestID: "req_header"},
		},
		{
			"the oldest form without a message",
			problem.Answer{Status: 400, Body: []byte(`{"error":"Bad Request"}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): Bad Request"},
		},
		{
			"the nested form",
			problem.Answer{Status: 400, Body: []byte(`{"error":{"code":"BAD","message":"email is required","status":400}}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): email is required", Upstream: "BAD"},
		},
		{
			"a JSON-RPC error",
			problem.Answer{Status: 400, Body: []byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Bad session"}}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): Bad session"},
		},
		{
			"an error that is null beside others",
			problem.Answer{Status: 400, Body: []byte(`{"error":null,"errors":[{"detail":"it is so"}]}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): it is so"},
		},
		{
			"members of unexpected types leave the others",
			problem.Answer{Status: 400, Body: []byte(`{"errors":[{"detail":"it is so","param":{"a":1},"docs":5,"context":"none"}],"meta":[]}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): it is so"},
		},
		{
			"text",
			problem.Answer{Status: 413, Header: header("Content-Type", "text/plain"), Body: []byte("Too\tlarge.\nmore of it")},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 413): Too large"},
		},
		{
			"what other arguments do not change",
			problem.Answer{Status: 405, Body: []byte(`{"detail":"POST is not allowed","code":"c"}`), Paid: true},
			problem.Problem{Code: problem.Failed, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 405): POST is not allowed", Upstream: "c"},
		},
		{
			"half a body has no words for us",
			problem.Answer{Status: 400, Body: []byte(`{"errors":[{"detail":"it`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400)"},
		},
		{
			"nor have bytes that are no letters",
			problem.Answer{Status: 400, Body: []byte("\xf8\xf9")},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400)"},
		},
		{
			"control characters go",
			problem.Answer{Status: 400, Body: []byte(`{"detail":"a\u0000b\r\nc\u001b[31m"}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): ab c"},
		},
		{
			"a rejected key",
			problem.Answer{Status: 401, Body: []byte(`{"errors":[{"code":"invalid_api_key"}]}`)},
			problem.Problem{Code: problem.KeyRejected, Outcome: problem.Refused, What: "LeadMagic rejected the API key", Upstream: "invalid_api_key"},
		},
		{
			"a sign-in",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `bearer realm="x", resource_metadata="https://x"`)},
			problem.Problem{Code: problem.SignInRequired, Outcome: problem.Refused, What: "LeadMagic's hosted server asks for a sign-in instead of an API key"},
		},
		{
			"a sign-in, offered after another way",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `Basic realm="a, b", Bearer resource_metadata="https://x"`)},
			problem.Problem{Code: problem.SignInRequired, Outcome: problem.Refused, What: "LeadMagic's hosted server asks for a sign-in instead of an API key"},
		},
		{
			"a challenge of another kind",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", `Digest realm="bearer of x"`)},
			problem.Problem{Code: problem.KeyRejected, Outcome: problem.Refused, What: "LeadMagic rejected the API key"},
		},
		{
			"a sign-in without anything more",
			problem.Answer{Status: 401, Header: header("WWW-Authenticate", "Bearer")},
			problem.Problem{Code: problem.SignInRequired, Outcome: problem.Refused, What: "LeadMagic's hosted server asks for a sign-in instead of an API key"},
		},
		{
			"a challenge with a refusal for the plan asks for no sign-in",
			problem.Answer{Status: 403, Header: header("WWW-Authenticate", `Bearer error="insufficient_scope"`), Body: []byte(`{"detail":"Upgrade"}`)},
			problem.Problem{Code: problem.NotAllowed, Outcome: problem.Refused, What: "the LeadMagic plan does not allow this: Upgrade"},
		},
		{
			"credits with numbers",
			problem.Answer{Status: 402, Body: []byte(`{"errors":[{"detail":"need 5","context":{"credits_required":5,"credits_available":2.50}}]}`)},
			problem.Problem{Code: problem.NoCredits, Outcome: problem.Refused, What: "no LeadMagic credits remain for this: it needs 5, 2.50 are available"},
		},
		{
			"credits with one number",
			problem.Answer{Status: 402, Body: []byte(`{"errors":[{"context":{"credits_available":"0"}}]}`)},
			problem.Problem{Code: problem.NoCredits, Outcome: problem.Refused, What: "no LeadMagic credits remain for this: 0 are available"},
		},
		{
			"credits without numbers",
			problem.Answer{Status: 402, Body: []byte(`{"detail":"You have none."}`)},
			problem.Problem{Code: problem.NoCredits, Outcome: problem.Refused, What: "no LeadMagic credits remain for this: You have none"},
		},
		{
			"credits as 403",
			problem.Answer{Status: 403, Body: []byte(`{"error":"Forbidden","message":"No credits remaining"}`)},
			problem.Problem{Code: problem.NoCredits, Outcome: problem.Refused, What: "no LeadMagic credits remain for this: No credits remaining"},
		},
		{
			"credits as 403, by what it needs alone",
			problem.Answer{Status: 403, Body: []byte(`{"errors":[{"detail":"Too little","context":{"credits_required":5}}]}`)},
			problem.Problem{Code: problem.NoCredits, Outcome: problem.Refused, What: "no LeadMagic credits remain for this: Too little"},
		},
		{
			"a plan as 403, though it speaks of credits",
			problem.Answer{Status: 403, Body: []byte(`{"errors":[{"code":"insufficient_permissions","detail":"Needs a credit-metered plan","action":"Upgrade."}]}`)},
			problem.Problem{Code: problem.NotAllowed, Outcome: problem.Refused, What: "the LeadMagic plan does not allow this: Needs a credit-metered plan", Upstream: "insufficient_permissions", Next: "Upgrade"},
		},
		{
			"nothing there",
			problem.Answer{Status: 404, Body: []byte(`{"detail":"Profile not found"}`)},
			problem.Problem{Code: problem.NotFound, Outcome: problem.Refused, What: "LeadMagic does not know what was asked for: Profile not found"},
		},
		{"gone", problem.Answer{Status: 410}, problem.Problem{Code: problem.NotFound, Outcome: problem.Refused, What: "LeadMagic does not know what was asked for"}},
		{
			"a rate limit",
			problem.Answer{Status: 429, Header: header("Retry-After", "7"), Waited: 2500 * time.Millisecond, Paid: true},
			problem.Problem{
				Code: problem.RateLimited, Outcome: problem.Refused, What: "LeadMagic's rate limit is reached, after waiting 3 s", RetryAfter: 7 * time.Second,
				Next: "call again in 7 s, with fewer calls side by side",
			},
		},
		{
			"a rate limit that is told in the body",
			problem.Answer{Status: 429, Header: header("RateLimit-Reset", "42"), Body: []byte(`{"errors":[{"context":{"retry_after_seconds":3}}]}`)},
			problem.Problem{Code: problem.RateLimited, Outcome: problem.Refused, What: "LeadMagic's rate limit is reached", RetryAfter: 3 * time.Second},
		},
		{
			"a failure of a paid call",
			problem.Answer{Status: 503, Header: header("Retry-After", "30", "RateLimit-Reset", "42"), Paid: true},
			problem.Problem{Code: problem.Failed, Outcome: problem.Unknown, What: "LeadMagic failed with HTTP 503", RetryAfter: 30 * time.Second, Next: "check whether the result is still needed before calling again"},
		},
		{"a failure of a free call", problem.Answer{Status: 500, Body: []byte(`{"detail":"Oops."}`)}, problem.Problem{Code: problem.Failed, Outcome: problem.Refused, What: "LeadMagic failed with HTTP 500: Oops"}},
		{
			"another origin",
			problem.Answer{Status: 307, Header: header("Location", "https://user:pw@other.example/mcp?token=t#f"), Asked: mustParse("https://mcp.leadmagic.io/mcp")},
			problem.Problem{Code: problem.Redirected, Outcome: problem.Refused, What: "LeadMagic points to another origin, https://other.example/mcp; the key was not sent there"},
		},
		{
			"another path",
			problem.Answer{Status: 301, Header: header("Location", "/v2"), Asked: mustParse("https://mcp.leadmagic.io/mcp")},
			problem.Problem{Code: problem.Redirected, Outcome: problem.Refused, What: "LeadMagic points to another path, https://mcp.leadmagic.io/v2; the key was not sent there"},
		},
		{
			"one of several places",
			problem.Answer{Status: 300, Body: []byte(`{"detail":"choose"}`)},
			problem.Problem{Code: problem.Redirected, Outcome: problem.Refused, What: "LeadMagic answered HTTP 300 without saying where to go; nothing was followed"},
		},
		{
			"names of parameters that act on a terminal",
			problem.Answer{Status: 400, Body: []byte(`{"errors":[{"detail":"no","param":["e\u001b[31mmail","\u202edomain"]}]}`)},
			problem.Problem{Code: problem.BadRequest, Outcome: problem.Refused, What: "LeadMagic did not accept the call (HTTP 400): no (email, domain)", Next: "correct email, domain and call again"},
		},
		{
			"nowhere",
			problem.Answer{Status: 302},
			problem.Problem{Code: problem.Redirected, Outcome: problem.Refused, What: "LeadMagic answered HTTP 302 without saying where to go; nothing was followed"},
		},
		{
			"half an answer to a free call",
			problem.Answer{Status: 200, Body: []byte(`{"a":`)},
			problem.Problem{Code: problem.BrokenAnswer, Outcome: problem.Refused, What: "LeadMagic's answer is broken: it is not a complete answer to this call"},
		},
		{
			"an answer of another form",
			problem.Answer{Status: 200, Body: []byte(`{"error":"Profile service is down"}`), Paid: true},
			problem.Problem{Code: problem.BrokenAnswer, Outcome: problem.Unknown, What: "LeadMagic's answer is broken: it is not a complete answer to this call: Profile service is down"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.answer.Header == nil {
				tt.answer.Header = http.Header{}
			}
			got := problem.FromAnswer(tt.answer)
			if got.Code != tt.want.Code || got.Outcome != tt.want.Outcome || got.What != tt.want.What {
				t.Errorf("got  %s, outcome %d: %s\nwant %s, outcome %d: %s", got.Code, got.Outcome, got.What, tt.want.Code, tt.want.Outcome, tt.want.What)
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

func TestARateLimitThatDoesNotSayHowLongHasTheUsualAdvice(t *testing.T) {
	p := problem.FromAnswer(problem.Answer{Status: 429, Header: http.Header{}})
	if want := "wait a minute, then call again with fewer calls side by side"; p.Fix() != want {
		t.Errorf("got %q, want %q", p.Fix(), want)
	}
}

func TestLinksToLeadMagicsPages(t *testing.T) {
	long := "https://leadmagic.io/" + strings.Repeat("x", problem.MaxLine-len("https://leadmagic.io/"))
	for _, tt := range []struct{ docs, want string }{
		{"https://leadmagic.io/docs", "https://leadmagic.io/docs"},
		{"http://leadmagic.io/docs", ""},
		{"https:///docs", ""},
		{"https:docs", ""},
		{"javascript:alert(1)", ""},
		{"//leadmagic.io", ""},
		{"https://%zz", ""},
		{long, long},
		{long + "x", ""},
		{"https://leadmagic.io/\u202ex", "https://leadmagic.io/x"},
	} {
		body := fmt.Sprintf(`{"detail":"no","docs":%q}`, tt.docs)
		if got := problem.FromAnswer(problem.Answer{Status: 400, Header: http.Header{}, Body: []byte(body)}).Docs; got != tt.want {
			t.Errorf("%s: got %q", tt.docs, got)
		}
	}
}

func mustParse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// Whatever its status and its Content-Type, a page is neither about the key nor about the plan.
func TestAPageIsNoAnswerOfLeadMagics(t *testing.T) {
	const page = `<!DOCTYPE html><html><head><title>Access blocked</title></head><body>Your API key and your plan have no credits</body></html>`
	tests := []struct {
		name, contentType, body string
		title                   string
	}{
		{"a page", "text/html; charset=utf-8", page, "Access blocked"},
		{"a page that says it is JSON", "application/json", page, "Access blocked"},
		{"a page that says it is a text", "text/plain", page, "Access blocked"},
		{"a page that says it is an event stream", "text/event-stream", page, "Access blocked"},
		{"a page that says nothing", "", page, "Access blocked"},
		{"a type that cannot be read", "text/HTML; charset", "blocked", "blocked"},
		{"a byte order mark and blanks before it", "application/json", "\n\uFEFF \r\n\t" + page, "Access blocked"},
		{"a comment before it", "application/json", "<!-- served by the filter -->\n" + page, "Access blocked"},
		{"a short tag", "application/json", "<HTML><TITLE>Blocked</TITLE>", "Blocked"},
		{"no html tag at all", "", "<center><h1>502 Bad Gateway</h1></center>", ""},
		{"a script that asks for a browser", "application/json", "<script>challenge()</script>", ""},
		{"XHTML", "application/xhtml+xml", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title lang="en">Blocked</title></head></html>`, "Blocked"},
		{"XHTML that says it is JSON", "application/json", `<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN"><html><title>Blocked</title>`, "Blocked"},
		{"XHTML without markup", "Application/XHTML+XML ;charset=utf-8", "blocked", "blocked"},
		{"XML", "application/xml", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, ""},
		{"words that say they are a page", "text/html", "Blocked by policy\nask the help desk", "Blocked by policy"},
		{"words with brackets in them that say they are a page", "text/html", "E[7] {x}", "E[7] {x}"},
		{"one letter that says it is a page", "text/html", "x", "x"},
		{"bytes that say they are a page", "text/html", "\x80\x81", ""},
		{"a page in UTF-16", "application/json", "\xff\xfe<\x00h\x00", ""},
		{"a page in UTF-16, the other way round", "application/json", "\xfe\xff\x00<\x00h", ""},
		{"a page in UTF-16 with its mark", "text/html", "\xff\xfe" + utf16le(page), "Access blocked"},
		{"a page in UTF-16 without it", "application/json", utf16le(page), "Access blocked"},
		{"a page in UTF-16, the other way round, with its mark", "", "\xfe\xff" + utf16be(page), "Access blocked"},
		{"a page in UTF-16, the other way round, without it", "", utf16be(page), "Access blocked"},
		{"a compressed page", "text/html", gzipped(page), "Access blocked"},
		{"a compressed page that says it is JSON", "application/json", gzipped("\n" + page), "Access blocked"},
		{"half a compressed page", "", gzipped(page + strings.Repeat(page, 9))[:120], "Access blocked"},
		{"a title that is none", "", "<html><titlebar>x</titlebar><title>y</title>", "y"},
		{"a title of several lines, with entities", "text/html", "<title>\n  Just a&nbsp;moment &amp; wait&#8230;\n</title>", "Just a moment & wait…"},
		{"a title that acts on a terminal", "text/html", "<title>\x1b[31m\u202eBlocked\x1b]52;c;eA==\a</title>", "Blocked"},
		{"an entity that acts on a terminal", "text/html", "<title>&#27;[31mBlocked&#x202e;</title>", "Blocked"},
		{"a long title", "text/html", "<title>" + strings.Repeat("é", 500), strings.Repeat("é", 79) + "…"},
		{"a title in another encoding", "text/html", "<title>Zugriff f\xfcr Sie gesperrt</title>", "Zugriff f\ufffdr Sie gesperrt"},
		{"an empty title", "text/html", "<title></title>", ""},
	}
	for _, status := range []int{200, 202, 300, 400, 401, 402, 403, 404, 407, 410, 413, 429, 451, 500, 502, 503, 520} {
		for _, tt := range tests {
			t.Run(fmt.Sprint(tt.name, " with ", status), func(t *testing.T) {
				h := header("Content-Type", tt.contentType, "Www-Authenticate", "Bearer", "X-Request-Id", "of-the-filter")
				got := problem.FromAnswer(problem.Answer{Status: status, Header: h, Body: []byte(tt.body)})
				if got.Code != problem.NotLeadMagic || got.HTTPStatus != status || got.RequestID != "" || got.Outcome != problem.Refused {
					t.Errorf("got %+v, want one that is not LeadMagic's", got)
				}
				var known []string
				if status >= 300 {
					known = append(known, fmt.Sprint("HTTP ", status))
				}
				if tt.title != "" {
					known = append(known, fmt.Sprintf("titled %q", tt.title))
				}
				in := ""
				if known != nil {
					in = " (" + strings.Join(known, ", ") + ")"
				}
				want := "a web page came where LeadMagic's answer was due" + in +
					": something between you and LeadMagic answered (a filter, a challenge, a gateway or a captive portal?)"
				if got.What != want {
					t.Errorf("got  %s\nwant %s", got.What, want)
				}
				if text := got.Text(nil); strings.Contains(text, "key") || strings.Contains(text, "plan") {
					t.Errorf("got %q, which is about the key or the plan", text)
				}
			})
		}
	}
}

func gzipped(s string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func utf16le(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func utf16be(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func TestPagesInEncodingsThatNobodyAskedFor(t *testing.T) {
	const brotli = "[\x8f\x00\x80"
	for _, tt := range []struct {
		contentType, encoding, body string
		code                        problem.Code
	}{
		{"text/html", "br", brotli, problem.NotLeadMagic},
		{"text/html", "", brotli, problem.NotLeadMagic}, // no JSON is in that
		{"application/json", "br", brotli, problem.KeyRejected},
		{"text/html", "br", "[\x01\x02", problem.NotLeadMagic},
		{"text/html", "", `["x"]`, problem.KeyRejected},
	} {
		h := header("Content-Type", tt.contentType)
		if tt.encoding != "" {
			h.Set("Content-Encoding", tt.encoding)
		}
		if got := problem.FromAnswer(problem.Answer{Status: 401, Header: h, Body: []byte(tt.body)}); got.Code != tt.code || strings.Contains(got.What, "titled") {
			t.Errorf("%s in %q: got %s: %s", tt.contentType, tt.encoding, got.Code, got.What)
		}
	}
}

func TestALargeCompressedPageIsReadToAPoint(t *testing.T) {
	body := gzipped("<html>" + strings.Repeat(" ", 64<<10) + "<title>far down</title>")
	got := problem.FromAnswer(problem.Answer{Status: 403, Header: http.Header{}, Body: []byte(body)})
	if got.Code != problem.NotLeadMagic || strings.Contains(got.What, "far down") {
		t.Errorf("got %s: %s", got.Code, got.What)
	}
}

func TestWhatIsToBeDoneAboutAPage(t *testing.T) {
	const (
		signIn = "open a web page to sign in to the network, or ask who runs the company proxy; leadmagic-mcp-proxy doctor finds the cause"
		later  = "try again later; if it stays, " + signIn
	)
	for _, tt := range []struct {
		status  int
		paid    bool
		outcome problem.Outcome
		agent   string
		next    string
	}{
		{200, false, problem.Refused, "the agent cannot fix this; a person has to", signIn},
		{200, true, problem.Unknown, "the agent cannot fix this; a person has to", signIn},
		{403, true, problem.Refused, "the agent cannot fix this; a person has to", signIn},
		{499, true, problem.Refused, "the agent cannot fix this; a person has to", signIn},
		{429, true, problem.Refused, "the agent can try again: no credits were used", later},
		{500, false, problem.Refused, "the agent can try again: no credits were used", later},
		{500, true, problem.Unknown, "the agent cannot tell whether the call was carried out, so it was not repeated", later},
	} {
		p := problem.FromAnswer(problem.Answer{Status: tt.status, Header: header("Retry-After", "7"), Body: []byte("<html>"), Paid: tt.paid})
		lines := strings.Split(p.Text(nil), "\n")
		if p.Outcome != tt.outcome || lines[1] != tt.agent || lines[2] != "next: "+tt.next {
			t.Errorf("%d: got outcome %d, %q", tt.status, p.Outcome, lines)
		}
		if want := tt.next == later; (p.RetryAfter == 7*time.Second) != want {
			t.Errorf("%d: got RetryAfter %v", tt.status, p.RetryAfter)
		}
	}
}

func TestWhatIsNoPage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer problem.Answer
		code   problem.Code
		what   string
	}{
		{
			"LeadMagic's JSON, as a page",
			problem.Answer{Status: 401, Header: header("Content-Type", "text/html"), Body: []byte("\uFEFF \n" + `{"error":"Unauthorized"}`)},
			problem.KeyRejected, "LeadMagic rejected the API key",
		},
		{
			"a list, as a page",
			problem.Answer{Status: 403, Header: header("Content-Type", "text/html"), Body: []byte(`[]`)},
			problem.NotAllowed, "the LeadMagic plan does not allow this",
		},
		{
			"words with a bracket in them",
			problem.Answer{Status: 400, Body: []byte("a < b")},
			problem.BadRequest, "LeadMagic did not accept the call (HTTP 400): a < b",
		},
		{
			"what begins like no tag",
			problem.Answer{Status: 400, Body: []byte("<3")},
			problem.BadRequest, "LeadMagic did not accept the call (HTTP 400): <3",
		},
		{
			"nothing, as a page",
			problem.Answer{Status: 401, Header: header("Content-Type", "text/html"), Body: []byte(" \n")},
			problem.KeyRejected, "LeadMagic rejected the API key",
		},
		{
			"a redirect with a page",
			problem.Answer{Status: 302, Header: header("Content-Type", "text/html", "Location", "https://login.example/?token=x"), Body: []byte("<html><title>Moved</title>")},
			problem.Redirected, "LeadMagic points to another origin, https://login.example/; the key was not sent there",
		},
		{
			"the words of a proxy",
			problem.Answer{Status: 403, Header: header("Content-Type", "text/plain"), Body: []byte("RBAC: access denied")},
			problem.NotAllowed, "LeadMagic, or something between you and LeadMagic, does not allow this: RBAC: access denied",
		},
		{
			"nothing at all, which is no refusal of LeadMagic's",
			problem.Answer{Status: 403},
			problem.NotAllowed, "LeadMagic, or something between you and LeadMagic, does not allow this",
		},
		{
			"LeadMagic's JSON, compressed unasked",
			problem.Answer{Status: 403, Body: []byte(gzipped(`{"detail":"a paid plan"}`))},
			problem.NotAllowed, "the LeadMagic plan does not allow this: a paid plan",
		},
		{
			"a sign-in to the network, in whatever words",
			problem.Answer{Status: 511, Header: header("Content-Type", "text/plain"), Body: []byte("sign in"), Paid: true},
			problem.NotLeadMagic, "a web page came where LeadMagic's answer was due (HTTP 511): something between you and LeadMagic answered (a filter, a challenge, a gateway or a captive portal?)",
		},
		{
			"a proxy that wants a login and says not how",
			problem.Answer{Status: 407, Body: []byte("login, please")},
			problem.Untrusted, "LeadMagic is not reachable: the HTTP proxy wants a login",
		},
		{
			"a page of a proxy that says how to log in",
			problem.Answer{Status: 407, Header: header("Proxy-Authenticate", "NTLM"), Body: []byte("<html>")},
			problem.Untrusted, "LeadMagic is not reachable: the HTTP proxy takes no login but NTLM, which this program does not know",
		},
		{
			"the words of a gateway",
			problem.Answer{Status: 503, Header: header("Content-Type", "text/plain"), Body: []byte("no healthy upstream\n")},
			problem.Failed, "LeadMagic failed with HTTP 503: no healthy upstream",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.answer.Header == nil {
				tt.answer.Header = http.Header{}
			}
			got := problem.FromAnswer(tt.answer)
			if got.Code != tt.code || got.What != tt.what {
				t.Errorf("got  %s: %s\nwant %s: %s", got.Code, got.What, tt.code, tt.what)
			}
			if unsure := strings.Contains(tt.what, "or something between"); unsure != strings.Contains(got.Fix(), "a company's filter") {
				t.Errorf("got the advice %q", got.Fix())
			}
		})
	}
}

func TestALongMessageIsCutBetweenLetters(t *testing.T) {
	body := `{"detail":"` + strings.Repeat("é", 1<<20) + `"}`
	got := problem.FromAnswer(problem.Answer{Status: 400, Header: http.Header{}, Body: []byte(body)}).What
	if utf8.RuneCountInString(got) > 350 || !utf8.ValidString(got) || !strings.HasSuffix(got, "é…") {
		t.Errorf("got %d characters, ending in %q, want a short text of whole letters", utf8.RuneCountInString(got), got[max(0, len(got)-8):])
	}
}

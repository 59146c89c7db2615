package problem

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// An Answer is an HTTP answer that is not what was asked for.
type Answer struct {
	Status int
	Header http.Header
	// Body is the beginning of the body; 64 KiB are enough.
	Body []byte
	// Asked is where the request went. A redirect is described as seen from there.
	Asked *url.URL
	// Paid says that the call may cost credits, so that a failure leaves its outcome unknown.
	Paid bool
	// Waited is how long the call was held back for a rate limit.
	Waited time.Duration
}

// FromAnswer is the Problem that an HTTP answer stands for: any status that is not 2xx, and a 2xx
// that is not JSON. The texts follow LeadMagic's own words where its answer has some. A page for people is none of
// LeadMagic's answers, whatever its status: it says nothing about the key, the plan or the call.
func FromAnswer(a Answer) *Problem {
	a.Body = decoded(a.Body)
	title, page := webPage(a.Header, a.Body)
	switch {
	case a.Status == http.StatusProxyAuthRequired && (!page || a.Header.Get("Proxy-Authenticate") != ""):
		p := proxyLogin(a.Header, false)
		p.HTTPStatus = a.Status
		return p
	case page && (a.Status/100 != 3 || a.Header.Get("Location") == ""), a.Status == http.StatusNetworkAuthenticationRequired:
		return fromPage(a, title)
	}
	d := parseDetail(a.Body)
	p := &Problem{
		Outcome:    Refused,
		HTTPStatus: a.Status,
		Upstream:   d.code,
		RequestID:  cmp.Or(d.requestID, clean(a.Header.Get("X-Request-Id"))),
		Docs:       d.docs,
	}
	p.RetryAfter, _ = ratelimit.RetryAfter(a.Header, time.Now())
	switch s := a.Status; {
	case s >= 200 && s < 300:
		p.Code = BrokenAnswer
		p.What = "LeadMagic's answer is broken: it is not a complete answer to this call" + d.suffix()
		if a.Paid {
			p.Outcome = Unknown
		}
	case s >= 300 && s < 400:
		p.describeRedirect(a)
	case s == http.StatusUnauthorized && bearerChallenge(a.Header):
		p.Code = SignInRequired
		p.What = "LeadMagic's hosted server asks for a sign-in instead of an API key"
	case s == http.StatusUnauthorized:
		p.Code = KeyRejected
		p.What = "LeadMagic rejected the API key"
	case s == http.StatusPaymentRequired, s == http.StatusForbidden && d.speaksOfCredits():
		p.describeNoCredits(d)
	case s == http.StatusForbidden && !d.isJSON: // LeadMagic's own refusals are
		p.Code = NotAllowed
		p.What = "LeadMagic, or something between you and LeadMagic, does not allow this" + d.suffix()
		p.Next = "check what the plan includes at app.leadmagic.io; if these are the words of a company's filter, ask who runs it"
	case s == http.StatusForbidden:
		p.Code = NotAllowed
		p.What = "the LeadMagic plan does not allow this" + d.suffix()
		p.Next = d.action
	case s == http.StatusNotFound, s == http.StatusGone:
		p.Code = NotFound
		p.What = "LeadMagic does not know what was asked for" + d.suffix()
	case s == http.StatusTooManyRequests:
		p.describeRateLimit(a, d)
	case s >= 500:
		p.Code = Failed
		p.What = fmt.Sprintf("LeadMagic failed with HTTP %d", s) + d.suffix()
		if a.Paid {
			p.Outcome = Unknown
			p.Next = recheck
		}
	default:
		p.Code = Failed
		if aboutArguments[s] {
			p.Code = BadRequest
		}
		p.What = fmt.Sprintf("LeadMagic did not accept the call (HTTP %d)", s) + d.suffix()
		p.Next = d.action
		if len(d.params) > 0 {
			p.Next = "correct " + strings.Join(d.params, ", ") + " and call again"
		}
	}
	return p
}

// aboutArguments are the statuses that other arguments may change. The others are about the address, the way to
// it, or the moment.
var aboutArguments = map[int]bool{
	http.StatusBadRequest: true, http.StatusConflict: true, http.StatusRequestEntityTooLarge: true,
	http.StatusRequestURITooLong: true, http.StatusUnprocessableEntity: true,
}

func (p *Problem) describeRedirect(a Answer) {
	p.Code = Redirected
	p.What = fmt.Sprintf("LeadMagic answered HTTP %d without saying where to go; nothing was followed", a.Status)
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		return
	}
	kind := "origin"
	if a.Asked != nil {
		to = a.Asked.ResolveReference(to)
		if to.Scheme == a.Asked.Scheme && to.Host == a.Asked.Host {
			kind = "path"
		}
	}
	// The query of a Location can carry tokens, and is no help.
	to.RawQuery, to.Fragment, to.User = "", "", nil
	p.What = fmt.Sprintf("LeadMagic points to another %s, %s; the key was not sent there", kind, clean(to.String()))
}

func (p *Problem) describeNoCredits(d detail) {
	p.Code = NoCredits
	p.What = "no LeadMagic credits remain for this"
	switch {
	case d.required != "" && d.available != "":
		p.What += fmt.Sprintf(": it needs %s, %s are available", d.required, d.available)
	case d.available != "":
		p.What += fmt.Sprintf(": %s are available", d.available)
	default:
		p.What += d.suffix()
	}
}

func (p *Problem) describeRateLimit(a Answer, d detail) {
	p.Code = RateLimited
	if _, said := ratelimit.RetryAfter(a.Header, time.Now()); !said {
		p.RetryAfter = cmp.Or(d.retryAfter, ratelimit.Reset(a.Header, time.Now()))
	}
	p.What = "LeadMagic's rate limit is reached"
	if a.Waited != 0 {
		p.What += fmt.Sprintf(", after waiting %s", roundSeconds(a.Waited))
	}
	if p.RetryAfter != 0 {
		p.Next = fmt.Sprintf("call again in %s, with fewer calls side by side", roundSeconds(p.RetryAfter))
	}
}

func roundSeconds(d time.Duration) string {
	return fmt.Sprintf("%.0f s", math.Ceil(d.Seconds()))
}

// bearerChallenge reports whether a 401 asks for an OAuth sign-in. Source: RFC 9728 §5.1.
func bearerChallenge(h http.Header) bool {
	return names(schemes(h.Values("Www-Authenticate")), "Bearer")
}

// fromPage is the Problem of a page that came instead of an answer of LeadMagic's.
func fromPage(a Answer, title string) *Problem {
	p := &Problem{Code: NotLeadMagic, Outcome: Refused, HTTPStatus: a.Status}
	var known []string
	if a.Status/100 != 2 {
		known = append(known, fmt.Sprintf("HTTP %d", a.Status))
	}
	if title != "" {
		known = append(known, fmt.Sprintf("titled %q", title))
	}
	p.What = "a web page came where LeadMagic's answer was due"
	if known != nil {
		p.What += " (" + strings.Join(known, ", ") + ")"
	}
	p.What += ": something between you and LeadMagic answered (a filter, a challenge, a gateway or a captive portal?)"
	if a.Paid && (a.Status/100 == 2 || a.Status >= 500) {
		p.Outcome = Unknown // the call may have got through to LeadMagic, and the answer not back
	}
	if p.temporary() {
		p.RetryAfter, _ = ratelimit.RetryAfter(a.Header, time.Now())
		p.Next = "try again later; if it stays, " + advice[NotLeadMagic].next
	}
	return p
}

// temporary reports whether a page that came instead of an answer is about the moment, so that a later try may succeed.
func (p *Problem) temporary() bool {
	return p.Code == NotLeadMagic && (p.HTTPStatus == http.StatusTooManyRequests || p.HTTPStatus >= 500)
}

// webPage reports whether a decoded body is a page for people, in HTML or other markup, and what its title is. The body
// decides: the Content-Type counts only for a text without markup, which a browser would show as a page and whose first
// line is its title, and for bytes in an encoding that nobody asked for.
func webPage(h http.Header, body []byte) (title string, ok bool) {
	switch {
	case markup.Match(body):
		if found := pageTitle.FindSubmatch(body); found != nil {
			title = html.UnescapeString(string(found[1]))
		}
	case !isHTML(h.Get("Content-Type")) || len(body) == 0:
		return "", false
	case h.Get("Content-Encoding") != "", !utf8.Valid(body):
	case beginsAsJSON(body):
		return "", false
	default:
		first, _, _ := strings.Cut(string(body), "\n")
		title = html.UnescapeString(first)
	}
	return PrintableLine(title, maxTitle), true
}

func beginsAsJSON(body []byte) bool { return bytes.IndexAny(body, "{[") == 0 }

// decoded is a body as UTF-8, without what may stand around it: whoever writes pages in place of answers may compress
// them unasked, and write them in UTF-16. No more of it is kept than of others.
func decoded(body []byte) []byte {
	if r, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		body, _ = io.ReadAll(io.LimitReader(r, 64<<10)) // the end may be missing
	}
	return bytes.TrimSpace([]byte(UTF8(bytes.TrimSpace(body))))
}

// maxTitle is what is shown of a title, in characters.
const maxTitle = 80

var (
	// markup is how HTML and XML begin: no JSON does.
	markup    = lazyregexp.New(`^<[a-zA-Z!?]`)
	pageTitle = lazyregexp.New(`(?i)<title(?:\s[^>]*)?>([^<]*)`)
)

func isHTML(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";") // parameters may be broken
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "text/html" || t == "application/xhtml+xml"
}

// detail is what LeadMagic itself says of a refusal, whichever of its documented shapes it uses.
type detail struct {
	message, code, action, docs, requestID string
	params                                 []string
	required, available                    string
	retryAfter                             time.Duration
	isJSON                                 bool
}

// wire holds the members of every body shape seen: the list of problems of the current API, the flat
// RFC 9457 problem, the two older `error` shapes, and a JSON-RPC error.
// Sources: LeadMagic OpenAPI 1.4.35, RFC 9457, LeadMagic's 2025 clients.
type wire struct {
	wireProblem
	Errors []wireProblem   `json:"errors"`
	Error  json.RawMessage `json:"error"`
	Meta   wireIDs         `json:"meta"`
	Trace  wireIDs         `json:"trace"`
}

type wireProblem struct {
	Title   string          `json:"title"`
	Detail  string          `json:"detail"`
	Message string          `json:"message"`
	Code    json.RawMessage `json:"code"`
	Param   json.RawMessage `json:"param"`
	Action  string          `json:"action"`
	Docs    string          `json:"docs"`
	Context struct {
		Required   json.RawMessage `json:"credits_required"`
		Available  json.RawMessage `json:"credits_available"`
		RetryAfter float64         `json:"retry_after_seconds"`
	} `json:"context"`
}

type wireIDs struct {
	RequestID string `json:"request_id"`
}

func parseDetail(body []byte) detail {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil && !json.Valid(body) {
		return plainDetail(body)
	}
	// A member of an unexpected type has left the others filled.
	d := detail{isJSON: true, requestID: clean(cmp.Or(w.Meta.RequestID, w.Trace.RequestID))}
	var messages []string
	for _, p := range w.problems() {
		if m := clean(cmp.Or(p.Detail, p.Message, p.Title)); m != "" && !slices.Contains(messages, m) {
			messages = append(messages, m)
		}
		d.params = append(d.params, texts(p.Param)...)
		d.code = cmp.Or(d.code, clean(name(p.Code)))
		d.action = cmp.Or(d.action, clean(p.Action))
		d.docs = cmp.Or(d.docs, link(p.Docs))
		d.required = cmp.Or(d.required, clean(text(p.Context.Required)))
		d.available = cmp.Or(d.available, clean(text(p.Context.Available)))
		d.retryAfter = max(d.retryAfter, ratelimit.Seconds(p.Context.RetryAfter))
	}
	d.message = clean(cmp.Or(strings.Join(messages, "; "), w.Message, text(w.Error)))
	return d
}

// problems are what the body has of them, in whichever shape.
func (w *wire) problems() []wireProblem {
	if len(w.Errors) > 0 {
		return w.Errors
	}
	if bytes.HasPrefix(w.Error, []byte("{")) {
		var inner wireProblem
		_ = json.Unmarshal(w.Error, &inner) // a member of an unexpected type leaves the others filled
		return []wireProblem{inner}
	}
	return []wireProblem{w.wireProblem}
}

// plainDetail takes a short text body for the message. Broken JSON has none.
func plainDetail(body []byte) detail {
	if !utf8.Valid(body) || beginsAsJSON(body) {
		return detail{}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return detail{message: clean(line)}
}

// suffix is ": " and LeadMagic's words, with the parameter they are about.
func (d detail) suffix() string {
	s := d.message
	if len(d.params) > 0 {
		s = strings.TrimSpace(s + " (" + strings.Join(d.params, ", ") + ")")
	}
	if s == "" {
		return ""
	}
	return ": " + s
}

// speaksOfCredits tells a 403 about the balance from one about the plan, which may speak of credits too.
func (d detail) speaksOfCredits() bool {
	if d.code == "insufficient_permissions" {
		return false
	}
	return d.available != "" || d.required != "" ||
		strings.Contains(strings.ToLower(d.code+" "+d.message), "credit")
}

// name is a JSON string's value. A number says no more than the status, or is JSON-RPC's.
func name(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // anything else is no name
	return s
}

// text is a JSON string's value, or a number as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	_ = json.Unmarshal(raw, &n) // anything else is empty
	return n.String()
}

func texts(raw json.RawMessage) []string {
	var list []string
	_ = json.Unmarshal(raw, &list) // it may be one text, or something else
	if one := text(raw); one != "" {
		list = []string{one}
	}
	for i := range list {
		list[i] = clean(list[i])
	}
	return list
}

// link is a documentation link as it may be shown, or empty.
func link(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || len(s) > MaxLine {
		return ""
	}
	return clean(s)
}

// clean makes a foreign text one short line that ends without a full stop.
func clean(s string) string { return strings.TrimRight(PrintableLine(s, MaxLine), ". ") }

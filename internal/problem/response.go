package problem

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

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
	// Now is the time of the answer, for dates in headers. Zero is the zero time.
	Now time.Time
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
		Fate:       Refused,
		HTTPStatus: a.Status,
		Upstream:   d.code,
		RequestID:  cmp.Or(d.requestID, clean(a.Header.Get("X-Request-Id"))),
		Docs:       d.docs,
	}
	p.RetryAfter, _ = ratelimit.RetryAfter(a.Header, a.Now)
	switch s := a.Status; {
	case s >= 200 && s < 300:
		p.describeUnreadable(a, d)
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
			p.Fate = Unknown
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

func (p *Problem) describeUnreadable(a Answer, d detail) {
	p.Code = BrokenAnswer
	p.What = "LeadMagic's answer is broken: it is not a complete answer to this call" + d.suffix()
	if a.Paid {
		p.Fate = Unknown
	}
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
	if _, said := ratelimit.RetryAfter(a.Header, a.Now); !said {
		p.RetryAfter = cmp.Or(d.retryAfter, ratelimit.Reset(a.Header, a.Now))
	}
	p.What = "LeadMagic's rate limit is reached"
	if a.Waited > 0 {
		p.What += fmt.Sprintf(", after waiting %s", roundSeconds(a.Waited))
	}
	if p.RetryAfter > 0 {
		p.Next = fmt.Sprintf("call again in %s, with fewer calls side by side", roundSeconds(p.RetryAfter))
	}
}

func roundSeconds(d time.Duration) string {
	return fmt.Sprintf("%d s", int((d+time.Second-1)/time.Second))
}

// bearerChallenge reports whether a 401 asks for an OAuth sign-in. Source: RFC 9728 §5.1.
func bearerChallenge(h http.Header) bool {
	return names(schemes(h.Values("Www-Authenticate")), "Bearer")
}

// fromPage is the Problem of a page that came instead of an answer of LeadMagic's.
func fromPage(a Answer, title string) *Problem {
	p := &Problem{Code: NotLeadMagic, Fate: Refused, HTTPStatus: a.Status}
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
		p.Fate = Unknown // the call may have got through to LeadMagic, and the answer not back
	}
	if p.mayPass() {
		p.RetryAfter, _ = ratelimit.RetryAfter(a.Header, a.Now)
		p.Next = "try again later; if it stays, " + advice[NotLeadMagic].next
	}
	return p
}

// mayPass reports whether a page that came instead of an answer is about the moment, so that a later try may succeed.
func (p *Problem) mayPass() bool {
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
	case bytes.ContainsAny(body[:1], "{["):
		return "", false
	default:
		first, _, _ := strings.Cut(string(body), "\n")
		title = html.UnescapeString(first)
	}
	return PrintableLine(title, maxTitle), true
}

// decoded is a body as UTF-8, without what may stand around it: whoever writes pages in place of answers may compress
// them unasked, and write them in UTF-16. No more of it is kept than of others.
func decoded(body []byte) []byte {
	if r, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		body, _ = io.ReadAll(io.LimitReader(r, 64<<10)) // the end may be missing
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte("\xFF\xFE")), bytes.HasPrefix(body, []byte("<\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(body, []byte("\xFE\xFF")), bytes.HasPrefix(body, []byte("\x00<")):
		order = binary.BigEndian
	}
	if order != nil {
		units := make([]uint16, len(body)/2)
		for i := range units {
			units[i] = order.Uint16(body[2*i:])
		}
		body = []byte(string(utf16.Decode(units)))
	}
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\uFEFF")))
}

// maxTitle is what is shown of a title, in characters.
const maxTitle = 80

var (
	// markup is how HTML and XML begin: no JSON does.
	markup    = regexp.MustCompile(`^<[a-zA-Z!?]`)
	pageTitle = regexp.MustCompile(`(?i)<title(?:\s[^>]*)?>([^<]*)`)
)

func isHTML(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";") // parameters may be broken
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "text/html" || t == "application/xhtml+xml"
}

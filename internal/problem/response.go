package problem

import (
	"bytes"
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

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
// that is not JSON. The texts follow LeadMagic's own words where its answer has some.
func FromAnswer(a Answer) *Problem {
	d := parseDetail(a.Header.Get("Content-Type"), a.Body)
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
	if looksLikeHTML(a.Header.Get("Content-Type"), a.Body) {
		p.Code = NotLeadMagic
		p.What = "a web page came where LeadMagic's answer was due: something between you and LeadMagic answered (a captive portal?)"
	}
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

// bearer is a challenge of that scheme, which may stand after others in the same header. Source: RFC 9110 §11.6.1.
var bearer = regexp.MustCompile(`(?i)(?:^|,)[ \t]*bearer(?:[ \t,]|$)`)

// bearerChallenge reports whether a 401 asks for an OAuth sign-in. Source: RFC 9728 §5.1.
func bearerChallenge(h http.Header) bool {
	return slices.ContainsFunc(h.Values("Www-Authenticate"), bearer.MatchString)
}

func looksLikeHTML(contentType string, body []byte) bool {
	if t, _, _ := mime.ParseMediaType(contentType); t == "text/html" {
		return true
	}
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 256)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

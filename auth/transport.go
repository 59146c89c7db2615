package auth

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Credentials are what a Transport puts on requests: the API key, or the token of a sign-in. It is safe for concurrent use.
type Credentials interface {
	// Get returns what to send. The error is a *problem.Problem.
	Get(ctx context.Context) (Key, error)
	// Newer returns another one than used, which LeadMagic has rejected, if there is one.
	Newer(ctx context.Context, used Key) (Key, bool)
	// Answered is told of each response, before anybody reads it.
	Answered(res *http.Response)
}

// A Transport puts the key on requests to one origin. A request to anywhere else is refused, and so is one without a
// key: both errors are a *problem.Problem, and nothing was sent. It is safe for concurrent use; its fields are set before.
//
// Answers are not searched for copies of the key: that is for a Redactor, where they leave the program.
type Transport struct {
	// Base makes the connections.
	Base http.RoundTripper
	// Origin is where the key may go: scheme, host and port count.
	Origin *url.URL
	// Header carries the key: x-leadmagic-key, X-API-Key, or Authorization, then as a bearer token.
	Header string
	Keys   Credentials
	// UserAgent, if not empty, is sent with each request.
	UserAgent string
}

// RoundTrip implements http.RoundTripper. A request that LeadMagic answers with 401 is sent once more, if
// the sources hold another key by then and its body can be had again.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if p := t.refuse(req); p != nil {
		closeBody(req)
		return nil, p
	}
	key, err := t.Keys.Get(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	res, err := t.send(req, req.Body, key)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !repeatable(req) {
		return res, err
	}
	newer, found := t.Keys.Newer(req.Context(), key)
	if !found {
		return res, nil
	}
	var body io.ReadCloser
	if req.GetBody != nil {
		if body, err = req.GetBody(); err != nil {
			return res, nil //nolint:nilerr // the refusal stands: it cannot be tried again
		}
	}
	discard(res.Body)
	return t.send(req, body, newer)
}

// refuse says why the request must not carry the key.
func (t *Transport) refuse(req *http.Request) *problem.Problem {
	switch {
	case !IsSecure(t.Origin):
		return problem.New(problem.BadSetting, problem.NotSent, "the API key goes over https alone, and LeadMagic's address is not https", "")
	case !SameOrigin(req.URL, t.Origin), req.URL.User != nil,
		req.Host != "" && !SameOrigin(&url.URL{Scheme: req.URL.Scheme, Host: req.Host}, t.Origin):
		return problem.New(problem.BadSetting, problem.NotSent, "a request to another origin than LeadMagic's was not sent", "")
	}
	return nil
}

// repeatable reports whether the body, if there is one, can be had again.
func repeatable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// send sends req with a body and a key.
func (t *Transport) send(req *http.Request, body io.ReadCloser, key Key) (*http.Response, error) {
	out := req.WithContext(req.Context()) // a copy, whose headers are still those of req
	out.Body = body
	out.Header = make(http.Header, len(req.Header)+2)
	for name, values := range req.Header {
		switch http.CanonicalHeaderKey(name) {
		case "X-Leadmagic-Key", "X-Api-Key", "Authorization": // where LeadMagic takes a key: what a caller put there is not for it
		default:
			out.Header[name] = values // the transport reads them and changes none
		}
	}
	value := key.value()
	if strings.EqualFold(t.Header, "Authorization") {
		value = "Bearer " + value
	}
	out.Header.Set(t.Header, value)
	if t.UserAgent != "" {
		out.Header.Set("User-Agent", t.UserAgent)
	}
	res, err := t.Base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	res.Request = req // out shows the key
	t.Keys.Answered(res)
	if _, err := res.Location(); err != nil {
		// None of these is followed, but http.Client would make an error of one that it cannot read, and nobody
		// would know that LeadMagic refused.
		res.Header.Del("Location")
	}
	return res, nil
}

// CloseIdleConnections closes what no request uses.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// maxDiscard is how much is read of a body that nobody wants.
const maxDiscard = 64 << 10

// discard reads what is left of a short body, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	_ = body.Close()
}

// CheckOrigin reads the address of an endpoint that may be given the key: https, or http on this machine
// alone. The error is a *problem.Problem whose text goes on after a colon and shows none of the address,
// since that may hold a password.
func CheckOrigin(raw string) (*url.URL, error) {
	const form = "write it as https://host/path"
	bad := func(what, next string) (*url.URL, error) {
		return nil, problem.New(problem.BadSetting, problem.NotSent, what, next)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return bad("it is not a URL", form)
	}
	host := u.Hostname()
	strange := func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) || r == ' ' }
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	for _, rule := range []struct {
		broken     bool
		what, next string
	}{
		{!strings.Contains(raw, "://"), "it has no https:// in front", form},
		{u.Scheme != "https" && u.Scheme != "http", "it is not a web address", form},
		{host == "", "it names no host", form},
		{u.User != nil, "it has a user name or password in it", "leave that out: the API key is what LeadMagic asks for"},
		{u.Fragment != "", "it has a # part, which no server sees", "leave out # and what follows"},
		{strings.ContainsFunc(host, strange), "its host has letters that are not ASCII", "write the host in its xn-- form"},
		{err != nil || port == 0, "its port is no port", "use a port from 1 to 65535, or none"},
		{!IsSecure(u), "it is not https, so the API key could be read on the way", "write https://; http is for this machine alone"},
	} {
		if rule.broken {
			return bad(rule.what, rule.next)
		}
	}
	return u, nil
}

// IsSecure reports whether nobody on the way can read what goes to u: it is https, or stays on this machine.
// A name such as 127.1 counts as a name: what it means is the resolver's choice.
func IsSecure(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return true
	case "http":
		host := u.Hostname()
		ip, err := netip.ParseAddr(host)
		return strings.EqualFold(host, "localhost") || err == nil && ip.Zone() == "" && ip.IsLoopback()
	}
	return false
}

// SameOrigin reports whether both have the same scheme, host and port. A host with a dot at its end is
// another host than the one without: resolvers may search differently for the two.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Host == b.Host || origin(a) == origin(b)
}

func origin(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[scheme])
	return scheme + "://" + net.JoinHostPort(host, port)
}

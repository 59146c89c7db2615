package auth

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Transport puts the key on requests to one origin. A request to anywhere else is refused, and so is one without a
// key: both errors are a *problem.Problem, and nothing was sent. It is safe for concurrent use; its fields are set before.
//
// Answers are not searched for copies of the key: that is for a Redactor, where they leave the program.
type Transport struct {
	// Base makes the connections. Nil is a transport like net/http's default.
	Base http.RoundTripper
	// Origin is where the key may go: scheme, host and port count.
	Origin *url.URL
	// Header carries the key: x-leadmagic-key, X-API-Key, or Authorization, then as a bearer token.
	Header string
	Keys   *Keys
	// UserAgent, if not empty, is sent with each request.
	UserAgent string

	once sync.Once
	own  *http.Transport // in place of Base
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
	case !isSecure(t.Origin):
		return problem.New(problem.BadSetting, problem.NotSent, "the API key goes over https alone, and LeadMagic's address is not https", "")
	case !sameOrigin(req.URL, t.Origin), req.URL.User != nil,
		req.Host != "" && !sameOrigin(&url.URL{Scheme: req.URL.Scheme, Host: req.Host}, t.Origin):
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
	out.Header = req.Header.Clone()
	out.Body = body
	// The three are the headers in which LeadMagic takes a key: what a caller put there is not for it.
	taken := []string{"X-Leadmagic-Key", "X-Api-Key", "Authorization", t.Header}
	for name := range out.Header {
		if slices.ContainsFunc(taken, func(t string) bool { return strings.EqualFold(t, name) }) {
			delete(out.Header, name)
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
	res, err := t.base().RoundTrip(out)
	if err != nil {
		return nil, err
	}
	res.Request = req // out shows the key
	if _, err := res.Location(); err != nil {
		// None of these is followed, but http.Client would make an error of one that it cannot read, and nobody
		// would know that LeadMagic refused.
		res.Header.Del("Location")
	}
	return res, nil
}

// CloseIdleConnections closes what no request uses.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	t.once.Do(func() {
		t.own = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
		if base, ok := http.DefaultTransport.(*http.Transport); ok {
			t.own = base.Clone()
		}
	})
	return t.own
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// discard reads what is left of a short body, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

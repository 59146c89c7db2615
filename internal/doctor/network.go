package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A networkCheck checks whether one host can be reached: by a request without a key, over a connection as a session makes it.
type networkCheck struct {
	role  string // mcp or api
	url   *url.URL
	proxy *url.URL // the HTTP proxy in between, nil for none

	mu                   sync.Mutex // guards what httptrace hooks write; they may run after the request has ended
	ended                bool
	lookup, connect, tls step
	connected            bool
	addresses            []string
	state                tls.ConnectionState

	err    error // why no HTTP answer came
	status int
	health *problem.Problem // what is wrong with the answer, nil if nothing
	took   time.Duration
	skew   time.Duration // how far this machine's clock is ahead of the host's
	dated  bool          // skew is known
}

// A step of making a connection. Connections are tried side by side: one that was made counts, or else the last.
type step struct {
	begun, ended time.Time
	err          error
}

func (s *step) begin() {
	if s.begun.IsZero() {
		s.begun = time.Now()
	}
}

func (s *step) end(err error) {
	if s.ended.IsZero() || s.err != nil {
		s.ended, s.err = time.Now(), err
	}
}

func (s *step) took() string { return milliseconds(s.ended.Sub(s.begun)) }

func milliseconds(d time.Duration) string {
	return max(d.Round(time.Millisecond), time.Millisecond).String()
}

// hosts are those that calls may go to, in the order in which a session tries them. If both are one, it is mcp.
func (r *Route) hosts() []*networkCheck {
	hosted, api := &networkCheck{role: "mcp", url: r.MCP}, &networkCheck{role: "api", url: r.API}
	switch {
	case !r.hosted():
		return []*networkCheck{api}
	case !r.rest(), r.MCP.Scheme == r.API.Scheme && r.MCP.Host == r.API.Host:
		return []*networkCheck{hosted}
	}
	return []*networkCheck{hosted, api}
}

// run requests /health of the host. Source of the address: LeadMagic's own health check; any 2xx is good.
func (c *networkCheck) run(ctx context.Context, d *Doctor) {
	c.proxy, _ = d.Route.Proxy(&http.Request{URL: c.url}) // a bad one was a fault of the stage before
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = true
	}()
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: "/health"},
		Header: http.Header{"User-Agent": {"leadmagic-mcp-proxy/" + d.Version}},
	}).WithContext(c.trace(ctx))
	start := time.Now()
	res, err := d.Route.Dial().RoundTrip(req)
	if err != nil {
		c.err = err
		return
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	c.took, c.status = time.Since(start), res.StatusCode
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil && res.Header.Get("Age") == "" {
		// A date has whole seconds, and was written somewhere between request and answer.
		c.skew, c.dated = start.Add(c.took/2).Sub(date.Add(time.Second/2)), true
	}
	const enough = 64 << 10
	body, err := io.ReadAll(io.LimitReader(res.Body, enough))
	p := problem.FromAnswer(problem.Answer{Status: res.StatusCode, Header: res.Header, Body: body, Asked: req.URL})
	if res.StatusCode < 200 || res.StatusCode > 299 || p.Code == problem.NotLeadMagic {
		if p.Code == problem.Redirected && c.role == "api" {
			p.Next = "set --api-url (or LEADMAGIC_API_URL) to the new address if you trust it"
		}
		c.health = p
	} else if err != nil {
		c.health = problem.FromError(err, true)
	}
}

// trace records the steps of a request until it has ended.
func (c *networkCheck) trace(ctx context.Context) context.Context {
	note := func(f func()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.ended {
			f()
		}
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { note(c.lookup.begin) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			note(func() {
				c.lookup.end(i.Err)
				for _, a := range i.Addrs {
					c.addresses = append(c.addresses, a.String())
				}
			})
		},
		ConnectStart:      func(_, _ string) { note(c.connect.begin) },
		ConnectDone:       func(_, _ string, err error) { note(func() { c.connect.end(err) }) },
		TLSHandshakeStart: func() { note(c.tls.begin) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			note(func() {
				c.tls.end(err)
				c.state = state
			})
		},
		GotConn: func(httptrace.GotConnInfo) { note(func() { c.connected = true }) },
	})
}

// report adds a check for each step. worked says that a session with the same host works.
func (c *networkCheck) report(n *notes, worked bool) {
	reached := c.reportName(n) && c.reportConnection(n) && c.reportTLS(n)
	name := c.role + " health"
	switch {
	case !reached:
		n.skip(c.url.Host+" was not reached", name)
	case worked && (c.err != nil || c.health != nil && c.status >= 300):
		n.warn(name, "/health does not answer as it should, and calls work all the same", "")
	case c.err != nil:
		c.failUnanswered(n, name, c.url.Host)
	case worked, c.health == nil:
		n.ok(name, "/health answers %d in %s", c.status, milliseconds(c.took))
	case c.role == "api" && c.health.Code == problem.NotFound:
		// Only the hosted server is known to have such an address.
		n.ok(name, "%s answers in %s", c.url.Host, milliseconds(c.took))
	default:
		n.problem(name, Fail, c.health)
	}
}

// reportName adds the check of the name, and reports whether the next step was reached.
func (c *networkCheck) reportName(n *notes) bool {
	name, host := c.role+" name", c.url.Hostname()
	if c.proxy != nil {
		host = c.proxy.Hostname()
	}
	switch {
	case c.lookup.begun.IsZero() && !c.connect.begun.IsZero():
		n.ok(name, "%s needs no look-up", host)
	case c.lookup.begun.IsZero():
		c.failUnanswered(n, name, host)
		return false
	case c.lookup.ended.IsZero():
		n.fail(name, "looking up "+host+" takes too long", "check the network and its name server")
		return false
	case c.lookup.err != nil:
		hint := "check the network and its name server; behind a company proxy, set --http-proxy (LEADMAGIC_HTTP_PROXY)"
		if c.proxy != nil {
			hint = problem.CheckProxy
		}
		n.fail(name, "the name "+host+" cannot be resolved", hint)
		return false
	default:
		const most = 2
		addresses := strings.Join(c.addresses[:min(most, len(c.addresses))], ", ")
		if len(c.addresses) > most {
			addresses += " and more"
		}
		n.ok(name, "%s is %s (%s)", host, addresses, c.lookup.took())
	}
	return true
}

// reportConnection adds the check of the connection to the host or its HTTP proxy, and reports whether there was one.
func (c *networkCheck) reportConnection(n *notes) bool {
	name, other := c.role+" connection", c.url.Host
	if c.proxy != nil {
		other = "the HTTP proxy " + c.proxy.Host
	}
	switch {
	case c.connect.ended.IsZero():
		n.fail(name, "no connection to "+other+" in time: the other side does not answer", "check the network; a firewall may drop the connection")
		return false
	case c.connect.err != nil:
		what, next := c.why(c.connect.err)
		switch {
		case c.proxy != nil:
			next = problem.CheckProxy
		case problem.ConnectionRefused(c.connect.err) && isLoopback(c.url):
			next = "start what should answer there, or leave out --" + c.role + "-url"
		}
		n.fail(name, "no connection to "+other+": "+what, next)
		return false
	case !c.connected && c.tls.begun.IsZero():
		c.failUnanswered(n, name, other) // the HTTP proxy refused, or does not answer
		return false
	}
	n.ok(name, "to %s (%s)", other, c.connect.took())
	return true
}

// reportTLS adds the check of the handshake, and reports whether it succeeded or none is needed.
func (c *networkCheck) reportTLS(n *notes) bool {
	name := c.role + " tls"
	switch {
	case c.url.Scheme != "https":
		n.skip("http, which stays on this machine", name)
	case c.tls.ended.IsZero():
		n.fail(name, c.url.Host+" accepts the connection and says nothing more", "try again later; a firewall or a company proxy may hold the connection")
		return false
	case c.tls.err != nil:
		what, next := c.why(c.tls.err)
		if bad, ok := errors.AsType[*tls.CertificateVerificationError](c.tls.err); ok && len(bad.UnverifiedCertificates) > 0 {
			what += "; the certificate was issued by " + bad.UnverifiedCertificates[0].Issuer.String()
		}
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](c.tls.err); unknown {
			next = "get that authority's certificate as a PEM file from whoever runs the network, then: export LEADMAGIC_CA_FILE=FILE"
		}
		n.fail(name, what, next)
		return false
	default:
		issuer := "nobody"
		if shown := c.state.PeerCertificates; len(shown) > 0 {
			issuer = shown[0].Issuer.String()
		}
		n.ok(name, "%s, certificate issued by %s (%s)", tls.VersionName(c.state.Version), issuer, c.tls.took())
	}
	return true
}

// why is what an error says without the general beginning, which the name of the check says already.
func (c *networkCheck) why(err error) (what, next string) {
	what, next = describe(problem.FromError(err, false))
	return strings.TrimPrefix(what, problem.NotReachable), next
}

// failUnanswered says why no answer came from the other side, where no step has a reason of its own.
func (c *networkCheck) failUnanswered(n *notes, name, other string) {
	const hint = "try again later; a firewall or a company proxy may hold the connection"
	switch {
	case errors.Is(c.err, context.DeadlineExceeded), errors.Is(c.err, context.Canceled):
		n.fail(name, other+" accepts the connection and does not answer", hint)
	case c.connected:
		n.fail(name, other+" accepts the connection and ends it without an answer", hint)
	default:
		what, next := c.why(c.err)
		n.fail(name, what, next)
	}
}

// clock compares this machine's clock with that of the first host that has shown its own.
func clock(n *notes, hosts []*networkCheck) {
	const (
		name, hint = "clock", "set the clock of this machine: certificates are judged by it"
		noticeable = time.Minute
		harmful    = time.Hour
	)
	for _, c := range hosts {
		if !c.dated {
			continue
		}
		where := "behind"
		if c.skew > 0 {
			where = "ahead of"
		}
		detail := "this machine's clock is " + c.skew.Abs().Round(time.Second).String() + " " + where + " that of " + c.url.Host
		switch {
		case c.skew.Abs() >= harmful:
			n.fail(name, detail, hint)
		case c.skew.Abs() >= noticeable:
			n.warn(name, detail, hint)
		default:
			n.ok(name, "as that of %s", c.url.Host)
		}
		return
	}
	n.skip("no host has shown its clock", name)
}

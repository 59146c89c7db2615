package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A reach is how far a host could be reached.
type reach struct {
	host
	*trace
	proxy *url.URL
	err   error // why no HTTP answer came

	status int
	health *problem.Problem // what is wrong with the answer, nil if nothing
	took   time.Duration
	skew   time.Duration // how far this machine's clock is ahead of LeadMagic's
	dated  bool          // skew is known
}

// reach asks a host whether it is well: a request without a key, over connections as a session makes them.
// Source of the address: LeadMagic's own health check; any 2xx is good.
func (d *Doctor) reach(ctx context.Context, h host) *reach {
	seen := new(trace)
	r := &reach{host: h}
	r.proxy, _ = d.Route.proxy(h.url) // a bad one was a fault of the stage before
	r.err = r.ask(seen.follow(ctx), d.Route.Dial(), "leadmagic-mcp-proxy/"+d.Version)
	r.trace = seen.snapshot()
	return r
}

func (r *reach) ask(ctx context.Context, dial http.RoundTripper, agent string) error {
	address := url.URL{Scheme: r.url.Scheme, Host: r.url.Host, Path: "/health"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", agent)
	if c, ok := dial.(interface{ CloseIdleConnections() }); ok {
		defer c.CloseIdleConnections()
	}
	start := time.Now()
	res, err := dial.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	now := time.Now()
	r.took, r.status = now.Sub(start), res.StatusCode
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil && res.Header.Get("Age") == "" {
		// A date has whole seconds, and was written somewhere between question and answer.
		r.skew, r.dated = start.Add(r.took/2).Sub(date.Add(time.Second/2)), true
	}
	const enough = 64 << 10
	body, err := io.ReadAll(io.LimitReader(res.Body, enough))
	p := problem.FromAnswer(problem.Answer{Status: res.StatusCode, Header: res.Header, Body: body, Asked: req.URL, Now: now})
	if res.StatusCode < 200 || res.StatusCode > 299 || p.Code == problem.NotLeadMagic {
		if p.Code == problem.Redirected && r.role == "api" {
			p.Next = "set --api-url (or LEADMAGIC_API_URL) to the new address if you trust it"
		}
		r.health = p
	} else if err != nil {
		r.health = problem.FromError(err, true)
	}
	return nil
}

// checks are what became of each part of the way. worked says that a session went it all the same.
func (r *reach) checks(n *notes, worked bool) {
	failed := r.name(n) || r.connection(n) || r.secured(n)
	name := r.role + " health"
	switch {
	case failed:
		n.skip(r.url.Host+" was not reached", name)
	case worked && (r.err != nil || r.health != nil && r.status >= 300):
		n.warn(name, "/health does not answer as it should, and calls work all the same", "")
	case worked:
		n.ok(name, "/health answers %d in %s", r.status, milliseconds(r.took))
	case r.err != nil:
		r.blame(n, name, r.url.Host)
	case r.health != nil && r.role == "api" && r.health.Code == problem.NotFound:
		// Only the hosted server is known to have such an address.
		n.ok(name, "%s answers in %s", r.url.Host, milliseconds(r.took))
	case r.health != nil:
		n.blame(name, r.health)
	default:
		n.ok(name, "/health answers %d in %s", r.status, milliseconds(r.took))
	}
}

// name looks at the look-up of the name; true means that nothing came after it.
func (r *reach) name(n *notes) (failed bool) {
	name, asked := r.role+" name", r.url.Hostname()
	if r.proxy != nil {
		asked = r.proxy.Hostname()
	}
	switch {
	case isAddress(asked):
		n.ok(name, "%s needs no look-up", asked)
	case r.lookup.begun.IsZero() && r.connect.begun.IsZero():
		r.blame(n, name, asked)
		return true
	case r.lookup.begun.IsZero():
		n.ok(name, "%s needs no look-up", asked)
	case r.lookup.ended.IsZero():
		n.fail(name, "looking up "+asked+" takes too long", "check the network and its name server")
		return true
	case r.lookup.err != nil:
		hint := "check the network and its name server; behind a company proxy, set --http-proxy (LEADMAGIC_HTTP_PROXY)"
		if r.proxy != nil {
			hint = problem.CheckProxy
		}
		n.fail(name, "the name "+asked+" cannot be resolved", hint)
		return true
	default:
		n.ok(name, "%s is %s (%s)", asked, r.found(), r.lookup.took())
	}
	return false
}

// connection looks at the connection to the host, or to its HTTP proxy.
func (r *reach) connection(n *notes) (failed bool) {
	name, other := r.role+" connection", r.url.Host
	if r.proxy != nil {
		other = "the HTTP proxy " + r.proxy.Host
	}
	to := "to " + other
	switch {
	case r.connect.ended.IsZero():
		n.fail(name, "no connection "+to+" in time: the other side does not answer", "check the network; a firewall may drop the connection")
		return true
	case r.connect.err != nil:
		r.refused(n, name, to)
		return true
	case !r.got && r.tls.begun.IsZero():
		r.blame(n, name, other) // the HTTP proxy refused, or does not answer
		return true
	}
	n.ok(name, "%s (%s)", to, r.connect.took())
	return false
}

// secured looks at TLS.
func (r *reach) secured(n *notes) (failed bool) {
	name := r.role + " tls"
	switch {
	case r.url.Scheme != "https":
		n.skip("http, which stays on this machine", name)
	case r.tls.ended.IsZero():
		n.fail(name, r.url.Host+" accepts the connection and says nothing more", "try again later; a firewall or a company proxy may hold the connection")
		return true
	case r.tls.err != nil:
		what, next := r.why(r.tls.err)
		if refused, ok := errors.AsType[*tls.CertificateVerificationError](r.tls.err); ok && len(refused.UnverifiedCertificates) > 0 {
			what += "; the certificate was issued by " + refused.UnverifiedCertificates[0].Issuer.String()
		}
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](r.tls.err); unknown {
			next = "get that authority's certificate as a PEM file from whoever runs the network, then: export LEADMAGIC_CA_FILE=FILE"
		}
		n.fail(name, what, next)
		return true
	default:
		n.ok(name, "%s, certificate issued by %s (%s)", tls.VersionName(r.state.Version), issuer(r.state), r.tls.took())
	}
	return false
}

// refused says why no connection was made.
func (r *reach) refused(n *notes, name, to string) {
	what, next := r.why(r.connect.err)
	switch {
	case r.proxy != nil:
		next = problem.CheckProxy
	case problem.ConnectionRefused(r.connect.err) && isHere(r.url):
		next = "start what should answer there, or leave out --" + r.role + "-url"
	}
	n.fail(name, "no connection "+to+": "+what, next)
}

// why is what an error says without what the reader sees anyway.
func (r *reach) why(err error) (what, next string) {
	what, next = words(problem.FromError(err, false))
	return strings.TrimPrefix(what, "LeadMagic is not reachable: "), next
}

// blame says why no answer came from the other side, where no part of the way has a reason of its own.
func (r *reach) blame(n *notes, name, other string) {
	const hint = "try again later; a firewall or a company proxy may hold the connection"
	switch {
	case errors.Is(r.err, context.DeadlineExceeded), errors.Is(r.err, context.Canceled):
		n.fail(name, other+" accepts the connection and does not answer", hint)
	case r.got:
		n.fail(name, other+" accepts the connection and ends it without an answer", hint)
	default:
		what, next := r.why(r.err)
		n.fail(name, what, next)
	}
}

// issuer is who signed the certificate that was shown.
func issuer(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return "nobody"
	}
	return state.PeerCertificates[0].Issuer.String()
}

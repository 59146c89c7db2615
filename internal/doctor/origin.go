package doctor

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// origin looks at where the key may go, and through what.
func (d *Doctor) origin() []Check {
	n := &notes{stage: atOrigin}
	if d.Route == nil {
		n.skip("the settings cannot be used", "mcp-url", "api-url", "http-proxy")
		return n.checks
	}
	d.address(n, "mcp-url", d.Route.MCP, d.Route.hosted())
	d.address(n, "api-url", d.Route.API, d.Route.rest())
	d.proxies(n)
	return n.checks
}

// address judges the URL of an upstream. That it is https, or stays on this machine, was checked with the settings.
func (d *Doctor) address(n *notes, name string, u *url.URL, used bool) {
	switch {
	case !used:
		n.skip("not used: --upstream is "+d.Route.Upstream, name)
	case isLeadMagic(u):
		n.ok(name, "%s", shown(u))
	case isHere(u):
		n.ok(name, "%s, which is on this machine and not LeadMagic itself", shown(u))
	default:
		n.warn(name, shown(u)+" is not an address of LeadMagic, and the key goes there", "leave out --"+name+" unless you trust it")
	}
}

// proxies says which HTTP proxy is in force for whom. Its user name and password are not shown.
func (d *Doctor) proxies(n *notes) {
	const name = "http-proxy"
	var through []string
	for _, h := range d.Route.hosts() {
		proxy, err := d.Route.proxy(h.url)
		if err != nil {
			// The text may hold a password.
			n.fail(name, "the HTTP proxy for "+h.url.Host+" is not a URL", "correct HTTPS_PROXY or --http-proxy, as http://host:port")
			return
		}
		if proxy != nil {
			through = append(through, h.url.Host+" through "+proxy.Scheme+"://"+proxy.Host)
		}
	}
	if through == nil {
		n.ok(name, "none")
		return
	}
	n.ok(name, "%s", strings.Join(through, ", "))
}

// A host is one that calls may go to.
type host struct {
	role string // mcp or api
	url  *url.URL
}

// hosts are those that calls may go to, the one that is asked first before the other. If both are one, it is mcp.
func (r *Route) hosts() []host {
	mcp, api := host{"mcp", r.MCP}, host{"api", r.API}
	switch {
	case !r.hosted():
		return []host{api}
	case !r.rest(), r.MCP.Scheme == r.API.Scheme && r.MCP.Host == r.API.Host:
		return []host{mcp}
	}
	return []host{mcp, api}
}

// proxy is the HTTP proxy for u, nil for none.
func (r *Route) proxy(u *url.URL) (*url.URL, error) {
	return r.Proxy(&http.Request{URL: u})
}

func isLeadMagic(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return host == "leadmagic.io" || strings.HasSuffix(host, ".leadmagic.io")
}

// isHere reports whether u is on this machine.
func isHere(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && ip.IsLoopback()
}

// shown is a URL without what may be secret in it.
func shown(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery != "" {
		return bare.String() + "?…"
	}
	return bare.String()
}

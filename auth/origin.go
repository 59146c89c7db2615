package auth

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// CheckOrigin reads the address of an endpoint that may be given the key: https, or http on this machine
// alone. The error is a *problem.Problem whose text goes on after a colon and shows none of the address,
// since that may hold a password.
func CheckOrigin(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, badOrigin("it is not a URL", "write it as https://host/path")
	}
	host := u.Hostname()
	switch {
	case !strings.Contains(raw, "://"):
		return nil, badOrigin("it has no https:// in front", "write it as https://host/path")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, badOrigin("it is not a web address", "write it as https://host/path")
	case host == "":
		return nil, badOrigin("it names no host", "write it as https://host/path")
	case u.User != nil:
		return nil, badOrigin("it has a user name or password in it", "leave that out: the API key is what LeadMagic asks for")
	case u.Fragment != "" || u.RawFragment != "":
		return nil, badOrigin("it has a # part, which no server sees", "leave out # and what follows")
	case strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) || r == ' ' }):
		return nil, badOrigin("its host has letters that are not ASCII", "write the host in its xn-- form")
	case !validPort(u.Port()):
		return nil, badOrigin("its port is no port", "use a port from 1 to 65535, or none")
	case !isSecure(u):
		return nil, badOrigin("it is not https, so the API key could be read on the way", "write https://; http is for this machine alone")
	}
	return u, nil
}

func badOrigin(what, next string) *problem.Problem {
	return problem.New(problem.BadSetting, problem.NotSent, what, next)
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// isSecure reports whether nobody on the way can read what goes to u: it is https, or stays on this machine.
// A name such as 127.1 counts as a name: what it means is the resolver's choice.
func isSecure(u *url.URL) bool {
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

// sameOrigin reports whether both have the same scheme, host and port. A host with a dot at its end is
// another host than the one without: resolvers may search differently for the two.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Host == b.Host || origin(a) == origin(b)
}

type originOf struct{ scheme, host, port string }

func origin(u *url.URL) originOf {
	o := originOf{strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()}
	if ip, err := netip.ParseAddr(o.host); err == nil {
		o.host = ip.String()
	}
	if o.port == "" {
		o.port = map[string]string{"http": "80", "https": "443"}[o.scheme]
	}
	return o
}

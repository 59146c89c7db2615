package problem

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// FromError is the Problem that an error of an HTTP client stands for. sent says that some of the request
// may have reached LeadMagic; then the connection was cut, else it never was there. A Problem in err's
// tree is returned as it is.
func FromError(err error, sent bool) *Problem {
	if p := As(err); p != nil {
		return p
	}
	if sent {
		return &Problem{
			Code: Cut, Outcome: Unknown, Cause: err,
			What: "the connection to LeadMagic broke before the answer was complete",
		}
	}
	var (
		dns       *net.DNSError
		untrusted x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	code, why, next := Unreachable, "no connection could be made", ""
	switch {
	case errors.As(err, &dns):
		why = "the name " + clean(dns.Name) + " cannot be resolved"
	case errors.As(err, &untrusted):
		code, why = Untrusted, "its certificate is signed by an unknown authority (a company proxy?)"
		next = "give the company's certificate with --ca-file (LEADMAGIC_CA_FILE)"
	case errors.As(err, &wrongName):
		code, why = Untrusted, "the certificate is for another name (a captive portal or a company proxy?)"
		next = advice[NotLeadMagic].next
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		code, why = Untrusted, "its certificate is expired or not yet valid (is the clock of this machine right?)"
	case errors.As(err, &invalid):
		code, why = Untrusted, "its certificate is not valid"
	case errors.As(err, &alert), errors.As(err, &record):
		why = "the TLS handshake did not succeed (a company proxy?)"
	case socketFault(err) != "":
		why = socketFault(err)
	case errors.As(err, &timeout) && timeout.Timeout(): // context.DeadlineExceeded, too
		why = late
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		why = reset
	}
	proxy := ""
	switch op, found := errors.AsType[*net.OpError](err); {
	case found && op.Op == "proxyconnect":
		proxy, next = "the HTTP proxy on the way to ", CheckProxy
	case found && strings.HasPrefix(op.Op, "socks"):
		why, next = "the SOCKS proxy does not let it through", CheckProxy
	}
	return &Problem{Code: code, Outcome: NotSent, Cause: err, What: proxy + NotReachable + why, Next: next}
}

// NotReachable begins what is said of a connection that could not be made.
const NotReachable = "LeadMagic is not reachable: "

// Why a system made no connection.
const (
	refused    = "the connection was refused"
	reset      = "the connection was closed while it was made (a firewall or a company proxy?)"
	late       = "no connection in time"
	noRoute    = "no network leads there (is this machine online?)"
	forbidden  = "this machine does not let the program connect (a firewall or security software?)"
	exhausted  = "this machine has no more connections to give"
	unresolved = "its name cannot be resolved"
)

// socketFaults are errors of sockets by their number. Those of Windows from 10,000 on are no errors of the syscall
// package, which makes up its own there, and mean nothing elsewhere.
// Source: learn.microsoft.com, Windows Sockets Error Codes, and System Error Codes 1225 to 1236.
var socketFaults = map[syscall.Errno]string{
	syscall.ECONNREFUSED: refused, 10061: refused, 1225: refused, 1234: refused,
	syscall.ECONNRESET: reset, syscall.ECONNABORTED: reset, syscall.EPIPE: reset, 10052: reset, 10053: reset, 10054: reset, 10058: reset, 1236: reset,
	syscall.ETIMEDOUT: late, 10060: late,
	syscall.ENETUNREACH: noRoute, syscall.EHOSTUNREACH: noRoute, syscall.ENETDOWN: noRoute, syscall.EHOSTDOWN: noRoute, syscall.EADDRNOTAVAIL: noRoute,
	10049: noRoute, 10050: noRoute, 10051: noRoute, 10064: noRoute, 10065: noRoute, 1231: noRoute, 1232: noRoute,
	syscall.EACCES: forbidden, syscall.EPERM: forbidden, 10013: forbidden,
	syscall.EMFILE: exhausted, syscall.ENFILE: exhausted, syscall.ENOBUFS: exhausted, 10024: exhausted, 10055: exhausted,
	11001: unresolved, 11002: unresolved, 11003: unresolved, 11004: unresolved,
}

// socketFault is what the number in err's tree stands for, or "".
func socketFault(err error) string {
	number, _ := errors.AsType[syscall.Errno](err)
	return socketFaults[number]
}

// ConnectionRefused reports whether err is that nobody listens at an address, on every system.
func ConnectionRefused(err error) bool { return socketFault(err) == refused }

// CheckProxy is what to do about an HTTP proxy that is not there, or in the way.
const CheckProxy = "check --http-proxy (LEADMAGIC_HTTP_PROXY) or HTTPS_PROXY, or ask who runs the proxy"

// FromConnect is the Problem of an HTTP proxy that answered CONNECT with res, nil if it lets LeadMagic through. It
// is for http.Transport.OnProxyConnectResponse: the error that there is without it is but the status text.
func FromConnect(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return proxyLogin(res.Header, proxy != nil && proxy.User != nil)
	}
	p := New(Untrusted, NotSent, fmt.Sprintf("%sthe HTTP proxy does not let it through (HTTP %d)", NotReachable, res.StatusCode), CheckProxy)
	if res.StatusCode >= 500 { // this may pass
		p.Code = Unreachable
	}
	return p
}

// proxyLogin is the Problem of an HTTP proxy that wants a login; given says that it was given one. Of the ways to log
// in net/http knows Basic alone.
func proxyLogin(h http.Header, given bool) *Problem {
	why, next := "wants a login", "put the login into --http-proxy (LEADMAGIC_HTTP_PROXY), as http://user:password@host:port"
	offered := schemes(h.Values("Proxy-Authenticate"))
	switch {
	case offered != nil && !names(offered, "Basic"):
		why = "takes no login but " + clean(strings.Join(offered, " or ")) + ", which this program does not know"
		next = "run a local proxy that signs in to that one, such as Px, Cntlm or Alpaca, and give its address with --http-proxy (LEADMAGIC_HTTP_PROXY), as http://127.0.0.1:3128"
	case given:
		why = "does not accept the login that it is given"
		next = "correct the user name and the password in --http-proxy (LEADMAGIC_HTTP_PROXY) or HTTPS_PROXY, with special characters encoded, such as %40 for @"
	}
	return New(Untrusted, NotSent, NotReachable+"the HTTP proxy "+why, next)
}

var (
	quoted = lazyregexp.New(`"(?:[^"\\]|\\.)*"?`)
	scheme = lazyregexp.New(`^\s*([A-Za-z0-9!#$%&'*+.^_|~-]+)(?:\s+[^\s=]|\s*$)`)
)

// schemes are the ways to log in that challenges name, each once. Source: RFC 9110 §11.6.1.
func schemes(challenges []string) []string {
	var list []string
	for part := range strings.SplitSeq(quoted.ReplaceAllLiteralString(strings.Join(challenges, ","), `""`), ",") {
		// A part that is name=value belongs to the scheme before it.
		if found := scheme.FindStringSubmatch(part); found != nil && !names(list, found[1]) {
			list = append(list, found[1])
		}
	}
	return list
}

// names reports whether a list of schemes has one, in whatever case.
func names(list []string, scheme string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, scheme) })
}

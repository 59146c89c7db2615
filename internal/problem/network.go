package problem

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
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
			Code: Cut, Fate: Unknown, Cause: err,
			What: "the connection to LeadMagic broke before the answer was complete",
		}
	}
	p := &Problem{Code: Unreachable, Fate: NotSent, Cause: err}
	var (
		dns       *net.DNSError
		untrusted x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &dns):
		p.What = "LeadMagic is not reachable: the name " + clean(dns.Name) + " cannot be resolved"
	case errors.As(err, &untrusted):
		p.Code = Untrusted
		p.What = "LeadMagic is not reachable: its certificate is signed by an unknown authority (a company proxy?)"
		p.Next = "give the company's certificate with --ca-file (LEADMAGIC_CA_FILE)"
	case errors.As(err, &wrongName):
		p.Code = Untrusted
		p.What = "LeadMagic is not reachable: the certificate is for another name (a captive portal or a company proxy?)"
		p.Next = advice[NotLeadMagic].next
	case errors.As(err, &invalid):
		p.Code = Untrusted
		p.What = "LeadMagic is not reachable: " + describeInvalid(invalid)
	case errors.As(err, &alert), errors.As(err, &record):
		p.What = "LeadMagic is not reachable: the TLS handshake did not succeed (a company proxy?)"
	case errors.Is(err, syscall.ECONNREFUSED):
		p.What = "LeadMagic is not reachable: the connection was refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		p.What = "LeadMagic is not reachable: no connection in time"
	default:
		p.What = "LeadMagic is not reachable: no connection could be made"
	}
	if op, found := errors.AsType[*net.OpError](err); found && op.Op == "proxyconnect" {
		p.What = strings.Replace(p.What, "LeadMagic is not", "the HTTP proxy on the way to LeadMagic is not", 1)
		p.Next = CheckProxy
	}
	return p
}

// CheckProxy is what to do about an HTTP proxy that is not there, or in the way.
const CheckProxy = "check --http-proxy (LEADMAGIC_HTTP_PROXY) or HTTPS_PROXY, or ask who runs the proxy"

// FromConnect is the Problem of an HTTP proxy that answered CONNECT with res, nil if it lets LeadMagic through. It
// is for http.Transport.OnProxyConnectResponse: the error that there is without it is but the status text.
func FromConnect(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return New(Untrusted, NotSent, "LeadMagic is not reachable: the HTTP proxy wants a login",
			"put the login into --http-proxy (LEADMAGIC_HTTP_PROXY), as http://user:password@host:port")
	}
	p := New(Untrusted, NotSent, fmt.Sprintf("LeadMagic is not reachable: the HTTP proxy does not let it through (HTTP %d)", res.StatusCode), CheckProxy)
	if res.StatusCode >= 500 { // this may pass
		p.Code = Unreachable
	}
	return p
}

func describeInvalid(err x509.CertificateInvalidError) string {
	if err.Reason == x509.Expired {
		return "its certificate is expired or not yet valid (is the clock of this machine right?)"
	}
	return "its certificate is not valid"
}

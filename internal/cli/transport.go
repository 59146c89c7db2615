package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// baseTransport makes the connections to LeadMagic.
type baseTransport struct {
	roots *x509.CertPool // nil for those of the system
	proxy func(*http.Request) (*url.URL, error)
}

func newBaseTransport(s *settings) (*baseTransport, error) {
	b := &baseTransport{proxy: httpsOnly(http.ProxyFromEnvironment)}
	if s.httpProxy != "" {
		proxy, err := url.Parse(s.httpProxy)
		if err != nil || proxy.Host == "" {
			// The text may hold a password, so it is not shown.
			return nil, badSetting("--http-proxy (LEADMAGIC_HTTP_PROXY) is not a URL", "write it as http://host:port")
		}
		b.proxy = httpsOnly(http.ProxyURL(proxy))
	}
	if s.caFile != "" {
		roots, err := readRoots(s.caFile)
		if err != nil {
			return nil, badSetting(fmt.Sprintf("--ca-file (LEADMAGIC_CA_FILE) cannot be used: %v", err), "give a file with certificates in PEM form")
		}
		b.roots = roots
	}
	return b, nil
}

// httpsOnly keeps what is not https from a proxy, which would read the key: it goes to this machine alone.
func httpsOnly(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		if req.URL.Scheme != "https" {
			return nil, nil //nolint:nilnil // what http.Transport takes for no proxy
		}
		return proxy(req)
	}
}

// maxRoots is more than all authorities of a system take.
const maxRoots = 16 << 20

func readRoots(name string) (*x509.CertPool, error) {
	pem, _, err := file.Read(name, maxRoots)
	_, large := errors.AsType[*file.TooLargeError](err)
	switch {
	case large:
		return nil, errors.New(name + " is too large to hold certificates alone")
	case errors.Is(err, file.ErrNotRegular):
		return nil, errors.New(name + " is not a regular file")
	case err != nil:
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate stands in " + name)
	}
	return roots, nil
}

// dial makes a transport with connections of its own.
func (b *baseTransport) dial() *http.Transport {
	return &http.Transport{
		Proxy:                  b.proxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: b.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		OnProxyConnectResponse: problem.FromConnect,
		ForceAttemptHTTP2:      true,
		// All calls of a session may run side by side, and each connection is used again.
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     30 * time.Second,
		// A half-open connection is found out, though a tool may run for as long as it likes.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

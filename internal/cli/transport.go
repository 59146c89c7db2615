package cli

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// baseTransport makes the connections to LeadMagic.
type baseTransport struct {
	roots *x509.CertPool // nil for those of the system
	proxy func(*http.Request) (*url.URL, error)
}

func newBaseTransport(s *settings, getenv func(string) string) (*baseTransport, *problem.Problem) {
	b := &baseTransport{proxy: httpsOnly(http.ProxyFromEnvironment)}
	if s.httpProxy != "" {
		proxy, err := parseProxy(s.httpProxy)
		if err != nil {
			return nil, badProxy(setting("http-proxy"), err)
		}
		b.proxy = httpsOnly(http.ProxyURL(proxy))
	} else if s.usesHTTPS() {
		if bad := checkProxyVariables(getenv); bad != nil {
			return nil, bad
		}
	}
	if s.caFile != "" {
		roots, err := readRoots(s.caFile)
		if err != nil {
			return nil, badSetting(fmt.Sprintf("%s cannot be used: %v", setting("ca-file"), err), "give a file with certificates in PEM form")
		}
		b.roots = roots
	}
	return b, nil
}

// checkProxyVariables refuses what net/http would ignore, with the requests going around the proxy that is meant.
// Of the variables it reads HTTPS_PROXY alone. The others say that there is a proxy, though; they may name one of a kind
// that is not for this program, as desktops write ALL_PROXY=socks://host:port.
func checkProxyVariables(getenv func(string) string) *problem.Problem {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"} {
		value := getenv(name)
		if strings.TrimSpace(value) == "" {
			continue
		}
		_, err := parseProxy(value)
		read := strings.EqualFold(name, "HTTPS_PROXY")
		if err != nil && (read || !errors.Is(err, errProxyKind)) {
			return badProxy(name, err)
		}
		if read {
			return nil // what is said for https in particular
		}
	}
	return nil
}

// errProxyKind is the error of parseProxy for a URL that is one, of a kind that cannot be used.
var errProxyKind = errors.New("is of another kind than http, https or socks5")

// parseProxy reads the address of a proxy. As for net/http, http:// may be missing. An error goes after the name of the
// setting, and has nothing of the text in it, which may hold a password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	port, portErr := strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16)
	switch {
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// The host is what stands before the first of these, so a password that has one is taken for it.
		return nil, errors.New("has more in it than a host and a port")
	case !hostName.MatchString(u.Hostname()):
		return nil, errors.New("names no host")
	case portErr != nil || port == 0:
		return nil, errors.New("names no port that there can be")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return nil, errProxyKind
	}
	return u, nil
}

// hostName has what names and addresses are made of: what else url.Parse takes, such as quotes, is a slip.
var hostName = lazyregexp.New(`^[\pL\pN._:%-]*[\pL\pN][\pL\pN._:%-]*$`)

func badProxy(name string, err error) *problem.Problem {
	return badSetting(name+" "+err.Error(), `write it as http://host:port; what a user name or a password has of the signs #, /, ?, % and \ has to be encoded, as %23, %2F, %3F, %25 and %5C`)
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

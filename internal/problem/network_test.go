package problem_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestFromError(t *testing.T) {
	get := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://api.leadmagic.io/v1/credits", Err: err}
	}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	missing := problem.New(problem.KeyMissing, problem.NotSent, "no API key is set", "")
	tests := []struct {
		name    string
		err     error
		sent    bool
		code    problem.Code
		outcome problem.Outcome
		what    string
		next    string // empty for the default
	}{
		{"a problem is kept", get(fmt.Errorf("adding the key: %w", missing)), true, problem.KeyMissing, problem.NotSent, "no API key is set", ""},
		{"a connection that broke", get(syscall.ECONNRESET), true, problem.Cut, problem.Unknown, "the connection to LeadMagic broke before the answer was complete", ""},
		{"a name", get(dial(&net.DNSError{Err: "no such host", Name: "api.leadmagic.io", IsNotFound: true})), false, problem.Unreachable, problem.NotSent, "the name api.leadmagic.io cannot be resolved", ""},
		{"a refused connection", get(dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), false, problem.Unreachable, problem.NotSent, "the connection was refused", ""},
		{"an unknown authority", get(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), false, problem.Untrusted, problem.NotSent, "signed by an unknown authority", "--ca-file"},
		{"another name", get(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}), false, problem.Untrusted, problem.NotSent, "the certificate is for another name", "sign in to the network"},
		{"an old certificate", get(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}), false, problem.Untrusted, problem.NotSent, "is the clock of this machine right?", ""},
		{"a bad certificate", get(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}}), false, problem.Untrusted, problem.NotSent, "its certificate is not valid", ""},
		{"no TLS", get(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), false, problem.Unreachable, problem.NotSent, "the TLS handshake did not succeed", ""},
		{"an alert", get(tls.AlertError(40)), false, problem.Unreachable, problem.NotSent, "the TLS handshake did not succeed", ""},
		{"a proxy that is not there", get(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(syscall.ECONNREFUSED)}), false, problem.Unreachable, problem.NotSent, "the HTTP proxy on the way to LeadMagic is not reachable: the connection was refused", "--http-proxy"},
		{"a connection that was closed while TLS was agreed on", get(io.EOF), false, problem.Unreachable, problem.NotSent, "the connection was closed while it was made", ""},
		{"half a TLS record", get(io.ErrUnexpectedEOF), false, problem.Unreachable, problem.NotSent, "the connection was closed while it was made", ""},
		{"a SOCKS proxy that refuses", get(&net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("general SOCKS server failure")}), false, problem.Unreachable, problem.NotSent, "the SOCKS proxy does not let it through", "--http-proxy"},
		{"a deadline", get(context.DeadlineExceeded), false, problem.Unreachable, problem.NotSent, "no connection in time", ""},
		{"a time-out", get(dial(os.ErrDeadlineExceeded)), false, problem.Unreachable, problem.NotSent, "no connection in time", ""},
		{"anything else", get(errors.New("something with secrets")), false, problem.Unreachable, problem.NotSent, "no connection could be made", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problem.FromError(tt.err, tt.sent)
			if got.Code != tt.code || got.Outcome != tt.outcome || !strings.Contains(got.What, tt.what) || !strings.Contains(got.Next, tt.next) {
				t.Errorf("got %s, outcome %d: %s (%s)\nwant %s, outcome %d: %s (%s)", got.Code, got.Outcome, got.What, got.Next, tt.code, tt.outcome, tt.what, tt.next)
			}
			if strings.Contains(got.Text(nil), "secrets") {
				t.Errorf("got %q, want the cause kept for the log", got.Text(nil))
			}
			if got != missing && !errors.Is(got, tt.err) {
				t.Error("the cause is not in the tree")
			}
		})
	}
}

// The numbers of Windows are not those of its syscall package, and no system but Windows has them.
func TestErrorsOfSocketsByTheirNumber(t *testing.T) {
	for _, tt := range []struct {
		what    string
		numbers []syscall.Errno
	}{
		{"the connection was refused", []syscall.Errno{syscall.ECONNREFUSED, 10061, 1225, 1234}},
		{"the connection was closed while it was made (a firewall or a company proxy?)", []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, 10052, 10053, 10054, 10058, 1236}},
		{"no connection in time", []syscall.Errno{syscall.ETIMEDOUT, 10060}},
		{"no network leads there (is this machine online?)", []syscall.Errno{
			syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL, 10049, 10050, 10051, 10064, 10065, 1231, 1232,
		}},
		{"this machine does not let the program connect (a firewall or security software?)", []syscall.Errno{syscall.EACCES, syscall.EPERM, 10013}},
		{"this machine has no more connections to give", []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, 10024, 10055}},
		{"its name cannot be resolved", []syscall.Errno{11001, 11002, 11003, 11004}},
		{"no connection could be made", []syscall.Errno{10000, 10062, 11005}},
	} {
		for _, number := range tt.numbers {
			err := &url.Error{Op: "Post", URL: "https://mcp.leadmagic.io/mcp", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connectex", number)}}
			got := problem.FromError(err, false)
			if want := "LeadMagic is not reachable: " + tt.what; got.What != want || got.Code != problem.Unreachable || got.Outcome != problem.NotSent {
				t.Errorf("%d: got %s: %s\nwant %s", number, got.Code, got.What, want)
			}
			if got := problem.ConnectionRefused(err); got != (tt.what == "the connection was refused") {
				t.Errorf("%d: got ConnectionRefused %v", number, got)
			}
			if got := problem.FromError(err, true); got.Code != problem.Cut {
				t.Errorf("%d: got %s for a request that may have arrived", number, got.Code)
			}
		}
	}
	if problem.ConnectionRefused(nil) || problem.ConnectionRefused(io.EOF) {
		t.Error("an error without a number is a refused connection")
	}
}

func TestFromConnect(t *testing.T) {
	const (
		notReachable = "LeadMagic is not reachable: the HTTP proxy "
		wants        = "wants a login"
		local        = "run a local proxy that signs in to that one, such as Px, Cntlm or Alpaca"
	)
	for _, tt := range []struct {
		name   string
		status int
		proxy  string
		offers []string
		code   problem.Code
		what   string
		next   string
	}{
		{"a refusal", 403, "http://proxy:1", nil, problem.Untrusted, "does not let it through (HTTP 403)", "check --http-proxy"},
		{"the last that does not pass", 499, "http://proxy:1", nil, problem.Untrusted, "does not let it through (HTTP 499)", "check --http-proxy"},
		{"what may pass", 500, "http://proxy:1", nil, problem.Unreachable, "does not let it through (HTTP 500)", "check --http-proxy"},
		{"a login that it does not describe", 407, "http://proxy:1", nil, problem.Untrusted, wants, "put the login into --http-proxy"},
		{"a login", 407, "http://proxy:1", []string{`Basic realm="NTLM, Negotiate"`}, problem.Untrusted, wants, "put the login into --http-proxy"},
		{"a login that is not the right one", 407, "http://me:wrong@proxy:1", []string{"basic"}, problem.Untrusted, "does not accept the login that it is given", "correct the user name"},
		{"one of several ways", 407, "http://proxy:1", []string{"Negotiate", "NTLM", `Basic realm="x"`}, problem.Untrusted, wants, "put the login into"},
		{"several in one line", 407, "http://proxy:1", []string{`Negotiate, Digest realm="a, \" b", nonce="x" , Basic realm="y"`}, problem.Untrusted, wants, "put the login into"},
		{"NTLM alone", 407, "http://proxy:1", []string{"NTLM"}, problem.Untrusted, "takes no login but NTLM, which this program does not know", local},
		{"NTLM alone, with a login", 407, "http://me:pw@proxy:1", []string{"NTLM"}, problem.Untrusted, "takes no login but NTLM, which this program does not know", local},
		{"NTLM and Negotiate", 407, "http://proxy:1", []string{"Negotiate", "NTLM", "ntlm"}, problem.Untrusted, "takes no login but Negotiate or NTLM, which this program does not know", local},
		{"the same in one line", 407, "http://proxy:1", []string{"Negotiate YII=,NTLM TlRMTVNTUAAC"}, problem.Untrusted, "takes no login but Negotiate or NTLM, which this program does not know", local},
		{"Digest", 407, "http://proxy:1", []string{`Digest realm = "x", qop=auth, Basic=y`}, problem.Untrusted, "takes no login but Digest, which this program does not know", local},
		{"names that act on a terminal", 407, "http://proxy:1", []string{"\x1b[31mNTLM", "Kerberos"}, problem.Untrusted, "takes no login but Kerberos, which this program does not know", local},
		{"nothing that can be read", 407, "http://proxy:1", []string{"", "=,\"Basic"}, problem.Untrusted, wants, "put the login into --http-proxy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := mustParse(tt.proxy)
			h := http.Header{"Proxy-Authenticate": tt.offers}
			got := problem.As(problem.FromConnect(t.Context(), proxy, nil, &http.Response{StatusCode: tt.status, Header: h}))
			if got.Code != tt.code || got.Outcome != problem.NotSent || got.What != notReachable+tt.what || !strings.HasPrefix(got.Next, tt.next) {
				t.Errorf("got %s: %s (%s)", got.Code, got.What, got.Next)
			}
			// The same where the proxy answers a request that goes to it without CONNECT.
			if tt.status == 407 && proxy.User == nil {
				got := problem.FromAnswer(problem.Answer{Status: 407, Header: h, Body: []byte("login, please"), Paid: true})
				if got.What != notReachable+tt.what || got.Outcome != problem.NotSent || got.HTTPStatus != 407 {
					t.Errorf("as an answer: got %s, outcome %d, HTTP %d", got.What, got.Outcome, got.HTTPStatus)
				}
			}
		})
	}
	if got := problem.FromConnect(t.Context(), nil, nil, &http.Response{StatusCode: 200}); got != nil {
		t.Errorf("got %v for a proxy that lets LeadMagic through", got)
	}
	if got := problem.As(problem.FromConnect(t.Context(), nil, nil, &http.Response{StatusCode: 407})); got.What != notReachable+wants {
		t.Errorf("got %v for a proxy without an address", got)
	}
}

func TestARealHandshakeThatDoesNotSucceed(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it says what this test is about
	server.StartTLS()
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	res, err := client.Do(req)
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("got an answer from a server with a certificate of its own")
	}
	got := problem.FromError(err, false)
	if want := "signed by an unknown authority"; !strings.Contains(got.What, want) {
		t.Errorf("got %q, want it to say %q", got.What, want)
	}
}

package problem_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
		name string
		err  error
		sent bool
		code problem.Code
		fate problem.Fate
		what string
		next string // empty for the default
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
		{"a deadline", get(context.DeadlineExceeded), false, problem.Unreachable, problem.NotSent, "no connection in time", ""},
		{"a time-out", get(dial(os.ErrDeadlineExceeded)), false, problem.Unreachable, problem.NotSent, "no connection in time", ""},
		{"anything else", get(errors.New("something with secrets")), false, problem.Unreachable, problem.NotSent, "no connection could be made", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problem.FromError(tt.err, tt.sent)
			if got.Code != tt.code || got.Fate != tt.fate || !strings.Contains(got.What, tt.what) || !strings.Contains(got.Next, tt.next) {
				t.Errorf("got %s, fate %d: %s (%s)\nwant %s, fate %d: %s (%s)", got.Code, got.Fate, got.What, got.Next, tt.code, tt.fate, tt.what, tt.next)
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

func TestFromConnect(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   problem.Code
		what   string
	}{
		{407, problem.Untrusted, "LeadMagic is not reachable: the HTTP proxy wants a login"},
		{403, problem.Untrusted, "LeadMagic is not reachable: the HTTP proxy does not let it through (HTTP 403)"},
		{502, problem.Unreachable, "LeadMagic is not reachable: the HTTP proxy does not let it through (HTTP 502)"},
	} {
		if got := problem.As(problem.FromConnect(t.Context(), nil, nil, &http.Response{StatusCode: tt.status})); got.Code != tt.code || got.What != tt.what || !strings.Contains(got.Next, "--http-proxy") {
			t.Errorf("%d: got %s: %s (%s)", tt.status, got.Code, got.What, got.Next)
		}
	}
	if got := problem.FromConnect(t.Context(), nil, nil, &http.Response{StatusCode: 200}); got != nil {
		t.Errorf("got %v for a proxy that lets LeadMagic through", got)
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

package sandbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Server is a sandbox that listens on a port of its own: what [httptest.Server] is to a handler, for tests and for commands
// alike. Close it when done.
type Server struct {
	*Sandbox
	URL       string     // scheme, host and port
	Authority *Authority // that a client must trust; nil without TLS

	stop   context.CancelFunc
	served chan struct{}
}

// Start serves a new sandbox over plain HTTP on a free loopback port.
func Start(opts Options) (*Server, error) {
	return start(New(opts), "http", nil, func(s *Sandbox, ctx context.Context, l net.Listener) error { return s.Serve(ctx, l) })
}

// StartTLS is Start over TLS with HTTP/2, under an authority made for it. The certificate is for 127.0.0.1 and localhost.
func StartTLS(opts Options) (*Server, error) {
	authority, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Issue(Leaf{})
	if err != nil {
		return nil, err
	}
	return StartTLSWith(opts, authority, certificate)
}

// StartTLSWith is StartTLS with a certificate of the caller's, which may be one that no client should take.
func StartTLSWith(opts Options, authority *Authority, certificate tls.Certificate) (*Server, error) {
	return start(New(opts), "https", authority, func(s *Sandbox, ctx context.Context, l net.Listener) error {
		return s.ServeTLS(ctx, l, certificate)
	})
}

func start(s *Sandbox, scheme string, authority *Authority, serve func(*Sandbox, context.Context, net.Listener) error) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a sandbox: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := &Server{Sandbox: s, URL: scheme + "://" + listener.Addr().String(), Authority: authority, stop: stop, served: make(chan struct{})}
	go func() {
		defer close(server.served)
		if err := serve(s, ctx, listener); err != nil {
			s.opts.Logger.Warn("sandbox", "error", err)
		}
	}()
	return server, nil
}

// Close ends the server and everything that runs in it, and waits for that. Closing twice is fine.
func (s *Server) Close() {
	s.stop()
	<-s.served
}

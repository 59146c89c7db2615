package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve serves the sandbox on listener until ctx ends, then closes the sandbox, the listener and every connection. It
// returns nil when ctx ended it.
func (s *Sandbox) Serve(ctx context.Context, listener net.Listener) error {
	return s.serve(ctx, listener, nil)
}

// ServeTLS is Serve over TLS, with HTTP/2 for peers that ask for it. See [Authority.Issue] for a certificate.
func (s *Sandbox) ServeTLS(ctx context.Context, listener net.Listener, certificate tls.Certificate) error {
	return s.serve(ctx, listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}

func (s *Sandbox) serve(ctx context.Context, listener net.Listener, config *tls.Config) error {
	server := &http.Server{
		Handler:           s,
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		// Cut connections and failed handshakes are what a sandbox is for.
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
	}
	ctx, stop := context.WithCancel(ctx)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		<-ctx.Done()
		s.shut() // standing streams end now, in order
		idle := make(chan struct{})
		go func() { s.active.Wait(); close(idle) }()
		select {
		case <-idle:
		case <-time.After(time.Second): // someone does not read what it asked for
		}
		// What was just answered is still being flushed; a connection that never sent a request would be waited for.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Millisecond)
		defer cancel()
		_ = server.Shutdown(grace)
		_ = server.Close()
		<-idle
		s.Close()
	}()
	var err error
	if config != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	stop()
	<-closed
	if errors.Is(err, http.ErrServerClosed) {
		return nil // nothing else shuts it down
	}
	return fmt.Errorf("serving the sandbox: %w", err)
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startServer starts the SDK's everything-server.
func (s *suite) startServer(ctx context.Context, r revision) (url string, stop func(), err error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "everything-server"), "-http", address, fmt.Sprintf("-stateless=%t", r.stateless))
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, fmt.Errorf("starting the server: %w", err)
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // it is killed, and says so
	}
	if err := awaitListener(ctx, address); err != nil {
		stop()
		return "", nil, err
	}
	return "http://" + address + "/mcp", stop, nil
}

// freeAddress is one that nobody listens on; the server cannot be told to find one by itself.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// awaitListener waits until somebody listens.
func awaitListener(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server: %w", err)
		}
	}
}

// startFront starts the front with the proxy and the server at url behind it. end waits for all of them, and says if one
// proxy did not end as it should.
func (s *suite) startFront(ctx context.Context, url string) (front string, end func() error, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "front"), filepath.Join(s.bin, "leadmagic-mcp-proxy"), url)
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting the front: %w", err)
	}
	end = func() error {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w\n%s", err, said.String())
		}
		if said.Len() > 0 {
			return errors.New("healthy proxies print nothing, and these said\n" + said.String())
		}
		return nil
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		return "", nil, fmt.Errorf("starting the front: %w", errors.Join(err, cmd.Wait()))
	}
	return strings.TrimSpace(line), end, nil
}

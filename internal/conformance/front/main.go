// Front is what the official conformance suite talks to in server mode: it takes Streamable HTTP and is an editor towards
// the proxy, one proxy over stdio for each session. It carries bytes and judges nothing, so what the suite finds is the
// proxy's doing, or that of the server behind it. It is no part of the product.
//
//	front PROGRAM URL
//
// PROGRAM is the proxy, URL the server that it is to carry to. The front prints its own URL, and ends when its input does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: front PROGRAM URL")
		os.Exit(2)
	}
	f := &front{start: func(ctx context.Context) (*editor, error) {
		cmd := exec.CommandContext(ctx, os.Args[1])
		// Nothing of the environment of who runs this.
		cmd.Env = []string{"LEADMAGIC_MCP_URL=" + os.Args[2], "LEADMAGIC_API_KEY=lm_conformance_0000000000"}
		cmd.Stderr = os.Stderr
		return newEditor(cmd)
	}}
	if err := serve(f, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "front:", err)
		os.Exit(1)
	}
}

// serve listens on loopback until in ends, then ends every proxy.
func serve(f *front, in io.Reader, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if _, err := fmt.Fprintf(out, "http://%s/mcp\n", listener.Addr()); err != nil {
		return fmt.Errorf("saying where it listens: %w", err)
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return f.close()
}

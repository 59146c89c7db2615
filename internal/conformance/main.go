// Conformance runs the official MCP conformance suite against the proxy: in client mode the suite plays the server and the
// proxy is its client, in server mode a server of the Go SDK stands behind the proxy and the suite is the client. Whatever
// passes without the proxy must pass with it. It is no part of the product.
//
//	conformance -npm DIR -bin DIR -baseline FILE
//
// In the npm folder the suite is installed, and a Node for it where the system's is too old; in the other lie the programs
// that the script next to this file has built.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

// revisions are those of the protocol that the suite knows how to judge: with sessions, and without.
var revisions = []revision{
	{name: "2025-11-25", stateless: false},
	{name: "2026-07-28", stateless: true},
}

type revision struct {
	name      string
	stateless bool // how the server behind the proxy is to speak it
}

func main() {
	npm := flag.String("npm", "", "the folder where the suite is installed")
	bin := flag.String("bin", "", "the folder of the programs")
	known := flag.String("baseline", "", "the checks that cannot pass, each with its reason")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *npm, *bin, *known); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout io.Writer, npm, bin, known string) error {
	excused, err := readBaseline(known)
	if err != nil {
		return err
	}
	out, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out) //nolint:errcheck // scratch
	s := &suite{
		node:   first(filepath.Join(npm, "node_modules/.bin/node"), "node"),
		script: filepath.Join(npm, "node_modules/@modelcontextprotocol/conformance/dist/index.js"),
		bin:    bin,
		out:    out,
	}
	var complaints []string
	for _, r := range revisions {
		asClient, err := s.judgeClient(ctx, r)
		if err != nil {
			return fmt.Errorf("%s, client mode: %w", r.name, err)
		}
		asServer, err := s.judgeServer(ctx, r, excused)
		if err != nil {
			return fmt.Errorf("%s, server mode: %w", r.name, err)
		}
		fmt.Fprintf(stdout, "%s client mode: %s\n%s server mode: %s\n", r.name, asClient, r.name, asServer)
		complaints = append(complaints, asClient.complaints...)
		complaints = append(complaints, asServer.complaints...)
	}
	complaints = append(complaints, excused.unused()...)
	if len(complaints) > 0 {
		return fmt.Errorf("%d checks are not as they should be\n%s", len(complaints), strings.Join(complaints, "\n"))
	}
	return nil
}

// first is the file of that name, or the other name if there is none.
func first(file, other string) string {
	if _, err := os.Stat(file); err != nil {
		return other
	}
	return file
}

// Compare measures what stands between an editor and LeadMagic, side by side in one run: this
// program, a bare relay as the limit of what is possible, and, where they are installed, mcp-remote and supergateway.
// It compares nothing that needs LeadMagic itself.
//
//	go run ./internal/bench/compare                        this program and the bare relay
//	go run ./internal/bench/compare -node DIR -o FILE      those installed in DIR/node_modules as well; numbers into FILE
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.node, "node", "", "a folder in whose node_modules mcp-remote and supergateway may be installed")
	flag.StringVar(&o.output, "o", "", "the file for the numbers, as JSON")
	flag.IntVar(&o.rounds, "rounds", 5, "how often all are measured in turn; the median counts")
	flag.IntVar(&o.calls, "calls", 2000, "calls one after the other in a round")
	isUpstream := flag.Bool("upstream", false, "be the upstream that is called, until stdin ends")
	flag.Parse()
	if *isUpstream {
		if err := serveUpstream(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "compare:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		stop()
		os.Exit(1)
	}
}

type options struct {
	node, output  string
	rounds, calls int
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	scratch, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // what is left there is the system's to remove
	binary, err := build(ctx, scratch, "leadmagic-mcp-proxy", module)
	if err != nil {
		return err
	}
	relay, err := build(ctx, scratch, "relay", module+"/internal/bench/relay")
	if err != nil {
		return err
	}
	server, err := startUpstream(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	report := Report{Date: time.Now().Format(time.DateOnly), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	list := contestants(ctx, binary, relay, o.node, scratch)
	rounds := make([][]Numbers, len(list))
	for round := range o.rounds {
		for i, c := range list {
			fmt.Fprintf(progress, "round %d of %d: %s\n", round+1, o.rounds, c.name)
			n, err := measure(ctx, c, server, o.calls)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", c.name, err)
			}
			rounds[i] = append(rounds[i], n)
		}
	}
	for i, c := range list {
		fmt.Fprintf(progress, "probing %s\n", c.name)
		report.Contestants = append(report.Contestants, Contestant{
			Name: c.name, Version: c.version, Numbers: medians(rounds[i]), Probes: probe(ctx, c),
		})
	}
	report.print(out)
	if o.output == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the numbers: %w", err)
	}
	return os.WriteFile(o.output, append(text, '\n'), 0o644) //nolint:gosec // it is to be published
}

const module = "github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy"

// build builds a program as a release does.
func build(ctx context.Context, dir, name, source string) (string, error) {
	binary := filepath.Join(dir, name)
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, source)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", name, err, text)
	}
	return binary, nil
}

// Bench measures what stands between an editor and LeadMagic: this program, a bare relay as the limit of what is possible, and,
// where they are installed, mcp-remote and supergateway. This program and the relay take turns call by call, so that a busy
// machine is busy for both, and what counts is the median of the ratios in the same turn, with its quartiles.
//
//	go run ./internal/bench             this program and the bare relay
//	go run ./internal/bench -node DIR   those installed in DIR/node_modules as well
//
// It prints the numbers as JSON, of which the documentation makes tables and charts.
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
	"slices"
	"strings"
	"time"
)

const module = "github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy"

func main() {
	role := flag.String("role", "", "relay or upstream: what is started in a process of its own")
	node := flag.String("node", "", "a folder in whose node_modules mcp-remote and supergateway may be installed")
	turns := flag.Int("turns", 25, "how often each takes its turn")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *role {
	case "relay":
		relay(os.Getenv("LEADMAGIC_MCP_URL"), os.Getenv("LEADMAGIC_API_KEY"), os.Stdin, os.Stdout)
	case "upstream":
		err = serveUpstream(os.Stdin, os.Stdout)
	default:
		err = run(ctx, *node, *turns, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, node string, turns int, out io.Writer) error {
	scratch, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // what is left there is the system's to remove
	// The relay is built as the program is: with cgo alone it would start a quarter later.
	binary, relay := filepath.Join(scratch, "leadmagic-mcp-proxy.exe"), filepath.Join(scratch, "relay.exe")
	for file, pkg := range map[string]string{binary: module, relay: module + "/internal/bench"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg)
		build.Env = append(build.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", pkg, err, text)
		}
	}
	report := report{Date: time.Now().Format(time.DateOnly), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	if report.Contestants, err = contestants(ctx, binary, relay, node, scratch); err != nil {
		return err
	}
	// In a process of its own, so that it does not take its time from the bench.
	upstream, err := launch(ctx, &contestant{Name: "the upstream", line: []string{relay, "-role", "upstream"}}, "", time.Hour)
	if err != nil {
		return err
	}
	defer upstream.close()
	url, err := upstream.out.ReadString('\n')
	if err == nil {
		relay, url := report.Contestants[1], strings.TrimSpace(url)
		// First these two alone: what Node needs would not leave much of a processor's caches to whose turn comes next.
		if err = measure(ctx, report.Contestants[:2], relay, url, turns); err == nil {
			err = measure(ctx, report.Contestants[2:], nil, url, turns)
		}
	}
	if err != nil {
		return err
	}
	for _, c := range report.Contestants {
		if c.Name != "bare relay" { // which does nothing about anything
			c.Probes = probe(ctx, c)
		}
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the numbers: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// A report is what was measured. The README's table and chart are made from its JSON.
type report struct {
	Date        string        `json:"date"`
	System      string        `json:"system"`
	CPUs        int           `json:"cpus"`
	Contestants []*contestant `json:"contestants"`
}

// summarize fills in the numbers of what was timed, in milliseconds, and unless relay is nil its ratios to the relay's.
func (c *contestant) summarize(relay *contestant) {
	if relay != nil {
		c.Ratios = make(map[string][3]float64)
		for name, times := range c.times {
			ratios := make([]float64, len(times))
			for i := range times {
				ratios[i] = times[i] / relay.times[name][i]
			}
			c.Ratios[name] = [3]float64{quantile(ratios, 0.25), quantile(ratios, 0.5), quantile(ratios, 0.75)}
		}
	}
	c.Numbers["start_ms"] = quantile(c.times["start"], 0.5)
	c.Numbers["call_p50_ms"] = quantile(c.times["call"], 0.5)
	c.Numbers["call_p99_ms"] = quantile(c.times["call"], 0.99)
	c.Numbers["calls_per_second_64_in_flight"] = usualInFlight * callsEach / quantile(c.times[inFlightName(usualInFlight)], 0.5) * 1000
	c.Numbers["result_16_mib_ms"] = quantile(c.times[sizeName(usualSize)], 0.5)
}

// quantile is the value below which that part of all values lies.
func quantile(all []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

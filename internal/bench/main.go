// Bench measures what stands between an editor and LeadMagic: this program, a bare relay as the limit of what is possible, and,
// where they are installed, mcp-remote and supergateway. They take turns call by call, so that a busy machine is busy for all,
// and what counts is the median of the ratios to the relay in the same turn, with its quartiles.
//
//	go run ./internal/bench                     this program and the bare relay
//	go run ./internal/bench -node DIR -o FILE   those installed in DIR/node_modules as well; numbers into FILE
package main

import (
	"cmp"
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
	output := flag.String("o", "", "the file for the numbers, as JSON")
	turns := flag.Int("turns", 25, "how often each takes its turn")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *role {
	case "relay":
		relay(os.Getenv("LEADMAGIC_MCP_URL"), os.Getenv("LEADMAGIC_API_KEY"), os.Stdin, os.Stdout)
	case "upstream":
		err = serveUpstream(ctx, os.Stdin, os.Stdout)
	default:
		err = run(ctx, *node, *output, *turns, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, node, output string, turns int, out io.Writer) error {
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
	url, stop, err := startUpstream(ctx)
	if err != nil {
		return err
	}
	defer stop()
	report := report{Date: time.Now().Format(time.DateOnly), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	report.Contestants, err = contestants(ctx, binary, relay, node, scratch)
	if err == nil {
		err = measure(ctx, report.Contestants, url, turns)
	}
	if err != nil {
		return err
	}
	for _, c := range report.Contestants {
		if c.Name != "bare relay" { // which does nothing about anything
			c.Probes = probe(ctx, c)
		}
	}
	report.print(out)
	if output == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the numbers: %w", err)
	}
	return os.WriteFile(output, append(text, '\n'), 0o644) //nolint:gosec // it is to be published
}

// A report is what was measured. The README's table and chart are made from its JSON.
type report struct {
	Date        string        `json:"date"`
	System      string        `json:"system"`
	CPUs        int           `json:"cpus"`
	Contestants []*contestant `json:"contestants"`
}

// sum fills in the numbers and ratios of what was timed, in milliseconds.
func (c *contestant) sum(relay *contestant) {
	c.Ratios = make(map[string][3]float64)
	for name, times := range c.times {
		ratios := make([]float64, len(times))
		for i := range times {
			ratios[i] = times[i] / relay.times[name][i]
		}
		c.Ratios[name] = [3]float64{quantile(ratios, 0.25), quantile(ratios, 0.5), quantile(ratios, 0.75)}
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

// print writes tables in Markdown.
func (r report) print(out io.Writer) {
	names, rule := []string{""}, "|---"
	for _, c := range r.Contestants {
		names = append(names, strings.TrimSpace(c.Name+" "+c.Version))
		rule += "|---:"
	}
	row := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	table := func(names []string, cell func(c *contestant, name string) string) {
		for _, name := range names {
			cells := []string{name}
			for _, c := range r.Contestants {
				cells = append(cells, cell(c, name))
			}
			row(cells)
		}
	}
	row(names)
	fmt.Fprintln(out, rule+"|")
	table(keys(r.Contestants[0].Numbers), func(c *contestant, name string) string { return fmt.Sprintf("%.3g", c.Numbers[name]) })
	fmt.Fprintln(out, "\nTime as a multiple of the bare relay's in the same turn: median (quartiles)")
	row(names)
	fmt.Fprintln(out, rule+"|")
	table(keys(r.Contestants[0].Ratios), func(c *contestant, name string) string {
		q, measured := c.Ratios[name]
		if !measured {
			return ""
		}
		return fmt.Sprintf("%.2f (%.2f to %.2f)", q[1], q[0], q[2])
	})
	for _, c := range r.Contestants {
		for _, name := range keys(c.Probes) {
			fmt.Fprintf(out, "\n%s, %s: %s\n", c.Name, name, c.Probes[name])
		}
	}
}

func keys[K cmp.Ordered, V any](m map[K]V) (all []K) {
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

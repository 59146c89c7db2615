// Package bench measures what the proxy costs beside a bare relay, in one run and call by call in turn, so
// that a noisy machine is noisy for both:
//
//	go test -bench . -benchtime 2s ./internal/bench
//
// It has no code of its own, and judges nothing: a figure that is too large is for a person to see.
package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var (
	relay, proxy string
	table        [][4]string
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		os.Exit(m.Run())
	}
	os.Exit(measure(m))
}

// measure builds both programs, runs the benchmarks, and prints what they have found as one table.
func measure(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of the system's temporary folder
	relay, proxy = filepath.Join(dir, "relay"), filepath.Join(dir, "leadmagic-mcp-proxy")
	for program, source := range map[string]string{relay: "./relay", proxy: "../.."} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, source) //nolint:noctx // ends by itself
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s\n%v\n", out, err)
			return 1
		}
	}
	code := m.Run()
	fmt.Println("\n| | proxy | bare relay | ratio |\n|---|---:|---:|---:|")
	for _, row := range table {
		fmt.Printf("| %s | %s | %s | %s |\n", row[0], row[1], row[2], row[3])
	}
	return code
}

// record adds a row, or corrects it: a benchmark is run with a growing number of rounds.
func record(b *testing.B, name, proxied, bare string, ratio float64) {
	b.Helper()
	row := [4]string{name, proxied, bare, ""}
	if ratio > 0 {
		row[3] = fmt.Sprintf("%.2f", ratio)
		b.ReportMetric(ratio, "ratio")
	}
	if i := slices.IndexFunc(table, func(r [4]string) bool { return r[0] == name }); i >= 0 {
		table[i] = row
		return
	}
	table = append(table, row)
}

// pair starts both programs in front of an upstream of their own.
func pair(b *testing.B) (proxied, bare *program) {
	b.Helper()
	upstream := newUpstream()
	b.Cleanup(upstream.Close)
	proxied, bare = begin(b, proxy, upstream.URL).ready(b), begin(b, relay, upstream.URL).ready(b)
	b.Cleanup(func() {
		proxied.end(b)
		bare.end(b)
	})
	return proxied, bare
}

func percentile(times []time.Duration, p float64) time.Duration {
	times = slices.Sorted(slices.Values(times))
	return times[min(int(float64(len(times))*p), len(times)-1)]
}

func microseconds(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func BenchmarkCall(b *testing.B) {
	proxied, bare := pair(b)
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, proxied.ask(b, call(2, "small")))
		theirs = append(theirs, bare.ask(b, call(2, "small")))
	}
	for _, p := range []struct {
		name string
		p    float64
	}{{"a call, median", 0.5}, {"a call, 99th percentile", 0.99}} {
		x, y := percentile(ours, p.p), percentile(theirs, p.p)
		record(b, p.name, microseconds(x), microseconds(y), ratio(x, y))
	}
}

func BenchmarkInFlight64(b *testing.B) {
	const inFlight, rounds = 64, 32
	proxied, bare := pair(b)
	var ours, theirs time.Duration
	flood := func(p *program) time.Duration {
		start := time.Now()
		for id := range inFlight {
			p.say(b, call(id, "small"))
		}
		for id := range inFlight * (rounds - 1) {
			p.hear(b)
			p.say(b, call(inFlight+id, "small"))
		}
		for range inFlight {
			p.hear(b)
		}
		return time.Since(start)
	}
	n := 0
	for b.Loop() {
		ours += flood(proxied)
		theirs += flood(bare)
		n++
	}
	perSecond := func(d time.Duration) string {
		return fmt.Sprintf("%.0f calls/s", float64(n*inFlight*rounds)/d.Seconds())
	}
	record(b, "64 calls in flight", perSecond(ours), perSecond(theirs), ratio(theirs, ours))
}

func BenchmarkLarge(b *testing.B) {
	proxied, bare := pair(b)
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, proxied.ask(b, call(3, "large")))
		theirs = append(theirs, bare.ask(b, call(3, "large")))
	}
	x, y := percentile(ours, 0.5), percentile(theirs, 0.5)
	record(b, "a result of 16 MiB, median", milliseconds(x), milliseconds(y), ratio(x, y))
}

func BenchmarkStart(b *testing.B) {
	upstream := newUpstream()
	defer upstream.Close()
	var ours, theirs []time.Duration
	for b.Loop() {
		for path, times := range map[string]*[]time.Duration{proxy: &ours, relay: &theirs} {
			start := time.Now()
			p := begin(b, path, upstream.URL)
			*times = append(*times, time.Since(start))
			p.end(b)
		}
	}
	x, y := percentile(ours, 0.5), percentile(theirs, 0.5)
	record(b, "from start to initialize answered, median", milliseconds(x), milliseconds(y), ratio(x, y))
}

// BenchmarkMemory takes its time: a session that is idle for two seconds, and one of 100,000 calls.
func BenchmarkMemory(b *testing.B) {
	proxied, bare := pair(b)
	if proxied.resident() == 0 {
		record(b, "memory (this system does not tell)", "n/a", "n/a", 0)
		return
	}
	<-time.After(2 * time.Second)
	x, y := proxied.resident(), bare.resident()
	record(b, "memory, idle", megabytes(x), megabytes(y), x/y)
	for range 100_000 {
		proxied.ask(b, call(4, "small"))
	}
	for range 100_000 {
		bare.ask(b, call(4, "small"))
	}
	x, y = proxied.resident(), bare.resident()
	record(b, "memory, after 100,000 calls", megabytes(x), megabytes(y), x/y)
	for b.Loop() { // what is measured does not repeat
	}
}

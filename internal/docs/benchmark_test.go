package docs

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// measurements are what internal/bench has written.
const measurements = "docs/benchmark.json"

// A benchmark is a run of internal/bench.
type benchmark struct {
	Date        string `json:"date"`
	System      string `json:"system"`
	CPUs        int    `json:"cpus"`
	Contestants []struct {
		Name    string             `json:"name"`
		Version string             `json:"version"`
		Numbers map[string]float64 `json:"numbers"`
		Probes  map[string]string  `json:"probes"`
	} `json:"contestants"`
}

func readBenchmark(t *testing.T) benchmark {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(measurements)))
	if err != nil {
		t.Fatal(err)
	}
	var b benchmark
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatalf("%s: %v", measurements, err)
	}
	if len(b.Contestants) < 4 {
		t.Fatalf("%s has %d contestants, want all four side by side in one run", measurements, len(b.Contestants))
	}
	return b
}

// A quantity is a row of the table, and a part of the chart where it has a title for that.
type quantity struct {
	name, member, format string
	chart                string
}

var quantities = []quantity{
	{"ready after the start", "start_ms", "%.0f ms", "start"},
	{"a call, median", "call_p50_ms", "%.2f ms", "a call, median"},
	{"a call, 99th of 100", "call_p99_ms", "%.1f ms", ""},
	{"processor time of a call", "cpu_per_call_ms", "%.2f ms", "processor time of a call"},
	{"64 calls in flight", "calls_per_second_64_in_flight", "%.0f a second", ""},
	{"a result of 16 MiB", "result_16_mib_ms", "%.0f ms", "a result of 16 MiB"},
	{"private memory, idle", "private_idle_mb", "%.1f MB", "private memory, idle"},
	{"private memory after all these calls", "private_mb", "%.1f MB", ""},
	{"private memory after results of 16 MiB", "private_after_16_mib_mb", "%.1f MB", ""},
	{"resident memory, idle", "resident_idle_mb", "%.0f MB", ""},
}

// label is what a contestant is called.
func label(name, version string) string {
	switch name {
	case program:
		return "this program"
	case "bare relay":
		return name
	}
	return name + " " + version
}

// benchmarkTable is the table of the numbers, and how they came about.
func benchmarkTable(t *testing.T, _ []string) string {
	b := readBenchmark(t)
	head := []string{""}
	for _, c := range b.Contestants {
		head = append(head, label(c.Name, c.Version))
	}
	rows := [][]string{head}
	for _, q := range quantities {
		row := []string{q.name}
		for _, c := range b.Contestants {
			n, ok := c.Numbers[q.member]
			if !ok {
				t.Fatalf("%s: %s has no %s", measurements, c.Name, q.member)
			}
			row = append(row, fmt.Sprintf(q.format, n))
		}
		rows = append(rows, row)
	}
	return table(rows...) + fmt.Sprintf("\nMeasured on %s on %s with %d shared cores, in one run.\n", b.Date, b.System, b.CPUs)
}

// probeTable is what became of calls when something went wrong.
func probeTable(t *testing.T, _ []string) string {
	b := readBenchmark(t)
	var out strings.Builder
	for _, probe := range []struct{ title, member string }{
		{"The endpoint points to another host", "redirect"},
		{"The stream with the answer breaks off", "cut_stream"},
		{"The key is not the one that is taken", "rejected_key"},
		{"A number that a float64 does not hold", "numbers"},
	} {
		fmt.Fprintf(&out, "**%s**\n\n", probe.title)
		for _, c := range b.Contestants {
			if c.Name == "bare relay" {
				continue
			}
			said := strings.ReplaceAll(c.Probes[probe.member], `\n`, "; ")
			if said == "" {
				t.Fatalf("%s: %s has no %s", measurements, c.Name, probe.member)
			}
			fmt.Fprintf(&out, "- %s: %s\n", label(c.Name, c.Version), said)
		}
		out.WriteString("\n")
	}
	return out.String()
}

const chartStyle = `
text{fill:#1f2328;font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.title{font-weight:600}
.value{fill:#59636e;font-size:12px}
.bar{fill:#afb8c1}
.ours{fill:#0969da}
@media (prefers-color-scheme: dark){
text{fill:#f0f6fc}
.value{fill:#9198a1}
.bar{fill:#545d68}
.ours{fill:#4493f8}
}
`

// chart draws the quantities that have a title for it, each against the largest of its own. Shorter is better.
func chart(b benchmark) string {
	const (
		left, bar, row = 190, 480, 20 // the place for names, the longest bar, and the height of one
		width          = 840
	)
	var body strings.Builder
	y := 10
	for _, q := range quantities {
		if q.chart == "" {
			continue
		}
		most := 0.0
		for _, c := range b.Contestants {
			most = max(most, c.Numbers[q.member])
		}
		fmt.Fprintf(&body, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left, y+12, html.EscapeString(q.chart))
		y += row
		for _, c := range b.Contestants {
			n, class := c.Numbers[q.member], "bar"
			if c.Name == program {
				class = "ours"
			}
			length := max(2, int(n/most*bar))
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", left-8, y+12, html.EscapeString(label(c.Name, c.Version)))
			fmt.Fprintf(&body, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>", class, left, y+1, length, row-6)
			fmt.Fprintf(&body, "<text class=\"value\" x=\"%d\" y=\"%d\">%s</text>\n", left+length+6, y+12, fmt.Sprintf(q.format, n))
			y += row
		}
		y += 12
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="title">`, width, y, width) +
		"\n<title id=\"title\">What stands between an editor and LeadMagic costs: start, calls, processor time, large results and memory, side by side</title>\n<style>" +
		chartStyle + "</style>\n" + body.String() + "</svg>\n"
}

// TestTheChartIsCurrent compares the chart with the numbers.
func TestTheChartIsCurrent(t *testing.T) {
	comparePicture(t, "docs/pictures/benchmark.svg", chart(readBenchmark(t)))
}

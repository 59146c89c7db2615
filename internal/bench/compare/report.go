package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A Report is what was measured. The README's table and chart are made from its JSON.
type Report struct {
	Date        string       `json:"date"`
	System      string       `json:"system"`
	CPUs        int          `json:"cpus"`
	Contestants []Contestant `json:"contestants"`
}

// A Contestant is one program and how it did.
type Contestant struct {
	Name    string  `json:"name"`
	Version string  `json:"version,omitempty"`
	Numbers Numbers `json:"numbers"`
	Probes  Probes  `json:"probes"`
}

// Numbers are in milliseconds and megabytes (10^6), except for calls per second. 0 is not known.
type Numbers struct {
	Start       float64 `json:"start_ms"`    // from the start of the process to the answer to initialize
	P50         float64 `json:"call_p50_ms"` // of calls one after the other
	P99         float64 `json:"call_p99_ms"`
	CPU         float64 `json:"cpu_per_call_ms"` // processor time of one such call
	PerSecond   float64 `json:"calls_per_second_64_in_flight"`
	Large       float64 `json:"result_16_mib_ms"`
	Idle        float64 `json:"resident_idle_mb"` // a second after the first call
	Memory      float64 `json:"resident_mb"`      // after all calls but the large ones
	MemoryLarge float64 `json:"resident_after_16_mib_mb"`
}

// medians are the medians of each number over all rounds.
func medians(rounds []Numbers) (m Numbers) {
	for _, field := range []func(*Numbers) *float64{
		func(n *Numbers) *float64 { return &n.Start },
		func(n *Numbers) *float64 { return &n.P50 },
		func(n *Numbers) *float64 { return &n.P99 },
		func(n *Numbers) *float64 { return &n.CPU },
		func(n *Numbers) *float64 { return &n.PerSecond },
		func(n *Numbers) *float64 { return &n.Large },
		func(n *Numbers) *float64 { return &n.Idle },
		func(n *Numbers) *float64 { return &n.Memory },
		func(n *Numbers) *float64 { return &n.MemoryLarge },
	} {
		var all []float64
		for i := range rounds {
			all = append(all, *field(&rounds[i]))
		}
		slices.Sort(all)
		*field(&m) = all[len(all)/2]
	}
	return m
}

func (r Report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\tstart\tp50\tp99\tcpu/call\t64 in flight\t16 MiB\tidle\tbusy\tafter 16 MiB\t\n")
	for _, c := range r.Contestants {
		n := c.Numbers
		fmt.Fprintf(w, "%s %s\t%.0f ms\t%.2f ms\t%.2f ms\t%.2f ms\t%.0f/s\t%.0f ms\t%.0f MB\t%.0f MB\t%.0f MB\t\n",
			c.Name, c.Version, n.Start, n.P50, n.P99, n.CPU, n.PerSecond, n.Large, n.Idle, n.Memory, n.MemoryLarge)
	}
	_ = w.Flush()
	for _, c := range r.Contestants {
		fmt.Fprintf(out, "\n%s\n  redirect: %s\n  cut stream: %s\n  rejected key: %s\n  numbers: %s\n",
			c.Name, c.Probes.Redirect, c.Probes.Cut, c.Probes.RejectedKey, c.Probes.Numbers)
	}
}

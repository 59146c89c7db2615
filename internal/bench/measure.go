package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	callsInTurn = 80              // calls in each turn, one after the other
	warmUp      = 100             // calls that do not count
	callsEach   = 50              // calls that each of those in flight makes
	idle        = 9 * time.Second // before memory is read
)

// The number of calls in flight, and the bytes of a result, at which all contestants are measured.
const (
	usualInFlight = 64
	usualSize     = 16 << 20
)

// Those at which the costs of this program alone are compared with the relay's too.
var (
	concurrency = []int{1, 2, 4, 8, 16, 32, 128, 256, 512}
	sizes       = []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 64 << 20}
)

// A step of the measurement has some contestants do something so many times.
type step struct {
	name  string
	times int
	do    func(*contestant) error
	then  func() // when all have done it, or nil
}

// measure has the contestants take turns at everything. If baseline is not nil, it is the one of them with which the others are
// compared.
func measure(ctx context.Context, list []*contestant, baseline *contestant, url string, turns int) error {
	defer func() {
		for _, c := range list {
			c.close()
		}
	}()
	call := func(params string, size int) func(*contestant) error {
		return func(c *contestant) error {
			answer, err := c.ask("tools/call", `{"name":"echo","arguments":`+params+`}`)
			if err == nil && len(answer) < size {
				err = fmt.Errorf("a result of %d bytes came as %.200s", size, answer)
			}
			return err
		}
	}
	keepInFlight := func(inFlight int) func(*contestant) error {
		return func(c *contestant) error {
			calls := max(inFlight*callsEach, 400)
			for i := range calls + inFlight {
				if i < calls {
					if err := c.send("tools/call", `{"name":"echo","arguments":{"full_name":"Ada Lovelace"}}`); err != nil {
						return err
					}
				}
				if i >= inFlight {
					if _, err := c.receive(); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
	result := func(size int) func(*contestant) error { return call(fmt.Sprintf(`{"size":%d}`, size), size) }
	remember := func(when string) func() {
		return func() {
			time.Sleep(idle) //nolint:forbidigo // what is measured is what an idle program holds
			for _, c := range list {
				c.Numbers["private"+when], c.Numbers["resident"+when] = memory(c.cmd.Process.Pid)
			}
		}
	}
	addTime := func(sign float64) func() {
		return func() {
			for _, c := range list {
				c.Numbers["cpu_per_call_ms"] += sign * processor(c.cmd.Process.Pid) / float64(turns*callsInTurn)
			}
		}
	}
	small := call(`{"full_name":"Ada Lovelace","domain":"analytical.example"}`, 20)
	starts := turns
	if baseline != nil {
		starts *= 10
	}
	steps := []step{
		{"start", starts, func(c *contestant) error { return open(ctx, c, url) }, remember("_idle_mb")},
		{"warm-up", warmUp, small, addTime(-1)},
		{"call", turns * callsInTurn, small, addTime(1)},
		{inFlightName(usualInFlight), turns, keepInFlight(usualInFlight), remember("_mb")},
		{sizeName(usualSize), turns, result(usualSize), remember("_after_16_mib_mb")},
	}
	if baseline != nil {
		for _, n := range concurrency {
			steps = append(steps, step{inFlightName(n), max(1, turns/2), keepInFlight(n), nil})
		}
		for _, n := range sizes {
			// The time of a small result is that of a call, which wants more turns.
			steps = append(steps, step{sizeName(n), max(1, turns/2, min(turns*20, turns*(1<<20)/n)), result(n), nil})
		}
	}
	for _, s := range steps {
		for i := range s.times {
			for j := range list {
				c := list[(i+j)%len(list)] // who begins changes
				begun := time.Now()
				if err := s.do(c); err != nil {
					return fmt.Errorf("%s, %s: %w", c.Name, s.name, err)
				}
				c.times[s.name] = append(c.times[s.name], float64(time.Since(begun).Microseconds())/1000)
				if s.name == "start" && i+1 < s.times {
					c.close() // not just before its next start, which would pay for the end of the one before
				}
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.then != nil {
			s.then()
		}
	}
	for _, c := range list {
		delete(c.times, "warm-up")
		c.summarize(baseline)
	}
	return nil
}

func inFlightName(n int) string { return fmt.Sprintf("%d in flight", n) }

func sizeName(n int) string {
	if n < 1<<20 {
		return fmt.Sprintf("result of %d KiB", n>>10)
	}
	return fmt.Sprintf("result of %d MiB", n>>20)
}

// family is a process with all that it has started. On other systems than Linux it is not known.
func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// memory is what belongs to a process and what it has started alone, and what they hold with what they share with others,
// such as the text of the program; in megabytes. 0 is not known.
func memory(pid int) (private, resident float64) {
	for _, p := range family(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			kilobytes, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			switch name {
			case "RssAnon":
				private += kilobytes * 1024 / 1e6
			case "VmRSS":
				resident += kilobytes * 1024 / 1e6
			}
		}
	}
	return private, resident
}

// processor is the processor time that a process and what it has started have used, in milliseconds. 0 is not known.
func processor(pid int) (sum float64) {
	for _, p := range family(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		// The name is in brackets and may hold anything; user and system time are fields 14 and 15, in hundredths of a second.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for i := 11; i < 13 && i < len(fields); i++ {
			n, _ := strconv.ParseFloat(fields[i], 64)
			sum += 10 * n
		}
	}
	return sum
}

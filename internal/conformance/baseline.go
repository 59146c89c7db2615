package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A baseline is a file of the checks that cannot pass through front and proxy: "scenario check: reason" in each line, with
// blank lines and comments after # between them.
type baseline struct {
	name    string
	reasons map[check]string
	used    map[check]bool
}

func readBaseline(name string) (*baseline, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	return parseBaseline(name, string(text))
}

func parseBaseline(name, text string) (*baseline, error) {
	b := &baseline{name: name, reasons: make(map[check]string), used: make(map[check]bool)}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		where, reason, _ := strings.Cut(line, ": ")
		words := strings.Fields(where)
		if len(words) != 2 || reason == "" {
			return nil, fmt.Errorf("%s:%d: not of the form scenario check: reason", name, number+1)
		}
		b.reasons[check{words[0], words[1]}] = reason
	}
	return b, nil
}

// takes reports whether a check is excused, and remembers that it had to be.
func (b *baseline) takes(c check) bool {
	if b.reasons[c] == "" {
		return false
	}
	b.used[c] = true
	return true
}

// unused lists the excuses that nothing needed: what passes must be held to it from then on.
func (b *baseline) unused() []string {
	var stale []string
	for c := range b.reasons {
		if !b.used[c] {
			stale = append(stale, fmt.Sprintf("%s excuses %s, which passes", b.name, c))
		}
	}
	slices.Sort(stale)
	return stale
}

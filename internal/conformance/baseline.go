package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A baseline is a file of the checks that cannot pass through front and proxy: "revision scenario check times: reason" in each
// line, with blank lines and comments after # between them. The times are how often the check misses: no more and no less.
type baseline struct {
	name    string
	excuses map[judged]int
	used    map[judged]bool
}

// A judged check is one under a revision of the protocol.
type judged struct {
	revision string
	check
}

func (j judged) String() string { return j.revision + " " + j.check.String() }

func readBaseline(name string) (*baseline, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the baseline: %w", err)
	}
	return parseBaseline(name, string(text))
}

func parseBaseline(name, text string) (*baseline, error) {
	b := &baseline{name: name, excuses: make(map[judged]int), used: make(map[judged]bool)}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		where, reason, _ := strings.Cut(line, ": ")
		words := strings.Fields(where)
		times := 0
		if len(words) == 4 {
			times, _ = strconv.Atoi(words[3]) // what is no number is not above 0
		}
		if times < 1 || reason == "" {
			return nil, fmt.Errorf("%s:%d: not of the form revision scenario check times: reason", name, number+1)
		}
		j := judged{words[0], check{words[1], words[2]}}
		if b.excuses[j] > 0 {
			return nil, fmt.Errorf("%s:%d: %s is excused above", name, number+1, j)
		}
		b.excuses[j] = times
	}
	return b, nil
}

// take is how often a check may miss, and remembers that it does.
func (b *baseline) take(j judged) int {
	b.used[j] = true
	return b.excuses[j]
}

// unused lists the excuses that nothing needed: what passes must be held to it from then on.
func (b *baseline) unused() []string {
	var stale []string
	for j := range b.excuses {
		if !b.used[j] {
			stale = append(stale, fmt.Sprintf("%s excuses %s, which passes", b.name, j))
		}
	}
	slices.Sort(stale)
	return stale
}

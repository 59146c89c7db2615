package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A check is one question of a scenario. It may be asked several times.
type check struct{ scenario, id string }

func (c check) String() string { return c.scenario + " " + c.id }

// A tally is what came of a check.
type tally struct {
	passed, failed, warned int
	why                    string // of the last that did not pass
}

// results are what came of a run.
type results map[check]tally

func (r results) note(c check, status, why string) {
	t := r[c]
	switch status {
	case "SUCCESS":
		t.passed++
	case "FAILURE":
		t.failed++
		t.why = why
	case "WARNING":
		t.warned++
		t.why = why
	default: // INFO and SKIPPED say nothing about who is judged
		return
	}
	r[c] = t
}

func (r results) has(scenario string) bool {
	for c := range r {
		if c.scenario == scenario {
			return true
		}
	}
	return false
}

func (t tally) asked() int { return t.passed + t.failed + t.warned }

// compare lists the checks of a revision that fail without the proxy, or are worse with it, and are not excused: how often they
// fail with the proxy, are warned about or are not reached must be what the baseline says.
func compare(revision string, direct, proxied results, excused *baseline) []string {
	all := make(map[check]bool)
	for c := range direct {
		all[c] = true
	}
	for c := range proxied {
		all[c] = true
	}
	var complaints []string
	for _, c := range slices.SortedFunc(maps.Keys(all), func(a, b check) int { return strings.Compare(a.String(), b.String()) }) {
		d, p := direct[c], proxied[c]
		if d.failed == 0 && p.failed == 0 && p.warned <= d.warned && p.passed >= d.passed {
			continue
		}
		j := judged{revision, c}
		missed, allowed := p.failed+p.warned+max(0, d.asked()-p.asked()), excused.take(j)
		if missed == allowed {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s: %d passed, %d failed, %d warned without the proxy; %d, %d, %d with it, of which %d are excused: %s",
			j, d.passed, d.failed, d.warned, p.passed, p.failed, p.warned, allowed, p.why))
	}
	return complaints
}

// A verdict is what is told of a run.
type verdict struct {
	scenarios  int
	all        tally    // with the proxy
	direct     tally    // without it, of which there is nothing in client mode
	repeated   []string // scenarios that were given a second try
	complaints []string
}

// add adds the results of a run.
func (t *tally) add(r results) {
	for _, other := range r {
		t.passed += other.passed
		t.failed += other.failed
		t.warned += other.warned
	}
}

func (v verdict) String() string {
	text := fmt.Sprintf("%d scenarios, %d checks passed, %d failed", v.scenarios, v.all.passed, v.all.failed)
	switch {
	case len(v.complaints) > 0:
		text += fmt.Sprintf(", %d complaints", len(v.complaints))
	case v.all.failed > 0:
		text += ", as the baseline says"
	}
	if v.direct.asked() > 0 {
		text += fmt.Sprintf("; without the proxy %d passed, %d failed", v.direct.passed, v.direct.failed)
	}
	if len(v.repeated) > 0 {
		text += ", second try of " + strings.Join(v.repeated, " ")
	}
	return text
}

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

// compare lists the checks that fail without the proxy, or are worse with it, and are not excused.
func compare(direct, proxied results, excused *baseline) []string {
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
		if d.failed == 0 && p.failed == 0 && p.warned <= d.warned && p.passed >= d.passed || excused.takes(c) {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s: %d passed, %d failed, %d warned without the proxy; %d, %d, %d with it: %s",
			c, d.passed, d.failed, d.warned, p.passed, p.failed, p.warned, p.why))
	}
	return complaints
}

// A verdict is what is told of a run.
type verdict struct {
	scenarios, passed, failed int
	repeated                  []string // scenarios that were given a second try
	complaints                []string
}

func (v *verdict) add(r results) {
	for _, t := range r {
		v.passed += t.passed
		v.failed += t.failed
	}
}

func (v verdict) String() string {
	text := fmt.Sprintf("%d scenarios, %d checks passed, %d failed", v.scenarios, v.passed, v.failed)
	switch {
	case len(v.complaints) > 0:
		text += fmt.Sprintf(", %d complaints", len(v.complaints))
	case v.failed > 0:
		text += ", as the baseline says"
	}
	if len(v.repeated) > 0 {
		text += ", second try of " + strings.Join(v.repeated, " ")
	}
	return text
}

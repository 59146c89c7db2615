package soak

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// A lookup is a paid call that no other is like: LeadMagic's own record says how often it was carried out.
type lookup int

// tool and arguments of the call. It costs one credit.
func (l lookup) tool() string { return "find_work_email" }

func (l lookup) arguments() string {
	return fmt.Sprintf(`{"full_name":"Ada Lovelace","domain":%q}`, l.domain())
}

func (l lookup) domain() string { return fmt.Sprintf("call-%d.example", int(l)) }

// An outcome is what the editor was told of a lookup.
type outcome int

const (
	succeeded outcome = iota
	refused           // and no credits were used
	unknown           // credits may have been used
)

// classify says what an answer tells of a lookup; credits are what it cost. An error is an answer to something else.
func (l lookup) classify(a *answer) (o outcome, credits float64, err error) {
	if a.failed() {
		if strings.Contains(a.text(), "the outcome is unknown, credits may have been used") {
			return unknown, 0, nil
		}
		return refused, 0, nil
	}
	var got struct {
		Domain  string  `json:"domain"`
		Credits float64 `json:"credits_consumed"`
	}
	if err := json.Unmarshal(a.Result.Structured, &got); err != nil || got.Domain != l.domain() {
		return succeeded, 0, fmt.Errorf("the answer to %s is of %q (%w)", l.domain(), got.Domain, err)
	}
	return succeeded, got.Credits, nil
}

// A ledger is how often each lookup was carried out, and what was charged for it.
type ledger struct {
	times   map[string]int
	credits map[string]float64
	charged float64
}

func newLedger() *ledger {
	return &ledger{times: make(map[string]int), credits: make(map[string]float64)}
}

// add enters a sandbox's own record.
func (l *ledger) add(calls []faults.Call) error {
	for _, call := range calls {
		var args struct {
			Domain string `json:"domain"`
		}
		if err := json.Unmarshal(call.Args, &args); err != nil {
			return fmt.Errorf("reading the sandbox's record: %w", err)
		}
		l.times[args.Domain]++
		l.credits[args.Domain] += call.Credits
		l.charged += call.Credits
	}
	return nil
}

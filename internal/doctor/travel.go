package doctor

import (
	"context"
	"sync"
	"time"
)

// within bounds all that needs the network, together. With the end of the sessions it stays below ten seconds.
const within = 9 * time.Second

// Versions of the protocol to ask for: the newest with sessions, and the newest there is.
const (
	legacy = "2025-11-25"
	newest = ""
)

// travel goes the way of a message, from the network to the tools. keyed says that there is a key to go with.
func (d *Doctor) travel(ctx context.Context, keyed bool) []Check {
	if d.Route == nil || d.Offline {
		why := "--offline"
		if d.Route == nil {
			why = "the settings cannot be used"
		}
		return unseen(why, atNetwork, atAcceptance, atSession, atTools)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	// What cannot be reached needs no sessions, which would try for longer.
	open, giveUp := context.WithCancel(ctx)
	defer giveUp()

	hosts := d.Route.hosts()
	reached := make([]*reach, len(hosts))
	var (
		work        sync.WaitGroup
		old, modern *visit
		b           balance
	)
	for i, h := range hosts {
		work.Go(func() {
			if reached[i] = d.reach(ctx, h); i == 0 && reached[i].err != nil {
				giveUp()
			}
		})
	}
	if keyed {
		work.Go(func() { old = d.visit(open, legacy) })
		work.Go(func() { modern = d.visit(open, newest) })
		if d.Route.rest() {
			work.Go(func() { b = d.balance(ctx) })
		}
	}
	work.Wait()

	best := old
	if keyed && !old.worked() && modern.worked() {
		best = modern
	}
	var fault error
	if keyed {
		if fault = best.err; fault == nil && best.upstream == "rest" {
			fault = b.err // that session is opened here: it says nothing of the way
		}
	}
	worked := keyed && fault == nil
	n := &notes{stage: atNetwork}
	for i, r := range reached {
		before := len(n.checks)
		r.checks(n, i == 0 && worked)
		if i > 0 && worked {
			soften(n.checks[before:]) // calls can do without it
		}
	}
	clock(n, reached)
	switch first := reached[0]; {
	case !keyed:
		return append(n.checks, unseen("there is no key to go with", atAcceptance, atSession, atTools)...)
	case !worked && first.err != nil && b.asked && b.err == nil:
		return append(n.checks, unreachedHosted(first)...)
	case !worked && first.err != nil:
		return append(n.checks, unseen(first.url.Host+" was not reached", atAcceptance, atSession, atTools)...)
	case !worked && first.health != nil && first.health.Code == codeOf(fault):
		return append(n.checks, unseen(first.url.Host+" answers all else as it answers /health", atAcceptance, atSession, atTools)...)
	}
	n.checks = append(n.checks, d.acceptance(best, b)...)
	n.checks = append(n.checks, d.session(old, modern, best)...)
	return append(n.checks, d.tools(best)...)
}

// unseen are stages that were not looked at.
func unseen(why string, stages ...Stage) []Check {
	var checks []Check
	for _, stage := range stages {
		n := notes{stage: stage}
		n.skip(why, string(stage))
		checks = append(checks, n.checks...)
	}
	return checks
}

// withoutHosted is what to do if only the REST API can be used.
const withoutHosted = "to do without the hosted server: export LEADMAGIC_UPSTREAM=rest"

// unreachedHosted is what to say if only the hosted server cannot be reached.
func unreachedHosted(first *reach) []Check {
	why := first.url.Host + " was not reached"
	n := &notes{stage: atAcceptance}
	n.skip(why, "hosted server")
	n.add("rest api", OK, "takes the key", withoutHosted)
	return append(n.checks, unseen(why, atSession, atTools)...)
}

// soften makes warnings of faults.
func soften(checks []Check) {
	for i := range checks {
		if checks[i].Status == Fail {
			checks[i].Status = Warn
		}
	}
}

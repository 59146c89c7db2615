package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestChaos has three editors call without a pause, one with a session, one stateless and one over the REST API, while LeadMagic restarts,
// loses sessions, cuts streams, refuses, freezes and takes another key. Each call must be answered once, and none carried
// out twice; who was told that a call cost nothing must not have paid for it, and the credits that the editors know of must
// be those that LeadMagic has charged.
func TestChaos(t *testing.T) {
	chosen := *seed
	if chosen == 0 {
		chosen = rand.Uint64()
	}
	t.Logf("repeat it with %s", command(t, chosen))
	lasts := pick(3*time.Second, 15*time.Minute)
	for i, tt := range []struct{ name, scheme string }{{"over HTTP/1.1", "http"}, {"over HTTP/2 and TLS", "https"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // nearly all of it is waiting
			runChaos(t, startUpstream(t, rand.New(rand.NewPCG(chosen, uint64(i))), tt.scheme), lasts)
		})
	}
}

func runChaos(t *testing.T, w *upstream, lasts time.Duration) {
	t.Helper()
	editors := []*editor{
		openEditor(t, start(t, w.env(), "--upstream", "mcp"), withSessions),
		openEditor(t, start(t, w.env(), "--upstream", "mcp"), stateless),
		openEditor(t, start(t, w.env(), "--upstream", "rest"), withSessions),
	}
	seen := &outcomes{outcomes: make(map[lookup]outcome), credits: make(map[lookup]float64)}
	var next atomic.Int64
	over := make(chan struct{})
	var callers sync.WaitGroup
	for _, e := range editors {
		for range 4 {
			callers.Go(func() {
				for {
					select {
					case <-over:
						return
					case <-time.After(2 * time.Millisecond):
						seen.call(t, e, lookup(next.Add(1)))
					}
				}
			})
		}
	}
	for time.Since(w.begun) < lasts && !t.Failed() {
		w.wait(w.upTo(pick(200*time.Millisecond, 500*time.Millisecond)))
		w.next()
	}
	close(over)
	w.clear()
	callers.Wait()

	// Every editor still has its session.
	for _, e := range editors {
		l := lookup(next.Add(1))
		if o := seen.call(t, e, l); o != succeeded {
			t.Errorf("afterwards a call has not succeeded: %v", o)
		}
		e.close()
	}
	w.stop()
	extra := 0
	for _, e := range editors {
		extra += len(e.unexpected)
	}
	seen.compare(t, w, extra)
}

// outcomes are what the editors were told of their calls.
type outcomes struct {
	mu         sync.Mutex
	outcomes   map[lookup]outcome
	credits    map[lookup]float64
	unanswered int
	slowest    time.Duration
	refusals   map[string]int
}

// call makes a call and keeps what came of it.
func (seen *outcomes) call(t *testing.T, e *editor, l lookup) outcome {
	begun := time.Now()
	a, err := e.await(t.Context(), e.call(l.tool(), l.arguments()))
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if err != nil {
		t.Errorf("call %d: %v", l, err)
		seen.unanswered++
		return unknown
	}
	o, credits, err := l.classify(a)
	if err != nil {
		t.Errorf("call %d: %v", l, err)
	}
	seen.outcomes[l], seen.credits[l] = o, credits
	seen.slowest = max(seen.slowest, time.Since(begun))
	if o != succeeded {
		if seen.refusals == nil {
			seen.refusals = make(map[string]int)
		}
		first, _, _ := strings.Cut(a.text(), "\n")
		first, _, _ = strings.Cut(first, " (request ")
		seen.refusals[first]++
	}
	return o
}

// compare holds what the editors were told against the ledger. Extra are the answers to no call.
func (seen *outcomes) compare(t *testing.T, w *upstream, extra int) {
	t.Helper()
	count := make(map[outcome]int)
	var known, found float64 // credits of calls that succeeded, and of those that turned out to have been carried out
	carried := 0
	repeated := 0
	for _, times := range w.ledger.times {
		if times > 1 {
			repeated++
		}
	}
	for l, o := range seen.outcomes {
		times, charged := w.ledger.times[l.domain()], w.ledger.credits[l.domain()]
		count[o]++
		known += seen.credits[l]
		switch {
		case times > 1:
			t.Errorf("call %d was carried out %d times", l, times)
		case o == succeeded && (times != 1 || charged != seen.credits[l]):
			t.Errorf("call %d succeeded and cost %v; it was carried out %d times for %v", l, seen.credits[l], times, charged)
		case o == refused && times != 0:
			t.Errorf("call %d was said to have cost nothing, and was carried out for %v", l, charged)
		case o == unknown && times == 1:
			carried++
			found += charged
		}
	}
	if known+found != w.ledger.charged {
		t.Errorf("the editors know of %v + %v credits, LeadMagic has charged %v", known, found, w.ledger.charged)
	}
	made := len(seen.outcomes) + seen.unanswered
	if len(w.ledger.times) > made {
		t.Errorf("LeadMagic has carried out %d calls, the editors have made %d", len(w.ledger.times), made)
	}
	if count[succeeded] == 0 || len(w.counts) < 4 {
		t.Errorf("too little has happened: %v, %d successes", w.counts, count[succeeded])
	}
	var report strings.Builder
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		fmt.Fprintf(&report, "\n  %4d × %s", w.counts[what], what)
	}
	fmt.Fprintf(&report, "\n%d calls in %.0f s: %d succeeded, %d refused at no cost, %d of unknown outcome, of which %d were carried out",
		made, time.Since(w.begun).Seconds(), count[succeeded], count[refused], count[unknown], carried)
	fmt.Fprintf(&report, "\n%d without an answer, %d answers to no call, %d carried out more than once", seen.unanswered, extra, repeated)
	fmt.Fprintf(&report, "\n%v credits charged by LeadMagic; the editors know of %v, and of %v of unknown outcome, which is %v", w.ledger.charged, known, found, known+found)
	fmt.Fprintf(&report, "\nslowest answer %.1f s", seen.slowest.Seconds())
	for _, text := range slices.Sorted(maps.Keys(seen.refusals)) {
		fmt.Fprintf(&report, "\n  %5d × %s", seen.refusals[text], text)
	}
	t.Log(report.String())
}

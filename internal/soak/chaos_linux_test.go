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

// TestChaos has three editors call without a pause, one of each era and one over the REST API, while LeadMagic restarts,
// loses sessions, cuts streams, refuses, freezes and takes another key. Each call must be answered once, and none carried
// out twice; who was told that a call cost nothing must not have paid for it, and the credits that the editors know of must
// be those that LeadMagic has charged.
func TestChaos(t *testing.T) {
	drawn := *seed
	if drawn == 0 {
		drawn = rand.Uint64()
	}
	t.Logf("repeat it with %s", command(t, drawn))
	lasts := pick(3*time.Second, 15*time.Minute)
	for i, tt := range []struct{ name, scheme string }{{"over HTTP/1.1", "http"}, {"over HTTP/2 and TLS", "https"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // nearly all of it is waiting
			endure(t, startWeather(t, rand.New(rand.NewPCG(drawn, uint64(i))), tt.scheme), lasts)
		})
	}
}

func endure(t *testing.T, w *weather, lasts time.Duration) {
	t.Helper()
	editors := []*editor{
		sit(t, start(t, w.env(), "--upstream", "mcp"), legacy),
		sit(t, start(t, w.env(), "--upstream", "mcp"), modern),
		sit(t, start(t, w.env(), "--upstream", "rest"), legacy),
	}
	told := &told{outcomes: make(map[lookup]outcome), credits: make(map[lookup]float64)}
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
						told.ask(t, e, lookup(next.Add(1)))
					}
				}
			})
		}
	}
	for time.Since(w.begun) < lasts && !t.Failed() {
		w.pass(w.upTo(pick(200*time.Millisecond, 500*time.Millisecond)))
		w.happen()
	}
	close(over)
	w.clear()
	callers.Wait()

	// The storm is over, and every editor still has its session.
	for _, e := range editors {
		l := lookup(next.Add(1))
		if o := told.ask(t, e, l); o != succeeded {
			t.Errorf("after the storm a call has not succeeded: %v", o)
		}
		e.leave()
	}
	w.set()
	extra := 0
	for _, e := range editors {
		extra += len(e.strays)
	}
	told.compare(t, w, extra)
}

// told is what the editors were told.
type told struct {
	mu         sync.Mutex
	outcomes   map[lookup]outcome
	credits    map[lookup]float64
	unanswered int
	slowest    time.Duration
	refusals   map[string]int
}

// ask makes a call and keeps what came of it.
func (told *told) ask(t *testing.T, e *editor, l lookup) outcome {
	begun := time.Now()
	a, err := e.await(t.Context(), e.call(l.tool(), l.arguments()))
	told.mu.Lock()
	defer told.mu.Unlock()
	if err != nil {
		t.Errorf("call %d: %v", l, err)
		told.unanswered++
		return unknown
	}
	o, credits, err := l.judge(a)
	if err != nil {
		t.Errorf("call %d: %v", l, err)
	}
	told.outcomes[l], told.credits[l] = o, credits
	told.slowest = max(told.slowest, time.Since(begun))
	if o != succeeded {
		if told.refusals == nil {
			told.refusals = make(map[string]int)
		}
		first, _, _ := strings.Cut(a.text(), "\n")
		first, _, _ = strings.Cut(first, " (request ")
		told.refusals[first]++
	}
	return o
}

// compare holds what the editors were told against the book of the weather. Extra are the answers that nobody waited for.
func (told *told) compare(t *testing.T, w *weather, extra int) {
	t.Helper()
	count := make(map[outcome]int)
	var known, found float64 // credits of calls that succeeded, and of those that turned out to have been carried out
	carried := 0
	repeated := 0
	for _, times := range w.book.times {
		if times > 1 {
			repeated++
		}
	}
	for l, o := range told.outcomes {
		times, charged := w.book.times[l.domain()], w.book.credits[l.domain()]
		count[o]++
		known += told.credits[l]
		switch {
		case times > 1:
			t.Errorf("call %d was carried out %d times", l, times)
		case o == succeeded && (times != 1 || charged != told.credits[l]):
			t.Errorf("call %d succeeded and cost %v; it was carried out %d times for %v", l, told.credits[l], times, charged)
		case o == refused && times != 0:
			t.Errorf("call %d was said to have cost nothing, and was carried out for %v", l, charged)
		case o == unknown && times == 1:
			carried++
			found += charged
		}
	}
	if known+found != w.book.charged {
		t.Errorf("the editors know of %v + %v credits, LeadMagic has charged %v", known, found, w.book.charged)
	}
	if left := float64(w.lives)*opening - w.balance; left != w.book.charged {
		t.Errorf("%v credits are gone from the balance, %v were charged", left, w.book.charged)
	}
	made := len(told.outcomes) + told.unanswered
	if len(w.book.times) > made {
		t.Errorf("LeadMagic has carried out %d calls, the editors have made %d", len(w.book.times), made)
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
	fmt.Fprintf(&report, "\n%d without an answer, %d answers to nobody, %d carried out more than once", told.unanswered, extra, repeated)
	fmt.Fprintf(&report, "\n%v credits charged by LeadMagic; the editors know of %v, and of %v of unknown outcome, which is %v", w.book.charged, known, found, known+found)
	fmt.Fprintf(&report, "\nslowest answer %.1f s", told.slowest.Seconds())
	for _, text := range slices.Sorted(maps.Keys(told.refusals)) {
		fmt.Fprintf(&report, "\n  %5d × %s", told.refusals[text], text)
	}
	t.Log(report.String())
}

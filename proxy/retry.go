package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Bounds of what is tried again. All of it is rule "credits are money": a call goes out once more only if
// it is known not to have been carried out, or if it only reads.
const (
	reachFor     = 3500 * time.Millisecond // from the start of a call, while nothing of it could be written
	limitFor     = 20 * time.Second        // in all, for the rate limit
	openingLimit = 3 * time.Second         // in all for the rate limit, when an editor waits for initialize
	readTries    = 3                       // of a read that LeadMagic fails
	openingFor   = 20 * time.Second        // for the answer to initialize
	readFor      = 60 * time.Second        // for the answer to any other read
	firstPause   = 100 * time.Millisecond
	largestPause = 500 * time.Millisecond
)

// reads are the methods that change nothing and cost nothing.
var reads = map[string]bool{
	"initialize": true, "server/discover": true, "ping": true,
	"tools/list": true, "prompts/list": true, "resources/list": true, "resources/templates/list": true,
	"tasks/list": true, "tasks/get": true, "resources/read": true, "prompts/get": true, "completion/complete": true,
}

func isRead(m *Message) bool { return reads[m.Method] }

// A failure is one POST that brought no answer.
type failure struct {
	problem *problem.Problem
	lost    *remoteSession // the session that LeadMagic does not know any more, nil otherwise
	stale   bool           // LeadMagic wants headers from a tool list newer than ours
	broken  bool           // the connection broke before the answer was complete
	verbat  *Message       // LeadMagic's own JSON-RPC error, given to the editor if nothing is tried again
}

// retries is what one call has tried so far.
type retries struct {
	start   time.Time
	tries   int
	pause   time.Duration
	waited  time.Duration // for the rate limit
	told    int
	renewed bool
	listed  bool
}

// again decides whether call is sent once more after f, and does the waiting and mending before it.
func (r *Remote) again(ctx context.Context, call *Message, t *retries, f *failure) bool {
	p := f.problem
	switch {
	case ctx.Err() != nil:
		return false
	case f.lost != nil:
		if t.renewed {
			return false
		}
		t.renewed = true
		if p := r.renew(ctx, f.lost); p != nil {
			f.problem, f.verbat = p, nil
			return false
		}
		return true
	case f.stale:
		if t.listed {
			return false
		}
		t.listed = true
		return r.relist(ctx, call)
	case p == nil:
		return false
	case p.Code == problem.Unreachable:
		return time.Since(t.start)+t.nextPause() < reachFor && sleep(ctx, t.pause)
	case p.Code == problem.RateLimited:
		return r.waitForLimit(ctx, call, t, p)
	case isRead(call) && (p.Code == problem.Failed || f.broken):
		t.tries++
		if call.Method == "initialize" && t.tries > 1 {
			return false // the editor is told at once, and LeadMagic is tried again behind it
		}
		return t.tries < readTries && sleep(ctx, 2*t.nextPause())
	}
	return false
}

func (t *retries) nextPause() time.Duration {
	t.pause = min(max(2*t.pause, firstPause), largestPause)
	return t.pause
}

func (r *Remote) waitForLimit(ctx context.Context, call *Message, t *retries, p *problem.Problem) bool {
	wait := p.RetryAfter
	if wait == 0 {
		wait = 2 * max(t.waited, time.Second/2)
	}
	limit := limitFor
	if call.Method == "initialize" {
		limit = openingLimit
	}
	if t.waited+wait > limit {
		return false
	}
	r.gate.shut(wait)
	r.tellWait(call, t, wait)
	start := time.Now()
	if r.gate.pass(ctx) != nil {
		return false
	}
	t.waited += time.Since(start)
	return true
}

// tellWait tells an editor that asked for progress why nothing happens. The numbers are small, since
// those of the tool itself come later and must be larger.
func (r *Remote) tellWait(call *Message, t *retries, wait time.Duration) {
	if call.meta.progressToken == nil {
		return
	}
	t.told++
	r.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`,
		call.meta.progressToken, fmt.Sprintf(`,"progress":0.%03d`, t.told), `,"message":`,
		quote("LeadMagic's rate limit is reached, waiting "+wait.Round(time.Second).String()), `}}`))
}

// A gate holds back all calls while LeadMagic's rate limit is known to be reached. The zero gate is open.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// shut closes the gate for d. Nobody asks for more than limitFor.
func (g *gate) shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// pass waits until the gate is open, and a little longer, so that those who waited do not all go at once.
func (g *gate) pass(ctx context.Context) error {
	for {
		g.mu.Lock()
		wait := time.Until(g.until)
		g.mu.Unlock()
		if wait <= 0 {
			return ctx.Err()
		}
		if !sleep(ctx, wait+jitter(wait/10)) {
			return ctx.Err()
		}
	}
}

// jitter is a random time of up to d.
func jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d) + 1)) //nolint:gosec // spreads load, guards nothing
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

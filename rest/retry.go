package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Bounds of what is tried again. Credits are money: a paid call goes out once more only if nothing of it was
// written, or if LeadMagic refused it for its rate limit.
const (
	reachFor   = 4 * time.Second  // from the start, while no connection comes about
	limitFor   = 20 * time.Second // of waiting for the rate limit, in all
	readTries  = 3                // of a free call that LeadMagic fails
	firstPause = 200 * time.Millisecond
)

// A trial is what one call has tried so far.
type trial struct {
	start  time.Time
	fails  int
	pause  time.Duration
	waited time.Duration       // for the rate limit
	tell   func(time.Duration) // tells who waits with the call that it will take so much longer
}

// exchange makes a call, once or as often as it may be made until it is answered. The answer is never nil;
// with a problem it has headers at most.
func (r *api) exchange(ctx context.Context, t *tool, a arguments, tell func(time.Duration)) (*answer, *problem.Problem) {
	try := trial{start: time.Now(), tell: tell}
	for {
		if p := r.pass(ctx, &try); p != nil {
			return &answer{}, p
		}
		ans, p := r.once(ctx, t, a, try.waited)
		if p == nil || ctx.Err() != nil || !r.again(ctx, t, &try, p) {
			return ans, p
		}
	}
}

// pass waits until the rate limit lets calls through. The problem is why this one is not let through.
func (r *api) pass(ctx context.Context, try *trial) *problem.Problem {
	for {
		wait := r.gate.wait()
		if wait == 0 {
			return nil
		}
		if try.waited+wait > limitFor {
			return problem.New(problem.RateLimited, problem.NotSent, "LeadMagic's rate limit is reached, and other calls wait for it too",
				"call again in a minute, with fewer calls side by side")
		}
		try.tell(wait)
		start := time.Now()
		if !sleep(ctx, wait+jitter(wait/10)) {
			return problem.FromError(ctx.Err(), false)
		}
		try.waited += time.Since(start)
	}
}

// again decides whether a call is made once more after p, and does the waiting before it.
func (r *api) again(ctx context.Context, t *tool, try *trial, p *problem.Problem) bool {
	switch {
	case p.Code == problem.Unreachable:
		return time.Since(try.start)+try.nextPause() < reachFor && sleep(ctx, try.pause)
	case p.HTTPStatus == http.StatusTooManyRequests:
		wait := p.RetryAfter
		if wait == 0 {
			wait = 2 * max(try.waited, time.Second/2)
		}
		if try.waited+wait > limitFor {
			return false // nor does one absurd wait hold back others
		}
		r.gate.shut(wait)
		return true
	case t.free() && (p.Code == problem.Failed || p.Code == problem.Cut || p.HTTPStatus >= 500):
		try.fails++
		wait := max(try.nextPause(), p.RetryAfter)
		return try.fails < readTries && wait < limitFor && sleep(ctx, wait)
	}
	return false
}

func (t *trial) nextPause() time.Duration {
	t.pause = min(max(2*t.pause, firstPause), time.Second)
	return t.pause
}

package proxy

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A gate holds back all calls while LeadMagic's rate limit is known to be reached. The zero gate is open.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

// shut closes the gate for d.
func (g *gate) shut(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}

func (g *gate) left() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.until)
}

// pass waits until the gate is open, and a little longer, so that those who waited do not all go at once;
// but no longer than most in all. It returns how long that was. Others may shut the gate again and again,
// and whoever has waited long enough tries anyway.
func (g *gate) pass(ctx context.Context, most time.Duration) time.Duration {
	start := time.Now()
	for {
		waited := time.Since(start)
		wait := g.left()
		if wait <= 0 || waited >= most {
			return waited
		}
		if !sleep(ctx, min(wait+jitter(wait/10), most-waited)) {
			return time.Since(start)
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

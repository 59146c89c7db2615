package rest

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

// wait is how long the gate stays shut, 0 when it is open.
func (g *gate) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, time.Until(g.until))
}

// jitter is a random time of up to d, so that those who waited together do not all go at once.
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

package proxy

import (
	"context"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// drain waits for the answers still owed; false if the conversation broke or was ended meanwhile.
func (c *conversation) drain(ctx context.Context) bool {
	patient, stop := context.WithTimeout(ctx, drainFor)
	defer stop()
	return c.allPaid(patient) || ctx.Err() == nil && !c.isBroken()
}

// allPaid waits until nothing is owed any more; false if ctx ended before that, or the editor could not be
// written to.
func (c *conversation) allPaid(ctx context.Context) bool {
	for c.owed.count() > 0 {
		select {
		case <-c.owed.paid:
		case <-c.broken:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// answerRest answers what is still owed, so that no editor waits for a process that is gone, and waits for what
// others are about to answer. A subscription ends with the session, and has no answer of its own.
func (c *conversation) answerRest(ctx context.Context) {
	c.Guard.end()
	for _, d := range c.owed.all() {
		if isSubscription(d.call) {
			continue
		}
		p := problem.New(problem.Cut, fateOf(d.call), "the session ended before LeadMagic answered", "")
		if c.Guard.unsent(d) {
			p = sessionEnded
		}
		c.pay(d, d.call.failed(p))
	}
	c.allPaid(ctx)
}

package proxy

import (
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// sendModern passes on a message of the modern era, in which each call stands by itself: the first that is
// answered decides who carries the others. It also takes a call of an editor that has opened no session, since
// nothing says that it will: LeadMagic knows whether it answers such a call.
func (c *Choose) sendModern(m *Message) {
	switch {
	case isStatus(m), m.Method == "ping" && !m.Modern():
		// An editor may ping before it opens a session. LeadMagic answers no ping outside of one.
		c.standby.Upstream.Send(m)
	case c.modern != nil:
		c.modern.Upstream.Send(m)
	case len(c.lanes) == 0:
		if m.Kind == Call {
			go c.deliver(m.failed(c.Refusal))
		}
	default:
		delete(c.calledOff, canonical(m.ID))
		c.offer(m, 0)
	}
}

// callOffModern passes on the cancellation of a modern call, which does not say its era itself: to the candidate
// that was offered the call, or else to the one that carries all. A call on its way from one candidate to the next
// goes no further.
func (c *Choose) callOffModern(m *Message) {
	id := find(m.Params, "requestId")
	for _, l := range c.lanes {
		if l.forget(id) {
			l.Upstream.Send(m)
			return
		}
	}
	if c.modern != nil {
		c.modern.Upstream.Send(m)
		return
	}
	c.calledOff[canonical(id)] = true
}

// offer sends a modern message to the candidate of that number, and to the next if it can stand in.
func (c *Choose) offer(m *Message, number int) {
	l := c.lanes[number]
	c.offered = l
	if m.Kind == Call {
		l.expect(m, func(answer *Message) {
			if answer.Problem != nil && number+1 < len(c.lanes) {
				go c.offerNext(m, number+1, answer.Problem)
				return
			}
			c.decide(l, answer)
		})
	}
	l.Upstream.Send(m)
}

func (c *Choose) offerNext(m *Message, number int, p *problem.Problem) {
	if why := c.lanes[number].Instead(c.ctx, p); why != nil {
		c.decide(nil, m.failed(why))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calledOff[canonical(m.ID)] {
		delete(c.calledOff, canonical(m.ID))
		go c.deliver(withdrawn(m))
		return
	}
	c.Log.Debug("messages are carried by another upstream", "upstream", c.lanes[number].Name, "reason", p.What)
	c.offer(m, number)
}

// decide delivers the answer to a modern message. A nil l means that none of the candidates has given it.
func (c *Choose) decide(l *lane, answer *Message) {
	c.mu.Lock()
	switch p := answer.Problem; {
	case c.modern != nil:
	case p == nil:
		c.modern = l
	case p.Code != problem.BadRequest: // which is about the call
		c.refused = p
	}
	c.mu.Unlock()
	c.deliver(answer)
}

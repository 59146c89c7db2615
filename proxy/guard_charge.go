package proxy

import (
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A charge is one tools/call and what becomes of it.
type charge struct {
	call  *Message
	debt  *debt
	tool  string
	worst credits // what it costs at most
	known bool    // worst is known
	paid  bool    // it may cost something, and somebody wants to know

	decided chan struct{}    // closed when the budget has decided
	refusal *problem.Problem // what it has decided, nil if the call may go

	// Guarded by the guard's mutex.
	sent, withdrawn, answered bool
	balanceTool               string  // that the balance was read with before the call, empty if it was not
	before                    credits // the balance then
	measured                  *cost   // what is known of the cost while the balance after the call is read
	overdue                   *time.Timer
}

// lateFor is how long the answer to a cancelled call is waited for. An upstream may keep silent for ever; Remote
// does not, and gives up a little earlier.
const lateFor = lateAnswer + 5*time.Second

// charge is what d may cost, nil if it is no call of a tool of LeadMagic's.
func (g *Guard) charge(d *debt) *charge {
	if g == nil || d.call.Method != "tools/call" || isStatus(d.call) {
		return nil
	}
	ch := &charge{call: d.call, debt: d, tool: d.call.Param("name"), decided: make(chan struct{})}
	if !g.counts() {
		return ch
	}
	ch.paid = true
	if g.Cost == nil {
		return ch
	}
	cost, known := g.Cost(ch.tool, find(d.call.Params, "arguments"))
	if known && cost >= 0 { // neither negative nor NaN
		ch.worst, ch.known, ch.paid = toCredits(cost), true, cost > 0
	}
	return ch
}

// counts reports whether anybody wants to know what calls cost.
func (g *Guard) counts() bool { return g.budget.limited || g.Spent != nil }

// release sends a call, unless nobody wants it any more.
func (g *Guard) release(ch *charge) {
	g.sending.Lock()
	defer g.sending.Unlock()
	if !g.depart(ch) {
		g.budget.settle(ch, 0)
		return
	}
	g.c.Upstream.Send(ch.call)
}

// wanted reports whether a call is still to be sent.
func (g *Guard) wanted(ch *charge) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !ch.withdrawn && !g.closed
}

// depart notes that a call is about to be sent, and reports whether it may be.
func (g *Guard) depart(ch *charge) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ch.sent = !ch.withdrawn && !g.closed
	if ch.sent && ch.paid {
		id := canonical(ch.call.ID)
		g.flying[id] = append(g.flying[id], ch)
	}
	return ch.sent
}

// withdraw notes that the editor has cancelled what d is owed for, and reports whether it was kept from being sent.
func (g *Guard) withdraw(d *debt) bool {
	ch := d.charge
	if ch == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !ch.sent {
		ch.withdrawn = true
		g.budget.leave(ch)
		return true
	}
	if ch.paid && !ch.answered {
		ch.overdue = time.AfterFunc(lateFor, func() {
			g.settle(ch, ch.call.failed(problem.New(problem.Cut, problem.Unknown, "the call was cancelled", "")))
		})
	}
	return false
}

// heardLate takes note of an answer that the editor does not wait for any more.
func (g *Guard) heardLate(m *Message) {
	if g == nil {
		return
	}
	g.mu.Lock()
	var ch *charge
	if list := g.flying[canonical(m.ID)]; len(list) > 0 {
		ch = list[0]
	}
	g.mu.Unlock()
	if ch != nil {
		g.settle(ch, m)
	}
}

// unsent reports whether d is a call of a tool that was not sent yet.
func (g *Guard) unsent(d *debt) bool {
	if d.charge == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !d.charge.sent
}

package proxy

import (
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// balanceTools are the names of LeadMagic's balance tool, which is free.
var balanceTools = []string{problem.BalanceTool, problem.OlderBalanceTool}

// runAlone reads the balance and then sends a call of unknown cost. The budget lets no other paid call go
// meanwhile.
func (g *Guard) runAlone(ch *charge) {
	tool, p := g.balanceTool(ch.call)
	if p != nil {
		g.refuse(ch, p)
		return
	}
	before, p := balanceIn(g.look(g.readsBalance(ch.call, tool)))
	if p != nil {
		g.refuse(ch, notSent(p, "the call was not sent, since what "+shown(ch.tool)+" costs is not known, and the balance before it cannot be read: "))
		return
	}
	g.mu.Lock()
	ch.balanceTool, ch.before = tool, before
	g.mu.Unlock()
	g.release(ch)
}

// balanceTool is the name of the balance tool for calls like this one.
func (g *Guard) balanceTool(like *Message) (string, *problem.Problem) {
	for range 2 {
		g.mu.Lock()
		tools := g.listed[eraOf(like)]
		g.mu.Unlock()
		for _, name := range balanceTools {
			if _, listed := tools[name]; listed {
				return name, nil
			}
		}
		if p := g.survey(like); p != nil {
			return "", p
		}
	}
	return "", problem.New(problem.OverBudget, problem.NotSent,
		"what the call costs is not known, and LeadMagic lists no tool that shows the balance; the call was not sent",
		"ask the person to start the session without --max-credits (LEADMAGIC_MAX_CREDITS), or use other tools")
}

func (g *Guard) readsBalance(like *Message, tool string) *question {
	return g.question(like, "tools/call", `"name":`+string(quote(tool))+`,"arguments":{}`)
}

// balanceIn is the balance in the answer of the balance tool.
func balanceIn(answer *Message) (credits, *problem.Problem) {
	if answer.Problem != nil {
		return 0, answer.Problem
	}
	if c, ok := statedBalance(answer.Result); ok {
		return c, nil
	}
	return 0, problem.New(problem.Failed, problem.NotSent, "LeadMagic's answer has no balance in it", "")
}

// measure finds out from the balance what a call has cost, if that is more than its answer says. A balance that
// rose, because somebody bought credits, tells nothing: the call counts as what its answer says, else as 0.
func (g *Guard) measure(ch *charge, c cost) {
	stated := c
	g.mu.Lock()
	ch.measured = &stated
	g.mu.Unlock()
	q := g.readsBalance(ch.call, ch.balanceTool)
	go func() {
		defer g.c.owed.close(q.debt)
		after, p := balanceIn(g.ask(q))
		switch {
		case p == nil:
			c.balance = &after
			if used := max(0, ch.before-after); used > c.credits || c.basis == Unknown {
				c.credits, c.basis = used, Measured
			}
		case c.basis == Unknown:
			g.mu.Lock()
			g.unread = ch
			g.mu.Unlock()
			g.budget.turnAway(notSent(p, "the call was not sent, since what the call before has cost is not known, and the balance cannot be read: "))
			return
		}
		g.book(ch, c)
	}()
}

// readAgain tries once more to read the balance after a call of unknown cost, for the paid call that waits behind it.
func (g *Guard) readAgain() {
	g.mu.Lock()
	ch := g.unread
	g.unread = nil
	g.mu.Unlock()
	if ch != nil {
		g.measure(ch, *ch.measured)
	}
}

package proxy

import (
	"crypto/rand"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Guard limits what an agent can do in a session: which tools it sees and calls, and how many credits it
// spends. It stands between the two pumps of one Run, and is the one place there that looks into tool traffic.
//
// It fails closed: a tool that cannot be judged is not called, and what a call has cost counts with its worst
// case until it is known. A call whose cost nobody can tell runs alone, between two looks at the balance, and may
// exceed the limit, so at most one such call goes beyond it.
//
// A nil Guard limits nothing: what the pumps call (begin, limits, charge, pass, heard, heardLate, withdraw, answer, end,
// unsent, finish) does nothing then.
type Guard struct {
	// Tools and Exclude are patterns of tool names, in the syntax of path.Match; here * matches a slash too, and
	// [!…] is [^…]. A tool has to match one of Tools, if there are any, and none of Exclude.
	Tools, Exclude []string
	// ReadOnly leaves only tools that LeadMagic lists with a readOnlyHint.
	ReadOnly bool
	// MaxCredits is how many credits may be used. Zero is no limit.
	MaxCredits float64
	// Cost is what a call costs at most, in credits; a tool that costs 0 is free. It is not known for tools that
	// nobody has a price for. A nil Cost knows of none.
	Cost func(tool string, arguments []byte) (credits float64, known bool)
	// Spent is told of each paid call that was sent, when it is known what it has cost. It is not called again
	// before it returns. Nil tells nobody.
	Spent func(SpentCall)

	c      *conversation
	prefix string // of the ids of our own calls
	budget budget
	ended  chan struct{} // closed when nothing is to be sent any more

	// sending keeps what is sent upstream in order, since calls that had to wait are not sent by the pump. It is
	// never taken on the way from the upstream, which may hold what Send needs.
	sending sync.Mutex
	// booking makes a cost count and be reported in one step.
	booking sync.Mutex

	mu      sync.Mutex // guards what follows, and the state of charges
	closed  bool
	asked   int                  // calls of our own
	listed  [2]map[string]bool   // by era: the tools of the last list, and whether they are read-only; nil if not known
	surveys [2]*survey           // by era: the look at the list under way
	flying  map[string][]*charge // by id: paid calls that LeadMagic has not answered, cancelled ones too
	unread  *charge              // the call of unknown cost after which the balance could not be read, nil if none
	warned  bool                 // that no tool is left
}

// begin makes the guard that of a conversation.
func (g *Guard) begin(c *conversation) {
	if g == nil {
		return
	}
	g.c = c
	g.prefix = "leadmagic-mcp-proxy " + rand.Text() + " "
	g.ended = make(chan struct{})
	g.flying = make(map[string][]*charge)
	g.Tools, g.Exclude = cleanPatterns(g.Tools), cleanPatterns(g.Exclude)
	g.budget.limited, g.budget.limit = g.MaxCredits > 0, toCredits(g.MaxCredits)
	g.budget.granted = make(map[*charge]bool)
}

// pass sends on what the editor sends, or answers it. d is what is owed for it, nil for nothing. False is from a
// nil Guard: the caller sends m.
func (g *Guard) pass(m *Message, d *debt) bool {
	switch {
	case g == nil:
		return false
	case m.Kind == Notification && m.Method == "tools/call" && g.limits():
		// No answer would come that says what it cost, and LeadMagic might carry it out all the same.
		g.c.Log.Debug("a tools/call without an id was dropped")
		return true
	case m.Method == "initialize":
		g.forget()
	}
	if d == nil || d.charge == nil {
		g.send(m)
	} else {
		g.judge(d.charge)
	}
	return true
}

// limits reports whether anything may be refused. Else the guard only keeps account.
func (g *Guard) limits() bool {
	return g != nil && (g.ReadOnly || g.budget.limited || len(g.Tools)+len(g.Exclude) > 0)
}

func (g *Guard) send(m *Message) {
	g.sending.Lock()
	defer g.sending.Unlock()
	g.c.Upstream.Send(m)
}

// judge sends a call, or answers it. It does not wait: what has to be found out first is found out in the background.
func (g *Guard) judge(ch *charge) {
	switch p, sure := g.hides(ch.tool, eraOf(ch.call)); {
	case !sure:
		go g.lookUp(ch)
	case p != nil:
		g.refuse(ch, p)
	default:
		g.admit(ch)
	}
}

// lookUp judges a call to a tool that was not listed yet.
func (g *Guard) lookUp(ch *charge) {
	p := g.survey(ch.call)
	if p == nil {
		var sure bool
		if p, sure = g.hides(ch.tool, eraOf(ch.call)); !sure {
			p = g.unlisted(ch.tool)
		}
	}
	if p != nil {
		g.refuse(ch, p)
		return
	}
	g.admit(ch)
}

// admit asks the budget for what a call costs at most, and sends the call when it is granted.
func (g *Guard) admit(ch *charge) {
	if !ch.paid {
		g.release(ch)
		return
	}
	g.budget.claim(ch)
	select {
	case <-ch.decided:
		g.decided(ch)
	default:
		g.readAgain()
		go func() {
			<-ch.decided
			g.decided(ch)
		}()
	}
}

func (g *Guard) decided(ch *charge) {
	switch {
	case ch.refusal != nil:
		g.refuse(ch, ch.refusal)
	case !ch.known && g.budget.limited && g.wanted(ch):
		go g.runAlone(ch)
	default:
		g.release(ch)
	}
}

// refuse answers a call that is not sent. It does not hold up the pump: an editor that writes many calls before it
// reads an answer would not be read any more.
func (g *Guard) refuse(ch *charge, p *problem.Problem) {
	g.budget.settle(ch, 0)
	go func() {
		if g.c.owed.forgive(ch.debt) {
			g.c.pay(ch.debt, ch.call.failed(p))
		}
	}()
}

// answer takes note of the answer to what d is owed for, and returns what of it the editor gets.
func (g *Guard) answer(d *debt, m *Message) *Message {
	if g == nil {
		return m
	}
	if d.charge != nil {
		g.settle(d.charge, m)
	}
	return g.filter(d.call, m)
}

// heard looks at what LeadMagic says beside answers.
func (g *Guard) heard(m *Message) {
	if g != nil && m.Method == "notifications/tools/list_changed" {
		g.forget()
	}
}

// end keeps what waits from being sent.
func (g *Guard) end() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		close(g.ended)
	}
}

// An era is one of the two that MCP has: with sessions, or without.
type era int

const (
	legacyEra era = iota
	modernEra
)

// eraOf is the era of m.
func eraOf(m *Message) era {
	if m.Modern() {
		return modernEra
	}
	return legacyEra
}

package proxy

import (
	"regexp"
	"slices"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Basis is how it is known what a call has cost.
type Basis string

// The ways to know what a call has cost.
const (
	Stated    Basis = "stated"     // LeadMagic said so
	Measured  Basis = "measured"   // the balance went down by it
	Refused   Basis = "refused"    // LeadMagic did not carry the call out, so it cost nothing
	WorstCase Basis = "worst case" // nobody said, or the outcome is unknown
	Unknown   Basis = "unknown"    // likewise, and there is no worst case
)

// A SpentCall is a paid call that was sent. It has no arguments: they are personal data.
type SpentCall struct {
	Time time.Time
	Tool string
	// Credits is what counts as spent; 0 if that is Unknown.
	Credits float64
	Basis   Basis
	// Balance is what is left in the account, if BalanceKnown.
	Balance      float64
	BalanceKnown bool
	// RequestID is LeadMagic's id of the request, empty if it gave none.
	RequestID string
}

// A cost is what a call has cost, as far as its answer tells.
type cost struct {
	credits   credits
	basis     Basis
	balance   *credits
	requestID string
	unsent    bool // nothing of the call has reached LeadMagic
	final     bool // the balance cannot tell more
}

// settle takes note of the answer to a call, or of what stands for it.
func (g *Guard) settle(ch *charge, m *Message) {
	sent, first := g.answered(ch)
	switch {
	case !first:
		return
	case !sent:
		g.budget.settle(ch, 0)
		return
	case !ch.paid:
		g.settleFree(ch, m)
		return
	}
	c := costOf(ch, m)
	if ch.balanceTool != "" && !c.final {
		g.measure(ch, c)
		return
	}
	g.book(ch, c)
}

// answered notes that ch has its answer, and reports whether it was sent at all and whether this is the first
// answer.
func (g *Guard) answered(ch *charge) (sent, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first, ch.answered = !ch.answered, true
	if ch.overdue != nil {
		ch.overdue.Stop()
	}
	id := canonical(ch.call.ID)
	others := slices.DeleteFunc(g.flying[id], func(other *charge) bool { return other == ch })
	if g.flying[id] = others; len(others) == 0 {
		delete(g.flying, id)
	}
	return ch.sent, first
}

// book makes a cost count, once, and reports it.
func (g *Guard) book(ch *charge, c cost) {
	g.booking.Lock()
	defer g.booking.Unlock()
	if g.budget.settle(ch, c.credits) && !c.unsent {
		g.report(ch, c)
	}
}

// settleFree counts what LeadMagic has charged for a call that was taken to be free. Only its own account of the
// request counts here: what a free tool shows may speak of the cost of other calls.
func (g *Guard) settleFree(ch *charge, m *Message) {
	if !g.counts() {
		return
	}
	if u, ok := usageOf(m.Result); ok && u.used != nil && *u.used > 0 {
		g.booking.Lock()
		defer g.booking.Unlock()
		g.budget.add(*u.used)
		g.report(ch, cost{credits: *u.used, basis: Stated, balance: u.left, requestID: u.requestID})
	}
}

func (g *Guard) report(ch *charge, c cost) {
	if g.Spent == nil {
		return
	}
	s := SpentCall{Time: time.Now(), Tool: ch.tool, Credits: c.credits.float(), Basis: c.basis, RequestID: c.requestID}
	if c.balance != nil {
		s.Balance, s.BalanceKnown = c.balance.float(), true
	}
	g.Spent(s)
}

// finish counts what was never answered.
func (g *Guard) finish() {
	if g == nil {
		return
	}
	g.end()
	for _, ch := range g.budget.unsettled() {
		g.mu.Lock()
		c := ch.assumed()
		switch {
		case !ch.sent:
			c = cost{unsent: true}
		case ch.measured != nil:
			c = *ch.measured
		}
		if ch.overdue != nil {
			ch.overdue.Stop()
		}
		g.mu.Unlock()
		g.book(ch, c)
	}
}

// assumed is the cost of a call when nobody says what it was.
func (ch *charge) assumed() cost {
	if !ch.known {
		return cost{basis: Unknown}
	}
	return cost{credits: ch.worst, basis: WorstCase}
}

// costOf is what an answer says that its call has cost.
func costOf(ch *charge, m *Message) cost {
	c := ch.assumed()
	switch {
	case m.Problem != nil:
		c.requestID = m.Problem.RequestID
		if m.Problem.Fate != problem.Unknown {
			c.credits, c.basis, c.final, c.unsent = 0, Refused, true, m.Problem.Fate == problem.NotSent
		}
	case m.Result != nil:
		c.read(m.Result)
	case refusals[errorCode(m)]:
		c.credits, c.basis = 0, Refused
	}
	return c
}

const codeInvalidParams = -32602

// refusals are the JSON-RPC errors after which nothing was carried out.
var refusals = map[int]bool{
	codeParseError: true, codeInvalidRequest: true, codeNoMethod: true, codeInvalidParams: true, codeHeaderMismatch: true,
}

// read takes from a result what it says of the cost.
func (c *cost) read(result []byte) {
	if u, ok := usageOf(result); ok {
		c.requestID, c.balance = u.requestID, u.left
		if u.used != nil {
			c.credits, c.basis, c.final = *u.used, Stated, true
		}
		return
	}
	if stated, ok := statedCredits(result); ok {
		c.credits, c.basis = stated, Stated
		return
	}
	resultType, _ := unquote(find(result, "resultType"))
	failed := string(find(result, "isError")) == "true"
	if resultType == "input_required" || failed && !uncertain.Match(find(result, "content")) {
		c.credits, c.basis = 0, Refused
	}
}

// uncertain finds a failure after which nobody knows whether LeadMagic carried the call out. Any other that a tool
// reports is a refusal: LeadMagic charges for what it finds.
var uncertain = regexp.MustCompile(`(?i)\b5\d\d\b|internal[ _](server[ _])?error|service[ _]unavailable|timed? ?out|outcome is unknown`)

package proxy

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// openFor is how long an editor waits for its session, from its first request on.
const openFor = 4 * time.Second

// StatusTool is the tool that says how the session is. It is always answered here, and listed only while
// LeadMagic cannot be used.
const StatusTool = problem.StatusTool

// A Candidate is an upstream that may carry the session.
type Candidate struct {
	Name     string
	Upstream Upstream
	// Instead says whether this candidate can stand in for the one before it, which refused with p: nil if
	// so, else why not. It is not called on the first.
	Instead func(ctx context.Context, p *problem.Problem) *problem.Problem
}

// Choose is an Upstream that passes the session on to the first candidate that takes the editor's
// initialize. While none does, a standby opens the session and explains; it is left again as soon as one
// does. It is the only place that knows of several upstreams.
type Choose struct {
	// Candidates in order. Without any, Refusal says why.
	Candidates []Candidate
	Refusal    *problem.Problem
	// Standby answers initialize and lists while no candidate does, and StatusTool at any time.
	Standby Upstream
	// KeyChanged reports whether the key may be another than at the last try, without asking a person.
	KeyChanged func() bool
	// Explained is called when a session begins without LeadMagic.
	Explained func(*problem.Problem)
	Log       *slog.Logger

	handshake *Handshake
	deliver   func(*Message)
	ctx       context.Context //nolint:containedctx // the life of the conversation, ended by Close
	cancel    context.CancelFunc
	lanes     []*lane
	standby   *lane
	outage    atomic.Pointer[outage] // why LeadMagic could not be used when last heard of, nil if it could

	// The mutex guards what follows. It is held while messages are passed on, which keeps their order.
	mu        sync.Mutex
	probed    time.Time         // when the editor first asked anything
	current   *lane             // what carries the legacy session, nil while that is not decided
	asked     *lane             // who was last asked to take initialize
	opened    *lane             // whose answer to initialize the editor gets; current once it has it
	modern    *lane             // what carries messages of the modern era, nil likewise
	offered   *lane             // what those are offered to while that is not decided
	refused   *problem.Problem  // why nothing carries those, nil if that is not known
	waiting   []*Message        // for current
	calledOff map[string]bool   // ids of calls that were called off while no upstream had them
	replayed  map[*Message]bool // what current was told on the editor's behalf
	attempt   *attempt          // the try under way
	status    Status
	// aside is the initialize replayed to the standby so that it can answer StatusTool while another lane carries
	// the session.
	aside *Message
}

// An outage is why LeadMagic could not be used, and when that was found out.
type outage struct {
	problem *problem.Problem
	at      time.Time
}

// A Status is how a session is.
type Status struct {
	// Problem is why LeadMagic cannot be used, nil if it can.
	Problem *problem.Problem
	// Upstream is the name of the candidate that carries the session, empty if none does.
	Upstream string
	// LastTry is when LeadMagic was last asked to open the session.
	LastTry time.Time
	// Restart says that LeadMagic can be used, but not by this session.
	Restart bool
	// Healed says that the session began without LeadMagic, so that the editor may not know the tools.
	Healed bool
}

// Open implements Upstream.
func (c *Choose) Open(h *Handshake, deliver func(*Message)) {
	c.handshake, c.deliver = h, deliver
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.replayed = make(map[*Message]bool)
	c.calledOff = make(map[string]bool)
	c.refused = c.Refusal
	for _, candidate := range c.Candidates {
		c.lanes = append(c.lanes, c.open(candidate))
	}
	c.standby = c.open(Candidate{Upstream: c.Standby})
}

func (c *Choose) open(candidate Candidate) *lane {
	l := &lane{Candidate: candidate, expected: make(map[*Message]func(*Message))}
	l.Upstream.Open(c.handshake, func(m *Message) {
		if answered, ours := l.take(m); ours {
			if answered != nil {
				answered(m)
			}
			return
		}
		if m.Kind == Answer && l != c.standby {
			c.learn(m)
		}
		if m.Kind == Answer || c.carries(l) {
			c.deliver(m)
		}
	})
	return l
}

// learn keeps what an answer says of LeadMagic itself, whatever was asked.
func (c *Choose) learn(answer *Message) {
	switch p := answer.Problem; {
	case p != nil && lasts(p):
		c.outage.Store(&outage{p, time.Now()})
	case p == nil && c.outage.Load() != nil:
		c.outage.Store(nil)
	}
}

// carries reports whether the editor hears what l has to say beside answers.
func (c *Choose) carries(l *lane) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Progress, a log or the head of a subscription may come before the answer that decides. It belongs to a call
	// that was taken.
	return l == c.current || l == c.modern || c.current == nil && l == c.asked || c.modern == nil && l == c.offered
}

// Close implements Upstream.
func (c *Choose) Close(ctx context.Context) {
	c.cancel()
	var closing sync.WaitGroup
	for _, l := range append(c.lanes, c.standby) {
		closing.Go(func() { l.Upstream.Close(ctx) })
	}
	closing.Wait()
}

// Status is how the session is now.
func (c *Choose) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	if f := c.outage.Load(); f != nil && s.Problem == nil {
		s.Problem, s.LastTry = f.problem, f.at
	}
	switch {
	case c.opened != nil:
		s.Upstream = c.opened.Name
	case c.modern != nil:
		s.Upstream = c.modern.Name
	case s.Problem == nil:
		s.Problem = c.refused
	}
	return s
}

// Tried waits for the end of the try to open the session that is under way, if there is one.
func (c *Choose) Tried(ctx context.Context) {
	c.mu.Lock()
	a := c.attempt
	c.mu.Unlock()
	if a == nil {
		return
	}
	select {
	case <-a.done:
	case <-ctx.Done():
	}
}

// Send implements Upstream.
func (c *Choose) Send(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probed.IsZero() {
		c.probed = time.Now()
	}
	switch {
	case m.Method == "initialize":
		c.begin(m)
	case m.Modern(), m.Kind == Call && c.handshake.opening() == nil:
		c.sendModern(m)
	case m.Method == "notifications/cancelled" && c.handshake.opening() == nil:
		c.callOffModern(m)
	case c.current == nil:
		c.wait(m)
	default:
		c.pass(m)
	}
}

// wait keeps m for who will carry the session. A call that is called off before that is not sent at all.
func (c *Choose) wait(m *Message) {
	waiting := len(c.waiting)
	if m.Method == "notifications/cancelled" {
		id := canonical(find(m.Params, "requestId"))
		c.waiting = slices.DeleteFunc(c.waiting, func(w *Message) bool {
			off := w.Kind == Call && canonical(w.ID) == id
			if off {
				go c.deliver(withdrawn(w))
			}
			return off
		})
	}
	if len(c.waiting) == waiting {
		c.waiting = append(c.waiting, m)
	}
}

// withdrawn is the answer to a call that was called off before it was sent. No editor waits for it: it is for
// whoever keeps account of calls.
func withdrawn(call *Message) *Message {
	answer := call.failed(problem.New(problem.Cut, problem.NotSent, "the call was called off before it was sent", ""))
	answer.late = true
	return answer
}

// pass gives m to what carries the session.
func (c *Choose) pass(m *Message) {
	switch {
	case c.replayed[m]:
	case isStatus(m):
		c.askAside(m)
	case c.current != c.standby:
		c.current.Upstream.Send(m)
	case m.Kind == Call && needsLeadMagic(m):
		delete(c.calledOff, canonical(m.ID))
		go c.healFor(m)
	case m.Method == "notifications/cancelled":
		c.calledOff[canonical(find(m.Params, "requestId"))] = true
	default:
		c.standby.Upstream.Send(m)
	}
}

func isStatus(m *Message) bool { return m.Method == "tools/call" && m.Param("name") == StatusTool }

// needsLeadMagic reports whether a call can only be answered by LeadMagic.
func needsLeadMagic(m *Message) bool {
	switch m.Method {
	case "ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "logging/setLevel",
		"resources/subscribe", "resources/unsubscribe":
		return false
	}
	return true
}

// askAside asks the standby of a session that another carries.
func (c *Choose) askAside(m *Message) {
	opening := c.handshake.opening()
	if c.current != c.standby && c.aside != opening {
		c.aside = opening
		c.standby.replay(append([]*Message{opening}, c.handshake.rest()...))
	}
	c.standby.Upstream.Send(m)
}

// begin opens a session: with the candidates, or with the standby if they take too long.
func (c *Choose) begin(m *Message) {
	known := c.modern
	if known == nil && c.current != c.standby {
		known = c.current
	}
	c.current, c.opened, c.attempt, c.status = nil, nil, nil, Status{}
	c.outage.Store(nil)
	// Time already spent on an unanswered server/discover counts, up to probeFor.
	waited := min(time.Since(c.probed), probeFor)
	time.AfterFunc(openFor-waited, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.opened == nil && c.status.Problem == nil {
			c.explain(m, problem.New(problem.Unreachable, problem.NotSent, "LeadMagic has not answered yet", ""))
		}
	})
	c.startAttempt(m, known)
}

// Editor is the editor's own name, empty until it has given one.
func (c *Choose) Editor() string { return c.handshake.Editor() }

package proxy

import (
	"cmp"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// callFor is how long a call in an explained session waits for another try of LeadMagic.
	callFor = 2 * time.Second
	// keyPause is how often to look whether a key has come.
	keyPause = 5 * time.Second
	// tryPause is the first pause between two tries of LeadMagic, doubled up to maxPause.
	tryPause = time.Second
)

// An attempt is one try to open the session, over all candidates.
type attempt struct {
	done chan struct{}
}

// startAttempt asks the candidates to take the editor's initialize, from the known one on if there is one. There is
// one attempt at a time.
func (c *Choose) startAttempt(m *Message, known *lane) *attempt {
	if c.attempt != nil {
		return c.attempt
	}
	c.attempt = &attempt{done: make(chan struct{})}
	c.status.LastTry = time.Now()
	start := 0
	for i, l := range c.lanes {
		if l == known {
			start = i
		}
	}
	go c.askCandidates(m, c.attempt, start)
	return c.attempt
}

// askCandidates asks one candidate after the other.
func (c *Choose) askCandidates(m *Message, a *attempt, start int) {
	defer close(a.done)
	p := c.Refusal
	for i, l := range c.lanes[start:] {
		if i > 0 {
			if why := l.Instead(c.ctx, p); why != nil {
				p = why
				break
			}
			c.Log.Debug("the session is carried by another upstream", "upstream", l.Name, "reason", p.What)
		}
		c.mu.Lock()
		c.asked = l
		c.mu.Unlock()
		answered := l.request(c.ctx, m, func(answer *Message) {
			if p = answer.Problem; p == nil {
				c.accept(a, l, answer)
			}
		})
		if !answered || p == nil {
			return // the conversation has ended, or begun
		}
	}
	c.mu.Lock()
	current := c.attempt == a
	if current {
		c.attempt = nil
		c.explain(m, p)
	}
	c.mu.Unlock()
	if !current {
		c.deliver(m.failed(p)) // the editor has begun anew, and is owed an answer to this one too
	}
}

// accept makes l carry the session that answer opened.
func (c *Choose) accept(a *attempt, l *lane, answer *Message) {
	c.mu.Lock()
	if c.attempt != a {
		c.mu.Unlock()
		c.deliver(answer) // the editor has begun anew, and is owed an answer to this one too
		return
	}
	c.attempt = nil
	begins := c.opened == nil
	healed := false
	switch {
	case begins:
		c.Log.Debug("the session is open", "upstream", l.Name)
		c.status.Problem = nil
		c.opened = l
	case c.current == nil:
		// The standby's answer is on its way to the editor. There will be another try.
	case answer.Result == nil:
		c.status.Problem = problem.New(problem.Failed, problem.NotSent, "LeadMagic does not open a session for this editor", "")
	default:
		healed = c.leaveStandby(l, answer)
	}
	c.mu.Unlock()
	// Nothing is delivered under the mutex: who takes it may have something to send.
	switch {
	case begins:
		c.deliver(answer)
		c.carry(l)
	case healed:
		for _, kind := range []string{"tools", "resources", "prompts"} {
			c.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/`, kind, `/list_changed"}`))
		}
	}
}

// carry makes l carry the session from now on, beginning with what has waited.
func (c *Choose) carry(l *lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = l
	waiting := c.waiting
	c.waiting = nil
	for _, m := range waiting {
		c.pass(m)
	}
}

// leaveStandby leaves the standby for l, whose session answer opened, and reports whether it could.
func (c *Choose) leaveStandby(l *lane, answer *Message) bool {
	if v, _ := unquote(find(answer.Result, "protocolVersion")); v != c.handshake.Version() {
		c.status = Status{Restart: true, LastTry: c.status.LastTry}
		return false
	}
	missed := c.handshake.rest()
	for _, m := range missed {
		c.replayed[m] = true
	}
	l.replay(missed)
	c.current, c.opened = l, l
	c.status = Status{Healed: true, LastTry: c.status.LastTry}
	c.Log.Debug("LeadMagic can be used now", "upstream", l.Name)
	return true
}

// explain opens the session with the standby, if nothing carries it yet, and goes on trying in the background.
func (c *Choose) explain(m *Message, p *problem.Problem) {
	if c.ctx.Err() != nil || c.handshake.opening() != m || c.opened != nil && c.opened != c.standby {
		return
	}
	begun := c.status.Problem != nil
	p = notSent(p, "") // whatever became of the try, no call of the editor's was sent
	c.status.Problem = p
	if begun {
		return
	}
	c.Explained(p)
	c.standby.expect(m, func(answer *Message) {
		c.mu.Lock()
		opens := c.opened == nil && c.handshake.opening() == m
		if opens {
			c.opened = c.standby
		}
		c.mu.Unlock()
		if opens {
			c.deliver(answer)
			c.carry(c.standby)
		}
	})
	c.standby.Upstream.Send(m)
	go c.keepHealing(m)
}

// keepHealing tries LeadMagic again until the session is carried by it. What only a person can mend is
// tried when the key changes, or with a call.
func (c *Choose) keepHealing(m *Message) {
	pause := tryPause
	for {
		c.mu.Lock()
		p := c.status.Problem
		current := c.handshake.opening() == m
		c.mu.Unlock()
		if p == nil || !current {
			return
		}
		wait := pause
		if keyProblem(p) {
			wait = keyPause
		}
		if !sleep(c.ctx, wait+jitter(wait/10)) {
			return
		}
		if keyProblem(p) && c.KeyChanged() || passing(p) {
			pause = min(2*pause, maxPause)
			c.healOnce(m)
		}
	}
}

// healOnce tries LeadMagic once more and waits for what comes of it, if the session still needs it.
func (c *Choose) healOnce(m *Message) {
	c.mu.Lock()
	if c.current != c.standby || c.handshake.opening() != m || c.status.Restart {
		c.mu.Unlock()
		return
	}
	a := c.startAttempt(m, nil)
	c.mu.Unlock()
	select {
	case <-a.done:
	case <-c.ctx.Done():
	}
}

// healFor tries LeadMagic once more for a call, and passes the call on if that succeeds.
func (c *Choose) healFor(call *Message) {
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		c.healOnce(c.handshake.opening())
	}()
	timer := time.NewTimer(callFor)
	defer timer.Stop()
	select {
	case <-tried:
	case <-timer.C:
	case <-c.ctx.Done():
	}
	if answer := c.passOrRefuse(call); answer != nil {
		c.deliver(answer)
	}
}

// passOrRefuse passes on a call for which LeadMagic was tried, or returns why it cannot be.
func (c *Choose) passOrRefuse(call *Message) *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.calledOff[canonical(call.ID)]:
		delete(c.calledOff, canonical(call.ID))
		return withdrawn(call)
	case c.current == nil:
		c.waiting = append(c.waiting, call)
	case c.current != c.standby:
		c.current.Upstream.Send(call)
	case c.status.Problem != nil:
		return call.failed(notSent(c.status.Problem, ""))
	default:
		return call.failed(problem.New(problem.BadSetting, problem.NotSent, "LeadMagic can be used now, but this session began without it",
			"restart leadmagic in "+cmp.Or(c.Editor(), "the editor")))
	}
	return nil
}

// keyProblem reports whether another key could mend p.
func keyProblem(p *problem.Problem) bool {
	return p.Code == problem.KeyMissing || p.Code == problem.KeyMalformed || p.Code == problem.KeyRejected
}

// lasts reports whether p would meet the next call too.
func lasts(p *problem.Problem) bool {
	switch p.Code {
	case problem.SignInRequired, problem.NoCredits, problem.Redirected, problem.Unreachable, problem.Untrusted, problem.NotLeadMagic:
		return true
	}
	return keyProblem(p)
}

// passing reports whether p may go away by itself.
func passing(p *problem.Problem) bool {
	switch p.Code {
	case problem.Unreachable, problem.Untrusted, problem.Failed, problem.RateLimited, problem.Cut, problem.BrokenAnswer,
		problem.NotLeadMagic, problem.TimedOut, problem.NotFound:
		return true
	}
	return false
}

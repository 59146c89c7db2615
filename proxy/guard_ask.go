package proxy

import (
	"bytes"
	"strconv"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// askFor is how long a call of our own may take.
const askFor = 30 * time.Second

// A question is a call of our own. The editor does not see it, nor its answer; LeadMagic cannot tell it from one
// of the editor's.
type question struct {
	debt   *debt
	answer chan *Message
}

// question makes a call of our own, of the era of like. members are those of params. It is owed an answer from now
// on until its debt is closed, so that a session does not end before it.
func (g *Guard) question(like *Message, method, members string) *question {
	g.mu.Lock()
	g.asked++
	id := quote(g.prefix + strconv.Itoa(g.asked))
	g.mu.Unlock()
	if like.Modern() {
		members = string(bytes.Join(nonEmpty([][]byte{ownMeta(like), []byte(members)}), []byte(",")))
	}
	q := &question{answer: make(chan *Message, 1)}
	q.debt = &debt{
		call: compose(`{"jsonrpc":"2.0","id":`, id, `,"method":`, quote(method), `,"params":{`, members, `}}`),
		ours: func(m *Message) { q.answer <- m },
	}
	g.c.owed.add(q.debt)
	return q
}

// ownMeta is the member _meta of a modern call, without its progress token, which is for one call only.
func ownMeta(call *Message) []byte {
	var kept [][]byte
	for m := range members(call.meta.raw) {
		if string(m.name) != "progressToken" {
			kept = append(kept, call.meta.raw[m.from:m.to])
		}
	}
	return bytes.Join([][]byte{[]byte(`"_meta":{`), bytes.Join(kept, []byte(",")), []byte("}")}, nil)
}

// ask sends a question and waits for the answer. It is not for the pump, nor for the way from the upstream.
func (g *Guard) ask(q *question) *Message {
	select {
	case <-g.ended:
		return q.debt.call.failed(sessionEnded)
	default:
		g.send(q.debt.call)
	}
	timer := time.NewTimer(askFor)
	defer timer.Stop()
	select {
	case m := <-q.answer:
		return m
	case <-g.ended:
		return q.debt.call.failed(sessionEnded)
	case <-timer.C:
	}
	if !g.c.owed.forgive(q.debt) {
		return <-q.answer
	}
	g.send(compose(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`, q.debt.call.ID, `}}`))
	return q.debt.call.failed(problem.New(problem.Failed, problem.NotSent, "LeadMagic has not answered in time", ""))
}

// look asks a question whose answer leaves nothing to do.
func (g *Guard) look(q *question) *Message {
	defer g.c.owed.close(q.debt)
	return g.ask(q)
}

var sessionEnded = problem.New(problem.Unreachable, problem.NotSent, "the session ended before the call was sent", "")

// A survey is a look at the list of tools, for all calls that need it.
type survey struct {
	done    chan struct{}
	problem *problem.Problem
}

// survey finds out which tools LeadMagic has for calls like this one. The problem is why it cannot be found out.
func (g *Guard) survey(like *Message) *problem.Problem {
	e := eraOf(like)
	g.mu.Lock()
	s := g.surveys[e]
	if s != nil {
		g.mu.Unlock()
		<-s.done
		return s.problem
	}
	s = &survey{done: make(chan struct{})}
	g.surveys[e] = s
	g.mu.Unlock()

	s.problem = g.list(like)
	g.mu.Lock()
	g.surveys[e] = nil
	g.mu.Unlock()
	close(s.done)
	return s.problem
}

func (g *Guard) list(like *Message) *problem.Problem {
	for range 2 {
		answer := g.look(g.question(like, "tools/list", ""))
		switch {
		case answer.Problem != nil:
			return notSent(answer.Problem, "the call was not sent, since LeadMagic's tools cannot be listed to judge it: ")
		case answer.Result == nil:
			return problem.New(problem.Hidden, problem.NotSent, "LeadMagic does not list its tools, so this one cannot be judged; the call was not sent", "")
		case g.learn(like, answer.Result):
			return nil
		}
		// The session began without LeadMagic. A call that needs it finds out whether it can be used now, and
		// what is wrong if not; this one is free.
		if answer = g.look(g.readsBalance(like, balanceTools[0])); answer.Problem != nil {
			return notSent(answer.Problem, "")
		}
	}
	return problem.New(problem.Hidden, problem.NotSent, "LeadMagic has not listed its tools yet, so this one cannot be judged; the call was not sent", "call "+StatusTool)
}

// notSent is p as the reason why another call was not sent. what says what p kept from being done.
func notSent(p *problem.Problem, what string) *problem.Problem {
	if what == "" && p.Fate == problem.NotSent {
		return p
	}
	said := *p
	said.Fate, said.What = problem.NotSent, what+p.What
	switch p.Code {
	case problem.Cut, problem.TimedOut, problem.BrokenAnswer:
		// What is said of these by default is about a call that was sent.
		said.Code, said.Next = problem.Unreachable, ""
	case problem.NotFound:
		// What is said of it by default is about a call that can name something else.
		said.Code = problem.BadSetting
	case problem.BadRequest:
		said.Code = problem.Failed
	}
	return &said
}

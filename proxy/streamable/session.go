package streamable

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// renewFor bounds the opening of a session in place of a lost one.
	renewFor = 30 * time.Second
	// deleteFor bounds the end of a session that another has followed.
	deleteFor = time.Second
)

// A session is one session with LeadMagic. Its id is empty if LeadMagic keeps no state. A nil session is that of a message
// that has none: stateless, or sent before initialize.
type session struct {
	id, version string
	answered    chan struct{} // closed when the first response to the GET for its stream has come, or failed

	// The GET stream.
	mu      sync.Mutex
	stop    context.CancelFunc // nil before it was first asked for
	lastID  string             // of the last event on it
	wasOpen bool               // at least once
	refused bool               // LeadMagic does not offer one
}

func newSession(id string, result []byte) *session {
	s := &session{id: id, answered: make(chan struct{})}
	if v, _ := jsonrpc.Unquote(jsonrpc.Get(result, "protocolVersion")); isHeaderSafe(v) {
		s.version = v
	}
	return s
}

// setHeaders puts the session into the headers of a request.
func (s *session) setHeaders(h http.Header) {
	if s == nil {
		return
	}
	if s.id != "" {
		h.Set("Mcp-Session-Id", s.id)
	}
	if s.version != "" {
		h.Set("Mcp-Protocol-Version", s.version)
	}
}

// end closes the GET stream.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

// sessions knows the current session. While it is being renewed, those who ask for it wait.
type sessions struct {
	mu      sync.Mutex
	now     *session
	renewal *renewal // the last one, nil if there was none
}

// A renewal is the opening of a session in place of a lost one. It ends when the new one has been told all that the lost
// one was: a message sent earlier would reach a session that is not initialized.
type renewal struct {
	lost *session
	next *session      // the new one, nil before it is open
	done chan struct{} // closed at the end, when what follows is set
	// problem is why it did not succeed, for all who began to wait before it ended.
	problem *problem.Problem
	ended   time.Time
}

func (re *renewal) wait(x *exchange) *problem.Problem {
	select {
	case <-re.done:
		return re.problem
	case <-x.ctx.Done():
		return endedProblem(x.message, context.Cause(x.ctx), false)
	}
}

// concerns reports whether the outcome applies to a message that was sent at that time.
func (re *renewal) concerns(sent time.Time) bool {
	select {
	case <-re.done:
		return re.problem != nil && !sent.After(re.ended)
	default:
		return true
	}
}

func (ss *sessions) current() *session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.now
}

// of is the session to send a message with. The problem is why there is none any more.
func (ss *sessions) of(x *exchange) (*session, *problem.Problem) {
	switch {
	case x.session != nil:
		return x.session, nil
	case x.message.Stateless(), x.message.Method == "initialize":
		return nil, nil
	}
	ss.mu.Lock()
	s, re := ss.now, ss.renewal
	waits := re != nil && (s == re.lost || s == re.next && x.message.Kind != jsonrpc.Response)
	ss.mu.Unlock()
	if !waits {
		return s, nil
	}
	select {
	case <-re.done: // if it did not succeed, perhaps LeadMagic will answer differently now
		return s, nil
	default:
	}
	if p := re.wait(x); p != nil {
		return nil, p
	}
	return ss.current(), nil
}

// open makes the session that the response to the editor's initialize opened the current one, and ends the one before it.
func (c *Client) open(x *exchange, response *jsonrpc.Message) {
	s := newSession(x.sessionID, response.Result)
	c.sessions.mu.Lock()
	old := c.sessions.now
	c.sessions.now = s
	c.sessions.mu.Unlock()
	if old == nil {
		return
	}
	old.end()
	c.start(&c.sends, func() {
		ctx, stop := context.WithTimeout(c.ctx, deleteFor)
		defer stop()
		c.delete(ctx, old)
	})
}

// renew opens a session in place of a lost one: once for all who find it lost. sent is when the message went out that
// found it lost.
func (c *Client) renew(x *exchange, lost *session, sent time.Time) *problem.Problem {
	ss := &c.sessions
	ss.mu.Lock()
	re := ss.renewal
	if ss.now != lost {
		opening := re != nil && re.next == ss.now
		ss.mu.Unlock()
		if opening {
			return re.wait(x)
		}
		return nil
	}
	if re == nil || re.lost != lost || !re.concerns(sent) {
		re = &renewal{lost: lost, done: make(chan struct{})}
		ss.renewal = re
		// The request that has found the session lost may be cancelled; the others still need a new one.
		c.start(&c.reads, func() {
			re.problem = c.replace(re)
			re.ended = time.Now()
			close(re.done)
		})
	}
	ss.mu.Unlock()
	return re.wait(x)
}

// succeed makes s the current session in place of the one that re renews. If that is no longer current, the editor has
// begun anew in the meantime, and goes on with what it has begun.
func (ss *sessions) succeed(re *renewal, s *session) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.now != re.lost {
		return false
	}
	re.next, ss.now = s, s
	re.lost.end()
	return true
}

// replace opens a session as the editor has opened the lost one.
func (c *Client) replace(re *renewal) *problem.Problem {
	const next = "restart the leadmagic server in the editor"
	initialize := c.state.Initialize()
	if initialize == nil {
		return problem.New(problem.NotFound, problem.Refused, "LeadMagic does not know the session any more", next)
	}
	x := c.exchange(c.outgoing(initialize), renewFor)
	defer func() { x.stop(nil) }()
	response := c.send(x)
	defer x.held.release()
	switch p := problem.As(response.Err); {
	case p != nil:
		lost := *p
		lost.Outcome, lost.What = problem.NotSent, "LeadMagic lost the session, and did not open another: "+p.What
		return &lost
	case response.Result == nil:
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and did not open another", next)
	}
	s := newSession(x.sessionID, response.Result)
	if s.version != re.lost.version {
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and speaks another protocol version now", next)
	}
	if !c.sessions.succeed(re, s) {
		c.delete(x.ctx, s)
		return nil
	}
	for _, m := range c.state.AfterInitialize() {
		next := c.exchange(c.outgoing(m), renewFor)
		next.session = s
		c.inform(next)
	}
	c.Log.Debug("LeadMagic lost the session; another was opened in its place")
	return nil
}

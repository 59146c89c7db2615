package proxy

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// renewFor bounds the opening of a session in place of a lost one.
const renewFor = 30 * time.Second

// A remoteSession is one session with LeadMagic. Its id is empty if LeadMagic keeps no state. A nil
// session is that of a message that has none: of the modern era, or sent before initialize.
type remoteSession struct {
	id, version string
	stood       chan struct{} // closed when the first answer to the standing GET has come, or failed

	// The standing stream.
	mu      sync.Mutex
	stop    context.CancelFunc // nil before it was first asked for
	lastID  string             // of the last event on it
	held    bool               // it was open at least once
	refused bool               // LeadMagic does not offer one
}

// describe puts the session into the headers of a request.
func (s *remoteSession) describe(h http.Header) {
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

// sessions knows the current session. While it is being renewed, those who ask for it wait.
type sessions struct {
	mu      sync.Mutex
	now     *remoteSession
	renewal *renewal // the last one, nil if there was none
}

// A renewal is the opening of a session in place of a lost one. It ends when the new one has been told all
// that the lost one was: a message sent earlier would reach a session that is not initialized.
type renewal struct {
	lost *remoteSession
	next *remoteSession // the new one, nil before it is open
	done chan struct{}  // closed at the end, when what follows is set
	// problem is why it did not succeed, for all who began to wait before it ended.
	problem *problem.Problem
	ended   time.Time
}

func (re *renewal) wait(ctx context.Context) *problem.Problem {
	select {
	case <-re.done:
		return re.problem
	case <-ctx.Done():
		return cut(context.Cause(ctx), false)
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

func (ss *sessions) current() *remoteSession {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.now
}

// of is the session to send a message with. The problem is why there is none any more.
func (ss *sessions) of(f *flight) (*remoteSession, *problem.Problem) {
	switch {
	case f.session != nil:
		return f.session, nil
	case f.call.Modern(), f.call.Method == "initialize":
		return nil, nil
	}
	ss.mu.Lock()
	s, re := ss.now, ss.renewal
	waits := re != nil && (s == re.lost || s == re.next && f.call.Kind != Answer)
	ss.mu.Unlock()
	if !waits {
		return s, nil
	}
	select {
	case <-re.done: // if it did not succeed, perhaps LeadMagic will answer differently now
		return s, nil
	default:
	}
	if p := re.wait(f.ctx); p != nil {
		return nil, p
	}
	return ss.current(), nil
}

// opened takes the answer to the editor's initialize: the session begins, and one before it ends.
func (r *Remote) opened(f *flight, answer *Message) *remoteSession {
	s := newRemoteSession(f, answer)
	old := r.session.begin(s)
	r.posts.start(func() {
		ctx, stop := context.WithTimeout(r.ctx, partFor)
		defer stop()
		r.delete(ctx, old)
	})
	return s
}

// newRemoteSession is the session that answer opened.
func newRemoteSession(f *flight, answer *Message) *remoteSession {
	s := &remoteSession{id: f.offered, stood: make(chan struct{})}
	if v, _ := unquote(find(answer.Result, "protocolVersion")); headerSafe(v) {
		s.version = v
	}
	return s
}

// begin makes s the current session, and returns the one before it.
func (ss *sessions) begin(s *remoteSession) (old *remoteSession) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	old, ss.now = ss.now, s
	if old != nil {
		old.end()
	}
	return old
}

// succeed makes s the current session in place of the one that re renews. If that is no longer current, the
// editor has begun anew in the meantime, and goes on with what it has begun.
func (ss *sessions) succeed(re *renewal, s *remoteSession) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.now != re.lost {
		return false
	}
	re.next, ss.now = s, s
	re.lost.end()
	return true
}

// renew opens a session in place of a lost one: once for all who find it lost. sent is when the message went
// out that found it lost.
func (r *Remote) renew(ctx context.Context, lost *remoteSession, sent time.Time) *problem.Problem {
	ss := &r.session
	ss.mu.Lock()
	re := ss.renewal
	if ss.now != lost {
		opening := re != nil && re.next == ss.now
		ss.mu.Unlock()
		if opening {
			return re.wait(ctx)
		}
		return nil
	}
	if re == nil || re.lost != lost || !re.concerns(sent) {
		re = &renewal{lost: lost, done: make(chan struct{})}
		ss.renewal = re
		// The call that has found the session lost may be called off; the others still need a new one.
		r.crew.start(func() {
			re.problem = r.replace(re)
			re.ended = time.Now()
			close(re.done)
		})
	}
	ss.mu.Unlock()
	return re.wait(ctx)
}

// replace opens a session as the editor has opened the lost one.
func (r *Remote) replace(re *renewal) *problem.Problem {
	const next = "restart the leadmagic server in the editor"
	opening := r.handshake.opening()
	if opening == nil {
		return problem.New(problem.NotFound, problem.Refused, "LeadMagic does not know the session any more", next)
	}
	ctx, stop := context.WithTimeout(r.ctx, renewFor)
	defer stop()
	f := &flight{call: r.outgoing(opening), ctx: ctx}
	answer := r.ask(f)
	if answer.Problem != nil {
		return notSent(answer.Problem, "LeadMagic lost the session, and did not open another: ")
	}
	if answer.Result == nil {
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and did not open another", next)
	}
	if v, _ := unquote(find(answer.Result, "protocolVersion")); v != re.lost.version {
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and speaks another protocol version now", next)
	}
	s := newRemoteSession(f, answer)
	if !r.session.succeed(re, s) {
		r.delete(ctx, s)
		return nil
	}
	r.stand(s)
	for _, m := range r.handshake.rest() {
		f := &flight{call: r.outgoing(m), ctx: ctx, session: s}
		if m.Kind == Notification {
			r.inform(f)
		} else {
			r.ask(f)
		}
	}
	r.Log.Debug("LeadMagic lost the session; another was opened in its place")
	return nil
}

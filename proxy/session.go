package proxy

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// standingPatience is how long initialized waits for the standing stream: reference servers drop what
	// they ask an editor while there is none.
	standingPatience = 500 * time.Millisecond
	// renewFor bounds the opening of a session in place of a lost one.
	renewFor = 30 * time.Second
)

// A remoteSession is one session with LeadMagic. Its id is empty if LeadMagic keeps no state. A nil
// session is that of a message that has none: of the modern era, or sent before initialize.
type remoteSession struct {
	id, version string

	stood  chan struct{} // closed when the first answer to the standing GET has come, or failed
	mu     sync.Mutex
	stop   context.CancelFunc // of the standing stream
	lastID string             // of the last event on it
	held   bool               // it was open at least once
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

func (s *remoteSession) awaitStanding(ctx context.Context) {
	if s == nil {
		return
	}
	timer := time.NewTimer(standingPatience)
	defer timer.Stop()
	select {
	case <-s.stood:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// sessions knows the current session. While it is being renewed, those who ask for it wait.
type sessions struct {
	now      atomic.Pointer[remoteSession]
	renewing atomic.Bool
	renewal  chan struct{} // holds one token while a session is renewed
}

// of is the session to send a call with.
func (ss *sessions) of(f *flight) *remoteSession {
	switch {
	case f.session != nil:
		return f.session
	case f.call.Modern(), f.call.Method == "initialize":
		return nil
	}
	if ss.renewing.Load() && ss.lock(f.ctx) {
		ss.unlock()
	}
	return ss.now.Load()
}

func (ss *sessions) lock(ctx context.Context) bool {
	select {
	case ss.renewal <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (ss *sessions) unlock() { <-ss.renewal }

// opened takes the answer to the editor's initialize: the session begins.
func (r *Remote) opened(f *flight, answer *Message) {
	if answer.Result != nil {
		r.begin(f, answer)
	}
	r.deliver(answer)
	r.order.opened()
}

// begin makes the session that answer opened the current one.
func (r *Remote) begin(f *flight, answer *Message) *remoteSession {
	s := &remoteSession{id: f.offered, stood: make(chan struct{})}
	s.version, _ = unquote(find(answer.Result, "protocolVersion"))
	if old := r.session.now.Swap(s); old != nil {
		old.end()
	}
	r.stand(s)
	return s
}

// ask carries a call of our own and returns its answer.
func (r *Remote) ask(f *flight) *Message {
	answer := make(chan *Message, 1)
	go r.carry(f, func(m *Message) { answer <- m })
	return <-answer
}

// renew opens a session in place of a lost one, as the editor has opened it: one time for all who find
// it lost.
func (r *Remote) renew(ctx context.Context, lost *remoteSession) *problem.Problem {
	if !r.session.lock(ctx) {
		return cut(ctx.Err(), false)
	}
	r.session.renewing.Store(true)
	defer func() {
		r.session.renewing.Store(false)
		r.session.unlock()
	}()
	if r.session.now.Load() != lost {
		return nil
	}
	opening := r.handshake.opening()
	if opening == nil {
		return problem.New(problem.NotFound, problem.Refused, "LeadMagic does not know the session any more", "restart the leadmagic server in the editor")
	}
	ctx, stop := context.WithTimeout(r.ctx, renewFor)
	defer stop()
	f := &flight{call: opening, ctx: ctx}
	answer := r.ask(f)
	switch {
	case answer.Problem != nil:
		return answer.Problem
	case answer.Result == nil:
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and did not open another", "restart the leadmagic server in the editor")
	}
	if v, _ := unquote(find(answer.Result, "protocolVersion")); v != r.handshake.Version() {
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and speaks another protocol version now", "restart the leadmagic server in the editor")
	}
	s := r.begin(f, answer)
	for _, m := range r.handshake.rest() {
		f := &flight{call: m, ctx: ctx, session: s}
		if m.Kind == Notification {
			r.inform(f)
		} else {
			r.ask(f)
		}
	}
	r.Log.Debug("LeadMagic lost the session; another was opened in its place")
	return nil
}

// stand opens the standing stream of a session.
func (r *Remote) stand(s *remoteSession) {
	ctx, stop := context.WithCancel(r.ctx)
	s.mu.Lock()
	again := s.stop != nil
	s.stop = stop
	s.mu.Unlock()
	go r.keepStanding(ctx, s, again)
}

// reopen replaces the standing stream, whose connection may be dead.
func (ss *sessions) reopen(r *Remote) {
	if s := ss.now.Load(); s != nil {
		s.end()
		r.stand(s)
	}
}

func (s *remoteSession) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

// keepStanding delivers what LeadMagic has to say beside the calls. A cut stream is opened again for as
// long as the session lasts; a refusal means that LeadMagic does not offer one.
func (r *Remote) keepStanding(ctx context.Context, s *remoteSession, again bool) {
	pause := resumePause
	for ctx.Err() == nil {
		s.mu.Lock()
		lastID := s.lastID
		s.mu.Unlock()
		res, err := r.get(ctx, s, lastID)
		if !again {
			again = true
			close(s.stood)
		}
		wait := pause
		switch {
		case err != nil:
		case isEventStream(res):
			said, retry := r.readStanding(s, res)
			if said {
				pause = resumePause
			}
			wait = cmp.Or(retry, pause)
		default:
			_ = res.Body.Close()
			if !r.standAgain(ctx, s, res) {
				return
			}
			wait = max(pause, problem.RetryAfter(res.Header, time.Now()))
		}
		if !sleep(ctx, wait+jitter(wait/4)) {
			return
		}
		pause = min(2*pause, maxPause)
	}
}

// standAgain reports whether a standing stream that was refused is worth another try.
func (r *Remote) standAgain(ctx context.Context, s *remoteSession, res *http.Response) bool {
	switch status := res.StatusCode; {
	case status == http.StatusNotFound && s.id != "":
		// Somebody must notice that the session is lost, or nothing more would be heard until the next call.
		if p := r.renew(ctx, s); p != nil {
			r.Log.Debug("the session is lost", "problem", p.Line())
		}
		return false
	case status == http.StatusConflict:
		// The stream before this one has not ended for LeadMagic yet.
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.held
	case status == http.StatusTooManyRequests, status >= 500:
		return true
	}
	return false
}

// readStanding delivers a standing stream until it ends.
func (r *Remote) readStanding(s *remoteSession, res *http.Response) (said bool, retry time.Duration) {
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	s.mu.Lock()
	s.held = true
	s.mu.Unlock()
	stream := newEvents(res.Body)
	for {
		ev, err := stream.next()
		if err != nil {
			return said, retry
		}
		r.link.hear()
		said = true
		if ev.retry > 0 {
			retry = ev.retry
		}
		if ev.id != "" {
			s.mu.Lock()
			s.lastID = ev.id
			s.mu.Unlock()
		}
		if len(ev.data) > 0 {
			if m := r.sort(noCall, ev.data); m != nil {
				r.deliver(m)
			}
		}
	}
}

// noCall stands for the call where there is none to answer.
var noCall = &Message{Kind: Notification}

// delete ends the session, so that LeadMagic need not keep it.
func (ss *sessions) delete(ctx context.Context, r *Remote) {
	s := ss.now.Load()
	if s == nil || s.id == "" {
		return
	}
	s.end()
	client, _ := r.link.client()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.URL.String(), nil)
	if err != nil {
		return
	}
	s.describe(req.Header)
	res, err := client.Do(req)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			r.Log.Debug("the session was not deleted", "reason", err)
		}
		return
	}
	_ = res.Body.Close()
}

package streamable

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// renewFor bounds the opening of a session in place of a lost one.
	renewFor = 30 * time.Second
	// deleteFor bounds the end of a session that is not the current one.
	deleteFor = time.Second
	// getStreamFor is how long initialized waits for the GET stream: reference servers drop what they ask an editor while
	// there is none.
	getStreamFor = 500 * time.Millisecond
)

// A session is one session with LeadMagic. Its id is empty if LeadMagic keeps no state. A nil session is that of a message
// that has none: stateless, or sent before initialize.
type session struct {
	id, version string

	// The GET stream, on which LeadMagic says what belongs to no request.
	ctx       context.Context //nolint:containedctx // the life of the stream
	end       context.CancelFunc
	open      sync.Once
	answered  chan struct{}                      // closed when the first response to the GET has come, or failed
	reconnect atomic.Pointer[context.CancelFunc] // ends its connection, or the pause before the next one; nil before the first
}

// newSession is the session that the response to x, an initialize, has opened.
func (c *Client) newSession(x *exchange, response *jsonrpc.Message) *session {
	s := &session{id: x.sessionID, answered: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(c.ctx)
	if v, _ := jsonrpc.Unquote(jsonrpc.Get(response.Result, "protocolVersion")); isHeaderSafe(v) {
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

// openGETStream opens the GET stream of a session, unless that was done before, and waits until LeadMagic has answered.
func (c *Client) openGETStream(ctx context.Context, s *session) {
	s.open.Do(func() { c.start(&c.reads, func() { c.keepGETStream(s) }) })
	ctx, stop := context.WithTimeout(ctx, getStreamFor)
	defer stop()
	select {
	case <-s.answered:
	case <-ctx.Done():
	}
}

// reopenGETStream replaces the GET stream of the current session, whose connection may be dead.
func (c *Client) reopenGETStream() {
	if s := c.currentSession(); s != nil {
		if reconnect := s.reconnect.Load(); reconnect != nil {
			(*reconnect)()
		}
	}
}

// keepGETStream keeps the stream open. One that was cut is opened again for as long as the session lasts; a refusal means
// that LeadMagic does not offer one.
func (c *Client) keepGETStream(s *session) {
	answered := sync.OnceFunc(func() { close(s.answered) })
	st := &stream{}
	wasOpen := false
	for pause := resumePause; ; {
		ctx, stop := context.WithCancel(s.ctx)
		s.reconnect.Store(&stop)
		res, err := c.get(ctx, s, st.lastID)
		answered()
		wait := pause
		switch {
		case err != nil:
		case isEventStream(res):
			start := time.Now()
			wasOpen = true
			held := &reservation{memory: &c.memory, ctx: ctx}
			st.open(c, res.Body, held)
			_, _ = c.readStream(st)
			_ = res.Body.Close()
			held.release()
			if st.said || time.Since(start) > pause {
				pause = resumePause
			}
			wait = askedPause(st.retry, pause)
		default:
			_ = res.Body.Close()
			if !c.mayReopen(s, res.StatusCode, wasOpen) {
				return // ctx ends with the session
			}
			asked, ok := ratelimit.RetryAfter(res.Header, time.Now())
			if !ok {
				asked = ratelimit.Reset(res.Header, time.Now())
			}
			wait = max(pause, min(asked, longestPause))
		}
		err = ratelimit.Sleep(ctx, ratelimit.Jitter(wait))
		stop()
		switch {
		case s.ctx.Err() != nil:
			return
		case err != nil: // it is to be opened anew
			pause = resumePause
		default:
			pause = min(2*pause, longestPause)
		}
	}
}

// mayReopen reports whether a GET stream that was refused is worth another try.
func (c *Client) mayReopen(s *session, status int, wasOpen bool) bool {
	if status == http.StatusNotFound && s.id != "" && wasOpen {
		// Without a renewal here, nothing more would come until the next request finds the session lost.
		if p := c.renew(c.ctx, s, time.Now()); p != nil {
			c.Log.Debug("the session is lost", "problem", p.Line())
		}
		return false
	}
	// With 409 the stream before this one has not ended yet for LeadMagic.
	return status == http.StatusConflict && wasOpen || status == http.StatusTooManyRequests || status >= 500
}

// A renewal is the opening of a session in place of a lost one. It ends when the new one has been told all that the lost
// one was: a message sent earlier would reach a session that is not initialized.
type renewal struct {
	lost *session
	next *session      // the new one, nil before it is open
	done chan struct{} // closed at the end, when what follows is set
	// problem is why it did not succeed, for all requests that began to wait before it ended.
	problem *problem.Problem
	ended   time.Time // zero before
}

func (re *renewal) wait(ctx context.Context) *problem.Problem {
	select {
	case <-re.done:
		return re.problem
	case <-ctx.Done():
		return problem.NeverSent(ctx)
	}
}

func (c *Client) currentSession() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// sessionFor is the session to send x with. The problem is why there is none any more. While the session is renewed, x
// waits; if that does not succeed, LeadMagic may answer later requests differently.
func (c *Client) sessionFor(x *exchange) (*session, *problem.Problem) {
	switch {
	case x.session != nil:
		return x.session, nil
	case x.message.Stateless(), x.message.Method == "initialize":
		return nil, nil
	}
	c.mu.Lock()
	s, re := c.session, c.renewal
	waits := re != nil && re.ended.IsZero() && (s == re.lost || s == re.next && x.message.Kind != jsonrpc.Response)
	c.mu.Unlock()
	if !waits {
		return s, nil
	}
	if p := re.wait(x.ctx); p != nil {
		return nil, p
	}
	return c.currentSession(), nil
}

// begin makes the session that the response to the editor's initialize opened the current one, and ends the one before it.
func (c *Client) begin(x *exchange, response *jsonrpc.Message) {
	s := c.newSession(x, response)
	c.mu.Lock()
	old := c.session
	c.session = s
	c.mu.Unlock()
	if old != nil {
		c.leave(old)
	}
}

// leave ends a session that another has followed, or that never was the current one.
func (c *Client) leave(s *session) {
	c.start(&c.sends, func() {
		ctx, stop := context.WithTimeout(c.ctx, deleteFor)
		defer stop()
		c.delete(ctx, s)
	})
}

// renew opens a session in place of a lost one: once for all requests that find it lost. sent is when the message went out
// that found it lost.
func (c *Client) renew(ctx context.Context, lost *session, sent time.Time) *problem.Problem {
	c.mu.Lock()
	re := c.renewal
	if c.session != lost {
		c.mu.Unlock()
		return nil // another has been opened, or is being told what the lost one was, and sessionFor waits for that
	}
	began := re == nil || re.lost != lost || !re.ended.IsZero() && sent.After(re.ended)
	if began {
		re = &renewal{lost: lost, done: make(chan struct{})}
		c.renewal = re
	}
	c.mu.Unlock()
	if began {
		// The request that has found the session lost may be cancelled; the others still need a new one.
		c.start(&c.reads, func() {
			p := c.replace(re)
			c.mu.Lock()
			re.problem, re.ended = p, time.Now()
			c.mu.Unlock()
			close(re.done)
		})
	}
	return re.wait(ctx)
}

// replace opens a session as the editor has opened the lost one.
func (c *Client) replace(re *renewal) *problem.Problem {
	const next = "restart the leadmagic server in the editor"
	initialize := c.state.Initialize()
	if initialize == nil {
		return problem.New(problem.NotFound, problem.Refused, "LeadMagic does not know the session any more", next)
	}
	x := c.exchange(c.outgoing(initialize), renewFor)
	response := c.sendWithin(c.ctx, x)
	switch p := problem.As(response.Err); {
	case p != nil:
		lost := *p
		lost.Outcome, lost.What = problem.NotSent, "LeadMagic lost the session, and did not open another: "+p.What
		return &lost
	case response.Result == nil:
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and did not open another", next)
	}
	s := c.newSession(x, response)
	if s.version != re.lost.version {
		c.leave(s)
		return problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session and speaks another protocol version now", next)
	}
	c.mu.Lock()
	current := c.session == re.lost
	if current {
		re.next, c.session = s, s
	}
	c.mu.Unlock()
	if !current { // the editor has opened a session in the meantime, which stays the current one
		c.leave(s)
		return nil
	}
	re.lost.end()
	for _, m := range c.state.AfterInitialize() {
		next := c.exchange(c.outgoing(m), renewFor)
		next.session = s
		c.inform(c.ctx, next)
	}
	c.Log.Debug("LeadMagic lost the session; another was opened in its place")
	return nil
}

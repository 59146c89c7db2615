package streamable

import (
	"context"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// getStreamFor is how long initialized waits for the GET stream: reference servers drop what they ask an editor while
// there is none.
const getStreamFor = 500 * time.Millisecond

// openGETStream opens the GET stream of a session, on which LeadMagic says what belongs to no request, unless it was
// opened before.
func (c *Client) openGETStream(s *session) {
	ctx, stop := context.WithCancel(c.ctx)
	s.mu.Lock()
	opened := s.stop != nil
	if !opened {
		s.stop = stop
	}
	s.mu.Unlock()
	if opened {
		stop()
		return
	}
	c.start(&c.reads, func() {
		defer stop()
		c.keepGETStream(ctx, s, true)
	})
}

// reopenGETStream replaces the GET stream, whose connection may be dead.
func (c *Client) reopenGETStream() {
	s := c.sessions.current()
	if s == nil {
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	s.mu.Lock()
	open := s.stop != nil && !s.refused
	if open {
		s.stop()
		s.stop = stop
	}
	s.mu.Unlock()
	if !open {
		stop()
		return
	}
	c.start(&c.reads, func() {
		defer stop()
		c.keepGETStream(ctx, s, false)
	})
}

func (s *session) awaitGETStream(ctx context.Context) {
	timer := time.NewTimer(getStreamFor)
	defer timer.Stop()
	select {
	case <-s.answered:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// keepGETStream keeps the stream open. One that was cut is opened again for as long as the session lasts; a refusal means
// that LeadMagic does not offer one.
func (c *Client) keepGETStream(ctx context.Context, s *session, first bool) {
	for pause := resumePause; ; pause = min(2*pause, longestPause) {
		s.mu.Lock()
		lastID := s.lastID
		s.mu.Unlock()
		res, err := c.get(ctx, s, lastID)
		if first {
			first = false
			close(s.answered)
		}
		wait := pause
		switch {
		case err != nil:
		case isEventStream(res):
			start := time.Now()
			said, retry := c.readGETStream(ctx, s, res)
			if said || time.Since(start) > pause {
				pause = resumePause
			}
			wait = askedPause(retry, pause)
		default:
			_ = res.Body.Close()
			if !c.mayReopen(s, res) {
				return
			}
			asked, ok := ratelimit.RetryAfter(res.Header, time.Now())
			if !ok {
				asked = ratelimit.Reset(res.Header, time.Now())
			}
			wait = max(pause, min(asked, longestPause))
		}
		if ratelimit.Sleep(ctx, ratelimit.Jitter(wait)) != nil {
			return
		}
	}
}

// mayReopen reports whether a GET stream that was refused is worth another try.
func (c *Client) mayReopen(s *session, res *http.Response) bool {
	s.mu.Lock()
	wasOpen := s.wasOpen
	s.mu.Unlock()
	switch status := res.StatusCode; {
	case status == http.StatusNotFound && s.id != "" && wasOpen:
		// Somebody must notice that the session is lost, or nothing more would come until the next request.
		x := c.exchange(noRequest, 0)
		defer x.stop(nil)
		if p := c.renew(x, s, time.Now()); p != nil {
			c.Log.Debug("the session is lost", "problem", p.Line())
		}
		return false
	case status == http.StatusConflict && wasOpen:
		// For LeadMagic the stream before this one has not ended yet.
		return true
	case status == http.StatusTooManyRequests, status >= 500:
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = true
	return false
}

// readGETStream passes on what comes on a GET stream until it ends.
func (c *Client) readGETStream(ctx context.Context, s *session, res *http.Response) (said bool, retry time.Duration) {
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	s.mu.Lock()
	s.wasOpen = true
	s.mu.Unlock()
	held := &reservation{memory: &c.memory, ctx: ctx}
	defer held.release()
	stream := newEvents(&receiver{&c.connections, res.Body}, held)
	for {
		ev, err := stream.next()
		if err != nil {
			return said, retry
		}
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
			c.dispatch(noRequest, ev.data)
		}
		held.release()
	}
}

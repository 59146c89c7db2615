package proxy

import (
	"context"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// standingPatience is how long initialized waits for the standing stream: reference servers drop what
// they ask an editor while there is none.
const standingPatience = 500 * time.Millisecond

// noCall stands for the call where there is none to answer.
var noCall = &Message{Kind: Notification}

// stand opens the standing stream of a session, on which LeadMagic says what belongs to no call.
func (r *Remote) stand(s *remoteSession) {
	ctx, stop := context.WithCancel(r.ctx)
	s.mu.Lock()
	first := s.stop == nil
	s.stop = stop
	s.mu.Unlock()
	r.crew.start(func() {
		defer stop()
		r.keepStanding(ctx, s, first)
	})
}

// reopen replaces the standing stream, whose connection may be dead.
func (r *Remote) reopen() {
	if s := r.session.current(); s != nil && !s.isRefused() {
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

func (s *remoteSession) isRefused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
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

// keepStanding keeps the stream open. One that was cut is opened again for as long as the session lasts;
// a refusal means that LeadMagic does not offer one.
func (r *Remote) keepStanding(ctx context.Context, s *remoteSession, first bool) {
	for pause := resumePause; ; pause = min(2*pause, maxPause) {
		s.mu.Lock()
		lastID := s.lastID
		s.mu.Unlock()
		res, err := r.get(ctx, s, lastID)
		if first {
			first = false
			close(s.stood)
		}
		wait := pause
		switch {
		case err != nil:
		case isEventStream(res):
			start := time.Now()
			said, retry := r.readStanding(s, res)
			if said || time.Since(start) > pause {
				pause = resumePause
			}
			wait = askedPause(retry, pause)
		default:
			_ = res.Body.Close()
			if !r.standAgain(s, res) {
				return
			}
			asked, said := ratelimit.RetryAfter(res.Header, time.Now())
			if !said {
				asked = ratelimit.Reset(res.Header, time.Now())
			}
			wait = max(pause, min(asked, maxPause))
		}
		if !sleep(ctx, wait+jitter(wait/4)) {
			return
		}
	}
}

// standAgain reports whether a standing stream that was refused is worth another try.
func (r *Remote) standAgain(s *remoteSession, res *http.Response) bool {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	switch status := res.StatusCode; {
	case status == http.StatusNotFound && s.id != "" && held:
		// Somebody must notice that the session is lost, or nothing more would be heard until the next call.
		if p := r.renew(r.ctx, s, time.Now()); p != nil {
			r.Log.Debug("the session is lost", "problem", p.Line())
		}
		return false
	case status == http.StatusConflict && held:
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

// readStanding delivers a standing stream until it ends.
func (r *Remote) readStanding(s *remoteSession, res *http.Response) (said bool, retry time.Duration) {
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	s.mu.Lock()
	s.held = true
	s.mu.Unlock()
	stream := newEvents(r.link.listen(res.Body), maxAnswer)
	stream.ctx, stream.held.of = r.ctx, &r.memory
	defer stream.held.release()
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
			r.sort(noCall, ev.data)
		}
	}
}

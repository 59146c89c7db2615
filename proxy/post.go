package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// post sends f with parcel for its body. The failure says what became of it when no HTTP answer came.
func (r *Remote) post(f *flight, s *remoteSession, parcel *parcel) (*http.Response, *failure) {
	if r.link.wake() {
		r.reopen()
	}
	body, _ := parcel.newBody()
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           r.URL,
		Body:          body,
		GetBody:       parcel.newBody,
		ContentLength: int64(len(parcel.raw)),
		Header: http.Header{
			"Content-Type": {"application/json"},
			"Accept":       {"application/json, text/event-stream"},
		},
	}).WithContext(parcel.watch(f.ctx))
	describe(req.Header, f.call, s)
	r.params.set(req.Header, f.call)
	res, err := r.link.client().Do(req)
	if err != nil {
		if parcel.recall() {
			return nil, &failure{problem: problem.FromError(err, false)}
		}
		return nil, incomplete(f.call, err)
	}
	r.link.hear()
	return res, nil
}

// get opens an event stream: the standing one, or the rest of one that was cut.
func (r *Remote) get(ctx context.Context, s *remoteSession, lastID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-Id", lastID)
	}
	s.describe(req.Header)
	res, err := r.link.client().Do(req)
	if err == nil {
		r.link.hear()
	}
	return res, err
}

// delete ends a session, so that LeadMagic need not keep it.
func (r *Remote) delete(ctx context.Context, s *remoteSession) {
	if s == nil || s.id == "" {
		return
	}
	s.end()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.URL.String(), nil)
	if err != nil {
		return
	}
	s.describe(req.Header)
	res, err := r.link.client().Do(req)
	if err != nil {
		r.Log.Debug("the session was not deleted", "reason", err)
		return
	}
	_ = res.Body.Close()
}

// notify sends a notification after those before it.
func (r *Remote) notify(m *Message) {
	turn := r.order.notification()
	r.posts.start(func() {
		defer turn.done()
		turn.wait(r.ctx)
		r.inform(&flight{call: m, ctx: r.ctx})
	})
}

// informFor bounds how long a notification is tried, since the next ones wait behind it.
const informFor = 30 * time.Second

// inform sends a notification or an answer, to which nothing is due.
func (r *Remote) inform(f *flight) {
	ctx, stop := context.WithTimeout(f.ctx, informFor)
	f.ctx = ctx
	tried := retries{renewed: f.session != nil}
	for {
		res, fail := r.tell(f, &tried)
		if fail == nil {
			r.overhear(res, stop)
			return
		}
		// The answer to a question of a lost session is of no use to the next one.
		if f.call.Kind == Answer && fail.lost != nil || !r.again(f, &tried, fail) {
			r.Log.Debug("LeadMagic did not take a message", "method", f.call.Method, "problem", fail.problem.Line())
			stop()
			return
		}
		if fail.lost != nil && f.call.Method == "notifications/initialized" {
			stop() // the session in place of the lost one was told so when it was opened
			return
		}
	}
}

// tell sends a notification or an answer once.
func (r *Remote) tell(f *flight, tried *retries) (*http.Response, *failure) {
	s, p := r.session.of(f)
	if p != nil {
		return nil, &failure{problem: p, final: true}
	}
	if f.call.Method == "notifications/initialized" {
		s.awaitStanding(f.ctx)
	}
	r.hold(f, tried)
	res, fail := r.post(f, s, f.load())
	if fail != nil || res.StatusCode >= 200 && res.StatusCode <= 299 {
		return res, fail
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	return nil, r.refusal(f, s, res, tried.waited)
}

// overhear delivers what LeadMagic says where nothing was due, and then calls stop.
func (r *Remote) overhear(res *http.Response, stop func()) {
	if !isEventStream(res) {
		if body, err := r.readBody(r.ctx, res, 64<<10, new(room)); err == nil && len(body) > 0 {
			r.sort(noCall, body)
		}
		_ = res.Body.Close()
		stop()
		return
	}
	// The next message does not wait for the end of a stream.
	r.crew.start(func() {
		defer stop()
		_, _ = r.readStream(&reading{call: noCall, ctx: r.ctx}, res.Body, r.deliver)
	})
}

// readBody reads an answer in one piece, with room for a line break after it. What is held of it is in h.
func (r *Remote) readBody(ctx context.Context, res *http.Response, limit int64, h *room) ([]byte, error) {
	size := int64(4 << 10)
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	if res.ContentLength >= 0 {
		size = res.ContentLength
		if err := h.grow(ctx, size, true); err != nil {
			return nil, err
		}
	}
	var before pile
	body := make([]byte, 0, size+2)
	for {
		if len(body) == cap(body) {
			if err := h.grow(ctx, int64(before.size+len(body)), false); err != nil {
				return nil, err
			}
			before.add(body)
			body = nextPart(body, 0)
		}
		n, err := res.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			r.link.hear()
			return before.whole(body), nil
		case err != nil:
			return before.whole(body), err
		case int64(before.size+len(body)) > limit:
			return before.whole(body), errTooLarge
		}
	}
}

// maxAnswer is how much of one message LeadMagic may send before it is taken for a fault. It keeps a
// stream that never ends a line from filling the memory.
const maxAnswer = 256 << 20

var errTooLarge = fmt.Errorf("a message of more than %d MiB", maxAnswer>>20)

// incomplete is the failure of a call whose answer had begun to arrive, or might have.
func incomplete(call *Message, err error) *failure {
	switch {
	case errors.Is(err, errNotMessage):
		return &failure{problem: problem.New(problem.BrokenAnswer, fateOf(call), "LeadMagic's answer is broken: it is not a complete answer to this call", "")}
	case errors.Is(err, errNoRoom):
		return &failure{problem: problem.New(problem.BrokenAnswer, fateOf(call), "LeadMagic's answer was not read: "+err.Error(), "ask for less at once")}
	case errors.Is(err, errTooLarge):
		return &failure{problem: problem.New(problem.BrokenAnswer, fateOf(call), "LeadMagic's answer has no end: it is "+err.Error(), "")}
	case isSubscription(call):
		return &failure{problem: problem.New(problem.Cut, problem.Refused, "the stream of the subscription broke", "subscribe again")}
	}
	p := cut(err, true)
	p.Fate = fateOf(call)
	return &failure{problem: p, broken: true}
}

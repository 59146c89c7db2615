package proxy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	// linger is how long a stream is read on after the answer: LeadMagic ends it, and then the
	// connection can be used again.
	linger = 5 * time.Second
	// resumeFor is how long LeadMagic may be unreachable before a cut stream is given up.
	resumeFor = 30 * time.Second
	// resumePause is how long to wait before a stream is asked to go on, where LeadMagic does not say.
	resumePause = 100 * time.Millisecond
	maxPause    = 30 * time.Second
)

// follow reads the event stream of a call to its answer, over as many connections as it takes. It has
// given the answer to done if the failure is nil.
func (r *Remote) follow(f *flight, s *remoteSession, body io.ReadCloser, done func(*Message)) *failure {
	f.lastID, f.retry = "", 0
	for {
		answered, err := r.readStream(f, body, done)
		if answered {
			return nil
		}
		if f.lastID == "" || f.call.Modern() || f.calledOff() || errors.Is(err, errTooLarge) {
			return &failure{problem: cut(err, true), broken: true}
		}
		var fail *failure
		if body, fail = r.resume(f, s); fail != nil {
			return fail
		}
	}
}

// readStream delivers what comes on a stream until it ends, and reports whether the answer was there.
func (r *Remote) readStream(f *flight, body io.ReadCloser, done func(*Message)) (answered bool, err error) {
	defer body.Close() //nolint:errcheck // it was read as far as it goes
	stream := newEvents(body)
	for {
		ev, err := stream.next()
		if err != nil {
			return answered, err
		}
		r.link.hear()
		if ev.id != "" {
			f.lastID = ev.id
		}
		if ev.retry > 0 {
			f.retry = ev.retry
		}
		if len(ev.data) == 0 {
			continue
		}
		if answer := r.sort(f.call, ev.data); answer != nil && !answered {
			answered = true
			timer := time.AfterFunc(linger, func() { _ = body.Close() })
			defer timer.Stop()
			done(answer)
		}
	}
}

// resume asks for the rest of a cut stream. Source: MCP 2025-11-25, Resumability and Redelivery.
func (r *Remote) resume(f *flight, s *remoteSession) (io.ReadCloser, *failure) {
	pause := cmp.Or(f.retry, resumePause)
	start := time.Now()
	for sleep(f.ctx, pause) && !f.calledOff() {
		res, err := r.get(f.ctx, s, f.lastID)
		switch {
		case err == nil && isEventStream(res):
			return res.Body, nil
		case err == nil:
			_ = res.Body.Close()
			if res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests {
				return nil, &failure{problem: cut(nil, true), broken: true}
			}
		}
		if time.Since(start) > resumeFor {
			break
		}
		pause = min(2*pause, maxPause)
	}
	return nil, &failure{problem: cut(context.Cause(f.ctx), true), broken: true}
}

// get opens an event stream: the standing one, or the rest of one that was cut.
func (r *Remote) get(ctx context.Context, s *remoteSession, lastID string) (*http.Response, error) {
	client, _ := r.link.client()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-Id", lastID)
	}
	s.describe(req.Header)
	res, err := client.Do(req)
	if err == nil {
		r.link.hear()
	}
	return res, err
}

func isEventStream(res *http.Response) bool {
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return res.StatusCode == http.StatusOK && t == "text/event-stream"
}

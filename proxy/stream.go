package proxy

import (
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
	// callPause is the longest such wait while a call is open, if the streams before it said nothing.
	callPause = 4 * time.Second
	// leastPause is the shortest one, even if LeadMagic asks for less.
	leastPause = 20 * time.Millisecond
	// maxPause is the longest wait of all, whatever LeadMagic asks for.
	maxPause = 30 * time.Second
)

// A reading is the event stream that answers a call, over as many connections as it takes.
type reading struct {
	call   *Message
	ctx    context.Context //nolint:containedctx // the life of the call
	lastID string          // of the last event, where the stream goes on
	retry  time.Duration   // how long LeadMagic wants us to wait before that
	said   bool            // the last connection brought a message
	got    received
}

// follow reads the event stream of a call to its answer. It has given the answer to done if the failure is nil.
func (r *Remote) follow(f *flight, s *remoteSession, body io.ReadCloser, done func(*Message)) *failure {
	if s == nil {
		s = &remoteSession{id: f.offered}
	}
	rd := &reading{call: f.call, ctx: f.ctx}
	for pause := resumePause; ; pause = min(2*pause, callPause) {
		answered, err := r.readStream(rd, body, done)
		if answered {
			return nil
		}
		if rd.lastID == "" || f.call.Modern() || f.calledOff() || !resumable(err) {
			return incomplete(f.call, err)
		}
		if rd.said {
			pause = resumePause
		}
		if body = r.resume(f, s, rd, pause); body == nil {
			return incomplete(f.call, err)
		}
	}
}

// resumable reports whether the rest of a stream that ended with err may bring the answer. An event that could not be
// used would only come once more.
func resumable(err error) bool {
	return !errors.Is(err, errTooLarge) && !errors.Is(err, errNoRoom) && !errors.Is(err, errNotMessage)
}

// readStream delivers what comes on a stream until it ends, and reports whether the answer was there.
func (r *Remote) readStream(rd *reading, body io.ReadCloser, done func(*Message)) (answered bool, err error) {
	defer body.Close() //nolint:errcheck // it was read as far as it goes
	stream := newEvents(r.link.listen(body), maxAnswer)
	stream.ctx, stream.held.of = rd.ctx, &r.memory
	defer stream.held.release()
	rd.said = false
	for {
		ev, err := stream.next()
		if err != nil {
			answer := completed(rd.call, ev.data)
			if answer == nil {
				answer = rd.got.best()
			}
			switch {
			case answered:
				return true, err
			case answer != nil:
				done(answer)
				return true, nil
			case rd.got.broken && errors.Is(err, io.EOF):
				return false, errNotMessage
			}
			return false, err
		}
		if ev.id != "" {
			rd.lastID = ev.id
		}
		if ev.retry > 0 {
			rd.retry = ev.retry
		}
		if len(ev.data) == 0 {
			continue
		}
		rd.said = true
		waited := answered || rd.got.best() != nil
		rd.got.add(r.sort(rd.call, ev.data))
		if !waited && rd.got.best() != nil {
			timer := time.AfterFunc(linger, func() { _ = body.Close() })
			defer timer.Stop()
		}
		if rd.got.answer != nil && !answered {
			answered = true
			done(rd.got.answer)
		}
		if answered {
			rd.got.answer = nil // it may be large, and the stream may go on
		}
	}
}

// completed is the answer to call in an event that the end of the stream has cut off, if all of it was there.
func completed(call *Message, data []byte) *Message {
	if m, err := Peek(readable(oneLine(data))); err == nil && m.Kind == Answer && m.ID != nil && sameID(m.ID, call.ID) {
		return restored(call, m)
	}
	return nil
}

// resume asks for the rest of a cut stream; nil if LeadMagic does not have it.
// Source: MCP 2025-11-25, Resumability and Redelivery.
func (r *Remote) resume(f *flight, s *remoteSession, rd *reading, pause time.Duration) io.ReadCloser {
	start := time.Now()
	for pause = askedPause(rd.retry, pause); sleep(f.ctx, pause) && !f.calledOff(); pause = min(2*pause, maxPause) {
		res, err := r.get(f.ctx, s, rd.lastID)
		if err == nil && isEventStream(res) {
			return res.Body
		}
		if err == nil {
			_ = res.Body.Close()
			// The reference servers answer 409 while the stream is still open on their side.
			if s := res.StatusCode; s < 500 && s != http.StatusTooManyRequests && s != http.StatusConflict {
				return nil
			}
		}
		if time.Since(start) > resumeFor {
			return nil
		}
	}
	return nil
}

// askedPause is how long to wait before a stream is opened again: what LeadMagic asked for, within bounds, else
// the usual.
func askedPause(asked, usual time.Duration) time.Duration {
	if asked == 0 {
		return usual
	}
	return min(max(asked, leastPause), maxPause)
}

func isEventStream(res *http.Response) bool {
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return res.StatusCode == http.StatusOK && t == "text/event-stream"
}

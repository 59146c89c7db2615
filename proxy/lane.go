package proxy

import (
	"context"
	"sync"
)

// A lane is a candidate in use, with those of its answers that are for Choose and not for the editor.
type lane struct {
	Candidate
	mu       sync.Mutex
	expected map[*Message]func(*Message) // by call
}

// expect gives the answer to m to answered instead of the editor. A nil answered drops the answer.
func (l *lane) expect(m *Message, answered func(*Message)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expected[m] = answered
}

// forget stops expecting the answer to the call with that id, and reports whether it was expected.
func (l *lane) forget(id []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for call := range l.expected {
		if canonical(call.ID) == canonical(id) {
			delete(l.expected, call)
			return true
		}
	}
	return false
}

// take is what takes m instead of the editor, if it is an answer that Choose expects.
func (l *lane) take(m *Message) (answered func(*Message), ours bool) {
	if m.Kind != Answer {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for call, answered := range l.expected {
		if canonical(m.ID) == canonical(call.ID) && m.answers(call) {
			delete(l.expected, call)
			return answered, true
		}
	}
	return nil, false
}

// request sends m and waits until answered has dealt with its answer, before anything that the upstream says next;
// false if ctx ended first.
func (l *lane) request(ctx context.Context, m *Message, answered func(*Message)) bool {
	done := make(chan struct{})
	l.expect(m, func(answer *Message) {
		answered(answer)
		close(done)
	})
	l.Upstream.Send(m)
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// replay tells the lane what it has missed, on the editor's behalf.
func (l *lane) replay(list []*Message) {
	for _, m := range list {
		if m.Kind == Call {
			l.expect(m, nil)
		}
		l.Upstream.Send(m)
	}
}

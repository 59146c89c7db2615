package sandbox

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// tape is the answer to a request that is carried out, recorded as it comes: an [http.ResponseWriter] to write to and a
// recording that any number of readers follow.
type tape struct {
	ended chan struct{} // closed when the answer is complete

	header http.Header // the writer's, until started

	mu      sync.Mutex
	started bool
	status  int
	sent    http.Header
	body    []byte
	over    bool
	change  chan struct{} // closed and replaced whenever something happens
}

// play carries a request out and records its answer. What is carried out ends with ctx.
func (s *Sandbox) play(ctx context.Context, r *http.Request, in incoming) *tape {
	t := &tape{ended: make(chan struct{}), header: http.Header{}, change: make(chan struct{})}
	if !s.enter() {
		t.WriteHeader(http.StatusServiceUnavailable)
		t.end()
		return t
	}
	go func() {
		defer s.active.Done()
		defer t.end()
		ctx, cancel := s.bind(ctx)
		defer cancel()
		s.route(t, r.WithContext(ctx), in)
	}()
	return t
}

func (t *tape) Header() http.Header { return t.header }

func (t *tape) WriteHeader(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start(status)
}

func (t *tape) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start(http.StatusOK)
	t.body = append(t.body, data...)
	t.wake()
	return len(data), nil
}

// Flush is there because the SDK flushes what it writes; readers see everything at once anyway.
func (t *tape) Flush() {}

func (t *tape) start(status int) {
	if !t.started {
		t.started, t.status, t.sent = true, status, maps.Clone(t.header)
		t.wake()
	}
}

func (t *tape) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start(http.StatusOK)
	t.over = true
	t.wake()
	close(t.ended)
}

func (t *tape) wake() {
	close(t.change)
	t.change = make(chan struct{})
}

// follow waits until the recording passes offset, or is over, and returns what is there. ok is false when ctx ended first.
func (t *tape) follow(ctx context.Context, offset int) (more []byte, over, ok bool) {
	for {
		t.mu.Lock()
		more, over = t.body[min(offset, len(t.body)):], t.over
		change := t.change
		t.mu.Unlock()
		if len(more) > 0 || over {
			return more, over, true
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, false, false
		}
	}
}

// head waits for status and headers, and copies them to w without a length.
func (t *tape) head(ctx context.Context, w http.ResponseWriter) (status int, ok bool) {
	for {
		t.mu.Lock()
		started, change := t.started, t.change
		if started {
			maps.Copy(w.Header(), t.sent)
			w.Header().Del("Content-Length")
		}
		status = t.status
		t.mu.Unlock()
		if started {
			return status, true
		}
		select {
		case <-change:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// isStream reports whether the answer is an event stream; its headers must have come.
func (t *tape) isStream() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.HasPrefix(t.sent.Get("Content-Type"), "text/event-stream")
}

// all waits for the whole body.
func (t *tape) all() []byte {
	<-t.ended
	return t.body
}

// blocks yields an event stream in blocks, each with the blank line that ends it, and any other body as one block. It stops
// early when ctx ends; then it reports false.
func (t *tape) blocks(ctx context.Context, yield func(block []byte) bool) bool {
	if !t.isStream() {
		select {
		case <-t.ended:
			yield(t.body)
			return true
		case <-ctx.Done():
			return false
		}
	}
	offset := 0
	var pending []byte
	for {
		more, over, ok := t.follow(ctx, offset)
		if !ok {
			return false
		}
		offset += len(more)
		pending = append(pending, more...)
		for {
			end := bytes.Index(pending, []byte("\n\n"))
			if end < 0 {
				break
			}
			if !yield(pending[:end+2]) {
				return true
			}
			pending = pending[end+2:]
		}
		if over {
			if len(pending) > 0 {
				yield(pending)
			}
			return true
		}
	}
}

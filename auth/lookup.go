package auth

import (
	"context"
	"sync"
	"time"
)

// slowPause is how long a source that may ask a person is left alone after it has answered.
const slowPause = 30 * time.Second

// A lookup asks a source that may ask a person: once at a time, and not again for a while.
type lookup struct {
	mu      sync.Mutex
	last    reading
	at      time.Time     // when last was answered
	pending chan struct{} // closed with the answer that is awaited
	missed  bool          // somebody gave up waiting for pending
	late    bool          // last came after somebody had given up, and nobody has taken it yet
}

// ask returns what the source holds, or false if it has not answered within patience, of which 0 is endless, or before ctx
// ends. A question that somebody else has given up on is not waited for again.
func (l *lookup) ask(ctx context.Context, patience time.Duration, source func() reading) (reading, bool) {
	l.mu.Lock()
	switch {
	case l.pending != nil && l.missed:
		l.mu.Unlock()
		return reading{}, false
	case l.pending == nil && !l.at.IsZero() && time.Since(l.at) < slowPause:
		defer l.mu.Unlock()
		l.late = false
		return l.last, true
	case l.pending == nil:
		l.pending = make(chan struct{})
		go l.answer(source)
	}
	pending := l.pending
	l.mu.Unlock()

	var over <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-pending:
	case <-over:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == pending {
		l.missed = true
		return reading{}, false
	}
	l.late = false
	return l.last, true
}

func (l *lookup) answer(source func() reading) {
	r := source()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.at = r, time.Now()
	l.late, l.missed = l.missed, false
	close(l.pending)
	l.pending = nil
}

// isLate reports whether there is an answer that nobody has taken yet.
func (l *lookup) isLate() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late
}

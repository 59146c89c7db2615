package proxy

import (
	"context"
	"sync"
	"time"
)

// patience is how long a call waits for the notifications that came before it.
const patience = 2 * time.Second

// order keeps messages from overtaking: notifications go out one after the other, calls go out side by
// side but after the notifications before them, and nothing of a session goes out before initialize
// is answered, even if the editor does not wait for that.
type order struct {
	mu      sync.Mutex
	last    <-chan struct{} // closed when the last notification is out
	opening <-chan struct{} // closed when the last initialize is answered
}

// A turn is when one message may go out.
type turn struct {
	opening, before <-chan struct{}
	patience        time.Duration // 0 is endless
	// done lets out what waits for this message. It is nil if nothing does.
	done func()
}

func (o *order) notification() turn {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := turn{opening: o.opening, before: o.last}
	o.last, t.done = latch()
	return t
}

func (o *order) call(m *Message) turn {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := turn{opening: o.opening, before: o.last, patience: patience}
	switch {
	case m.Modern():
		t.opening = nil
	case m.Method == "initialize":
		o.opening, t.done = latch()
	}
	return t
}

// latch is a channel and what closes it; to close it again does nothing.
func latch() (<-chan struct{}, func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

func (t turn) wait(ctx context.Context) {
	if t.opening != nil {
		select {
		case <-t.opening:
		case <-ctx.Done():
		}
	}
	if t.before == nil {
		return
	}
	select {
	case <-t.before:
		return // no timer is needed where nothing is waited for, which is nearly always
	default:
	}
	var enough <-chan time.Time
	if t.patience > 0 {
		timer := time.NewTimer(t.patience)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-t.before:
	case <-enough:
	case <-ctx.Done():
	}
}

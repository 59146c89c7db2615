package proxy

import (
	"context"
	"slices"
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

// mostCalls is how many calls are with LeadMagic at once. Each has a connection of its own where LeadMagic does not
// speak HTTP/2.
const mostCalls = 128

// places bounds how many calls are with LeadMagic at once; the others wait in the order in which they came.
type places struct {
	mu     sync.Mutex
	taken  int
	queue  []*place
	closed bool
}

// A place is one call's, in the queue or with LeadMagic. A nil place is that of a call that is not counted.
type place struct {
	of    *places
	ready chan struct{} // closed when the call may go
	left  bool
}

// enter gives a call its place, behind those before it.
func (ps *places) enter() *place {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := &place{of: ps, ready: make(chan struct{})}
	ps.queue = append(ps.queue, p)
	ps.advance()
	return p
}

func (ps *places) advance() {
	for !ps.closed && ps.taken < mostCalls && len(ps.queue) > 0 {
		ps.taken++
		close(ps.queue[0].ready)
		ps.queue = ps.queue[1:]
	}
}

// close lets nothing more go.
func (ps *places) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed = true
}

// wait waits until the call may go, or ctx ends.
func (p *place) wait(ctx context.Context) {
	if p == nil {
		return
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
}

// leave makes room for another call. It may be called again, and before the call has gone.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	select {
	case <-p.ready:
		p.of.taken--
		p.of.advance()
	default:
		p.of.queue = slices.DeleteFunc(p.of.queue, func(other *place) bool { return other == p })
	}
}

package proxy

import (
	"context"
	"sync"
	"time"
)

// patience is how long a call waits for the notifications that came before it.
const patience = 2 * time.Second

// order keeps what must not overtake: notifications go out one after the other, calls go out side by
// side but behind the notifications before them, and nothing of a session goes out before initialize
// is answered, even if the editor does not wait for that.
type order struct {
	mu      sync.Mutex
	last    chan struct{} // closed when the last notification is out
	opening chan struct{} // closed when initialize is answered, nil if none was sent
	out     sync.WaitGroup
}

// A turn is when one message may go out.
type turn struct {
	opening, before <-chan struct{}
	patience        time.Duration // 0 is endless
	done            func()
}

func (o *order) notification() turn {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := turn{opening: o.opening, before: o.last}
	mine := make(chan struct{})
	o.last = mine
	o.out.Add(1)
	t.done = func() {
		close(mine)
		o.out.Done()
	}
	return t
}

// answer is the turn of an answer to a question of LeadMagic: at once.
func (o *order) answer() turn {
	o.out.Add(1)
	return turn{done: o.out.Done}
}

func (o *order) call(m *Message) turn {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := turn{opening: o.opening, before: o.last, patience: patience}
	if m.Modern() {
		t.opening = nil
	}
	if m.Method == "initialize" {
		o.opening = make(chan struct{})
	}
	return t
}

// opened lets out what waits for initialize.
func (o *order) opened() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opening != nil {
		close(o.opening)
		o.opening = nil
	}
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

// settle waits until the notifications and answers on their way are out, or ctx ends.
func (o *order) settle(ctx context.Context) {
	settled := make(chan struct{})
	go func() {
		o.out.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

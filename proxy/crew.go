package proxy

import (
	"context"
	"sync"
	"time"
)

// spareFor is how long a goroutine without work waits for some. A call needs a deep stack, and a goroutine
// that has one already is worth keeping for the next call.
const spareFor = 10 * time.Second

// A crew is goroutines that are waited for together. The zero crew has none, and takes on any.
type crew struct {
	mu     sync.Mutex
	work   chan func()   // to a spare goroutine
	over   chan struct{} // closed when the crew is dismissed
	closed bool
	busy   sync.WaitGroup
}

// start does the work in a goroutine of the crew, unless the crew was dismissed.
func (c *crew) start(work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.work == nil {
		c.work, c.over = make(chan func()), make(chan struct{})
	}
	c.busy.Add(1)
	select {
	case c.work <- work:
	default:
		go c.serve(work)
	}
}

// serve does one piece of work after another until there has been none for a while.
func (c *crew) serve(work func()) {
	timer := time.NewTimer(spareFor)
	defer timer.Stop()
	for {
		work()
		c.busy.Done()
		timer.Reset(spareFor)
		select {
		case work = <-c.work:
		case <-timer.C:
			return
		case <-c.over:
			return
		}
	}
}

// dismiss starts nothing more and waits for what is under way, as long as ctx lasts.
func (c *crew) dismiss(ctx context.Context) {
	c.mu.Lock()
	if !c.closed && c.over != nil {
		close(c.over)
	}
	c.closed = true
	c.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		c.busy.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

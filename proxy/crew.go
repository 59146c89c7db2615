package proxy

import (
	"context"
	"sync"
)

// A crew is goroutines that are waited for together. The zero crew has none, and takes on any.
type crew struct {
	mu     sync.Mutex
	closed bool
	busy   sync.WaitGroup
}

// start runs work in a goroutine of the crew, unless the crew was dismissed.
func (c *crew) start(work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.busy.Go(work)
	}
}

// dismiss starts nothing more and waits for what is under way, as long as ctx lasts.
func (c *crew) dismiss(ctx context.Context) {
	c.mu.Lock()
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

package streamable

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallMessage is how large a message may be without a reservation.
	smallMessage = 1 << 20
	// memoryFor is how long a large message waits for others to give memory back.
	memoryFor = time.Minute
	// returnAfter is how long after the last large message its memory is given back to the system.
	returnAfter = 2 * time.Second
)

var errNoMemory = errors.New("other large messages have all the memory that messages may have")

// memory bounds what one message holds to most bytes, and what all large ones hold together to twice as much. Half of it is shared; a message that needs more
// than is left there waits for the other half, which one message has at a time. So one can always go on, and messages
// that each hold a part cannot wait for each other for ever.
type memory struct {
	most   int // bytes of one message
	shared *semaphore.Weighted
	extra  chan struct{}

	mu     sync.Mutex
	timer  *time.Timer // gives memory back to the system
	closed bool
}

func newMemory(most int) memory {
	return memory{most: most, shared: semaphore.NewWeighted(int64(most)), extra: make(chan struct{}, 1)}
}

// released is called when a message has given its memory back.
func (m *memory) released() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if m.timer == nil {
		m.timer = time.AfterFunc(returnAfter, debug.FreeOSMemory)
	}
	m.timer.Reset(returnAfter)
}

func (m *memory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.timer != nil {
		m.timer.Stop()
	}
}

// A reservation is the memory that one message holds. It is for one goroutine, except that release may follow in another.
type reservation struct {
	memory *memory
	ctx    context.Context //nolint:containedctx // of the message
	size   int64
	extra  bool // it has the other half, and not size
}

// grow makes sure that size bytes are reserved. It waits for others if need be.
func (r *reservation) grow(size int) error {
	switch {
	case size > r.memory.most:
		return errTooLarge
	case size <= smallMessage, int64(size) <= r.size:
		return nil
	}
	if !r.extra {
		want := int64(smallMessage)
		for want < int64(size) {
			want *= 2
		}
		want = min(want, int64(r.memory.most))
		if r.memory.shared.TryAcquire(want - r.size) {
			r.size = want
			return nil
		}
		ctx, stop := context.WithTimeoutCause(r.ctx, memoryFor, errNoMemory)
		defer stop()
		select {
		case r.memory.extra <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r.memory.shared.Release(r.size)
		r.extra = true
	}
	r.size = int64(r.memory.most)
	return nil
}

// release gives everything back.
func (r *reservation) release() {
	if r.size == 0 {
		return
	}
	if r.extra {
		<-r.memory.extra
	} else {
		r.memory.shared.Release(r.size)
	}
	r.size, r.extra = 0, false
	r.memory.released()
}

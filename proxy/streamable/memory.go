package streamable

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallMessage is how large a message may be without a reservation.
	smallMessage = 1 << 20
	// mediumMessage is what a larger one of unknown size reserves first.
	mediumMessage = 16 << 20
	// memoryFor is how long a message waits for others to give memory back.
	memoryFor = time.Minute
)

// memory bounds what one message holds to most bytes, and what all hold together to twice as much: one half is for
// medium messages, the other for large ones. A message goes from the one half to the other as it grows, and never back, so
// that messages which each hold a part cannot wait for each other for ever.
type memory struct {
	most          int
	medium, large *semaphore.Weighted
}

func newMemory(most int) memory {
	return memory{most: most, medium: semaphore.NewWeighted(int64(most)), large: semaphore.NewWeighted(int64(most))}
}

// A reservation is the memory that one message holds.
type reservation struct {
	memory        *memory
	ctx           context.Context //nolint:containedctx // of the message
	medium, large int64
}

func (r *reservation) isEmpty() bool { return r.medium+r.large == 0 }

// grow reserves what a message of size bytes needs, and waits for others if need be. known says that the message does not
// grow any more.
func (r *reservation) grow(size int, known bool) error {
	switch {
	case size > r.memory.most:
		return errTooLarge
	case size <= smallMessage, int64(size) <= r.medium, r.large > 0:
		return nil
	}
	half, reserved, need := r.memory.medium, &r.medium, int64(mediumMessage)
	if size > mediumMessage {
		half, reserved, need = r.memory.large, &r.large, int64(r.memory.most)
	}
	if need = min(need, int64(r.memory.most)); known {
		need = min(need, int64(size))
	}
	ctx, stop := context.WithTimeoutCause(r.ctx, memoryFor, errNoMemory)
	defer stop()
	if half.Acquire(ctx, need) != nil {
		return context.Cause(ctx)
	}
	*reserved = need
	return nil
}

// release gives everything back.
func (r *reservation) release() {
	if r.isEmpty() {
		return
	}
	if r.large > 0 {
		runtime.GC() // or this one would still be in memory beside the next
	}
	r.memory.medium.Release(r.medium)
	r.memory.large.Release(r.large)
	r.medium, r.large = 0, 0
}

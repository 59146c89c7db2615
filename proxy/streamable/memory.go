package streamable

import (
	"context"
	"slices"
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

func (r *reservation) isEmpty() bool { return r.medium == 0 && r.large == 0 }

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
	if half.Acquire(ctx, need-*reserved) != nil {
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
	r.memory.medium.Release(r.medium)
	r.memory.large.Release(r.large)
	r.medium, r.large = 0, 0
}

// chunks collect a message of unknown size, in memory that is reserved as it comes, without copying all of it each time
// that room is short.
type chunks struct {
	held *reservation
	full [][]byte
	last []byte
	size int // of full
}

// largestChunk is how far one chunk grows beyond those before it.
const largestChunk = 1 << 20

func (c *chunks) len() int { return c.size + len(c.last) }

// write adds a copy of b.
func (c *chunks) write(b []byte) error {
	for len(b) > 0 {
		n := copy(c.room(len(b)+1), b) // a line break follows
		if err := c.advance(n); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// room is where bytes may be written next, at least one; advance then says how many were. want is how many are expected.
func (c *chunks) room(want int) []byte {
	if len(c.last) == cap(c.last) {
		if c.last != nil {
			want = max(want, min(2*cap(c.last), largestChunk))
			c.full = append(c.full, c.last)
			c.size += len(c.last)
		}
		c.last = make([]byte, 0, want)
	}
	return c.last[len(c.last):cap(c.last)]
}

// advance says that n bytes were written into the last room.
func (c *chunks) advance(n int) error {
	c.last = c.last[:len(c.last)+n]
	return c.held.grow(c.len(), false)
}

// bytes is all bytes in one, nil if there are none.
func (c *chunks) bytes() []byte {
	if len(c.full) == 0 {
		return c.last
	}
	all := slices.Concat(append(c.full, c.last, []byte("\n"))...) // the line break that follows a message
	return all[:len(all)-1]
}

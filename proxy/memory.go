package proxy

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// What is held at once of LeadMagic's messages, 512 MiB together: half for those of middle size, half for large ones. A
// message of unknown size goes from one half to the other as it grows, and never back, so that one can always be read on.
const (
	smallMessage  = 1 << 20  // is not counted
	middleMessage = 16 << 20 // what a message of unknown size reserves when it is no small one
	heldAtOnce    = 256 << 20
	// roomFor is how long a message waits for those before it.
	roomFor = 60 * time.Second
)

var errNoRoom = errors.New("too many large messages of LeadMagic's are held at once")

// A memory bounds what is held of large messages.
type memory struct {
	once          sync.Once
	middle, large *semaphore.Weighted
	reclaim       reclaim
}

// A room is what one message has reserved. The zero room belongs to no memory, and reserves nothing.
type room struct {
	of            *memory
	middle, large int64
}

// grow reserves what a message of so many bytes needs. known says that it does not grow any more.
func (h *room) grow(ctx context.Context, size int64, known bool) error {
	if h.of == nil || size <= smallMessage || size <= h.middle || h.large > 0 {
		return nil
	}
	h.of.once.Do(func() {
		h.of.middle, h.of.large = semaphore.NewWeighted(heldAtOnce), semaphore.NewWeighted(heldAtOnce)
	})
	half, reserved, need := h.of.middle, &h.middle, int64(middleMessage)
	if size > middleMessage {
		half, reserved, need = h.of.large, &h.large, heldAtOnce
	}
	if known {
		need = min(size, need)
	}
	waiting, stop := context.WithTimeout(ctx, roomFor)
	defer stop()
	if half.Acquire(waiting, need) != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errNoRoom
	}
	*reserved = need
	return nil
}

// release gives back what is reserved.
func (h *room) release() {
	if h.middle+h.large == 0 {
		return
	}
	if h.large > 0 {
		runtime.GC() // or the next one would lie beside what is left of this one
	}
	h.of.middle.Release(h.middle)
	h.of.large.Release(h.large)
	h.middle, h.large = 0, 0
	h.of.reclaim.soon()
}

// reclaimPause is how long no large message was under way before its memory is given back to the system.
const reclaimPause = 2 * time.Second

// A reclaim gives the memory of large messages back to the system: the garbage collector alone keeps it for minutes.
type reclaim struct {
	mu    sync.Mutex
	timer *time.Timer
}

// soon is called when a large message is done with.
func (r *reclaim) soon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		r.timer = time.AfterFunc(reclaimPause, debug.FreeOSMemory)
		return
	}
	r.timer.Reset(reclaimPause)
}

func (r *reclaim) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
	}
}

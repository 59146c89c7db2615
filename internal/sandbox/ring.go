package sandbox

import "sync"

// maxRingBytes bounds what one ring holds, whatever its length: a hundred thousand calls must not grow the process.
const maxRingBytes = 32 << 20

// ring keeps the newest items, at most limit of them and at most [maxRingBytes] together, and counts all that passed.
type ring[T any] struct {
	limit  int
	weight func(T) int

	mu     sync.Mutex
	items  []T
	bytes  int
	passed int
}

func newRing[T any](limit int, weight func(T) int) *ring[T] {
	return &ring[T]{limit: limit, weight: weight}
}

// push adds an item and forgets the oldest ones beyond the bounds. It returns the item's number, for update.
func (r *ring[T]) push(item T) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := r.passed
	r.passed++
	if r.limit <= 0 {
		return number
	}
	r.items = append(r.items, item)
	r.bytes += r.weight(item)
	for len(r.items) > r.limit || (r.bytes > maxRingBytes && len(r.items) > 1) {
		r.bytes -= r.weight(r.items[0])
		var none T
		r.items[0] = none // the backing array lives on until append moves it
		r.items = r.items[1:]
	}
	return number
}

// update changes the item with that number, if it is still kept. The change must not alter its weight.
func (r *ring[T]) update(number int, change func(*T)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := number - (r.passed - len(r.items)); r.limit > 0 && i >= 0 && i < len(r.items) {
		change(&r.items[i])
	}
}

// all returns a copy of the items kept, oldest first.
func (r *ring[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]T(nil), r.items...)
}

// count is the number of items that were ever pushed.
func (r *ring[T]) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed
}

package proxy

import (
	"context"
	"slices"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// A request is one request of the editor's that has no response yet.
type request struct {
	*jsonrpc.Message
	cancel context.CancelCauseFunc // ends the context of its Call
	slot   chan struct{}           // closed when it may be sent; nil if it needs none, or has given it back
	batch  *batch                  // the array that it came in, nil if it came alone
}

// pending is the requests without a response, by id. A request is removed exactly once, and only the goroutine that
// removed it may respond to it: so each request gets exactly one response.
type pending struct {
	mu   sync.Mutex
	byID byID[*request]
	open sync.WaitGroup // requests whose response is not written, except subscriptions
}

func (p *pending) add(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID.add(r.ID, r)
	if !r.IsSubscription() {
		p.open.Add(1)
	}
}

// remove removes r, and reports whether it was there.
func (p *pending) remove(r *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, was := p.byID.remove(r.ID, func(other *request) bool { return other == r })
	return was
}

// removeCancelled removes the oldest request that the notification cancel may mean; nil if there is none. An editor that
// goes from one protocol mode to the other may count its ids anew. An initialize cannot be cancelled: whatever follows
// needs it. Source: MCP 2025-11-25, Cancellation.
func (p *pending) removeCancelled(cancel *jsonrpc.Message) *request {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, _ := p.byID.remove(jsonrpc.Get(cancel.Params, "requestId"), func(r *request) bool {
		return r.Method != "initialize" && (!cancel.Stateless() || r.Stateless())
	})
	return r
}

// finish says that the response to r, which was removed, is written, or that none will be.
func (p *pending) finish(r *request) {
	if !r.IsSubscription() {
		p.open.Done()
	}
}

// byID is what waits for responses, by the ids of the requests. An id may be there more than once.
type byID[T any] map[string][]T

func (m byID[T]) add(id []byte, value T) {
	key := jsonrpc.NormalizeID(id)
	m[key] = append(m[key], value)
}

// remove removes the oldest of an id that matches, and reports whether there was one.
func (m byID[T]) remove(id []byte, match func(T) bool) (value T, was bool) {
	key := jsonrpc.NormalizeID(id)
	list := m[key]
	i := slices.IndexFunc(list, match)
	if i < 0 {
		return value, false
	}
	value = list[i]
	if m[key] = slices.Delete(list, i, i+1); len(list) == 1 {
		delete(m, key)
	}
	return value, true
}

// batchVersion is the one protocol version that has batches.
const batchVersion = "2025-03-26"

// A batch is an array of messages from the editor. Its responses go back in one array.
// Source: JSON-RPC 2.0 §6; MCP 2025-03-26, the only revision with batches.
type batch struct {
	mu        sync.Mutex
	open      int    // messages without a response, and not known to have none
	responses []byte // with a comma before each
}

// add adds a response, or nil for a message that has none. It returns the array when it is complete, unless it is empty.
func (b *batch) add(response []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if response != nil {
		b.responses = append(append(b.responses, ','), response...)
	}
	if b.open > 0 || len(b.responses) == 0 {
		return nil
	}
	b.responses[0] = '['
	return append(b.responses, ']')
}

// mostRequests is how many requests are with LeadMagic at once.
const mostRequests = 128

// slots lets a number of requests through at once, in the order in which they entered.
type slots struct {
	mu    sync.Mutex
	free  int
	queue []chan struct{}
}

// noWait is a closed channel, for a request that need not wait.
var noWait = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// enter gives r a slot, and is a channel that is closed when there is room. leave must follow in any case.
func (s *slots) enter(r *request) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.slot = noWait; s.free > 0 {
		s.free--
	} else {
		r.slot = make(chan struct{})
		s.queue = append(s.queue, r.slot)
	}
	return r.slot
}

// leave gives the slot of r back, unless that was done or there is none.
func (s *slots) leave(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := r.slot
	r.slot = nil
	if slot == nil {
		return
	}
	select {
	case <-slot:
	default: // it still waits
		s.queue = slices.DeleteFunc(s.queue, func(other chan struct{}) bool { return other == slot })
		return
	}
	if len(s.queue) == 0 {
		s.free++
		return
	}
	close(s.queue[0])
	s.queue = s.queue[1:]
}

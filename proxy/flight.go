package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A flight is one call on its way, from the editor's line to the answer.
type flight struct {
	call *Message
	ctx  context.Context //nolint:containedctx // the life of the call
	stop context.CancelFunc
	// session is the one to use whatever the current one is; nil for the current one.
	session *remoteSession

	offered string        // the session id that came with the answer
	lastID  string        // of the last event, where the stream goes on
	retry   time.Duration // how long LeadMagic wants us to wait before that

	mu       sync.Mutex
	departed bool // some of it may be written
	called   bool // off, by the editor
}

var errToolTimeout = errors.New("tool timeout")

func (f *flight) timedOut() bool { return errors.Is(context.Cause(f.ctx), errToolTimeout) }

// depart notes that the call is about to be written. It must not be if the editor has called it off.
func (f *flight) depart() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.departed = true
	return !f.called
}

// callOff notes that the editor does not want the answer, and reports whether LeadMagic may know of the call.
func (f *flight) callOff() (departed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called = true
	return f.departed
}

func (f *flight) calledOff() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.called
}

// flights are the calls on their way, by id. An editor may use an id twice at once; it should not.
type flights struct {
	mu   sync.Mutex
	byID map[string][]*flight
}

func (fs *flights) begin(ctx context.Context, call *Message, timeout time.Duration) *flight {
	f := &flight{call: call}
	if timeout > 0 {
		f.ctx, f.stop = context.WithTimeoutCause(ctx, timeout, errToolTimeout)
	} else {
		f.ctx, f.stop = context.WithCancel(ctx)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.byID == nil {
		fs.byID = make(map[string][]*flight)
	}
	id := key(call.ID)
	fs.byID[id] = append(fs.byID[id], f)
	return f
}

func (fs *flights) end(f *flight) {
	f.stop()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	id := key(f.call.ID)
	list := fs.byID[id]
	for i := range list {
		if list[i] == f {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(fs.byID, id)
	} else {
		fs.byID[id] = list
	}
}

func (fs *flights) find(id []byte) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if list := fs.byID[key(id)]; len(list) > 0 {
		return list[0]
	}
	return nil
}

// lateAnswer is how long the answer to a cancelled call is still listened for, though nobody gets it: the
// credits it speaks of were used.
const lateAnswer = 30 * time.Second

// abort carries a cancellation to where the call is. In the modern era that is the end of its stream.
// Source: MCP 2026-07-28, Cancellation.
func (r *Remote) abort(cancel *Message) {
	f := r.flights.find(find(cancel.Params, "requestId"))
	if f == nil {
		return
	}
	if departed := f.callOff(); !departed || f.call.Modern() {
		f.stop()
		return
	}
	time.AfterFunc(lateAnswer, f.stop)
	turn := r.order.notification()
	go func() {
		defer turn.done()
		turn.wait(r.ctx)
		r.inform(&flight{call: cancel, ctx: r.ctx})
	}()
}

// giveUp tells LeadMagic that nobody waits for a call any more.
func (r *Remote) giveUp(f *flight) {
	if f.call.Modern() {
		return
	}
	cancel := compose(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`, f.call.ID,
		`,"reason":"it took longer than --tool-timeout allows"}}`)
	turn := r.order.notification()
	go func() {
		defer turn.done()
		r.inform(&flight{call: cancel, ctx: r.ctx})
	}()
}

package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A flight is one message on its way, from the editor's line to the answer.
type flight struct {
	asked *Message        // as the editor sent it, nil if it did not
	call  *Message        // as it goes out
	ctx   context.Context //nolint:containedctx // the life of the call
	end   context.CancelCauseFunc
	// session is the one to use whatever the current one is; nil for the current one.
	session *remoteSession
	turn    turn
	place   *place

	offered string // the session id that came with the answer

	mu     sync.Mutex
	parcel *parcel // the POST that LeadMagic may be working on, nil if there is none
	off    bool    // called off by the editor
	landed bool    // answered
}

var errToolTimeout = errors.New("tool timeout")

func (f *flight) stop() { f.end(nil) }

// expireAfter ends the call when it has taken so long; 0 is no bound. The result stops the clock.
func (f *flight) expireAfter(timeout time.Duration) (stop func()) {
	if timeout == 0 {
		return func() {}
	}
	timer := time.AfterFunc(timeout, func() { f.end(errToolTimeout) })
	return func() { timer.Stop() }
}

func (f *flight) timedOut() bool { return errors.Is(context.Cause(f.ctx), errToolTimeout) }

// load is what to send, nil if the editor has called the call off.
func (f *flight) load() *parcel {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return nil
	}
	f.parcel = &parcel{raw: f.call.Raw}
	return f.parcel
}

// unload notes that LeadMagic is not working on the call: it was not sent, or refused.
func (f *flight) unload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parcel = nil
}

// known reports whether LeadMagic may know of the call. If not, it never will.
func (f *flight) known() bool { return f.parcel != nil && !f.parcel.recall() }

// callOff notes that the editor does not want the answer, and reports whether LeadMagic may know of the call.
func (f *flight) callOff() (known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	return f.known()
}

// expire reports whether LeadMagic may know of a call that took too long.
func (f *flight) expire() (known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known()
}

func (f *flight) calledOff() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.off
}

// land notes that the call is answered, and reports whether the answer comes too late for the editor.
func (f *flight) land() (late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	return f.off
}

// canCallOff reports whether the call is neither called off nor answered yet.
func (f *flight) canCallOff() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.off && !f.landed
}

// flights are the calls on their way, by id. An editor may use an id twice at once; it should not.
type flights struct {
	mu   sync.Mutex
	byID map[string][]*flight
}

func (fs *flights) begin(ctx context.Context, call *Message) *flight {
	f := &flight{call: call}
	f.ctx, f.end = context.WithCancelCause(ctx)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.byID == nil {
		fs.byID = make(map[string][]*flight)
	}
	id := canonical(call.ID)
	fs.byID[id] = append(fs.byID[id], f)
	return f
}

func (fs *flights) end(f *flight) {
	f.stop()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	id := canonical(f.call.ID)
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

// has reports whether a call with that id is on its way.
func (fs *flights) has(id []byte) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.byID[canonical(id)]) > 0
}

// find is the oldest call that waits for its answer and is meant by cancel, or nil.
func (fs *flights) find(cancel *Message) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.byID[canonical(find(cancel.Params, "requestId"))] {
		if f.canCallOff() && cancel.callsOff(f.call) {
			return f
		}
	}
	return nil
}

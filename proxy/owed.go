package proxy

import (
	"slices"
	"sync"
	"time"
)

// A debt is one call that the editor is owed an answer to.
type debt struct {
	call  *Message
	batch *batch      // the array the call came in, nil if it came alone
	timer *time.Timer // answers in LeadMagic's stead, nil if nothing does

	charge *charge        // what the call may cost, nil if nobody counts it
	ours   func(*Message) // takes the answer to a call that is not the editor's, nil if it is the editor's
}

// owed are the calls that wait for an answer, by id. It is what makes the answers exactly one per call:
// whoever takes a debt out must pay and close it, and whoever finds none has nothing to say.
type owed struct {
	mu    sync.Mutex
	debts map[string][]*debt
	due   int           // not closed, except those that stay open as long as the session does
	paid  chan struct{} // has a token when a debt was closed
}

func newOwed() *owed {
	return &owed{debts: make(map[string][]*debt), paid: make(chan struct{}, 1)}
}

func (o *owed) add(d *debt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := canonical(d.call.ID)
	o.debts[id] = append(o.debts[id], d)
	if !isSubscription(d.call) {
		o.due++
	}
}

// take takes out the oldest debt with that id whose call is meant; nil if there is none.
func (o *owed) take(raw []byte, meant func(call *Message) bool) *debt {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := canonical(raw)
	for _, d := range o.debts[id] {
		if meant(d.call) {
			o.remove(id, d)
			return d
		}
	}
	return nil
}

// forgive takes out d, if it is still owed.
func (o *owed) forgive(d *debt) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := canonical(d.call.ID)
	if !slices.Contains(o.debts[id], d) {
		return false
	}
	o.remove(id, d)
	return true
}

func (o *owed) remove(id string, d *debt) {
	list := o.debts[id]
	if len(list) == 1 {
		delete(o.debts, id)
	} else {
		kept := make([]*debt, 0, len(list)-1)
		for _, other := range list {
			if other != d {
				kept = append(kept, other)
			}
		}
		o.debts[id] = kept
	}
	if d.timer != nil {
		d.timer.Stop()
	}
}

// close notes that the answer to d is out, or that none will come. A session does not end before that.
func (o *owed) close(d *debt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !isSubscription(d.call) {
		o.due--
	}
	select {
	case o.paid <- struct{}{}:
	default:
	}
}

// count is how many answers an editor that has closed its side still waits for.
func (o *owed) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.due
}

// all takes out everything.
func (o *owed) all() []*debt {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []*debt
	for id, debts := range o.debts {
		for _, d := range debts {
			list = append(list, d)
			o.remove(id, d)
		}
	}
	return list
}

// isSubscription reports whether a call is answered only at its own end, like a subscription.
func isSubscription(call *Message) bool { return call.Method == "subscriptions/listen" }

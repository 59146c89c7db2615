package proxy

import "time"

// lateAnswer is how long the answer to a cancelled call is still listened for, though the editor does not
// get it: the credits it speaks of were used.
const lateAnswer = 30 * time.Second

const cancelled = "notifications/cancelled"

// abort carries a cancellation to where the call is. In the modern era that is the end of its stream.
// Source: MCP 2026-07-28, Cancellation.
func (r *Remote) abort(cancel *Message) {
	f := r.flights.find(cancel)
	if f == nil {
		return
	}
	if known := f.callOff(); !known || f.call.Modern() {
		f.stop()
		return
	}
	f.place.leave() // LeadMagic is told to stop; what is still listened for is not counted
	r.crew.start(func() {
		if sleep(f.ctx, lateAnswer) {
			f.stop()
		}
	})
	r.notify(cancel)
}

// giveUp is the answer to a call that took longer than it may. LeadMagic is told that nobody waits for it.
func (r *Remote) giveUp(f *flight) *Message {
	known := f.expire()
	if known && !f.call.Modern() && f.call.Method != "initialize" {
		r.notify(compose(`{"jsonrpc":"2.0","method":"`+cancelled+`","params":{"requestId":`, f.call.ID,
			`,"reason":"it took too long"}}`))
	}
	return f.call.failed(overdue(f.call, known))
}

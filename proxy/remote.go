package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// A Remote is LeadMagic's hosted MCP server, reached over Streamable HTTP. A message is a POST, and its
// answer a body or an event stream. Source: MCP 2025-11-25 and 2026-07-28, Transports.
type Remote struct {
	// URL is the MCP endpoint.
	URL *url.URL
	// Dial makes a client with connections of its own. Its transport adds the key, and it follows no redirect.
	Dial func() *http.Client
	// ToolTimeout bounds how long a tools/call may take. Zero is no bound.
	ToolTimeout time.Duration
	// ForwardClientMeta leaves the editor's own members in params._meta.
	ForwardClientMeta bool
	Log               *slog.Logger

	handshake *Handshake
	deliver   func(*Message)
	ctx       context.Context //nolint:containedctx // the life of the conversation, ended by Close
	cancel    context.CancelFunc

	link    link
	gate    gate
	order   order
	places  places
	memory  memory
	params  paramHeaders
	flights flights
	session sessions

	posts crew // what goes out without an answer
	crew  crew // all else
}

// Open implements Upstream.
func (r *Remote) Open(h *Handshake, deliver func(*Message)) {
	r.handshake, r.deliver = h, deliver
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.link.dial = r.Dial
}

// Send implements Upstream. Notifications go out one after the other, calls side by side after them, as many as have a
// place.
func (r *Remote) Send(asked *Message) {
	m := r.outgoing(asked)
	switch {
	case m.Method == cancelled:
		r.abort(m)
	case m.Kind == Notification:
		r.notify(m)
	case m.Kind == Answer:
		r.posts.start(func() { r.inform(&flight{call: m, ctx: r.ctx}) })
	default:
		f := r.flights.begin(r.ctx, m)
		f.asked, f.turn = asked, r.order.call(m)
		if m.Method != "initialize" && !isSubscription(m) {
			f.place = r.places.enter()
		}
		r.crew.start(func() {
			defer r.flights.end(f)
			defer f.place.leave()
			f.place.wait(f.ctx)
			defer f.expireAfter(r.timeout(m))()
			f.turn.wait(f.ctx)
			r.answer(f)
		})
	}
}

// outgoing is m as LeadMagic gets it.
func (r *Remote) outgoing(m *Message) *Message {
	if r.ForwardClientMeta {
		return m
	}
	return m.withoutClientMeta()
}

// Close implements Upstream: what was sent is let out, the session is deleted, the rest is dropped. Each
// of the first two has half of the time, so that neither uses up the other's.
func (r *Remote) Close(ctx context.Context) {
	half := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var stop context.CancelFunc
		half, stop = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer stop()
	}
	r.places.close() // a call that ends now makes room for no other
	r.posts.dismiss(half)
	r.delete(ctx, r.session.current())
	r.cancel()
	r.crew.dismiss(ctx)
	r.memory.reclaim.stop()
	r.link.close()
}

// answer carries a call and delivers its answer.
func (r *Remote) answer(f *flight) {
	r.carry(f, func(answer *Message) {
		var begun *remoteSession
		switch {
		case f.call.Method == "initialize" && answer.Result != nil:
			begun = r.opened(f, answer)
		case f.call.Method == "tools/list":
			answer = r.listed(f, answer)
		}
		answer.call, answer.late = f.asked, f.land()
		f.place.leave()
		r.deliver(answer)
		if begun != nil {
			r.stand(begun) // nothing of a session comes before the answer that opens it
		}
		if f.turn.done != nil {
			f.turn.done()
		}
	})
}

// timeout is how long a call may take, 0 for no bound.
func (r *Remote) timeout(m *Message) time.Duration {
	switch {
	case m.Method == "tools/call":
		return r.ToolTimeout
	case m.Method == "initialize":
		return openingFor
	case isRead(m):
		return readFor
	}
	return 0
}

// Package streamable is an MCP client over Streamable HTTP that carries messages as they are: LeadMagic's hosted server
// as an Upstream of package proxy. A request is a loop of attempts (client.go), each a POST whose response is a body or an
// event stream (response.go, events.go). It sees no key, which the transport of its HTTP client adds.
// Source: MCP 2025-11-25 and 2026-07-28, Transports.
package streamable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// lateFor is how long the late response to a cancelled request is waited for: the credits that it speaks of were used.
	lateFor = 30 * time.Second
	// notifyFor bounds how long a notification is tried.
	notifyFor = 30 * time.Second
)

// A Client is a session with an MCP server. URL, Dial and Log must be set.
type Client struct {
	// URL is the MCP endpoint.
	URL *url.URL
	// Dial makes a transport with connections of its own, which adds the key. As in a reverse proxy, no http.Client is
	// around it: a redirect is not followed, and no cookie kept.
	Dial func() http.RoundTripper
	// ToolTimeout bounds how long a tools/call may take. Zero is no bound.
	ToolTimeout time.Duration
	// ForwardClientMeta leaves the editor's own members in params._meta.
	ForwardClientMeta bool
	Log               *slog.Logger

	notify func(*jsonrpc.Message)
	ctx    context.Context //nolint:containedctx // the life of the session, ended by Close
	cancel context.CancelCauseFunc

	connections connections
	limit       ratelimit.Limiter
	params      sync.Map // the arguments of each tool that are headers too: []paramHeader by its name
	state       jsonrpc.SessionState
	memory      memory

	mu      sync.Mutex
	closed  bool
	session *session       // the current one
	renewal *renewal       // the last one, nil if there was none
	sends   sync.WaitGroup // what is sent besides, such as cancellations
	reads   sync.WaitGroup // streams that are read on
	waiting []*exchange    // requests without a response
}

// Start begins a session. It sends nothing.
func (c *Client) Start(notify func(*jsonrpc.Message)) {
	c.notify = notify
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.connections.dial = c.Dial
	c.memory = newMemory(maxMessage)
}

// An exchange is one message on its way to LeadMagic and, if it is a request, its response on the way back.
type exchange struct {
	message *jsonrpc.Message // as it goes out
	ctx     context.Context  //nolint:containedctx // ended when nothing more is to be sent or read
	stop    context.CancelCauseFunc
	// session is the one to use whatever the current one is; nil for the current one.
	session *session
	// elsewhere is the response if it came on the stream of another request.
	elsewhere atomic.Pointer[jsonrpc.Message]
	written   <-chan struct{} // closed when the response is written; nil for a request of our own
	held      reservation     // memory for the response

	sessionID string // that came with the response
	reading   bool   // the stream is read on in the background, which ends ctx

	attempt atomic.Pointer[attempt] // the POST that LeadMagic may be working on, nil if there is none
	over    atomic.Bool             // the request is cancelled: the response is not needed
}

var (
	errTimeout = errors.New("tool timeout")
	errAnother = errors.New("the response came on another stream")
)

// Call sends a request and returns its response. See proxy.Upstream.
func (c *Client) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if ctx.Err() != nil {
		return jsonrpc.Failed(request, problem.NeverSent(ctx))
	}
	x := c.exchange(c.outgoing(request), c.timeout(request))
	c.state.Sent(request)
	x.written = ctx.Done()
	c.register(x)
	unwatch := context.AfterFunc(ctx, func() { c.cancelExchange(x, context.Cause(ctx)) })
	response := c.send(x)
	unwatch()
	c.unregister(x)
	switch {
	case request.Method == "initialize" && response.Result != nil:
		c.begin(x, response)
	case request.Method == "tools/list":
		unwatch = context.AfterFunc(ctx, func() { x.stop(context.Cause(ctx)) })
		response = c.allPages(x, x.message, response)
		unwatch()
	}
	if !x.reading {
		x.stop(nil)
	}
	c.state.Answered(request, response)
	if !x.held.isEmpty() {
		context.AfterFunc(ctx, x.held.release)
	}
	return response
}

// Notify sends a notification, or the editor's response to a request of LeadMagic's.
func (c *Client) Notify(ctx context.Context, m *jsonrpc.Message) {
	if ctx.Err() != nil {
		return
	}
	c.state.Sent(m)
	c.inform(ctx, c.exchange(c.outgoing(m), notifyFor))
}

// inform sends a message that has no response.
func (c *Client) inform(ctx context.Context, x *exchange) {
	if m := c.sendWithin(ctx, x); m != nil && m.Result == nil {
		c.Log.Debug("LeadMagic did not take a message", "method", x.message.Method, "problem", m.Err)
	}
}

// sendWithin sends x, whose response only we need, unless ctx ends before.
func (c *Client) sendWithin(ctx context.Context, x *exchange) *jsonrpc.Message {
	defer context.AfterFunc(ctx, func() { x.stop(context.Cause(ctx)) })()
	response := c.send(x)
	x.held.release()
	if !x.reading {
		x.stop(nil)
	}
	return response
}

// Close ends the session: what is being sent has half of the time, LeadMagic is told, and what is still on its way is
// dropped.
func (c *Client) Close(ctx context.Context) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	jsonrpc.WaitHalf(ctx, &c.sends)
	if s := c.currentSession(); s != nil {
		c.delete(ctx, s)
	}
	c.cancel(problem.ErrSessionEnded)
	jsonrpc.WaitFor(ctx, &c.reads)
	closeIdle(c.connections.current())
}

// start does work in a goroutine of a group that Close waits for.
func (c *Client) start(group *sync.WaitGroup, work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		group.Go(work)
	}
}

// exchange is one for m, that may take as long as timeout unless that is 0.
func (c *Client) exchange(m *jsonrpc.Message, timeout time.Duration) *exchange {
	x := &exchange{message: m}
	x.ctx, x.stop = context.WithCancelCause(c.ctx)
	if timeout > 0 {
		timed, cancel := context.WithTimeoutCause(x.ctx, timeout, errTimeout)
		stop := x.stop
		x.ctx, x.stop = timed, func(cause error) {
			stop(cause)
			cancel()
		}
	}
	x.held = reservation{memory: &c.memory, ctx: x.ctx}
	return x
}

// outgoing is m as LeadMagic gets it.
func (c *Client) outgoing(m *jsonrpc.Message) *jsonrpc.Message {
	if c.ForwardClientMeta {
		return m
	}
	return m.WithMeta(withoutClientMeta)
}

// withoutClientMeta is params._meta without the members that only the editor needs; some editors put folder names
// and git remotes there. It is meta itself if there are none.
func withoutClientMeta(meta []byte) []byte {
	return jsonrpc.Edit(meta, func(m jsonrpc.Member) []byte {
		if isProtocolMeta(string(m.Name)) {
			return m.Value
		}
		return nil
	})
}

// isProtocolMeta reports whether a member of _meta is part of a protocol: of MCP, whose reserved prefixes have
// modelcontextprotocol or mcp for their second label, or of W3C trace context.
// Source: MCP 2026-07-28, Overview, _meta.
func isProtocolMeta(name string) bool {
	switch name {
	case "progressToken", "traceparent", "tracestate", "baggage":
		return true
	}
	prefix, _, found := strings.Cut(name, "/")
	labels := strings.Split(prefix, ".")
	return found && len(labels) > 1 && (labels[1] == "modelcontextprotocol" || labels[1] == "mcp")
}

// timeout is how long a request may take, 0 for no bound.
func (c *Client) timeout(m *jsonrpc.Message) time.Duration {
	switch {
	case m.Method == "tools/call":
		return c.ToolTimeout
	case m.Method == "initialize":
		return initializeFor
	case isRead(m):
		return readFor
	}
	return 0
}

// send makes attempts until a request has its response or must not be sent again. It is nil for a message that has none
// and was taken.
func (c *Client) send(x *exchange) *jsonrpc.Message {
	r := retries{renewed: x.session != nil}
	for {
		response, fail := c.try(x, &r)
		if fail == nil {
			return response
		}
		if response = x.elsewhere.Load(); response != nil {
			return response
		}
		if c.retry(x, &r, fail) {
			continue
		}
		switch {
		case errors.Is(context.Cause(x.ctx), errTimeout):
			return c.timedOut(x)
		case fail.response != nil:
			return fail.response
		}
		return jsonrpc.Failed(x.message, fail.problem)
	}
}

// try makes one attempt.
func (c *Client) try(x *exchange, r *retries) (*jsonrpc.Message, *failure) {
	s, p := c.sessionFor(x)
	if p != nil {
		return nil, &failure{problem: p, final: true}
	}
	if s != nil && x.message.Method == "notifications/initialized" {
		c.openGETStream(x.ctx, s)
	}
	c.waitForLimit(x, r)
	a := x.beginAttempt()
	if a == nil {
		return nil, &failure{problem: problem.NeverSent(x.ctx)}
	}
	res, fail := c.post(x, s, a)
	if fail != nil {
		return nil, fail
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
		x.attempt.Store(nil)
		return nil, c.refusal(x, s, res, r.waited)
	}
	x.sessionID = res.Header.Get("Mcp-Session-Id")
	if x.message.Kind != jsonrpc.Request {
		c.readRest(x, res)
		return nil, nil
	}
	return c.readResponse(x, s, res)
}

// register records that a request waits for its response.
func (c *Client) register(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, x)
}

// unregister records that it does not wait any more.
func (c *Client) unregister(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, x)
	c.waiting = slices.Delete(c.waiting, i, i+1)
}

// isWaiting reports whether a request of that id waits for its response.
func (c *Client) isWaiting(id []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.waiting, func(x *exchange) bool { return x.hasID(id) })
}

func (x *exchange) hasID(id []byte) bool {
	return jsonrpc.NormalizeID(x.message.ID) == jsonrpc.NormalizeID(id)
}

// deliver gives a response that came on the stream of another request to its own request.
func (c *Client) deliver(response *jsonrpc.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.waiting {
		if x.hasID(response.ID) && x.elsewhere.CompareAndSwap(nil, response) {
			x.stop(errAnother)
			return
		}
	}
	c.Log.Debug("a response that nobody waits for was dropped")
}

// beginAttempt is a new attempt, nil if the request is cancelled or its time is up.
func (x *exchange) beginAttempt() *attempt {
	a := &attempt{raw: x.message.Raw}
	x.attempt.Store(a) // first, so that a cancellation from now on finds it
	if x.over.Load() || x.ctx.Err() != nil {
		return nil
	}
	return a
}

// mayBeKnown reports whether LeadMagic may know of the message. If not, it never will.
func (x *exchange) mayBeKnown() bool {
	a := x.attempt.Load()
	return a != nil && !a.prevent()
}

// cancelExchange cancels a request whose response is not needed any more. LeadMagic is told: by a notification in a
// session, else by the end of the stream. Source: MCP 2025-11-25 and 2026-07-28, Cancellation.
func (c *Client) cancelExchange(x *exchange, cause error) {
	over := x.over.Swap(true) // first, so that no other attempt begins
	known := x.mayBeKnown()
	byEditor, isByEditor := errors.AsType[*jsonrpc.Cancelled](cause)
	switch {
	case over:
	case !known, x.message.Stateless(), errors.Is(cause, problem.ErrSessionEnded):
		x.stop(cause)
	case isByEditor:
		time.AfterFunc(lateFor, func() { x.stop(cause) })
		c.start(&c.sends, func() { c.Notify(c.ctx, byEditor.Notification) })
	default:
		x.stop(cause)
		c.notifyCancelled(x, cause.Error())
	}
}

// timedOut is the response to a request that took longer than it may. LeadMagic is told that it is cancelled.
func (c *Client) timedOut(x *exchange) *jsonrpc.Message {
	known := x.mayBeKnown()
	if known && !x.message.Stateless() {
		c.notifyCancelled(x, "it took too long")
	}
	p := problem.New(problem.TimedOut, problem.Refused, "LeadMagic took the request and did not answer", "try again later")
	switch {
	case !known:
		p = problem.New(problem.Unreachable, problem.NotSent, "LeadMagic could not be asked in time", "")
	case x.message.Method == "tools/call":
		p = problem.New(problem.TimedOut, problem.Unknown, "the call took longer than --tool-timeout allows", "")
	}
	return jsonrpc.Failed(x.message, p)
}

// notifyCancelled tells LeadMagic that a request is cancelled. An initialize cannot be.
func (c *Client) notifyCancelled(x *exchange, reason string) {
	if x.message.Method == "initialize" {
		return
	}
	params := fmt.Appendf(nil, `{"requestId":%s,"reason":%s}`, x.message.ID, jsonrpc.Quote(reason))
	c.start(&c.sends, func() { c.Notify(c.ctx, jsonrpc.NewNotification(jsonrpc.MethodCancelled, params)) })
}

package streamable

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// sleepGap is how far the wall clock may move without a byte from LeadMagic before the connections are taken for dead.
// Idle connections are closed after the same time.
const sleepGap = 30 * time.Second

// connections is the transport in use. A machine that slept or changed its network finds its connections dead without
// being told, so after a long silence the next call gets new ones.
type connections struct {
	dial     func() http.RoundTripper
	mu       sync.Mutex
	now      http.RoundTripper // nil before the first POST
	lastByte atomic.Int64      // wall clock, Unix nanoseconds: the monotonic clock stands still while a machine sleeps
}

// renew replaces the transport after a long silence, and reports whether it did. The first one comes after the longest of
// all. Requests on the old one go on.
func (cs *connections) renew() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if time.Duration(time.Now().UnixNano()-cs.lastByte.Load()) <= sleepGap {
		return false
	}
	closeIdle(cs.now)
	cs.now = cs.dial()
	cs.recordByte()
	return true
}

func (cs *connections) current() http.RoundTripper {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.now
}

// recordByte records that bytes came.
func (cs *connections) recordByte() { cs.lastByte.Store(time.Now().UnixNano()) }

func closeIdle(transport http.RoundTripper) {
	if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// A receiver is an io.Reader that records each byte that comes.
type receiver struct {
	connections *connections
	io.Reader
}

func (r *receiver) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.connections.recordByte()
	}
	return n, err
}

// An attempt is one POST of a message. It knows whether any of the body may have been written, which decides whether the
// message may be sent once more, and as long as that is not so it can be prevented.
//
// Its body is a plain reader of memory, since net/http writes such a one together with the headers, and any other in a
// packet of its own.
type attempt struct {
	raw   []byte
	body  atomic.Pointer[bytes.Reader] // of the latest request
	state atomic.Int32
}

const (
	notWritten = int32(iota)
	written    // some of it may be
	prevented  // nothing of it was or will be written
)

// newBody is the body for a request. A transport asks for another one only if nothing of the first was written, or if
// that was refused.
func (a *attempt) newBody() (io.ReadCloser, error) {
	a.state.CompareAndSwap(written, notWritten)
	body := bytes.NewReader(a.raw)
	a.body.Store(body)
	return io.NopCloser(body), nil
}

// write is called by the transport's writer, between the headers and the body. An attempt that was prevented has no body
// by then: a request that is shorter than it says is never whole.
func (a *attempt) write() {
	if !a.state.CompareAndSwap(notWritten, written) && a.state.Load() == prevented {
		a.body.Load().Reset(nil)
	}
}

// prevent keeps the message from being written. It is too late for that if the result is false.
func (a *attempt) prevent() bool {
	return a.state.CompareAndSwap(notWritten, prevented) || a.state.Load() == prevented
}

// post sends x. The failure says what became of it when no HTTP response came.
func (c *Client) post(x *exchange, s *session, a *attempt) (*http.Response, *failure) {
	if c.connections.renew() {
		c.reopenGETStream()
	}
	body, _ := a.newBody()
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           c.URL,
		Body:          body,
		GetBody:       a.newBody,
		ContentLength: int64(len(a.raw)),
		Header: http.Header{
			"Content-Type": {"application/json"},
			"Accept":       {"application/json, text/event-stream"},
		},
	}).WithContext(httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{WroteHeaders: a.write}))
	c.setHeaders(req.Header, x.message, s)
	res, err := c.connections.current().RoundTrip(req)
	switch {
	case err == nil:
		return res, nil
	case !a.prevent():
		return nil, incomplete(x, err)
	case x.ctx.Err() != nil:
		return nil, &failure{problem: problem.NeverSent(x.ctx)}
	}
	return nil, &failure{problem: problem.FromError(err, false)}
}

// get opens an event stream: the GET stream, or the rest of one that was cut.
func (c *Client) get(ctx context.Context, s *session, lastID string) (*http.Response, error) {
	h := http.Header{"Accept": {"text/event-stream"}}
	if lastID != "" {
		h.Set("Last-Event-Id", lastID)
	}
	return c.request(ctx, http.MethodGet, s, h)
}

// delete ends a session, so that LeadMagic need not keep it.
func (c *Client) delete(ctx context.Context, s *session) {
	s.end()
	if s.id == "" {
		return
	}
	res, err := c.request(ctx, http.MethodDelete, s, make(http.Header))
	if err != nil {
		c.Log.Debug("the session was not deleted", "reason", err)
		return
	}
	_ = res.Body.Close()
}

// request sends a request of a session that has no body.
func (c *Client) request(ctx context.Context, method string, s *session, h http.Header) (*http.Response, error) {
	s.setHeaders(h)
	return c.connections.current().RoundTrip((&http.Request{Method: method, URL: c.URL, Header: h}).WithContext(ctx))
}

// outcomeOf is what became of a message that was sent and has no response. A read has no effect, so its outcome counts as
// refused.
func outcomeOf(m *jsonrpc.Message) problem.Outcome {
	if isRead(m) {
		return problem.Refused
	}
	return problem.Unknown
}

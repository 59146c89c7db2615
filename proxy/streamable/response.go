package streamable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// lingerFor is how long a stream is read on after the response: LeadMagic ends it, and then the connection can be used
	// again.
	lingerFor = 5 * time.Second
	// resumeFor is how long LeadMagic may be unreachable before a cut stream is given up.
	resumeFor = 30 * time.Second
	// resumePause is how long to wait before a stream is resumed, where LeadMagic does not say.
	resumePause = 100 * time.Millisecond
	// longestResumePause is the longest such wait while a request is open, if the streams before it said nothing.
	longestResumePause = 4 * time.Second
	// shortestPause and longestPause bound what LeadMagic may ask for.
	shortestPause = 20 * time.Millisecond
	longestPause  = 30 * time.Second
)

// maxMessage is how large one message of LeadMagic's may be. It keeps a stream that never ends a line from filling the
// memory.
const maxMessage = 256 << 20

// A brokenAnswer is why what LeadMagic sent cannot be used, and is not asked for again.
type brokenAnswer struct{ what, next string }

func (b *brokenAnswer) Error() string { return b.what }

var (
	errTooLarge   = &brokenAnswer{what: fmt.Sprintf("LeadMagic's answer has no end: it is a message of more than %d MiB", maxMessage>>20)}
	errNoMemory   = &brokenAnswer{"LeadMagic's answer was not read: too many large messages of LeadMagic's are held at once", "ask for less at once"}
	errNotMessage = &brokenAnswer{what: "LeadMagic's answer is broken: it is not a complete answer to this call"}
)

// readResponse reads the response to a request from what answered its POST.
func (c *Client) readResponse(x *exchange, s *session, res *http.Response) (*jsonrpc.Message, *failure) {
	if isEventStream(res) {
		return c.readStreams(x, s, res)
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	body, err := c.readBody(res, &x.held)
	got := received{request: x.message}
	c.dispatch(&got, body)
	switch response := got.best(); {
	case response != nil:
		return response, nil
	case err != nil:
		return nil, incomplete(x, err)
	}
	return nil, &failure{problem: c.describe(x.message, res, body, 0)}
}

// refusal reads a response with a status that is no success.
func (c *Client) refusal(x *exchange, s *session, res *http.Response, waited time.Duration) *failure {
	body, _ := c.readBody(res, &x.held)
	fail := &failure{problem: c.describe(x.message, res, body, waited)}
	m, _ := jsonrpc.Parse(toText(body))
	own := ownError(x.message, m)
	switch status := res.StatusCode; {
	case status < 400, status == http.StatusUnauthorized, status == http.StatusPaymentRequired,
		status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return fail
	case s != nil && s.id != "" && isLostSession(status, body, own):
		fail.lost = s
	case own == nil:
		return fail
	case x.message.Stateless() && x.message.Method == "tools/call" && own.ErrorCode() == jsonrpc.CodeHeaderMismatch:
		fail.stale = true // no other message has headers that a list could mend
	case status >= 500 && own != m: // it does not say which request it is about
		return fail
	}
	fail.response = own
	return fail
}

// isLostSession reports whether a response says that LeadMagic does not know the session of the request. The reference
// servers say it with 400 and a text. 404 is also the stateless response to an unknown method.
func isLostSession(status int, body []byte, own *jsonrpc.Message) bool {
	switch status {
	case http.StatusNotFound:
		return own == nil || own.ErrorCode() != jsonrpc.CodeMethodNotFound
	case http.StatusBadRequest:
		return bytes.Contains(bytes.ToLower(body), []byte("no valid session id"))
	}
	return false
}

// ownError is the JSON-RPC error m, nil unless it is one and about request: it has the request's id, or none, as when a
// server did not read as far as the id. In that case the request's id is put in: without it the editor would wait for ever.
func ownError(request, m *jsonrpc.Message) *jsonrpc.Message {
	switch {
	case m.Kind != jsonrpc.Response || !m.HasError():
	case m.ID == nil || string(m.ID) == "null":
		return jsonrpc.Compose([]byte(`{"jsonrpc":"2.0","id":`), request.ID, []byte(`,"error":`), m.Error, []byte(`}`))
	case jsonrpc.SameID(m.ID, request.ID):
		return m
	}
	return nil
}

// describe is the problem with an HTTP response to m.
func (c *Client) describe(m *jsonrpc.Message, res *http.Response, body []byte, waited time.Duration) *problem.Problem {
	p := problem.FromAnswer(problem.Answer{
		Status: res.StatusCode,
		Header: res.Header,
		Body:   body[:min(len(body), 64<<10)],
		Asked:  c.URL,
		Paid:   !isRead(m),
		Waited: waited,
	})
	if subject(m) != "" {
		return p
	}
	// A request that names nothing has not named the wrong thing.
	switch p.Code {
	case problem.NotFound:
		p.What = fmt.Sprintf("LeadMagic's hosted server is not at this address (HTTP %d)", res.StatusCode)
		p.Next = "check --mcp-url (LEADMAGIC_MCP_URL), or use LeadMagic's REST API with --upstream rest"
	case problem.BadRequest:
		if isRead(m) {
			p.Code = problem.Failed
		}
	}
	return p
}

// incomplete is the failure of a message whose response had begun to arrive, or might have.
func incomplete(x *exchange, err error) *failure {
	m := x.message
	broken, isBroken := errors.AsType[*brokenAnswer](err)
	switch {
	case isBroken:
		return &failure{problem: problem.New(problem.BrokenAnswer, outcomeOf(m), broken.what, broken.next)}
	case x.ctx.Err() != nil:
		what := "the call was cancelled"
		if errors.Is(context.Cause(x.ctx), problem.ErrSessionEnded) {
			what = "the session ended before LeadMagic answered"
		}
		return &failure{problem: problem.New(problem.Cut, outcomeOf(m), what, "")}
	case m.IsSubscription():
		return &failure{problem: problem.New(problem.Cut, problem.Refused, "the stream of the subscription broke", "subscribe again")}
	}
	p := problem.FromError(err, true)
	p.Outcome = outcomeOf(m)
	return &failure{problem: p, broken: true}
}

// received is what LeadMagic has sent where it was to respond to a request.
type received struct {
	request  *jsonrpc.Message // nil where LeadMagic responds to none
	response *jsonrpc.Message // nil if it is not there
	likely   *jsonrpc.Message // the response if it is the only one: its id is the request's as text, or as a number
	other    bool             // there was a response to something else
	broken   bool             // there was something that is no message
}

// best is the response, nil if there is none.
func (r *received) best() *jsonrpc.Message {
	if r.response == nil && !r.other {
		return r.likely
	}
	return r.response
}

// dispatch reads what LeadMagic sent, one message or an array of them, and passes on what is not the response to the
// request of got.
func (c *Client) dispatch(got *received, text []byte) {
	text = toText(text)
	if bytes.HasPrefix(text, []byte{'['}) && jsonrpc.Valid(text) {
		for element := range jsonrpc.Elements(text) {
			c.dispatch(got, bytes.Clone(element))
		}
		return
	}
	m, err := jsonrpc.Parse(text)
	switch {
	case err != nil:
		c.Log.Debug("LeadMagic sent something that is no message", "reason", err)
		got.broken = true
		return
	case m.Kind != jsonrpc.Response:
		c.notify(m)
		return
	case m.Result == nil && !m.HasError():
		c.Log.Debug("LeadMagic sent a response that has neither a result nor an error of JSON-RPC")
		got.broken = true
		return
	case got.request != nil:
		own := m
		if !jsonrpc.SameID(m.ID, got.request.ID) {
			own = ownError(got.request, m)
		}
		if own != nil {
			if got.response == nil {
				got.response = own
			}
			return
		}
		if jsonrpc.IsRetypedID(m.ID, got.request.ID) && !c.isWaiting(m.ID) {
			got.other = got.other || got.likely != nil
			got.likely = m
			return
		}
	}
	got.other = true
	c.deliver(m) // a server may mix its streams up
}

// toText is b as UTF-8 in one line: what is not UTF-8 has a replacement character in its place. A reader that does not
// expect such bytes would end its session, and a paid result would be lost with it.
func toText(b []byte) []byte {
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\ufffd"))
	}
	return jsonrpc.OneLine(b)
}

// readRest passes on what LeadMagic says where nothing is to respond to.
func (c *Client) readRest(x *exchange, res *http.Response) {
	if isEventStream(res) {
		st := &stream{}
		st.open(c, res.Body, &reservation{memory: &c.memory, ctx: x.ctx})
		c.readOn(x, st) // the next message does not wait for the end of a stream
		return
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	if body, _ := c.readBody(res, &x.held); len(body) > 0 {
		c.dispatch(&received{}, body)
	}
}

// readBody reads a response in one piece, with room for a line break after it.
func (c *Client) readBody(res *http.Response, held *reservation) ([]byte, error) {
	body := chunks{held: held}
	want := 4 << 10
	if res.ContentLength >= 0 {
		want = int(min(res.ContentLength, maxMessage+1)) + 1 // one more finds the end without another chunk
		if err := held.grow(want-1, true); err != nil {
			return nil, err
		}
	}
	for {
		n, err := res.Body.Read(body.room(want))
		full := body.advance(n)
		switch {
		case full != nil:
			return nil, full
		case errors.Is(err, io.EOF):
			c.connections.recordByte()
			return body.bytes(), nil
		case err != nil:
			return body.bytes(), err
		}
	}
}

// A stream is the event stream that responds to a request, over as many connections as it takes.
type stream struct {
	body   io.ReadCloser
	events *events
	lastID string        // of the last event, from which the stream is resumed
	retry  time.Duration // how long LeadMagic wants us to wait before that
	said   bool          // the last connection brought a message
	got    received
}

func (st *stream) open(c *Client, body io.ReadCloser, held *reservation) {
	st.body, st.said = body, false
	st.events = newEvents(&receiver{&c.connections, body}, held)
}

// readStreams reads the event stream that responds to a request, and resumes it where it is cut.
func (c *Client) readStreams(x *exchange, s *session, res *http.Response) (*jsonrpc.Message, *failure) {
	if s == nil {
		s = &session{id: x.sessionID}
	}
	st := &stream{got: received{request: x.message}}
	body := res.Body
	for pause := resumePause; ; pause = min(2*pause, longestResumePause) {
		st.open(c, body, &x.held)
		response, err := c.readStream(st)
		if response != nil {
			if st.events.end != nil {
				_ = body.Close()
				return response, nil
			}
			st.got, st.events.held = received{}, &reservation{memory: &c.memory, ctx: x.ctx}
			c.readOn(x, st)
			return response, nil
		}
		_ = body.Close()
		switch junk := st.events.junk; {
		case junk != nil && !st.said && st.lastID == "" && errors.Is(err, io.EOF):
			return nil, &failure{problem: c.describe(x.message, res, junk, 0)} // it is no event stream, whatever its header says
		case st.got.broken && errors.Is(err, io.EOF):
			err = errNotMessage
		}
		if _, isBroken := errors.AsType[*brokenAnswer](err); isBroken || st.lastID == "" || x.message.Stateless() || x.over.Load() {
			return nil, incomplete(x, err)
		}
		if st.said {
			pause = resumePause
		}
		if body = c.resume(x, s, st, pause); body == nil {
			return nil, incomplete(x, err)
		}
	}
}

// readStream passes on what comes on a stream until the response is there or the stream ends. For a better response than
// a likely one it does not wait longer than lingerFor.
func (c *Client) readStream(st *stream) (*jsonrpc.Message, error) {
	for {
		ev, err := st.events.next()
		if err != nil {
			if response := completed(st.got.request, ev.data); response != nil {
				return response, err
			}
			return st.got.best(), err
		}
		if ev.id != "" {
			st.lastID = ev.id
		}
		if ev.retry > 0 {
			st.retry = ev.retry
		}
		if len(ev.data) == 0 {
			continue
		}
		st.said = true
		before := st.got.likely
		c.dispatch(&st.got, ev.data)
		if st.got.response != nil {
			return st.got.response, nil
		}
		if before == nil && st.got.likely != nil {
			timer := time.AfterFunc(lingerFor, func() { _ = st.body.Close() })
			defer timer.Stop()
		}
		st.events.held.release()
	}
}

// readOn reads a stream on in the background: what follows the response, which is passed on after it, or what comes where
// nothing is to respond to.
func (c *Client) readOn(x *exchange, st *stream) {
	x.reading = true
	c.start(&c.reads, func() {
		defer x.stop(nil)
		defer st.events.held.release()
		if x.written != nil {
			select {
			case <-x.written:
			case <-x.ctx.Done():
			}
		}
		if x.message.Kind == jsonrpc.Request {
			timer := time.AfterFunc(lingerFor, func() { _ = st.body.Close() })
			defer timer.Stop()
		}
		_, _ = c.readStream(st)
		_ = st.body.Close()
	})
}

// completed is the response to request in an event that the end of the stream has cut off, if all of it was there.
func completed(request *jsonrpc.Message, data []byte) *jsonrpc.Message {
	m, _ := jsonrpc.Parse(toText(data))
	if request != nil && m.Kind == jsonrpc.Response && (m.Result != nil || m.HasError()) && jsonrpc.SameID(m.ID, request.ID) {
		return m
	}
	return nil
}

// resume asks for the rest of a cut stream; nil if LeadMagic does not have it.
// Source: MCP 2025-11-25, Resumability and Redelivery.
func (c *Client) resume(x *exchange, s *session, st *stream, pause time.Duration) io.ReadCloser {
	start := time.Now()
	for pause = askedPause(st.retry, pause); ratelimit.Sleep(x.ctx, pause) == nil && !x.over.Load(); pause = min(2*pause, longestPause) {
		res, err := c.get(x.ctx, s, st.lastID)
		if err == nil && isEventStream(res) {
			return res.Body
		}
		if err == nil {
			_ = res.Body.Close()
			// The reference servers answer 409 while the stream is still open on their side.
			if s := res.StatusCode; s < 500 && s != http.StatusTooManyRequests && s != http.StatusConflict {
				return nil
			}
		}
		if time.Since(start) > resumeFor {
			return nil
		}
	}
	return nil
}

// askedPause is how long to wait before a stream is opened again: what LeadMagic asked for, within bounds, else the
// usual.
func askedPause(asked, usual time.Duration) time.Duration {
	if asked == 0 {
		return usual
	}
	return min(max(asked, shortestPause), longestPause)
}

func isEventStream(res *http.Response) bool {
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return res.StatusCode/100 == 2 && strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream")
}

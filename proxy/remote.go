package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
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
	params  paramHeaders
	flights flights
	session sessions
}

// Open implements Upstream.
func (r *Remote) Open(h *Handshake, deliver func(*Message)) {
	r.handshake, r.deliver = h, deliver
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.link.dial = r.Dial
	r.session.renewal = make(chan struct{}, 1)
}

// Send implements Upstream. Notifications go out one after the other, calls side by side behind them.
func (r *Remote) Send(m *Message) {
	if !r.ForwardClientMeta {
		m = m.withoutClientMeta()
	}
	switch {
	case m.Method == "notifications/cancelled":
		r.abort(m)
	case m.Kind == Notification:
		turn := r.order.notification()
		go func() {
			defer turn.done()
			turn.wait(r.ctx)
			r.inform(&flight{call: m, ctx: r.ctx})
		}()
	case m.Kind == Answer:
		turn := r.order.answer()
		go func() {
			defer turn.done()
			r.inform(&flight{call: m, ctx: r.ctx})
		}()
	default:
		turn := r.order.call(m)
		f := r.flights.begin(r.ctx, m, r.timeout(m))
		go func() {
			defer r.flights.end(f)
			turn.wait(f.ctx)
			r.answer(f)
		}()
	}
}

// Close implements Upstream: what was sent is let out, the session is deleted, the rest is dropped.
func (r *Remote) Close(ctx context.Context) {
	r.order.settle(ctx)
	r.session.delete(ctx, r)
	r.cancel()
	r.link.close()
}

// answer carries a call and delivers its answer.
func (r *Remote) answer(f *flight) {
	switch {
	case f.call.Method == "initialize":
		r.carry(f, func(answer *Message) { r.opened(f, answer) })
	case f.call.Method == "tools/list":
		r.listTools(f)
	default:
		r.carry(f, r.deliver)
	}
}

// carry sends a call until it is answered or must not be sent again, and gives its one answer to done.
// What comes beside the answer is delivered.
func (r *Remote) carry(f *flight, done func(*Message)) {
	tried := retries{start: time.Now(), renewed: f.session != nil}
	for {
		fail := r.attempt(f, &tried, done)
		if fail == nil {
			return
		}
		if r.again(f.ctx, f.call, &tried, fail) {
			continue
		}
		switch {
		case f.timedOut():
			r.giveUp(f)
			done(f.call.failed(overdue(f.call)))
		case fail.verbat != nil:
			done(fail.verbat)
		default:
			done(f.call.failed(fail.problem))
		}
		return
	}
}

// attempt sends a call once. It has given the answer to done if the failure is nil.
func (r *Remote) attempt(f *flight, tried *retries, done func(*Message)) *failure {
	session := r.session.of(f)
	if r.gate.pass(f.ctx) != nil || !f.depart() {
		return &failure{problem: cut(f.ctx.Err(), false)}
	}
	res, fail := r.post(f.ctx, f.call, session)
	if fail != nil {
		return fail
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return r.refusal(f, session, res, tried.waited)
	}
	f.offered = res.Header.Get("Mcp-Session-Id")
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); t == "text/event-stream" {
		return r.follow(f, session, res.Body, done)
	}
	body, readErr := r.readBody(res, maxAnswer)
	if readErr != nil {
		return &failure{problem: cut(readErr, true), broken: true}
	}
	answer := r.sort(f.call, body)
	if answer == nil {
		return &failure{problem: r.describe(f.call, res, body, 0)}
	}
	done(answer)
	return nil
}

// post sends m. The failure says what became of it when no HTTP answer came.
func (r *Remote) post(ctx context.Context, m *Message, s *remoteSession) (*http.Response, *failure) {
	client, fresh := r.link.client()
	if fresh {
		r.session.reopen(r)
	}
	// The transport sends again by itself only what it had not begun to write, and gets a new connection
	// for that; so what counts is the last one it asked for.
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL.String(), bytes.NewReader(m.Raw))
	if err != nil {
		return nil, &failure{problem: problem.FromError(err, false)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	describe(req.Header, m, s)
	r.params.set(req.Header, m)
	res, err := client.Do(req)
	if err != nil {
		p := problem.FromError(err, sent.Load())
		return nil, &failure{problem: p, broken: p.Code == problem.Cut}
	}
	r.link.hear()
	return res, nil
}

// informFor bounds how long a notification is tried, since the next ones wait behind it.
const informFor = 30 * time.Second

// inform sends a notification or an answer, to which nothing is due.
func (r *Remote) inform(f *flight) {
	ctx, stop := context.WithTimeout(f.ctx, informFor)
	defer stop()
	f.ctx = ctx
	tried := retries{start: time.Now(), renewed: f.session != nil}
	for {
		s := r.session.of(f)
		if f.call.Method == "notifications/initialized" {
			s.awaitStanding(f.ctx)
		}
		res, fail := r.post(f.ctx, f.call, s)
		if fail == nil {
			if res.StatusCode >= 200 && res.StatusCode <= 299 {
				// Nothing is due, but a stream may carry what else LeadMagic has to say.
				_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
				_ = res.Body.Close()
				return
			}
			fail = r.refusal(f, s, res, tried.waited)
			_ = res.Body.Close()
		}
		// The answer to a question of a lost session is of no use to the next one.
		if f.call.Kind == Answer && fail.lost != nil || !r.again(f.ctx, f.call, &tried, fail) {
			r.Log.Debug("LeadMagic did not take a message", "method", f.call.Method, "problem", fail.problem.Line())
			return
		}
	}
}

// refusal reads an answer with a status that is no success.
func (r *Remote) refusal(f *flight, s *remoteSession, res *http.Response, waited time.Duration) *failure {
	const enough = 64 << 10
	body, _ := r.readBody(res, enough)
	fail := &failure{problem: r.describe(f.call, res, body, waited)}
	own := ownError(f.call, body)
	switch status := res.StatusCode; {
	case status < 400, status == http.StatusUnauthorized, status == http.StatusPaymentRequired,
		status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return fail
	case s != nil && s.id != "" && lostSession(status, body, own):
		fail.lost = s
	case own == nil:
		return fail
	case f.call.Modern() && errorCode(own) == codeHeaderMismatch:
		fail.stale = true
	case status >= 500 && !bytes.Equal(find(body, "id"), f.call.ID):
		return fail
	}
	fail.verbat = own
	return fail
}

func (r *Remote) describe(call *Message, res *http.Response, body []byte, waited time.Duration) *problem.Problem {
	return problem.FromAnswer(problem.Answer{
		Status: res.StatusCode,
		Header: res.Header,
		Body:   body[:min(len(body), 64<<10)],
		Asked:  r.URL,
		Paid:   !isRead(call),
		Waited: waited,
		Now:    time.Now(),
	})
}

// readBody reads an answer in one piece, with room for a line break behind it.
func (r *Remote) readBody(res *http.Response, limit int64) ([]byte, error) {
	size := int64(4 << 10)
	if res.ContentLength >= 0 {
		size = min(res.ContentLength, 32<<20)
	}
	body := make([]byte, 0, size+2)
	for {
		if len(body) == cap(body) {
			body = append(make([]byte, 0, 2*cap(body)), body...)
		}
		n, err := res.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			r.link.hear()
			return body, nil
		case err != nil:
			return body, err
		case int64(len(body)) > limit:
			return body, errTooLarge
		}
	}
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

// overdue is the problem of a call that took longer than timeout allows.
func overdue(call *Message) *problem.Problem {
	if call.Method == "tools/call" {
		return problem.New(problem.TimedOut, problem.Unknown, "the call took longer than --tool-timeout allows", "")
	}
	return problem.New(problem.TimedOut, problem.Refused, "LeadMagic took the request and did not answer", "try again later")
}

// cut is the problem of a call that ended without an answer.
func cut(err error, sent bool) *problem.Problem {
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return problem.FromError(err, sent)
}

package proxy

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// carry sends a call until it is answered or must not be sent again, and gives its one answer to done.
// What comes beside the answer is delivered.
func (r *Remote) carry(f *flight, done func(*Message)) {
	tried := retries{renewed: f.session != nil}
	for {
		fail := r.attempt(f, &tried, done)
		if fail == nil {
			return
		}
		if r.again(f, &tried, fail) {
			continue
		}
		switch {
		case f.timedOut():
			done(r.giveUp(f))
		case fail.verbatim != nil:
			done(fail.verbatim)
		default:
			done(f.call.failed(fail.problem))
		}
		return
	}
}

// ask carries a call of our own and returns its answer.
func (r *Remote) ask(f *flight) *Message {
	answer := make(chan *Message, 1)
	r.crew.start(func() { r.carry(f, func(m *Message) { answer <- m }) })
	select {
	case m := <-answer:
		return m
	case <-f.ctx.Done():
		return f.call.failed(cut(context.Cause(f.ctx), true))
	}
}

// attempt sends a call once. It has given the answer to done if the failure is nil.
func (r *Remote) attempt(f *flight, tried *retries, done func(*Message)) *failure {
	session, p := r.session.of(f)
	if p != nil {
		return &failure{problem: p, final: true}
	}
	r.hold(f, tried)
	parcel := f.load()
	if parcel == nil || f.ctx.Err() != nil {
		f.unload()
		return &failure{problem: cut(context.Cause(f.ctx), false)}
	}
	res, fail := r.post(f, session, parcel)
	if fail != nil {
		return fail
	}
	defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
	if res.StatusCode < 200 || res.StatusCode > 299 {
		f.unload()
		return r.refusal(f, session, res, tried.waited)
	}
	f.offered = res.Header.Get("Mcp-Session-Id")
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); t == "text/event-stream" {
		return r.follow(f, session, res.Body, done)
	}
	held := room{of: &r.memory}
	defer held.release()
	body, err := r.readBody(f.ctx, res, maxAnswer, &held)
	got := r.sort(f.call, body)
	if answer := got.best(); answer != nil {
		done(answer)
		return nil
	}
	if err != nil {
		return incomplete(f.call, err)
	}
	return &failure{problem: r.describe(f.call, res, body, 0)}
}

// refusal reads an answer with a status that is no success.
func (r *Remote) refusal(f *flight, s *remoteSession, res *http.Response, waited time.Duration) *failure {
	held := room{of: &r.memory}
	defer held.release()
	body, _ := r.readBody(f.ctx, res, maxAnswer, &held)
	fail := &failure{problem: r.describe(f.call, res, body, waited)}
	own, named := ownError(f.call, body)
	switch status := res.StatusCode; {
	case status < 400, status == http.StatusUnauthorized, status == http.StatusPaymentRequired,
		status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return fail
	case s != nil && s.id != "" && lostSession(status, body, own):
		fail.lost = s
	case own == nil:
		return fail
	case f.call.Modern() && f.call.Method == "tools/call" && errorCode(own) == codeHeaderMismatch:
		fail.stale = true // no other message has headers that a list could mend
	case status >= 500 && !named:
		return fail
	}
	fail.verbatim = own
	return fail
}

func (r *Remote) describe(call *Message, res *http.Response, body []byte, waited time.Duration) *problem.Problem {
	p := problem.FromAnswer(problem.Answer{
		Status: res.StatusCode,
		Header: res.Header,
		Body:   body[:min(len(body), 64<<10)],
		Asked:  r.URL,
		Paid:   !isRead(call),
		Waited: waited,
		Now:    time.Now(),
	})
	if call.subject() != "" {
		return p
	}
	// A call that names nothing has not named the wrong thing.
	switch p.Code {
	case problem.NotFound:
		p.What = fmt.Sprintf("LeadMagic's hosted server is not at this address (HTTP %d)", res.StatusCode)
		p.Next = "check --mcp-url (LEADMAGIC_MCP_URL), or use LeadMagic's REST API with --upstream rest"
	case problem.BadRequest:
		if isRead(call) {
			p.Code = problem.Failed
		}
	}
	return p
}

// overdue is the problem of a call that took longer than timeout allows.
func overdue(call *Message, known bool) *problem.Problem {
	switch {
	case !known:
		return problem.New(problem.Unreachable, problem.NotSent, "LeadMagic could not be asked in time", "")
	case call.Method == "tools/call":
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

// Package proxy carries messages between an editor on stdio and one upstream, byte for byte, and sees to
// it that each call is answered exactly once, whatever happens on the way. It never sees a key, and it
// does not know what the messages are about beyond what carrying them needs.
//
// Run (proxy.go) has two pumps, one in each direction. stdio.go is the editor's side, owed.go the calls that await
// an answer, end.go how it all ends. An Upstream is a Remote over HTTP (remote.go; then post, carry, retry, stream,
// session and standing), a Pipe to a server in this process (pipe.go), or a Choose among several (choose*.go,
// lane.go). A Guard (guard*.go) limits tools and credits. message.go, scan.go and token.go read JSON in place, and
// compose.go puts it together.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// drainFor is how long an editor that has closed its side still gets its answers.
	drainFor = 30 * time.Second
	// partFor and hurryFor are how long the upstream may take to end: after the editor closed its side,
	// and after a signal.
	partFor  = time.Second
	hurryFor = 300 * time.Millisecond
	// probeFor is how long server/discover may go unanswered. Editors that wait longer would lose seconds at
	// every start.
	probeFor = 2 * time.Second
)

// Options are what Run needs. In, Out and Upstream must be set.
type Options struct {
	In       io.Reader
	Out      io.Writer
	Upstream Upstream
	// Describe may say more of a problem before the editor is told. It gets the editor's own name. Nil says no more.
	Describe func(p *problem.Problem, editor string) *problem.Problem
	// Trace is given each line as it passes, for the log. Nil for none.
	Trace func(direction string, line []byte)
	// Guard limits which tools are called and what they cost. Nil limits nothing.
	Guard *Guard
	Log   *slog.Logger
}

// A conversation is the state of one Run.
type conversation struct {
	Options
	io        *Stdio
	handshake Handshake
	owed      *owed
	ending    atomic.Bool
	broken    chan struct{} // closed when the editor cannot be written to
	breakOnce sync.Once
	breakErr  error
	tools     toolset
	reclaim   reclaim
}

// Run carries messages until the editor closes its side, cannot be written to, or ctx ends. Only the second is an
// error. What is owed then is answered; nothing that Run has started is left behind except a read of In or a write
// to Out that nothing can interrupt.
func Run(ctx context.Context, o Options) error {
	c := &conversation{Options: o, io: NewStdio(o.In, o.Out), owed: newOwed(), broken: make(chan struct{})}
	c.Guard.begin(c)
	defer c.Guard.finish()
	defer c.reclaim.stop()
	c.Upstream.Open(&c.handshake, c.fromUpstream)

	closed := make(chan error, 1)
	go func() { closed <- c.readEditor() }()
	grace := hurryFor
	select {
	case err := <-closed:
		o.Log.Debug("the editor closed its side", "reason", err)
		if c.drain(ctx) {
			grace = partFor
		}
	case <-c.broken:
	case <-ctx.Done():
		o.Log.Debug("ended by a signal")
	}
	c.ending.Store(true)
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		c.answerRest(ending)
	}()
	o.Upstream.Close(ending)
	select {
	case <-settled:
	case <-ending.Done():
	}
	c.io.Close(ending)
	if c.isBroken() {
		return c.breakErr
	}
	return nil
}

// readEditor is the pump from the editor to the upstream.
func (c *conversation) readEditor() error {
	for {
		line, err := c.io.ReadLine()
		if err != nil || c.ending.Load() {
			return err
		}
		c.trace("editor", line)
		if len(line) > 1 {
			// A line break in UTF-16LE is 0A 00: splitting at 0A leaves the 00 at the start of the next line.
			line = bytes.TrimPrefix(line, []byte{0})
		}
		line = bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark))
		switch {
		case len(line) == 0:
		case line[0] == '[' && c.handshake.Version() == batchVersion && valid(line):
			c.takeBatch(line)
		default:
			c.take(line, nil)
		}
	}
}

// take passes on one message of the editor, or says why it cannot be.
func (c *conversation) take(line []byte, b *batch) {
	m, err := Peek(line)
	switch {
	case err != nil:
		c.reject(m, b, err)
		return
	case m.Kind == Call && !utf8.Valid(line):
		c.reject(m, b, errors.New("not valid UTF-8"))
		return
	case m.Method == "initialize" && m.Kind != Call:
		c.reject(m, b, errors.New("initialize needs an id"))
		return
	case b != nil && m.Method == "initialize":
		c.reject(m, b, errors.New("initialize cannot stand in a batch"))
		return
	case c.Guard.limits() && ambiguous(m):
		c.Log.Debug("a message was not sent: it may be read in two ways", "method", m.Method)
		if m.Kind != Call {
			c.put(b, nil)
			return
		}
		c.reject(m, b, errors.New("the message names a member twice, or in other letters than the protocol has; it was not sent"))
		return
	case m.Method == cancelled && !c.cancel(m):
		c.put(b, nil)
		return
	}
	c.handshake.sent(m)
	var d *debt
	if m.Kind == Call {
		d = c.owe(m, b)
	} else {
		c.put(b, nil)
	}
	if !c.Guard.pass(m, d) {
		c.Upstream.Send(m)
	}
}

func (c *conversation) owe(m *Message, b *batch) *debt {
	d := &debt{call: m, batch: b}
	d.charge = c.Guard.charge(d)
	if m.Method == "server/discover" {
		d.timer = time.AfterFunc(probeFor, func() {
			if c.owed.forgive(d) {
				c.pay(d, m.failed(problem.New(problem.Unreachable, problem.Unknown, "LeadMagic has not answered yet", "go on with initialize")))
			}
		})
	}
	c.owed.add(d)
	return d
}

// cancel forgets a call that the editor no longer wants, and reports whether LeadMagic has to be told.
func (c *conversation) cancel(m *Message) bool {
	d := c.owed.take(find(m.Params, "requestId"), m.callsOff)
	if d == nil {
		return false
	}
	defer c.owed.close(d)
	c.put(d.batch, nil)
	return !c.Guard.withdraw(d)
}

// reject answers what is not a message. The answer has no id if that of the message cannot be used.
func (c *conversation) reject(m *Message, b *batch, why error) {
	code, text := codeInvalidRequest, why.Error()
	switch {
	case bytes.HasPrefix(m.Raw, []byte("Content-Length:")):
		code, text = codeParseError, "Content-Length framing is not spoken here: one line is one message"
	case errors.Is(why, errNotJSON):
		code, text = codeParseError, "not valid JSON: one line is one message"
	case len(m.Raw) > 0 && m.Raw[0] == '[' && b == nil:
		text = "batches are spoken only where protocol version " + batchVersion + " was agreed on"
	}
	id := m.ID
	if !usableID(id) || !utf8.Valid(id) {
		id = nil
	}
	c.put(b, errorReply(id, code, text, nil))
}

// fromUpstream is the pump from the upstream to the editor.
func (c *conversation) fromUpstream(m *Message) {
	if m.Kind != Answer {
		c.Guard.heard(m)
		c.write(m.Raw)
		return
	}
	var d *debt
	if !m.late {
		d = c.owed.take(m.ID, m.answers)
	}
	if d == nil {
		c.Guard.heardLate(m)
		c.Log.Debug("an answer that nobody waits for was dropped")
		return
	}
	c.pay(d, m)
}

// pay gives the editor the answer to d, which was taken out of what is owed.
func (c *conversation) pay(d *debt, m *Message) {
	if d.ours != nil {
		d.ours(m) // whoever asked closes the debt
		return
	}
	defer c.owed.close(d)
	if len(d.call.Raw)+len(m.Raw) > smallMessage {
		defer c.reclaim.soon()
	}
	if m.Raw != nil {
		m = restored(d.call, m)
	}
	m = c.Guard.answer(d, m)
	raw := m.Raw
	switch {
	case m.Problem != nil:
		p := m.Problem
		if c.Describe != nil {
			p = c.Describe(p, c.handshake.Editor())
		}
		c.Log.Debug("a call was not carried out", "method", d.call.Method, "code", p.Code, "problem", p.Error(), "cause", p.Cause)
		raw = reply(d.call, p, c.tools.has)
	default:
		c.handshake.answered(d.call, m)
		if d.call.Method == "tools/list" && m.Result != nil {
			c.tools.note(d.call, m.Result)
		}
	}
	c.put(d.batch, raw)
}

// put gives the editor an answer: in the array b if that is not nil. A nil answer is one that is not needed.
func (c *conversation) put(b *batch, answer []byte) {
	if b != nil {
		answer = b.put(answer)
	}
	if answer != nil {
		c.write(answer)
	}
}

// write gives the editor a line. If that cannot be done, the conversation is over.
func (c *conversation) write(line []byte) {
	c.trace("LeadMagic", line)
	if err := c.io.WriteLine(line); err != nil && !errors.Is(err, errClosed) {
		c.breakOnce.Do(func() {
			c.breakErr = err
			close(c.broken)
		})
	}
}

func (c *conversation) isBroken() bool {
	select {
	case <-c.broken:
		return true
	default:
		return false
	}
}

func (c *conversation) trace(from string, line []byte) {
	if c.Trace != nil {
		c.Trace(from, line)
	}
}

package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Pipe is an MCP server in this process, at the other end of a pipe. The server may come from an SDK
// that ends its session at the first message it cannot read: such messages are answered before it, each
// initialize gets a session of its own, and a session that ended is opened again.
type Pipe struct {
	// Serve runs a session until in ends, out cannot be written to, or ctx ends.
	Serve func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error
	// Ready says why a message that opens a session is refused, nil if it is not. It may take long. A nil Ready refuses
	// nothing.
	Ready func(ctx context.Context) *problem.Problem
	Log   *slog.Logger

	deliver func(*Message)
	ctx     context.Context //nolint:containedctx // the life of the conversation, ended by Close
	cancel  context.CancelFunc

	mu             sync.Mutex
	legacy, modern *pipeEnd
}

// A pipeEnd is our end of one session.
type pipeEnd struct {
	in    io.WriteCloser
	mu    sync.Mutex
	owed  map[string]*Message
	lines [][]byte      // not written yet
	some  chan struct{} // has a token when there are lines
}

// Open implements Upstream.
func (p *Pipe) Open(_ *Handshake, deliver func(*Message)) {
	p.deliver = deliver
	p.ctx, p.cancel = context.WithCancel(context.Background())
}

// Close implements Upstream.
func (p *Pipe) Close(context.Context) {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, end := range []*pipeEnd{p.legacy, p.modern} {
		if end != nil {
			_ = end.in.Close()
		}
	}
}

// Send implements Upstream.
func (p *Pipe) Send(m *Message) {
	if why := beyondSDK(m); why != "" {
		if m.Kind == Call {
			go p.deliver(compose(errorReply(m.ID, codeInvalidRequest, why, nil)))
		}
		return
	}
	if p.Ready != nil && (m.Method == "initialize" || m.Method == "server/discover") {
		go func() {
			if why := p.Ready(p.ctx); why != nil {
				p.deliver(m.failed(why))
				return
			}
			p.pass(m)
		}()
		return
	}
	p.pass(m)
}

// pass gives m to the session that it belongs to.
func (p *Pipe) pass(m *Message) {
	p.mu.Lock()
	end := p.end(m)
	if m.Kind == Call {
		end.owe(m) // under the mutex: an end that has ended is removed under it before its calls are answered
	}
	p.mu.Unlock()
	end.queue(m.Raw)
}

// end is the session that m belongs to. The caller holds the mutex.
func (p *Pipe) end(m *Message) *pipeEnd {
	at := &p.legacy
	switch {
	case m.Modern():
		at = &p.modern
	case m.Method == "notifications/cancelled" && p.modern != nil && p.modern.owes(find(m.Params, "requestId")):
		at = &p.modern
	}
	if *at != nil && m.Method == "initialize" {
		_ = (*at).in.Close()
		*at = nil
	}
	if *at == nil {
		*at = p.begin(at)
	}
	return *at
}

func (p *Pipe) begin(at **pipeEnd) *pipeEnd {
	serverIn, in := io.Pipe()
	out, serverOut := io.Pipe()
	end := &pipeEnd{in: in, owed: make(map[string]*Message), some: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(p.ctx)
	go end.write(ctx)
	go func() {
		defer stop()
		err := p.Serve(ctx, serverIn, serverOut)
		_ = serverIn.CloseWithError(io.ErrClosedPipe)
		_ = serverOut.CloseWithError(errors.Join(err, io.EOF))
	}()
	go func() {
		p.read(end, NewStdio(out, nil))
		_ = out.Close()
		p.mu.Lock()
		if *at == end {
			*at = nil
		}
		p.mu.Unlock()
		for _, call := range end.all() {
			p.deliver(call.failed(problem.New(problem.Failed, problem.Unknown, "the session inside leadmagic-mcp-proxy ended before the answer", "call again if the result is still needed")))
		}
	}()
	return end
}

// read delivers what the server says until its session ends.
func (p *Pipe) read(end *pipeEnd, server *Stdio) {
	for {
		line, err := server.ReadLine()
		if err != nil {
			return
		}
		m, err := Peek(line)
		if err != nil {
			p.Log.Debug("a server inside sent something that is no message", "reason", err)
			continue
		}
		if m.Kind == Answer {
			m.call = end.take(m.ID)
		}
		p.deliver(m)
	}
}

// queue sees to it that raw is written, without waiting for a server that is busy.
func (e *pipeEnd) queue(raw []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, append(append(make([]byte, 0, len(raw)+1), raw...), '\n'))
	select {
	case e.some <- struct{}{}:
	default:
	}
}

// write writes what is queued until the session ends. The reader answers what is lost then.
func (e *pipeEnd) write(ctx context.Context) {
	for {
		select {
		case <-e.some:
		case <-ctx.Done():
			return
		}
		e.mu.Lock()
		lines := e.lines
		e.lines = nil
		e.mu.Unlock()
		for _, line := range lines {
			if _, err := e.in.Write(line); err != nil {
				return
			}
		}
	}
}

func (e *pipeEnd) owe(m *Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.owed[canonical(m.ID)] = m
}

func (e *pipeEnd) owes(id []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.owed[canonical(id)] != nil
}

// take takes out the call with that id; nil if there is none.
func (e *pipeEnd) take(id []byte) *Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	call := e.owed[canonical(id)]
	delete(e.owed, canonical(id))
	return call
}

func (e *pipeEnd) all() []*Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*Message
	for id, call := range e.owed {
		list = append(list, call)
		delete(e.owed, id)
	}
	return list
}

// maxNesting is how deep the SDK reads. Source: go-sdk v1.8.0, internal/json.
const maxNesting = 1000

// beyondSDK says why an SDK server cannot carry m, or is empty. It would end the session, or answer with
// another id.
func beyondSDK(m *Message) string {
	if nested(m.Raw) > maxNesting {
		return "the message is nested more than " + strconv.Itoa(maxNesting) + " levels deep"
	}
	if m.Kind != Call || m.ID[0] == '"' {
		return ""
	}
	n, err := strconv.ParseInt(string(m.ID), 10, 64)
	if err != nil || n > 1<<53 || n < -1<<53 {
		return "the id is not an integer of at most 2^53"
	}
	return ""
}

// nested is how many levels deep the valid JSON b goes.
func nested(b []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

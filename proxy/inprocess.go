package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// An InProcess is an Upstream that is an MCP server in this process, over pipes. The server may come from an SDK that
// ends its session at the first message which it cannot read: such messages are answered before it, each initialize gets
// a session of its own, and a session that ended is opened again. Stateless requests have one session together.
type InProcess struct {
	// Serve runs a session until in ends, out cannot be written to, or ctx ends.
	Serve func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error
	// Ready says why a session cannot be opened, nil if it can. It may take long. A nil Ready refuses nothing.
	Ready func(ctx context.Context) *problem.Problem
	Log   *slog.Logger

	notify  func(*jsonrpc.Message)
	ctx     context.Context //nolint:containedctx // the life of all sessions, ended by Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	state   jsonrpc.SessionState

	mu       sync.Mutex              // guards what follows and the fields of all sessions
	sessions map[bool]*serverSession // that have not ended, by whether they are stateless
}

// A serverSession is our end of one session.
type serverSession struct {
	in      io.WriteCloser
	waiting byID[chan *jsonrpc.Message]
	lines   [][]byte      // not written yet
	some    chan struct{} // has a token when there are lines
}

// lateFor is how long the late response to a cancelled call is waited for: the credits that it speaks of were used.
const lateFor = 30 * time.Second

// Start implements Upstream.
func (p *InProcess) Start(notify func(*jsonrpc.Message)) {
	p.notify = notify
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.sessions = make(map[bool]*serverSession)
}

// Call implements Upstream.
func (p *InProcess) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if why := beyondSDK(request); why != "" {
		return jsonrpc.NewError(request.ID, jsonrpc.CodeInvalidRequest, why, nil)
	}
	if p.Ready != nil && (request.Method == "initialize" || request.Method == "server/discover") {
		if why := p.Ready(ctx); why != nil {
			return jsonrpc.Failed(request, why)
		}
	}
	response := make(chan *jsonrpc.Message, 1)
	s := p.send(ctx, request, response)
	if s == nil {
		return jsonrpc.Failed(request, problem.NeverSent(ctx))
	}
	select {
	case m := <-response:
		p.state.Answered(request, m)
		return m
	case <-ctx.Done():
	}
	p.mu.Lock()
	s.queue(jsonrpc.NewNotification(jsonrpc.MethodCancelled, fmt.Appendf(nil, `{"requestId":%s}`, request.ID)), nil)
	p.mu.Unlock()
	if _, byEditor := errors.AsType[*jsonrpc.Cancelled](context.Cause(ctx)); byEditor {
		late, stop := context.WithTimeout(p.ctx, lateFor)
		defer stop()
		select {
		case m := <-response:
			return m
		case <-late.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.waiting.remove(request.ID, func(other chan *jsonrpc.Message) bool { return other == response })
	return jsonrpc.Failed(request, problem.New(problem.Cut, problem.Unknown, "the session ended before the call was answered", ""))
}

// Notify implements Upstream.
func (p *InProcess) Notify(ctx context.Context, m *jsonrpc.Message) {
	if beyondSDK(m) == "" {
		p.send(ctx, m, nil)
	}
}

// Close implements Upstream.
func (p *InProcess) Close(ctx context.Context) {
	p.mu.Lock()
	p.cancel()
	for _, s := range p.sessions {
		_ = s.in.Close()
	}
	p.mu.Unlock()
	jsonrpc.WaitFor(ctx, &p.running)
}

// send gives m to the session that it belongs to, which gives the response to response. It is nil if ctx has ended or the
// upstream is closed.
func (p *InProcess) send(ctx context.Context, m *jsonrpc.Message, response chan *jsonrpc.Message) *serverSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil || p.ctx.Err() != nil {
		return nil
	}
	p.state.Sent(m)
	mode := m.Stateless()
	s := p.sessions[mode]
	if s != nil && m.Method == "initialize" {
		_ = s.in.Close()
		s = nil
	}
	if s == nil {
		s = p.open(mode)
		if opened := p.state.Initialize(); opened != nil && !mode {
			for _, earlier := range append([]*jsonrpc.Message{opened}, p.state.AfterInitialize()...) {
				if earlier != m {
					s.queue(earlier, make(chan *jsonrpc.Message, 1))
				}
			}
		}
	}
	s.queue(m, response)
	return s
}

// open begins a session. The mutex is held.
func (p *InProcess) open(stateless bool) *serverSession {
	serverIn, in := io.Pipe()
	out, serverOut := io.Pipe()
	s := &serverSession{in: in, waiting: make(byID[chan *jsonrpc.Message]), some: make(chan struct{}, 1)}
	p.sessions[stateless] = s
	ctx, stop := context.WithCancel(p.ctx)
	p.running.Go(func() { p.write(ctx, s) })
	p.running.Go(func() {
		defer stop()
		_ = p.Serve(ctx, serverIn, serverOut)
		_ = serverIn.Close()
		_ = serverOut.Close()
	})
	p.running.Go(func() {
		p.read(s, jsonrpc.NewLineReader(out))
		p.end(s, stateless)
	})
	return s
}

// read takes what the server says until its session ends.
func (p *InProcess) read(s *serverSession, lines *jsonrpc.LineReader) {
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		switch m, err := jsonrpc.Parse(line); {
		case err != nil:
			p.Log.Debug("a server in this process sent something that is no message", "reason", err)
		case m.Kind == jsonrpc.Response:
			p.respond(s, m)
		default:
			p.notify(m)
		}
	}
}

// queue queues m to be written. Its response, if it is a request, goes to response. The mutex is held.
func (s *serverSession) queue(m *jsonrpc.Message, response chan *jsonrpc.Message) {
	if m.Kind == jsonrpc.Request {
		s.waiting.add(m.ID, response)
	}
	s.lines = append(s.lines, slices.Concat(m.Raw, []byte{'\n'}))
	select {
	case s.some <- struct{}{}:
	default:
	}
}

// write writes what is queued until the session ends, without holding up requests to a server that is busy.
func (p *InProcess) write(ctx context.Context, s *serverSession) {
	for {
		select {
		case <-s.some:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		lines := s.lines
		s.lines = nil
		p.mu.Unlock()
		for _, line := range lines {
			if _, err := s.in.Write(line); err != nil {
				return
			}
		}
	}
}

// respond gives a response to the oldest request of its id.
func (p *InProcess) respond(s *serverSession, m *jsonrpc.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if response, was := s.waiting.remove(m.ID, func(chan *jsonrpc.Message) bool { return true }); was {
		response <- m
	}
}

// end responds to what the session has left without a response, and lets the next message open another.
func (p *InProcess) end(s *serverSession, stateless bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[stateless] == s {
		delete(p.sessions, stateless)
	}
	for _, list := range s.waiting {
		for _, response := range list {
			response <- &jsonrpc.Message{Kind: jsonrpc.Response, Err: problem.New(problem.Failed, problem.Unknown,
				"the session inside leadmagic-mcp-proxy ended before the answer", "call again if the result is still needed")}
		}
	}
}

// maxNesting is how deep the SDK reads. Source: go-sdk v1.8.0, internal/json.
const maxNesting = 1000

// beyondSDK says why an SDK server cannot answer m, or is empty. It would end the session, or answer with another id.
func beyondSDK(m *jsonrpc.Message) string {
	if jsonrpc.Depth(m.Raw) > maxNesting {
		return "the message is nested more than " + strconv.Itoa(maxNesting) + " levels deep"
	}
	if m.Kind != jsonrpc.Request || m.ID[0] == '"' {
		return ""
	}
	n, err := strconv.ParseInt(string(m.ID), 10, 64)
	if err != nil || n > 1<<53 || n < -1<<53 {
		return "the id is not an integer of at most 2^53"
	}
	return ""
}

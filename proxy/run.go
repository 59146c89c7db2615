// Package proxy answers each request of an editor on stdio exactly once, over one Upstream, byte for byte as LeadMagic
// answers it. Run is the editor's session; around the Upstream that reaches LeadMagic stand others: Filter limits which
// tools are called, Budget what they cost, Failover chooses among several upstreams, and InProcess is an MCP server in
// this process. The package never sees a key, and opens no connection.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// drainFor is how long an editor that has closed its side still gets responses.
	drainFor = 30 * time.Second
	// endFor and signalFor are how long the end of the session may take: after the editor closed its side, and after a
	// signal.
	endFor    = time.Second
	signalFor = 300 * time.Millisecond
	// discoverFor is how long server/discover may be without a response. Editors that wait longer would lose seconds at
	// every start.
	discoverFor = 2 * time.Second
	// orderFor is how long a request waits for the notifications before it.
	orderFor = 2 * time.Second
	// idleFor is how long after the last line the memory that the lines have needed is given back to the system: every open
	// editor keeps a session, most of them idle, and the garbage collector alone keeps memory for minutes. Not sooner, since
	// an agent that waits for one response asks the next question then. The stacks of waiting workers are given back too.
	idleFor = 5 * time.Second
	// notifyFor is how long a notification may take, since the next ones wait for it.
	notifyFor = 30 * time.Second
)

// Options are what Run needs. In, Out, Upstream and Log must be set.
type Options struct {
	In       io.Reader
	Out      io.Writer
	Upstream Upstream
	// Editor is told what the session shows of the editor, unless it is nil.
	Editor *Editor
	// Describe may say more of a problem before the editor is told. Nil says no more.
	Describe func(*problem.Problem) *problem.Problem
	// Trace is given each line as it passes, for the log. Nil for none.
	Trace func(direction string, line []byte)
	Log   *slog.Logger
}

// A session is the state of one Run.
type session struct {
	Options
	batches atomic.Bool // are in the protocol version that was agreed on
	pending pending
	slots   slots

	requests      context.Context // ended with the session, and then nothing is added to work and sending
	endRequests   context.CancelCauseFunc
	notifications context.Context // ended later, when those on their way had time to arrive
	endNotify     context.CancelFunc

	// Of the goroutine that reads. The channels are closed when the last initialize has its response, and when the last
	// notification is sent.
	initialize, notification <-chan struct{}

	mu      sync.Mutex // keeps requests from ending while something is added
	work    sync.WaitGroup
	jobs    chan func()    // to a worker that waits; nil, or the end of the session, ends it
	sending sync.WaitGroup // the notifications among work

	idle      *time.Timer
	writing   chan struct{}   // holds a token while a line is written
	output    context.Context // ended when nothing more is written, because the editor cannot be written to or the session is over
	endOutput context.CancelCauseFunc
}

// Run carries messages until the editor closes its side, cannot be written to, or ctx ends. Only the second is an error.
// Pending requests get their responses then. Nothing that Run has started is left behind except a read of In or a write
// to Out that nothing can interrupt.
func Run(ctx context.Context, o Options) error {
	if o.Editor == nil {
		o.Editor = new(Editor)
	}
	if o.Describe == nil {
		o.Describe = func(p *problem.Problem) *problem.Problem { return p }
	}
	if o.Trace == nil {
		o.Trace = func(string, []byte) {}
	}
	s := &session{
		Options: o, pending: pending{byID: make(byID[*request])}, slots: slots{free: mostRequests}, jobs: make(chan func()),
		initialize: noWait, notification: noWait, writing: make(chan struct{}, 1),
	}
	s.requests, s.endRequests = context.WithCancelCause(context.Background())
	s.notifications, s.endNotify = context.WithCancel(context.Background())
	s.output, s.endOutput = context.WithCancelCause(context.Background())
	s.idle = time.AfterFunc(idleFor, func() {
		s.endIdleWorkers()
		debug.FreeOSMemory()
	})
	defer s.idle.Stop()
	s.Upstream.Start(func(m *jsonrpc.Message) { s.write(m.Raw) })

	end := make(chan error, 1)
	go func() { end <- s.read() }()
	limit := signalFor
	select {
	case err := <-end:
		o.Log.Debug("the editor closed its side", "reason", err)
		drain, stop := context.WithTimeout(ctx, drainFor)
		defer stop()
		defer context.AfterFunc(s.output, stop)()
		if jsonrpc.WaitFor(drain, &s.pending.open); ctx.Err() == nil && s.output.Err() == nil {
			limit = endFor
		}
	case <-s.output.Done():
	case <-ctx.Done():
		o.Log.Debug("ended by a signal")
	}
	s.close(limit)
	if err := context.Cause(s.output); !errors.Is(err, problem.ErrSessionEnded) {
		return err
	}
	return nil
}

// close ends the session in no more time than limit: pending requests get responses, notifications on their way have
// half of the time, and then the upstream is closed.
func (s *session) close(limit time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	s.mu.Lock()
	s.endRequests(problem.ErrSessionEnded)
	close(s.jobs)
	s.mu.Unlock()
	jsonrpc.WaitHalf(ctx, &s.sending)
	s.endNotify()
	s.Upstream.Close(ctx)
	jsonrpc.WaitFor(ctx, &s.work)
	s.endOutput(problem.ErrSessionEnded)
	select { // a line that is being written is let out, if the editor reads it
	case s.writing <- struct{}{}:
		<-s.writing
	case <-ctx.Done():
	}
}

// start does work in a goroutine that the end of the session waits for. A worker that is done waits for more work, until the
// session is idle: a call needs a deep stack, and to grow one anew for each costs a tenth of the time beside a bare relay.
func (s *session) start(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests.Err() != nil {
		return
	}
	s.work.Add(1)
	select {
	case s.jobs <- work:
	default:
		go s.workOn(work)
	}
}

// workOn is a worker that begins with work, and ends when it gets none.
func (s *session) workOn(work func()) {
	for work != nil {
		work()
		s.work.Done()
		work = <-s.jobs
	}
}

func (s *session) endIdleWorkers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.requests.Err() == nil {
		select {
		case s.jobs <- nil:
		default:
			return
		}
	}
}

// read reads the editor's lines until there are no more.
func (s *session) read() error {
	lines := jsonrpc.NewLineReader(s.In)
	for {
		line, err := lines.ReadLine()
		if err != nil || s.requests.Err() != nil {
			return err
		}
		s.Trace("editor", line)
		line = jsonrpc.TrimBlanks(line)
		switch {
		case len(line) == 0:
		case line[0] == '[' && s.batches.Load() && jsonrpc.Valid(line):
			s.takeBatch(line)
		default:
			s.take(line, nil)
		}
	}
}

// takeBatch takes the messages of an array, each by itself.
func (s *session) takeBatch(line []byte) {
	list := slices.Collect(jsonrpc.Elements(line))
	if len(list) == 0 {
		s.write(jsonrpc.NewError(nil, jsonrpc.CodeInvalidRequest, "an empty batch asks for nothing", nil).Raw)
		return
	}
	b := &batch{open: len(list)}
	for _, element := range list {
		s.take(bytes.Clone(element), b)
	}
}

// take passes on one message of the editor's, or says why it cannot be.
func (s *session) take(line []byte, b *batch) {
	m, err := jsonrpc.Parse(line)
	code, wrong := jsonrpc.CodeInvalidRequest, ""
	switch {
	case err != nil && bytes.HasPrefix(line, []byte("Content-Length:")):
		code, wrong = jsonrpc.CodeParseError, "Content-Length framing is not spoken here: one line is one message"
	case errors.Is(err, jsonrpc.ErrNotJSON):
		code, wrong = jsonrpc.CodeParseError, "not valid JSON: one line is one message"
	case err != nil && line[0] == '[' && b == nil:
		wrong = "batches are spoken only where protocol version " + batchVersion + " was agreed on"
	case err != nil:
		wrong = err.Error()
	case m.Kind == jsonrpc.Request && !utf8.Valid(line):
		wrong = "not valid UTF-8"
	case m.Method == "initialize" && m.Kind != jsonrpc.Request:
		wrong = "initialize needs an id"
	case b != nil && m.Method == "initialize":
		wrong = "initialize cannot stand in a batch"
	}
	if wrong != "" {
		id := m.ID
		if !jsonrpc.ValidID(id) || !utf8.Valid(id) {
			id = nil
		}
		s.respond(b, jsonrpc.NewError(id, code, wrong, nil).Raw)
		return
	}
	s.Editor.sent(m)
	switch {
	case m.Kind == jsonrpc.Request:
		s.call(m, b)
		return
	case m.Kind == jsonrpc.Response:
		s.send(m, noWait, noWait)
	case m.Method == jsonrpc.MethodCancelled:
		s.cancel(m)
	default:
		s.notification = s.send(m, s.initialize, s.notification)
	}
	s.respond(b, nil)
}

// call sends a request and writes its response. Requests run side by side, but each after the notifications before it,
// and none of a session before that session's initialize has its response, even if the editor does not wait for that.
func (s *session) call(m *jsonrpc.Message, b *batch) {
	ctx, cancel := context.WithCancelCause(s.requests)
	r := &request{Message: m, cancel: cancel, batch: b}
	initialize, notification, answered := s.initialize, s.notification, func() {}
	slot := noWait
	switch {
	case m.Method == "initialize":
		done := make(chan struct{})
		s.initialize, answered = done, func() { close(done) }
	case m.Stateless():
		initialize = noWait
	}
	if m.Method != "initialize" && !m.IsSubscription() && !isStatusCall(m) {
		slot = s.slots.enter(r)
	}
	s.pending.add(r)
	s.start(func() {
		defer answered()
		defer cancel(nil)
		defer s.slots.leave(r)
		if m.Method == "server/discover" {
			defer time.AfterFunc(discoverFor, func() {
				s.finish(r, jsonrpc.Failed(m, problem.New(problem.Unreachable, problem.Unknown, "LeadMagic has not answered yet", "go on with initialize")))
			}).Stop()
		}
		// At the end the contexts end one after the other, and a slot that one gives back is for none of the others.
		if !wait(ctx, initialize, 0) || !wait(ctx, notification, orderFor) || !wait(ctx, slot, 0) || s.requests.Err() != nil {
			s.finish(r, jsonrpc.Failed(m, problem.NeverSent(s.requests)))
			return
		}
		s.finish(r, s.Upstream.Call(ctx, m))
	})
}

// wait waits for c, or as long as limit unless that is 0; false if ctx ended first.
func wait(ctx context.Context, c <-chan struct{}, limit time.Duration) bool {
	select {
	case <-c:
		return ctx.Err() == nil // no timer is needed where nothing is waited for, which is nearly always
	default:
	}
	var enough <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-c:
	case <-enough:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// send sends what has no response, after the two channels were closed. The one that it returns is closed after that.
func (s *session) send(m *jsonrpc.Message, initialize, notification <-chan struct{}) (sent <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests.Err() != nil {
		return noWait
	}
	s.sending.Add(1)
	done := make(chan struct{})
	s.work.Go(func() {
		defer s.sending.Done()
		defer close(done)
		if wait(s.notifications, initialize, 0) && wait(s.notifications, notification, 0) {
			ctx, stop := context.WithTimeout(s.notifications, notifyFor)
			defer stop()
			s.Upstream.Notify(ctx, m)
		}
	})
	return done
}

// cancel ends the Call of a request that the editor no longer wants. What was not sent yet never will be.
func (s *session) cancel(m *jsonrpc.Message) {
	if ambiguous(m) {
		s.Log.Debug("a cancellation that can be read in two ways was dropped")
		return
	}
	r := s.pending.removeCancelled(m)
	if r == nil {
		return
	}
	s.respond(r.batch, nil)
	s.pending.finish(r)
	r.cancel(&jsonrpc.Cancelled{Notification: m})
	s.slots.leave(r)
}

// finish writes the response to a request, unless it has one or was cancelled.
func (s *session) finish(r *request, response *jsonrpc.Message) {
	if !s.pending.remove(r) {
		s.Log.Debug("a late response was dropped", "method", r.Method)
		return
	}
	defer s.pending.finish(r)
	if r.IsSubscription() && errors.Is(context.Cause(s.requests), problem.ErrSessionEnded) {
		s.respond(r.batch, nil)
		return // a subscription ends with the session, and has no response of its own
	}
	raw := response.Raw
	if p := problemOf(response); p != nil {
		p = s.Describe(p)
		s.Log.Debug("a call was not carried out", "method", r.Method, "code", p.Code, "problem", p.Error(), "cause", p.Cause)
		raw = sayProblem(r.Message, p, s.Editor.HasTool)
	} else {
		if !bytes.Equal(response.ID, r.ID) {
			raw = response.WithID(r.ID).Raw // the peer wrote it in another form
		}
		if r.Method == "initialize" && response.Result != nil {
			version, _ := jsonrpc.Unquote(jsonrpc.Get(response.Result, "protocolVersion"))
			s.batches.Store(version == batchVersion)
		}
		s.Editor.answered(r.Message, response)
	}
	s.respond(r.batch, raw)
}

// sayProblem is how p is said to the editor in response to request: as the result of a tool that did not succeed, which
// agents read, or as an error of the protocol.
func sayProblem(request *jsonrpc.Message, p *problem.Problem, hasTool func(string) bool) []byte {
	code := jsonrpc.CodeInternal
	switch request.Method {
	case "tools/call":
		more := ""
		if request.Stateless() {
			more = `,"resultType":"complete"`
		}
		text := jsonrpc.Quote(p.Text(hasTool))
		return jsonrpc.NewResult(request, fmt.Appendf(nil, `{"content":[{"type":"text","text":%s}],"isError":true%s}`, text, more)).Raw
	case "server/discover":
		code = jsonrpc.CodeMethodNotFound // whatever the reason, an editor goes on with initialize then, and is told there
	}
	return jsonrpc.NewError(request.ID, code, p.Line(), p.Data()).Raw
}

// respond gives the editor a response: in the array b if that is not nil. A nil response is one that there need not be.
func (s *session) respond(b *batch, response []byte) {
	if b != nil {
		response = b.add(response)
	}
	if response != nil {
		s.write(response)
	}
}

// write writes a line, in one write, so that lines never mix. It may use the capacity after line. If the editor cannot
// be written to, the session is over.
func (s *session) write(line []byte) {
	s.Trace("LeadMagic", line)
	line = append(line, '\n')
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	if s.output.Err() != nil {
		return
	}
	s.idle.Reset(idleFor)
	if _, err := s.Out.Write(line); err != nil {
		s.endOutput(fmt.Errorf("writing to the editor: %w", err))
	}
}

// An Editor is what a session shows of the editor. The zero value is one that nothing is known of. It is safe for
// concurrent use.
type Editor struct {
	mu    sync.Mutex
	name  string
	tools map[string]bool
}

// Name is how the editor names itself, empty until it has.
func (e *Editor) Name() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.name
}

// HasTool reports whether the last list of tools that the editor got has one of that name.
func (e *Editor) HasTool(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, has := e.tools[name]
	return has
}

func (e *Editor) sent(m *jsonrpc.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Method == "initialize" || e.name == "" {
		e.name = m.EditorName()
	}
}

func (e *Editor) answered(request, response *jsonrpc.Message) {
	if request.Method != "tools/list" || response.Result == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !request.HasCursor() || e.tools == nil {
		e.tools = make(map[string]bool)
	}
	maps.Copy(e.tools, readTools(response.Result))
}

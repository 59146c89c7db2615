package proxy

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const (
	// openFor is how long an editor waits for its session, from its first request on.
	openFor = 4 * time.Second
	// recoverFor is how long a call in an explained session waits for another attempt at LeadMagic.
	recoverFor = 2 * time.Second
	// keyPause is how often to look whether there is another key.
	keyPause = 5 * time.Second
	// firstPause is the first pause between two attempts, doubled up to longestPause.
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// A Candidate is an Upstream that may have the session.
type Candidate struct {
	Name     string
	Upstream Upstream
	// Instead says whether this candidate may have the session though the one before it refused with p: nil if so, else
	// why not, which the next one is asked with. It is not called on the first.
	Instead func(ctx context.Context, p *problem.Problem) *problem.Problem
}

// A Failover is an Upstream that gives the session to the first candidate which accepts the editor's initialize. While
// none does, the session is explained: a fallback server opens it and says what is wrong, and the first candidate that
// accepts later takes it over. Stateless requests go to the first candidate that answers one.
type Failover struct {
	// Candidates in order. Without any, Refusal says why.
	Candidates []*Candidate
	Refusal    *problem.Problem
	// Fallback answers initialize and lists while no candidate does, and the status tool at any time.
	Fallback Upstream
	// KeyChanged reports whether the key may be another than at the last attempt, without asking a person.
	KeyChanged func() bool
	// Explained is called when a session begins without LeadMagic.
	Explained func(*problem.Problem)
	Log       *slog.Logger

	notify     func(*jsonrpc.Message)
	ctx        context.Context //nolint:containedctx // the life of all sessions, ended by Close
	cancel     context.CancelFunc
	background sync.WaitGroup
	state      jsonrpc.SessionState
	fallback   *Candidate // is Fallback

	// The mutex guards what follows and the fields of the current session. Nobody sends or notifies while holding it.
	mu        sync.Mutex
	first     time.Time        // when the editor first asked for anything
	current   *failoverSession // the last that the editor has begun, nil if there is none
	stateless *Candidate       // the one that answers stateless requests, nil while that is not decided
	outage    *problem.Problem // why LeadMagic could not be used when last heard of, nil if it could
	outageAt  time.Time
}

// A failoverSession is what one initialize of the editor's has begun.
type failoverSession struct {
	initialize *jsonrpc.Message
	written    context.Context //nolint:containedctx // ended when the editor has its response to initialize
	ctx        context.Context //nolint:containedctx // ended by the next initialize, and where no candidate can have the session any more
	cancel     context.CancelFunc
	start      int // index of the first candidate to ask
	// openFallback opens the session at the fallback server, as far as the editor has come with it, unless that was done.
	openFallback func() (response *jsonrpc.Message)

	decided   bool             // which one responds to initialize
	candidate *Candidate       // the one that has the session: the fallback server, unless another has accepted
	next      *Candidate       // the one that takes the session over from the fallback server, or has taken it over
	response  *jsonrpc.Message // the candidate's, to initialize
	attempt   <-chan struct{}  // closed at the end of the attempt under way, nil if none is
	problem   *problem.Problem // why no candidate has the session, nil if one has
	lastTry   time.Time
}

// Start implements Upstream.
func (f *Failover) Start(notify func(*jsonrpc.Message)) {
	f.notify = notify
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.outage = f.Refusal
	f.fallback = &Candidate{Upstream: f.Fallback}
	for _, c := range f.Candidates {
		c.Upstream.Start(func(m *jsonrpc.Message) {
			if m.Kind != jsonrpc.Request || f.mayAsk(c) {
				notify(m)
			}
		})
	}
	f.Fallback.Start(notify)
}

// mayAsk reports whether c may request something of the editor: not once another has the session, which would get the
// response.
func (f *Failover) mayAsk(c *Candidate) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.current
	return s == nil || !s.decided || c == s.candidate || c == s.next
}

// Close implements Upstream.
func (f *Failover) Close(ctx context.Context) {
	f.mu.Lock()
	f.cancel() // nothing begins in the background after this
	f.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range f.Candidates {
		closing.Go(func() { c.Upstream.Close(ctx) })
	}
	closing.Go(func() { f.Fallback.Close(ctx) })
	closing.Wait()
	jsonrpc.WaitFor(ctx, &f.background)
}

// Call implements Upstream.
func (f *Failover) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	f.mu.Lock()
	if f.first.IsZero() {
		f.first = time.Now()
	}
	s := f.current
	var c *Candidate
	if s != nil {
		c = s.candidate
	}
	f.mu.Unlock()
	switch {
	case request.Method == "initialize":
		return f.initialize(ctx, request)
	case request.Stateless(), s == nil:
		return f.callStateless(ctx, request)
	case isStatusCall(request):
		s.openFallback()
		return f.Fallback.Call(ctx, request)
	}
	if c == f.fallback && needsLeadMagic(request) {
		var p *problem.Problem
		if c, p = f.tryAgain(ctx, s, recoverFor); c == f.fallback {
			return jsonrpc.Failed(request, p)
		}
	}
	for {
		response := f.call(ctx, c, request)
		f.mu.Lock()
		has := s.candidate
		if c == has {
			f.state.Answered(request, response) // in one step, since a takeover sends what was recorded before it
		}
		f.mu.Unlock()
		if c == has {
			return response
		}
		c = has // which has taken the session over while the fallback server answered
	}
}

// call sends a request to a candidate, and keeps what its response says of LeadMagic itself: a problem that would meet
// the next call too, until a call succeeds.
func (f *Failover) call(ctx context.Context, c *Candidate, request *jsonrpc.Message) *jsonrpc.Message {
	response := c.Upstream.Call(ctx, request)
	if ctx.Err() != nil {
		return response // the problem is that it was cancelled
	}
	p := problemOf(response)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case p == nil:
		f.outage = nil
	case slices.Contains(keyProblems, p.Code), slices.Contains(lasting, p.Code):
		f.outage, f.outageAt = p, time.Now()
	}
	return response
}

// Notify implements Upstream. To record a message and to choose its candidate is one step: a takeover sends what was
// recorded before it.
func (f *Failover) Notify(ctx context.Context, m *jsonrpc.Message) {
	var c *Candidate
	f.mu.Lock()
	switch s := f.current; {
	case s != nil && !m.Stateless():
		f.state.Sent(m)
		c = s.candidate
		if s.next != nil && m.Kind == jsonrpc.Response {
			c = s.next // the fallback server requests nothing
		}
	case f.stateless != nil:
		c = f.stateless
	case len(f.Candidates) > 0:
		c = f.Candidates[0]
	}
	f.mu.Unlock()
	if c != nil {
		c.Upstream.Notify(ctx, m)
	}
}

// callStateless answers a request that belongs to no session: the first candidate that answers one answers the others
// too. It also takes a request of an editor that has opened no session, since nothing says that it will.
func (f *Failover) callStateless(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if isStatusCall(request) || request.Method == "ping" && !request.Stateless() {
		// An editor may ping before it opens a session. LeadMagic answers no ping outside of one.
		return f.Fallback.Call(ctx, request)
	}
	f.mu.Lock()
	c := f.stateless
	f.mu.Unlock()
	if c != nil {
		return f.call(ctx, c, request)
	}
	c, response := f.callFirst(ctx, request, 0)
	p := problemOf(response)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.stateless != nil:
	case p == nil:
		f.stateless = c
	case ctx.Err() == nil && f.current == nil && p.Code != problem.BadRequest: // which is about the call
		f.outage, f.outageAt = p, time.Now()
	}
	return response
}

// callFirst sends a request to one candidate after the other, from that index on, until one answers it or ctx ends, and
// returns that one and the response.
func (f *Failover) callFirst(ctx context.Context, request *jsonrpc.Message, start int) (*Candidate, *jsonrpc.Message) {
	p := f.Refusal
	for i, c := range f.Candidates[start:] {
		if i > 0 {
			if why := c.Instead(ctx, p); why != nil {
				p = why
				continue
			}
			f.Log.Debug("another upstream is asked", "upstream", c.Name, "method", request.Method, "reason", p.What)
		}
		response := f.call(ctx, c, request)
		if p = problemOf(response); p == nil || ctx.Err() != nil {
			return c, response
		}
	}
	return nil, jsonrpc.Failed(request, p)
}

// initialize opens a session: with a candidate, or with the fallback server if they refuse or take too long.
func (f *Failover) initialize(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	s := &failoverSession{
		initialize: request, written: ctx, candidate: f.fallback,
		problem: problem.New(problem.Unreachable, problem.NotSent, "LeadMagic has not answered yet", ""),
	}
	s.ctx, s.cancel = context.WithCancel(f.ctx)
	s.openFallback = sync.OnceValue(func() *jsonrpc.Message {
		response := f.Fallback.Call(s.ctx, request)
		for _, m := range f.state.AfterInitialize() {
			if m.Kind == jsonrpc.Notification {
				f.Fallback.Notify(s.ctx, m)
			}
		}
		return response
	})
	left := openFor
	f.mu.Lock()
	f.state.Sent(request)
	known := f.stateless
	if f.current == nil {
		left -= min(time.Since(f.first), discoverFor) // what the editor has spent on an unanswered server/discover
	} else {
		f.current.cancel()
		known = cmp.Or(known, f.current.candidate)
	}
	s.start = max(0, slices.Index(f.Candidates, known))
	f.current, f.outage = s, nil
	attempt := f.startAttempt(s)
	f.mu.Unlock()
	if !wait(ctx, attempt, left) {
		return jsonrpc.Failed(request, problem.NeverSent(ctx))
	}
	f.mu.Lock()
	s.decided = true
	c, p := s.candidate, s.problem
	if f.ctx.Err() == nil {
		f.background.Go(func() { f.reconnect(s) })
	}
	f.mu.Unlock()
	if c != f.fallback {
		return s.response
	}
	f.Explained(p)
	response := s.openFallback()
	f.state.Answered(request, response)
	return response
}

// startAttempt asks the candidates in the background to accept the session, unless that is under way, and returns a
// channel that is closed at the end. The caller holds the mutex.
func (f *Failover) startAttempt(s *failoverSession) <-chan struct{} {
	switch {
	case s.attempt != nil:
		return s.attempt
	case f.ctx.Err() != nil:
		return noWait
	}
	done := make(chan struct{})
	s.attempt, s.lastTry = done, time.Now()
	f.background.Go(func() {
		defer close(done)
		ctx, cancel := context.WithCancel(s.ctx)
		c, response := f.callFirst(ctx, s.initialize, s.start)
		context.AfterFunc(s.written, cancel) // as Upstream wants it
		f.mu.Lock()
		defer f.mu.Unlock()
		switch p := problemOf(response); {
		case p != nil:
			s.problem = notSent(p, "") // whatever became of the attempt, no call of the editor's was sent
		case !s.decided:
			f.Log.Debug("the session is open", "upstream", c.Name)
			s.decided, s.candidate, s.response, s.problem = true, c, response, nil
		case response.Result == nil:
			s.problem = problem.New(problem.Failed, problem.NotSent, "LeadMagic does not open a session for this editor", "")
		default:
			f.takeOver(s, c, response)
		}
		s.attempt = nil
	})
	return done
}

// takeOver gives an explained session to c, which has accepted it: c is told what the editor has said meanwhile, and the
// editor that there are other tools. The caller holds the mutex.
func (f *Failover) takeOver(s *failoverSession, c *Candidate, response *jsonrpc.Message) {
	s.next = c // it may request something of the editor as soon as it is told initialized
	version, _ := jsonrpc.Unquote(jsonrpc.Get(response.Result, "protocolVersion"))
	told := make(map[*jsonrpc.Message]bool)
	f.mu.Unlock()
	wait(s.ctx, s.written.Done(), 0)
	f.mu.Lock()
	for s.ctx.Err() == nil {
		if version != f.state.Version() {
			s.problem = problem.New(problem.BadSetting, problem.NotSent, "LeadMagic can be used now, but this session began without it",
				"restart leadmagic in "+cmp.Or(problem.PrintableLine(s.initialize.EditorName(), problem.MaxName), "the editor"))
			s.cancel() // no other attempt can do better
			return
		}
		missed := slices.DeleteFunc(f.state.AfterInitialize(), func(m *jsonrpc.Message) bool { return told[m] })
		if len(missed) == 0 {
			s.problem, s.candidate = nil, c
			f.mu.Unlock()
			f.Log.Debug("LeadMagic can be used now", "upstream", c.Name)
			for _, kind := range []string{"tools", "resources", "prompts"} {
				f.notify(jsonrpc.NewNotification("notifications/"+kind+"/list_changed", nil))
			}
			f.mu.Lock()
			return
		}
		f.mu.Unlock()
		for _, m := range missed {
			told[m] = true
			if m.Kind == jsonrpc.Request {
				ctx, cancel := context.WithCancel(s.ctx)
				c.Upstream.Call(ctx, m)
				cancel()
			} else {
				c.Upstream.Notify(s.ctx, m)
			}
		}
		f.mu.Lock()
	}
}

// reconnect makes attempts until a candidate has the session. What only a person can mend is tried when the key changes.
func (f *Failover) reconnect(s *failoverSession) {
	for pause := firstPause; ; {
		f.mu.Lock()
		p := s.problem
		f.mu.Unlock()
		if p == nil {
			return
		}
		needsKey, passes := slices.Contains(keyProblems, p.Code), slices.Contains(passing, p.Code)
		delay := longestPause
		switch {
		case needsKey:
			delay = keyPause
		case passes:
			delay = pause
		}
		if ratelimit.Sleep(s.ctx, ratelimit.Jitter(delay)) != nil {
			return
		}
		if needsKey && f.KeyChanged() || passes {
			pause = min(2*pause, longestPause)
			_, _ = f.tryAgain(s.ctx, s, 0)
		}
	}
}

// tryAgain makes another attempt to give an explained session to a candidate, or joins the one under way, and waits for
// its end, or as long as limit unless that is 0. It returns the candidate that has the session then, and why that is the
// fallback server.
func (f *Failover) tryAgain(ctx context.Context, s *failoverSession, limit time.Duration) (*Candidate, *problem.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.problem != nil && s.ctx.Err() == nil {
		attempt := f.startAttempt(s)
		f.mu.Unlock()
		wait(ctx, attempt, limit)
		f.mu.Lock()
	}
	return s.candidate, s.problem
}

// needsLeadMagic reports whether only LeadMagic can answer a request.
func needsLeadMagic(m *jsonrpc.Message) bool {
	switch m.Method {
	case "ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "logging/setLevel",
		"resources/subscribe", "resources/unsubscribe":
		return false
	}
	return true
}

// Kinds of problem that are not about one call: those with the key, others that would meet the next call too, and those
// that may go away by themselves.
var (
	keyProblems = []problem.Code{problem.KeyMissing, problem.KeyMalformed, problem.KeyRejected, problem.SignInRequired}
	lasting     = []problem.Code{problem.NoCredits, problem.Redirected, problem.Unreachable, problem.Untrusted, problem.NotLeadMagic}
	passing     = []problem.Code{
		problem.Unreachable, problem.Untrusted, problem.Failed, problem.RateLimited, problem.Cut, problem.BrokenAnswer, problem.NotLeadMagic,
		problem.TimedOut, problem.NotFound,
	}
)

// A Status is what there is to say of a session.
type Status struct {
	// Problem is why LeadMagic cannot be used, nil if it can.
	Problem *problem.Problem
	// Upstream is the name of the candidate that has the session, empty if none has.
	Upstream string
	// LastTry is when LeadMagic was last asked to open the session.
	LastTry time.Time
	// Recovered says that the session began without LeadMagic, so that the editor may not know the tools.
	Recovered bool
}

// Status is how the session is now.
func (f *Failover) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	var r Status
	switch s := f.current; {
	case s != nil:
		r = Status{Problem: s.problem, Upstream: s.candidate.Name, LastTry: s.lastTry, Recovered: s.candidate == s.next}
	case f.stateless != nil:
		r.Upstream = f.stateless.Name
	}
	if f.outage != nil && r.Problem == nil {
		r.Problem, r.LastTry = f.outage, f.outageAt
	}
	return r
}

// Wait blocks until no attempt to reach LeadMagic is under way, or ctx ends.
func (f *Failover) Wait(ctx context.Context) {
	var attempt <-chan struct{} = noWait
	f.mu.Lock()
	if f.current != nil && f.current.attempt != nil {
		attempt = f.current.attempt
	}
	f.mu.Unlock()
	wait(ctx, attempt, 0)
}

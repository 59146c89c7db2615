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
	Candidates []Candidate
	Refusal    *problem.Problem
	// Fallback answers initialize and lists while no candidate does, and the status tool at any time.
	Fallback Upstream
	// KeyChanged reports whether the key may be another than at the last attempt, without asking a person.
	KeyChanged func() bool
	// Explained is called when a session begins without LeadMagic.
	Explained func(*problem.Problem)
	// Editor is asked for the editor's name, and Status told how the session is.
	Editor *Editor
	Status *Status
	Log    *slog.Logger

	notify     func(*jsonrpc.Message)
	ctx        context.Context //nolint:containedctx // the life of all sessions, ended by Close
	cancel     context.CancelFunc
	background sync.WaitGroup
	state      jsonrpc.SessionState

	// The mutex guards what follows and the fields of the current session. Nobody sends or notifies while holding it.
	mu               sync.Mutex
	closed           bool
	first            time.Time        // when the editor first asked for anything
	current          *failoverSession // the last that the editor has begun, nil if there is none
	initializing     *Candidate       // who was last asked to accept an initialize
	stateless        *Candidate       // who answers stateless requests, nil while that is not decided
	tryingStateless  *Candidate       // who was last sent one while that is not decided
	statelessProblem *problem.Problem // why nobody answers those, nil if that is not known
	outage           *problem.Problem // why LeadMagic could not be used when last heard of, nil if it could
	outageAt         time.Time
}

// A failoverSession is what one initialize of the editor's has begun.
type failoverSession struct {
	initialize *jsonrpc.Message
	written    context.Context //nolint:containedctx // ended when the editor has its response to initialize
	ctx        context.Context //nolint:containedctx // ended by the next initialize
	cancel     context.CancelFunc
	start      int // index of the first candidate to ask

	decided   bool
	candidate *Candidate       // who has the session once that is decided, nil for the fallback server
	successor *Candidate       // who is taking the session over from the fallback server, nil if nobody is
	response  *jsonrpc.Message // the candidate's, to initialize
	attempt   <-chan struct{}  // closed at the end of the attempt under way, nil if none is
	problem   *problem.Problem // why no candidate has accepted
	lastTry   time.Time
	restart   bool // LeadMagic can be used, but not by this session
	recovered bool // a candidate has taken over, so that the editor may not know the tools

	openFallback sync.Once        // gives the session to the fallback server
	explained    *jsonrpc.Message // the fallback server's response to initialize
}

// Start implements Upstream.
func (f *Failover) Start(notify func(*jsonrpc.Message)) {
	f.notify = notify
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.statelessProblem = f.Refusal
	for i := range f.Candidates {
		c := &f.Candidates[i]
		c.Upstream.Start(func(m *jsonrpc.Message) {
			if f.forwards(c) {
				notify(m)
			}
		})
	}
	f.Fallback.Start(func(m *jsonrpc.Message) {
		if f.forwards(nil) {
			notify(m)
		}
	})
	f.publish()
}

// forwards reports whether what c says besides responses is passed on to the editor; c is nil for the fallback server.
// Progress or a log message may come before the response that decides.
func (f *Failover) forwards(c *Candidate) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	decided := f.current != nil && f.current.decided
	if c == nil {
		return decided && f.current.candidate == nil
	}
	return decided && (c == f.current.candidate || c == f.current.successor) || !decided && c == f.initializing ||
		c == f.stateless || f.stateless == nil && c == f.tryingStateless
}

// Close implements Upstream.
func (f *Failover) Close(ctx context.Context) {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	var closing sync.WaitGroup
	for _, c := range f.Candidates {
		closing.Go(func() { c.Upstream.Close(ctx) })
	}
	closing.Go(func() { f.Fallback.Close(ctx) })
	closing.Wait()
	waitFor(ctx, &f.background)
}

// Call implements Upstream.
func (f *Failover) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if ctx.Err() != nil {
		return notSentResponse(ctx, request)
	}
	f.mu.Lock()
	if f.first.IsZero() {
		f.first = time.Now()
	}
	s := f.current
	f.mu.Unlock()
	switch {
	case request.Method == "initialize":
		return f.initialize(ctx, request)
	case request.Stateless(), s == nil:
		return f.callStateless(ctx, request)
	case isStatusCall(request):
		f.giveFallback(s)
		return f.Fallback.Call(ctx, request)
	}
	c, _ := f.candidateOf(s)
	if c == nil && needsLeadMagic(request) {
		f.tryAgain(ctx, s, recoverFor)
		var p *problem.Problem
		switch c, p = f.candidateOf(s); {
		case ctx.Err() != nil:
			return notSentResponse(ctx, request)
		case c == nil:
			return jsonrpc.Failed(request, p)
		}
	}
	if c == nil {
		response := f.Fallback.Call(ctx, request)
		f.mu.Lock()
		if c = s.candidate; c == nil {
			f.state.Answered(request, response) // in one step, since a takeover sends what was recorded before it
		}
		f.mu.Unlock()
		if c == nil {
			return response
		}
	}
	response := f.call(ctx, c, request)
	f.state.Answered(request, response)
	return response
}

// call sends a request to a candidate, and keeps what its response says of LeadMagic itself.
func (f *Failover) call(ctx context.Context, c *Candidate, request *jsonrpc.Message) *jsonrpc.Message {
	response := c.Upstream.Call(ctx, request)
	if ctx.Err() == nil { // or the problem is that nobody needed the response
		f.recordOutage(problemOf(response))
	}
	return response
}

// Notify implements Upstream.
func (f *Failover) Notify(ctx context.Context, m *jsonrpc.Message) {
	if u := f.receiver(m); u != nil {
		u.Notify(ctx, m)
	}
}

// receiver records a notification, or a response of the editor's, and is who gets it. Both are one step: a takeover sends
// what was recorded before it.
func (f *Failover) receiver(m *jsonrpc.Message) Upstream {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.current
	switch {
	case s != nil && !m.Stateless():
		f.state.Sent(m)
		switch {
		case s.candidate != nil:
			return s.candidate.Upstream
		case s.successor != nil && m.Kind == jsonrpc.Response: // the fallback server requests nothing
			return s.successor.Upstream
		}
		return f.Fallback
	case f.stateless != nil:
		return f.stateless.Upstream
	case len(f.Candidates) > 0:
		return f.Candidates[0].Upstream
	}
	return nil
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
	p := f.Refusal
	for i := range f.Candidates {
		c := &f.Candidates[i]
		if i > 0 {
			if why := c.Instead(ctx, p); why != nil {
				p = why
				continue
			}
			if ctx.Err() != nil {
				return notSentResponse(ctx, request)
			}
			f.Log.Debug("requests are answered by another upstream", "upstream", c.Name, "reason", p.What)
		}
		f.mu.Lock()
		f.tryingStateless = c
		f.mu.Unlock()
		response := f.call(ctx, c, request)
		if p = problemOf(response); p == nil || ctx.Err() != nil {
			f.decideStateless(ctx, c, p)
			return response
		}
	}
	f.decideStateless(ctx, nil, p)
	return jsonrpc.Failed(request, p)
}

func (f *Failover) decideStateless(ctx context.Context, c *Candidate, p *problem.Problem) {
	f.mu.Lock()
	switch {
	case f.stateless != nil:
	case p == nil:
		f.stateless = c
	case ctx.Err() == nil && p.Code != problem.BadRequest: // which is about the call
		f.statelessProblem = p
	}
	f.mu.Unlock()
	f.publish()
}

// initialize opens a session: with a candidate, or with the fallback server if they refuse or take too long.
func (f *Failover) initialize(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	s, attempt, left := f.begin(ctx, request)
	timer := time.NewTimer(left)
	defer timer.Stop()
	p := problem.New(problem.Unreachable, problem.NotSent, "LeadMagic has not answered yet", "")
	select {
	case <-attempt:
	case <-timer.C:
	case <-ctx.Done():
		return notSentResponse(ctx, request)
	}
	f.mu.Lock()
	if !s.decided {
		s.decided = true
		s.problem = cmp.Or(s.problem, notSent(p, ""))
	}
	c, p := s.candidate, s.problem
	f.mu.Unlock()
	f.publish()
	if c != nil {
		return s.response
	}
	f.Explained(p)
	f.giveFallback(s)
	f.goBackground(func() { f.reconnect(s) })
	f.state.Answered(request, s.explained)
	return s.explained
}

// begin makes request the current session and asks the candidates to accept it. left is how long the editor waits: the
// time that it has spent on an unanswered server/discover counts.
func (f *Failover) begin(ctx context.Context, request *jsonrpc.Message) (s *failoverSession, attempt <-chan struct{}, left time.Duration) {
	s = &failoverSession{initialize: request, written: ctx}
	s.ctx, s.cancel = context.WithCancel(f.ctx)
	f.mu.Lock()
	f.state.Sent(request)
	known := f.stateless
	left = openFor
	if f.current == nil {
		left -= min(time.Since(f.first), discoverFor)
	} else {
		f.current.cancel()
		known = cmp.Or(known, f.current.candidate)
	}
	for i := range f.Candidates {
		if &f.Candidates[i] == known {
			s.start = i
		}
	}
	f.current, f.outage = s, nil
	attempt = f.startAttempt(s)
	f.mu.Unlock()
	f.publish()
	return s, attempt, left
}

// goBackground runs work in a goroutine that Close waits for.
func (f *Failover) goBackground(work func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.background.Go(work)
	}
}

// startAttempt asks the candidates in the background to accept the session, unless that is under way, and returns a
// channel that is closed at the end. The caller holds the mutex.
func (f *Failover) startAttempt(s *failoverSession) <-chan struct{} {
	if s.attempt != nil {
		return s.attempt
	}
	done := make(chan struct{})
	if f.closed {
		close(done)
		return done
	}
	s.attempt, s.lastTry = done, time.Now()
	f.Status.trying(done)
	f.background.Go(func() {
		defer close(done)
		c, response, p := f.tryCandidates(s)
		f.conclude(s, c, response, p)
	})
	return done
}

// tryCandidates asks one candidate after the other to accept the session. The problem is why none has accepted.
func (f *Failover) tryCandidates(s *failoverSession) (*Candidate, *jsonrpc.Message, *problem.Problem) {
	p := f.Refusal
	for i := s.start; i < len(f.Candidates); i++ {
		c := &f.Candidates[i]
		if i > s.start {
			if why := c.Instead(s.ctx, p); why != nil {
				p = why
				continue
			}
			f.Log.Debug("the session goes to another upstream", "upstream", c.Name, "reason", p.What)
		}
		f.mu.Lock()
		f.initializing = c
		f.mu.Unlock()
		ctx, cancel := context.WithCancel(s.ctx)
		response := f.call(ctx, c, s.initialize)
		if p = problemOf(response); p == nil {
			context.AfterFunc(s.written, cancel) // as Upstream wants it
			return c, response, nil
		}
		cancel()
	}
	return nil, nil, p
}

// conclude ends an attempt: the candidate c has accepted, unless p says why none has.
func (f *Failover) conclude(s *failoverSession, c *Candidate, response *jsonrpc.Message, p *problem.Problem) {
	f.mu.Lock()
	explained := s.decided
	switch {
	case p != nil:
		s.problem = notSent(p, "") // whatever became of the attempt, no call of the editor's was sent
	case !explained:
		f.Log.Debug("the session is open", "upstream", c.Name)
		s.decided, s.candidate, s.response = true, c, response
		f.state.Answered(s.initialize, response)
	}
	f.mu.Unlock()
	if p == nil && explained {
		f.takeOver(s, c, response)
	}
	f.mu.Lock()
	s.attempt = nil
	f.mu.Unlock()
	f.publish()
}

// takeOver gives an explained session to c, which has accepted it: c is told what the editor has said meanwhile, and the
// editor that there are other tools.
func (f *Failover) takeOver(s *failoverSession, c *Candidate, response *jsonrpc.Message) {
	if response.Result == nil {
		f.mu.Lock()
		s.problem = problem.New(problem.Failed, problem.NotSent, "LeadMagic does not open a session for this editor", "")
		f.mu.Unlock()
		return
	}
	wait(s.ctx, s.written.Done(), 0)
	version, _ := jsonrpc.Unquote(jsonrpc.Get(response.Result, "protocolVersion"))
	told := make(map[*jsonrpc.Message]bool)
	for {
		f.mu.Lock()
		missed := slices.DeleteFunc(f.state.AfterInitialize(), func(m *jsonrpc.Message) bool { return told[m] })
		switch {
		case f.current != s:
			f.mu.Unlock()
			return
		case version != f.state.Version():
			s.problem, s.restart = nil, true
			f.mu.Unlock()
			return
		case len(missed) == 0:
			s.problem, s.candidate, s.recovered = nil, c, true
			f.mu.Unlock()
			f.publish()
			f.Log.Debug("LeadMagic can be used now", "upstream", c.Name)
			for _, kind := range []string{"tools", "resources", "prompts"} {
				f.notify(jsonrpc.NewNotification("notifications/"+kind+"/list_changed", nil))
			}
			return
		}
		s.successor = c // who may request something of the editor as soon as it is told initialized
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
	}
}

// candidateOf is who has the session, nil for the fallback server, and why that has it.
func (f *Failover) candidateOf(s *failoverSession) (*Candidate, *problem.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case s.candidate != nil:
		return s.candidate, nil
	case s.restart:
		return nil, problem.New(problem.BadSetting, problem.NotSent, "LeadMagic can be used now, but this session began without it",
			"restart leadmagic in "+cmp.Or(f.Editor.Name(), "the editor"))
	}
	return nil, s.problem
}

// reconnect makes attempts until a candidate has the session. What only a person can mend is tried when the key changes.
func (f *Failover) reconnect(s *failoverSession) {
	for pause := firstPause; ; {
		f.mu.Lock()
		p, over := s.problem, s.candidate != nil || s.restart
		f.mu.Unlock()
		if over {
			return
		}
		delay := pause
		if isKeyProblem(p) {
			delay = keyPause
		}
		if ratelimit.Sleep(s.ctx, ratelimit.Jitter(delay)) != nil {
			return
		}
		if isKeyProblem(p) && f.KeyChanged() || mayPass(p) {
			pause = min(2*pause, longestPause)
			f.tryAgain(s.ctx, s, 0)
		}
	}
}

// tryAgain makes another attempt to give an explained session to a candidate, or joins the one under way, and waits for
// its end, or as long as limit unless that is 0.
func (f *Failover) tryAgain(ctx context.Context, s *failoverSession, limit time.Duration) {
	f.mu.Lock()
	if s.candidate != nil || s.restart || s.ctx.Err() != nil {
		f.mu.Unlock()
		return
	}
	attempt := f.startAttempt(s)
	f.mu.Unlock()
	wait(ctx, attempt, limit)
}

// giveFallback opens the session at the fallback server, as far as the editor has come with it.
func (f *Failover) giveFallback(s *failoverSession) {
	s.openFallback.Do(func() {
		s.explained = f.Fallback.Call(s.ctx, s.initialize)
		for _, m := range f.state.AfterInitialize() {
			if m.Kind == jsonrpc.Notification {
				f.Fallback.Notify(s.ctx, m)
			}
		}
	})
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

func isKeyProblem(p *problem.Problem) bool {
	return p.Code == problem.KeyMissing || p.Code == problem.KeyMalformed || p.Code == problem.KeyRejected || p.Code == problem.SignInRequired
}

// recordOutage keeps a problem that would meet the next call too, and drops it when a call succeeds.
func (f *Failover) recordOutage(p *problem.Problem) {
	f.mu.Lock()
	lasts := p != nil && isKeyProblem(p)
	if p != nil {
		switch p.Code {
		case problem.NoCredits, problem.Redirected, problem.Unreachable, problem.Untrusted, problem.NotLeadMagic:
			lasts = true
		}
	}
	changed := lasts || p == nil && f.outage != nil
	switch {
	case lasts:
		f.outage, f.outageAt = p, time.Now()
	case p == nil:
		f.outage = nil
	}
	f.mu.Unlock()
	if changed {
		f.publish()
	}
}

// mayPass reports whether p may go away by itself.
func mayPass(p *problem.Problem) bool {
	switch p.Code {
	case problem.Unreachable, problem.Untrusted, problem.Failed, problem.RateLimited, problem.Cut, problem.BrokenAnswer,
		problem.NotLeadMagic, problem.TimedOut, problem.NotFound:
		return true
	}
	return false
}

// publish tells Status how the session is.
func (f *Failover) publish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var r StatusReport
	s := f.current
	if s != nil {
		r = StatusReport{Problem: s.problem, LastTry: s.lastTry, Restart: s.restart, Recovered: s.recovered}
		if s.candidate != nil {
			r.Problem = nil
		}
	}
	if f.outage != nil && r.Problem == nil {
		r.Problem, r.LastTry = f.outage, f.outageAt
	}
	switch {
	case s != nil && s.decided:
		if s.candidate != nil {
			r.Upstream = s.candidate.Name
		}
	case f.stateless != nil:
		r.Upstream = f.stateless.Name
	case r.Problem == nil:
		r.Problem = f.statelessProblem
	}
	f.Status.set(r)
}

// A Status is how a session is, for whoever says so. The zero value is that of a session which has not begun. It is safe
// for concurrent use.
type Status struct {
	mu      sync.Mutex
	report  StatusReport
	attempt <-chan struct{} // closed at the end of the last attempt, nil before the first
}

// A StatusReport is what there is to say of a session.
type StatusReport struct {
	// Problem is why LeadMagic cannot be used, nil if it can.
	Problem *problem.Problem
	// Upstream is the name of the candidate that has the session, empty if none has.
	Upstream string
	// LastTry is when LeadMagic was last asked to open the session.
	LastTry time.Time
	// Restart says that LeadMagic can be used, but not by this session.
	Restart bool
	// Recovered says that the session began without LeadMagic, so that the editor may not know the tools.
	Recovered bool
}

// Report is how the session is now.
func (s *Status) Report() StatusReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report
}

// Wait blocks until no attempt to reach LeadMagic is under way, or ctx ends.
func (s *Status) Wait(ctx context.Context) {
	s.mu.Lock()
	attempt := s.attempt
	s.mu.Unlock()
	if attempt != nil {
		wait(ctx, attempt, 0)
	}
}

func (s *Status) set(r StatusReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = r
}

func (s *Status) trying(attempt <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempt = attempt
}

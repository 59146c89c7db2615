package proxy

import (
	"fmt"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Bounds of what is tried again. All follow the rule "credits are money": a call goes out once more only if
// it is known not to have been carried out, or if it only reads.
const (
	reachFor     = 3500 * time.Millisecond // while nothing of a call could be written
	limitFor     = 20 * time.Second        // in all, for the rate limit
	openingLimit = 3 * time.Second         // in all for the rate limit, when an editor waits for initialize
	readTries    = 3                       // of a read that LeadMagic fails
	openingTries = 2                       // of initialize: the editor is told soon, and LeadMagic is tried again in the background
	openingFor   = 20 * time.Second        // for the answer to initialize
	readFor      = 60 * time.Second        // for the answer to any other read
	firstPause   = 100 * time.Millisecond
	largestPause = 500 * time.Millisecond
	failedPause  = 5 * time.Second // what LeadMagic may ask for before a failed read is tried again
)

// reads are the methods that change nothing and cost nothing.
var reads = map[string]bool{
	"initialize": true, "server/discover": true, "ping": true,
	"tools/list": true, "prompts/list": true, "resources/list": true, "resources/templates/list": true,
	"tasks/list": true, "tasks/get": true, "resources/read": true, "prompts/get": true, "completion/complete": true,
}

func isRead(m *Message) bool { return reads[m.Method] }

// fateOf is what became of a call that was sent and not answered. A read has no effect, so its fate counts as
// Refused.
func fateOf(call *Message) problem.Fate {
	if isRead(call) {
		return problem.Refused
	}
	return problem.Unknown
}

// A failure is one POST that brought no answer.
type failure struct {
	problem  *problem.Problem
	lost     *remoteSession // the session that LeadMagic does not know any more, nil otherwise
	stale    bool           // LeadMagic wants headers from a tool list newer than ours
	broken   bool           // the connection broke before the answer was complete
	final    bool           // nothing is to be tried again
	verbatim *Message       // LeadMagic's own JSON-RPC error, given to the editor if nothing is tried again
}

// retries is what one call has tried so far.
type retries struct {
	since   time.Time // of the first in the latest row of tries that did not reach LeadMagic
	sent    time.Time // of the last try
	tries   int
	pause   time.Duration
	waited  time.Duration // for the rate limit
	told    int
	renewed bool
	listed  bool
}

// again decides whether a call is sent once more after fail, and does the mending and waiting before it.
func (r *Remote) again(f *flight, t *retries, fail *failure) bool {
	p := fail.problem
	if p.Code != problem.Unreachable {
		t.since = time.Time{}
	}
	switch {
	case fail.final, f.ctx.Err() != nil, f.calledOff():
		return false
	case fail.lost != nil:
		return r.mend(f, t, fail)
	case fail.stale:
		if t.listed {
			return false
		}
		t.listed = true
		return r.relist(f)
	case p.Code == problem.Unreachable:
		pause := t.nextPause()
		return time.Since(t.since)+pause < reachFor && sleep(f.ctx, pause)
	case p.Code == problem.RateLimited:
		return r.waitForLimit(f, t, p)
	case isRead(f.call) && (p.HTTPStatus >= 500 || fail.broken):
		t.tries++
		most := readTries
		if f.call.Method == "initialize" {
			most = openingTries
		}
		pause := max(2*t.nextPause(), p.RetryAfter)
		return t.tries < most && pause <= failedPause && sleep(f.ctx, pause)
	}
	return false
}

func (t *retries) nextPause() time.Duration {
	t.pause = min(max(2*t.pause, firstPause), largestPause)
	return t.pause
}

// mend opens another session in place of the lost one, once for each call.
func (r *Remote) mend(f *flight, t *retries, fail *failure) bool {
	if t.renewed {
		// A refusal for which LeadMagic has a code may be about the call.
		if fail.verbatim == nil && fail.problem.Upstream == "" {
			fail.problem = problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session, and the one opened in its place too", "")
		}
		return false
	}
	t.renewed = true
	if p := r.renew(f.ctx, fail.lost, t.sent); p != nil {
		fail.problem, fail.verbatim = p, nil
		return false
	}
	return true
}

// waitForLimit shuts the gate for all after a 429, and reports whether the call may wait there for another try.
func (r *Remote) waitForLimit(f *flight, t *retries, p *problem.Problem) bool {
	wait := p.RetryAfter
	if wait == 0 {
		wait = 2 * max(t.waited, time.Second/2)
	}
	wait = max(wait, t.nextPause())
	if t.waited+wait > limitOf(f.call) {
		return false
	}
	r.gate.shut(wait)
	return true
}

// limitOf is how long a call may wait for the rate limit, in all.
func limitOf(call *Message) time.Duration {
	if call.Method == "initialize" {
		return openingLimit
	}
	return limitFor
}

// hold keeps a message back while the rate limit is known to be reached. It then records the time of this try.
func (r *Remote) hold(f *flight, t *retries) {
	most := limitOf(f.call) - t.waited
	if wait := r.gate.left(); wait > 0 && most > 0 {
		r.tellWait(f.call, t, min(wait, most))
		t.waited += r.gate.pass(f.ctx, most)
	}
	t.sent = time.Now()
	if t.since.IsZero() {
		t.since = t.sent
	}
}

// tellWait tells an editor that asked for progress why nothing happens. The numbers are small, since
// those of the tool itself come later and must be larger.
func (r *Remote) tellWait(call *Message, t *retries, wait time.Duration) {
	if call.meta.progressToken == nil {
		return
	}
	t.told++
	seconds := int((wait + time.Second - 1) / time.Second)
	r.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`,
		call.meta.progressToken, fmt.Sprintf(`,"progress":0.%03d,"message":"LeadMagic's rate limit is reached, waiting %d s"}}`, t.told, seconds)))
}

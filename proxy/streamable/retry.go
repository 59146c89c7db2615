package streamable

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// Bounds of what is tried again. All follow the rule "credits are money": a request goes out once more only if it is known
// not to have been carried out, or if it only reads.
const (
	reachFor        = 3500 * time.Millisecond // while nothing of a message could be written
	limitFor        = 20 * time.Second        // in all, for the rate limit
	initializeLimit = 3 * time.Second         // in all for the rate limit, when an editor waits for initialize
	readTries       = 3                       // of a read that LeadMagic fails
	initializeTries = 2                       // of initialize: the editor is told soon, and LeadMagic is tried again in the background
	initializeFor   = 20 * time.Second        // for the response to initialize
	readFor         = 60 * time.Second        // for the response to any other read
	firstRetryPause = 100 * time.Millisecond
	mostRetryPause  = 500 * time.Millisecond
	askedRetryPause = 5 * time.Second // what LeadMagic may ask for before a failed read is tried again
)

// isRead reports whether a message changes nothing and costs nothing.
func isRead(m *jsonrpc.Message) bool {
	switch m.Method {
	case "initialize", "server/discover", "ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list",
		"tasks/list", "tasks/get", "resources/read", "prompts/get", "completion/complete":
		return true
	}
	return false
}

// A failure is one attempt that brought no response.
type failure struct {
	problem  *problem.Problem
	lost     *session         // the session that LeadMagic does not know any more, nil otherwise
	stale    bool             // LeadMagic wants headers from a tool list newer than ours
	broken   bool             // the connection broke before the response was complete
	final    bool             // there is no session to try it again with
	response *jsonrpc.Message // LeadMagic's own JSON-RPC error, given to the editor if nothing is tried again
}

// retries is what one message has tried so far.
type retries struct {
	since   time.Time // of the first in the latest row of attempts that did not reach LeadMagic
	sent    time.Time // of the last attempt
	tries   int
	pause   time.Duration
	waited  time.Duration // for the rate limit
	told    int           // progress notifications
	renewed bool          // a new session was opened for it
	listed  bool          // the tools were listed again for it
}

// retry decides whether a message is sent once more after fail, and does what has to be done before, such as waiting.
func (c *Client) retry(x *exchange, r *retries, fail *failure) bool {
	p, m := fail.problem, x.message
	if p.Code != problem.Unreachable {
		r.since = time.Time{}
	}
	switch {
	case fail.final, x.ctx.Err() != nil, x.over.Load():
		return false
	case fail.lost != nil:
		// A response to what a lost session asked is of no use to the next one, and that was told initialized.
		return m.Kind != jsonrpc.Response && c.renewOnce(x, r, fail) && m.Method != "notifications/initialized"
	case fail.stale:
		if r.listed {
			return false
		}
		r.listed = true
		return c.listAgain(x)
	case p.Code == problem.Unreachable:
		pause := r.nextPause()
		return time.Since(r.since)+pause < reachFor && ratelimit.Sleep(x.ctx, pause) == nil
	case p.Code == problem.RateLimited:
		return c.limitReached(m, r, p)
	case isRead(m) && (p.HTTPStatus >= 500 || fail.broken):
		r.tries++
		most := readTries
		if m.Method == "initialize" {
			most = initializeTries
		}
		pause := max(2*r.nextPause(), p.RetryAfter)
		return r.tries < most && pause <= askedRetryPause && ratelimit.Sleep(x.ctx, pause) == nil
	}
	return false
}

func (r *retries) nextPause() time.Duration {
	r.pause = min(max(2*r.pause, firstRetryPause), mostRetryPause)
	return r.pause
}

// renewOnce opens another session in place of the lost one, once for each message.
func (c *Client) renewOnce(x *exchange, r *retries, fail *failure) bool {
	if r.renewed {
		// A refusal for which LeadMagic has a code may be about the request.
		if fail.response == nil && fail.problem.Upstream == "" {
			fail.problem = problem.New(problem.Failed, problem.Refused, "LeadMagic lost the session, and the one opened in its place too", "")
		}
		return false
	}
	r.renewed = true
	if p := c.renew(x.ctx, fail.lost, r.sent); p != nil {
		fail.problem, fail.response = p, nil
		return false
	}
	return true
}

// limitReached holds back all requests after a 429, and reports whether the request may wait for another attempt.
func (c *Client) limitReached(m *jsonrpc.Message, r *retries, p *problem.Problem) bool {
	wait := max(cmp.Or(p.RetryAfter, 2*max(r.waited, time.Second/2)), r.nextPause())
	if r.waited+wait > longestLimit(m) {
		return false
	}
	c.limit.Pause(wait)
	return true
}

// longestLimit is how long a message may wait for the rate limit, in all.
func longestLimit(m *jsonrpc.Message) time.Duration {
	if m.Method == "initialize" {
		return initializeLimit
	}
	return limitFor
}

// waitForLimit blocks while the rate limit is known to be reached, and then records the time of the attempt. Other
// requests may reach the limit again and again, so one that has waited long enough is sent anyway.
func (c *Client) waitForLimit(x *exchange, r *retries) {
	most := longestLimit(x.message) - r.waited
	if left := c.limit.Left(); left > 0 && most > 0 {
		c.tellWait(x.message, r, min(left, most))
		start := time.Now()
		ctx, stop := context.WithTimeout(x.ctx, most)
		_ = c.limit.Wait(ctx)
		stop()
		r.waited += time.Since(start)
	}
	r.sent = time.Now()
	if r.since.IsZero() {
		r.since = r.sent
	}
}

// tellWait tells an editor that asked for progress why nothing happens. The numbers are small, since those of the tool
// itself come later and must be larger.
func (c *Client) tellWait(m *jsonrpc.Message, r *retries, wait time.Duration) {
	if m.ProgressToken == nil {
		return
	}
	r.told++
	params := fmt.Sprintf(`{"progressToken":%s,"progress":0.%03d,"message":"LeadMagic's rate limit is reached, waiting %.0f s"}`,
		m.ProgressToken, r.told, math.Ceil(wait.Seconds()))
	c.notify(jsonrpc.NewNotification("notifications/progress", []byte(params)))
}

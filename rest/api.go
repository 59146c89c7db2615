package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/semaphore"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// Bounds of what a session asks of LeadMagic and holds of its answers at once. A result has an answer twice, as members
// and as text, and making a message of it takes twenty times the memory. The longest answer that LeadMagic documents,
// 10,000 people, is half of what is read.
const (
	maxInFlight  = 128      // calls; others wait in the order in which they came
	maxBody      = 64 << 20 // bytes of one answer
	smallBody    = 1 << 20  // bytes of an answer of which there may be as many as there are calls
	maxLarge     = 2        // answers that are longer
	maxLargeWait = time.Minute
	maxRefusal   = 64 << 10 // bytes that are read of an answer that is no success
)

// Bounds of what is tried again. Credits are money: a paid call is sent once more only if nothing of it was
// written, or if LeadMagic refused it for its rate limit.
const (
	maxConnecting  = 4 * time.Second  // from the start, while there is no connection
	maxLimitWait   = 20 * time.Second // for the rate limit, in all
	maxReads       = 3                // of a free call that LeadMagic fails
	firstRetryWait = 200 * time.Millisecond
	lastRetryWait  = time.Second
	firstLimitWait = 2 * time.Second // where LeadMagic does not say how long
)

// An api is LeadMagic's REST API, as one session uses it.
type api struct {
	Options
	limit    ratelimit.Limiter
	inFlight *semaphore.Weighted
	large    *semaphore.Weighted
}

func newAPI(o Options) *api {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	// Go takes a custom header along when it follows a redirect, whatever its host.
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	return &api{Options: o, inFlight: semaphore.NewWeighted(maxInFlight), large: semaphore.NewWeighted(maxLarge)}
}

// An answer is what LeadMagic answered. The body of a success is valid JSON; otherwise there is none. It is closed after use.
type answer struct {
	header  http.Header
	body    []byte
	members map[string]json.RawMessage // of the body, if it is an object
	large   *semaphore.Weighted        // of which the body has its share, or nil
}

func (a *answer) close() {
	if a.large != nil {
		a.large.Release(1)
	}
}

// handler answers tools/call.
func (r *api) handler(t *Tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, faults := t.read(req.Params.Arguments)
		if faults != nil {
			return r.failure(t, &answer{}, t.refuse(faults)), nil
		}
		timed := ctx
		if r.ToolTimeout > 0 {
			var stop context.CancelFunc
			timed, stop = context.WithTimeout(ctx, r.ToolTimeout)
			defer stop()
		}
		ans, p := r.call(timed, t, args, progress(ctx, req))
		defer ans.close()
		switch {
		case p == nil:
			return t.success(ans), nil
		case ctx.Err() != nil:
			return nil, ctx.Err() // the call is cancelled
		case timed.Err() != nil && p.HTTPStatus == 0 && p.Code != problem.RateLimited:
			p = problem.New(problem.TimedOut, p.Outcome, "the call took longer than --tool-timeout allows", "")
		}
		return r.failure(t, ans, p), nil
	}
}

// failure is the result of a call that came to nothing for p. Of the answer only the headers count.
func (r *api) failure(t *Tool, ans *answer, p *problem.Problem) *mcp.CallToolResult {
	usage := usageOf(t, ans, p)
	if r.Describe != nil {
		p = r.Describe(p)
	}
	return &mcp.CallToolResult{
		Meta:    mcp.Meta{problem.UsageKey: usage},
		Content: []mcp.Content{&mcp.TextContent{Text: p.Text(r.HasTool)}},
		IsError: true,
	}
}

// progress tells an editor that asked for it how long a call waits for the rate limit.
func progress(ctx context.Context, req *mcp.CallToolRequest) func(time.Duration) {
	token := req.Params.GetProgressToken()
	told := 0.0
	return func(wait time.Duration) {
		if token == nil {
			return
		}
		told++
		_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
			ProgressToken: token, Progress: told,
			Message: "LeadMagic's rate limit is reached, waiting " + wait.Round(time.Second).String(),
		})
	}
}

// attempts is what was tried of one call so far.
type attempts struct {
	start             time.Time
	unreached, failed int
	limited           int
	limitWait         time.Duration       // in all
	tellWait          func(time.Duration) // that the call will wait so long for the rate limit
}

// call makes one call: one request, or as many as are allowed until it is answered. The answer is never nil.
func (r *api) call(ctx context.Context, t *Tool, a arguments, tellWait func(time.Duration)) (*answer, *problem.Problem) {
	if r.inFlight.Acquire(ctx, 1) != nil {
		return &answer{}, problem.FromError(context.Cause(ctx), false)
	}
	defer r.inFlight.Release(1)
	tried := attempts{start: time.Now(), tellWait: tellWait}
	for {
		if p := r.waitForLimit(ctx, &tried); p != nil {
			return &answer{}, p
		}
		ans, p := r.send(ctx, t, a, tried.limitWait)
		if p == nil || ctx.Err() != nil || !r.waitToRetry(ctx, t, &tried, p) {
			return ans, p
		}
	}
}

// waitForLimit waits until the rate limit lets calls through. The problem is why this one is not let through.
func (r *api) waitForLimit(ctx context.Context, tried *attempts) *problem.Problem {
	for {
		wait := r.limit.Left()
		if wait == 0 {
			return nil
		}
		if tried.limitWait+wait > maxLimitWait {
			return problem.New(problem.RateLimited, problem.NotSent, "LeadMagic's rate limit is reached, and other calls wait for it too",
				"call again in a minute, with fewer calls side by side")
		}
		tried.tellWait(wait)
		start := time.Now()
		if err := ratelimit.Sleep(ctx, ratelimit.Jitter(wait)); err != nil {
			return problem.FromError(err, false)
		}
		tried.limitWait += time.Since(start)
	}
}

// waitToRetry decides whether a call is sent once more after p, and waits before it.
func (r *api) waitToRetry(ctx context.Context, t *Tool, tried *attempts, p *problem.Problem) bool {
	switch {
	case p.Code == problem.Unreachable:
		wait := ratelimit.Backoff(tried.unreached, firstRetryWait, lastRetryWait)
		tried.unreached++
		return time.Since(tried.start)+wait < maxConnecting && ratelimit.Sleep(ctx, wait) == nil
	case p.HTTPStatus == http.StatusTooManyRequests:
		wait := cmp.Or(p.RetryAfter, ratelimit.Backoff(tried.limited, firstLimitWait, maxLimitWait))
		tried.limited++
		if tried.limitWait+wait > maxLimitWait {
			return false // nor does one absurd wait hold back others
		}
		r.limit.Pause(wait)
		return true
	case t.Free() && (p.Code == problem.Failed || p.Code == problem.Cut || p.HTTPStatus >= 500):
		wait := max(ratelimit.Backoff(tried.failed, firstRetryWait, lastRetryWait), p.RetryAfter)
		tried.failed++
		return tried.failed < maxReads && wait < maxLimitWait && ratelimit.Sleep(ctx, wait) == nil
	}
	return false
}

// send makes one request. waited is how long the call was held back for the rate limit before.
func (r *api) send(ctx context.Context, t *Tool, a arguments, waited time.Duration) (*answer, *problem.Problem) {
	var sent atomic.Bool // something of the request may have been written
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := t.request(ctx, r.BaseURL, a)
	if err != nil {
		return &answer{}, problem.New(problem.BadSetting, problem.NotSent,
			"the address of LeadMagic's REST API cannot be used", "correct --api-url (LEADMAGIC_API_URL)")
	}
	start := time.Now()
	res, err := r.Client.Do(req)
	if err != nil {
		return &answer{}, t.broken(err, sent.Load())
	}
	defer func() { _ = res.Body.Close() }()
	ans := &answer{header: res.Header}
	refused := problem.Answer{Status: res.StatusCode, Header: res.Header, Asked: req.URL, Paid: !t.Free(), Waited: waited}
	if res.StatusCode/100 == 2 {
		err = r.read(ctx, ans, res.Body)
		refused.Body = ans.body[:min(len(ans.body), maxRefusal)]
	} else {
		refused.Body, _ = io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	}
	r.Logger.DebugContext(ctx, "answer of the REST API", "tool", t.Name, "status", res.StatusCode,
		"request", res.Header.Get("X-Request-Id"), "bytes", max(len(ans.body), len(refused.Body)), "took", time.Since(start))
	if err == nil && res.StatusCode/100 == 2 && json.Valid(ans.body) {
		_ = json.Unmarshal(ans.body, &ans.members) // other JSON than an object has none
		return ans, nil
	}
	ans.close()
	ans = &answer{header: res.Header}
	if err != nil {
		return ans, t.broken(err, true)
	}
	return ans, t.refusal(refused, len(a.values) > 0)
}

// read reads the body of a success into ans, without blanks around it and a byte order mark before it. One that is
// long waits until few others are.
func (r *api) read(ctx context.Context, ans *answer, body io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(body, smallBody))
	if err == nil && len(data) == smallBody {
		wait, cancel := context.WithTimeoutCause(ctx, maxLargeWait, errCrowded)
		defer cancel()
		if r.large.Acquire(wait, 1) != nil {
			return context.Cause(wait)
		}
		ans.large = r.large
		data, err = io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(data), body), maxBody+1))
	}
	if len(data) > maxBody {
		return errTooLong
	}
	ans.body = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\uFEFF")))
	return err
}

var (
	errTooLong = fmt.Errorf("LeadMagic's answer is broken: it is longer than %d MiB", maxBody>>20)
	errCrowded = errors.New("LeadMagic's answer is too long to be read beside other long ones")
)

// broken is the problem of a request that brought no whole answer. sent says that some of it may have reached
// LeadMagic. What became of a free call does not matter: it may simply be made again.
func (t *Tool) broken(err error, sent bool) *problem.Problem {
	if errors.Is(err, errTooLong) || errors.Is(err, errCrowded) {
		p := problem.New(problem.BrokenAnswer, problem.Refused, err.Error(), "")
		if !t.Free() {
			p.Outcome = problem.Unknown
		}
		return p
	}
	p := problem.FromError(err, sent)
	if p.Code == problem.Cut && t.Free() {
		p.Outcome, p.Next = problem.Refused, "call again: the call is free"
	}
	return p
}

// refusal is the problem that an answer stands for, as the REST API means it. named says that the call has
// arguments.
func (t *Tool) refusal(a problem.Answer, named bool) *problem.Problem {
	// Here the key is the only way in: a challenge says nothing more than that it was rejected.
	a.Header = a.Header.Clone()
	a.Header.Del("Www-Authenticate")
	p := problem.FromAnswer(a)
	switch {
	case p.Code == problem.Redirected:
		p.Next = "set --api-url (or LEADMAGIC_API_URL) to the new address if you trust it"
	case p.Code == problem.NotFound && !named:
		// A call that names nothing has not named the wrong thing.
		p.What = fmt.Sprintf("LeadMagic's REST API is not at this address (HTTP %d)", a.Status)
		p.Next = "check --api-url (LEADMAGIC_API_URL)"
	}
	return p
}

// request is the call as LeadMagic takes it. What a model wrote is escaped, so that it reaches no other path.
func (t *Tool) request(ctx context.Context, base string, a arguments) (*http.Request, error) {
	method, path, _ := strings.Cut(t.Route, " ")
	query, body := url.Values{}, make(map[string]json.RawMessage)
	for _, p := range t.params {
		value := a.value(p.name)
		switch {
		case !p.send && !a.given(p.name):
		case p.place == inPath:
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(text(value)))
		case p.place == atEnd:
			path += "/" + url.PathEscape(text(value))
		case p.place == inQuery:
			query.Set(p.name, text(value))
		default:
			body[p.name] = value
		}
	}
	target, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	target = target.JoinPath(path)
	if len(query) > 0 {
		target.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+query.Encode(), "&")
	}
	var content []byte
	if method != http.MethodGet {
		content = objectOf(t.params, body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if content != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// An Upstream answers what an editor asks. Filter, Budget and Failover are Upstreams around others.
type Upstream interface {
	// Start begins a session and does nothing that can be seen from outside. notify takes what the upstream says besides
	// responses, its notifications and its own requests, from any goroutine; it blocks while the editor does not read.
	Start(notify func(*jsonrpc.Message))
	// Call sends a request and returns its response, never nil: LeadMagic's, or one that says what went wrong and what is
	// known of the request. What the upstream says along the way reaches notify before Call returns. When ctx ends, its
	// cause says why: *jsonrpc.Cancelled, jsonrpc.ErrSessionEnded, or that the time is up. After a cancellation Call may
	// go on for 30 s to return the late response. ctx ends when nobody needs the response any more, at the latest when it
	// is written: memory that it holds may be reused for others then. Safe for concurrent use.
	Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message
	// Notify sends a notification, or the editor's response to a request of the upstream. It returns when that was taken
	// or cannot be.
	Notify(ctx context.Context, m *jsonrpc.Message)
	// Close ends the session in no more time than ctx has. Calls that have not returned yet return soon.
	Close(ctx context.Context)
}

// internalFor is how long a request of our own may take.
const internalFor = 30 * time.Second

var (
	errNoResponse = errors.New("no response in time")
	errNotNeeded  = errors.New("the request that needed it was cancelled")
)

// callInternal sends a request of our own, in the protocol mode of the editor's request like, and returns the response.
// LeadMagic cannot tell it from one of the editor's. params are the members of its params, as JSON.
func callInternal(ctx context.Context, next Upstream, like *jsonrpc.Message, method string, params string) *jsonrpc.Message {
	members := make([][]byte, 0, 2)
	if like.Stateless() {
		members = append(members, internalMeta(like))
	}
	if params != "" {
		members = append(members, []byte(params))
	}
	object := append(append([]byte{'{'}, bytes.Join(members, []byte(","))...), '}')
	request := jsonrpc.NewRequest(jsonrpc.Quote("leadmagic-mcp-proxy "+rand.Text()), method, object)
	if ctx.Err() != nil {
		return notSentResponse(ctx, request)
	}
	// A cancellation of the editor's ends this request too, but names another.
	parent := ctx
	ctx, end := context.WithCancelCause(context.WithoutCancel(parent))
	defer context.AfterFunc(parent, func() {
		cause := context.Cause(parent)
		if _, cancelled := errors.AsType[*jsonrpc.Cancelled](cause); cancelled {
			cause = errNotNeeded
		}
		end(cause)
	})()
	ctx, cancel := context.WithTimeoutCause(ctx, internalFor, errNoResponse)
	defer cancel()
	response := next.Call(ctx, request)
	if errors.Is(context.Cause(ctx), errNoResponse) && response.Err != nil {
		return jsonrpc.Failed(request, problem.New(problem.Failed, problem.NotSent, "LeadMagic has not answered in time", ""))
	}
	return response
}

// internalMeta is the member _meta of a stateless request, without its progress token, which is for one request only.
func internalMeta(like *jsonrpc.Message) []byte {
	var kept [][]byte
	for m := range jsonrpc.Members(like.Meta) {
		if string(m.Name) != "progressToken" {
			kept = append(kept, m.Raw)
		}
	}
	return append(append([]byte(`"_meta":{`), bytes.Join(kept, []byte(","))...), '}')
}

// notSentResponse is the response to a request whose context ended before it was sent.
func notSentResponse(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	what := "the call was cancelled before it was sent"
	if errors.Is(context.Cause(ctx), jsonrpc.ErrSessionEnded) {
		what = "the session ended before the call was sent"
	}
	return jsonrpc.Failed(request, problem.New(problem.Unreachable, problem.NotSent, what, ""))
}

// problemOf is why there is no response of LeadMagic's in m, nil if there is one.
func problemOf(m *jsonrpc.Message) *problem.Problem {
	if m.Err == nil {
		return nil
	}
	if p := problem.As(m.Err); p != nil {
		return p
	}
	return problem.New(problem.Failed, problem.Unknown, m.Err.Error(), "")
}

// notSent is p as the reason why another call was not sent. what says what p kept from being done.
func notSent(p *problem.Problem, what string) *problem.Problem {
	if what == "" && p.Outcome == problem.NotSent {
		return p
	}
	other := *p
	other.Outcome, other.What = problem.NotSent, what+p.What
	switch p.Code {
	case problem.Cut, problem.TimedOut, problem.BrokenAnswer:
		// The default advice for these is about a call that was sent.
		other.Code, other.Next = problem.Unreachable, ""
	case problem.NotFound:
		// The default advice for it is about a call that can name something else.
		other.Code = problem.BadSetting
	case problem.BadRequest:
		other.Code = problem.Failed
	}
	return &other
}

func isStatusCall(m *jsonrpc.Message) bool {
	return m.Method == "tools/call" && m.Param("name") == problem.StatusTool
}

// quoteName is a name that somebody else has chosen, fit for a line of text.
func quoteName(name string) string {
	return strconv.Quote(problem.PrintableLine(name, problem.MaxName))
}

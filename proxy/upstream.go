package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
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
	// cause says why: *jsonrpc.Cancelled, problem.ErrSessionEnded, or that the time is up. After a cancellation Call may
	// go on for 30 s to return the late response. ctx ends when the response is not needed any more, at the latest when it
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

// toolLists is an Upstream that keeps what the lists of tools say which come from another, until they change, and sends
// that one requests of our own.
type toolLists struct {
	Upstream

	mu     sync.Mutex
	listed map[bool]map[string]bool // by whether it is stateless: the tools of the last list, and whether each is read-only
}

// Start implements Upstream.
func (l *toolLists) Start(notify func(*jsonrpc.Message)) {
	l.forget()
	l.Upstream.Start(func(m *jsonrpc.Message) {
		if m.Method == "notifications/tools/list_changed" {
			l.forget()
		}
		notify(m)
	})
}

// Call implements Upstream.
func (l *toolLists) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	switch request.Method {
	case "initialize":
		l.forget()
	case "tools/list":
		l.mu.Lock()
		listed := l.listed // if the tools change before the response, it goes into a map that is not used any more
		l.mu.Unlock()
		response := l.Upstream.Call(ctx, request)
		if response.Result != nil {
			l.keep(listed, request, readTools(response.Result))
		}
		return response
	}
	return l.Upstream.Call(ctx, request)
}

func (l *toolLists) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = make(map[bool]map[string]bool)
}

func (l *toolLists) keep(listed map[bool]map[string]bool, request *jsonrpc.Message, tools map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mode := request.Stateless()
	all := make(map[string]bool)
	if request.HasCursor() {
		maps.Copy(all, listed[mode])
	}
	maps.Copy(all, tools)
	listed[mode] = all
	if _, explained := tools[problem.StatusTool]; explained {
		delete(listed, mode) // they are not LeadMagic's
	}
}

// like is the tools of the last list for requests like that one, nil if there is none. It is not to be changed.
func (l *toolLists) like(request *jsonrpc.Message) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listed[request.Stateless()]
}

// callInternal sends a request of our own, in the protocol mode of the editor's request like, and returns the response.
// LeadMagic cannot tell it from one of the editor's. params are the members of its params, as JSON.
func (l *toolLists) callInternal(ctx context.Context, like *jsonrpc.Message, method string, params ...string) *jsonrpc.Message {
	if like.Stateless() {
		meta := jsonrpc.Edit(like.Meta, func(m jsonrpc.Member) []byte {
			if string(m.Name) == "progressToken" {
				return nil // it is for one request only
			}
			return m.Value
		})
		params = append(params, `"_meta":`+string(meta))
	}
	request := jsonrpc.NewRequest(jsonrpc.Quote("leadmagic-mcp-proxy "+rand.Text()), method, []byte("{"+strings.Join(params, ",")+"}"))
	if ctx.Err() != nil {
		return jsonrpc.Failed(request, problem.NeverSent(ctx))
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
	response := l.Call(ctx, request)
	if errors.Is(context.Cause(ctx), errNoResponse) && response.Err != nil {
		return jsonrpc.Failed(request, problem.New(problem.Failed, problem.NotSent, "LeadMagic has not answered in time", ""))
	}
	return response
}

// readBalance calls the free tool that shows the balance.
func (l *toolLists) readBalance(ctx context.Context, like *jsonrpc.Message, tool string) *jsonrpc.Message {
	return l.callInternal(ctx, like, "tools/call", `"name":`+string(jsonrpc.Quote(tool)), `"arguments":{}`)
}

// readTools is the tools in the result of a tools/list, and whether each is read-only. The status tool is listed only
// while LeadMagic cannot be used.
func readTools(result []byte) map[string]bool {
	tools := make(map[string]bool)
	for tool := range jsonrpc.Elements(jsonrpc.Get(result, "tools")) {
		name, _ := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
		other, again := tools[name]
		tools[name] = hasReadOnlyHint(tool) && (other || !again) // a call may get either
	}
	return tools
}

func hasReadOnlyHint(tool []byte) bool {
	return string(jsonrpc.Get(tool, "annotations", "readOnlyHint")) == "true"
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

// quoteName is a name that came from outside, fit for a line of text.
func quoteName(name string) string {
	return strconv.Quote(problem.PrintableLine(name, problem.MaxName))
}

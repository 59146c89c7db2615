package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sync/singleflight"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// A Filter is an Upstream that limits which tools of Next an agent sees and calls. It fails closed: what it cannot judge
// is not sent. That holds for every message that another parser may read in another way, so a Filter belongs in front of
// a Budget even where it has no patterns.
type Filter struct {
	Next Upstream
	// Tools and Exclude are patterns of tool names, in the syntax of path.Match; here * matches a slash too, [!…] is
	// [^…], and blanks around a pattern do not count. A tool has to match one of Tools, if there are any, and none of
	// Exclude.
	Tools, Exclude []string
	// ReadOnly leaves only tools that LeadMagic lists with a readOnlyHint.
	ReadOnly bool
	Log      *slog.Logger

	next    toolLists
	listing singleflight.Group // the list under way, by protocol mode
	warned  sync.Once          // that no tool is left
}

// Start implements Upstream.
func (f *Filter) Start(notify func(*jsonrpc.Message)) {
	f.next.Upstream = f.Next
	f.next.Start(notify)
}

// Call implements Upstream.
func (f *Filter) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if ambiguous(request) {
		return jsonrpc.NewError(request.ID, jsonrpc.CodeInvalidRequest,
			"the message names a member twice, or in other letters than the protocol has; it was not sent", nil)
	}
	if request.Method == "tools/call" && !isStatusCall(request) {
		if p := f.check(ctx, request); p != nil {
			return jsonrpc.Failed(request, p)
		}
	}
	response := f.next.Call(ctx, request)
	if request.Method == "tools/list" && response.Result != nil {
		return f.withoutHidden(response)
	}
	return response
}

// Notify implements Upstream.
func (f *Filter) Notify(ctx context.Context, m *jsonrpc.Message) {
	if m.Method == "tools/call" || ambiguous(m) {
		// Without an id no response would say what it cost, and LeadMagic might carry it out all the same.
		f.Log.Debug("a notification was dropped that might call a tool")
		return
	}
	f.Next.Notify(ctx, m)
}

// Close implements Upstream.
func (f *Filter) Close(ctx context.Context) {
	f.Next.Close(ctx)
}

// check says why a tool must not be called, nil if it may be. Patterns judge by name. A list is needed where it tells
// what is read-only, and where something is excluded: a tool may have other names than the listed one.
func (f *Filter) check(ctx context.Context, request *jsonrpc.Message) *problem.Problem {
	tool := request.Param("name")
	if p := f.hides(tool, true); p != nil || !f.ReadOnly && len(f.Exclude) == 0 {
		return p
	}
	readOnly, listed := f.next.like(request)[tool]
	if !listed {
		if p := f.list(ctx, request); p != nil {
			return p
		}
		if readOnly, listed = f.next.like(request)[tool]; !listed {
			setting := "--read-only (LEADMAGIC_READ_ONLY)"
			if !f.ReadOnly {
				setting = "--exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)"
			}
			return hidden("LeadMagic does not list the tool %s, and "+setting+" hides what is not listed", tool)
		}
	}
	return f.hides(tool, readOnly)
}

// list lists the tools, once for all calls that wait for it, so that none of them ends it. The problem is why it cannot.
func (f *Filter) list(ctx context.Context, request *jsonrpc.Message) *problem.Problem {
	result := f.listing.DoChan(fmt.Sprint(request.Stateless()), func() (any, error) { return nil, f.listOnce(context.WithoutCancel(ctx), request) })
	select {
	case r := <-result:
		return problem.As(r.Err)
	case <-ctx.Done():
		return problem.NeverSent(ctx)
	}
}

func (f *Filter) listOnce(ctx context.Context, like *jsonrpc.Message) error {
	for range 2 {
		response := f.next.callInternal(ctx, like, "tools/list")
		switch p := problemOf(response); {
		case p != nil:
			return notSent(p, "the call was not sent, since LeadMagic's tools cannot be listed to judge it: ")
		case response.Result == nil:
			return problem.New(problem.Hidden, problem.NotSent, "LeadMagic does not list its tools, so this one cannot be judged; the call was not sent", "")
		case f.next.like(like) != nil:
			return nil
		}
		if _, explained := readTools(response.Result)[problem.StatusTool]; !explained {
			continue // they have changed meanwhile
		}
		// The session began without LeadMagic. A call that needs LeadMagic finds out whether it can be used now, and what
		// is wrong if not; this one is free.
		if p := problemOf(f.next.readBalance(ctx, like, problem.BalanceTool)); p != nil {
			return notSent(p, "")
		}
	}
	return problem.New(problem.Hidden, problem.NotSent, "LeadMagic has not listed its tools yet, so this one cannot be judged; the call was not sent", "call "+problem.StatusTool)
}

// withoutHidden is a list of tools without those that are hidden.
func (f *Filter) withoutHidden(response *jsonrpc.Message) *jsonrpc.Message {
	for _, pattern := range f.Unmatched() {
		f.Log.Debug("a tool pattern matches nothing", "pattern", pattern)
	}
	total, shown := 0, 0
	result := jsonrpc.Select(response.Result, "tools", func(tool []byte) bool {
		total++
		name, isText := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
		// The status tool is ours, and says what is wrong with a session.
		show := name == problem.StatusTool || isText && f.hides(name, hasReadOnlyHint(tool)) == nil
		if show {
			shown++
		}
		return show
	})
	if shown == 0 && total > 0 {
		f.warned.Do(func() {
			f.Log.Warn("no tool is left: --tools, --exclude-tools and --read-only hide them all", "listed", total)
		})
	}
	return response.WithResult(result)
}

// hides says what hides a tool, nil if nothing does. A pattern that cannot be read hides.
func (f *Filter) hides(tool string, readOnly bool) *problem.Problem {
	if len(f.Tools) > 0 && !slices.ContainsFunc(f.Tools, func(pattern string) bool {
		ok, _ := matches(pattern, tool)
		return ok
	}) {
		return hidden("the tool %s is not among those that --tools (LEADMAGIC_TOOLS) allows", tool)
	}
	if slices.ContainsFunc(f.Exclude, func(pattern string) bool {
		ok, err := matches(pattern, tool)
		return ok || err != nil
	}) {
		return hidden("the tool %s is hidden by --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)", tool)
	}
	if f.ReadOnly && !readOnly {
		return hidden("the tool %s is hidden by --read-only (LEADMAGIC_READ_ONLY): LeadMagic does not list it as read-only", tool)
	}
	return nil
}

func hidden(format, tool string) *problem.Problem {
	return problem.New(problem.Hidden, problem.NotSent, fmt.Sprintf(format, quoteName(tool))+"; the call was not sent", "")
}

// Unmatched are the patterns that match none of the tools that LeadMagic has listed, but for empty ones. There are none
// before it has listed any.
func (f *Filter) Unmatched() []string {
	f.next.mu.Lock()
	defer f.next.mu.Unlock()
	var list []string
	for _, pattern := range slices.Concat(f.Tools, f.Exclude) {
		pattern = strings.TrimSpace(pattern)
		unmatched := pattern != "" && len(f.next.listed) > 0
		for _, tools := range f.next.listed {
			for tool := range tools {
				ok, _ := matches(pattern, tool)
				unmatched = unmatched && !ok
			}
		}
		if unmatched && !slices.Contains(list, pattern) {
			list = append(list, pattern)
		}
	}
	return list
}

// matches reports whether a tool's name matches pattern. A slash in it is a character like any other, and [!…] is
// [^…], as in a shell.
func matches(pattern, tool string) (bool, error) {
	pattern = strings.NewReplacer(`\\`, `\\`, `\[`, `\[`, "[!", "[^", "/", "\x00").Replace(strings.TrimSpace(pattern))
	return path.Match(pattern, strings.ReplaceAll(tool, "/", "\x00"))
}

// ambiguous reports whether another parser may read m in another way: at the top level, in params or in arguments two
// members have the same name, or names that differ in case alone, or a name is one of the protocol's in other letters.
func ambiguous(m *jsonrpc.Message) bool {
	return repeats(m.Raw, "jsonrpc", "id", "method", "params", "result", "error") ||
		repeats(m.Params, "name", "arguments", "_meta", "uri", "cursor") ||
		m.Method == "tools/call" && repeats(jsonrpc.Get(m.Params, "arguments"))
}

// repeats reports whether two members of object have names that are equal under case folding, or one has a name that
// equals one of the known names only so.
func repeats(object []byte, known ...string) bool {
	names := make(map[string]bool)
	for m := range jsonrpc.Members(object) {
		name := string(m.Name)
		folded := strings.Map(foldRune, name)
		if names[folded] || slices.ContainsFunc(known, func(k string) bool { return k != name && strings.EqualFold(k, name) }) {
			return true
		}
		names[folded] = true
	}
	return false
}

// foldRune is the same rune for all that are equal under Unicode's simple case folding.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}

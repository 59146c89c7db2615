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
	// Tools and Exclude are patterns of tool names, in the syntax of path.Match; here * matches a slash too, and
	// [!…] is [^…]. A tool has to match one of Tools, if there are any, and none of Exclude.
	Tools, Exclude []string
	// ReadOnly leaves only tools that LeadMagic lists with a readOnlyHint.
	ReadOnly bool
	Log      *slog.Logger

	ctx    context.Context //nolint:containedctx // the life of the session, for lists that several calls wait for
	cancel context.CancelFunc
	lists  singleflight.Group // the list under way, by protocol mode

	mu      sync.Mutex
	listed  map[bool]map[string]bool // by whether it is stateless: the tools of the last list, and whether each is read-only
	edition int                      // of the tools; a list that was asked for before it changed is not kept
	warned  bool                     // that no tool is left
}

// Start implements Upstream.
func (f *Filter) Start(notify func(*jsonrpc.Message)) {
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.mu.Lock()
	f.Tools, f.Exclude = cleanPatterns(f.Tools), cleanPatterns(f.Exclude)
	f.mu.Unlock()
	f.forget()
	f.Next.Start(func(m *jsonrpc.Message) {
		if m.Method == "notifications/tools/list_changed" {
			f.forget()
		}
		notify(m)
	})
}

// Call implements Upstream.
func (f *Filter) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if ambiguous(request) {
		return jsonrpc.NewError(request.ID, jsonrpc.CodeInvalidRequest,
			"the message names a member twice, or in other letters than the protocol has; it was not sent", nil)
	}
	switch request.Method {
	case "initialize":
		f.forget()
	case "tools/list":
		edition := f.currentEdition()
		response := f.Next.Call(ctx, request)
		if response.Result == nil {
			return response
		}
		return f.withoutHidden(request, response, edition)
	case "tools/call":
		if isStatusCall(request) {
			break
		}
		if p := f.check(ctx, request); p != nil {
			return jsonrpc.Failed(request, p)
		}
	}
	return f.Next.Call(ctx, request)
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
	f.cancel()
	f.Next.Close(ctx)
}

// check says why a tool must not be called, nil if it may be. Patterns judge by name. A list is needed where it tells
// what is read-only, and where something is excluded: a tool may have other names than the listed one.
func (f *Filter) check(ctx context.Context, request *jsonrpc.Message) *problem.Problem {
	tool := request.Param("name")
	if p := f.hiddenByName(tool); p != nil || !f.ReadOnly && len(f.Exclude) == 0 {
		return p
	}
	readOnly, listed := f.lookup(request, tool)
	if !listed {
		if p := f.list(ctx, request); p != nil {
			return p
		}
		if readOnly, listed = f.lookup(request, tool); !listed {
			setting := "--read-only (LEADMAGIC_READ_ONLY)"
			if !f.ReadOnly {
				setting = "--exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)"
			}
			return hidden("LeadMagic does not list the tool %s, and "+setting+" hides what is not listed", tool)
		}
	}
	return f.hiddenByHint(tool, readOnly)
}

func (f *Filter) lookup(request *jsonrpc.Message, tool string) (readOnly, listed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	readOnly, listed = f.listed[request.Stateless()][tool]
	return readOnly, listed
}

// list lists the tools, once for all calls that wait for it. The problem is why it cannot.
func (f *Filter) list(ctx context.Context, request *jsonrpc.Message) *problem.Problem {
	result := f.lists.DoChan(fmt.Sprint(request.Stateless()), func() (any, error) {
		if p := f.listOnce(request); p != nil {
			return nil, p
		}
		return nil, nil
	})
	select {
	case r := <-result:
		return problem.As(r.Err)
	case <-ctx.Done():
		return problemOf(notSentResponse(ctx, request))
	}
}

func (f *Filter) listOnce(like *jsonrpc.Message) *problem.Problem {
	for range 2 {
		edition := f.currentEdition()
		response := callInternal(f.ctx, f.Next, like, "tools/list", "")
		switch p := problemOf(response); {
		case p != nil:
			return notSent(p, "the call was not sent, since LeadMagic's tools cannot be listed to judge it: ")
		case response.Result == nil:
			return problem.New(problem.Hidden, problem.NotSent, "LeadMagic does not list its tools, so this one cannot be judged; the call was not sent", "")
		case f.record(like, response.Result, edition):
			if edition == f.currentEdition() {
				return nil
			}
			continue
		}
		// The session began without LeadMagic. A call that needs LeadMagic finds out whether it can be used now, and what
		// is wrong if not; this one is free.
		if p := problemOf(readBalance(f.ctx, f.Next, like, problem.BalanceTool)); p != nil {
			return notSent(p, "")
		}
	}
	return problem.New(problem.Hidden, problem.NotSent, "LeadMagic has not listed its tools yet, so this one cannot be judged; the call was not sent", "call "+problem.StatusTool)
}

// record keeps the tools in the result of a tools/list. It reports whether they are LeadMagic's: the status tool is
// listed only while LeadMagic cannot be used.
func (f *Filter) record(request *jsonrpc.Message, result []byte, edition int) bool {
	tools := make(map[string]bool)
	for tool := range jsonrpc.Elements(jsonrpc.Get(result, "tools")) {
		name, _ := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
		readOnly := hasReadOnlyHint(tool)
		if other, again := tools[name]; again {
			readOnly = readOnly && other // a call may get either
		}
		tools[name] = readOnly
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, explained := tools[problem.StatusTool]; explained {
		delete(f.listed, request.Stateless())
		return false
	}
	if edition != f.edition {
		return true
	}
	if request.HasCursor() {
		for name, readOnly := range f.listed[request.Stateless()] {
			if _, again := tools[name]; !again {
				tools[name] = readOnly
			}
		}
	}
	f.listed[request.Stateless()] = tools
	return true
}

// forget drops the lists, which may be out of date.
func (f *Filter) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed = make(map[bool]map[string]bool)
	f.edition++
}

func (f *Filter) currentEdition() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.edition
}

// withoutHidden records a list of tools and is the response without those that are hidden.
func (f *Filter) withoutHidden(request, response *jsonrpc.Message, edition int) *jsonrpc.Message {
	if f.record(request, response.Result, edition) {
		for _, pattern := range f.Unmatched() {
			f.Log.Debug("a tool pattern matches nothing", "pattern", pattern)
		}
	}
	total, shown := 0, 0
	result := jsonrpc.Select(response.Result, "tools", func(tool []byte) bool {
		total++
		if !f.shows(tool) {
			return false
		}
		shown++
		return true
	})
	f.mu.Lock()
	warn := shown == 0 && total > 0 && !f.warned
	f.warned = f.warned || warn
	f.mu.Unlock()
	if warn {
		f.Log.Warn("no tool is left: --tools, --exclude-tools and --read-only hide them all", "listed", total)
	}
	return response.WithResult(result)
}

// shows reports whether a tool, as it is listed, is shown to the editor.
func (f *Filter) shows(tool []byte) bool {
	name, isText := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
	if name == problem.StatusTool {
		return true // it is ours, and says what is wrong with a session
	}
	return isText && f.hiddenByName(name) == nil && f.hiddenByHint(name, hasReadOnlyHint(tool)) == nil
}

func hasReadOnlyHint(tool []byte) bool {
	return string(jsonrpc.Get(tool, "annotations", "readOnlyHint")) == "true"
}

// hiddenByName says which pattern hides a tool, nil if none does. A pattern that cannot be read hides.
func (f *Filter) hiddenByName(tool string) *problem.Problem {
	allowed := len(f.Tools) == 0 || slices.ContainsFunc(f.Tools, func(pattern string) bool {
		ok, err := matches(pattern, tool)
		return ok && err == nil
	})
	if !allowed {
		return hidden("the tool %s is not among those that --tools (LEADMAGIC_TOOLS) allows", tool)
	}
	if slices.ContainsFunc(f.Exclude, func(pattern string) bool {
		ok, err := matches(pattern, tool)
		return ok || err != nil
	}) {
		return hidden("the tool %s is hidden by --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)", tool)
	}
	return nil
}

func (f *Filter) hiddenByHint(tool string, readOnly bool) *problem.Problem {
	if f.ReadOnly && !readOnly {
		return hidden("the tool %s is hidden by --read-only (LEADMAGIC_READ_ONLY): LeadMagic does not list it as read-only", tool)
	}
	return nil
}

func hidden(format, tool string) *problem.Problem {
	return problem.New(problem.Hidden, problem.NotSent, fmt.Sprintf(format, quoteName(tool))+"; the call was not sent", "")
}

// Unmatched are the patterns that match none of the tools that LeadMagic has listed. There are none before it has listed
// any.
func (f *Filter) Unmatched() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, pattern := range slices.Concat(f.Tools, f.Exclude) {
		if len(f.listed) > 0 && !f.matchesAny(pattern) && !slices.Contains(list, pattern) {
			list = append(list, pattern)
		}
	}
	return list
}

func (f *Filter) matchesAny(pattern string) bool {
	for _, tools := range f.listed {
		for tool := range tools {
			if ok, _ := matches(pattern, tool); ok {
				return true
			}
		}
	}
	return false
}

// cleanPatterns is list without blanks around patterns, and without empty ones. If all are empty, one stays: it matches
// nothing, which is not the same as no list.
func cleanPatterns(list []string) []string {
	var out []string
	for _, pattern := range list {
		if pattern = strings.TrimSpace(pattern); pattern != "" {
			out = append(out, pattern)
		}
	}
	if len(list) > 0 && out == nil {
		out = []string{""}
	}
	return out
}

// matches reports whether a tool's name matches pattern. A slash in it is a character like any other, and [!…] is
// [^…], as in a shell.
func matches(pattern, tool string) (bool, error) {
	pattern = strings.NewReplacer(`\\`, `\\`, `\[`, `\[`, "[!", "[^", "/", "\x00").Replace(pattern)
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

package proxy

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// cleanPatterns is list without blanks around patterns, and without empty ones. If all are empty, one stays:
// it matches nothing, which is not the same as no list.
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

// byName says which pattern setting hides a tool, nil if none does. A pattern that cannot be read hides.
func (g *Guard) byName(tool string) *problem.Problem {
	allowed := len(g.Tools) == 0 || slices.ContainsFunc(g.Tools, func(pattern string) bool {
		ok, err := matches(pattern, tool)
		return ok && err == nil
	})
	if !allowed {
		return hidden("the tool %s is not among those that --tools (LEADMAGIC_TOOLS) allows", tool)
	}
	if slices.ContainsFunc(g.Exclude, func(pattern string) bool {
		ok, err := matches(pattern, tool)
		return ok || err != nil
	}) {
		return hidden("the tool %s is hidden by --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)", tool)
	}
	return nil
}

// byKind says whether --read-only hides a tool.
func (g *Guard) byKind(tool string, readOnly bool) *problem.Problem {
	if g.ReadOnly && !readOnly {
		return hidden("the tool %s is hidden by --read-only (LEADMAGIC_READ_ONLY): LeadMagic does not list it as read-only", tool)
	}
	return nil
}

// hides says why a tool must not be called, nil if it may be. It is not sure before the tool was listed, where
// that matters: a list tells what is read-only, and a tool that is called by a name which is not listed may be
// one that is hidden under its listed name.
func (g *Guard) hides(tool string, e era) (p *problem.Problem, sure bool) {
	if p := g.byName(tool); p != nil {
		return p, true
	}
	if !g.ReadOnly && len(g.Exclude) == 0 {
		return nil, true
	}
	g.mu.Lock()
	readOnly, listed := g.listed[e][tool]
	g.mu.Unlock()
	if !listed {
		return nil, false
	}
	return g.byKind(tool, readOnly), true
}

// Shows reports whether an editor sees a tool of that name, as far as patterns and LeadMagic's last list tell.
func (g *Guard) Shows(tool string) bool {
	if g.byName(tool) != nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, tools := range g.listed {
		if readOnly, listed := tools[tool]; listed && g.byKind(tool, readOnly) == nil {
			return true
		}
	}
	return false
}

// unlisted is the problem of a tool that was looked for in LeadMagic's list and is not there.
func (g *Guard) unlisted(tool string) *problem.Problem {
	setting := "--read-only (LEADMAGIC_READ_ONLY)"
	if !g.ReadOnly {
		setting = "--exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)"
	}
	return hidden("LeadMagic does not list the tool %s, and "+setting+" hides what is not listed", tool)
}

func hidden(format, tool string) *problem.Problem {
	return problem.New(problem.Hidden, problem.NotSent, fmt.Sprintf(format, shown(tool))+"; the call was not sent", "")
}

// shown is a name that somebody else has chosen, fit for a line of text.
func shown(name string) string {
	const enough = 64
	if len(name) > enough {
		name = strings.ToValidUTF8(name[:enough], "") + "…"
	}
	return fmt.Sprintf("%q", name)
}

// filter takes note of a list of tools and cuts out those that are hidden. Any other answer it leaves alone.
func (g *Guard) filter(call, answer *Message) *Message {
	if call.Method != "tools/list" || answer.Result == nil {
		return answer
	}
	g.learn(call, answer.Result)
	list := find(answer.Result, "tools")
	var kept [][]byte
	total := 0
	for tool := range elements(list) {
		total++
		if g.shows(tool) {
			kept = append(kept, tool)
		}
	}
	if len(kept) == total {
		return answer
	}
	if len(kept) == 0 {
		g.warnEmpty(total)
	}
	return compose(splice(answer.Raw, list, []byte("["), bytes.Join(kept, []byte(",")), []byte("]")))
}

// shows reports whether a tool, as it is listed, is shown to the editor.
func (g *Guard) shows(tool []byte) bool {
	name, ok := unquote(find(tool, "name"))
	if name == StatusTool {
		return true // it is ours, and says what is wrong with a session
	}
	return ok && g.byName(name) == nil && g.byKind(name, hintsReadOnly(tool)) == nil
}

func hintsReadOnly(tool []byte) bool {
	return string(find(find(tool, "annotations"), "readOnlyHint")) == "true"
}

func (g *Guard) warnEmpty(total int) {
	g.mu.Lock()
	warned := g.warned
	g.warned = true
	g.mu.Unlock()
	if !warned {
		g.c.Log.Warn("no tool is left: --tools, --exclude-tools and --read-only hide them all", "listed", total)
	}
}

// learn takes note of the tools in the result of a tools/list. It reports whether they are LeadMagic's: the
// status tool is listed only while LeadMagic cannot be used.
func (g *Guard) learn(call *Message, result []byte) bool {
	tools := make(map[string]bool)
	for tool := range elements(find(result, "tools")) {
		name, _ := unquote(find(tool, "name"))
		readOnly := hintsReadOnly(tool)
		if other, again := tools[name]; again {
			readOnly = readOnly && other // who knows which of the two a call gets
		}
		tools[name] = readOnly
	}
	e := eraOf(call)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, explained := tools[StatusTool]; explained {
		g.listed[e] = nil
		return false
	}
	if goesOn(call) {
		for name, readOnly := range g.listed[e] {
			if _, again := tools[name]; !again {
				tools[name] = readOnly
			}
		}
	}
	g.listed[e] = tools
	for _, pattern := range g.unmatched() {
		g.c.Log.Debug("a tool pattern matches nothing", "pattern", pattern)
	}
	return true
}

// ambiguous reports whether LeadMagic may read something else in m than the guard does: parsers differ in which of two
// equal names counts, and some take a name in other letters, METHOD, for the one that the protocol has.
func ambiguous(m *Message) bool {
	return twice(m.Raw, "jsonrpc", "id", "method", "params", "result", "error") ||
		twice(m.Params, "name", "arguments", "_meta") ||
		m.Method == "tools/call" && twice(find(m.Params, "arguments"))
}

// twice reports whether object has two members whose names are equal but for their case, or one that differs from a name
// of the protocol in its case alone.
func twice(object []byte, protocol ...string) bool {
	seen := make(map[string]bool)
	for m := range members(object) {
		name := string(m.name)
		if slices.ContainsFunc(protocol, func(p string) bool { return p != name && strings.EqualFold(p, name) }) {
			return true
		}
		if name = folded(name); seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

// folded is the same text for all that strings.EqualFold takes to be equal.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

// forget notes that the lists may be out of date.
func (g *Guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listed = [2]map[string]bool{}
}

// Unmatched are the patterns that match none of the tools that LeadMagic has listed. There are none before it
// has listed any.
func (g *Guard) Unmatched() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.unmatched()
}

func (g *Guard) unmatched() []string {
	if g.listed[legacyEra] == nil && g.listed[modernEra] == nil {
		return nil
	}
	var list []string
	for _, pattern := range slices.Concat(g.Tools, g.Exclude) {
		if !g.matchesAny(pattern) && !slices.Contains(list, pattern) {
			list = append(list, pattern)
		}
	}
	return list
}

func (g *Guard) matchesAny(pattern string) bool {
	for _, tools := range g.listed {
		for tool := range tools {
			if ok, _ := matches(pattern, tool); ok {
				return true
			}
		}
	}
	return false
}

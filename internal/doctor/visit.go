package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Session is one through the whole program, seen from where an editor sits.
type Session struct {
	*mcp.ClientSession
	// Upstream carries it: mcp or rest. If it is the second choice, Refused is why the first refused.
	Upstream string
	Refused  *problem.Problem
	// Unmatched are the patterns of --tools and --exclude-tools that match nothing, once the tools were listed.
	Unmatched func() []string
	// End ends it in order.
	End func()
}

// A visit is what was seen of one session.
type visit struct {
	err      error // why there was none
	upstream string
	refused  *problem.Problem
	opened   *mcp.InitializeResult
	took     time.Duration // until it was open

	tools     []*mcp.Tool
	toolsErr  error
	unmatched []string  // patterns that match none of LeadMagic's tools
	call      *freeCall // nil if there is no tool that is known to be free
}

// worked reports whether an editor could use the session.
func (v *visit) worked() bool { return v.err == nil && v.toolsErr == nil }

// A freeCall is a call that costs nothing.
type freeCall struct {
	tool    string
	err     error
	took    time.Duration
	credits json.Number // the balance that it told, empty if none
}

// freeTools are the names of the tool that tells the balance, which is free: the name has changed over time.
var freeTools = []string{problem.BalanceTool, problem.OlderBalanceTool}

// visit opens a session and looks around.
func (d *Doctor) visit(ctx context.Context, protocol string) *visit {
	v := new(visit)
	start := time.Now()
	s, err := d.Route.Open(ctx, protocol)
	v.took = time.Since(start)
	if err != nil {
		v.err = err
		return v
	}
	defer s.End()
	v.upstream, v.refused, v.opened = s.Upstream, s.Refused, s.InitializeResult()
	for tool, err := range s.Tools(ctx, nil) {
		if err != nil {
			v.toolsErr = err
			return v
		}
		v.tools = append(v.tools, tool)
	}
	v.unmatched = s.Unmatched()
	i := slices.IndexFunc(v.tools, func(t *mcp.Tool) bool { return slices.Contains(freeTools, t.Name) })
	if i >= 0 {
		v.call = ask(ctx, s, v.tools[i].Name)
	}
	return v
}

// ask calls a free tool.
func ask(ctx context.Context, s *Session, tool string) *freeCall {
	c := &freeCall{tool: tool}
	start := time.Now()
	result, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
	c.took = time.Since(start)
	switch {
	case err != nil:
		c.err = err
	case result.IsError:
		c.err = told(texts(result))
	default:
		c.credits = creditsIn(result)
	}
	return c
}

// told is the fault that a result tells an agent of: what is wrong and, if the words are our own, what to do next.
func told(text string) error {
	what, rest, _ := strings.Cut(text, "\n")
	if _, next, ours := strings.Cut(rest, "\nnext: "); ours {
		return problem.New(problem.Failed, problem.Refused, what, next)
	}
	return errors.New(text)
}

// texts is what a result says in words.
func texts(result *mcp.CallToolResult) string {
	var all []string
	for _, content := range result.Content {
		if text, ok := content.(*mcp.TextContent); ok {
			all = append(all, text.Text)
		}
	}
	return strings.Join(all, "\n")
}

// creditsIn is the balance in a result, as its structured content or its text has it.
func creditsIn(result *mcp.CallToolResult) json.Number {
	var body struct {
		Credits json.Number `json:"credits"`
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err == nil && json.Unmarshal(raw, &body) == nil && body.Credits != "" {
		return body.Credits
	}
	if json.Unmarshal([]byte(texts(result)), &body) != nil {
		return ""
	}
	return body.Credits
}

package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A caller answers tools/call.
type caller struct {
	Options
	api *api
}

func (c *caller) handler(t *tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, faults := t.read(req.Params.Arguments)
		if faults != nil {
			return c.failure(t, &answer{}, t.refuse(faults)), nil
		}
		timed := ctx
		if c.ToolTimeout > 0 {
			var stop context.CancelFunc
			timed, stop = context.WithTimeout(ctx, c.ToolTimeout)
			defer stop()
		}
		ans, p := c.api.call(timed, t, args, progress(ctx, req))
		defer ans.close()
		switch {
		case p == nil:
			return t.success(ans), nil
		case ctx.Err() != nil:
			return nil, ctx.Err() // nobody waits for the answer any more
		case timed.Err() != nil && p.HTTPStatus == 0 && p.Code != problem.RateLimited:
			p = problem.New(problem.TimedOut, p.Outcome, "the call took longer than --tool-timeout allows", "")
		}
		return c.failure(t, ans, p), nil
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

// success is the result of a call that LeadMagic answered: its JSON, untouched, and the same as text.
func (t *tool) success(ans *answer) *mcp.CallToolResult {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(ans.body, &members) // other JSON than an object has none
	usage := usageOf(t, ans, members, nil, time.Now())
	body := asObject(ans.body)
	result := &mcp.CallToolResult{
		Meta:              mcp.Meta{problem.UsageKey: usage},
		Content:           []mcp.Content{&mcp.TextContent{Text: string(body)}},
		StructuredContent: json.RawMessage(body),
	}
	if t.missed(ans.body, members) {
		note := "Nothing was found."
		if zero(usage.CreditsUsed) {
			note = "Nothing was found, and nothing was charged."
		}
		result.Content = append(result.Content, &mcp.TextContent{Text: note})
	}
	return result
}

// failure is the result of a call that came to nothing for p. Of the answer only the headers count.
func (c *caller) failure(t *tool, ans *answer, p *problem.Problem) *mcp.CallToolResult {
	usage := usageOf(t, ans, nil, p, time.Now())
	if c.Describe != nil {
		p = c.Describe(p)
	}
	return &mcp.CallToolResult{
		Meta:    mcp.Meta{problem.UsageKey: usage},
		Content: []mcp.Content{&mcp.TextContent{Text: p.Text(c.HasTool)}},
		IsError: true,
	}
}

// asObject makes valid JSON the object that structured content has to be.
// Source: MCP 2025-11-25, Tools, Structured Content.
func asObject(body []byte) []byte {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	switch body[0] {
	case '{':
		return body
	case '[':
		return bytes.Join([][]byte{[]byte(`{"items":`), body, []byte(`}`)}, nil)
	}
	return bytes.Join([][]byte{[]byte(`{"value":`), body, []byte(`}`)}, nil)
}

// missed reports whether an answer says that nothing was found: of the members that hold what a tool finds, at
// least one is there, and none holds anything.
func (t *tool) missed(body []byte, members map[string]json.RawMessage) bool {
	if t.hits == nil {
		return false
	}
	if body[0] == '[' {
		return empty(body)
	}
	seen := false
	for _, name := range t.hits {
		value, ok := members[name]
		if ok && !empty(value) {
			return false
		}
		seen = seen || ok
	}
	return seen
}

// empty reports whether a value holds nothing: null, false, "", [], {} or 0.
func empty(raw json.RawMessage) bool {
	var v any = raw // which it stays if it is a number beyond all numbers
	_ = json.Unmarshal(raw, &v)
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

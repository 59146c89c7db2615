package rest

import (
	"context"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A caller carries out tool calls.
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
		ans, p := c.api.exchange(timed, t, args, teller(ctx, req))
		switch {
		case p == nil:
			return t.success(ans), nil
		case ctx.Err() != nil:
			return nil, ctx.Err() // nobody waits for the answer any more
		case timed.Err() != nil && p.HTTPStatus == 0 && p.Code != problem.RateLimited:
			p = late(p, t)
		}
		return c.failure(t, ans, p), nil
	}
}

// late is the problem of a call that --tool-timeout ended.
func late(p *problem.Problem, t *tool) *problem.Problem {
	fate := p.Fate
	if t.free() {
		fate = problem.Refused
	}
	return problem.New(problem.TimedOut, fate, "the call took longer than --tool-timeout allows", "")
}

// teller tells an editor that asked for progress how long a call waits for the rate limit.
func teller(ctx context.Context, req *mcp.CallToolRequest) func(time.Duration) {
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

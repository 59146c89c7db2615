package sandbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Announce tells every session that something changed: "tools", "prompts" or "resources" send list_changed, "docs" and
// "ticker" send a resource update to those who subscribed.
func (s *Sandbox) Announce(what string) error {
	var announce func(*mcp.Server) error
	switch what {
	// Adding one anew counts as a change, and is announced to all: once for each, if adding takes its time.
	case "tools":
		announce = func(server *mcp.Server) error { s.addTool(server, s.tool("find_work_email")); return nil }
	case "prompts":
		announce = func(server *mcp.Server) error { addPrompt(server, prompts()[0]); return nil }
	case "resources":
		announce = func(server *mcp.Server) error { addDocs(server); return nil }
	case "docs":
		announce = updated(docsURI)
	case "ticker":
		announce = updated(tickerURI)
	default:
		return fmt.Errorf("announcing %q: not one of tools, prompts, resources, docs, ticker", what)
	}
	s.upstream.mu.Lock()
	eras := []*era{s.upstream.legacy, s.upstream.modern}
	s.upstream.mu.Unlock()
	for _, e := range eras {
		if e == nil {
			continue
		}
		if err := announce(e.server); err != nil {
			return fmt.Errorf("announcing %s: %w", what, err)
		}
	}
	return nil
}

func updated(uri string) func(*mcp.Server) error {
	return func(server *mcp.Server) error {
		return server.ResourceUpdated(context.Background(), &mcp.ResourceUpdatedNotificationParams{URI: uri})
	}
}

// greetings counts the pings that a workbench sends as soon as a session says that it is initialized: they are lost unless
// its standing stream is open by then.
type greetings struct{ sent, answered atomic.Int64 }

// Greetings is how many sessions were pinged when they said that they were initialized, and how many answered.
func (s *Sandbox) Greetings() (sent, answered int) {
	return int(s.upstream.greetings.sent.Load()), int(s.upstream.greetings.answered.Load())
}

// greet runs beside the session: it could not read the answer while its handler waits for it.
func (s *Sandbox) greet(_ context.Context, req *mcp.InitializedRequest) {
	if !s.enter() {
		return
	}
	g := &s.upstream.greetings
	go func() {
		defer s.active.Done()
		ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
		defer cancel()
		g.sent.Add(1)
		if req.Session.Ping(ctx, nil) == nil {
			g.answered.Add(1)
		}
	}()
}

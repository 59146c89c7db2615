// Package explain is the MCP server of a session while LeadMagic cannot be used: it answers initialize, so
// that the editor shows something, and says why there are no tools and what to do about it. It sends nothing anywhere.
package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A State is what a session has to say of itself.
type State struct {
	// Problem is why LeadMagic cannot be used, nil if it can.
	Problem *problem.Problem
	// Recovered says that LeadMagic can be used since some time after the start, so that the editor may not have
	// its tools yet.
	Recovered bool
	// Editor is the name that the editor gave itself, empty if it gave none.
	Editor string
	// Source says where the key comes from, never what it is.
	Source string
	// Endpoint is where calls go, and Upstream is what answers them: the hosted server or the REST API.
	Endpoint, Upstream string
	// LastTry is when LeadMagic was last asked, zero if never.
	LastTry time.Time
}

// A Server runs sessions that explain.
type Server struct {
	// Version of the program.
	Version string
	// State is called each time that something is to be said.
	State func() State
}

// Serve runs one session over a pipe until in ends or ctx does.
func (s *Server) Serve(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	instructions := "" // most editors put them in front of the model
	if p := s.State().Problem; p != nil {
		instructions = fmt.Sprintf("at start LeadMagic could not be used: %s; this may have changed: call %s first", problem.Scrub(p.Line()), problem.StatusTool)
	}
	// LeadMagic may offer any of these later in the session, and an editor asks only once what is offered.
	server := mcp.NewServer(&mcp.Implementation{
		Name: problem.ServerName, Title: problem.ServerTitle, Version: s.Version,
	}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{
			Tools:       &mcp.ToolCapabilities{ListChanged: true},
			Resources:   &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true},
			Prompts:     &mcp.PromptCapabilities{ListChanged: true},
			Completions: &mcp.CompletionCapabilities{},
			Logging:     &mcp.LoggingCapabilities{},
		},
		SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
	})
	server.AddTool(&mcp.Tool{
		Name:  problem.StatusTool,
		Title: "LeadMagic status",
		Description: "Says whether LeadMagic can be used now, and if not, what is wrong and how a person can fix it. " +
			"Free; sends nothing to LeadMagic. Call it before telling the person that LeadMagic does not work.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, DestructiveHint: new(bool), OpenWorldHint: new(bool)},
	}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return s.status(), nil
	})
	return server.Run(ctx, &mcp.IOTransport{Reader: in, Writer: out, MaxLineLength: -1})
}

// status is the answer of the tool: the same in words and in members.
func (s *Server) status() *mcp.CallToolResult {
	state := s.State()
	report := struct {
		Usable   bool   `json:"usable"`
		Problem  string `json:"problem,omitempty"`
		Fix      string `json:"fix,omitempty"`
		Source   string `json:"keySource,omitempty"`
		Endpoint string `json:"endpoint,omitempty"`
		Upstream string `json:"upstream,omitempty"`
		LastTry  string `json:"lastAttempt,omitempty"`
		Version  string `json:"version"`
	}{Usable: state.Problem == nil, Source: state.Source, Endpoint: state.Endpoint, Upstream: state.Upstream, Version: s.Version}
	if !state.LastTry.IsZero() {
		report.LastTry = state.LastTry.UTC().Format(time.RFC3339)
	}
	lines := []string{"LeadMagic can be used"}
	switch p := state.Problem; {
	case p != nil:
		report.Problem, report.Fix = problem.Scrub(p.What), problem.Scrub(p.Fix())
		lines = []string{"problem: " + report.Problem}
	case state.Recovered:
		editor := cmp.Or(problem.PrintableLine(state.Editor, problem.MaxName), "the editor")
		report.Fix = "if the tools of LeadMagic are not listed, restart leadmagic in " + editor
	}
	for _, field := range []struct{ name, value string }{
		{"fix", report.Fix},
		{"key source", report.Source},
		{"endpoint", report.Endpoint},
		{"upstream", report.Upstream},
		{"last attempt", report.LastTry},
		{"version", "leadmagic-mcp-proxy " + report.Version + " (unofficial)"},
	} {
		if field.value != "" {
			lines = append(lines, field.name+": "+field.value)
		}
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: strings.Join(lines, "\n")}},
		StructuredContent: report,
	}
}

// Package rest makes LeadMagic's REST API an MCP server: a table of tools, each one a route. A call is one
// HTTP request, whose answer is passed on as it is.
//
// It is not LeadMagic's own, and it never sees the API key: the HTTP client that it is given adds that.
package rest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Options say where the REST API is and how its server presents itself.
type Options struct {
	// BaseURL is LeadMagic's REST API, such as https://api.leadmagic.io.
	BaseURL string
	// Client makes the requests; its transport adds the key. Redirects are not followed, whatever it says.
	Client *http.Client
	// Version is this program's.
	Version string
	// Instructions are added to those of the server, for example why the REST API was chosen.
	Instructions string
	// ToolTimeout bounds how long a call may take. Zero is no bound.
	ToolTimeout time.Duration
	// HasTool says whether the session's list has a tool, so that texts name no other. Nil stands for all tools.
	HasTool func(string) bool
	// Describe says of a problem what only its reader knows, such as where the key came from. Nil adds nothing.
	Describe func(*problem.Problem) *problem.Problem
	// Logger gets a debug line for each request, without bodies and headers. Nil is no log.
	Logger *slog.Logger
}

// instructions are for a model that begins a session.
const instructions = "These tools look up people, companies, jobs and ads through LeadMagic's REST API (an unofficial client). " +
	"Most cost credits of the user's account: each description says how many at most, and what is free when nothing is found. " +
	"check_credits is free. Prefer a domain over a company name, set limit or per_page where there is one, and do not repeat a " +
	"paid call whose answer you have."

// NewServer makes a server of the tools, two prompts and the resource leadmagic://docs.
func NewServer(o Options) *mcp.Server {
	list := Tools()
	names := byName(list)
	if o.HasTool == nil {
		o.HasTool = func(name string) bool { return names[name] != nil }
	}
	server := mcp.NewServer(
		&mcp.Implementation{Name: problem.ServerName, Title: problem.ServerTitle, Version: o.Version},
		&mcp.ServerOptions{
			Instructions: strings.TrimSpace(instructions + "\n\n" + o.Instructions),
			// Nothing of this changes while the server runs.
			Capabilities: &mcp.ServerCapabilities{
				Tools: &mcp.ToolCapabilities{}, Prompts: &mcp.PromptCapabilities{}, Resources: &mcp.ResourceCapabilities{},
			},
		},
	)
	r := newAPI(o)
	for _, t := range list {
		server.AddTool(t.describe(), r.handler(t))
	}
	server.AddReceivingMiddleware(acceptAliases(names))
	addPrompts(server)
	addDocs(server, list)
	return server
}

// Serve runs one session of the server, one message a line, until in ends or ctx does.
func Serve(ctx context.Context, o Options, in io.ReadCloser, out io.WriteCloser) error {
	// The end of in is what cancels calls under way: the SDK waits for them otherwise.
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	return NewServer(o).Run(ctx, &mcp.IOTransport{Reader: in, Writer: out, MaxLineLength: -1})
}

// acceptAliases lets calls use the older and newer names of tools, which are not listed.
func acceptAliases(names map[string]*Tool) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if call, ok := req.(*mcp.CallToolRequest); ok {
				if t := names[call.Params.Name]; t != nil {
					call.Params.Name = t.Name
				}
			}
			return next(ctx, method, req)
		}
	}
}

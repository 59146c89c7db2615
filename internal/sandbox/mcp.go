package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// statelessVersion is the first protocol version without sessions.
const statelessVersion = "2026-07-28"

// sessionTimeout is how long a session lives without a request.
const sessionTimeout = 24 * time.Hour

// A Message is what the sandbox itself reads of a JSON-RPC message.
type Message struct {
	Method string `json:"method"`
	Params struct {
		Name string          `json:"name"`
		Args json.RawMessage `json:"arguments"`
		Meta struct {
			Version string `json:"io.modelcontextprotocol/protocolVersion"`
		} `json:"_meta"`
	} `json:"params"`
}

// ReadMessages reads the messages of a body: one, or a batch; nil if it is no JSON. A member of an unexpected type reads as absent.
func ReadMessages(body []byte) []Message {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte{'['}) {
		body = slices.Concat([]byte{'['}, body, []byte{']'})
	}
	var messages []Message
	if _, broken := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &messages)); broken {
		return nil
	}
	return messages
}

// serveMCP answers a request to the MCP endpoint.
func (s *Sandbox) serveMCP(w http.ResponseWriter, r *http.Request) {
	if !s.authorizeMCP(w, r) {
		return
	}
	var messages []Message
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "request body too large or broken", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		messages = ReadMessages(body)
	}
	for _, m := range messages {
		if why := s.checkCredits(m); why != nil {
			writeJSON(w, http.StatusForbidden, object{
				"error": http.StatusText(http.StatusForbidden), "message": "No credits remaining: " + why.Detail,
				"credits_required": why.Context["credits_required"], "credits_available": why.Context["credits_available"],
			})
			return
		}
	}
	server := s.sessions
	if s.isStateless(r, messages) {
		server = s.stateless
	}
	server().ServeHTTP(w, r)
}

// isStateless reports whether a request is of the stateless protocol, by its version header or by the version in its body.
// GET and DELETE concern sessions.
func (s *Sandbox) isStateless(r *http.Request, messages []Message) bool {
	switch {
	case s.opts.Hooks.SessionsOnly:
		return false
	case s.opts.Hooks.StatelessOnly:
		return true
	case r.Method != http.MethodPost:
		return false
	}
	return r.Header.Get("Mcp-Protocol-Version") >= statelessVersion || slices.ContainsFunc(messages, func(m Message) bool {
		return m.Params.Meta.Version >= statelessVersion || m.Method == "server/discover" || m.Method == "subscriptions/listen"
	})
}

// checkCredits refuses a call that costs more than is left. The hosted server says so in HTTP, before MCP sees the call.
func (s *Sandbox) checkCredits(m Message) *refusal {
	i := slices.IndexFunc(operations(), func(op *operation) bool { return slices.Contains(op.toolNames(), m.Params.Name) })
	if m.Method != "tools/call" || i < 0 || !operations()[i].paid {
		return nil
	}
	op := operations()[i]
	in, why := decodeInput(m.Params.Args)
	if why != nil || op.check(in) != nil {
		return nil // the tool says so
	}
	if price, left := op.find(in, s.account).credits, s.Balance(); price > left {
		return noCredits(price, left)
	}
	return nil
}

// newServer makes one of the two servers, with sessions or without.
func (s *Sandbox) newServer(stateless bool) http.Handler {
	options := &mcp.ServerOptions{
		Instructions: "LeadMagic sandbox, an unofficial stand-in: every answer is invented. Start with check_credits, which is free.",
	}
	if s.opts.Hooks.StatelessOnly {
		options.SupportedProtocolVersions = []string{statelessVersion}
	}
	httpOptions := &mcp.StreamableHTTPOptions{
		Stateless:                    stateless,
		SessionTimeout:               sessionTimeout,
		DisableLocalhostProtection:   true, // isRebound checks the host
		MaxRequestBodyBytes:          maxBody,
		PropagateRequestCancellation: true,
	}
	if s.opts.Hooks.Configure != nil {
		s.opts.Hooks.Configure(options, httpOptions)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "leadmagic-mcp-proxy", Title: "LeadMagic (unofficial)", Version: "sandbox"}, options)
	server.AddReceivingMiddleware(s.endsWithSandbox)
	for _, op := range operations() {
		for _, name := range op.toolNames() {
			server.AddTool(&mcp.Tool{
				Name: name, Title: op.title, Description: op.what, InputSchema: op.schema(),
				// Free tools change nothing; paid ones do: they spend credits.
				Annotations: &mcp.ToolAnnotations{Title: op.title, ReadOnlyHint: !op.paid, DestructiveHint: new(false), OpenWorldHint: new(true)},
			}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return s.callTool(op, req.Params.Arguments), nil
			})
		}
	}
	server.AddResource(&mcp.Resource{
		URI: "leadmagic://docs", Name: "docs", Title: "Tool reference", Description: "What each tool does and what it costs", MIMEType: "text/markdown",
	}, func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, MIMEType: "text/markdown", Text: reference()}}}, nil
	})
	addPrompts(server)
	if s.opts.Hooks.Extend != nil {
		s.opts.Hooks.Extend(server)
	}
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, httpOptions)
}

// endsWithSandbox ends what a message has started when the sandbox ends: in a session it outlives its request.
func (s *Sandbox) endsWithSandbox(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		return next(ctx, method, req)
	}
}

// callTool carries a tool call out. What is wrong with it is told to the model, as the hosted server does.
func (s *Sandbox) callTool(op *operation, raw json.RawMessage) *mcp.CallToolResult {
	in, why := decodeInput(raw)
	var got answer
	if why == nil {
		got, why = s.carryOut("mcp", op, in)
	}
	if why != nil {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: why.String()}}}
	}
	body := got.body
	if list, ok := body.([]object); ok {
		body = object{"items": list}
	}
	data, _ := json.Marshal(body) // it holds texts and numbers
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(data)}}, StructuredContent: json.RawMessage(data)}
}

// addPrompts adds the hosted server's two prompts.
func addPrompts(server *mcp.Server) {
	add := func(p *mcp.Prompt, text func(args map[string]string) string) {
		server.AddPrompt(p, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{
				Description: p.Description,
				Messages:    []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: text(req.Params.Arguments) + " (Sandbox: the data is invented.)"}}},
			}, nil
		})
	}
	add(&mcp.Prompt{
		Name: "account_research", Title: "Account research", Description: "Research a company before a first call",
		Arguments: []*mcp.PromptArgument{{Name: "company_domain", Description: "domain of the company", Required: true}},
	}, func(args map[string]string) string {
		return "Research " + args["company_domain"] + " with LeadMagic: enrich_company first, then find_people_by_role for the head of sales. Say what each step costs."
	})
	add(&mcp.Prompt{
		Name: "contact_lookup", Title: "Contact lookup", Description: "Find how to reach a person",
		Arguments: []*mcp.PromptArgument{
			{Name: "full_name", Description: "name of the person", Required: true},
			{Name: "company_domain", Description: "domain of the person's company", Required: true},
		},
	}, func(args map[string]string) string {
		return "Find a work email for " + args["full_name"] + " at " + args["company_domain"] + " with find_work_email, then check it with validate_work_email."
	})
}

// reference is the text of the hosted server's one resource.
func reference() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# LeadMagic sandbox\n\nEverything here is %s.\n\n", notice)
	for _, op := range operations() {
		if op.title != "" {
			fmt.Fprintf(&b, "- `%s`: %s\n", op.tool, op.what)
		}
	}
	return b.String()
}

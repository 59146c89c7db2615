package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// sessionTimeout is how long a session lives that nobody uses or ends.
const sessionTimeout = 24 * time.Hour

// upstream is the hosted MCP server: one SDK server per era, each built when the first request needs it.
type upstream struct {
	mu             sync.Mutex
	legacy, modern *era
	lostAs         int                   // the status that an unknown session is answered with, 404 or 400
	tools          map[string]*operation // by every name
	greetings      greetings
}

// era is one SDK server and the HTTP side of it.
type era struct {
	server  *mcp.Server
	handler http.Handler
}

// serveMCP carries out a request to the MCP endpoint.
func (s *Sandbox) serveMCP(w http.ResponseWriter, r *http.Request, in incoming) {
	if !s.admitMCP(w, r) {
		return
	}
	if r.Method == http.MethodGet && s.opts.NoGET {
		w.Header().Set("Allow", "POST, DELETE")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	modern := s.isModern(r, in.messages)
	for _, m := range in.messages {
		if why := s.overdrawn(m); why != nil {
			why.Status = s.opts.CreditStatus
			writeJSON(w, why.Status, object{
				"error": http.StatusText(why.Status), "message": "No credits remaining: " + why.Detail,
				"credits_required": why.Context["credits_required"], "credits_available": why.Context["credits_available"],
			})
			return
		}
	}
	if s.offersEcho() && len(in.messages) == 1 && in.messages[0].tool() == echoTool {
		s.serveEcho(w, r, in.messages[0], modern)
		return
	}
	e := s.era(modern)
	if e == nil {
		http.Error(w, "sandbox is closed", http.StatusServiceUnavailable)
		return
	}
	if !modern {
		w = s.upstream.disown(w)
	}
	e.handler.ServeHTTP(w, r)
}

// isModern tells the era of a request: by its version header, or by the version in its body. GET and DELETE are about
// sessions, which only the legacy era has.
func (s *Sandbox) isModern(r *http.Request, messages []message) bool {
	switch {
	case s.opts.LegacyOnly:
		return false
	case s.opts.ModernOnly:
		return true
	case r.Method != http.MethodPost:
		return false
	case r.Header.Get("Mcp-Protocol-Version") >= modernVersion:
		return true
	}
	for _, m := range messages {
		if m.Params.Meta.Version >= modernVersion || m.Method == "server/discover" || m.Method == "subscriptions/listen" {
			return true
		}
	}
	return false
}

// overdrawn refuses a call that costs more than is left. The hosted server says so in HTTP, before MCP sees the call.
func (s *Sandbox) overdrawn(m message) *refusal {
	name := m.tool()
	if name == "" {
		return nil
	}
	op := s.tool(name)
	if op == nil || !op.paid {
		return nil
	}
	in, why := decodeInput(m.Params.Args)
	if why != nil || op.check(in) != nil {
		return nil // the tool says so
	}
	if price := op.answer(in, s.account).credits; !s.account.covers(price) {
		return noCredits(price, s.account.balance())
	}
	return nil
}

// tool is the operation behind a tool name, or nil.
func (s *Sandbox) tool(name string) *operation {
	s.upstream.mu.Lock()
	defer s.upstream.mu.Unlock()
	if s.upstream.tools == nil {
		s.upstream.tools = map[string]*operation{}
		for _, op := range operations() {
			if op.hidden {
				continue
			}
			for _, name := range append([]string{op.tool}, op.also...) {
				s.upstream.tools[name] = op
			}
		}
	}
	return s.upstream.tools[name]
}

// era is the server for one era, or nil once the sandbox is closed.
func (s *Sandbox) era(modern bool) *era {
	u := &s.upstream
	u.mu.Lock()
	defer u.mu.Unlock()
	slot := &u.legacy
	if modern {
		slot = &u.modern
	}
	if *slot == nil {
		*slot = s.newEra(modern)
	}
	return *slot
}

func (s *Sandbox) newEra(modern bool) *era {
	opts := &mcp.ServerOptions{
		Instructions: "LeadMagic sandbox, an unofficial stand-in: every answer is invented. Start with check_credits, which is free.",
		PageSize:     s.opts.Paged,
		SubscribeHandler: func(context.Context, *mcp.SubscribeRequest) error {
			return nil // the SDK keeps the list
		},
		UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
		CompletionHandler:  complete,
	}
	if s.opts.Workbench {
		opts.InitializedHandler = s.greet
	}
	if s.opts.ModernOnly {
		opts.SupportedProtocolVersions = []string{modernVersion}
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "leadmagic-mcp-proxy", Title: "LeadMagic (unofficial)", Version: "sandbox"}, opts)
	server.AddReceivingMiddleware(s.bounded)
	s.addTools(server)
	addDocs(server)
	addPrompts(server)
	if s.opts.Workbench {
		s.addWorkbench(server)
	}
	e := &era{server: server}
	httpOpts := &mcp.StreamableHTTPOptions{
		Stateless:                    modern,
		JSONResponse:                 s.opts.JSON,
		SessionTimeout:               sessionTimeout,
		DisableLocalhostProtection:   true, // ServeHTTP has seen to it
		MaxRequestBodyBytes:          maxBody,
		PropagateRequestCancellation: true,
	}
	if s.opts.EventIDs {
		httpOpts.EventStore = mcp.NewMemoryEventStore(nil)
	}
	e.handler = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, httpOpts)
	return e
}

// addTools adds the hosted server's tools.
func (s *Sandbox) addTools(server *mcp.Server) {
	if s.offersEcho() {
		s.addEcho(server)
	}
	for _, op := range operations() {
		if !op.hidden {
			s.addTool(server, op)
		}
	}
}

// addTool adds an operation under each of its names.
func (s *Sandbox) addTool(server *mcp.Server, op *operation) {
	schema := op.schema()
	for _, name := range append([]string{op.tool}, op.also...) {
		server.AddTool(&mcp.Tool{
			Name: name, Title: op.title, Description: op.what, InputSchema: schema, Annotations: op.annotations(),
		}, func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return s.callTool(op, req.Params.Arguments), nil
		})
	}
}

// callTool carries a tool call out. What is wrong with it is told to the model, as the hosted server does.
func (s *Sandbox) callTool(op *operation, raw json.RawMessage) *mcp.CallToolResult {
	in, why := decodeInput(raw)
	var got answer
	if why == nil {
		got, why = s.carry("mcp", op, in, raw)
	}
	if why != nil {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: why.String()}}}
	}
	body := got.body
	if list, ok := body.([]object); ok {
		body = object{"items": list}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "sandbox: " + err.Error()}}}
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: string(data)}},
		StructuredContent: json.RawMessage(data),
	}
}

// bounded ends whatever a message has started when the sandbox ends: in the legacy era it outlives its request.
func (s *Sandbox) bounded(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		ctx, cancel := s.bind(ctx)
		defer cancel()
		return next(ctx, method, req)
	}
}

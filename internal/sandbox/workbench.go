package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The workbench's resources: one that changes when it is announced, and one per company.
const (
	tickerURI       = "leadmagic://ticker"
	companyTemplate = "leadmagic://company/{domain}"
)

// addWorkbench adds what [Options.Workbench] promises: between them these tools use every part of the protocol.
func (s *Sandbox) addWorkbench(server *mcp.Server) {
	for _, tool := range []struct {
		name, what, properties string
		handler                mcp.ToolHandler
	}{
		{
			"slow_report", "Takes its time, with progress and log messages.",
			`"steps":{"type":"integer"},"step_ms":{"type":"integer"}`, s.slowReport,
		},
		{
			"ask", "Asks the client: what is sampling, elicitation or roots; via is call (default) or session.",
			`"what":{"type":"string","enum":["sampling","elicitation","roots"]},"via":{"type":"string","enum":["call","session"]}`, s.ask,
		},
		{
			"announce", "Tells every session that the tools, prompts, resources or the ticker changed.",
			`"what":{"type":"string","enum":["tools","prompts","resources","ticker"]}`, s.announceTool,
		},
		{
			"fail", "Fails: as a tool, or with a JSON-RPC error that carries data.",
			`"how":{"type":"string","enum":["tool","protocol"]}`, failTool,
		},
		{"contents", "Returns one of every kind of content.", "", contents},
		{
			"regional", "Returns the request headers that carry its arguments.",
			`"region":{"type":"string","x-mcp-header":"Region"},"tier":{"type":"integer","x-mcp-header":"Tier"},"dry":{"type":"boolean","x-mcp-header":"Dry"},"note":{"type":"string"}`, regional,
		},
	} {
		server.AddTool(&mcp.Tool{
			Name: tool.name, Description: tool.what + " For tests; free.",
			InputSchema: json.RawMessage(`{"type":"object","properties":{` + tool.properties + `}}`),
		}, tool.handler)
	}
	read := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, MIMEType: "text/plain", Text: notice}}}, nil
	}
	server.AddResource(&mcp.Resource{URI: tickerURI, Name: "ticker", MIMEType: "text/plain"}, read)
	server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: companyTemplate, Name: "company", MIMEType: "text/plain"}, read)
}

func textResult(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

// slowReport counts as carried out from its start, and as cancelled when it was withdrawn.
func (s *Sandbox) slowReport(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	args := struct {
		Steps  int `json:"steps"`
		StepMS int `json:"step_ms"`
	}{Steps: 3, StepMS: 10}
	if err := json.Unmarshal(req.Params.Arguments, &args); err != nil && len(req.Params.Arguments) > 0 {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "arguments: " + err.Error()}
	}
	number, _ := s.account.charge(Call{Upstream: "mcp", Tool: "slow_report", Args: req.Params.Arguments})
	token := req.Params.GetProgressToken()
	for step := 1; step <= args.Steps; step++ {
		if !wait(ctx, time.Duration(args.StepMS)*time.Millisecond) {
			s.account.calls.update(number, func(c *Call) { c.Cancelled = true })
			return nil, context.Canceled
		}
		// Neither reaches a caller that is gone; the report goes on.
		if token != nil {
			_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: token, Progress: float64(step), Total: float64(args.Steps), Message: fmt.Sprintf("step %d", step),
			})
		}
		_ = req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Logger: "slow_report", Data: fmt.Sprintf("step %d", step)})
	}
	return textResult("%d steps done; %s", args.Steps, notice), nil
}

// ask has the client do something for the server. Within the call, the modern era answers with the question and the legacy
// era asks on the call's own stream; via the session, the question goes out on the standing stream.
func (s *Sandbox) ask(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var args struct{ What, Via string }
	_ = json.Unmarshal(req.Params.Arguments, &args) // unset is answered below
	var question mcp.InputRequest
	switch args.What {
	case "sampling":
		question = &mcp.CreateMessageParams{
			MaxTokens: 20, Messages: []*mcp.SamplingMessage{{Role: "user", Content: &mcp.TextContent{Text: "Say something invented."}}},
		}
	case "elicitation":
		question = &mcp.ElicitParams{
			Message:         "Which company?",
			RequestedSchema: json.RawMessage(`{"type":"object","properties":{"company":{"type":"string"}},"required":["company"]}`),
		}
	case "roots":
		question = &mcp.ListRootsParams{}
	default:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "what is sampling, elicitation or roots"}
	}
	if args.Via == "session" {
		return s.askSession(ctx, req.Session, question)
	}
	if answer, ok := req.Params.InputResponses["answer"]; ok {
		if req.Params.RequestState != "state-"+args.What {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "requestState did not come back"}
		}
		return answered(answer)
	}
	return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"answer": question}, RequestState: "state-" + args.What}, nil
}

func (s *Sandbox) askSession(ctx context.Context, session *mcp.ServerSession, question mcp.InputRequest) (*mcp.CallToolResult, error) {
	// A context that is not the call's sends the question out on the standing stream.
	out, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	var answer any
	var err error
	switch question := question.(type) {
	case *mcp.CreateMessageParams:
		answer, err = session.CreateMessage(out, question)
	case *mcp.ElicitParams:
		answer, err = session.Elicit(out, question)
	case *mcp.ListRootsParams:
		answer, err = session.ListRoots(out, question)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the client: %w", err)
	}
	return answered(answer)
}

func answered(answer any) (*mcp.CallToolResult, error) {
	data, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encoding the client's answer: %w", err)
	}
	return textResult("the client answered %s", data), nil
}

func (s *Sandbox) announceTool(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var args struct{ What string }
	_ = json.Unmarshal(req.Params.Arguments, &args) // unset is answered below
	if err := s.Announce(args.What); err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
	}
	return textResult("announced %s", args.What), nil
}

func failTool(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var args struct{ How string }
	_ = json.Unmarshal(req.Params.Arguments, &args) // unset fails as a tool
	if args.How == "protocol" {
		return nil, &jsonrpc.Error{Code: -32099, Message: "failed as asked", Data: json.RawMessage(`{"number":9007199254740993,"nested":{"a":null}}`)}
	}
	result := textResult("failed as asked")
	result.IsError = true
	return result, nil
}

func contents(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	size := int64(42)
	return &mcp.CallToolResult{
		Meta: mcp.Meta{"sandbox.example/note": notice},
		Content: []mcp.Content{
			&mcp.TextContent{Text: "text with \u2028 and <&>", Annotations: &mcp.Annotations{Audience: []mcp.Role{"user"}, Priority: 0.5}},
			&mcp.ImageContent{Data: []byte{0x89, 'P', 'N', 'G'}, MIMEType: "image/png"},
			&mcp.AudioContent{Data: []byte("RIFF"), MIMEType: "audio/wav"},
			&mcp.ResourceLink{URI: docsURI, Name: "docs", Size: &size},
			&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: tickerURI, MIMEType: "text/plain", Text: notice}},
		},
		StructuredContent: json.RawMessage(`{"big":9007199254740993,"fraction":1e-7,"unknown":null}`),
	}, nil
}

func regional(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	headers := object{}
	if req.Extra != nil {
		for _, name := range []string{"Mcp-Method", "Mcp-Name", "Mcp-Param-Region", "Mcp-Param-Tier", "Mcp-Param-Dry"} {
			if values := req.Extra.Header.Values(name); len(values) > 0 {
				headers[name] = values
			}
		}
	}
	return answered(headers)
}

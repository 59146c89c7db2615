package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

const invented = "invented by the LeadMagic sandbox"

// ticker is a resource that changes when it is announced.
var ticker = &mcp.Resource{URI: "leadmagic://ticker", Name: "ticker", MIMEType: "text/plain"}

func readNothing(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, MIMEType: "text/plain", Text: invented}}}, nil
}

// addTools adds what [Options.TestTools] promises: between them these tools use every part of the protocol.
func (s *Server) addTools(server *mcp.Server) {
	for _, tool := range []struct {
		name, properties string
		handler          mcp.ToolHandler
	}{
		{"echo", `"size":{"type":"integer"},"delay_ms":{"type":"integer"}`, s.echo},
		{"slow_report", `"steps":{"type":"integer"},"step_ms":{"type":"integer"}`, s.slowReport},
		{"ask", `"what":{"type":"string","enum":["sampling","elicitation","roots"]},"via":{"type":"string","enum":["call","session"]}`, s.ask},
		{"announce", `"what":{"type":"string","enum":["tools","prompts","resources","ticker"]}`, s.announce},
		{"fail", `"how":{"type":"string","enum":["tool","protocol"]}`, failTool},
		{"contents", "", contents},
		{
			"regional",
			`"region":{"type":"string","x-mcp-header":"Region"},"tier":{"type":"integer","x-mcp-header":"Tier"},"dry":{"type":"boolean","x-mcp-header":"Dry"},"note":{"type":"string"}`, regional,
		},
	} {
		server.AddTool(&mcp.Tool{
			Name: tool.name, Description: "For tests; free.", InputSchema: json.RawMessage(`{"type":"object","properties":{` + tool.properties + `}}`),
		}, tool.handler)
	}
	server.AddResource(ticker, readNothing)
	server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "leadmagic://company/{domain}", Name: "company", MIMEType: "text/plain"}, readNothing)
}

// complete suggests names for any argument.
func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	names := slices.DeleteFunc([]string{"Ada Lovelace", "analytical.example", "ashgrove.example", "birchwick.example"}, func(name string) bool {
		return !strings.HasPrefix(name, req.Params.Argument.Value)
	})
	return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: names, Total: len(names)}}, nil
}

// echo returns its arguments and, on request, text of any size after any time.
func (s *Server) echo(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var args struct {
		Size    int `json:"size"`
		DelayMS int `json:"delay_ms"`
	}
	_ = json.Unmarshal(req.Params.Arguments, &args) // unset is 0
	call := s.record(sandbox.Call{Upstream: "mcp", Tool: req.Params.Name, Args: req.Params.Arguments})
	if err := s.pause(ctx, call, args.DelayMS); err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: strings.Repeat("x", args.Size)}},
		StructuredContent: req.Params.Arguments,
	}, nil
}

// pause waits for so many milliseconds, unless the call is cancelled.
func (s *Server) pause(ctx context.Context, call *Call, ms int) error {
	wait(ctx, time.Duration(ms)*time.Millisecond)
	if ctx.Err() == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Cancelled = true
	return context.Canceled
}

func textResult(format string, args ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, args...)}}}
}

// slowReport is recorded as carried out from its start, and as cancelled when it was.
func (s *Server) slowReport(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	args := struct {
		Steps  int `json:"steps"`
		StepMS int `json:"step_ms"`
	}{Steps: 3, StepMS: 10}
	if err := json.Unmarshal(req.Params.Arguments, &args); err != nil && len(req.Params.Arguments) > 0 {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "arguments: " + err.Error()}
	}
	call := s.record(sandbox.Call{Upstream: "mcp", Tool: req.Params.Name, Args: req.Params.Arguments})
	token := req.Params.GetProgressToken()
	for step := 1; step <= args.Steps; step++ {
		if err := s.pause(ctx, call, args.StepMS); err != nil {
			return nil, err
		}
		// Neither reaches a caller that is gone; the report goes on.
		if token != nil {
			_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
				ProgressToken: token, Progress: float64(step), Total: float64(args.Steps), Message: fmt.Sprintf("step %d", step),
			})
		}
		_ = req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "info", Logger: "slow_report", Data: fmt.Sprintf("step %d", step)})
	}
	return textResult("%d steps done", args.Steps), nil
}

// ask sends the client a request. In a session it goes on the call's own stream or, via the session, on the GET stream; a
// stateless server answers with the request.
func (s *Server) ask(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
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

func (s *Server) askSession(ctx context.Context, session *mcp.ServerSession, question mcp.InputRequest) (*mcp.CallToolResult, error) {
	// A context that is not the call's sends the question on the GET stream.
	out, cancel := context.WithCancel(context.Background())
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

// announce changes a list in every server, which tells every session: once for each, if adding takes its time.
func (s *Server) announce(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var args struct{ What string }
	_ = json.Unmarshal(req.Params.Arguments, &args) // unset is answered below
	s.mu.Lock()
	servers := slices.Clone(s.servers)
	s.mu.Unlock()
	for _, server := range servers {
		var err error
		switch args.What { // what is added anew counts as a change
		case "tools":
			server.AddTool(&mcp.Tool{Name: "announced", InputSchema: json.RawMessage(`{"type":"object"}`)}, contents)
		case "prompts":
			server.AddPrompt(&mcp.Prompt{Name: "announced"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return &mcp.GetPromptResult{}, nil
			})
		case "resources":
			server.AddResource(ticker, readNothing)
		case "ticker":
			err = server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: ticker.URI})
		default:
			err = &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "what is tools, prompts, resources or ticker"}
		}
		if err != nil {
			return nil, err
		}
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
	return &mcp.CallToolResult{
		Meta: mcp.Meta{"sandbox.example/note": invented},
		Content: []mcp.Content{
			&mcp.TextContent{Text: "text with \u2028 and <&>", Annotations: &mcp.Annotations{Audience: []mcp.Role{"user"}, Priority: 0.5}},
			&mcp.ImageContent{Data: []byte{0x89, 'P', 'N', 'G'}, MIMEType: "image/png"},
			&mcp.AudioContent{Data: []byte("RIFF"), MIMEType: "audio/wav"},
			&mcp.ResourceLink{URI: "leadmagic://docs", Name: "docs", Size: new(int64(42))},
			&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: ticker.URI, MIMEType: "text/plain", Text: invented}},
		},
		StructuredContent: json.RawMessage(`{"big":9007199254740993,"fraction":1e-7,"unknown":null}`),
	}, nil
}

func regional(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	headers := map[string]any{}
	if req.Extra != nil {
		for _, name := range []string{"Mcp-Method", "Mcp-Name", "Mcp-Param-Region", "Mcp-Param-Tier", "Mcp-Param-Dry"} {
			if values := req.Extra.Header.Values(name); len(values) > 0 {
				headers[name] = values
			}
		}
	}
	return answered(headers)
}

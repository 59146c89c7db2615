package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// details are what the suite says of a scenario beside its name.
type details struct {
	ToolCalls []struct {
		Name      string         `json:"name"`
		Arguments map[string]any `json:"arguments"`
	} `json:"toolCalls"`
}

// A scenario does over an open session what the suite's server waits for. It is an error if the session does not carry
// it; what the server makes of it is for the suite to judge.
type scenario func(context.Context, *mcp.ClientSession, details) error

var scenarios = map[string]scenario{
	"initialize":                          list,
	"json-schema-ref-no-deref":            list,
	"request-metadata":                    list,
	"tools_call":                          calls("add_numbers", map[string]any{"a": 5, "b": 3}),
	"elicitation-sep1034-client-defaults": calls("test_client_elicitation_defaults", nil),
	"sse-retry":                           calls("test_reconnection", nil),
	"json-schema-2020-12-preservation":    echoSchema,
	"sep-2322-client-request-state":       callAll(nil),
	"http-standard-headers":               useEverything,
	"http-custom-headers":                 callAsTold,
	"http-invalid-tool-headers":           callAll(map[string]any{"region": "us-west1"}),
}

// accept answers what a server asks the person: with nothing but consent, so that defaults must be filled in, except
// where a scenario wants a word of its own.
func accept(name string) func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	content := map[string]any{}
	if name == "sep-2322-client-request-state" {
		content["confirmed"] = true
	}
	return func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "accept", Content: content}, nil
	}
}

func list(ctx context.Context, session *mcp.ClientSession, _ details) error {
	_, err := tools(ctx, session)
	return err
}

func tools(ctx context.Context, session *mcp.ClientSession) ([]*mcp.Tool, error) {
	result, err := session.ListTools(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("listing the tools: %w", err)
	}
	return result.Tools, nil
}

// calls lists the tools and calls the one of that name, which must be among them.
func calls(name string, arguments map[string]any) scenario {
	return func(ctx context.Context, session *mcp.ClientSession, _ details) error {
		if _, err := find(ctx, session, name); err != nil {
			return err
		}
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: given(arguments)})
		if err != nil {
			return fmt.Errorf("calling %s: %w", name, err)
		}
		if result.IsError {
			return fmt.Errorf("calling %s: it failed", name)
		}
		return nil
	}
}

func find(ctx context.Context, session *mcp.ClientSession, name string) (*mcp.Tool, error) {
	offered, err := tools(ctx, session)
	if err != nil {
		return nil, err
	}
	for _, tool := range offered {
		if tool.Name == name {
			return tool, nil
		}
	}
	return nil, fmt.Errorf("the tool %s is not among the %d offered", name, len(offered))
}

// given is arguments as an object, since some servers do not take their absence.
func given(arguments map[string]any) map[string]any {
	if arguments == nil {
		return map[string]any{}
	}
	return arguments
}

// echoSchema gives the schema of one tool back through another, as it has come through.
func echoSchema(ctx context.Context, session *mcp.ClientSession, d details) error {
	tool, err := find(ctx, session, "json_schema_2020_12_tool")
	if err != nil {
		return err
	}
	return calls("json_schema_echo", map[string]any{"schema": tool.InputSchema})(ctx, session, d)
}

// callAll calls every tool that is offered.
func callAll(arguments map[string]any) scenario {
	return func(ctx context.Context, session *mcp.ClientSession, _ details) error {
		offered, err := tools(ctx, session)
		if err != nil {
			return err
		}
		for _, tool := range offered {
			if err := tryTool(ctx, session, tool.Name, arguments); err != nil {
				return err
			}
		}
		return nil
	}
}

// callAsTold makes the calls that the suite names, after a list from which their headers are known.
func callAsTold(ctx context.Context, session *mcp.ClientSession, d details) error {
	if _, err := tools(ctx, session); err != nil {
		return err
	}
	if len(d.ToolCalls) == 0 {
		return errors.New("the scenario names no calls")
	}
	for _, call := range d.ToolCalls {
		if err := tryTool(ctx, session, call.Name, call.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// tryTool calls a tool, which may refuse.
func tryTool(ctx context.Context, session *mcp.ClientSession, name string, arguments map[string]any) error {
	_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: given(arguments)})
	if refused := (*jsonrpc.Error)(nil); err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("calling %s: %w", name, err)
	}
	return nil
}

// useEverything uses the first tool, the first resource and the first prompt.
func useEverything(ctx context.Context, session *mcp.ClientSession, _ details) error {
	offered, err := tools(ctx, session)
	if err != nil {
		return err
	}
	for _, tool := range offered[:min(1, len(offered))] {
		if err := tryTool(ctx, session, tool.Name, nil); err != nil {
			return err
		}
	}
	resources, err := session.ListResources(ctx, nil)
	if err != nil {
		return fmt.Errorf("listing the resources: %w", err)
	}
	for _, resource := range resources.Resources[:min(1, len(resources.Resources))] {
		if _, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: resource.URI}); err != nil {
			return fmt.Errorf("reading a resource: %w", err)
		}
	}
	prompts, err := session.ListPrompts(ctx, nil)
	if err != nil {
		return fmt.Errorf("listing the prompts: %w", err)
	}
	for _, prompt := range prompts.Prompts[:min(1, len(prompts.Prompts))] {
		if _, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: prompt.Name, Arguments: map[string]string{}}); err != nil {
			return fmt.Errorf("getting a prompt: %w", err)
		}
	}
	return nil
}

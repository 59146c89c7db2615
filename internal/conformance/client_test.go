package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// runClient is what the suite runs in client mode: it starts the program as an editor does and does over the session what the
// suite's server at url waits for. What the server makes of it is for the suite to judge.
func runClient(program, url string) error {
	name := os.Getenv("MCP_CONFORMANCE_SCENARIO")
	var details struct {
		ToolCalls []struct {
			Name      string
			Arguments map[string]any
		}
		ClientID string `json:"client_id"`
	}
	if raw := os.Getenv("MCP_CONFORMANCE_CONTEXT"); raw != "" {
		if err := json.Unmarshal([]byte(raw), &details); err != nil {
			return fmt.Errorf("reading the scenario's context: %w", err)
		}
	}
	if strings.HasPrefix(name, "auth/") {
		if name == "auth/basic-cimd" {
			details.ClientID = "https://conformance-test.local/client-metadata.json" // the one that the suite takes
		}
		return signInAndCall(program, url, details.ClientID)
	}
	content := map[string]any{} // consent alone, so that defaults must be filled in
	if name == "sep-2322-client-request-state" {
		content["confirmed"] = true
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "conformance-client", Version: "1"}, &mcp.ClientOptions{
		Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}}},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: content}, nil
		},
	})
	ctx := context.Background()
	session, tools, err := open(ctx, client, program, "LEADMAGIC_MCP_URL="+url, "LEADMAGIC_API_KEY=lm_conformance_0000000000")
	if err != nil {
		return err
	}
	// call calls a tool that is offered. A scenario may want it refused.
	call := func(tool string, arguments map[string]any) error {
		if arguments == nil {
			arguments = map[string]any{} // some servers do not take their absence
		}
		_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if refused := (*jsonrpc.Error)(nil); err != nil && !errors.As(err, &refused) {
			return fmt.Errorf("calling %s: %w", tool, err)
		}
		return nil
	}
	callAll := func(arguments map[string]any) error {
		for _, tool := range tools.Tools {
			if err := call(tool.Name, arguments); err != nil {
				return err
			}
		}
		return nil
	}
	switch name {
	case "initialize", "json-schema-ref-no-deref", "request-metadata": // a list is all
	case "tools_call":
		err = call("add_numbers", map[string]any{"a": 5, "b": 3})
	case "elicitation-sep1034-client-defaults":
		err = call("test_client_elicitation_defaults", nil)
	case "sse-retry":
		err = call("test_reconnection", nil)
	case "json-schema-2020-12-preservation":
		for _, tool := range tools.Tools {
			if tool.Name == "json_schema_2020_12_tool" { // its schema is given back as it came
				err = call("json_schema_echo", map[string]any{"schema": tool.InputSchema})
			}
		}
	case "sep-2322-client-request-state":
		err = callAll(nil)
	case "http-invalid-tool-headers":
		err = callAll(map[string]any{"region": "us-west1"})
	case "http-custom-headers":
		for _, c := range details.ToolCalls {
			err = errors.Join(err, call(c.Name, c.Arguments))
		}
	case "http-standard-headers":
		if err = callAll(nil); err == nil {
			err = readOneOfEach(ctx, session)
		}
	default:
		err = fmt.Errorf("what the scenario %q wants of a client is not known yet", name)
	}
	return errors.Join(err, session.Close())
}

// open starts the program with those variables, and opens a session.
func open(ctx context.Context, client *mcp.Client, program string, env ...string) (*mcp.ClientSession, *mcp.ListToolsResult, error) {
	cmd := exec.Command(program) //nolint:noctx // the session ends it, by closing its input
	cmd.Env, cmd.Stderr = env, os.Stderr
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, &mcp.ClientSessionOptions{
		ProtocolVersion: os.Getenv("MCP_CONFORMANCE_PROTOCOL_VERSION"),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the session: %w", err)
	}
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listing the tools: %w", err), session.Close())
	}
	return session, tools, nil
}

// signInAndCall does as a person: signs in and calls every tool, and where that is refused once, again.
func signInAndCall(program, url, clientID string) error {
	home, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(home) }()
	env := []string{"LEADMAGIC_MCP_URL=" + url, "LEADMAGIC_UPSTREAM=mcp", "LEADMAGIC_AUTH_SCHEME=oauth", "HOME=" + home, "XDG_CONFIG_HOME=" + home}
	ctx := context.Background()
	call := func() error {
		client := mcp.NewClient(&mcp.Implementation{Name: "conformance-client", Version: "1"}, nil)
		session, tools, err := open(ctx, client, program, env...)
		if err != nil {
			return err
		}
		for _, tool := range tools.Tools {
			result, failed := session.CallTool(ctx, &mcp.CallToolParams{Name: tool.Name, Arguments: map[string]any{}})
			if failed == nil && (result.IsError || tool.Name == "leadmagic_status") {
				failed = fmt.Errorf("%s: %+v", tool.Name, result.Content[0])
			}
			err = errors.Join(err, failed)
		}
		return errors.Join(err, session.Close())
	}
	if err = login(ctx, program, env, clientID); err == nil {
		err = call()
	}
	if err == nil {
		return nil
	}
	fmt.Fprintln(os.Stderr, "once more after:", err)
	if err := login(ctx, program, env, clientID); err != nil {
		fmt.Fprintln(os.Stderr, "signing out, since:", err)
		out := exec.CommandContext(ctx, program, "logout")
		out.Env, out.Stderr = env, os.Stderr
		if err := errors.Join(out.Run(), login(ctx, program, env, clientID)); err != nil {
			return err
		}
	}
	return call()
}

// login signs in with the program, and with a browser that goes where it is sent: the suite's pages approve by themselves.
func login(ctx context.Context, program string, env []string, clientID string) error {
	cmd := exec.CommandContext(ctx, program, "login", "--no-browser", "--file")
	if clientID != "" {
		cmd.Args = append(cmd.Args, "--oauth-client-id", clientID)
	}
	cmd.Env, cmd.Stderr = env, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(os.Stderr, lines.Text())
		if !strings.HasPrefix(lines.Text(), "http") {
			continue
		}
		page, err := http.Get(lines.Text()) //nolint:noctx // the suite ends it
		if err == nil {
			_ = page.Body.Close()
		}
	}
	return cmd.Wait()
}

func readOneOfEach(ctx context.Context, session *mcp.ClientSession) error {
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

// Client is what the official conformance suite runs in client mode: it starts the proxy as an editor does, over stdio,
// and has it carry to the suite's server what each scenario asks of a client. It is no part of the product.
//
//	client PROGRAM URL
//
// PROGRAM is the proxy, URL the suite's server. The scenario's name, its details and the protocol version come from the
// suite in MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT and MCP_CONFORMANCE_PROTOCOL_VERSION.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: client PROGRAM URL")
		os.Exit(2)
	}
	proxy := exec.Command(os.Args[1]) //nolint:noctx // the session ends it, by closing its input
	// Nothing of the environment of who runs this.
	proxy.Env = []string{"LEADMAGIC_MCP_URL=" + os.Args[2], "LEADMAGIC_API_KEY=lm_conformance_0000000000"}
	proxy.Stderr = os.Stderr
	if err := run(context.Background(), proxy, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// run plays the scenario over a session with the proxy.
func run(ctx context.Context, proxy *exec.Cmd, getenv func(string) string) error {
	name := getenv("MCP_CONFORMANCE_SCENARIO")
	play, known := scenarios[name]
	if !known {
		return fmt.Errorf("nobody has said yet what scenario %q asks of a client", name)
	}
	var details details
	if raw := getenv("MCP_CONFORMANCE_CONTEXT"); raw != "" {
		if err := json.Unmarshal([]byte(raw), &details); err != nil {
			return fmt.Errorf("reading the scenario's context: %w", err)
		}
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "conformance-client", Version: "1"}, &mcp.ClientOptions{
		Capabilities:       &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}}},
		ElicitationHandler: accept(name),
	})
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: proxy}, &mcp.ClientSessionOptions{
		ProtocolVersion: getenv("MCP_CONFORMANCE_PROTOCOL_VERSION"),
	})
	if err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	if err := play(ctx, session, details); err != nil {
		_ = session.Close()
		return err
	}
	if err := session.Close(); err != nil {
		return fmt.Errorf("ending the session: %w", err)
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

func newSandboxCommand(env *Env) *cobra.Command {
	var (
		port int
		o    sandbox.Options
	)
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a stand-in for LeadMagic on loopback",
		Long: "Serves a stand-in for LeadMagic on loopback: the hosted MCP server and the REST API, with invented data, one key and a\n" +
			"balance that goes down. It prints what to set, and runs until it is interrupted.",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return serveSandbox(cmd.Context(), env, port, o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&port, "port", 0, "the port to listen on; 0 is any that is free")
	f.Float64Var(&o.Credits, "credits", 1000, "the opening balance")
	f.BoolVar(&o.OAuthOnly, "oauth-only", false, "let the hosted server ask for a sign-in instead of a key, as LeadMagic's may")
	return cmd
}

func serveSandbox(ctx context.Context, env *Env, port int, o sandbox.Options) error {
	if o.Credits == 0 {
		o.Credits = -1 // 0 is what the zero value of the options means by default
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return hinted(fmt.Errorf("starting the sandbox: %w", err), "name another --port, or leave it out for any that is free")
	}
	s := sandbox.StartOn(listener, o)
	defer s.Close()
	signIn := ""
	if o.OAuthOnly {
		signIn = "\n# the hosted server takes no key but asks for a sign-in, and its page approves by itself\nleadmagic-mcp-proxy login --web\n"
	}
	set := "export LEADMAGIC_MCP_URL=%[1]s/mcp LEADMAGIC_API_URL=%[1]s LEADMAGIC_API_KEY=%[2]s"
	if runtime.GOOS == "windows" {
		set = "$env:LEADMAGIC_MCP_URL='%[1]s/mcp'; $env:LEADMAGIC_API_URL='%[1]s'; $env:LEADMAGIC_API_KEY='%[2]s'"
	}
	_, err = fmt.Fprintf(env.Stdout, set+`
%[3]s
# the entry for an editor; it names the variable, and the value stays in the environment
{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy","env":{"LEADMAGIC_API_KEY":"${LEADMAGIC_API_KEY}","LEADMAGIC_MCP_URL":"%[1]s/mcp","LEADMAGIC_API_URL":"%[1]s"}}}}

# all data is invented; stop with ctrl-c
`, s.URL, sandbox.Key, signIn)
	if err == nil {
		<-ctx.Done()
	}
	return err
}

package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

func newToolsCommand(env *Env, s *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "tools",
		Short:             "List the tools that a session would offer, with their cost",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return listTools(cmd.Context(), env, s, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole list as JSON")
	return cmd
}

func listTools(ctx context.Context, env *Env, s *settings, asJSON bool) error {
	warnStray(env)
	ss := newSession(env, s)
	defer ss.close()
	return ss.use(ctx, func(_ *mcp.ClientSession, tools []*mcp.Tool) error {
		for _, pattern := range ss.unmatched() {
			fmt.Fprintf(env.Stderr, "leadmagic-mcp-proxy: the pattern %q matches no tool\n", pattern)
		}
		if asJSON {
			return printJSON(env.Stdout, tools)
		}
		return printTools(env, tools)
	})
}

// printTools prints a table.
func printTools(env *Env, tools []*mcp.Tool) error {
	costs := make(map[string]string)
	for _, tool := range rest.Tools() {
		for _, name := range append(tool.Aliases, tool.Name) {
			costs[name] = tool.Cost()
		}
	}
	out := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "TOOL\tCREDITS\tWHAT IT DOES")
	for _, tool := range tools {
		fmt.Fprintf(out, "%s\t%s\t%s\n", problem.PrintableLine(tool.Name, maxToolName), cmp.Or(costs[tool.Name], "?"), firstSentence(tool))
	}
	return out.Flush()
}

// maxToolName is how long the name of a tool may be, by the specification.
const maxToolName = 128

// firstSentence is what fits in a table of a tool's description.
func firstSentence(tool *mcp.Tool) string {
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(cmp.Or(tool.Description, tool.Title)), " "), ". ")
	return problem.PrintableLine(strings.TrimSuffix(sentence, "."), problem.MaxLine)
}

// completeSettings has shells complete the values of the flags that every command takes. Where nothing is said
// they offer files.
func completeSettings(cmd *cobra.Command, env *Env, s *settings) {
	complete := func(flag string, with cobra.CompletionFunc) { _ = cmd.RegisterFlagCompletionFunc(flag, with) }
	for _, c := range choices() {
		complete(c.flag, cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
	}
	for _, flag := range []string{"tools", "exclude-tools"} {
		complete(flag, completePatterns(env, s))
	}
	for _, flag := range []string{"mcp-url", "api-url", "http-proxy", "tool-timeout", "max-credits"} {
		complete(flag, cobra.NoFileCompletions)
	}
}

// completePatterns completes the last of several patterns, with the names of tools.
func completePatterns(env *Env, s *settings) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names := offered(cmd.Context(), env, s)
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		for i := range names {
			names[i] = before + names[i]
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeTools completes the name of a tool.
func completeTools(env *Env, s *settings) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offered(cmd.Context(), env, s), cobra.ShellCompDirectiveNoFileComp
	}
}

// offered are the tools of a real session. They are those of the REST API if that does not come about soon, or would
// ask a person for the key.
func offered(ctx context.Context, env *Env, s *settings) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ss := newSession(env, s)
	defer ss.close()
	var tools []*mcp.Tool
	if ss.keys.AtHand() {
		_ = ss.use(ctx, func(_ *mcp.ClientSession, listed []*mcp.Tool) error {
			tools = listed
			return nil
		})
	}
	if tools == nil {
		for _, tool := range rest.Tools() {
			tools = append(tools, &mcp.Tool{Name: tool.Name, Description: tool.Description()})
		}
	}
	names := make([]cobra.Completion, 0, len(tools))
	for _, tool := range tools {
		if problem.PrintableLine(tool.Name, maxToolName) != tool.Name {
			continue // a shell would show it as it is
		}
		names = append(names, cobra.CompletionWithDesc(tool.Name, firstSentence(tool)))
	}
	return names
}

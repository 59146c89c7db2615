package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

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
	l, err := connect(ctx, env, s)
	if err != nil {
		return err
	}
	defer l.close()
	list, err := l.tools(ctx)
	if err != nil {
		return err
	}
	for _, pattern := range l.session.unmatched() {
		fmt.Fprintf(env.Stderr, "leadmagic-mcp-proxy: the pattern %q matches no tool\n", pattern)
	}
	if asJSON {
		raw, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("writing the list: %w", err)
		}
		return printJSON(env.Stdout, raw)
	}
	costs := make(map[string]string)
	for _, tool := range rest.Tools() {
		for _, name := range append(tool.Aliases, tool.Name) {
			costs[name] = tool.Cost
		}
	}
	out := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "TOOL\tCREDITS\tWHAT IT DOES")
	for _, tool := range list {
		cost := costs[tool.Name]
		if cost == "" {
			cost = "?"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", problem.PrintableLine(tool.Name, maxToolName), cost, firstSentence(tool))
	}
	return out.Flush()
}

// maxToolName is how long the name of a tool may be, by the specification.
const maxToolName = 128

// firstSentence is what fits in a table of a tool's description.
func firstSentence(tool *mcp.Tool) string {
	text := tool.Description
	if text == "" {
		text = tool.Title
	}
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	return problem.PrintableLine(strings.TrimSuffix(sentence, "."), problem.MaxLine)
}

// needs is a check for at least n arguments, with what to say otherwise.
func needs(n int, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return misuse(&hintError{errors.New("an argument is missing"), hint})
		}
		return nil
	}
}

package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

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

// completeEditors completes the editors that are not named yet, with --project those that have a team's file.
func completeEditors(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	project, _ := cmd.Flags().GetBool("project")
	var ids []cobra.Completion
	for _, e := range editor.All() {
		if !slices.Contains(args, e.ID) && (e.HasProject() || !project) {
			ids = append(ids, e.ID)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// offered are the tools of a real session. They are those of the REST API if that does not come about soon, or would
// ask a person for the key.
func offered(ctx context.Context, env *Env, s *settings) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := listAtHand(ctx, env, s)
	if err != nil {
		for _, tool := range rest.Tools() {
			list = append(list, &mcp.Tool{Name: tool.Name, Description: tool.Description})
		}
	}
	names := make([]cobra.Completion, 0, len(list))
	for _, tool := range list {
		if problem.PrintableLine(tool.Name, maxToolName) != tool.Name {
			continue // a shell would show it as it is
		}
		names = append(names, cobra.CompletionWithDesc(tool.Name, firstSentence(tool)))
	}
	return names
}

// listAtHand is what a session lists whose key nobody has to be asked for.
func listAtHand(ctx context.Context, env *Env, s *settings) ([]*mcp.Tool, error) {
	ss, refusal := newSession(env, s)
	if refusal != nil {
		return nil, refusal
	}
	defer ss.close()
	if !ss.keys.AtHand() {
		return nil, errors.New("no key is at hand")
	}
	l, err := ss.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	defer l.end()
	return l.tools(ctx)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Run runs the command that args name and returns the exit code: 0 done, 1 failed or found, 2 misuse.
func Run(ctx context.Context, env *Env, args []string) int {
	root := newRootCommand(env)
	root.SetArgs(args)
	return report(env, root.ExecuteContext(ctx))
}

func newRootCommand(env *Env) *cobra.Command {
	s := newSettings()
	root := &cobra.Command{
		Use:   "leadmagic-mcp-proxy",
		Short: "LeadMagic for local editors, with the API key kept out of config files",
		Long: "An editor runs leadmagic-mcp-proxy without arguments as an MCP server on stdio. It reads the LeadMagic API key\n" +
			"from the environment and carries each call to LeadMagic. It is an independent, unofficial client.",
		Version:       env.Version + " " + unofficial,
		Args:          knownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), env, s, nil) },
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.PersistentFlags().AddFlagSet(s.flags)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd == root && !isTerminal(env.Stdin) {
			// An editor shows nothing of a server that ends at once, so it is told in a session.
			return serve(cmd.Context(), env, s, badSetting(err.Error(), "correct the arguments in the editor's configuration"))
		}
		return misuse(&hintError{err, "see " + cmd.CommandPath() + " --help"})
	})
	root.AddCommand(
		newCallCommand(env, s),
		newToolsCommand(env, s),
		newInstallCommand(env),
		newUninstallCommand(env),
		newScanCommand(env),
		newDoctorCommand(env, s),
		newLoginCommand(env, func(ctx context.Context, key auth.Key) error { return tryKey(ctx, env, s, key) }),
		newLogoutCommand(env),
		newSandboxCommand(env),
		newVersionCommand(env),
	)
	return root
}

// knownCommand refuses arguments that are no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see leadmagic-mcp-proxy --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return misuse(&hintError{fmt.Errorf("there is no command %q", args[0]), hint})
}

// noArguments refuses the arguments of a command that takes none. It does not repeat them: one may be a key.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return misuse(&hintError{fmt.Errorf("%s takes no arguments", cmd.Name()), "see " + cmd.CommandPath() + " --help"})
}

// report says what went wrong, once, and returns the exit code.
func report(env *Env, err error) int {
	if err == nil {
		return 0
	}
	code, hint := exitFailed, ""
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	if p := problem.As(err); p != nil {
		hint = p.Fix()
		if p.Code == problem.BadSetting {
			code = exitMisuse
		}
	} else if hinted, ok := errors.AsType[*hintError](err); ok {
		hint = hinted.hint
	}
	// What was typed may be the key, in the wrong place.
	fmt.Fprintln(env.Stderr, "leadmagic-mcp-proxy: "+editor.HideKeys(err.Error()))
	if hint != "" {
		fmt.Fprintln(env.Stderr, "hint: "+hint)
	}
	return code
}

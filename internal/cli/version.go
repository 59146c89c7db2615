package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newVersionCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Stdout, versionLine(env))
			return err
		},
	}
}

func versionLine(env *Env) string {
	return "leadmagic-mcp-proxy " + env.Version + " " + unofficial
}

const unofficial = "(unofficial: an independent client for LeadMagic)"

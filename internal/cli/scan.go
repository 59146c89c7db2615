package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func newScanCommand(env *Env) *cobra.Command {
	var staged, asJSON bool
	cmd := &cobra.Command{
		Use:   "scan [PATH…]",
		Short: "Find LeadMagic keys in config files",
		Long: "Looks for LeadMagic keys where they should not be: in the configuration of your editors and in the config\n" +
			"files below this folder, or in the files and folders named. What git ignores is left out, and so is a line with\n" +
			"the comment \"" + keyscan.Allow + "\". Exit code 1 means that a key was found; the key itself is never shown.",
		Example: "  leadmagic-mcp-proxy scan\n" +
			"  leadmagic-mcp-proxy scan --staged    # in a pre-commit hook",
		RunE: func(cmd *cobra.Command, args []string) error {
			return scan(cmd.Context(), env, keyscan.Targets{User: len(args) == 0 && !staged, Paths: args, Staged: staged}, asJSON)
		},
	}
	cmd.Flags().BoolVar(&staged, "staged", false, "look at what the next commit would hold")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func scan(ctx context.Context, env *Env, t keyscan.Targets, asJSON bool) error {
	s, err := env.system()
	if err != nil {
		return fmt.Errorf("finding the current folder: %w", err)
	}
	if t.User {
		t.Paths = []string{s.Folder}
	}
	rep, err := editor.Scanner(s, env.Environ()).Scan(ctx, t)
	if err != nil {
		return err
	}
	for _, skipped := range rep.Skipped {
		fmt.Fprintln(env.Stderr, "not looked at: "+problem.PrintableLine(skipped.Error(), 0))
	}
	for _, note := range rep.Notes {
		fmt.Fprintln(env.Stderr, problem.PrintableLine(note, 0))
	}
	if asJSON {
		err = printFindingsJSON(env, rep)
	} else {
		printFindings(env, s, rep)
	}
	if err == nil && len(rep.Findings) > 0 {
		err = errReported
	}
	return err
}

// gitWords is what a status means for the reader.
var gitWords = map[keyscan.Status]string{
	keyscan.Tracked:   "tracked by git",
	keyscan.Staged:    "about to be committed",
	keyscan.Untracked: "not ignored by git",
	keyscan.Ignored:   "ignored by git",
	keyscan.Outside:   "in no git repository",
	keyscan.Unknown:   "git could not be asked",
}

func printFindings(env *Env, s editor.System, rep keyscan.Report) {
	files := map[string]bool{}
	for _, f := range rep.Findings {
		what := "a LeadMagic key"
		if f.Name != "" {
			what += " under " + f.Name
		}
		fmt.Fprintf(env.Stdout, "%s:%d:%d: %s (%s)\n  %s\n  if it is no key, this comment in its line lets it pass: %s\n",
			shorten(s, f.Path), f.Line, f.Column, what, gitWords[f.Git], f.Instead, keyscan.Allow)
		files[f.Path] = true
	}
	var besides []string
	if rep.Allowed > 0 {
		besides = append(besides, count(rep.Allowed, "key")+" allowed by a comment")
	}
	if n := len(rep.Skipped); n > 0 {
		besides = append(besides, count(n, "file")+" not looked at")
	}
	more := ""
	if besides != nil {
		more = " (" + strings.Join(besides, ", ") + ")"
	}
	switch {
	case len(rep.Findings) == 0:
		fmt.Fprintf(env.Stdout, "no LeadMagic key found in %s%s\n", count(rep.Files, "file"), more)
	default:
		fmt.Fprintf(env.Stdout, "\n%s found in %s%s\n%s\n", count(len(rep.Findings), "key"), count(len(files), "file"), more, rotate)
	}
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func printFindingsJSON(env *Env, rep keyscan.Report) error {
	out := struct { // its members are stable
		Files    int               `json:"files"`
		Findings []keyscan.Finding `json:"findings"`
		Allowed  int               `json:"allowed"`
		Skipped  []string          `json:"skipped"`
	}{rep.Files, append([]keyscan.Finding{}, rep.Findings...), rep.Allowed, []string{}}
	for _, err := range rep.Skipped {
		out.Skipped = append(out.Skipped, err.Error())
	}
	text, err := indented(out)
	if err == nil {
		_, err = env.Stdout.Write(problem.PrintableJSON(text))
	}
	return err
}

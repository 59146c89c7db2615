package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const loginWithFile = "leadmagic-mcp-proxy login --file keeps it in a private file instead"

// newLoginCommand makes the command that keeps a key. check asks LeadMagic, for free, whether it takes a key.
func newLoginCommand(env *Env, check func(context.Context, auth.Key) error) *cobra.Command {
	var private, unchecked bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep the API key in the keychain of this system, or in a private file",
		Long: "Asks for the LeadMagic API key without showing it, or reads one line from a pipe, asks LeadMagic for free whether it is\n" +
			"good, and keeps it where each session finds it: in the keychain of this system, or in a file that this user alone can read.",
		Example: "  leadmagic-mcp-proxy login\n" +
			"  pass show leadmagic | leadmagic-mcp-proxy login --file",
		Args:              noKey,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if unchecked {
				check = func(context.Context, auth.Key) error { return nil }
			}
			return login(cmd.Context(), env, newKeys(env), private, check)
		},
	}
	cmd.Flags().BoolVar(&private, "file", false, "keep it in a private file in the user's config folder")
	cmd.Flags().BoolVar(&unchecked, "no-check", false, "do not ask LeadMagic whether the key is good")
	return cmd
}

func newLogoutCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:               "logout",
		Short:             "Remove the API key that login has kept, from the keychain and the private file",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return logout(cmd.Context(), env, newKeys(env)) },
	}
}

// noKey refuses arguments without repeating them: what people put there is the key.
func noKey(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return misuse(&hintError{
		errors.New("login takes no argument: every program on this machine can see those"),
		"run leadmagic-mcp-proxy login and paste the key when it asks, or pipe it in; if that was a key, delete it from the shell's history",
	})
}

func login(ctx context.Context, env *Env, keys *auth.Keys, private bool, check func(context.Context, auth.Key) error) error {
	raw, err := askKey(ctx, env)
	if err != nil {
		return err
	}
	key, err := auth.Parse(raw)
	if errors.Is(err, auth.ErrNotSet) {
		return &hintError{fmt.Errorf("nothing was kept: %w", err), "copy the key from app.leadmagic.io, Settings → API"}
	}
	if err != nil {
		return err
	}
	env.redactor.Add(key)
	if err := check(ctx, key); err != nil {
		return notGood(err)
	}
	place, err := keys.Keep(ctx, key, private)
	if err != nil {
		return &hintError{fmt.Errorf("keeping the key: %w", err), hintUnless(private, loginWithFile)}
	}
	fmt.Fprintf(env.Stdout, "the key is kept in %s\n", place)
	if above := keys.Above(); len(above) > 0 {
		fmt.Fprintf(env.Stdout, "note: sessions started here use %s first\n", strings.Join(above, " and "))
	}
	return nil
}

// notGood says that a key was not kept, and why.
func notGood(err error) error {
	hint := "try again, or skip the question with --no-check"
	switch p := problem.As(err); {
	case p == nil: // the fix of most problems is for a session
	case p.Code == problem.KeyRejected, p.Code == problem.BadSetting && p.Next != "":
		hint = p.Fix()
	case p.Code == problem.NotLeadMagic, p.Code == problem.Untrusted:
		hint = p.Fix() + "; --no-check skips the question"
	}
	return &hintError{fmt.Errorf("nothing was kept: %s", err.Error()), hint}
}

func hintUnless(not bool, hint string) string {
	if not {
		return ""
	}
	return hint
}

func logout(ctx context.Context, env *Env, keys *auth.Keys) error {
	places, err := keys.Remove(ctx)
	for _, place := range places {
		fmt.Fprintf(env.Stdout, "the key was removed from %s\n", place)
	}
	if err != nil {
		return err
	}
	if len(places) == 0 {
		fmt.Fprintln(env.Stdout, "no key was kept")
	}
	if above := keys.Above(); len(above) > 0 {
		fmt.Fprintf(env.Stdout, "a session still takes one from %s\n", strings.Join(above, " or "))
	}
	return nil
}

// maxLine is more than a key has.
const maxLine = 64 << 10

// askKey asks for the key at a terminal, without showing it, or reads one line from what stdin is else.
func askKey(ctx context.Context, env *Env) (string, error) {
	if isTerminal(env.Stdin) {
		return askAtTerminal(ctx, env)
	}
	line, err := bufio.NewReader(io.LimitReader(env.Stdin, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	return line, nil
}

func askAtTerminal(ctx context.Context, env *Env) (string, error) {
	fd := int(env.Stdin.(interface{ Fd() uintptr }).Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("asking for the key: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		// A terminal of our own, since it knows Ctrl-D and the marks that others put around what is pasted.
		terminal := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{env.Stdin, env.Stderr}, "")
		text, err := terminal.ReadPassword("LeadMagic API key (it is not shown): ")
		read <- answer{text, err}
	}()
	a := answer{err: io.EOF}
	select {
	case a = <-read:
	case <-ctx.Done():
	}
	_ = term.Restore(fd, before)
	switch {
	case errors.Is(a.err, io.EOF): // by a signal, Ctrl-C or Ctrl-D
		fmt.Fprintln(env.Stderr)
		return "", errors.New("nothing was kept: interrupted")
	case a.err != nil && !errors.Is(a.err, term.ErrPasteIndicator):
		return "", fmt.Errorf("asking for the key: %w", a.err)
	}
	return a.text, nil
}

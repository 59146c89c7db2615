package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// loginFlags are those of login.
type loginFlags struct {
	private, unchecked bool
	web, noBrowser     bool
	clientID           string
}

func newLoginCommand(env *Env, s *settings) *cobra.Command {
	var l loginFlags
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep the API key in the keychain of this system, or in a private file; or sign in with the browser (--web)",
		Long: "Asks for the LeadMagic API key without showing it, or reads one line from a pipe, asks LeadMagic for free whether it is\n" +
			"good, and keeps it where each session finds it: in the keychain of this system, or in a file that this user alone can read.\n\n" +
			"With --web it opens the browser instead, to sign in to LeadMagic's hosted server (--mcp-url), and keeps what comes of\n" +
			"that in the same place, for all editors. Each session renews it by itself, and sends it to that server alone.",
		Example: "  leadmagic-mcp-proxy login\n" +
			"  pass show leadmagic | leadmagic-mcp-proxy login --file\n" +
			"  leadmagic-mcp-proxy login --web",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			// Without repeating it: what people put there is the key.
			return misuse("login takes no argument: every program on this machine can see those",
				"run leadmagic-mcp-proxy login and paste the key when it asks, or pipe it in; if that was a key, delete it from the shell's history")
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.web || l.noBrowser || l.clientID != "" {
				return l.signIn(cmd.Context(), env, s)
			}
			check := func(ctx context.Context, key auth.Key) error { return tryKey(ctx, env, s, key) }
			if l.unchecked {
				check = func(context.Context, auth.Key) error { return nil }
			}
			return login(cmd.Context(), env, newKeys(env), l.private, check)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&l.private, "file", false, "keep it in a private file in the user's config folder")
	f.BoolVar(&l.unchecked, "no-check", false, "do not ask LeadMagic whether the key or the sign-in is good")
	f.BoolVar(&l.web, "web", false, "sign in with the browser instead of giving a key")
	f.BoolVar(&l.noBrowser, "no-browser", false, "open no browser for that, and take the address at which one on another machine ends")
	f.StringVar(&l.clientID, "oauth-client-id", "", "sign in as this registered public client, whose redirect is http://127.0.0.1/callback")
	return cmd
}

// signIn signs in with a browser.
func (l *loginFlags) signIn(ctx context.Context, env *Env, s *settings) error {
	s.authScheme = "oauth"
	ss := newSession(env, s)
	defer ss.close()
	if ss.refusal != nil {
		return ss.refusal
	}
	web := &signin.Login{
		Tokens: ss.signIn, Private: l.private, Dial: ss.base.dial(), ClientID: l.clientID, Version: env.Version,
		Say: func(text string) { fmt.Fprintln(env.Stdout, text) },
	}
	if l.noBrowser {
		web.Pasted = env.Stdin
	} else {
		web.Open = func(address string) error { return openBrowser(ctx, env, address) }
	}
	place, err := web.Run(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("nothing was kept: interrupted")
	case problem.As(err) != nil:
		return fmt.Errorf("nothing was kept: %w", err)
	case err != nil:
		return hinted(fmt.Errorf("nothing was kept: %w", err), fileHint(l.private, "login --web"))
	}
	if who := ss.signedIn().Who; who != "" {
		fmt.Fprintf(env.Stdout, "signed in as %s\n", who)
	}
	fmt.Fprintf(env.Stdout, "the sign-in is kept in %s\n", place)
	if ss.keys.AtHand() {
		fmt.Fprintln(env.Stdout, "note: sessions that have a key use that first, where the hosted server takes it")
	}
	if l.unchecked {
		return nil
	}
	return ss.tryTools(ctx)
}

// tryTools uses LeadMagic for free, and says what came of it.
func (ss *session) tryTools(ctx context.Context) error {
	return ss.use(ctx, func(client *mcp.ClientSession, tools []*mcp.Tool) error {
		has := func(name string) bool {
			return slices.ContainsFunc(tools, func(t *mcp.Tool) bool { return t.Name == name })
		}
		if name := problem.BalanceToolIn(has); name != "" {
			result, err := client.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: map[string]any{}})
			switch {
			case err != nil:
				return rpcError(err)
			case result.IsError:
				return printResult(ss.env, result, false)
			}
		}
		fmt.Fprintf(ss.env.Stdout, "LeadMagic takes it: %d tools\n", len(tools))
		return nil
	})
}

// openBrowser shows an address in the user's browser. It is given to a program and to no shell, without the variables that may
// hold a key, and nothing that the program prints is seen.
func openBrowser(ctx context.Context, env *Env, address string) error {
	words := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		words = []string{"open"}
	case "windows":
		words = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], append(words[1:], address)...)
	cmd.Env = slices.DeleteFunc(env.Environ(), func(entry string) bool { return strings.HasPrefix(strings.ToUpper(entry), "LEADMAGIC_") })
	return cmd.Run()
}

func newLogoutCommand(env *Env, s *settings) *cobra.Command {
	return &cobra.Command{
		Use:               "logout",
		Short:             "Remove the API key and the sign-in that login has kept, from the keychain and the private file",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ss := newSession(env, s)
			defer ss.close()
			if err := logout(cmd.Context(), env, newKeys(env), ss.signIn); err != nil || ss.refusal == nil {
				return err
			}
			return ss.refusal // where the sign-in is depends on the settings
		},
	}
}

func login(ctx context.Context, env *Env, keys *auth.Keys, private bool, check func(context.Context, auth.Key) error) error {
	raw, err := askKey(ctx, env)
	if err != nil {
		return err
	}
	key, err := auth.Parse(raw)
	if errors.Is(err, auth.ErrNotSet) {
		return hinted(fmt.Errorf("nothing was kept: %w", err), "copy the key from app.leadmagic.io, Settings → API")
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
		return hinted(fmt.Errorf("keeping the key: %w", err), fileHint(private, "login"))
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
	return hinted(fmt.Errorf("nothing was kept: %s", err.Error()), hint)
}

// fileHint is what to do where there is no keychain to use, unless the private file was wanted.
func fileHint(private bool, command string) string {
	if private {
		return ""
	}
	return "leadmagic-mcp-proxy " + command + " --file keeps it in a private file instead"
}

func logout(ctx context.Context, env *Env, keys *auth.Keys, tokens *signin.Tokens) error {
	var signIns []string
	if tokens != nil {
		var revoked bool
		var err error
		signIns, revoked, err = tokens.Logout(ctx)
		for _, place := range signIns {
			fmt.Fprintf(env.Stdout, "the sign-in was removed from %s\n", place)
		}
		switch {
		case err != nil:
			return err
		case len(signIns) == 0:
		case revoked:
			fmt.Fprintln(env.Stdout, "the authorization server has ended it")
		default:
			fmt.Fprintln(env.Stdout, "the authorization server was not asked to end it, or did not: it runs out by itself")
		}
	}
	places, err := keys.Remove(ctx)
	for _, place := range places {
		fmt.Fprintf(env.Stdout, "the key was removed from %s\n", place)
	}
	if err != nil {
		return err
	}
	if len(places) == 0 && len(signIns) == 0 {
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

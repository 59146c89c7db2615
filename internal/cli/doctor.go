package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/doctor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// doctorFlags are those of doctor.
type doctorFlags struct {
	editor          string
	offline         bool
	asJSON, support bool
}

func newDoctorCommand(env *Env, s *settings) *cobra.Command {
	var x doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong and say what to do",
		Long: "Walks the path that a call takes, with the parts that carry it: the program and its settings, the key, where the\n" +
			"key may go, the network, whether LeadMagic takes the key, a session, its tools, and what each editor on this\n" +
			"machine would start and pass on. Nothing that it does costs a credit, and no key is ever shown. Exit code 1\n" +
			"means that there is something to fix; a warning is not. docs/doctor-json.md describes the output of --json.",
		Example: "  leadmagic-mcp-proxy doctor\n" +
			"  leadmagic-mcp-proxy doctor --editor codex --offline\n" +
			"  leadmagic-mcp-proxy doctor --report    # to paste into a support request",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return x.run(cmd.Context(), env, s) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&x.editor, "editor", "", "look at this editor alone; one that is not installed is then a fault")
	f.BoolVar(&x.offline, "offline", false, "leave out what needs the network")
	f.BoolVar(&x.asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&x.support, "report", false, "print a block to paste into a support request")
	_ = cmd.RegisterFlagCompletionFunc("editor", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return editorIDs(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func (x *doctorFlags) run(ctx context.Context, env *Env, s *settings) error {
	if x.asJSON && x.support {
		return misuse("--json and --report are two forms of the same: use one of them", "")
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	system, _ := env.system() // if the current folder has been deleted, no project's files are there
	ss := newSession(env, s)
	defer ss.close()
	d := &doctor.Doctor{
		Version:    env.Version,
		Executable: exe,
		System:     system,
		Environ:    env.Environ(),
		Homes:      homes(env),
		VersionOf:  func(ctx context.Context, file string) (string, error) { return versionOf(ctx, env, file) },
		Keys:       ss.keys,
		Given:      given(s),
		Wanted:     wanted(s),
		Carried:    carried,
		Settings:   entrySettings,
		Stray:      strayVariables,
		Refusal:    ss.refusal,
		Offline:    x.offline,
		Sandbox:    s.sandbox,
		Editors:    editor.Here(system),
		Progress:   progress(env),
	}
	if ss.signIn != nil {
		d.SignIn = ss.signIn.Look
	}
	if ss.refusal == nil {
		d.Route = ss.route()
	}
	if x.editor != "" {
		e, ok := editor.Lookup(x.editor)
		if !ok {
			return unknownEditor(x.editor)
		}
		d.Editors, d.Named = e.Forms(system), true
	}
	done := make(chan *doctor.Report, 1)
	go func() { done <- d.Examine(ctx) }()
	var report *doctor.Report
	select { // a file on a disk that does not answer must not keep a signal from ending this
	case report = <-done:
	case <-ctx.Done():
	}
	d.Progress("")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case x.asJSON:
		err = printJSON(env.Stdout, report)
	case x.support:
		_, err = io.WriteString(env.Stdout, "```text\n"+reportText(report, false)+"```\n") // as Markdown has it
	default:
		_, err = io.WriteString(env.Stdout, reportText(report, colours(env)))
	}
	if (err == nil || readerGone(err)) && !report.Healthy {
		err = errReported
	}
	return err
}

// route is where the settings send calls.
func (ss *session) route() *doctor.Route {
	open := func(ctx context.Context, s *settings, protocol string) (*doctor.Session, error) {
		other := ss.withSettings(s)
		client, end, err := other.connect(ctx, protocol)
		if err != nil {
			return nil, err
		}
		return &doctor.Session{
			ClientSession: client,
			Upstream:      other.failover.Status().Upstream,
			Refused:       other.hostedRefusal.Load(),
			Unmatched:     other.unmatched,
			End:           end,
		}, nil
	}
	return &doctor.Route{
		MCP:      ss.settings.mcp,
		API:      ss.settings.api,
		Upstream: ss.settings.upstream,
		Dial:     func() http.RoundTripper { return ss.base.dial() },
		Proxy:    ss.base.proxy,
		Balance:  ss.balance,

		SignInOnly: ss.settings.authScheme == "oauth",
		Discover: func(ctx context.Context) (string, error) {
			return (&signin.Login{Tokens: ss.signIn, Dial: ss.base.dial()}).Discover(ctx)
		},
		SignedIn: func(ctx context.Context) error {
			alone := *ss.settings
			alone.authScheme, alone.upstream = "oauth", "mcp"
			session, err := open(ctx, &alone, "")
			if err == nil {
				session.End()
			}
			return err
		},
		Open: func(ctx context.Context, protocol string) (*doctor.Session, error) {
			return open(ctx, ss.settings, protocol)
		},
	}
}

// entrySettings are the settings that the program would start with if an editor gave it these arguments and variables.
// Nothing is opened for it.
func entrySettings(args []string, getenv func(string) string) doctor.Settings {
	s := newSettings()
	out := doctor.Settings{From: map[string]string{}, Value: map[string]string{}}
	root := newRootCommand(&Env{Getenv: getenv, Environ: func() []string { return nil }, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard}, s)
	cmd, rest, err := root.Find(args)
	if err == nil {
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		err = cmd.ParseFlags(rest)
	}
	if cmd != root {
		out.Command = cmd.Name()
	} else if words := root.Flags().Args(); len(words) > 0 {
		out.Command = words[0]
	}
	cmd.Flags().Visit(func(f *pflag.Flag) { // those among the arguments
		out.From[f.Name] = "--" + f.Name
		if f.Name == "help" || f.Name == "version" {
			out.Command = "--" + f.Name
		}
	})
	if err == nil {
		out.Refusal = s.read(getenv)
	} else {
		out.Refusal = badSetting(err.Error(), "")
	}
	out.Sandbox = s.sandbox
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			out.From[f.Name] = cmp.Or(out.From[f.Name], variable(f.Name))
			out.Value[f.Name] = strings.TrimSpace(f.Value.String())
		}
	})
	if out.Refusal == nil {
		s.caFile = "" // it would be read
		_, out.Refusal = newBaseTransport(s, getenv)
	}
	if out.Refusal == nil && !s.sandbox {
		if s.upstream != "rest" {
			out.MCP = s.mcp
		}
		if s.upstream != "mcp" {
			out.API = s.api
		}
	}
	return out
}

// given are the settings that are not left to their defaults, as variables.
func given(s *settings) []string {
	var names []string
	s.flags.VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Changed && f.Name == "sandbox":
			names = append(names, "--sandbox")
		case f.Changed:
			names = append(names, setting(f.Name))
		}
	})
	return names
}

// wanted are the variables that change what the program does.
func wanted(s *settings) []string {
	others := slices.DeleteFunc(s.variables(), func(name string) bool { return slices.Contains(carried, name) })
	return slices.Concat(carried, others)
}

// homes are the paths of the user's home folder: that of the variables, and what it resolves to.
func homes(env *Env) []string {
	var names []string
	for _, variable := range []string{"HOME", "USERPROFILE"} {
		home := env.Getenv(variable)
		if !filepath.IsAbs(home) {
			continue
		}
		names = append(names, home)
		if real, err := filepath.EvalSymlinks(home); err == nil {
			names = append(names, real)
		}
	}
	return names
}

// versionFor is how long a program may take to say its version.
const versionFor = 3 * time.Second

// versionOf is the version that a file of this program prints. It is started in its own folder, with the shell's variables but
// those of this program: a version manager's launcher would read files of the current folder.
func versionOf(ctx context.Context, env *Env, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Dir = filepath.Dir(path)
	cmd.Env = slices.DeleteFunc(env.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "LEADMAGIC_") || name == "PWD" || name == "OLDPWD"
	})
	cmd.WaitDelay = time.Second
	out := &limited{left: 4 << 10}
	cmd.Stdout = out
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("it gave no answer in %s", versionFor)
	case err != nil:
		return "", file.Bare(err)
	}
	name, rest, _ := strings.Cut(out.String(), " ")
	version, _, _ := strings.Cut(rest, " ")
	if name != editor.Program || version == "" {
		return "", errors.New("it does not say its version")
	}
	return version, nil
}

// limited keeps the beginning of what is written.
type limited struct {
	strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.Builder.Write(p[:n])
	return len(p), nil
}

// marks are the colours of the outcomes on a terminal.
var marks = map[doctor.Status]string{
	doctor.OK:      "\x1b[32m",
	doctor.Warn:    "\x1b[33m",
	doctor.Fail:    "\x1b[31m",
	doctor.Skipped: "\x1b[2m",
}

// colours reports whether the output is to be coloured. Source: no-color.org.
func colours(env *Env) bool {
	if env.Getenv("NO_COLOR") != "" || env.Getenv("TERM") == "dumb" || !isTerminal(env.Stdout) {
		return false
	}
	return knowsColours(runtime.GOOS, env.Getenv)
}

// knowsColours reports whether a terminal understands the codes of colours: the older console of Windows shows them as text.
func knowsColours(goos string, getenv func(string) string) bool {
	return goos != "windows" || getenv("WT_SESSION") != "" || getenv("TERM") != ""
}

// reportText is a report for a person.
func reportText(report *doctor.Report, coloured bool) string {
	var b strings.Builder
	p := report.Program
	fmt.Fprintf(&b, "%s %s (unofficial), %s/%s\n", p.Name, p.Version, p.OS, p.Arch)
	width := 0
	for _, c := range report.Checks {
		width = max(width, len(title(c)))
	}
	var stage doctor.Stage
	for _, c := range report.Checks {
		if c.Stage != stage {
			stage = c.Stage
			fmt.Fprintf(&b, "\n%s\n", stage)
		}
		status := fmt.Sprintf("%-7s", c.Status)
		if coloured {
			status = marks[c.Status] + status + "\x1b[0m"
		}
		fmt.Fprintf(&b, "  %s  %-*s  %s\n", status, width, title(c), c.Detail)
		if c.Hint != "" {
			fmt.Fprintf(&b, "  %7s  %-*s  hint: %s\n", "", width, "", c.Hint)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", verdict(report))
	return b.String()
}

// title is the name of a check with its editor.
func title(c doctor.Check) string {
	if c.Editor != "" {
		return c.Editor + " " + c.Name
	}
	return c.Name
}

func verdict(report *doctor.Report) string {
	var parts []string
	if n := report.Summary.Fail; n > 0 {
		parts = append(parts, count(n, "thing")+" to fix")
	} else {
		parts = append(parts, "healthy")
	}
	if n := report.Summary.Warn; n > 0 {
		parts = append(parts, count(n, "warning"))
	}
	return strings.Join(parts, ", ")
}

// progress shows on a terminal what doctor is waiting for, in place of the last text.
func progress(env *Env) func(what string) {
	if !isTerminal(env.Stderr) || env.Getenv("TERM") == "dumb" {
		return func(string) {}
	}
	return func(what string) {
		const longest = 50
		fmt.Fprintf(env.Stderr, "\r%*s\r%s", longest, "", what)
	}
}

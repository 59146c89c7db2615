// Package cli is the command line: it reads arguments and variables, joins auth, proxy and rest accordingly, and prints
// results and errors. It handles no MCP messages itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/stdio"
)

// Env is everything that a command takes from the process. main fills it in from os.
type Env struct {
	Getenv  func(string) string
	Environ func() []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string

	redactor *auth.Redactor // of the streams; nil before Run
}

// redacting is env with streams that show no key.
func (env *Env) redacting() *Env {
	own := *env
	own.redactor = &auth.Redactor{}
	own.Stdout, own.Stderr = own.redactor.Writer(env.Stdout), own.redactor.Writer(env.Stderr)
	return &own
}

// system is the machine. If the current folder has been deleted, there is none and an error.
func (env *Env) system() (editor.System, error) {
	folder, err := os.Getwd()
	if err != nil {
		folder = ""
	}
	return editor.System{GOOS: runtime.GOOS, Getenv: env.Getenv, Folder: folder}, err
}

// Run runs the command that args name and returns the exit code: 0 done, 1 failed or found, 2 misuse.
func Run(ctx context.Context, env *Env, args []string) int {
	env = env.redacting()
	var err error
	if len(args) == 0 { // as most editors start it: the session need not wait until all commands are made
		err = serve(ctx, env, newSettings(), nil)
	} else {
		root := newRootCommand(env, newSettings())
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	code := report(env, err)
	if stderr, ok := env.Stderr.(*stdio.Lossy); ok { // that of a session
		stderr.Flush(flushTimeout)
	}
	return code
}

// flushTimeout bounds how long the program waits at its end for a slow reader of stderr.
const flushTimeout = 200 * time.Millisecond

// Commands are all commands, for pages that describe them.
func Commands() *cobra.Command {
	root := newRootCommand(&Env{Getenv: func(string) string { return "" }, Environ: func() []string { return nil }}, newSettings())
	plainSwitches(root)
	return root
}

// newRootCommand makes all commands. Their flags are read into s.
func newRootCommand(env *Env, s *settings) *cobra.Command {
	root := &cobra.Command{
		Use:   "leadmagic-mcp-proxy",
		Short: "LeadMagic for local editors, with the API key kept out of config files",
		Long: "An editor runs leadmagic-mcp-proxy without arguments as an MCP server on stdio. It reads the LeadMagic API key\n" +
			"from LEADMAGIC_API_KEY, or from where login keeps it, and carries each call to LeadMagic. It is an independent,\n" +
			"unofficial client.\n\n" +
			"Each flag --some-thing can be given as the variable LEADMAGIC_SOME_THING too, except --sandbox; the flag wins.",
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
	completeSettings(root, env, s)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		err = knownFlag(cmd, err)
		if cmd == root && !isTerminal(env.Stdin) {
			// An editor shows nothing of a server that ends at once, so it is told in a session.
			return serve(cmd.Context(), env, s, badSetting(err.Error(), "correct the arguments in the editor's configuration"))
		}
		return misuse(err.Error(), "see "+cmd.CommandPath()+" --help")
	})
	root.AddCommand(
		newCallCommand(env, s),
		newToolsCommand(env, s),
		newInstallCommand(env),
		newUninstallCommand(env),
		newScanCommand(env),
		newDoctorCommand(env, s),
		newLoginCommand(env, s),
		newLogoutCommand(env, s),
		newSandboxCommand(env),
		newVersionCommand(env),
	)
	addCobraCommands(root)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		plainSwitches(cmd)
		help(cmd, args)
	})
	return root
}

// A plainSwitch is a boolean that help shows as --name, where pflag from 1.1 on shows --name[=true|false].
type plainSwitch struct{ pflag.Value }

// plainSwitches makes all booleans of a command, and of those below it, plain ones. It is called for help alone, since it takes
// time that a session would begin later by.
func plainSwitches(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			f.Value = plainSwitch{f.Value}
		}
	})
	for _, below := range cmd.Commands() {
		plainSwitches(below)
	}
}

// addCobraCommands adds help and completion, and has them refuse what they do not know as all commands do.
func addCobraCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if topic, rest, _ := root.Find(args); topic == root {
					return knownCommand(root, rest)
				}
				return nil
			}
		case "completion":
			cmd.Args, cmd.RunE = knownCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// mistyped is how many letters may differ in a suggestion.
const mistyped = 2

// knownCommand refuses arguments that are no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.HasPrefix(args[0], "lm_") {
		return misuse("no key is taken as an argument: every program on this machine can see those",
			"set LEADMAGIC_API_KEY, or run leadmagic-mcp-proxy login and paste the key when it asks")
	}
	hint := "see " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = mistyped
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return misuse(fmt.Sprintf("there is no command %q", args[0]), hint)
}

// knownFlag adds to the error of a flag that is not known which one was probably meant.
func knownFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	if near := similar(unknown.GetSpecifiedName(), flags, mistyped); len(near) > 0 {
		return fmt.Errorf("%w (did you mean --%s?)", err, strings.Join(near, " or --"))
	}
	return err
}

// similar are the names that begin with name, or differ from it in at most that many letters, by cobra's rule for commands.
func similar(name string, names []string, letters int) []string {
	commands := &cobra.Command{SuggestionsMinimumDistance: letters}
	for _, other := range names {
		commands.AddCommand(&cobra.Command{Use: other, Run: func(*cobra.Command, []string) {}})
	}
	return commands.SuggestionsFor(name)
}

// noArguments refuses arguments, without repeating them: one may be a key.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return misuse(fmt.Sprintf("%s takes no arguments", cmd.Name()), "see "+cmd.CommandPath()+" --help")
}

// serve speaks MCP on stdin and stdout until the editor is done. A refusal that is not nil is explained in
// the session, as is a setting that cannot be used.
func serve(ctx context.Context, env *Env, s *settings, refusal *problem.Problem) error {
	if isTerminal(env.Stdin) {
		return misuse("this is an MCP server: an editor starts it and talks to it on stdin and stdout",
			"leadmagic-mcp-proxy install puts it into your editor, call --sandbox check_credits tries it here, --help shows the rest")
	}
	env.Stderr = stdio.NewLossy(env.Stderr) // a session must not block on a log that is not read
	warnStray(env)
	ss := newSession(env, s)
	defer ss.close()
	ss.serves = true
	if refusal != nil {
		ss.refusal = refusal
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(min(memoryLimit, debug.SetMemoryLimit(-1))) // or what GOMEMLIMIT says
	return ss.run(ctx, env.Stdin, env.Stdout)
}

const (
	// gcPercent lets the heap, which is a few megabytes, grow to three times what is in use instead of two. With many calls in
	// flight it is collected half as often then, and a fifth more of them get through.
	gcPercent = 200
	// memoryLimit, in bytes, is where it is collected all the same: what large messages needed that are answered does not stay
	// in memory beside the next. Each half of what they may hold is 256 MiB.
	memoryLimit = 512 << 20
)

func isTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// report prints an error and its hint, and returns the exit code.
func report(env *Env, err error) int {
	switch {
	case err == nil || readerGone(err):
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	}
	code, hint := exitFailed, ""
	if p := problem.As(err); p != nil {
		hint = p.Fix()
		if p.Code == problem.BadSetting {
			code = exitMisuse
		}
	} else if own, ok := errors.AsType[*commandError](err); ok {
		code, hint = own.code, own.hint
	}
	// What was typed may be the key, in the wrong place.
	fmt.Fprintln(env.Stderr, "leadmagic-mcp-proxy: "+problem.Printable(keyscan.Hide(err.Error()), 0))
	if hint != "" {
		fmt.Fprintln(env.Stderr, "hint: "+problem.Printable(hint, 0))
	}
	return code
}

// Exit codes: 0 is done, 1 is failed or found, 2 is misuse.
const (
	exitFailed = 1
	exitMisuse = 2
)

// A commandError is an error with what to do about it, in a line of its own, and an exit code.
type commandError struct {
	error
	hint string
	code int
}

func (e *commandError) Unwrap() error { return e.error }

// hinted is an error with what to do about it, if that is not empty.
func hinted(err error, hint string) error { return &commandError{err, hint, exitFailed} }

// misuse is an error in the arguments.
func misuse(what, hint string) error { return &commandError{errors.New(what), hint, exitMisuse} }

// errReported ends a command that has failed, or found something, and has printed that already.
var errReported = errors.New("it was reported")

// readerGone reports whether a command ended since the reader of its output, such as head, has closed the pipe. Connections to
// LeadMagic have errors of another type.
func readerGone(err error) bool {
	write, ok := errors.AsType[*fs.PathError](err)
	if !ok || write.Op != "write" {
		return false
	}
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // of Windows: winerror.h
	return errors.Is(err, syscall.EPIPE) || runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}

func newVersionCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Stdout, "leadmagic-mcp-proxy "+env.Version+" "+unofficial)
			return err
		},
	}
}

const unofficial = "(unofficial: an independent client for LeadMagic)"

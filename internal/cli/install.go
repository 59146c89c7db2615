package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// An installer is one run of install or uninstall.
type installer struct {
	env     *Env
	system  editor.System
	exe     string // this program, absolute
	editors []string
	args    []string // for the entry

	project, dryRun, force, all bool
	print, insiders, prompt     bool
	name, keyFile               string
}

// An action is what a command does to an editor: telling the user, and by itself.
type action struct {
	name string
	tell func(*installer, editor.Editor) error
	do   func(editor.Editor, editor.System, editor.Request) (editor.Result, error)
}

func newInstallCommand(env *Env) *cobra.Command {
	i := &installer{env: env}
	cmd := &cobra.Command{
		Use:   "install [EDITOR…] [-- ARGUMENT…]",
		Short: "Add LeadMagic to an editor's configuration, never the key",
		Long: "Adds an entry for this program to the configuration of each editor named, and changes nothing else in it.\n" +
			"The entry names the variable " + editor.KeyVariable + " where the editor needs that; no key is read, written or shown.\n" +
			"Without an editor it lists those that are found on this machine and what it would do; --all does it.\n" +
			"What follows -- is given to the program each time the editor starts it.",
		Example: "  leadmagic-mcp-proxy install claude-code cursor\n" +
			"  leadmagic-mcp-proxy install --project vscode\n" +
			"  leadmagic-mcp-proxy install codex -- --read-only",
		ValidArgsFunction: completeEditors,
		RunE: func(cmd *cobra.Command, args []string) error {
			i.split(cmd, args)
			if err := misplaced(cmd, i.editors); err != nil {
				return err
			}
			return i.run(action{"install", (*installer).install, editor.Editor.Install})
		},
	}
	f := cmd.Flags()
	i.common(f)
	f.BoolVar(&i.print, "print", false, "print the entry and where it goes, and change nothing")
	f.BoolVar(&i.prompt, "vscode-prompt", false, "have VS Code ask for the key and keep it, instead of naming the variable")
	f.StringVar(&i.keyFile, "key-file", "", "have the entry name a file that holds the key")
	return cmd
}

func newUninstallCommand(env *Env) *cobra.Command {
	i := &installer{env: env}
	cmd := &cobra.Command{
		Use:   "uninstall [EDITOR…]",
		Short: "Take LeadMagic out of an editor's configuration",
		Long: "Removes the entry that install has added, and leaves the rest of the file as it is.\n" +
			"Without an editor it lists those that are found on this machine and what it would do; --all does it.",
		ValidArgsFunction: completeEditors,
		RunE: func(cmd *cobra.Command, args []string) error {
			i.split(cmd, args)
			return i.run(action{"uninstall", (*installer).uninstall, editor.Editor.Uninstall})
		},
	}
	i.common(cmd.Flags())
	return cmd
}

// common are the flags of both commands.
func (i *installer) common(f *pflag.FlagSet) {
	f.BoolVar(&i.project, "project", false, "the team's file in this folder, meant to be committed, instead of the user's own")
	f.BoolVar(&i.all, "all", false, "all editors that are found on this machine")
	f.BoolVar(&i.insiders, "insiders", false, "VS Code Insiders instead of VS Code")
	f.BoolVar(&i.dryRun, "dry-run", false, "show the difference and change nothing")
	f.BoolVar(&i.force, "force", false, "replace or remove an entry of that name even if it is another one, and follow a link out of the project")
	f.StringVar(&i.name, "name", editor.Name, "the name of the server in the editor")
}

// split parts the editors from the arguments behind the two dashes.
func (i *installer) split(cmd *cobra.Command, args []string) {
	i.editors = args
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		i.editors, i.args = args[:at], args[at:]
	}
}

// misplaced refuses settings for the entry that stand before the two dashes, where they would be lost.
func misplaced(cmd *cobra.Command, editors []string) error {
	var flags []string
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != "sandbox" {
			flags = append(flags, "--"+f.Name)
		}
	})
	if flags == nil {
		return nil
	}
	command := strings.Join(append([]string{cmd.CommandPath()}, editors...), " ")
	return misuse(fmt.Sprintf("%s would not reach what the editor starts: its arguments go after --", strings.Join(flags, " and ")),
		"write: "+command+" -- "+flags[0]+" …")
}

// run checks what was typed and does it to each editor in turn: one that fails does not keep the others
// from it.
func (i *installer) run(act action) error {
	if err := i.check(); err != nil {
		return err
	}
	if err := i.locate(); err != nil {
		return err
	}
	if len(i.editors) == 0 && !i.all {
		return i.list(act)
	}
	editors, err := i.chosen()
	if err != nil {
		return err
	}
	failed := 0
	for _, e := range editors {
		err := act.tell(i, e)
		if err == nil {
			continue
		}
		if len(editors) == 1 {
			return err
		}
		report(i.env, err)
		failed++
	}
	if failed > 0 {
		return errSaid
	}
	return nil
}

var serverName = lazyregexp.New(`^[A-Za-z0-9_-]{1,64}$`)

// check refuses what cannot be meant, before any file is looked at.
func (i *installer) check() error {
	named := len(i.editors) > 0
	vscode := i.all || slices.ContainsFunc(i.editors, func(id string) bool { return strings.HasPrefix(id, "vscode") })
	switch {
	case i.all && named:
		return misuse("--all takes the editors that are found; name editors or use --all", "")
	case i.print && (i.dryRun || i.force):
		return misuse("--print changes nothing: leave out --dry-run and --force", "")
	case i.print && !named && !i.all:
		return misuse("no editor was named", "name one of "+strings.Join(editorIDs(), ", "))
	case i.insiders && !vscode:
		return misuse("--insiders is a form of VS Code: name vscode", "")
	case i.prompt && !vscode:
		return misuse("--vscode-prompt is for VS Code: name vscode", "")
	case i.prompt && i.keyFile != "":
		return misuse("the key comes from a prompt or from a file: leave out --vscode-prompt or --key-file", "")
	case !serverName.MatchString(i.name):
		return misuse("--name has to be letters, digits, - and _, 64 at most", "leave it out for "+editor.Name)
	case keyscan.Holds(i.keyFile) || strings.HasPrefix(i.keyFile, "lm_"):
		return misuse("--key-file is the path of a file, not the key; a key that was typed into a shell stands in its history", "")
	case slices.ContainsFunc(i.args, keyscan.Holds):
		return misuse("one of the arguments holds a key, which would stand in the configuration", "set "+editor.KeyVariable+" instead")
	}
	return nil
}

// locate finds out what the process can say of itself.
func (i *installer) locate() (err error) {
	i.system = editor.System{GOOS: runtime.GOOS, Getenv: i.env.Getenv}
	if i.system.Folder, err = os.Getwd(); err != nil {
		// It has been deleted: the user's own files are elsewhere.
		switch i.system.Folder = ""; {
		case i.project:
			return hinted(errors.New("the current folder is gone, so there is no project here"), "change to another folder")
		case i.keyFile != "" && !filepath.IsAbs(file.BelowHome(i.keyFile, i.env.Getenv)):
			return hinted(errors.New("--key-file is relative to the current folder, which is gone"), "give its whole path")
		}
	}
	if i.exe, err = os.Executable(); err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	return nil
}

func (i *installer) scope() editor.Scope {
	if i.project {
		return editor.Project
	}
	return editor.User
}

// short is a path as people write it.
func (i *installer) short(path string) string { return shorten(i.system, path) }

// inFolder writes a path below the current folder relative to it.
func inFolder(s editor.System, path string) string {
	if s.Folder == "" {
		return path
	}
	return strings.TrimPrefix(path, s.Folder+string(filepath.Separator))
}

// shorten writes a path below the current folder relative to it, and one below the home folder with ~. One that would
// end the line or steer a terminal is quoted.
func shorten(s editor.System, path string) string {
	short := inFolder(s, path)
	for _, name := range []string{"HOME", "USERPROFILE"} {
		home := s.Getenv(name)
		if rel, ok := strings.CutPrefix(short, home+string(filepath.Separator)); home != "" && ok {
			short = filepath.Join("~", rel)
		}
	}
	if problem.Printable(short, 0) != short {
		return strconv.Quote(short)
	}
	return short
}

func (i *installer) request(e editor.Editor) editor.Request {
	return editor.Request{
		Scope: i.scope(), Name: i.name, Command: i.command(e), Force: i.force, DryRun: i.dryRun, Now: time.Now(),
	}
}

// command is what the entry starts: a path that outlives upgrades for this user, the bare name for a team,
// whose members have it elsewhere, or the runner of packages that has started this.
func (i *installer) command(e editor.Editor) editor.Command {
	c := editor.Command{Path: editor.Program, Args: i.args, Vars: []string{editor.KeyVariable}, KeyFile: i.keyFile, Prompt: i.prompt}
	runner := i.system.Runner(i.exe)
	if runner != nil {
		if runtime.GOOS == "windows" && !i.project {
			runner = append([]string{"cmd", "/c"}, runner...) // npx is a script there, which few editors can start
		}
		c.Path, c.Args = runner[0], slices.Concat(runner[1:], []string{editor.Program}, i.args)
	}
	if i.project {
		return c
	}
	if runner == nil {
		c.Path = i.system.StablePath(i.exe)
	}
	if c.KeyFile != "" {
		c.KeyFile = i.keyPath()
	}
	// What this user's shell has set, the program is to have from the editor too.
	for _, name := range carried {
		if i.env.Getenv(name) != "" {
			c.Vars = append(c.Vars, name)
		}
	}
	return c
}

// keyPath is the whole path of the file with the key.
func (i *installer) keyPath() string {
	path := file.BelowHome(i.keyFile, i.env.Getenv)
	if !filepath.IsAbs(path) {
		path = filepath.Join(i.system.Folder, path)
	}
	return path
}

// carried are the variables besides the key's without which the program could not get the key, or not
// reach LeadMagic.
var carried = []string{
	editor.KeyFileVariable, "LEADMAGIC_API_KEY_COMMAND", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
	"LEADMAGIC_HTTP_PROXY", "LEADMAGIC_CA_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

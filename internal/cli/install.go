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
	"text/tabwriter"
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
	verb    string // install or uninstall
	system  editor.System
	exe     string // this program, absolute
	editors []string
	args    []string // for the entry

	project, dryRun, force, all bool
	print, insiders, prompt     bool
	name, keyFile               string
}

func newInstallCommand(env *Env) *cobra.Command {
	i := &installer{env: env, verb: "install"}
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
		RunE:              i.run,
	}
	f := cmd.Flags()
	i.common(f)
	f.BoolVar(&i.print, "print", false, "print the entry and where it goes, and change nothing")
	f.BoolVar(&i.prompt, "vscode-prompt", false, "have VS Code ask for the key and keep it, instead of naming the variable")
	f.StringVar(&i.keyFile, "key-file", "", "have the entry name a file that holds the key")
	return cmd
}

func newUninstallCommand(env *Env) *cobra.Command {
	i := &installer{env: env, verb: "uninstall"}
	cmd := &cobra.Command{
		Use:   "uninstall [EDITOR…]",
		Short: "Take LeadMagic out of an editor's configuration",
		Long: "Removes the entry that install has added, and leaves the rest of the file as it is.\n" +
			"Without an editor it lists those that are found on this machine and what it would do; --all does it.",
		ValidArgsFunction: completeEditors,
		RunE:              i.run,
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
func (i *installer) run(cmd *cobra.Command, args []string) error {
	i.editors = args
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		i.editors, i.args = args[:at], args[at:]
	}
	if i.verb == "install" {
		if err := misplaced(cmd, i.editors); err != nil {
			return err
		}
	}
	if err := i.check(); err != nil {
		return err
	}
	if err := i.locate(); err != nil {
		return err
	}
	if len(i.editors) == 0 && !i.all {
		return i.list()
	}
	editors, err := i.chosen()
	if err != nil {
		return err
	}
	if len(editors) == 1 {
		return i.apply(editors[0])
	}
	for _, e := range editors {
		if failed := i.apply(e); failed != nil {
			report(i.env, failed)
			err = errReported
		}
	}
	return err
}

var serverName = lazyregexp.New(`^[A-Za-z0-9_-]{1,64}$`)

// check refuses what cannot be meant, before any file is looked at.
func (i *installer) check() error {
	named := len(i.editors) > 0
	vscode := i.all || slices.ContainsFunc(i.editors, func(id string) bool { return strings.HasPrefix(id, "vscode") })
	for _, c := range []struct {
		wrong      bool
		what, hint string
	}{
		{i.all && named, "--all takes the editors that are found; name editors or use --all", ""},
		{i.print && (i.dryRun || i.force), "--print changes nothing: leave out --dry-run and --force", ""},
		{i.print && !named && !i.all, "no editor was named", "name one of " + strings.Join(editorIDs(), ", ")},
		{i.insiders && !vscode, "--insiders is a form of VS Code: name vscode", ""},
		{i.prompt && !vscode, "--vscode-prompt is for VS Code: name vscode", ""},
		{i.prompt && i.keyFile != "", "the key comes from a prompt or from a file: leave out --vscode-prompt or --key-file", ""},
		{!serverName.MatchString(i.name), "--name has to be letters, digits, - and _, 64 at most", "leave it out for " + editor.Name},
		{
			keyscan.Holds(i.keyFile) || strings.HasPrefix(i.keyFile, "lm_"),
			"--key-file is the path of a file, not the key; a key that was typed into a shell stands in its history", "",
		},
		{
			slices.ContainsFunc(i.args, keyscan.Holds), "one of the arguments holds a key, which would stand in the configuration",
			"set " + editor.KeyVariable + " instead",
		},
	} {
		if c.wrong {
			return misuse(c.what, c.hint)
		}
	}
	return nil
}

// locate finds the current folder and the path of this program.
func (i *installer) locate() (err error) {
	if i.system, err = i.env.system(); err != nil {
		switch { // the user's own files are elsewhere
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

// do changes the file of one editor, or says what would change.
func (i *installer) do(e editor.Editor, dryRun bool) (editor.Result, error) {
	r := editor.Request{Scope: i.scope(), Name: i.name, Command: i.command(), Force: i.force, DryRun: dryRun, Now: time.Now()}
	if i.verb == "install" {
		return e.Install(i.system, r)
	}
	return e.Uninstall(i.system, r)
}

// command is what the entry starts: for a user a path that stays after upgrades, for a team the bare name, since its members
// have the program elsewhere, or else the package runner, such as npx, that has started this process.
func (i *installer) command() editor.Command {
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
	// Variables that this user's shell has set, the editor has to pass on.
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

func editorIDs() []string {
	ids := make([]string, 0, len(editor.All()))
	for _, e := range editor.All() {
		ids = append(ids, e.ID)
	}
	return ids
}

// chosen are the editors that were named, or those that are found.
func (i *installer) chosen() ([]editor.Editor, error) {
	var out []editor.Editor
	if i.all {
		for _, e := range editor.Here(i.system) {
			if e.Found(i.system) && (!i.project || e.HasProject()) {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil, errors.New("no editor was found on this machine")
		}
		return out, nil
	}
	paths := map[string]bool{}
	for _, id := range i.editors {
		if id == "vscode" && i.insiders {
			id = "vscode-insiders"
		}
		e, ok := editor.Lookup(id)
		switch {
		case id == editor.Generic().ID:
			out = append(out, editor.Generic())
			continue
		case !ok:
			return nil, unknownEditor(id)
		case i.project && !e.HasProject():
			return nil, misuse(fmt.Sprintf("%s has no project file", e.Title), "leave out --project")
		}
		for _, form := range e.Forms(i.system) {
			path, err := form.Path(i.system, editor.User)
			if (err != nil || !paths[path]) && (!i.project || form.HasProject()) {
				out = append(out, form)
			}
			paths[path] = true
		}
	}
	return out, nil
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

func unknownEditor(id string) error {
	hint := "one of " + strings.Join(editorIDs(), ", ") + "; generic prints the form most others take"
	if near := editor.Nearest(id); near != "" {
		hint = "did you mean " + near + "?"
	}
	return misuse(fmt.Sprintf("there is no editor %q", id), hint)
}

// list shows the editors that are found, and what would be done to each: it changes nothing.
func (i *installer) list() error {
	var found, others []string
	out := tabwriter.NewWriter(i.env.Stdout, 0, 0, 2, ' ', 0)
	for _, e := range editor.Here(i.system) {
		path, err := e.Path(i.system, i.scope())
		if i.project && !e.HasProject() || errors.Is(err, editor.ErrNotProject) || errors.Is(err, editor.ErrOtherSystem) {
			continue
		}
		if missing, ok := errors.AsType[*editor.MissingError](err); ok {
			return i.failed(e, missing)
		}
		if !e.Found(i.system) {
			others = append(others, e.ID)
			continue
		}
		if found == nil {
			fmt.Fprintf(out, "EDITOR\tFILE\tWHAT %s WOULD DO\n", strings.ToUpper(i.verb))
		}
		found = append(found, e.ID)
		if err != nil {
			path = err.Error()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", e.ID, i.short(path), i.would(e))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	command := editor.Program + " " + i.verb
	if i.project {
		command += " --project"
	}
	if found == nil {
		fmt.Fprintln(i.env.Stdout, "no editor was found on this machine; name one to have it done all the same: "+strings.Join(others, ", "))
		return nil
	}
	fmt.Fprintf(i.env.Stdout, "\n%s --all does that; the others that it knows, by name: %s\n", command, strings.Join(others, ", "))
	return nil
}

// would says what would be done to an editor's file.
func (i *installer) would(e editor.Editor) string {
	res, err := i.do(e, true)
	different, other := errors.AsType[*editor.DifferentError](err)
	switch {
	case other && different.Key != "":
		return "nothing: another entry has this name, with a key in it (see scan)"
	case other:
		return "nothing: another entry has this name"
	case err != nil:
		why := strings.TrimPrefix(err.Error(), res.Path+" is left as it was: ")
		return "nothing: " + problem.PrintableLine(strings.ReplaceAll(why, res.Path, i.short(res.Path)), problem.MaxLine)
	}
	would, _ := i.words(res)
	return would
}

// words describe a change, before and after it.
func (i *installer) words(res editor.Result) (would, done string) {
	path := i.short(res.Path)
	switch {
	case res.Outcome == editor.Unchanged && i.verb == "install":
		return "nothing: " + i.name + " is there", i.name + " is already in " + path + ", nothing changed"
	case res.Outcome == editor.Unchanged:
		return "nothing: " + i.name + " is not there", i.name + " is not in " + path + ", nothing changed"
	case res.Gone:
		return "remove the file, which holds nothing else", "removed " + path + ", which held nothing but " + i.name
	case res.Outcome == editor.Added:
		return "add " + i.name, "added " + i.name + " to " + path
	case res.Outcome == editor.Replaced:
		return "replace " + i.name, "replaced " + i.name + " in " + path
	}
	return "remove " + i.name, "removed " + i.name + " from " + path
}

const rotate = "create a new key at app.leadmagic.io → Settings → API and delete the old one: what stood in a file has leaked"

// apply does one editor.
func (i *installer) apply(e editor.Editor) error {
	install, generic := i.verb == "install", e.ID == editor.Generic().ID
	switch {
	case i.print, install && generic:
		return i.show(e)
	case generic:
		return misuse("generic is a form to be copied: there is no file to take it out of", "")
	}
	res, err := i.do(e, i.dryRun)
	switch {
	case err != nil:
		return i.failed(e, err)
	case i.dryRun && res.Outcome != editor.Unchanged:
		i.showDiff(res)
		return nil
	}
	_, done := i.words(res)
	fmt.Fprintf(i.env.Stdout, "%s: %s\n", e.ID, done)
	if install && res.Outcome != editor.Unchanged {
		if res.Backup != "" {
			i.note("backup", i.short(res.Backup))
		}
		i.advise(e)
	}
	if res.HeldKey {
		i.note("key", "the entry held one; "+rotate)
	}
	return nil
}

// show prints the entry and where it goes.
func (i *installer) show(e editor.Editor) error {
	if e.ID == editor.Generic().ID {
		fmt.Fprint(i.env.Stdout, e.Snippet(i.name, i.command()))
		fmt.Fprintln(i.env.Stderr, "put this into the editor's MCP configuration; if the editor passes no variables on,\n"+
			"name "+editor.KeyVariable+" in \"env\" in the editor's own way, or keep the key with: "+editor.Program+" login")
		return nil
	}
	path, err := e.Path(i.system, i.scope())
	if err != nil {
		return i.failed(e, err)
	}
	fmt.Fprintf(i.env.Stdout, "%s: in %s\n\n%s\n", e.ID, i.short(path), e.Snippet(i.name, i.command()))
	i.advise(e)
	return nil
}

// showDiff prints what would change. The names in its header are those that patch takes from here.
func (i *installer) showDiff(res editor.Result) {
	diff := strings.Replace(res.Diff, res.Path, inFolder(i.system, res.Path), 2)
	parts := strings.Split(diff, "\t") // which stay
	for n := range parts {
		parts[n] = string(problem.PrintableJSON([]byte(parts[n])))
	}
	fmt.Fprint(i.env.Stdout, strings.Join(parts, "\t"))
}

func (i *installer) note(what, text string) { fmt.Fprintf(i.env.Stdout, "  %s: %s\n", what, text) }

// advise prints how the server gets the key, and what else the user has to know.
func (i *installer) advise(e editor.Editor) {
	c := i.command()
	i.note("key", e.Delivery(c))
	if i.keyFile != "" {
		switch info, err := os.Stat(i.keyPath()); {
		case err != nil:
			i.note("note", i.short(i.keyPath())+" is not there yet: put the key into it, readable by you alone")
		case !info.Mode().IsRegular():
			i.note("note", i.short(i.keyPath())+" is no file")
		}
	}
	switch passing := editor.Temporary(i.exe); {
	case i.system.Runner(i.exe) != nil:
		i.note("note", "the entry has "+strings.Join(i.system.Runner(i.exe), " ")+" start this program, as it was started now, which needs Node beside it")
	case i.project || passing == "":
	case c.Path == i.exe:
		i.note("note", i.short(c.Path)+" is in "+passing+", so it will be gone: put the program into a folder of the PATH, and run this again")
	case !file.Same(c.Path, i.exe):
		i.note("note", "this program is in "+passing+", so the entry names the one on the PATH, "+i.short(c.Path))
	}
	for _, note := range e.Notes(i.scope()) {
		i.note("note", note)
	}
}

// failed is the error of one editor with its hint. An entry of the same name that is another one is shown.
func (i *installer) failed(e editor.Editor, err error) error {
	failed := fmt.Errorf("%s: %w", e.ID, err)
	if errors.Is(err, editor.ErrNotProject) {
		return misuse(failed.Error(), "leave out --project")
	}
	if missing, ok := errors.AsType[*editor.MissingError](err); ok {
		hint := "set " + missing.Variable
		if e.HasProject() {
			hint += ", or use --project"
		}
		return hinted(failed, hint)
	}
	if outside, ok := errors.AsType[*editor.OutsideError](err); ok {
		return hinted(fmt.Errorf("%s: %s leads out of this folder, to %s", e.ID, i.short(outside.Path), i.short(outside.Real)), "--force follows it")
	}
	different, ok := errors.AsType[*editor.DifferentError](err)
	if !ok {
		return failed
	}
	fmt.Fprintf(i.env.Stdout, "%s: %s, line %d:\n", e.ID, i.short(different.Path), different.Line)
	for line := range strings.Lines(string(problem.PrintableJSON([]byte(different.Entry))) + "\n") {
		fmt.Fprint(i.env.Stdout, "  "+line)
	}
	what, way, other := "there is another entry named "+different.Name, "--force replaces it", "; --name adds another beside it"
	if i.verb != "install" {
		way, other = "--force removes it", ""
	}
	if different.Key != "" {
		what += ", with a key in it under " + problem.PrintableLine(different.Key, problem.MaxName)
		other = "; then " + rotate
	}
	return hinted(fmt.Errorf("%s: %s", e.ID, what), way+other)
}

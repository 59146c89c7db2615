package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// editors checks each editor that is on this machine: what it would start, and whether the key would arrive there.
// keyed says that the user has a key at all, and signedIn that there is a sign-in, which needs none. They are checked side by side, since each may name a program that does
// not answer.
func (d *Doctor) editors(ctx context.Context, keyed, signedIn bool) []Check {
	var all []*editorCheck
	var work sync.WaitGroup
	kept := d.kept(ctx)
	for _, e := range d.Editors {
		if !d.Named && !e.Found(d.System) {
			continue
		}
		x := &editorCheck{
			doctor: d, editor: e, keyed: keyed, signedIn: signedIn, kept: kept,
			notes: &notes{stage: atEditors, editor: e.ID},
		}
		all = append(all, x)
		work.Go(func() { x.run(ctx) })
	}
	work.Wait()
	var checks []Check
	for i, x := range all {
		same := func(o *editorCheck) bool { return o.editor.ID == x.editor.ID }
		// One that was installed in several ways needs an entry in one of them.
		if !slices.ContainsFunc(all, func(o *editorCheck) bool { return same(o) && o.found }) && !slices.ContainsFunc(all[:i], same) {
			status := Skipped
			if d.Named {
				status = Fail
			}
			x.add("entry", status, "there is none for "+editor.Name, editor.Program+" install "+x.editor.ID)
		}
		checks = append(checks, x.checks...)
	}
	if checks == nil {
		n := notes{stage: atEditors}
		n.add("editors", Skipped, "none was found on this machine", editor.Program+" install lists those that are known")
		return n.checks
	}
	return checks
}

// An editorCheck checks one editor, one entry after the other.
type editorCheck struct {
	*notes
	doctor *Doctor
	editor editor.Editor
	keyed  bool
	// signedIn says that calls can do without a key.
	signedIn bool
	kept     keptKey
	found    bool // an entry for LeadMagic

	scope    editor.Scope
	form     editor.Editor // as it reads the file that is looked at
	entry    editor.Installed
	passed   editor.Passed
	launch   editor.Launch
	settings Settings
	// getenv has the variables that what is started gets, and unread the files that the entry names for some of them and
	// that could not be read.
	getenv func(string) string
	unread []string
	files  int // that were read for entries
}

// mostEntries is more than anybody has in one file. Each of them may take a while.
const mostEntries = 20

// run checks the user's entries and those for this folder. Without any for LeadMagic there are no checks.
func (x *editorCheck) run(ctx context.Context) {
	broken := map[string]bool{}
	for _, list := range x.editor.Lists(x.doctor.System) {
		x.scope, x.form = list.Scope, list.Editor
		entries, err := list.Entries(x.doctor.System, x.concerns)
		if err != nil && !broken[err.Error()] { // the same file may have several lists
			broken[err.Error()] = true
			x.entry = editor.Installed{Name: editor.Name}
			x.fail(x.name("entry"), err.Error(), "correct the file by hand, or put it aside")
			x.found = true
		}
		for i, entry := range entries {
			if i == mostEntries {
				x.entry.Name = editor.Name
				x.warn(x.name("entries"), fmt.Sprintf("%d more of %s were not looked at", len(entries)-i, entry.Path), "take out those that you do not know")
				break
			}
			x.found = x.server(ctx, entry) || x.found
		}
		if x.files > mostFiles {
			x.files, x.entry.Name = 0, editor.Name
			x.warn(x.name("files"), fmt.Sprintf("the entries of %s name more than %d files, and not all of them were read", list.Path, mostFiles), "take out those that you do not know")
		}
	}
}

// concerns reports whether an entry of another name starts this program, or is given the key for another.
func (x *editorCheck) concerns(s editor.Server) bool {
	x.resolve(s, x.read)
	_, ours := x.launched()
	return ours || x.givesKey(s) && (x.scope == editor.Project || x.passed.URL != "")
}

// resolve finds out what the editor would make of an entry, if it were started from this shell.
func (x *editorCheck) resolve(s editor.Server, read func(string) ([]byte, error)) {
	x.unread = nil
	x.passed = x.form.Environment(s, editor.Process{
		GOOS: x.doctor.System.GOOS, Environ: x.doctor.Environ, Folder: x.doctor.System.Folder, ReadFile: read,
	})
	x.getenv = lookup(x.doctor.System.GOOS, x.passed.Environ)
}

// launched says how the entry starts this program.
func (x *editorCheck) launched() (editor.Launch, bool) {
	return editor.FindLaunch(x.passed.Command, x.passed.Args, x.isThisProgram, x.getenv)
}

// isThisProgram reports whether a command leads to the file that runs now: whoever built it may have called it something
// else.
func (x *editorCheck) isThisProgram(command string) bool {
	switch {
	case command == "" || file.OnNetwork(command):
		return false
	case path.Base(filepath.ToSlash(command)) == command:
		command = x.doctor.System.Program(command)
	case !filepath.IsAbs(command):
		command = filepath.Join(x.doctor.System.Folder, command)
	}
	return command != "" && file.Same(command, x.doctor.Executable)
}

// givesKey reports whether an entry speaks of the key, or has a key in its address or its headers.
func (x *editorCheck) givesKey(s editor.Server) bool {
	if s.NamesKey || s.LiteralKey() != "" {
		return true
	}
	values := []string{x.passed.URL}
	for name := range s.Env {
		values = append(values, x.getenv(name))
	}
	sent := strings.Join(values, "\n")
	return s.URL != "" && x.doctor.Keys.Redact(sent) != sent
}

// name is what a check is called: an entry for this folder is another than the one for all, and so is one of another name.
func (x *editorCheck) name(what string) string {
	switch x.scope {
	case editor.Project:
		what = "project " + what
	case editor.Local:
		what = "local " + what
	}
	if x.entry.Name != editor.Name {
		what += " (" + x.entry.Name + ")"
	}
	return what
}

// install is what puts an entry in order.
func (x *editorCheck) install() string {
	if own, err := x.editor.Path(x.doctor.System, x.scope); x.entry.Name != editor.Name || err != nil || own != x.entry.Path {
		return "correct it in " + x.entry.Path + ", or take it out"
	}
	return x.editor.Replace(x.scope)
}

// place is where the entry stands.
func (x *editorCheck) place() string { return place(x.entry.Path, x.entry.Line) }

// server checks one entry, and reports whether it is one for LeadMagic.
func (x *editorCheck) server(ctx context.Context, entry editor.Installed) bool {
	x.entry = entry
	x.resolve(entry.Server, x.read)
	launch, ours := x.launched()
	x.launch = launch
	x.checkEntry(ours)
	if ours {
		x.settings = x.doctor.Settings(launch.Args, lookup(x.doctor.System.GOOS, x.environ()))
		x.command(ctx)
	}
	switch literal := entry.LiteralKey(); {
	case literal != "":
		if literal == "args" {
			literal = "an argument"
		}
		x.fail(x.name("key"), literal+" holds a key itself",
			x.install()+", then create a new key at app.leadmagic.io, Settings → API, and delete this one")
	case ours:
		x.key(ctx)
	}
	if ours {
		x.checkSettings()
	}
	return ours || entry.Name == editor.Name
}

// checkEntry says where the entry stands, and whether the editor starts it, or gives the key to something else.
func (x *editorCheck) checkEntry(ours bool) {
	s, off := x.entry.Server, ""
	if x.entry.Name == editor.Name || ours {
		off = x.editor.Off(x.doctor.System, x.scope, x.entry.Name)
	}
	name, enable := x.name("entry"), "enable "+x.entry.Name+" in "+x.editor.Title
	switch {
	case s.Disabled:
		x.warn(name, x.place()+" is disabled", enable)
	case off != "":
		x.warn(name, x.place()+" is switched off: "+off, enable)
	case s.URL != "":
		x.remote(name)
		return
	case ours:
		x.ok(name, "%s", x.place())
	case x.entry.Name == editor.Name:
		x.warn(name, x.place()+" starts "+base(x.passed.Command)+", not this program", x.install())
	default:
		x.warn(name, x.place()+" gives the key to "+base(x.passed.Command)+", which is not this program", "take it out unless you trust whoever wrote it")
	}
	if s.URL != "" {
		x.remote(x.name("address"))
	}
}

// remote checks an entry that connects to a server by itself.
func (x *editorCheck) remote(name string) {
	host := "another server"
	u, err := url.Parse(strings.TrimSpace(x.passed.URL))
	if err == nil && u.Host != "" {
		host = u.Host
		if u.Scheme != "https" {
			host = u.Scheme + "://" + u.Host
		}
	}
	gives := ""
	if x.givesKey(x.entry.Server) {
		gives = " and gives it the key"
	}
	switch {
	case err == nil && u.Scheme == "https" && isLeadMagic(u):
		x.ok(name, "%s connects to %s by itself, without this program", x.place(), host)
	case err == nil && isHere(u) && x.scope != editor.Project:
		x.ok(name, "%s connects to %s on this machine by itself, without this program", x.place(), host)
	default:
		x.warn(name, x.place()+" connects to "+host+" by itself"+gives+"; that is not LeadMagic over https", "take it out unless you trust it")
	}
}

// command checks what the entry starts.
func (x *editorCheck) command(ctx context.Context) {
	name, command := x.name("command"), x.passed.Command
	program := command
	switch by := x.launch.By; {
	case by != "" && x.scope == editor.Project:
		x.warn(name, base(by)+" starts this program, and may do anything before", x.install())
		return
	case by != "":
		x.ok(name, "%s starts this program, which was not tried", base(by))
		return
	case path.Base(filepath.ToSlash(command)) == command:
		if program = x.system().Program(command); program == "" {
			x.fail(name, command+" is not on the PATH that "+x.editor.Title+" passes on", "put its folder on the PATH, or run: "+x.install())
			return
		}
		// Only the shell's own PATH leads to what is started here.
		if program != x.doctor.System.Program(command) && !file.Same(program, x.doctor.Executable) {
			x.warn(name, "the PATH that its entry sets leads to "+program+", which is not what this shell would start and was not started",
				"take PATH out of it unless you trust it, or run: "+x.install())
			return
		}
	case !filepath.IsAbs(command) || x.scope == editor.Project:
		// What a file of somebody else's names is not started.
		x.warn(name, base(command)+" is named by a path that others may not have", x.install())
		return
	}
	if x.settings.Command != "" {
		// The word itself may be a secret.
		x.fail(name, "its arguments have a word that is no setting, so it starts no server", x.install())
		return
	}
	version, err := x.doctor.version(ctx, program)
	switch kept := editor.KeptPath(program); {
	case errors.Is(err, errWithin):
		x.warn(name, program+" "+err.Error(), "see that it is the program that you want, or run: "+x.install())
	case err != nil:
		x.fail(name, program+" does not run: "+err.Error(), x.install())
	case version != x.doctor.Version:
		x.warn(name, program+" is version "+version+", and this is version "+x.doctor.Version, "remove the one that is not wanted, or run: "+x.install())
	case kept != "":
		x.warn(name, program+" is in the folder of one version, which goes with the next upgrade; "+kept+" stays", x.install())
	default:
		x.ok(name, "%s, version %s", program, version)
	}
}

// system is the machine as the server sees it.
func (x *editorCheck) system() editor.System {
	s := x.doctor.System
	if x.getenv("PATH") == "" {
		return s
	}
	s.Getenv = func(name string) string {
		if name != "PATH" || x.scope != editor.Project {
			return x.getenv(name)
		}
		dirs := slices.DeleteFunc(filepath.SplitList(x.getenv(name)), file.OnNetwork)
		return strings.Join(dirs, string(filepath.ListSeparator))
	}
	return s
}

// Limits of what entries may name: more than any file of variables holds, and than anybody has of them.
const (
	maxVariables = 1 << 20
	mostFiles    = 200
)

// read reads what an entry names besides the variables of the shell.
func (x *editorCheck) read(name string) (data []byte, err error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(x.doctor.System.Folder, name)
	}
	x.files++
	if x.scope == editor.Project && (file.OnNetwork(name) || x.files > mostFiles) {
		err = fs.ErrPermission
	} else {
		data, _, err = file.Read(name, maxVariables)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.unread = append(x.unread, name)
	}
	return data, err
}

// lookup finds variables in a list of NAME=value, in whichever case on Windows. Of two the last counts.
func lookup(goos string, environ []string) func(string) string {
	fold := func(name string) string { return name }
	if goos == "windows" {
		fold = strings.ToUpper
	}
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[fold(name)] = value
	}
	return func(name string) string { return values[fold(name)] }
}

// base is all that is shown of a command that is not ours: its words may hold secrets.
func base(command string) string {
	first, _, _ := strings.Cut(path.Base(strings.ReplaceAll(command, `\`, "/")), " ")
	if first == "" || first == "." {
		return "nothing"
	}
	return first
}

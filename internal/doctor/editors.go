package doctor

import (
	"context"
	"errors"
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

// editors looks at each editor that is on this machine: what it would start, and whether the key would arrive
// there. keyed says that the user has a key at all. They are looked at side by side, since each may name a program
// that does not answer.
func (d *Doctor) editors(ctx context.Context, keyed bool) []Check {
	var patients []*patient
	var work sync.WaitGroup
	kept := &kept{doctor: d, ctx: ctx}
	for _, e := range d.Editors {
		if !d.Named && !e.Found(d.System) {
			continue
		}
		x := &patient{
			doctor: d, editor: e, keyed: keyed, kept: kept,
			notes: &notes{stage: atEditors, editor: e.ID},
		}
		patients = append(patients, x)
		work.Go(func() { x.examine(ctx) })
	}
	work.Wait()
	var checks []Check
	for _, x := range patients {
		checks = append(checks, x.checks...)
	}
	if checks == nil {
		n := notes{stage: atEditors}
		n.add("editors", Skipped, "none was found on this machine", editor.Program+" install lists those that are known")
		return n.checks
	}
	return checks
}

// A patient is one editor that is looked at.
type patient struct {
	*notes
	doctor *Doctor
	editor editor.Editor
	keyed  bool
	kept   *kept

	scope editor.Scope
	entry *editor.Installed
}

// examine looks at the user's entry and at those for this folder.
func (x *patient) examine(ctx context.Context) {
	found, fault := false, ""
	for _, scope := range x.editor.Scopes() {
		x.scope = scope
		entry, err := x.editor.Entry(x.doctor.System, scope, editor.Name)
		switch {
		case errors.Is(err, editor.ErrNotProject):
		case err != nil && err.Error() == fault: // the same file
		case err != nil:
			found, fault = true, err.Error()
			x.fail(x.name("entry"), err.Error(), "correct the file by hand, or put it aside")
		case entry != nil:
			found = true
			x.entry = entry
			x.server(ctx)
		}
	}
	if found {
		return
	}
	status := Skipped
	if x.doctor.Named {
		status = Fail
	}
	x.add("entry", status, "there is none for "+editor.Name, editor.Program+" install "+x.editor.ID)
}

// name is what a check is called: an entry for this folder is another than the one for all.
func (x *patient) name(what string) string {
	switch x.scope {
	case editor.Project:
		return "project " + what
	case editor.Local:
		return "local " + what
	}
	return what
}

// install is what puts an entry in order.
func (x *patient) install() string { return x.editor.Replace(x.scope) }

// server looks at one entry.
func (x *patient) server(ctx context.Context) {
	s := x.entry.Server
	switch {
	case s.Disabled:
		x.warn(x.name("entry"), x.place()+" is disabled", "enable "+editor.Name+" in "+x.editor.Title)
	case s.URL != "":
		x.ok(x.name("entry"), "%s connects to %s by itself, without this program", x.place(), hostOf(s.URL))
	case !s.Ours(x.doctor.Executable):
		x.warn(x.name("entry"), x.place()+" starts "+base(s.Command)+", not this program", x.install())
	default:
		x.ok(x.name("entry"), "%s", x.place())
	}
	ours := s.Ours(x.doctor.Executable) && s.URL == ""
	if ours {
		x.command(ctx)
	}
	name := s.LiteralKey()
	if slices.ContainsFunc(s.Args, editor.HoldsKey) {
		name = "an argument"
	}
	switch {
	case name != "":
		x.fail(x.name("key"), name+" holds a key itself",
			x.install()+", then create a new key at app.leadmagic.io, Settings → API, and delete this one")
	case ours:
		x.arrival(ctx)
	}
}

// place is where the entry stands.
func (x *patient) place() string { return place(x.entry.Path, x.entry.Line) }

// command looks at what the entry starts.
func (x *patient) command(ctx context.Context) {
	name, command := x.name("command"), x.passed().Command
	program := command
	if path.Base(filepath.ToSlash(command)) == command {
		if program = x.system().Program(command); program == "" {
			x.fail(name, command+" is not on the PATH that "+x.editor.Title+" passes on", "put its folder on the PATH, or run: "+x.install())
			return
		}
		// Only the shell's own PATH leads to what is started here.
		if program != x.doctor.System.Program(command) && !sameFile(program, x.doctor.Executable) {
			x.warn(name, "the PATH that its entry sets leads to "+program+", which is not what this shell would start and was not started",
				"take PATH out of it unless you trust it, or run: "+x.install())
			return
		}
	} else if !filepath.IsAbs(command) || x.scope == editor.Project {
		// What a file of somebody else's names is not started.
		x.warn(name, base(command)+" is named by a path that others may not have", x.install())
		return
	}
	if args := x.entry.Args; len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		// The word itself may be a secret.
		x.fail(name, "its arguments begin with a word that is no setting, so it starts no server", x.install())
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
func (x *patient) system() editor.System {
	s := x.doctor.System
	passed := lookup(s.GOOS, x.passed().Environ)
	if passed("PATH") == "" {
		return s
	}
	s.Getenv = func(name string) string {
		if name != "PATH" || x.scope != editor.Project {
			return passed(name)
		}
		dirs := slices.DeleteFunc(filepath.SplitList(passed(name)), onNetwork)
		return strings.Join(dirs, string(filepath.ListSeparator))
	}
	return s
}

// passed is what the server gets from the editor, if that was started from this shell.
func (x *patient) passed() editor.Passed {
	return x.editor.Environment(x.entry.Server, editor.Process{
		GOOS: x.doctor.System.GOOS, Environ: x.doctor.Environ, ReadFile: x.read,
	})
}

// maxVariables is more than any file of variables holds.
const maxVariables = 1 << 20

// read reads what an entry names besides the variables of the shell.
func (x *patient) read(name string) ([]byte, error) {
	if x.scope == editor.Project && onNetwork(name) {
		return nil, fs.ErrPermission
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(x.doctor.System.Folder, name)
	}
	data, _, err := file.Read(name, maxVariables)
	return data, err
}

// lookup finds variables in a list of NAME=value, in whichever case on Windows.
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

// hostOf is all that is shown of a URL in a config file.
func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Host
	}
	return "another server"
}

// base is all that is shown of a command that is not ours: its words may hold secrets.
func base(command string) string {
	first, _, _ := strings.Cut(path.Base(strings.ReplaceAll(command, `\`, "/")), " ")
	if first == "" || first == "." {
		return "nothing"
	}
	return first
}

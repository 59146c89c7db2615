package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// editors checks each editor that is on this machine: what it would start, and whether that would get the key. keyed says
// that the user has a key, and signedIn that there is a sign-in, which needs none. They are checked side by side, since an
// entry may name a program that does not answer.
func (d *Doctor) editors(ctx context.Context, n *notes, keyed, signedIn bool) {
	n.stage = atEditors
	var all []*editorCheck
	var work sync.WaitGroup
	kept, shell := d.kept(ctx), d.Settings(nil, d.System.Getenv)
	for _, e := range d.Editors {
		if !d.Named && !e.Found(d.System) {
			continue
		}
		x := &editorCheck{doctor: d, editor: e, keyed: keyed, signedIn: signedIn, kept: kept, shell: shell}
		x.notes, x.entry.Name = notes{stage: atEditors, editor: e.ID, named: x.name}, editor.Name
		all = append(all, x)
		work.Go(func() { x.run(ctx) })
	}
	work.Wait()
	found := map[string]bool{}
	for _, x := range all {
		found[x.editor.ID] = found[x.editor.ID] || x.found
	}
	missing := Skipped
	if d.Named {
		missing = Fail
	}
	for _, x := range all {
		n.checks = append(n.checks, x.checks...)
		if n.editor = x.editor.ID; !found[n.editor] { // in none of the ways in which it was installed
			found[n.editor] = true
			n.add("entry", missing, "there is none for "+editor.Name, editor.Program+" install "+n.editor)
		}
	}
	if all == nil {
		n.add("editors", Skipped, "none was found on this machine", editor.Program+" install lists those that are known")
	}
}

// Settings are what this program makes of the arguments and variables of an entry, by the rules that it starts with.
type Settings struct {
	// Command is the one that the arguments name, which is no MCP server; empty if it is one.
	Command string
	// Sandbox says that no key is needed, and none sent.
	Sandbox bool
	// MCP and API are where the key may go, nil for nowhere.
	MCP, API *url.URL
	// From says where each setting that is given comes from, by its name, such as mcp-url: its flag or its variable.
	From map[string]string
	// Value is the value of each of them.
	Value map[string]string
	// Refusal is why the server would send nothing and only explain that.
	Refusal *problem.Problem
}

// placeholderKey stands for the output of a key command, which is not run, and for what the keychain holds, which is read once
// for all editors.
const placeholderKey = auth.Prefix + "stand-in"

// An editorCheck checks one editor, one entry after the other.
type editorCheck struct {
	notes
	doctor *Doctor
	editor editor.Editor
	keyed  bool
	// signedIn says that calls can do without a key.
	signedIn bool
	kept     keptKey
	shell    Settings // what this program makes of the shell's variables alone
	found    bool     // whether there is an entry for LeadMagic

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

// mostEntries limits the entries of one file that are checked: each may start a program.
const mostEntries = 20

// run checks the user's entries and those for this folder. Without any for LeadMagic there are no checks.
func (x *editorCheck) run(ctx context.Context) {
	broken := map[string]bool{}
	for _, list := range x.editor.Lists(x.doctor.System) {
		x.scope, x.form = list.Scope, list.Editor
		entries, err := list.Entries(x.doctor.System, x.concerns)
		if err != nil && !broken[err.Error()] { // the same file may have several lists
			broken[err.Error()], x.found = true, true
			x.fail("entry", err.Error(), "correct the file by hand, or put it aside")
		}
		for _, entry := range entries[:min(len(entries), mostEntries)] {
			x.found = x.server(ctx, entry) || x.found
		}
		x.entry.Name = editor.Name // what follows is about the file
		if more := len(entries) - mostEntries; more > 0 {
			x.warn("entries", fmt.Sprintf("%d more of %s were not looked at", more, entries[mostEntries].Path), "take out those that you do not know")
		}
		if x.files > mostFiles {
			x.files = 0
			x.warn("files", fmt.Sprintf("the entries of %s name more than %d files, and not all of them were read", list.Path, mostFiles), "take out those that you do not know")
		}
	}
}

// concerns reports whether an entry of another name starts this program, or is given the key for another.
func (x *editorCheck) concerns(s editor.Server) bool {
	return x.resolve(s) || x.givesKey(s) && (x.scope == editor.Project || x.passed.URL != "")
}

// resolve computes what the editor would start for an entry, if it were started from this shell, and reports whether that is
// this program.
func (x *editorCheck) resolve(s editor.Server) (ours bool) {
	x.unread = nil
	x.passed = x.form.Environment(s, editor.Process{
		GOOS: x.doctor.System.GOOS, Environ: x.doctor.Environ, Folder: x.doctor.System.Folder, ReadFile: x.read,
	})
	x.getenv = lookup(x.doctor.System.GOOS, x.passed.Environ)
	x.launch, ours = editor.FindLaunch(x.passed.Command, x.passed.Args, x.isThisProgram, x.getenv)
	x.passed.Environ = append(x.passed.Environ, x.launch.Env...)
	x.getenv = lookup(x.doctor.System.GOOS, x.passed.Environ)
	return ours
}

// isThisProgram reports whether a command leads to the file that runs now, which may have any name.
func (x *editorCheck) isThisProgram(command string) bool {
	switch {
	case file.OnNetwork(command):
		return false
	case path.Base(filepath.ToSlash(command)) == command:
		command = x.doctor.System.Program(command)
	case !filepath.IsAbs(command):
		command = filepath.Join(x.doctor.System.Folder, command)
	}
	return file.Same(command, x.doctor.Executable)
}

// givesKey reports whether an entry names the variable of the key, or has a key in its address or its headers.
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

// name is the name of a check, with the scope and the name of the entry where they are not the usual ones.
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

// installed reports whether the entry has the name and the file that install gives one.
func (x *editorCheck) installed() bool {
	own, _ := x.editor.Path(x.doctor.System, x.scope)
	return x.entry.Name == editor.Name && x.entry.Path == own
}

// install is the hint that corrects an entry.
func (x *editorCheck) install() string {
	if !x.installed() {
		return "correct it in " + x.entry.Path + ", or take it out"
	}
	return x.editor.Replace(x.scope)
}

// place is where the entry stands.
func (x *editorCheck) place() string { return place(x.entry.Path, x.entry.Line) }

// server checks one entry, and reports whether it is one for LeadMagic.
func (x *editorCheck) server(ctx context.Context, entry editor.Installed) bool {
	x.entry = entry
	ours := x.resolve(entry.Server)
	x.checkEntry(ours)
	if ours {
		x.settings = x.doctor.Settings(x.launch.Args, x.getenv)
		x.command(ctx)
	}
	switch literal := entry.LiteralKey(); {
	case literal != "":
		if literal == "args" {
			literal = "an argument"
		}
		x.fail("key", literal+" holds a key itself",
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
	const name = "entry"
	s, off := x.entry.Server, ""
	if x.entry.Name == editor.Name || ours { // another need not be enabled
		if off = x.editor.Off(x.doctor.System, x.scope, x.entry.Name); off != "" {
			off = " is switched off: " + off
		}
		if s.Disabled {
			off = " is disabled"
		}
	}
	switch {
	case off != "":
		x.warn(name, x.place()+off, "enable "+x.entry.Name+" in "+x.editor.Title)
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
		x.remote("address")
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
	case err == nil && isLoopback(u) && x.scope != editor.Project:
		x.ok(name, "%s connects to %s on this machine by itself, without this program", x.place(), host)
	default:
		x.warn(name, x.place()+" connects to "+host+" by itself"+gives+"; that is not LeadMagic over https", "take it out unless you trust it")
	}
}

// command checks what the entry starts.
func (x *editorCheck) command(ctx context.Context) {
	const name = "command"
	command := x.passed.Command
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
		// A project's file is not the user's own: what it names is not started.
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

// Limits of the files with variables that entries name: bytes of one, and how many.
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

// checkSettings checks what this program would make of an entry's arguments and variables.
func (x *editorCheck) checkSettings() {
	switch s := x.settings; {
	case s.Command != "":
	case s.Refusal != nil && !x.passed.AsksMore:
		what, _ := describe(s.Refusal)
		x.fail("settings", "the server would not call LeadMagic: "+what, x.install())
	case !s.Sandbox:
		x.missing()
	}
	own := slices.DeleteFunc(slices.Clone(x.passed.Environ), func(entry string) bool { return slices.Contains(x.doctor.Environ, entry) })
	if stray := x.doctor.Stray(own); stray != nil {
		x.warn("variables", strings.Join(stray, "; "), "correct them in its entry")
	}
	x.address("mcp-url", x.settings.MCP)
	x.address("api-url", x.settings.API)
	if x.scope == editor.Project {
		x.checkOverrides()
	}
}

// missing names what this shell has set and the server would not get.
func (x *editorCheck) missing() {
	var missing, flags []string
	for _, name := range x.doctor.Wanted {
		value := x.doctor.System.Getenv(name)
		if value == "" || x.getenv(name) == value || strings.HasPrefix(name, editor.KeyVariable) {
			continue
		}
		flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "LEADMAGIC_"), "_", "-"))
		if x.settings.From[flag] == "--"+flag {
			continue
		}
		missing = append(missing, name)
		if !slices.Contains(x.doctor.Carried, name) {
			flags = append(flags, fmt.Sprintf(` --%s="$%s"`, flag, name))
		}
	}
	if missing == nil {
		return
	}
	hint := x.install()
	switch {
	case x.scope == editor.Project || len(x.entry.Args) > 0 || x.doctor.System.GOOS == "windows":
		// The file is shared, install would drop the arguments, or the shell has another syntax for variables.
		hint = "name them in its entry; for the form see: " + editor.Program + " install --print " + x.editor.ID
	case flags != nil:
		hint += " --" + strings.Join(flags, "")
	}
	x.warn("settings", "set here, and would not arrive: "+strings.Join(missing, ", "), hint)
}

// address warns of an entry that sends the key to another host than LeadMagic's. The user's own entries may send it to this
// machine, a project's may not.
func (x *editorCheck) address(setting string, u *url.URL) {
	from := x.settings.From[setting]
	if u == nil || from == "" || x.settings.Value[setting] == x.shell.Value[setting] ||
		isLeadMagic(u) || isLoopback(u) && x.scope != editor.Project {
		return
	}
	x.warn(setting, "its entry sends the key to "+displayURL(u)+", which is not an address of LeadMagic", "take "+from+" out of it unless you trust it")
}

// checkOverrides warns of what else in a project's file changes where the key comes from or goes to.
func (x *editorCheck) checkOverrides() {
	shell := lookup(x.doctor.System.GOOS, x.doctor.Environ)
	var found []string
	for _, setting := range []string{"http-proxy", "ca-file"} {
		if from := x.settings.From[setting]; from == "--"+setting && x.settings.Value[setting] != x.shell.Value[setting] {
			found = append(found, from)
		}
	}
	for _, entry := range x.passed.Environ {
		if name, value, _ := strings.Cut(entry, "="); overrides(name) && value != shell(name) {
			found = append(found, name)
		}
	}
	for _, name := range x.passed.Asked {
		if overrides(name) || strings.HasPrefix(name, "LEADMAGIC_") && strings.HasSuffix(name, "_URL") || !x.editor.Prompts {
			found = append(found, name)
		}
	}
	if x.passed.AsksMore {
		found = append(found, "arguments that nobody can see")
	}
	for _, name := range x.unread {
		found = append(found, "variables from "+name+", which cannot be read")
	}
	if found == nil {
		return
	}
	slices.Sort(found)
	x.warn("overrides", "its entry sets "+strings.Join(slices.Compact(found), ", ")+": it changes where the key comes from or goes to",
		"take that out of it unless you trust whoever wrote it")
}

// Variables that change where the key comes from or goes to, without regard to case: those of this program, of Go's HTTP
// client, of the keychain, of the loader, and of what may start this program. The addresses and the key itself have
// checks of their own.
var (
	overriding = []string{
		editor.KeyVariable + "_FILE", editor.KeyVariable + "_COMMAND", "LEADMAGIC_HTTP_PROXY", "LEADMAGIC_CA_FILE",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG",
		"HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS", "PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "WINDIR", "SHELL", "ENV", "BASH_ENV", "ZDOTDIR",
		"RES_OPTIONS", "HOSTALIASES", "LOCALDOMAIN", "GCONV_PATH", "JAVA_TOOL_OPTIONS", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB",
	}
	overridingPrefixes = []string{"LD_", "DYLD_", "NODE_", "NPM_CONFIG_", "BUN_", "DENO_", "PYTHON", "UV_", "PIP_", "DOCKER_", "BASH_FUNC_"}
)

func overrides(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(overriding, name) || slices.ContainsFunc(overridingPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// key says whether the key would arrive: it asks the real source of keys with the environment that this program would
// get. No command is run for it, and nothing is sent.
func (x *editorCheck) key(ctx context.Context) {
	const name = "key"
	environ := slices.DeleteFunc(slices.Clone(x.passed.Environ), func(entry string) bool {
		_, value, _ := strings.Cut(entry, "=")
		return x.scope == editor.Project && file.OnNetwork(strings.TrimSpace(value))
	})
	getenv := lookup(x.doctor.System.GOOS, environ)
	switch {
	case x.settings.Sandbox:
		x.ok(name, "not needed: the entry has --sandbox")
		return
	case x.settings.Value["auth-scheme"] == "oauth":
		x.ok(name, "not needed: the sign-in of login --web is used, as %s says", x.settings.From["auth-scheme"])
		return
	case slices.Contains(x.passed.Asked, editor.KeyVariable) && x.editor.Prompts:
		x.ok(name, "%s asks for it once and keeps it", x.editor.Title)
		return
	case slices.Contains(x.passed.Asked, editor.KeyVariable):
		x.ok(name, "would arrive from a command that %s runs, which was not run for this", x.editor.Title)
		return
	}
	ran := false
	keys := &auth.Keys{
		Getenv:   getenv,
		Environ:  func() []string { return environ },
		Keychain: x.kept,
		Run: func(_ context.Context, command []string, _ io.Writer) ([]byte, error) {
			if !strings.ContainsAny(command[0], `/\`) && x.system().Program(command[0]) == "" { // with the PATH that the editor passes on
				return nil, fs.ErrNotExist
			}
			ran = true
			return []byte(placeholderKey), nil
		},
	}
	defer keys.Close()
	key, err := keys.Get(ctx)
	report := keys.Describe()
	switch {
	case err != nil && !x.keyed && x.signedIn:
		x.skip("not needed: the sign-in is used", name)
	case err != nil && !x.keyed:
		x.skip("there is no key that could arrive", name)
	case err != nil:
		x.failKey(err, getenv)
	case ran:
		x.ok(name, "would arrive from %s, which was not run for this", report.Source)
	case report.Source == editor.KeyVariable && x.isOtherKey(ctx, key):
		x.warn(name, "another key would arrive than this shell has", "see what "+x.editor.Title+" takes it from")
	default:
		x.ok(name, "would arrive from %s%s", report.Source, x.proviso(report.Source))
	}
}

// failKey says why the key would not arrive.
func (x *editorCheck) failKey(err error, getenv func(string) string) {
	what, _ := describe(err)
	what = strings.TrimPrefix(what, auth.NoKey)
	source := x.doctor.Keys.Describe().Source
	switch {
	case !strings.HasPrefix(source, editor.KeyVariable):
		source = editor.KeyVariable
	case getenv(source) == "":
		what = x.editor.Title + " does not pass " + source + " on"
	}
	command, status := "", Fail
	if x.installed() {
		command = x.editor.Replace(x.scope)
	}
	if x.signedIn {
		status = Warn // calls go on with it
	}
	x.add("key", status, "the key would not arrive: "+what, x.form.Remedy(source, command))
}

// isOtherKey reports whether key is not the one that this shell has. For a user's entry that is compared only if the shell's is
// from the variable too.
func (x *editorCheck) isOtherKey(ctx context.Context, key auth.Key) bool {
	own, err := x.doctor.Keys.Get(ctx)
	if x.scope == editor.Project {
		return err != nil || !own.Equal(key)
	}
	return err == nil && x.doctor.Keys.Describe().Source == editor.KeyVariable && !own.Equal(key)
}

func (x *editorCheck) proviso(source string) string {
	if !strings.HasPrefix(source, "LEADMAGIC_") || !x.editor.Dock {
		return ""
	}
	return fmt.Sprintf(", if %s is started where it is set, such as from this shell", x.editor.Title)
}

// kept is a keychain that has a placeholder if login has kept a key. The real one is read once for all editors, when the first
// needs it.
func (d *Doctor) kept(ctx context.Context) keptKey {
	return sync.OnceValue(func() bool {
		getenv := func(name string) string {
			if strings.HasPrefix(name, "LEADMAGIC_") {
				return "" // no other source has a key
			}
			return d.System.Getenv(name)
		}
		keys := &auth.Keys{Getenv: getenv, Keychain: d.Keychain}
		defer keys.Close()
		_, err := keys.Get(ctx)
		return err == nil
	})
}

// A keptKey is an auth.Keychain with a placeholder for what is in the real one. It is not changed.
type keptKey func() bool

func (k keptKey) Get() (string, error) {
	if !k() {
		return "", nil
	}
	return placeholderKey, nil
}

func (keptKey) Set(string) error { return fs.ErrPermission }
func (keptKey) Delete() error    { return fs.ErrPermission }

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

// base is the file name of a command that is not ours: more is not shown, since its words may hold secrets.
func base(command string) string {
	first, _, _ := strings.Cut(path.Base(strings.ReplaceAll(command, `\`, "/")), " ")
	if first == "" || first == "." {
		return "nothing"
	}
	return first
}

package doctor

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

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
	// Refusal is why the server would do nothing but explain. Nothing is sent then.
	Refusal *problem.Problem
}

// placeholderKey takes the place of a key that an editor's server would find where nobody is to be asked for each editor:
// what a command prints, and what the keychain has.
const placeholderKey = auth.Prefix + "stand-in"

// environ are the variables that this program gets.
func (x *editorCheck) environ() []string { return slices.Concat(x.passed.Environ, x.launch.Env) }

// checkSettings checks what this program would make of an entry's arguments and variables.
func (x *editorCheck) checkSettings() {
	switch s := x.settings; {
	case s.Command != "":
	case s.Refusal != nil && !x.passed.AsksMore:
		what, _ := describe(s.Refusal)
		x.fail(x.name("settings"), "the server would not call LeadMagic: "+what, x.install())
	case !s.Sandbox:
		x.missing()
	}
	own := slices.DeleteFunc(x.environ(), func(entry string) bool { return slices.Contains(x.doctor.Environ, entry) })
	if stray := x.doctor.Stray(own); stray != nil {
		x.warn(x.name("variables"), strings.Join(stray, "; "), "correct them in its entry")
	}
	x.address("mcp-url", x.settings.MCP)
	x.address("api-url", x.settings.API)
	if x.scope == editor.Project {
		x.overrides()
	}
}

// missing names what this shell has set and the server would not get.
func (x *editorCheck) missing() {
	getenv := lookup(x.doctor.System.GOOS, x.environ())
	var missing, flags []string
	for _, name := range x.doctor.Wanted {
		value := x.doctor.System.Getenv(name)
		if value == "" || getenv(name) == value || strings.HasPrefix(name, editor.KeyVariable) {
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
		// It is others' too, would lose its arguments, or the shell writes variables in another way.
		hint = "name them in its entry; for the form see: " + editor.Program + " install --print " + x.editor.ID
	case flags != nil:
		hint += " --" + strings.Join(flags, "")
	}
	x.warn(x.name("settings"), "set here, and would not arrive: "+strings.Join(missing, ", "), hint)
}

// address says where else than to LeadMagic an entry sends the key. This machine is a place of the user's, but none of a
// project's.
func (x *editorCheck) address(setting string, u *url.URL) {
	from := x.settings.From[setting]
	if u == nil || from == "" || x.settings.Value[setting] == strings.TrimSpace(x.doctor.System.Getenv(variable(setting))) ||
		isLeadMagic(u) || isHere(u) && x.scope != editor.Project {
		return
	}
	x.warn(x.name(setting), "its entry sends the key to "+shown(u)+", which is not an address of LeadMagic", "take "+from+" out of it unless you trust it")
}

// variable is that of a setting.
func variable(setting string) string {
	return "LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// overrides names what else in a project's file changes where the key comes from or goes to.
func (x *editorCheck) overrides() {
	shell := lookup(x.doctor.System.GOOS, x.doctor.Environ)
	var found []string
	for _, setting := range []string{"http-proxy", "ca-file"} {
		if from := x.settings.From[setting]; from == "--"+setting && x.settings.Value[setting] != strings.TrimSpace(shell(variable(setting))) {
			found = append(found, from)
		}
	}
	for _, entry := range x.environ() {
		if name, value, _ := strings.Cut(entry, "="); matters(name) && value != shell(name) {
			found = append(found, name)
		}
	}
	for _, name := range x.passed.Asked {
		if matters(name) || strings.HasPrefix(name, "LEADMAGIC_") && strings.HasSuffix(name, "_URL") || !x.editor.Prompts {
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
	x.warn(x.name("overrides"), "its entry sets "+strings.Join(slices.Compact(found), ", ")+": it changes where the key comes from or goes to",
		"take that out of it unless you trust whoever wrote it")
}

// Variables that change where the key comes from or goes to, without regard to case: those of this program, of Go's HTTP
// client, of the keychain, of the loader, and of what may start this program. The addresses and the key itself have
// checks of their own.
var (
	mattering = []string{
		editor.KeyVariable + "_FILE", editor.KeyVariable + "_COMMAND", "LEADMAGIC_HTTP_PROXY", "LEADMAGIC_CA_FILE",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG",
		"HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS", "PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "WINDIR", "SHELL", "ENV", "BASH_ENV", "ZDOTDIR",
		"RES_OPTIONS", "HOSTALIASES", "LOCALDOMAIN", "GCONV_PATH", "JAVA_TOOL_OPTIONS", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB",
	}
	matteringPrefixes = []string{"LD_", "DYLD_", "NODE_", "NPM_CONFIG_", "BUN_", "DENO_", "PYTHON", "UV_", "PIP_", "DOCKER_", "BASH_FUNC_"}
)

func matters(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(mattering, name) || slices.ContainsFunc(matteringPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// key says whether the key would arrive: it asks the real source of keys with the environment that this program would
// get. No command is run for it, and nothing is sent.
func (x *editorCheck) key(ctx context.Context) {
	name := x.name("key")
	environ := x.environ()
	if x.scope == editor.Project {
		environ = slices.DeleteFunc(environ, func(entry string) bool {
			_, value, _ := strings.Cut(entry, "=")
			return file.OnNetwork(strings.TrimSpace(value))
		})
	}
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
			if !x.starts(command[0]) {
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
		x.lost(name, err, getenv)
		if x.signedIn {
			warnOnly(x.checks[len(x.checks)-1:]) // calls go on with the sign-in
		}
	case ran:
		x.ok(name, "would arrive from %s, which was not run for this", report.Source)
	case report.Source == editor.KeyVariable && x.another(ctx, key):
		x.warn(name, "another key would arrive than this shell has", "see what "+x.editor.Title+" takes it from")
	default:
		x.ok(name, "would arrive from %s%s", report.Source, x.proviso(report.Source))
	}
}

// lost says why the key would not arrive.
func (x *editorCheck) lost(name string, err error, getenv func(string) string) {
	what, _ := describe(err)
	what = strings.TrimPrefix(what, "no LeadMagic API key is set: ")
	source := x.doctor.Keys.Describe().Source
	switch {
	case !strings.HasPrefix(source, editor.KeyVariable):
		source = editor.KeyVariable
	case getenv(source) == "":
		what = x.editor.Title + " does not pass " + source + " on"
	}
	x.fail(name, "the key would not arrive: "+what, x.remedy(source))
}

// remedy is how a variable is made to arrive.
func (x *editorCheck) remedy(variable string) string {
	fix := x.form.Remedy(variable, x.scope)
	if install, ours := x.editor.Replace(x.scope), x.install(); install != ours {
		fix, _, _ = strings.Cut(fix, ", or run: "+install)
	}
	return fix
}

// starts reports whether a key command is found with the PATH that the editor passes on.
func (x *editorCheck) starts(program string) bool {
	return strings.ContainsAny(program, `/\`) || x.system().Program(program) != ""
}

// another reports whether key is not the one that this shell has. A project's file has no business with any other key
// than that of the variable, wherever the shell has its own from.
func (x *editorCheck) another(ctx context.Context, key auth.Key) bool {
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

// kept says whether login has kept a key in the keychain. It asks once, however many editors would find it there.
func (d *Doctor) kept(ctx context.Context) keptKey {
	return sync.OnceValue(func() bool {
		getenv := func(name string) string {
			if strings.HasPrefix(name, "LEADMAGIC_") {
				return "" // nothing says where else a key may be
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

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
)

// standIn takes the place of a key that an editor's server would find where nobody is to be asked for each editor:
// what a command prints, and what the keychain has.
const standIn = auth.Prefix + "stand-in"

// arrival says whether the key would arrive: it asks the real source of keys with the environment that the editor
// would pass on. No command is run for it, and nothing is sent.
func (x *patient) arrival(ctx context.Context) {
	name := x.name("key")
	if slices.Contains(x.entry.Args, "--sandbox") {
		x.ok(name, "not needed: the entry has --sandbox")
		return
	}
	passed := x.passed()
	getenv := lookup(x.doctor.System.GOOS, passed.Environ)
	defer x.settings(getenv)
	if slices.Contains(passed.Asked, editor.KeyVariable) {
		x.ok(name, "%s asks for it once and keeps it", x.editor.Title)
		return
	}
	ran := false
	keys := &auth.Keys{
		Getenv:   getenv,
		Environ:  func() []string { return passed.Environ },
		Keychain: x.kept,
		Run: func(_ context.Context, command []string, _ io.Writer) ([]byte, error) {
			if !x.starts(command[0]) {
				return nil, fs.ErrNotExist
			}
			ran = true
			return []byte(standIn), nil
		},
	}
	defer keys.Close()
	key, err := keys.Get(ctx)
	report := keys.Describe()
	switch {
	case err != nil && !x.keyed:
		x.skip("there is no key that could arrive", name)
	case err != nil:
		x.lost(name, err, getenv)
	case ran:
		x.ok(name, "would arrive from %s, which was not run for this", report.Source)
	case report.Source == editor.KeyVariable && x.another(ctx, key):
		x.warn(name, "another key would arrive than this shell has", "see what "+x.editor.Title+" takes it from")
	default:
		x.ok(name, "would arrive from %s%s", report.Source, x.proviso(report.Source))
	}
}

// lost says why the key would not arrive.
func (x *patient) lost(name string, err error, getenv func(string) string) {
	what, _ := words(err)
	what = strings.TrimPrefix(what, "no LeadMagic API key is set: ")
	source := x.doctor.Keys.Describe().Source
	switch {
	case !strings.HasPrefix(source, editor.KeyVariable):
		source = editor.KeyVariable
	case getenv(source) == "":
		what = x.editor.Title + " does not pass " + source + " on"
	}
	x.fail(name, "the key would not arrive: "+what, x.editor.Remedy(source, x.scope))
}

// starts reports whether a key command is found with the PATH that the editor passes on.
func (x *patient) starts(program string) bool {
	return strings.ContainsAny(program, `/\`) || x.system().Program(program) != ""
}

// another reports whether key is not the one that this shell has.
func (x *patient) another(ctx context.Context, key auth.Key) bool {
	own, err := x.doctor.Keys.Get(ctx)
	return err == nil && x.doctor.Keys.Describe().Source == editor.KeyVariable && !own.Equal(key)
}

// windows are editors that are mostly started from a dock or a menu, where the variables of a shell are not set.
var windows = []string{"claude-desktop", "cursor", "vscode", "vscode-insiders", "windsurf", "zed", "cline"}

func (x *patient) proviso(source string) string {
	if !strings.HasPrefix(source, "LEADMAGIC_") || !slices.Contains(windows, x.editor.ID) {
		return ""
	}
	return fmt.Sprintf(", if %s is started where it is set, such as from this shell", x.editor.Title)
}

// settings names what this shell has set and the server would not get, and where else the entry sends the key.
func (x *patient) settings(getenv func(string) string) {
	var missing, flags []string
	for _, name := range x.doctor.Wanted {
		value := x.doctor.System.Getenv(name)
		if value == "" || getenv(name) == value || strings.HasPrefix(name, editor.KeyVariable) {
			continue
		}
		flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "LEADMAGIC_"), "_", "-"))
		if x.argument(flag) != "" {
			continue
		}
		missing = append(missing, name)
		if !slices.Contains(x.doctor.Carried, name) {
			flags = append(flags, fmt.Sprintf(` %s="$%s"`, flag, name))
		}
	}
	if missing != nil {
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
	for _, name := range []string{"mcp-url", "api-url"} {
		variable := "LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		given, address := "--"+name, x.argument("--"+name)
		if address == "" {
			given, address = variable, getenv(variable)
		}
		u, err := url.Parse(address) // what is no address is a bad setting, and nothing is sent then
		if err != nil || u.Host == "" || address == x.doctor.System.Getenv(variable) || isLeadMagic(u) || isHere(u) {
			continue
		}
		x.warn(x.name(name), "its entry sends the key to "+shown(u)+", which is not an address of LeadMagic", "take "+given+" out of it unless you trust it")
	}
}

// argument is the value that the entry gives a flag, empty if none.
func (x *patient) argument(flag string) string {
	for i, arg := range x.entry.Args {
		if value, ok := strings.CutPrefix(arg, flag+"="); ok {
			return value
		}
		if arg == flag && i+1 < len(x.entry.Args) {
			return x.entry.Args[i+1]
		}
	}
	return ""
}

// kept is what login has kept in the keychain, asked for once, however many editors would find it there.
type kept struct {
	doctor *Doctor
	ctx    context.Context //nolint:containedctx // of one run through the editors
	once   sync.Once
	there  bool
}

// Get implements auth.Keychain with a stand-in for what is there.
func (k *kept) Get() (string, error) {
	k.once.Do(func() {
		keys := &auth.Keys{Getenv: k.getenv, Keychain: k.doctor.Keychain}
		defer keys.Close()
		_, err := keys.Get(k.ctx)
		k.there = err == nil
	})
	if !k.there {
		return "", nil
	}
	return standIn, nil
}

// getenv has what is needed to find the keychain, and nothing that says where else a key may be.
func (k *kept) getenv(name string) string {
	if strings.HasPrefix(name, "LEADMAGIC_") {
		return ""
	}
	return k.doctor.System.Getenv(name)
}

// Set implements auth.Keychain. Nothing is changed here.
func (k *kept) Set(string) error { return fs.ErrPermission }

// Delete implements auth.Keychain.
func (k *kept) Delete() error { return fs.ErrPermission }

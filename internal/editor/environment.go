package editor

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// A Process is an editor as it runs: the system and the environment it was started with.
type Process struct {
	GOOS    string
	Environ []string // NAME=value
	Folder  string   // that it was opened with
	// ReadFile reads what an entry's envFile or ${file:…} names. A file that it cannot read counts as empty.
	ReadFile func(string) ([]byte, error)

	get func(name string) (value string, ok bool) // a variable
}

// Passed is what a server gets from an editor.
type Passed struct {
	// Command and Args are what is started, and URL is what is connected to instead, with the references filled in
	// that the editor knows.
	Command string
	Args    []string
	URL     string
	Environ []string // NAME=value, sorted
	// Asked are the variables whose values the editor asks the user for, or gets from elsewhere: they arrive,
	// with values that are not known here.
	Asked []string
	// AsksMore says that Command, Args or URL have parts of that kind.
	AsksMore bool
}

// A rule is what an editor does to the environment of the servers it starts.
type rule struct {
	// keep says whether the server inherits a variable; nil: it inherits all.
	keep func(goos, name, value string) bool
	// expand replaces references in the values of an entry; nil: they arrive as they stand there.
	expand func(value string, p Process) string
	// set is what the editor adds.
	set []string
	// unseen says that a value has a part that is not known here: the editor asks the user for it, or gets it
	// from its settings or from a command. nil: there are none.
	unseen func(value string) bool
	// replaces says on which system an env member replaces the environment instead of adding to it.
	replaces string
}

func (r rule) inherits(name string) bool { return r.keep == nil || r.keep("", name, "") }

func (p Process) getenv(name string) string {
	value, _ := p.get(name)
	return value
}

// file is the content of a file, empty if there is none.
func (p Process) file(path string) string {
	b, err := p.ReadFile(file.BelowHome(path, p.getenv))
	if err != nil {
		return ""
	}
	return string(b)
}

// Environment is the environment that the server of an entry would see, if an editor that runs as p
// started it. Where it is not known what an editor passes, it passes nothing.
func (e Editor) Environment(s Server, p Process) Passed {
	key := func(name string) string {
		if p.GOOS == "windows" { // where case does not matter
			return strings.ToUpper(name)
		}
		return name
	}
	env, out := map[string]string{}, map[string]string{} // NAME=value by the key of the name
	for _, kv := range p.Environ {
		if name, _, ok := strings.Cut(kv, "="); ok && name != "" {
			env[key(name)] = kv
		}
	}
	p.get = func(name string) (string, bool) {
		kv, ok := env[key(name)]
		_, value, _ := strings.Cut(kv, "=")
		return value, ok
	}
	put := func(name, value string) {
		if kv, ok := env[key(name)]; ok { // as the editor spells it
			name, _, _ = strings.Cut(kv, "=")
		}
		out[key(name)] = name + "=" + value
	}
	if len(s.Env) == 0 || e.passes.replaces != p.GOOS {
		for name, kv := range env {
			if e.passes.keep == nil || e.passes.keep(p.GOOS, name, p.getenv(name)) {
				out[name] = kv
			}
		}
	}
	for _, name := range s.EnvVars {
		if value, ok := p.get(name); ok {
			put(name, value)
		}
	}
	for _, kv := range e.passes.set {
		name, value, _ := strings.Cut(kv, "=")
		put(name, value)
	}
	if s.EnvFile != "" {
		for name, value := range dotenv(p.file(e.expand(s.EnvFile, p))) {
			put(name, value)
		}
	}
	var asked []string
	for name, value := range s.Env {
		if e.asks(value) {
			asked = append(asked, name)
			delete(out, key(name))
			continue
		}
		put(name, e.expand(value, p))
	}
	passed := Passed{
		Command: e.expand(s.Command, p), URL: e.expand(s.URL, p), Asked: slices.Sorted(slices.Values(asked)),
		AsksMore: e.asks(s.Command) || e.asks(s.URL) || slices.ContainsFunc(s.Args, e.asks),
	}
	for _, arg := range s.Args {
		passed.Args = append(passed.Args, e.expand(arg, p))
	}
	for _, key := range slices.Sorted(maps.Keys(out)) {
		passed.Environ = append(passed.Environ, out[key])
	}
	return passed
}

func (e Editor) asks(value string) bool { return e.passes.unseen != nil && e.passes.unseen(value) }

func vscodeAsks(value string) bool {
	return strings.Contains(value, "${input:") || strings.Contains(value, "${config:") || strings.Contains(value, "${command:")
}

// crushRuns says that Crush would run a command for a value.
func crushRuns(value string) bool {
	return strings.Contains(value, "$(") || strings.Contains(value, "`")
}

func (e Editor) expand(value string, p Process) string {
	if e.passes.expand == nil {
		return value
	}
	return e.passes.expand(value, p)
}

// dotenv reads NAME=value lines.
func dotenv(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		out[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	return out
}

// fill is how an editor replaces the references that an expression finds. Its first two groups are the name of a variable,
// and the third is a default with its sign. A variable that is not set stays as it is, or else becomes empty. A fourth
// group is something else that the editor knows. What is not in its own syntax, an editor leaves as it is.
func fill(expr string, stays bool) func(string, Process) string {
	re := lazyregexp.New(expr)
	return func(s string, p Process) string {
		return re.ReplaceAllStringFunc(s, func(found string) string {
			g := re.FindStringSubmatch(found)
			value, set := p.get(g[1] + g[2])
			dflt, has := strings.CutPrefix(g[3], ":-")
			switch {
			case len(g) > 4 && g[4] != "":
				return p.other(g[4])
			case set:
				return value
			case has:
				return dflt
			case stays:
				return found
			}
			return ""
		})
	}
}

// other is what a reference stands for that names no variable.
func (p Process) other(name string) string {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return strings.TrimSpace(p.file(path))
	}
	return map[string]string{
		"userHome": file.Home(p.getenv), "workspaceFolder": p.Folder, "workspaceFolderBasename": filepath.Base(p.Folder),
		"pathSeparator": string(filepath.Separator), "/": string(filepath.Separator),
	}[name]
}

const shellLike = `\$(?:([A-Za-z0-9_]+)|\{([^}]+?)(:-[^}]*)?\})`

var (
	// The name may be anything. Of what follows the default, behind another sign, nothing counts.
	claudeExpand   = fill(`\$\{([^}]*?)()(:-[^}]*?)?(?::-[^}]*)?\}`, true)
	copilotExpand  = fill(shellLike, true)
	shellExpand    = fill(shellLike, false) // ${env:NAME} too is empty: an odd name
	qwenExpand     = fill(`\$(?:([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)()\})`, true)
	bracedExpand   = fill(`\$\{()([A-Za-z_][A-Za-z0-9_]*)()\}`, true)
	prefixedExpand = fill(`\$\{env:()([^}]*)()\}`, false)
	rooExpand      = fill(`\$\{env:()([A-Za-z0-9_]+)()\}`, true)
	continueExpand = fill(`\$\{\{ *secrets\.()([A-Za-z0-9_]+)() *\}\}`, true)
	foldersExpand  = fill(`\$\{(?:env:()([^}]*)()|(userHome|workspaceFolder|workspaceFolderBasename|pathSeparator|/))\}`, false)
	windsurfExpand = fill(`\$\{(?:env:()([^}]*)()|(file:[^}]*))\}`, false)
	opencodeExpand = fill(`\{(?:env:()([^}]*)()|(file:[^}]*))\}`, false) // a dollar before it stays
)

// only keeps the variables of a list: those of Unix or of Windows, and those of both.
func only(unix, windows []string, both ...string) func(goos, name, value string) bool {
	return func(goos, name, value string) bool {
		names := unix
		if goos == "windows" {
			names = windows
		}
		exported := strings.HasPrefix(value, "()") // a shell function that bash exported
		return !exported && (slices.Contains(names, name) || slices.Contains(both, name))
	}
}

// sdkKeeps is what hosts built on the TypeScript SDK v1 and v2 pass (packages/client/src/client/stdio.ts).
var sdkKeeps = only(
	[]string{"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"},
	[]string{
		"APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PROCESSOR_ARCHITECTURE", "SYSTEMDRIVE",
		"SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE", "PROGRAMFILES",
	},
)

// codexKeeps is Codex's list (codex-rs/rmcp-client/src/utils.rs), with the variables that name certificates.
var codexKeeps = only(
	[]string{"HOME", "LOGNAME", "PATH", "SHELL", "USER", "__CF_USER_TEXT_ENCODING", "LANG", "LC_ALL", "TERM", "TMPDIR", "TZ"},
	[]string{
		"PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "SYSTEMDRIVE", "USERNAME", "USERDOMAIN", "USERPROFILE",
		"HOMEDRIVE", "HOMEPATH", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "PROGRAMDATA",
		"LOCALAPPDATA", "APPDATA", "TEMP", "TMP", "POWERSHELL", "PWSH",
	},
	"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT",
)

// Gemini CLI drops what looks like a secret (packages/core/src/services/environmentSanitization.ts): by
// name, and by value, of which only credentials in a proxy's URL concern us.
var (
	geminiSecret = lazyregexp.New(`(?i)TOKEN|SECRET|PASSWORD|PASSWD|KEY|AUTH|CREDENTIAL|CREDS|PRIVATE|CERT`)
	geminiURL    = lazyregexp.New(`(?i)(https?|ftp|smtp)://[^:\s]+:[^@\s]+@`)
)

func geminiKeeps(_, name, value string) bool {
	switch upper := strings.ToUpper(name); {
	case strings.HasPrefix(upper, "GEMINI_CLI_"):
		return true
	case geminiURL.MatchString(value):
		return false
	case strings.HasPrefix(upper, "GIT_CONFIG_"), upper == "DESCRIPTION":
		return true
	default:
		return !geminiSecret.MatchString(upper)
	}
}

// claudeKeeps is everything but telemetry (since 2.1.128).
func claudeKeeps(_, name, _ string) bool { return !strings.HasPrefix(name, "OTEL_") }

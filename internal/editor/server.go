package editor

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// A Server is an entry as it stands in a config file, in whichever shape.
type Server struct {
	Command string
	Args    []string
	Env     map[string]string
	EnvVars []string // variables to be passed by name (Codex)
	EnvFile string
	URL     string // of a remote server: the editor then starts no process
	// Disabled says that the editor leaves it alone.
	Disabled bool
	// NamesKey says that some value of the entry speaks of the key's variable.
	NamesKey bool
}

// ours says whether the entry starts this program, by itself or through a launcher such as npx: going by its name, or
// because it is the one at a path, since a build may have any name.
func (s Server) ours(program string) bool {
	is := func(command string) bool {
		return filepath.IsAbs(command) && !file.OnNetwork(command) && file.Same(command, program)
	}
	_, ours := FindLaunch(s.Command, s.Args, is, func(string) string { return "" })
	return ours
}

// LiteralKey is the name under which the entry holds a key instead of naming one, or empty: a variable, a
// header, or the member with the arguments or the address.
func (s Server) LiteralKey() string {
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if keyscan.Holds(name + "=" + strconv.Quote(s.Env[name])) {
			return name
		}
	}
	switch {
	case slices.ContainsFunc(s.Args, keyscan.Holds):
		return "args"
	case keyscan.Holds(s.URL):
		return "url"
	}
	return ""
}

// serverOf reads an entry of any editor.
func serverOf(value any) Server {
	outer, _ := value.(map[string]any)
	m, nested := outer["transport"].(map[string]any)
	if !nested {
		m = outer
	}
	if older, ok := m["command"].(map[string]any); ok { // of Zed
		m = map[string]any{"command": older["path"], "args": older["args"], "env": older["env"]}
	}
	s := Server{Args: texts(m["args"]), EnvVars: slices.Concat(texts(m["env_vars"]), texts(m["env_keys"])), Env: map[string]string{}}
	s.Command, _ = cmp.Or(m["command"], m["cmd"]).(string)
	if words := texts(m["command"]); len(words) > 0 {
		s.Command, s.Args = words[0], words[1:]
	}
	for _, name := range []string{"env", "environment", "envs", "headers", "http_headers"} {
		members, _ := m[name].(map[string]any)
		for k, v := range members {
			if text, ok := v.(string); ok {
				s.Env[k] = text
			}
		}
	}
	s.EnvFile, _ = m["envFile"].(string)
	for _, name := range []string{"url", "httpUrl", "serverUrl", "uri"} {
		if url, ok := m[name].(string); ok {
			s.URL = url
		}
	}
	off, _ := outer["disabled"].(bool)
	on, given := outer["enabled"].(bool)
	s.Disabled = off || given && !on
	s.NamesKey = strings.Contains(strings.ToUpper(fmt.Sprint(value)), KeyVariable) // a name or a value, however deep
	return s
}

// A Launch is how a command line starts this program.
type Launch struct {
	By   string   // the launcher that starts it, such as npx, sh or env; empty if nothing is in between
	Args []string // what this program is given
	Env  []string // NAME=value that the launcher adds
}

// FindLaunch finds this program in a command line: as the command itself, or as the first word after a launcher with
// options of its own, also in a line for a shell. is reports whether a word names this program besides by its name,
// and getenv has the variables of the shell.
func FindLaunch(command string, args []string, is func(word string) bool, getenv func(string) string) (Launch, bool) {
	if named(command) || is(command) {
		return Launch{Args: args}, true
	}
	l := Launch{By: command}
	for i, arg := range args {
		words, rest := []string{arg}, args[i+1:]
		if strings.ContainsAny(arg, " \t\r\n;&|") {
			words = shellWords(arg, getenv)
			switch passed := strings.Contains(arg, "$@") || strings.Contains(arg, "$*"); {
			case passed && len(rest) > 0:
				rest = rest[1:] // the first is the shell's own name
			case strings.HasSuffix(strings.TrimSuffix(command, ".exe"), "sh"):
				rest = nil
			}
		}
		for j, word := range words {
			word = strings.TrimPrefix(word, "--env=")
			switch name, _, assigns := strings.Cut(word, "="); {
			case named(word):
				l.Args = slices.Concat(upToOperator(words[j+1:]), rest)
				return l, true
			case assigns && variableName.MatchString(name):
				l.Env = append(l.Env, strings.TrimRight(word, ";&"))
			}
		}
	}
	return Launch{}, false
}

// named reports whether a word is the name of this program, or a path or a package with that name.
func named(word string) bool {
	base := strings.ToLower(path.Base(strings.ReplaceAll(word, `\`, "/")))
	base = base[:strings.IndexAny(base+"@", "@:")] // without the version of a package, or the tag or digest of an image
	switch ext := path.Ext(base); ext {
	case ".exe", ".cmd", ".bat", ".ps1":
		base = strings.TrimSuffix(base, ext)
	}
	return base == Program
}

// shellWords are the words of a line for a shell, roughly: without quotes, and with variables filled in.
func shellWords(line string, getenv func(string) string) []string {
	line = shellExpand(line, Process{get: func(name string) (string, bool) {
		value := getenv(name)
		return value, value != "" // or else it has its default
	}})
	var words []string
	for word := range strings.FieldsSeq(line) {
		if word = strings.NewReplacer(`"`, "", "'", "").Replace(word); word != "" && word != "$@" && word != "$*" {
			words = append(words, word)
		}
	}
	return words
}

// upToOperator are the words before one with which a shell begins something else.
func upToOperator(words []string) []string {
	for i, word := range words {
		if bare, cut := strings.CutSuffix(word, ";"); cut {
			return append(words[:i:i], bare)
		}
		if strings.ContainsAny(word[:1], ";&|<>)}") {
			return words[:i]
		}
	}
	return words
}

var variableName = lazyregexp.New(`^[A-Za-z0-9_]+$`)

// texts is a list of strings; Codex's list of variables and Claude Code's lists of servers have objects with a name too.
func texts(value any) []string {
	items, _ := value.([]any)
	var out []string
	for _, item := range items {
		switch item := item.(type) {
		case string:
			out = append(out, item)
		case map[string]any:
			if name, ok := cmp.Or(item["name"], item["serverName"]).(string); ok {
				out = append(out, name)
			}
		}
	}
	return out
}

// satisfies says whether an entry does what ours would: every member of ours is there, and none that
// changes what is started or where the key comes from. What else a user or an editor has added, such as
// timeouts, stays theirs.
func satisfies(have any, want Object) bool {
	m, ok := have.(map[string]any)
	return ok && covers(m, want.plain()) && sameStart(serverOf(have), serverOf(want.plain()))
}

// covers says whether m has everything that want has.
func covers(m, want map[string]any) bool {
	for name, value := range want {
		switch value := value.(type) {
		case map[string]any:
			if have, ok := m[name].(map[string]any); !ok || !covers(have, value) {
				return false
			}
		case []any: // Zed's args must be there, though empty
			if m[name] == nil || !slices.Equal(texts(m[name]), texts(value)) {
				return false
			}
		default:
			if m[name] != value {
				return false
			}
		}
	}
	return true
}

// sameStart compares what covers does not: members that only the entry has.
func sameStart(have, want Server) bool {
	if have.URL != "" || have.EnvFile != "" || !slices.Equal(have.Args, want.Args) {
		return false
	}
	for _, name := range []string{KeyVariable, KeyFileVariable} {
		if have.Env[name] != want.Env[name] {
			return false
		}
	}
	return true
}

// Installed is an entry and where it stands.
type Installed struct {
	Name string
	Server
	Path string
	Line int // 0 if it was not looked up
}

// A List is where an editor looks for servers.
type List struct {
	Editor Editor // as it reads this list
	Scope  Scope
	Path   string
	at     []string // the members of the file that lead to them
}

// A readFile is a file of a project, whose last name may have a *, and the id of the editor whose form it has, if that is
// another's.
type readFile struct{ name, form string }

// Lists are all places where the editor looks for servers: the user's file, what it holds for this folder alone, and the
// files of the project.
func (e Editor) Lists(s System) []List {
	var lists []List
	seen := map[string]bool{}
	add := func(e Editor, scope Scope, path string, at ...string) {
		if scope == Project && seen[path] {
			return
		}
		seen[path] = true
		at = append(at, e.Key)
		lists = append(lists, List{e, scope, path, at})
		if e.newer != "" {
			lists = append(lists, List{e, scope, path, append(slices.Clone(at), e.newer)})
		}
	}
	user, err := e.file(s)
	if err == nil {
		add(e, User, user)
		for _, folder := range s.folderNames() {
			if e.local != "" {
				add(e, Local, user, e.local, folder)
			}
		}
	}
	for i, dir := range s.projectFolders() {
		if i > 0 && !e.upwards {
			break
		}
		here := s
		here.Folder = dir
		if path, err := e.Path(here, Project); err == nil {
			add(e, Project, path)
		}
		for _, f := range e.reads {
			read := e
			if form, ok := Lookup(f.form); ok {
				read.Key, read.refer, read.passes.expand, read.format = form.Key, form.refer, form.passes.expand, form.format
			}
			for _, path := range matches(filepath.Join(dir, filepath.FromSlash(f.name))) {
				add(read, Project, path)
			}
		}
	}
	return lists
}

// projectFolders are the folder that the command was started in, and those above it in its repository.
func (s System) projectFolders() []string {
	var folders []string
	for dir := range file.Above(s.Folder) {
		folders = append(folders, dir)
		if exists(filepath.Join(dir, ".git")) {
			return folders
		}
	}
	return folders[:1] // it is in none
}

// folderNames are the names under which an editor may keep something for this folder: on Windows with either sign.
func (s System) folderNames() []string {
	folder := file.Real(s.Folder)
	return slices.Compact([]string{folder, filepath.ToSlash(folder)})
}

// mostLines is how many entries of one file have their line looked up, which reads the whole file each time.
const mostLines = 20

// Entries are those of a list that concern this program: the one named Name, which comes first, and those that wanted
// picks, by their names.
func (l List) Entries(s System, wanted func(Server) bool) ([]Installed, error) {
	f, err := s.readConfig(l.Path)
	if err != nil {
		return nil, err
	}
	find := func(name string) (value any, line int, found bool, err error) {
		if value, line, found, err = l.Editor.format.find(f.data, append(slices.Clone(l.at), name)); err != nil {
			err = fmt.Errorf("%s: %w", l.Path, err)
		}
		return value, line, found, err
	}
	value, line, found, err := find(Name)
	if err != nil {
		return nil, err
	}
	var entries []Installed
	if found {
		entries = append(entries, Installed{Name: Name, Server: serverOf(value), Path: l.Path, Line: line})
	}
	value, _, _, err = l.Editor.format.find(f.data, l.at)
	servers, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		entry := Installed{Name: name, Server: serverOf(servers[name]), Path: l.Path}
		if err != nil || name == Name || !wanted(entry.Server) {
			continue
		}
		if len(entries) < mostLines {
			_, entry.Line, _, err = find(name)
		}
		entries = append(entries, entry)
	}
	return entries, err
}

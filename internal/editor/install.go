package editor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// A Request says what is to happen to one editor's config file.
type Request struct {
	Scope   Scope
	Name    string // of the server
	Command Command
	// Force replaces or removes an entry that is not ours, and follows a link out of the project.
	Force bool
	// DryRun changes nothing; the result has the difference.
	DryRun bool
	// Now dates a backup.
	Now time.Time
}

// An Outcome is what became of a Request, or would become of it.
type Outcome int

const (
	// Unchanged means that the file had the requested state already.
	Unchanged Outcome = iota
	// Added means that there was no entry.
	Added
	// Replaced means that there was another entry.
	Replaced
	// Removed means that the entry is gone.
	Removed
)

// A Result tells what was done, or would be.
type Result struct {
	Path    string
	Outcome Outcome
	// Diff is what changes, for a DryRun, in the form of diff -u. Secrets are hidden in it.
	Diff string
	// Backup is the copy that was made of the file as it was, if one was made.
	Backup string
	// HeldKey says that the entry that was replaced or removed held a key. It has leaked.
	HeldKey bool
	// Gone says that the file held nothing else and was removed.
	Gone bool
}

// A DifferentError says that another entry stands where ours would, or that one that is not ours was to
// be removed.
type DifferentError struct {
	Path  string
	Line  int
	Name  string
	Entry string // as JSON, secrets hidden
	// Key is the name under which the entry holds a literal key, if it does.
	Key string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s, line %d: an entry named %s is there already, and it is another one", e.Path, e.Line, e.Name)
}

// Install adds the entry to the editor's config file, and reads it back.
func (e Editor) Install(s System, r Request) (Result, error) {
	return e.edit(s, r, func(f *configFile) (change, error) {
		want := e.entry(r.Name, r.Command)
		have, line, found, err := e.format.find(f.data, []string{e.Key, r.Name})
		if err != nil {
			return change{}, err
		}
		if found && satisfies(have, want) {
			return change{data: f.data, wanted: want}, nil
		}
		c := change{Result: Result{Outcome: Added}, wanted: want}
		if found {
			c.Outcome, c.HeldKey = Replaced, serverOf(have).LiteralKey() != ""
			if !r.Force {
				return c, e.different(f.path, line, r, have)
			}
		}
		c.data, err = e.with(f.data, r.Name, r.Command)
		return c, err
	})
}

// Uninstall takes the entry away, if it is ours: if it starts this program, or is what Install would write.
// A file that was made for it goes as well.
func (e Editor) Uninstall(s System, r Request) (Result, error) {
	return e.edit(s, r, func(f *configFile) (change, error) {
		have, line, found, err := e.format.find(f.data, []string{e.Key, r.Name})
		if err != nil || !found {
			return change{data: f.data}, err
		}
		if ours := serverOf(have).ours(r.Command.Path) || satisfies(have, e.entry(r.Name, r.Command)); !ours && !r.Force {
			return change{}, e.different(f.path, line, r, have)
		}
		before, backed := f.before()
		c := change{Result: Result{Outcome: Removed, HeldKey: serverOf(have).LiteralKey() != ""}}
		if c.data, err = e.without(f.data, r.Name, before); err != nil {
			return c, err
		}
		c.Gone = !backed && !linked(f.path) && blank(c.data)
		return c, nil
	})
}

// with is a document with the entry in it.
func (e Editor) with(doc []byte, name string, c Command) (out []byte, err error) {
	if c.Prompt && e.Prompts {
		input := Object{
			{"type", "promptString"}, {"id", inputID}, {"description", "LeadMagic API key"}, {"password", true},
		}
		if doc, err = (jsonFormat{list: true}).set(doc, inputPath, input); err != nil {
			return nil, err
		}
	}
	return e.format.set(doc, []string{e.Key, name}, e.entry(name, c))
}

// without is a document without the entry, and without the input that only this entry uses.
func (e Editor) without(doc []byte, name string, before []byte) (out []byte, err error) {
	doc, err = e.format.remove(doc, []string{e.Key, name}, before)
	if err == nil && e.Prompts && !strings.Contains(string(doc), inputValue) {
		doc, _ = (jsonFormat{list: true}).remove(doc, inputPath, before) // which changes nothing where there is no list
	}
	return doc, err
}

func (e Editor) different(path string, line int, r Request, have any) error {
	return &DifferentError{
		Path: path, Line: line, Name: r.Name, Entry: show(have), Key: serverOf(have).LiteralKey(),
	}
}

// An OutsideError says that a symbolic link leads from a project's file out of the project.
type OutsideError struct{ Path, Real string }

func (e *OutsideError) Error() string {
	return fmt.Sprintf("%s leads out of the project, to %s", e.Path, e.Real)
}

// A change is what is to become of a file.
type change struct {
	Result
	data   []byte
	wanted Object // to be found when the file is read again; nil: nothing is
}

// edit reads the config file, has it changed, and writes it. If another program changes the file meanwhile, as Claude Code
// does at every turn, it begins anew.
func (e Editor) edit(s System, r Request, plan func(*configFile) (change, error)) (Result, error) {
	path, err := e.Path(s, r.Scope)
	if err != nil {
		return Result{}, err
	}
	var last Result
	for start := time.Now(); ; {
		res, err := e.editOnce(s, r, path, plan)
		if err == nil && res.Outcome == Unchanged && last.Outcome != Unchanged {
			return last, nil // what was written before is still there
		}
		res.Backup = cmp.Or(res.Backup, last.Backup)
		if !errors.Is(err, errChanged) || time.Since(start) >= settleTimeout {
			return res, err
		}
		last = res
	}
}

func (e Editor) editOnce(s System, r Request, path string, plan func(*configFile) (change, error)) (Result, error) {
	f, err := s.readConfig(path)
	if err != nil {
		return Result{}, err
	}
	c, err := plan(f)
	if err != nil || c.Outcome != Unchanged || c.wanted == nil { // an entry that is there is not read again
		if f, err = s.settled(f); err != nil {
			return Result{}, err
		}
		c, err = plan(f)
	}
	if r.Scope == Project && !r.Force && !within(f.real, file.Real(s.Folder)) {
		return Result{}, &OutsideError{Path: path, Real: f.real}
	}
	res := c.Result
	res.Path = path
	switch _, different := errors.AsType[*DifferentError](err); {
	case different:
		return res, err
	case err != nil:
		return res, fmt.Errorf("%s is left as it was: %w", path, err)
	case c.Outcome == Unchanged:
		return res, nil
	}
	if err := f.writable(); err != nil {
		return res, err
	}
	if r.DryRun {
		res.Diff = f.diff(c)
		return res, nil
	}
	if c.Gone && f.links() == 1 { // other names (hard links) would keep the entry: such a file is emptied
		if err := f.remove(e.ownFolder(s, r.Scope, path)); !errors.Is(err, syscall.EBUSY) { // a mount point is emptied too
			return res, err
		}
	}
	res.Gone = false
	if c.Outcome != Removed {
		if res.Backup, err = f.backUp(r.Now); err != nil {
			return res, err
		}
	}
	mode := fs.FileMode(0o600) // of a new file: the user's own is private, a team's is not
	if r.Scope == Project {
		mode = 0o644
	}
	if err := f.replace(c.data, mode); err != nil {
		if res.Backup != "" && (errors.Is(err, errChanged) || f.unchanged() == nil) {
			err = errors.Join(err, discard(res.Backup))
			res.Backup = ""
		}
		return res, err
	}
	if err := e.check(s, r, path, c.wanted); err != nil {
		return res, err
	}
	return res, f.dropBackups(c.data)
}

// check reads the file again. The error is errChanged if another program has written it since.
func (e Editor) check(s System, r Request, path string, wanted Object) error {
	f, err := s.readConfig(path)
	if err != nil {
		return err
	}
	have, _, found, err := e.format.find(f.data, []string{e.Key, r.Name})
	if err != nil || found != (wanted != nil) || found && !satisfies(have, wanted) {
		return fmt.Errorf("%s was written, and does not hold what was written: %w", path, errChanged)
	}
	return nil
}

// ownFolder is the folder that may go with its last file.
func (e Editor) ownFolder(s System, scope Scope, path string) string {
	if scope == Project {
		rel, _ := filepath.Rel(s.Folder, path) // the path was made from the folder
		first, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		return filepath.Join(s.Folder, first)
	}
	dir, _ := e.own(s)
	if e.extra { // it was there before, so only what is below it may go
		dir += string(filepath.Separator)
	}
	return dir
}

func (f *configFile) diff(c change) string {
	from, to := f.path, f.path
	if f.info == nil {
		from = "/dev/null"
	}
	if c.Gone {
		to = "/dev/null"
	}
	_, text, _ := strings.Cut(string(diff.Diff(from, masked(f.data), to, masked(c.data))), "\n") // without the line that names diff itself
	return text
}

// show is an entry as JSON to be looked at, secrets hidden.
func show(entry any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(entry); err != nil {
		return "" // what was read as JSON or TOML can be written as JSON, except a NaN
	}
	return strings.TrimSpace(string(masked(b.Bytes())))
}

// secrets are quoted values under a name that speaks of a secret, or after an option that does.
var secrets = []*lazyregexp.Regexp{
	lazyregexp.New(`(?i)(["']?[\w.-]*` + telling + `[\w.-]*["']?\s*[:=]\s*["'])([^"'\n]+)`),
	lazyregexp.New(`(?im)((?:^[ -]*|[{,] *)[\w.-]*` + telling + `[\w.-]* *: +)([^"'\s#\[{|>&*][^\n,}]*)`), // YAML
	lazyregexp.New(`(?i)(["']--?[\w-]*` + telling + `[\w-]*(?:["']\s*,\s*["']|=))([^"'\n]+)`),
}

// telling are the words in a name that speak of a secret.
const telling = `(?:key|token|secret|passw|auth|credential|cookie)`

// where is the end of a name that speaks of where a secret is or how it is sent, such as --auth-scheme: its
// value is none.
var where = lazyregexp.New(`(?i)(?:file|path|command|scheme)["'\s:=,]*$`)

// masked is a text to be shown: the values of secrets, ours and other people's, are hidden in it. Lines
// stay where they are.
func masked(text []byte) []byte {
	for _, re := range secrets {
		text = re.ReplaceAllFunc(text, func(m []byte) []byte {
			at := re.FindSubmatchIndex(m)
			if !isLiteral(string(m[at[4]:at[5]])) || where.Match(m[at[2]:at[3]]) {
				return m
			}
			return append(bytes.Clone(m[:at[4]]), keyscan.Hidden...)
		})
	}
	return []byte(keyscan.Hide(string(keyscan.Replace(text, keyscan.Hidden))))
}

// references are the ways in which files name a value instead of holding it: variables of all kinds,
// templates, commands, and the name of the variable itself (Codex: env_http_headers).
var references = lazyregexp.New("^(\\$|%[A-Za-z_]+%|\\{+ *(env|file|secrets?)|\\{\\{|<|`|@|#|!|op://|vault:|ENC\\[|LEADMAGIC_|leadmagic_|process\\.env|os\\.|env\\.|None$|null$|true$|false$|string$|\\*+$|\\.+$|…)")

// isLiteral says whether a value is one, and not a reference or a sample.
func isLiteral(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || references.MatchString(v) || keyscan.Sample(v) {
		return false
	}
	// Bearer ${…} and the like
	_, last, _ := strings.Cut(v, " ")
	return !strings.HasPrefix(last, "$") && !strings.HasPrefix(last, "{")
}

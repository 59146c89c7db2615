// Package editor knows other programs' configuration files: where an editor keeps its MCP servers, how
// an entry for this proxy looks there, what environment the editor will start it with, and where a key
// of LeadMagic stands that should not. It changes one entry and no other byte. It never takes a key: an
// entry names the variable, or nothing at all.
package editor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Name is the name of the server in every editor: LeadMagic's own permission rules match it.
const Name = "leadmagic"

// Program is the name of the binary an entry starts.
const Program = "leadmagic-mcp-proxy"

// KeyVariable holds the user's key. An entry may name it; nothing in this package reads it.
const KeyVariable = "LEADMAGIC_API_KEY"

// KeyFileVariable names a file that holds the key.
const KeyFileVariable = "LEADMAGIC_API_KEY_FILE"

// A Scope says for which folders and users a config file counts.
type Scope int

const (
	// User is all folders of this user.
	User Scope = iota
	// Project is one folder, for a whole team: its file is meant to be committed.
	Project
	// Local is one folder, for this user alone: its servers are in the user's file. This package writes none of them.
	Local
)

// An Editor is a program that starts MCP servers. The table of them is All.
type Editor struct {
	ID    string
	Title string
	// Key is the member of the config file that holds the servers.
	Key string
	// Prompts says that it can ask the user for the key and store it.
	Prompts bool
	// Dock says that it is mostly started from a dock or a menu, where the variables of a shell are not set.
	Dock bool
	// Waits is how long it waits for a server to start and for a tool, empty if that is not known.
	Waits string
	// Facts names the source of the row, and when it was looked up.
	Facts string

	places  []place    // of the user's config file: the usual one, and where it may be besides
	project []string   // the team's config file below a project, with slashes: the first that exists, or the last
	reads   []readFile // what else of a project it reads, in which nothing is written
	keeps   []string   // where else variables and servers may be: below a project, and with ~/ below the home folder too; a * is any name
	upwards bool       // it reads the files of the folders above, too, as far as the repository goes
	newer   string     // the member of Key in which newer versions keep servers too; empty: there is none
	local   string     // the member of the user's file that holds folders with servers of their own; empty: there is none
	extra   bool       // this is a copy of the editor that is not in its usual place
	program string     // its command, for editors that have one
	clients []string   // what its clientInfo may call it besides the id, in part and in lower case
	second  string     // another form of the same editor, with a file of its own
	format  format
	shape   Object // an entry, with parts in place of what differs
	refer   string // how a config value names the variable NAME; empty: it cannot
	lists   bool   // names the variables to be passed in a list instead
	always  bool   // names the key's variable even though it may be inherited
	passes  rule
	off     func(s System, scope Scope, name string) string // where its settings switch a server off; nil: nowhere
	note    string                                          // what the user has to know or do
	inTeam  string                                          // the same of the project's file
}

// HasProject says whether the editor reads a file that a team can commit.
func (e Editor) HasProject() bool { return len(e.project) > 0 }

// Path is the config file of a scope.
func (e Editor) Path(s System, scope Scope) (string, error) {
	if scope != Project {
		return e.file(s)
	}
	if !e.HasProject() {
		return "", fmt.Errorf("%s has no project file", e.Title)
	}
	path, err := s.first("./" + strings.Join(e.project, "|./"))
	if err != nil {
		return "", err
	}
	if user, err := e.file(s); err == nil && user == path {
		return "", ErrNotProject
	}
	return path, nil
}

// ErrNotProject says that the project's file would be the user's own.
var ErrNotProject = errors.New("this folder is the home folder, whose file is the user's own")

// Found says whether the editor seems to be on this machine: its file, its folder or its command is there.
func (e Editor) Found(s System) bool {
	if path, err := e.file(s); err == nil && exists(path) {
		return true
	}
	if dir, err := e.own(s); err == nil && exists(dir) {
		return true
	}
	return e.program != "" && s.Program(e.program) != ""
}

// Notes are what to tell a user who added an entry of this scope, in sentences without a full stop.
func (e Editor) Notes(scope Scope) []string {
	var notes []string
	if e.note != "" {
		notes = append(notes, e.note)
	}
	if e.inTeam != "" && scope == Project {
		notes = append(notes, e.inTeam)
	}
	return notes
}

// Lookup finds an editor by its id.
func Lookup(id string) (Editor, bool) {
	return first(func(e Editor) bool { return e.ID == id })
}

func first(is func(Editor) bool) (Editor, bool) {
	for _, e := range All() {
		if is(e) {
			return e, true
		}
	}
	return Editor{}, false
}

// A place is where an editor, one that was installed in another way, or a profile of it keeps its user's servers. Both
// members are templates for [System.locate].
type place struct {
	goos   string // the system that has it, where linux stands for all others too; empty: all have it
	folder string // exists once the editor has run; its last name may have a * if the place is not the usual one
	file   string // below the folder, or whole
}

// on returns the usual place on a system, and the others. Without any, the error is ErrOtherSystem.
func (e Editor) on(s System) (usual place, others []place, err error) {
	goos := s.GOOS
	if goos != "windows" && goos != "darwin" {
		goos = "linux"
	}
	all := slices.DeleteFunc(slices.Clone(e.places), func(p place) bool { return p.goos != "" && p.goos != goos })
	if len(all) == 0 {
		return place{}, nil, ErrOtherSystem
	}
	return all[0], all[1:], nil
}

// ErrOtherSystem says that the editor is made for another system than this.
var ErrOtherSystem = errors.New("it is made for another system")

// file is the user's config file.
func (e Editor) file(s System) (string, error) {
	usual, _, err := e.on(s)
	if err != nil {
		return "", err
	}
	return s.first(usual.path())
}

// own is the folder that exists once the editor has run.
func (e Editor) own(s System) (string, error) {
	usual, _, err := e.on(s)
	if err != nil {
		return "", err
	}
	return s.locate(usual.folder)
}

// path is the template of the file.
func (p place) path() string {
	if strings.IndexAny(p.file, "~{$") == 0 {
		return p.file
	}
	return p.folder + "/" + strings.ReplaceAll(p.file, "|", "|"+p.folder+"/")
}

// Elsewhere are the files that the editor has if it was installed in another way, or has profiles. A name in them may
// have a *, which stands for any.
func (e Editor) Elsewhere(s System) []string {
	_, others, _ := e.on(s)
	var out []string
	for _, p := range others {
		if path, err := s.locate(p.path()); err == nil {
			out = append(out, path)
		}
	}
	return out
}

// Here are the editors as they are on this machine: one that was installed in several ways, or has profiles, is there
// for each of them, with the same id.
func Here(s System) []Editor {
	var out []Editor
	for _, e := range All() {
		out = append(out, e.copies(s)...)
	}
	return out
}

// Forms returns the forms of an editor that its id stands for: those found on this machine, or else the usual one.
func (e Editor) Forms(s System) []Editor {
	forms := e.copies(s)
	other, ok := Lookup(e.second)
	switch {
	case !ok || !other.Found(s):
		return forms
	case forms[0].Found(s):
		return append(forms, other.copies(s)...)
	}
	return other.copies(s)
}

// copies are one editor in each place where it is found. The first has the project's file.
func (e Editor) copies(s System) []Editor {
	var out []Editor
	if e.Found(s) {
		out = append(out, e)
	}
	_, others, _ := e.on(s)
	for _, p := range others {
		for _, dir := range s.folders(p.folder) {
			c := e
			c.places, c.second, c.extra = []place{{folder: dir, file: p.file}}, "", true
			if len(out) > 0 {
				c.project, c.local = nil, ""
			}
			out = append(out, c)
		}
	}
	if out == nil {
		return []Editor{e}
	}
	return out
}

// OfClient finds an editor by the name in its clientInfo. Only whole words count: "example" does not stand for Amp.
func OfClient(name string) (Editor, bool) {
	words := func(s string) string {
		return " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ") + " "
	}
	return first(func(e Editor) bool {
		return slices.ContainsFunc(append(e.clients, e.ID), func(part string) bool { return strings.Contains(words(name), words(part)) })
	})
}

// Name is the title without the form.
func (e Editor) Name() string {
	name, _, _ := strings.Cut(e.Title, " (")
	return name
}

// Naming is how the config file names a variable, in one line; empty if the editor fills in no references.
func (e Editor) Naming(variable string) string {
	value := e.reference(variable)
	if e.Prompts {
		value = inputValue
	}
	for _, m := range e.shape {
		switch {
		case m.Value == partPass:
			return m.Name + " = " + textTOML([]any{variable})
		case m.Value == partEnv && value != "":
			text := memberJSON(Member{m.Name, Object{{variable, value}}}, layout{})
			if e.Prompts {
				text += ` and an input of that id with "password": true`
			}
			return text
		}
	}
	return ""
}

// reference is how a config value names a variable.
func (e Editor) reference(variable string) string {
	return strings.ReplaceAll(e.refer, "NAME", variable)
}

// Nearest is the id that was probably meant by a mistyped one, or empty.
func Nearest(id string) string {
	id = strings.ToLower(id)
	e, ok := first(func(e Editor) bool { return e.program != "" && e.program == id })
	if !ok {
		e, _ = first(func(e Editor) bool { return len(id) > 2 && strings.Contains(e.ID, id) || strings.HasPrefix(id, e.ID) })
	}
	return e.ID
}

package editor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// A Command is what an entry starts.
type Command struct {
	Path string
	Args []string
	// Vars are the variables the server wants, KeyVariable among them. Each is named in the entry if
	// the editor would not pass it anyway.
	Vars []string
	// KeyFile is a file that holds the key: the entry names it instead of the key's variable.
	KeyFile string
	// Prompt has the editor ask for the key and keep it, where it can (VS Code).
	Prompt bool
}

// inputID is the id of the input by which VS Code asks the user for the key.
const inputID = "leadmagic-key"

// inputValue is how an entry refers to that input.
const inputValue = "${input:" + inputID + "}"

// inputPath is where VS Code's file has that input.
var inputPath = []string{"inputs", inputID}

// A part stands for what a Command has, in the shape of an editor's entry. Without a value the member is left out.
type part int

const (
	partCommand part = iota
	partArgs
	partArgsAlways // an empty list too
	partLine       // the command and its arguments in one list
	partEnv        // variables and their values
	partPass       // names of variables that are passed
	partName       // of the server
)

// standard is the shape most editors share, whose members may come after others.
func standard(before ...Member) Object {
	return append(before, Member{"command", partCommand}, Member{"args", partArgs}, Member{"env", partEnv})
}

// with is a shape with the parts filled in.
func (o Object) with(parts map[part]any) Object {
	var out Object
	for _, m := range o {
		switch v := m.Value.(type) {
		case part:
			m.Value = parts[v]
		case Object:
			m.Value = v.with(parts)
		}
		if m.Value != nil {
			out = append(out, m)
		}
	}
	return out
}

// entry is what the config file of this editor holds for a command under a name.
func (e Editor) entry(name string, c Command) Object {
	var variables Object
	var passed []string
	for _, variable := range e.named(c) {
		switch {
		case c.Prompt && variable == KeyVariable && e.Prompts:
			variables = append(variables, Member{variable, inputValue})
		case e.lists:
			passed = append(passed, variable)
		case e.refer != "":
			variables = append(variables, Member{variable, e.reference(variable)})
		}
	}
	if c.KeyFile != "" {
		variables = append(variables, Member{KeyFileVariable, c.KeyFile})
	}
	parts := map[part]any{
		partCommand: c.Path, partLine: list(slices.Concat([]string{c.Path}, c.Args)), partArgsAlways: list(c.Args), partName: name,
	}
	if len(c.Args) > 0 {
		parts[partArgs] = list(c.Args)
	}
	if len(variables) > 0 {
		parts[partEnv] = variables
	}
	if len(passed) > 0 {
		parts[partPass] = list(passed)
	}
	return e.shape.with(parts)
}

// named are the variables that an entry has to name.
func (e Editor) named(c Command) []string {
	var names []string
	for _, name := range c.Vars {
		switch {
		case c.KeyFile != "" && (name == KeyVariable || name == KeyFileVariable):
		case name == KeyVariable && (e.always || c.Prompt && e.Prompts), !e.passes.inherits(name):
			names = append(names, name)
		}
	}
	return names
}

// Snippet is the entry as it stands in an otherwise empty config file.
func (e Editor) Snippet(name string, c Command) string {
	doc, err := e.with(nil, name, c)
	if err != nil {
		return "" // an empty file takes every entry
	}
	return string(doc)
}

// Delivery says in words how the key reaches a server that this entry starts.
func (e Editor) Delivery(c Command) string {
	names := e.named(c)
	switch {
	case c.KeyFile != "":
		return "it is read from the file that the entry names"
	case c.Prompt && e.Prompts:
		return e.Title + " asks for it once and keeps it"
	case !slices.Contains(names, KeyVariable):
		return e.Title + " passes " + KeyVariable + " on"
	case e.refer != "" || e.lists:
		return "the entry names " + KeyVariable + ", which " + e.Title + " fills in"
	default:
		return e.Title + " passes no variable of yours on and fills none in: keep the key with " + Program +
			" login, or name a file with --key-file"
	}
}

// Remedy says how a variable is made to reach a server that does not get it from its entry as it stands. command is one that
// does it too, empty if none does.
func (e Editor) Remedy(variable, command string) string {
	if command != "" {
		command = ", or run: " + command
	}
	switch {
	case e.lists:
		return fmt.Sprintf("add env_vars = [%q]%s", variable, command)
	case e.refer != "":
		return fmt.Sprintf("set %q: %q in its environment%s", variable, e.reference(variable), command)
	case e.passes.inherits(variable):
		return fmt.Sprintf("take %s out of its environment, since %s passes the variable on%s", variable, e.Title, command)
	default:
		return fmt.Sprintf("%s passes no variable of yours on, so run: %s login", e.Title, Program)
	}
}

// Replace is what to run to have an entry in order, without a key in it, instead of the one that is there.
func (e Editor) Replace(scope Scope) string {
	command := Program + " install " + e.ID
	switch {
	case scope == Local: // the editor's own command has written it, and it hides the others
		return fmt.Sprintf("%s mcp remove --scope local %s, then: %s --force", e.program, Name, command)
	case scope == Project && e.HasProject():
		command += " --project"
	}
	return command + " --force"
}

// Scanner finds keys in the files of editors, and in others. environ are the variables of the shell, as NAME=value.
func Scanner(s System, environ []string) keyscan.Scanner {
	out := keyscan.Scanner{Folder: s.Folder, Environ: environ}
	for _, e := range Here(s) {
		var paths []string
		if path, err := e.file(s); err == nil {
			paths = append([]string{path}, backups(path)...)
		}
		for _, name := range e.keeps {
			if path, err := s.locate(name); err == nil && strings.HasPrefix(name, "~/") {
				paths = append(paths, path)
			}
		}
		for _, path := range paths {
			if exists(path) {
				out.User = append(out.User, e.place(path, User))
			}
		}
	}
	project := func(e Editor, name string) {
		out.Project = append(out.Project, e.place(name, Project), e.place(name+backupSign+"*.bak", Project))
	}
	for _, e := range All() {
		for _, name := range e.project {
			project(e, name)
		}
		for _, r := range e.reads {
			project(e, r.name)
		}
	}
	// These are named less exactly, so they come last.
	for _, e := range All() {
		for _, name := range e.keeps {
			project(e, strings.TrimPrefix(name, "~/"))
		}
	}
	project(Editor{}, "mcp.json")
	return out
}

// place is a file of the editor.
func (e Editor) place(path string, scope Scope) keyscan.Place {
	return keyscan.Place{Path: path, Editor: e.ID, Instead: func(name string) string { return e.instead(scope, name) }}
}

// instead says what belongs in the place of a key under a name, or under none.
func (e Editor) instead(scope Scope, name string) string {
	install := e.Replace(scope)
	switch {
	case e.ID == "":
		return keyscan.Instead(name)
	case !strings.EqualFold(name, KeyVariable):
		return "remove it and run: " + install
	case e.lists:
		return fmt.Sprintf("put env_vars = [%q] there, or run: %s", KeyVariable, install)
	case e.refer != "":
		return fmt.Sprintf("put %q there, or run: %s", e.reference(KeyVariable), install)
	case e.passes.inherits(KeyVariable):
		return fmt.Sprintf("leave it out, since %s passes the variable on; or run: %s", e.Title, install)
	default:
		return fmt.Sprintf("leave it out, keep the key with %s login, and run: %s", Program, install)
	}
}

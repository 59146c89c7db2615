package editor

import (
	"cmp"
	"fmt"
	"slices"
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
	name    string // of the server; empty: Name
	// Prompt has the editor ask for the key and keep it, where it can (VS Code).
	Prompt bool
}

// InputID is the id of the question that VS Code asks for the key.
const InputID = "leadmagic-key"

// A shape puts the parts of an entry where an editor looks for them.
type shape func(c Command, env Object, pass []any) Object

// entry is what the config file of this editor holds for a command.
func (e Editor) entry(c Command) Object {
	var env Object
	var pass []any
	for _, name := range e.named(c) {
		switch {
		case c.Prompt && name == KeyVariable && e.Prompts:
			env = append(env, Member{name, "${input:" + InputID + "}"})
		case e.lists:
			pass = append(pass, name)
		case e.refer != nil:
			env = append(env, Member{name, e.refer(name)})
		}
	}
	if c.KeyFile != "" {
		env = append(env, Member{KeyFileVariable, c.KeyFile})
	}
	return e.shape(c, env, pass)
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

// standard is the shape most editors share. kind is the value of its type member, if it has one.
func standard(kind string) shape {
	return func(c Command, env Object, _ []any) Object {
		var o Object
		if kind != "" {
			o = append(o, Member{"type", kind})
		}
		o = append(o, Member{"command", c.Path})
		if len(c.Args) > 0 {
			o = append(o, Member{"args", list(c.Args)})
		}
		if len(env) > 0 {
			o = append(o, Member{"env", env})
		}
		return o
	}
}

// zedShape always has args: Zed refuses an entry without.
func zedShape(c Command, env Object, _ []any) Object {
	o := Object{{"source", "custom"}, {"command", c.Path}, {"args", list(c.Args)}}
	if len(env) > 0 {
		o = append(o, Member{"env", env})
	}
	return o
}

// copilotShape names the tools that may be used: all.
func copilotShape(c Command, env Object, _ []any) Object {
	return append(standard("local")(c, env, nil), Member{"tools", []any{"*"}})
}

// clineShape is that of Cline's command, which nests the transport.
func clineShape(c Command, env Object, _ []any) Object {
	return Object{{"transport", standard("stdio")(c, env, nil)}}
}

// opencodeShape has command and arguments in one list.
func opencodeShape(c Command, env Object, _ []any) Object {
	o := Object{{"type", "local"}, {"command", list(slices.Concat([]string{c.Path}, c.Args))}}
	if len(env) > 0 {
		o = append(o, Member{"environment", env})
	}
	return o
}

// gooseShape has names of its own. Goose refuses an entry without a name, arguments, or whether it is enabled.
func gooseShape(c Command, env Object, _ []any) Object {
	o := Object{{"name", cmp.Or(c.name, Name)}, {"type", "stdio"}, {"cmd", c.Path}, {"args", list(c.Args)}, {"enabled", true}}
	if len(env) > 0 {
		o = append(o, Member{"envs", env})
	}
	return append(o, Member{"timeout", 300})
}

// codexShape has a list of the variables to be passed.
func codexShape(c Command, env Object, pass []any) Object {
	o := standard("")(c, nil, nil)
	if len(pass) > 0 {
		o = append(o, Member{"env_vars", pass})
	}
	if len(env) > 0 {
		o = append(o, Member{"env", env})
	}
	return o
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
	case e.refer != nil || e.lists:
		return "the entry names " + KeyVariable + ", which " + e.Title + " fills in"
	default:
		return e.Title + " passes no variable of yours on and fills none in: keep the key with " + Program +
			" login, or name a file with --key-file"
	}
}

// Remedy says how a variable is made to reach a server that does not get it from its entry as it stands.
func (e Editor) Remedy(variable string, scope Scope) string {
	switch {
	case e.lists:
		return fmt.Sprintf("add env_vars = [%q], or run: %s", variable, e.Replace(scope))
	case e.refer != nil:
		return fmt.Sprintf("set %q: %q in its environment, or run: %s", variable, e.refer(variable), e.Replace(scope))
	case e.passes.inherits(variable):
		return fmt.Sprintf("take %s out of its environment, since %s passes the variable on, or run: %s", variable, e.Title, e.Replace(scope))
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

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const rotate = "create a new key at app.leadmagic.io → Settings → API and delete the old one: what stood in a file has leaked"

// install does one editor.
func (i *installer) install(e editor.Editor) error {
	if i.print || e.ID == editor.Generic().ID {
		return i.show(e)
	}
	res, err := e.Install(i.system, i.request(e))
	if err != nil {
		return i.failed(e, err, "--force replaces it", "--name adds another beside it")
	}
	verb := "added " + i.name + " to"
	switch {
	case res.Outcome == editor.Unchanged:
		fmt.Fprintf(i.env.Stdout, "%s: %s is already in %s, nothing changed\n", e.ID, i.name, i.short(res.Path))
		return nil
	case i.dryRun:
		i.showDiff(res)
		return nil
	case res.Outcome == editor.Replaced:
		verb = "replaced " + i.name + " in"
	}
	fmt.Fprintf(i.env.Stdout, "%s: %s %s\n", e.ID, verb, i.short(res.Path))
	if res.Backup != "" {
		i.note("backup", i.short(res.Backup))
	}
	i.advise(e)
	i.leaked(res)
	return nil
}

// uninstall undoes one editor.
func (i *installer) uninstall(e editor.Editor) error {
	if e.ID == editor.Generic().ID {
		return misuse("generic is a form to be copied: there is no file to take it out of", "")
	}
	res, err := e.Uninstall(i.system, i.request(e))
	if err != nil {
		return i.failed(e, err, "--force removes it")
	}
	switch {
	case res.Outcome == editor.Unchanged:
		fmt.Fprintf(i.env.Stdout, "%s: %s is not in %s, nothing changed\n", e.ID, i.name, i.short(res.Path))
		return nil
	case i.dryRun:
		i.showDiff(res)
		return nil
	case res.Gone:
		fmt.Fprintf(i.env.Stdout, "%s: removed %s, which held nothing but %s\n", e.ID, i.short(res.Path), i.name)
	default:
		fmt.Fprintf(i.env.Stdout, "%s: removed %s from %s\n", e.ID, i.name, i.short(res.Path))
	}
	i.leaked(res)
	return nil
}

// show prints the entry and where it goes.
func (i *installer) show(e editor.Editor) error {
	if e.ID == editor.Generic().ID {
		fmt.Fprint(i.env.Stdout, e.Snippet(i.name, i.command(e)))
		fmt.Fprintln(i.env.Stderr, "put this into the editor's MCP configuration; if the editor passes no variables on,\n"+
			"name "+editor.KeyVariable+" in \"env\" in the editor's own way, or keep the key with: "+editor.Program+" login")
		return nil
	}
	path, err := e.Path(i.system, i.scope())
	if err != nil {
		return i.failed(e, err)
	}
	fmt.Fprintf(i.env.Stdout, "%s: in %s\n\n%s\n", e.ID, i.short(path), e.Snippet(i.name, i.command(e)))
	i.advise(e)
	return nil
}

// showDiff prints what would change. The names in its header are those that patch takes from here.
func (i *installer) showDiff(res editor.Result) {
	diff := strings.Replace(res.Diff, res.Path, inFolder(i.system, res.Path), 2)
	for n, text := range strings.Split(diff, "\t") { // tabs stay
		if n > 0 {
			fmt.Fprint(i.env.Stdout, "\t")
		}
		fmt.Fprintf(i.env.Stdout, "%s", problem.PrintableJSON([]byte(text)))
	}
}

func (i *installer) note(what, text string) { fmt.Fprintf(i.env.Stdout, "  %s: %s\n", what, text) }

// advise says how the key arrives, and what else the user has to know.
func (i *installer) advise(e editor.Editor) {
	c := i.command(e)
	i.note("key", e.Delivery(c))
	if i.keyFile != "" {
		switch info, err := os.Stat(i.keyPath()); {
		case err != nil:
			i.note("note", i.short(i.keyPath())+" is not there yet: put the key into it, readable by you alone")
		case !info.Mode().IsRegular():
			i.note("note", i.short(i.keyPath())+" is no file")
		}
	}
	switch passing := editor.Passing(i.exe); {
	case i.system.Runner(i.exe) != nil:
		i.note("note", "the entry has "+strings.Join(i.system.Runner(i.exe), " ")+" start this program, as it was started now, which needs Node beside it")
	case i.project || passing == "":
	case c.Path == i.exe:
		i.note("note", i.short(c.Path)+" is in "+passing+", so it will be gone: put the program into a folder of the PATH, and run this again")
	case !editor.SameFile(c.Path, i.exe):
		i.note("note", "this program is in "+passing+", so the entry names the one on the PATH, "+i.short(c.Path))
	}
	for _, note := range e.Notes(i.scope()) {
		i.note("note", note)
	}
}

func (i *installer) leaked(res editor.Result) {
	if res.HeldKey {
		i.note("key", "the entry held one; "+rotate)
	}
}

// failed words what went wrong with one editor. The entry that is in the way is shown, with the ways out: the
// first takes its key away too.
func (i *installer) failed(e editor.Editor, err error, ways ...string) error {
	var different *editor.DifferentError
	var missing *editor.MissingError
	var outside *editor.OutsideError
	switch {
	case errors.Is(err, editor.ErrNotProject):
		return misuse(e.ID+": "+err.Error(), "leave out --project")
	case errors.As(err, &missing):
		hint := "set " + missing.Variable
		if e.HasProject() {
			hint += ", or use --project"
		}
		return hinted(fmt.Errorf("%s: %w", e.ID, err), hint)
	case errors.As(err, &outside):
		return hinted(fmt.Errorf("%s: %s leads out of this folder, to %s", e.ID, i.short(outside.Path), i.short(outside.Real)), "--force follows it")
	case errors.As(err, &different):
		fmt.Fprintf(i.env.Stdout, "%s: %s, line %d:\n", e.ID, i.short(different.Path), different.Line)
		for line := range strings.Lines(string(problem.PrintableJSON([]byte(different.Entry))) + "\n") {
			fmt.Fprint(i.env.Stdout, "  "+line)
		}
		what := "there is another entry named " + different.Name
		if different.Key != "" {
			what += ", with a key in it under " + problem.PrintableLine(different.Key, problem.MaxName)
			ways = []string{ways[0], "then " + rotate}
		}
		return hinted(fmt.Errorf("%s: %s", e.ID, what), strings.Join(ways, "; "))
	default:
		return fmt.Errorf("%s: %w", e.ID, err)
	}
}

package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func editorIDs() []string {
	ids := make([]string, 0, len(editor.All()))
	for _, e := range editor.All() {
		ids = append(ids, e.ID)
	}
	return ids
}

// chosen are the editors that were named, or those that are found.
func (i *installer) chosen() ([]editor.Editor, error) {
	var out []editor.Editor
	if i.all {
		for _, e := range editor.Here(i.system) {
			if e.Found(i.system) && (!i.project || e.HasProject()) {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil, errors.New("no editor was found on this machine")
		}
		return out, nil
	}
	paths := map[string]bool{}
	for _, id := range i.editors {
		if id == "vscode" && i.insiders {
			id = "vscode-insiders"
		}
		e, ok := editor.Lookup(id)
		switch {
		case id == editor.Generic().ID:
			out = append(out, editor.Generic())
			continue
		case !ok:
			return nil, unknownEditor(id)
		case i.project && !e.HasProject():
			return nil, misuse(fmt.Sprintf("%s has no project file", e.Title), "leave out --project")
		}
		for _, form := range e.Forms(i.system) {
			path, err := form.Path(i.system, editor.User)
			if (err != nil || !paths[path]) && (!i.project || form.HasProject()) {
				out = append(out, form)
			}
			paths[path] = true
		}
	}
	return out, nil
}

func unknownEditor(id string) error {
	hint := "one of " + strings.Join(editorIDs(), ", ") + "; generic prints the form most others take"
	if near := editor.Nearest(id); near != "" {
		hint = "did you mean " + near + "?"
	}
	return misuse(fmt.Sprintf("there is no editor %q", id), hint)
}

// list shows the editors that are found, and what act would do to each: it changes nothing.
func (i *installer) list(act action) error {
	var found, others []string
	out := tabwriter.NewWriter(i.env.Stdout, 0, 0, 2, ' ', 0)
	for _, e := range editor.Here(i.system) {
		path, err := e.Path(i.system, i.scope())
		if i.project && !e.HasProject() || errors.Is(err, editor.ErrNotProject) || errors.Is(err, editor.ErrOtherSystem) {
			continue
		}
		if missing, ok := errors.AsType[*editor.MissingError](err); ok {
			return i.failed(e, missing)
		}
		if !e.Found(i.system) {
			others = append(others, e.ID)
			continue
		}
		if found == nil {
			fmt.Fprintf(out, "EDITOR\tFILE\tWHAT %s WOULD DO\n", strings.ToUpper(act.name))
		}
		found = append(found, e.ID)
		if err != nil {
			path = err.Error()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", e.ID, i.short(path), i.would(e, act))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	command := editor.Program + " " + act.name
	if i.project {
		command += " --project"
	}
	if found == nil {
		fmt.Fprintln(i.env.Stdout, "no editor was found on this machine; name one to have it done all the same: "+strings.Join(others, ", "))
		return nil
	}
	fmt.Fprintf(i.env.Stdout, "\n%s --all does that; the others that it knows, by name: %s\n", command, strings.Join(others, ", "))
	return nil
}

// would says what an action would do to an editor's file.
func (i *installer) would(e editor.Editor, act action) string {
	r := i.request(e)
	r.DryRun = true
	res, err := act.do(e, i.system, r)
	different, other := errors.AsType[*editor.DifferentError](err)
	switch {
	case other && different.Key != "":
		return "nothing: another entry has this name, with a key in it (see scan)"
	case other:
		return "nothing: another entry has this name"
	case err != nil:
		why := strings.TrimPrefix(err.Error(), res.Path+" is left as it was: ")
		return "nothing: " + problem.PrintableLine(strings.ReplaceAll(why, res.Path, i.short(res.Path)), problem.MaxLine)
	case res.Outcome == editor.Unchanged && act.name == "install":
		return "nothing: " + i.name + " is there"
	case res.Outcome == editor.Unchanged:
		return "nothing: " + i.name + " is not there"
	case res.Gone:
		return "remove the file, which holds nothing else"
	}
	return map[editor.Outcome]string{editor.Added: "add ", editor.Replaced: "replace ", editor.Removed: "remove "}[res.Outcome] + i.name
}

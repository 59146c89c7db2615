package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
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
			return nil, misuse(&hintError{fmt.Errorf("%s has no project file", e.Title), "leave out --project"})
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
	return misuse(&hintError{fmt.Errorf("there is no editor %q", id), hint})
}

// list shows the editors and how they stand.
func (i *installer) list() error {
	out := tabwriter.NewWriter(i.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "EDITOR\tFOUND\tLEADMAGIC\tFILE")
	for _, e := range editor.Here(i.system) {
		found, there := "no", "no"
		if e.Found(i.system) {
			found = "yes"
		}
		path, err := e.Path(i.system, i.scope())
		if errors.Is(err, editor.ErrNotProject) || i.project && !e.HasProject() {
			continue
		}
		if err != nil {
			path = err.Error()
		}
		switch entry, err := e.Entry(i.system, i.scope(), i.name); {
		case err != nil:
			there = "?"
		case entry != nil && entry.LiteralKey() != "":
			there = "yes, with a key in the file: see scan"
		case entry != nil && entry.Ours(i.exe):
			there = "yes"
		case entry != nil:
			there = "another entry"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", e.ID, found, there, i.short(path))
	}
	return out.Flush()
}

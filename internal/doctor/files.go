package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
)

// mostFindings keeps a report readable; scan lists all.
const mostFindings = 10

// files looks for keys in the files in which editors look for servers: the user's, and those of this folder.
func (d *Doctor) files(ctx context.Context) []Check {
	n := &notes{stage: atFiles}
	const name = "keys in files"
	found, err := editor.Scanner{System: d.System, Environ: d.Environ}.Scan(ctx, editor.Targets{User: true, Project: true})
	if err != nil {
		n.fail(name, err.Error(), "")
		return n.checks
	}
	if d.Named {
		found.Findings = slices.DeleteFunc(found.Findings, func(f editor.Finding) bool { return !d.looksAt(f.Editor) })
	}
	for i, f := range found.Findings {
		if i == mostFindings {
			n.fail(name, fmt.Sprintf("%d more", len(found.Findings)-i), editor.Program+" scan lists them all")
			break
		}
		n.fail(name, fmt.Sprintf("%s holds a key%s (git: %s)", place(f.Path, f.Line), under(f.Name), f.Git),
			f.Instead+"; then create a new key at app.leadmagic.io, Settings → API, and delete this one")
	}
	switch {
	case found.Files == 0:
		n.skip("no editor has a file here", name)
	case len(found.Findings) == 0 && d.Named:
		n.ok(name, "none in those of %s", d.Editors[0].Title)
	case len(found.Findings) == 0:
		n.ok(name, "none, of %d files that editors read", found.Files)
	}
	if len(found.Skipped) > 0 {
		n.warn("unread files", unread(found.Skipped), "make them readable, or remove them")
	}
	return n.checks
}

// looksAt reports whether an editor is one of those to be looked at.
func (d *Doctor) looksAt(id string) bool {
	return slices.ContainsFunc(d.Editors, func(e editor.Editor) bool { return e.ID == id })
}

func under(name string) string {
	if name == "" {
		return ""
	}
	return " under " + name
}

// unread names the first of the files that could not be read.
func unread(errs []error) string {
	const most = 3
	var texts []string
	for _, err := range errs[:min(len(errs), most)] {
		texts = append(texts, err.Error())
	}
	if len(errs) > most {
		texts = append(texts, fmt.Sprintf("and %d more", len(errs)-most))
	}
	return strings.Join(texts, "; ")
}

// place is a line of a file.
func place(path string, line int) string { return fmt.Sprintf("%s, line %d", path, line) }

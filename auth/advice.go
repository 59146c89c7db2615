package auth

import "strings"

// A Syntax is how an editor takes a variable. The zero value is that of an editor that is not known.
type Syntax struct {
	Editor string // its name
	// Entry is what to write into its configuration, where NAME stands for the variable. It is empty for an editor that
	// fills in no references.
	Entry string
}

// Advice says what to do when no source has a key, in the syntax of the editor that is connected. It is empty where the
// problem says it itself or nothing is missing; then, and for an editor that is not known and nothing else to go by, the
// usual fix holds.
func (r Report) Advice(editor Syntax) string {
	if r.told || r.Source != "" || r.Sources == nil {
		return ""
	}
	switch {
	case r.NearMiss != "":
		return "name it " + NearestVariable(r.NearMiss) + " instead of " + r.NearMiss
	case r.next != "":
		return r.next
	}
	name := variable
	if r.unfilled != "" {
		name = r.unfilled
	}
	const login = "run: leadmagic-mcp-proxy login"
	switch {
	case editor.Editor == "" && r.unfilled == "":
		return ""
	case editor.Editor == "":
		return "set " + name + " where the editor is started, refer to it as the editor wants it, or " + login
	case editor.Entry == "" && r.unfilled != "":
		return editor.Editor + " fills in no references: take it out of the configuration, then " + login
	case editor.Entry == "":
		return login + `; or write "env": {"` + fileVariable + `": "…"} with the path of a file in ` + editor.Editor
	}
	advice := "in " + editor.Editor + ", write " + strings.ReplaceAll(editor.Entry, "NAME", name)
	if !strings.Contains(editor.Entry, "${input:") { // an editor that asks needs no variable
		advice += " and set " + name + " where " + editor.Editor + " is started"
	}
	return advice + "; or " + login
}

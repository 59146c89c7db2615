package auth

import "strings"

// habits are how editors take a variable, by what their clientInfo calls them; the first that fits counts.
// An entry without a reference is of an editor that fills in none.
var habits = []struct {
	called string // part of the name, in lower case
	name   string
	entry  string // NAME stands for the variable
}{
	{"claude-code", "Claude Code", `"env": {"NAME": "${NAME}"}`},
	{"claude", "Claude Desktop", ""},
	{"cursor", "Cursor", `"env": {"NAME": "${env:NAME}"}`},
	{"windsurf", "Windsurf", `"env": {"NAME": "${env:NAME}"}`},
	{"codeium", "Windsurf", `"env": {"NAME": "${env:NAME}"}`},
	{"visual studio code", "VS Code", `"env": {"NAME": "${input:leadmagic-key}"} and an input of that id with "password": true`},
	{"vscode", "VS Code", `"env": {"NAME": "${input:leadmagic-key}"} and an input of that id with "password": true`},
	{"zed", "Zed", ""},
	{"gemini", "Gemini CLI", `"env": {"NAME": "$NAME"}`},
	{"codex", "Codex", `env_vars = ["NAME"]`},
	{"copilot", "Copilot CLI", `"env": {"NAME": "${NAME}"}`},
	{"cline", "Cline", `"env": {"NAME": "${env:NAME}"}`},
	{"opencode", "opencode", `"environment": {"NAME": "{env:NAME}"}`},
}

// Advice says what to do when no source has a key, in the syntax of the editor that gives its name so. It is
// empty where the problem says it itself or nothing is missing; then, and for an editor that is not known
// and nothing else to go by, the usual fix holds.
func (r Report) Advice(editor string) string {
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
	editor = strings.ToLower(editor)
	for _, h := range habits {
		switch {
		case editor == "" || !strings.Contains(editor, h.called):
		case h.entry == "" && r.unfilled != "":
			return h.name + " fills in no references: take it out of the configuration, then " + login
		case h.entry == "":
			return login + `; or write "env": {"` + fileVariable + `": "…"} with the path of a file in ` + h.name
		case strings.Contains(h.entry, "${input:"):
			return "in " + h.name + ", write " + strings.ReplaceAll(h.entry, "NAME", name) + "; or " + login
		default:
			return "in " + h.name + ", write " + strings.ReplaceAll(h.entry, "NAME", name) +
				" and set " + name + " where " + h.name + " is started; or " + login
		}
	}
	if r.unfilled != "" {
		return "set " + name + " where the editor is started, refer to it as the editor wants it, or " + login
	}
	return ""
}

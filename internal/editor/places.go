package editor

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// elsewhere are files in which editors keep variables and servers besides those of the table, and where those are that
// belong to another user. A * is any name.
var elsewhere = []struct {
	path, editor string
	user         bool // below the home folder too
}{
	{".claude/settings.json", "claude-code", true},
	{".claude/settings.local.json", "claude-code", true},
	{"claude_desktop_config.json", "claude-desktop", false},
	{".vscode/settings.json", "vscode", false},
	{".codeium/mcp_config.json", "windsurf", true},
	{"mcp_config.json", "windsurf", false},
	{".gemini/.env", "gemini", true},
	{"mcp-config.json", "copilot-cli", false},
	{"cline_mcp_settings.json", "cline", false},
	{"User/mcp.json", "vscode", false},
	{"User/profiles/*/mcp.json", "vscode", false},
	{"*.code-workspace", "vscode", false},
	{".config/crush/crushrc", "crush", true},
	{"crushrc", "crush", false},
	{".crushrc", "crush", false},
	{".continue/.env", "continue", true},
	{"mcp_settings.json", "roo-code", false},
	{"mcp.json", "", false},
}

// Scanner finds keys in the files of editors, and in others. environ are the variables of the shell, as NAME=value.
func Scanner(s System, environ []string) keyscan.Scanner {
	out := keyscan.Scanner{Folder: s.Folder, Environ: environ}
	for _, e := range Here(s) {
		var paths []string
		if path, err := e.file(s); err == nil {
			paths = append([]string{path}, (&configFile{real: path}).backups()...)
		}
		for _, name := range elsewhere {
			if dir, err := s.home(); err == nil && name.user && name.editor == e.ID {
				paths = append(paths, filepath.Join(dir, filepath.FromSlash(name.path)))
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
	for _, name := range elsewhere {
		e, _ := Lookup(name.editor)
		project(e, name.path)
	}
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
	case e.refer != nil:
		return fmt.Sprintf("put %q there, or run: %s", e.refer(KeyVariable), install)
	case e.passes.inherits(KeyVariable):
		return fmt.Sprintf("leave it out, since %s passes the variable on; or run: %s", e.Title, install)
	default:
		return fmt.Sprintf("leave it out, keep the key with %s login, and run: %s", Program, install)
	}
}

package editor

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A source is one text to look at.
type source struct {
	path   string
	editor *Editor
	scope  Scope
	degree suspicion
	git    GitStatus // empty: not known yet
	// pointed says that somebody named this very file.
	pointed bool
}

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
	{".zed/settings.json", "zed", false},
	{".gemini/.env", "gemini", true},
	{"mcp-config.json", "copilot-cli", false},
	{"cline_mcp_settings.json", "cline", false},
	{"User/mcp.json", "vscode", false},
	{"User/profiles/*/mcp.json", "vscode", false},
	{"*.code-workspace", "vscode", false},
	{"mcp.json", "", false},
}

// projectFiles are the files of the current folder in which editors look for servers and variables.
func (s Scanner) projectFiles() []source {
	names := []string{".env", ".envrc"}
	for _, e := range All() {
		names = append(names, e.project...)
	}
	for _, name := range elsewhere {
		names = append(names, name.path)
	}
	var out []source
	for _, name := range names {
		found, _ := fs.Glob(os.DirFS(s.System.Folder), name)
		for _, name := range found {
			out = append(out, s.classify(s.System.from(filepath.FromSlash(name))))
		}
	}
	return out
}

// endsWith says whether the last elements of a path are those of a pattern.
func endsWith(slashed, pattern string) bool {
	elements := strings.Split(slashed, "/")
	n := strings.Count(pattern, "/") + 1
	ok, err := path.Match(pattern, strings.Join(elements[max(0, len(elements)-n):], "/"))
	return err == nil && ok
}

// configEndings are the names of config files in general.
var configEndings = []string{
	".json", ".jsonc", ".json5", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".config", ".properties",
	".env", ".envrc", ".npmrc", ".netrc", ".plist", ".xml", ".tfvars",
	".profile", ".bashrc", ".bash_profile", ".zshrc", ".zshenv", ".zprofile", ".fish", "dockerfile",
}

// codeEndings are the names of files that hold other people's names.
var codeEndings = []string{
	".c", ".cc", ".cpp", ".cs", ".css", ".dart", ".ex", ".go", ".h", ".hpp", ".html", ".ipynb", ".java", ".js", ".jsx",
	".kt", ".lua", ".m", ".md", ".mdx", ".mjs", ".php", ".pl", ".py", ".r", ".rb", ".rs", ".rst", ".scala", ".sh",
	".sql", ".svelte", ".swift", ".ts", ".tsx", ".vue", ".zig",
}

// named is a file that somebody has pointed to: what is not code is then taken for a config file.
func (s Scanner) named(path string) source {
	src := s.classify(path)
	src.pointed = true
	if src.degree == inCode && !ends(path, codeEndings) {
		src.degree = inConfig
	}
	return src
}

// ends says whether a file's name has one of some endings.
func ends(path string, endings []string) bool {
	base := strings.ToLower(filepath.Base(path))
	return slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(base, end) })
}

// classify says what kind of file a path names: an editor's, another config file, or something else.
func (s Scanner) classify(file string) source {
	slashed := filepath.ToSlash(file)
	if i := strings.LastIndex(slashed, backupSign); i > 0 && strings.HasSuffix(slashed, ".bak") {
		slashed = slashed[:i]
	}
	for _, e := range All() {
		if user, err := e.file(s.System); err == nil && user == file {
			return source{path: file, editor: &e, scope: User}
		}
		for _, name := range e.project {
			if endsWith(slashed, name) {
				return source{path: file, editor: &e, scope: Project}
			}
		}
	}
	for _, name := range elsewhere {
		if endsWith(slashed, name.path) {
			src := source{path: file, scope: Project}
			if e, ok := Lookup(name.editor); ok {
				src.editor = &e
			}
			return src
		}
	}
	if ends(file, configEndings) || strings.HasPrefix(filepath.Base(file), ".env") {
		return source{path: file, degree: inConfig}
	}
	return source{path: file, degree: inCode}
}

// instead says what belongs in the place of a key.
func (src source) instead(h hit) string {
	if src.editor == nil {
		return "name the variable " + KeyVariable + " instead, or keep the key with: " + Program + " login"
	}
	e := *src.editor
	install := e.Replace(src.scope)
	switch {
	case h.name != "" && !strings.EqualFold(h.name, KeyVariable), h.name == "":
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

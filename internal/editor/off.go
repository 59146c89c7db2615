package editor

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Off says where the editor's settings switch a server off that a scope's file names, besides in its entry; empty if
// they do not. What an editor keeps in a database of its own, as Cursor does, is not seen.
func (e Editor) Off(s System, scope Scope, name string) string {
	if e.off == nil {
		return ""
	}
	return e.off(s, scope, name)
}

// A settings file that can be read as JSON, and its path.
type settingsFile struct {
	path string
	data map[string]any
}

// settingsFiles reads those of some files that are there, in order, as the table writes their paths. What cannot be
// read counts as empty.
func (s System) settingsFiles(templates ...string) []settingsFile {
	var files []settingsFile
	for _, template := range templates {
		path, _ := s.locate(template) // empty if that is unknown, and so no file
		f, err := s.readConfig(path)
		if err != nil {
			continue
		}
		data, _ := (jsonFormat{}).decode(f.data)
		files = append(files, settingsFile{path, data})
	}
	return files
}

// managed is where the administrator of a machine puts a program's settings.
func (s System) managed(linux, darwin, windows string) string {
	return map[string]string{"linux": linux, "darwin": darwin, "windows": windows}[s.GOOS]
}

// setting is the value of a setting. Each dot in its name may also lead into an object.
func setting(data map[string]any, name string) any {
	value := data[name]
	for i, r := range name {
		if inner, ok := data[name[:i]].(map[string]any); ok && r == '.' && value == nil {
			value = setting(inner, name[i+1:])
		}
	}
	return value
}

// last is the value in the last of some files that has one: each of them overrides those before it.
func last(files []settingsFile, name string) (value any, path string) {
	for _, f := range files {
		if v := setting(f.data, name); v != nil {
			value, path = v, f.path
		}
	}
	return value, path
}

// switched says which of some files gives a setting a value in the end.
func switched(files []settingsFile, name string, value any) string {
	if have, path := last(files, name); have == value {
		return fmt.Sprintf("%s in %s is %v", name, path, value)
	}
	return ""
}

// listed says which of some files has a name in a list.
func listed(files []settingsFile, list, name string) string {
	for _, f := range files {
		if slices.Contains(texts(f.data[list]), name) {
			return list + " in " + f.path + " names it"
		}
	}
	return ""
}

// claudeOff looks at Claude Code's settings, and at what /mcp has kept for this folder.
// Source: code.claude.com/docs, settings and managed-mcp.
func claudeOff(s System, scope Scope, name string) string {
	files := s.settingsFiles(
		"${CLAUDE_CONFIG_DIR:-~/.claude}/settings.json", "./.claude/settings.json", "./.claude/settings.local.json",
		s.managed("/etc/claude-code/managed-settings.json", "/Library/Application Support/ClaudeCode/managed-settings.json", `C:\Program Files\ClaudeCode\managed-settings.json`),
	)
	for _, f := range s.settingsFiles("${CLAUDE_CONFIG_DIR:-~}/.claude.json") {
		projects, _ := f.data["projects"].(map[string]any)
		var project map[string]any
		for _, folder := range s.folderNames() {
			if kept, ok := projects[folder].(map[string]any); ok {
				project = kept
			}
		}
		if slices.Contains(texts(project["disabledMcpServers"]), name) {
			return "disabledMcpServers for this folder in " + f.path + " names it"
		}
		files = append(files, settingsFile{f.path, project})
	}
	if off := listed(files, "deniedMcpServers", name); off != "" {
		return off
	}
	for _, f := range files {
		allowed, ok := f.data["allowedMcpServers"].([]any)
		names := texts(allowed) // other items match by a command or an address
		if ok && !slices.Contains(names, name) && len(names) == len(allowed) {
			return "allowedMcpServers in " + f.path + " does not name it"
		}
	}
	if scope != Project {
		return ""
	}
	if off := listed(files, "disabledMcpjsonServers", name); off != "" {
		return off
	}
	list, approved := "", false
	for _, f := range files {
		names := texts(f.data["enabledMcpjsonServers"])
		if len(names) > 0 {
			list = f.path
		}
		approved = approved || f.data["enableAllProjectMcpServers"] == true || slices.Contains(names, name)
	}
	if list != "" && !approved {
		return "enabledMcpjsonServers in " + list + " does not name it, so it waits for approval"
	}
	return ""
}

// geminiOff looks at Gemini CLI's lists, whose names may be in any case, and at what gemini mcp disable has kept.
// Source: packages/cli/src/config/mcp/mcpServerEnablement.ts.
func geminiOff(s System, _ Scope, name string) string {
	const own = "${GEMINI_CLI_HOME:-~}/.gemini/"
	files := s.settingsFiles(
		s.managed("/etc/gemini-cli/system-defaults.json", "/Library/Application Support/GeminiCli/system-defaults.json", `C:\ProgramData\gemini-cli\system-defaults.json`),
		own+"settings.json", "./.gemini/settings.json",
		s.managed("/etc/gemini-cli/settings.json", "/Library/Application Support/GeminiCli/settings.json", `C:\ProgramData\gemini-cli\settings.json`),
	)
	has := func(list any) bool {
		return slices.ContainsFunc(texts(list), func(n string) bool { return strings.EqualFold(strings.TrimSpace(n), name) })
	}
	if off := switched(files, "admin.mcp.enabled", false); off != "" {
		return off
	}
	if allowed, path := last(files, "mcp.allowed"); len(texts(allowed)) > 0 && !has(allowed) {
		return "mcp.allowed in " + path + " does not name it"
	}
	if excluded, path := last(files, "mcp.excluded"); has(excluded) {
		return "mcp.excluded in " + path + " names it"
	}
	for _, f := range s.settingsFiles(own + "mcp-server-enablement.json") {
		if setting(f.data, strings.ToLower(name)+".enabled") == false {
			return f.path + " says so"
		}
	}
	return ""
}

// vscodeOff looks at the settings of VS Code that concern all servers.
// Source: code.visualstudio.com/docs, chat.mcp.access; chat.mcp.enabled is its older name.
func vscodeOff(product string) func(System, Scope, string) string {
	return func(s System, _ Scope, _ string) string {
		files := s.settingsFiles("{appData}/"+product+"/User/settings.json", "./.vscode/settings.json")
		return cmp.Or(switched(files, "chat.mcp.access", "none"), switched(files, "chat.mcp.enabled", false), switched(files, "chat.disableAIFeatures", true))
	}
}

// zedOff looks at the setting of Zed that switches all of its agent off.
func zedOff(s System, _ Scope, _ string) string {
	zed, _ := Lookup("zed")
	own, _ := zed.file(s)
	return switched(s.settingsFiles(own, "./.zed/settings.json"), "disable_ai", true)
}

// copilotOff looks at what /mcp disable has kept. Source: github/app#290.
func copilotOff(s System, _ Scope, name string) string {
	const own = "${COPILOT_HOME:-~/.copilot}/"
	return listed(s.settingsFiles(own+"settings.json", own+"config.json"), "disabledMcpServers", name)
}

// opencodeOff looks at the patterns with which opencode and its like hide tools, whose names begin with that of their
// server. Source: opencode.ai/docs/mcp-servers.
func opencodeOff(program string) func(System, Scope, string) string {
	return func(s System, _ Scope, name string) string {
		own := "{config}/" + program + "/" + program
		for _, f := range s.settingsFiles(own+".json", own+".jsonc", "./"+program+".json", "./"+program+".jsonc") {
			tools, _ := f.data["tools"].(map[string]any)
			for pattern, on := range tools {
				if whole, _ := path.Match(pattern, name+"_"); whole && on == false {
					return "tools in " + f.path + " hides all of its tools"
				}
			}
		}
		return ""
	}
}

package editor

// Ways to name a variable in a config value.
func asEnv(name string) string    { return "${env:" + name + "}" }
func asDollar(name string) string { return "$" + name }
func asBraced(name string) string { return "${" + name + "}" }
func asCurly(name string) string  { return "{env:" + name + "}" }

// Where Cline keeps its servers in a program that runs extensions of VS Code.
var clineStorage = []string{"User", "globalStorage", "saoudrizwan.claude-dev"}

const clineSettings = "settings/cline_mcp_settings.json"

// All is the table of editors, one row each. Every cell is what was measured with the editor, or what its
// source or documentation says.
func All() []Editor {
	vscode := func(product, flatpakID string) Editor {
		return Editor{
			Key: "servers", project: []string{".vscode/mcp.json"},
			file: below(appData, product, "User", "mcp.json"), own: below(appData, product),
			also: []location{
				{each(below(appData, product, "User", "profiles"), "*"), "mcp.json"},
				{flatpak(flatpakID), "config/" + product + "/User/mcp.json"},
				{on("linux", each(below(home, ".var", "app", flatpakID, "config", product, "User", "profiles"), "*")), "mcp.json"},
			},
			// VS Code would pass the variable; the reference says in the file where the key comes from.
			shape: standard("stdio"), refer: asEnv, always: true, prompts: true, passes: rule{expand: foldersExpand},
			off: vscodeOff(product), reads: []readFile{{".mcp.json", "claude-code"}},
		}
	}
	stable, insiders := vscode("Code", "com.visualstudio.code"), vscode("Code - Insiders", "com.visualstudio.code.insiders")
	stable.ID, stable.Title, stable.program = "vscode", "VS Code", "code"
	insiders.ID, insiders.Title, insiders.program = "vscode-insiders", "VS Code Insiders", "code-insiders"

	editors := []Editor{
		{
			ID: "claude-code", Title: "Claude Code", program: "claude", Key: "mcpServers", project: []string{".mcp.json"},
			file: below(either("CLAUDE_CONFIG_DIR", home), ".claude.json"), own: either("CLAUDE_CONFIG_DIR", below(home, ".claude")),
			local: "projects", shape: standard("stdio"), refer: asBraced,
			passes: rule{keep: claudeKeeps, expand: claudeExpand, set: []string{"CLAUDECODE=1"}},
			off:    claudeOff, upwards: true,
			notes: inProject("Claude Code asks each member once before it starts a project's server"),
		},
		{
			ID: "claude-desktop", Title: "Claude Desktop", Key: "mcpServers",
			file: below(appData, "Claude", "claude_desktop_config.json"), own: below(appData, "Claude"),
			// A package of Windows (MSIX) has a folder of its own in place of APPDATA.
			also: []location{{on("windows", each(below(localAppData, "Packages"), "Claude_*")), "LocalCache/Roaming/Claude/claude_desktop_config.json"}},
			// Of the shell's variables it takes PATH; the rest of the SDK's list comes from the system.
			shape: standard(""), passes: rule{keep: sdkKeeps, replaces: "windows"},
			notes: always("restart Claude Desktop"),
		},
		{
			ID: "cursor", Title: "Cursor", program: "cursor", Key: "mcpServers", project: []string{".cursor/mcp.json"},
			file: below(home, ".cursor", "mcp.json"), own: below(home, ".cursor"),
			// Started from a dock, Cursor has no shell's variables: the reference then is empty, not wrong.
			shape: standard("stdio"), refer: asEnv, always: true, passes: rule{expand: foldersExpand},
		},
		stable,
		insiders,
		{
			ID: "windsurf", Title: "Windsurf", program: "windsurf", Key: "mcpServers",
			file: below(home, ".codeium", "windsurf", "mcp_config.json"), own: below(home, ".codeium", "windsurf"),
			// What Windsurf passes by itself is written nowhere.
			shape: standard(""), refer: asEnv, always: true, passes: rule{keep: sdkKeeps, expand: windsurfExpand},
		},
		{
			ID: "zed", Title: "Zed", program: "zed", Key: "context_servers",
			file: below(zedConfig, "settings.json"), own: zedConfig,
			also:  []location{{flatpak("dev.zed.Zed*"), "config/zed/settings.json"}},
			shape: zedShape, passes: rule{},
			off: zedOff, reads: []readFile{{name: ".zed/settings.json"}},
			notes: always("started from a dock, Zed does not see the variables of your shell: keep the key with leadmagic-mcp-proxy login"),
		},
		{
			ID: "gemini", Title: "Gemini CLI", program: "gemini", Key: "mcpServers", project: []string{".gemini/settings.json"},
			file: below(either("GEMINI_CLI_HOME", home), ".gemini", "settings.json"), own: below(either("GEMINI_CLI_HOME", home), ".gemini"),
			shape: standard(""), refer: asDollar,
			passes: rule{keep: geminiKeeps, expand: geminiExpand, set: []string{"GEMINI_CLI=1"}},
			off:    geminiOff,
			notes:  always("Gemini CLI starts servers in trusted folders only"),
		},
		{
			ID: "codex", Title: "Codex", program: "codex", Key: "mcp_servers", project: []string{".codex/config.toml"},
			file: below(either("CODEX_HOME", below(home, ".codex")), "config.toml"), own: either("CODEX_HOME", below(home, ".codex")),
			format: tomlFormat{}, shape: codexShape, lists: true, passes: rule{keep: codexKeeps}, upwards: true,
			notes: inProject("Codex reads a project's file in trusted projects only"),
		},
		{
			ID: "copilot-cli", Title: "Copilot CLI", program: "copilot", Key: "mcpServers", project: []string{".github/mcp.json"},
			file: below(either("COPILOT_HOME", below(home, ".copilot")), "mcp-config.json"), own: either("COPILOT_HOME", below(home, ".copilot")),
			shape: copilotShape, refer: asBraced, passes: rule{expand: copilotExpand},
			off: copilotOff, reads: []readFile{{name: ".mcp.json"}}, upwards: true,
			notes: inProject("Copilot CLI reads a project's file in trusted folders only"),
		},
		{
			ID: "cline", Title: "Cline (VS Code extension)", Key: "mcpServers", second: "cline-cli",
			file: below(appData, "Code", "User", "globalStorage", "saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"),
			own:  below(appData, "Code", "User", "globalStorage", "saoudrizwan.claude-dev"),
			also: []location{ // other programs that run extensions of VS Code
				{each(appData, "Code - Insiders", clineStorage...), clineSettings},
				{each(appData, "VSCodium", clineStorage...), clineSettings},
				{each(appData, "Cursor", clineStorage...), clineSettings},
				{each(appData, "Windsurf", clineStorage...), clineSettings},
				{on("linux", each(below(home, ".var", "app", "com.visualstudio.code", "config"), "Code", clineStorage...)), clineSettings},
				{each(home, ".vscode-server", append([]string{"data"}, clineStorage...)...), clineSettings},
				{each(home, ".cursor-server", append([]string{"data"}, clineStorage...)...), clineSettings},
			},
			shape: standard("stdio"), refer: asEnv, passes: rule{keep: sdkKeeps, expand: prefixedExpand},
		},
		{
			ID: "cline-cli", Title: "Cline CLI", program: "cline", Key: "mcpServers",
			file: below(home, ".cline", "data", "settings", "cline_mcp_settings.json"), own: below(home, ".cline"),
			shape: clineShape, passes: rule{},
		},
		{
			ID: "opencode", Title: "opencode", program: "opencode", Key: "mcp", newer: "servers", project: []string{"opencode.jsonc", "opencode.json"},
			file: first(below(xdgConfig, "opencode"), "opencode.jsonc", "opencode.json"), own: below(xdgConfig, "opencode"),
			shape: opencodeShape, refer: asCurly, passes: rule{expand: opencodeExpand, set: []string{"OPENCODE=1"}},
			off: opencodeOff, upwards: true,
		},
	}
	for i := range editors {
		if editors[i].format == nil {
			editors[i].format = jsonFormat{}
		}
	}
	return editors
}

func always(note string) func(Scope) []string {
	return func(Scope) []string { return []string{note} }
}

func inProject(note string) func(Scope) []string {
	return func(s Scope) []string {
		if s == Project {
			return []string{note}
		}
		return nil
	}
}

// Generic is the form most editors share, for those that have no row: its entry relies on the environment.
func Generic() Editor {
	return Editor{ID: "generic", Title: "other editors", Key: "mcpServers", format: jsonFormat{}, shape: standard("")}
}

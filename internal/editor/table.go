package editor

// Ways to name a variable in a config value.
func asEnv(name string) string    { return "${env:" + name + "}" }
func asDollar(name string) string { return "$" + name }
func asBraced(name string) string { return "${" + name + "}" }
func asCurly(name string) string  { return "{env:" + name + "}" }

// All is the table of editors, one row each. Every cell is what was measured with the editor, or what its
// source or documentation says.
func All() []Editor {
	const clineFile = "settings/cline_mcp_settings.json"
	vscode := func(product, flatpak string) Editor {
		return Editor{
			Key: "servers", project: []string{".vscode/mcp.json"}, clients: []string{"visual studio code"},
			places: []place{
				{"", "{appData}/" + product, "User/mcp.json"},
				{"", "{appData}/" + product + "/User/profiles/*", "mcp.json"},
				{"linux", "~/.var/app/" + flatpak, "config/" + product + "/User/mcp.json"},
				{"linux", "~/.var/app/" + flatpak + "/config/" + product + "/User/profiles/*", "mcp.json"},
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
			places: []place{{"", "${CLAUDE_CONFIG_DIR:-~/.claude}", "${CLAUDE_CONFIG_DIR:-~}/.claude.json"}},
			local:  "projects", shape: standard("stdio"), refer: asBraced,
			passes: rule{keep: claudeKeeps, expand: claudeExpand, set: []string{"CLAUDECODE=1"}},
			off:    claudeOff, upwards: true,
			waits:  "30 seconds for a start (`MCP_TIMEOUT`); `MCP_TOOL_TIMEOUT` says how long a tool may run",
			inTeam: "Claude Code asks each member once before it starts a project's server",
		},
		{
			ID: "claude-desktop", Title: "Claude Desktop", clients: []string{"claude"}, Key: "mcpServers",
			places: []place{
				{"", "{appData}/Claude", "claude_desktop_config.json"},
				// A package (MSIX) has a folder of its own in place of APPDATA.
				{"windows", "{localAppData}/Packages/Claude_*", "LocalCache/Roaming/Claude/claude_desktop_config.json"},
			},
			// Of the shell's variables it takes PATH; the rest of the SDK's list comes from the system.
			shape: standard(""), passes: rule{keep: sdkKeeps, replaces: "windows"},
			waits: "4 minutes for a tool",
			note:  "restart Claude Desktop",
		},
		{
			ID: "cursor", Title: "Cursor", program: "cursor", Key: "mcpServers", project: []string{".cursor/mcp.json"},
			places: []place{{"", "~/.cursor", "mcp.json"}},
			// Started from a dock, Cursor has no shell's variables: the reference then is empty, not wrong.
			shape: standard("stdio"), refer: asEnv, always: true, passes: rule{expand: foldersExpand},
		},
		stable,
		insiders,
		{
			ID: "windsurf", Title: "Windsurf", clients: []string{"codeium"}, program: "windsurf", Key: "mcpServers",
			places: []place{{"", "~/.codeium/windsurf", "mcp_config.json"}},
			// What Windsurf passes by itself is written nowhere.
			shape: standard(""), refer: asEnv, always: true, passes: rule{keep: sdkKeeps, expand: windsurfExpand},
		},
		{
			ID: "zed", Title: "Zed", program: "zed", Key: "context_servers",
			places: []place{
				{"windows", "{appData}/Zed", "settings.json"},
				{"darwin", "~/.config/zed", "settings.json"}, // whatever XDG_CONFIG_HOME says
				{"linux", "{config}/zed", "settings.json"},
				{"linux", "~/.var/app/dev.zed.Zed*", "config/zed/settings.json"},
			},
			shape: zedShape, passes: rule{},
			waits: "60 seconds for each answer, those of tools included",
			off:   zedOff, reads: []readFile{{name: ".zed/settings.json"}},
			note: "started from a dock, Zed does not see the variables of your shell: keep the key with leadmagic-mcp-proxy login",
		},
		{
			ID: "gemini", Title: "Gemini CLI", program: "gemini", Key: "mcpServers", project: []string{".gemini/settings.json"},
			places: []place{{"", "${GEMINI_CLI_HOME:-~}/.gemini", "settings.json"}},
			shape:  standard(""), refer: asDollar,
			passes: rule{keep: geminiKeeps, expand: geminiExpand, set: []string{"GEMINI_CLI=1"}},
			off:    geminiOff,
			waits:  "10 minutes for a start and for a tool (`timeout`)",
			note:   "Gemini CLI starts servers in trusted folders only",
		},
		{
			ID: "codex", Title: "Codex", program: "codex", Key: "mcp_servers", project: []string{".codex/config.toml"},
			places: []place{{"", "${CODEX_HOME:-~/.codex}", "config.toml"}},
			format: tomlFormat{}, shape: codexShape, lists: true, passes: rule{keep: codexKeeps}, upwards: true,
			waits:  "30 seconds for a start (`startup_timeout_sec`), 5 minutes for a tool (`tool_timeout_sec`)",
			inTeam: "Codex reads a project's file in trusted projects only",
		},
		{
			ID: "copilot-cli", Title: "Copilot CLI", clients: []string{"copilot"}, program: "copilot", Key: "mcpServers", project: []string{".github/mcp.json"},
			places: []place{{"", "${COPILOT_HOME:-~/.copilot}", "mcp-config.json"}},
			shape:  copilotShape, refer: asBraced, passes: rule{expand: copilotExpand},
			off: copilotOff, reads: []readFile{{name: ".mcp.json"}}, upwards: true,
			inTeam: "Copilot CLI reads a project's file in trusted folders only",
		},
		{
			ID: "cline", Title: "Cline (VS Code extension)", Key: "mcpServers", second: "cline-cli",
			places: []place{
				{"", "{appData}/Code/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				// Other programs run extensions of VS Code too.
				{"", "{appData}/Code - Insiders/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"", "{appData}/VSCodium/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"", "{appData}/Cursor/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"", "{appData}/Windsurf/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"linux", "~/.var/app/com.visualstudio.code/config/Code/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"", "~/.vscode-server/data/User/globalStorage/saoudrizwan.claude-dev", clineFile},
				{"", "~/.cursor-server/data/User/globalStorage/saoudrizwan.claude-dev", clineFile},
			},
			shape: standard("stdio"), refer: asEnv, passes: rule{keep: sdkKeeps, expand: prefixedExpand},
		},
		{
			ID: "cline-cli", Title: "Cline CLI", program: "cline", Key: "mcpServers",
			places: []place{{"", "~/.cline", "data/settings/cline_mcp_settings.json"}},
			shape:  clineShape, passes: rule{},
		},
		{
			ID: "opencode", Title: "opencode", program: "opencode", Key: "mcp", newer: "servers", project: []string{"opencode.jsonc", "opencode.json"},
			places: []place{{"", "{config}/opencode", "opencode.jsonc|opencode.json"}},
			shape:  opencodeShape, refer: asCurly, passes: rule{expand: opencodeExpand, set: []string{"OPENCODE=1"}},
			off: opencodeOff, upwards: true,
			waits: "30 seconds for a start (`timeout`)",
		},
	}
	for i := range editors {
		if editors[i].format == nil {
			editors[i].format = jsonFormat{}
		}
	}
	return editors
}

// Generic is the form most editors share, for those that have no row: its entry relies on the environment.
func Generic() Editor {
	return Editor{ID: "generic", Title: "other editors", Key: "mcpServers", format: jsonFormat{}, shape: standard("")}
}

package editor

// All is the table of editors, one row each. Every cell is what was measured with the editor, or what its
// source or documentation says.
func All() []Editor {
	stdio := Member{"type", "stdio"}
	opencode := Object{{"type", "local"}, {"command", partLine}, {"environment", partEnv}}
	// An extension of VS Code keeps its files there, and in the programs that run such extensions too.
	extension := func(id, file string) []place {
		var places []place
		for _, program := range []string{"Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf"} {
			places = append(places, place{"", "{appData}/" + program + "/User/globalStorage/" + id, file})
		}
		return append(places,
			place{"linux", "~/.var/app/com.visualstudio.code/config/Code/User/globalStorage/" + id, file},
			place{"", "~/.vscode-server/data/User/globalStorage/" + id, file},
			place{"", "~/.cursor-server/data/User/globalStorage/" + id, file},
		)
	}
	vscode := func(id, title, program, product, flatpak string, keeps ...string) Editor {
		return Editor{
			ID: id, Title: title, program: program, keeps: keeps,
			Key: "servers", project: []string{".vscode/mcp.json"}, clients: []string{"visual studio code"},
			places: []place{
				{"", "{appData}/" + product, "User/mcp.json"},
				{"", "{appData}/" + product + "/User/profiles/*", "mcp.json"},
				{"linux", "~/.var/app/" + flatpak, "config/" + product + "/User/mcp.json"},
				{"linux", "~/.var/app/" + flatpak + "/config/" + product + "/User/profiles/*", "mcp.json"},
			},
			// VS Code would pass the variable; the reference says in the file where the key comes from.
			shape: standard(stdio), refer: "${env:NAME}", always: true, Prompts: true, passes: rule{expand: foldersExpand, unseen: vscodeAsks},
			off: vscodeOff(product), reads: []readFile{{".mcp.json", "claude-code"}}, Dock: true,
			Facts: "measured with 1.139 (code-server) on 2026-11-28",
		}
	}
	editors := []Editor{
		{
			ID: "claude-code", Title: "Claude Code", program: "claude", Key: "mcpServers", project: []string{".mcp.json"},
			keeps:  []string{"~/.claude/settings.json", "~/.claude/settings.local.json"},
			places: []place{{"", "${CLAUDE_CONFIG_DIR:-~/.claude}", "${CLAUDE_CONFIG_DIR:-~}/.claude.json"}},
			local:  "projects", shape: standard(stdio), refer: "${NAME}",
			passes: rule{keep: claudeKeeps, expand: claudeExpand, set: []string{"CLAUDECODE=1"}},
			off:    claudeOff, upwards: true,
			Waits:  "30 seconds for a start (`MCP_TIMEOUT`); `MCP_TOOL_TIMEOUT` says how long a tool may run",
			inTeam: "Claude Code asks each member once before it starts a project's server",
			Facts:  "measured with 2.1.330 on 2026-11-23",
		},
		{
			ID: "claude-desktop", Title: "Claude Desktop", clients: []string{"claude"}, Key: "mcpServers",
			keeps: []string{"claude_desktop_config.json"},
			places: []place{
				{"", "{appData}/Claude", "claude_desktop_config.json"},
				// A package (MSIX) has a folder of its own in place of APPDATA.
				{"windows", "{localAppData}/Packages/Claude_*", "LocalCache/Roaming/Claude/claude_desktop_config.json"},
			},
			// Of the shell's variables it takes PATH; the rest of the SDK's list comes from the system.
			shape: standard(), passes: rule{keep: sdkKeeps, replaces: "windows"},
			Waits: "4 minutes for a tool",
			note:  "restart Claude Desktop",
			Dock:  true,
			Facts: "its documentation at modelcontextprotocol.io (connect-local-servers, debugging) and issues of anthropics/claude-code, looked up on 2026-11-23",
		},
		{
			ID: "cursor", Title: "Cursor", program: "cursor", Key: "mcpServers", project: []string{".cursor/mcp.json"},
			places: []place{{"", "~/.cursor", "mcp.json"}},
			// Started from a dock, Cursor has no shell's variables: the reference then is empty, not wrong.
			shape: standard(stdio), refer: "${env:NAME}", always: true, passes: rule{expand: foldersExpand},
			Dock:  true,
			Facts: "cursor.com/docs/mcp, looked up on 2026-11-23",
		},
		vscode("vscode", "VS Code", "code", "Code", "com.visualstudio.code", ".vscode/settings.json", "User/mcp.json", "User/profiles/*/mcp.json", "*.code-workspace"),
		vscode("vscode-insiders", "VS Code Insiders", "code-insiders", "Code - Insiders", "com.visualstudio.code.insiders"),
		{
			ID: "windsurf", Title: "Windsurf", clients: []string{"codeium"}, program: "windsurf", Key: "mcpServers",
			keeps:  []string{"~/.codeium/mcp_config.json", "mcp_config.json"},
			places: []place{{"", "~/.codeium/windsurf", "mcp_config.json"}},
			// What Windsurf passes by itself is written nowhere.
			shape: standard(), refer: "${env:NAME}", passes: rule{keep: sdkKeeps, expand: windsurfExpand},
			Dock:  true,
			Facts: "docs.windsurf.com, looked up on 2026-11-23",
		},
		{
			ID: "zed", Title: "Zed", program: "zed", Key: "context_servers",
			places: []place{
				{"windows", "{appData}/Zed", "settings.json"},
				{"darwin", "~/.config/zed", "settings.json"}, // whatever XDG_CONFIG_HOME says
				{"linux", "{config}/zed", "settings.json"},
				{"linux", "~/.var/app/dev.zed.Zed*", "config/zed/settings.json"},
			},
			shape: Object{{"source", "custom"}, {"command", partCommand}, {"args", partArgsAlways}, {"env", partEnv}}, passes: rule{},
			Waits: "60 seconds for each answer, those of tools included",
			off:   zedOff, reads: []readFile{{name: ".zed/settings.json"}},
			note:  "started from a dock, Zed does not see the variables of your shell: keep the key with leadmagic-mcp-proxy login",
			Dock:  true,
			Facts: "its source (crates/context_server), looked up on 2026-11-23",
		},
		{
			ID: "gemini", Title: "Gemini CLI", program: "gemini", Key: "mcpServers", project: []string{".gemini/settings.json"},
			keeps:  []string{"~/.gemini/.env"},
			places: []place{{"", "${GEMINI_CLI_HOME:-~}/.gemini", "settings.json"}},
			shape:  standard(), refer: "$NAME",
			passes: rule{keep: geminiKeeps, expand: shellExpand, set: []string{"GEMINI_CLI=1"}},
			off:    geminiOff,
			Waits:  "10 minutes for a start and for a tool (`timeout`)",
			note:   "Gemini CLI starts servers in trusted folders only",
			Facts:  "measured with 0.61.0 on 2026-11-23",
		},
		{
			ID: "codex", Title: "Codex", program: "codex", Key: "mcp_servers", project: []string{".codex/config.toml"},
			places: []place{{"", "${CODEX_HOME:-~/.codex}", "config.toml"}},
			format: tomlFormat{}, shape: Object{{"command", partCommand}, {"args", partArgs}, {"env_vars", partPass}, {"env", partEnv}}, lists: true, passes: rule{keep: codexKeeps}, upwards: true,
			Waits:  "30 seconds for a start (`startup_timeout_sec`), 5 minutes for a tool (`tool_timeout_sec`)",
			inTeam: "Codex reads a project's file in trusted projects only",
			Facts:  "measured with 0.169.0 on 2026-11-23",
		},
		{
			ID: "copilot-cli", Title: "Copilot CLI", clients: []string{"copilot"}, program: "copilot", Key: "mcpServers", project: []string{".github/mcp.json"},
			keeps:  []string{"mcp-config.json"},
			places: []place{{"", "${COPILOT_HOME:-~/.copilot}", "mcp-config.json"}},
			shape:  append(standard(Member{"type", "local"}), Member{"tools", []any{"*"}}), refer: "${NAME}", passes: rule{expand: copilotExpand},
			off: copilotOff, reads: []readFile{{name: ".mcp.json"}}, upwards: true,
			inTeam: "Copilot CLI reads a project's file in trusted folders only",
			Facts:  "measured with 1.0.102 on 2026-11-23",
		},
		{
			ID: "cline", Title: "Cline (VS Code extension)", Key: "mcpServers", second: "cline-cli",
			keeps:  []string{"cline_mcp_settings.json"},
			places: extension("saoudrizwan.claude-dev", "settings/cline_mcp_settings.json"),
			shape:  standard(stdio), refer: "${env:NAME}", passes: rule{keep: sdkKeeps, expand: prefixedExpand},
			Dock:  true,
			Facts: "its source (McpHub.ts), looked up on 2026-11-23",
		},
		{
			ID: "cline-cli", Title: "Cline CLI", program: "cline", Key: "mcpServers",
			places: []place{{"", "~/.cline", "data/settings/cline_mcp_settings.json"}},
			shape:  Object{{"transport", standard(stdio)}}, passes: rule{},
			Facts: "measured with 3.0.65 on 2026-11-23",
		},
		{
			ID: "opencode", Title: "opencode", program: "opencode", Key: "mcp", newer: "servers", project: []string{"opencode.jsonc", "opencode.json"},
			places: []place{{"", "{config}/opencode", "opencode.jsonc|opencode.json"}},
			shape:  opencode, refer: "{env:NAME}", passes: rule{expand: opencodeExpand, set: []string{"OPENCODE=1"}},
			off: opencodeOff("opencode"), upwards: true,
			Waits: "30 seconds for a start (`timeout`)",
			Facts: "measured with 1.18.33 on 2026-11-23",
		},
		{
			ID: "kiro", Title: "Kiro", program: "kiro", Key: "mcpServers", project: []string{".kiro/settings/mcp.json"},
			places: []place{{"", "~/.kiro", "settings/mcp.json"}},
			// What Kiro passes by itself is written nowhere.
			shape: standard(), refer: "${NAME}", passes: rule{keep: sdkKeeps, expand: bracedExpand}, Dock: true,
			note:  "not every version of Kiro fills a variable in: if the key does not arrive, keep it with leadmagic-mcp-proxy login",
			Facts: "kiro.dev/docs/mcp/configuration, and issues 3152 and 5060 of kirodotdev/Kiro, looked up on 2026-11-29",
		},
		{
			ID: "goose", Title: "Goose", program: "goose", Key: "extensions", format: yamlFormat{},
			places: []place{{"windows", "{appData}/Block/goose", "config/config.yaml"}, {"linux", "{config}/goose", "config.yaml"}, {"darwin", "{config}/goose", "config.yaml"}},
			// Goose does not start what has a name in env_keys that neither its environment nor its keychain has.
			shape: Object{{"name", partName}, {"type", "stdio"}, {"cmd", partCommand}, {"args", partArgsAlways}, {"enabled", true}, {"envs", partEnv}, {"timeout", 300}}, passes: rule{}, Dock: true,
			Waits: "5 minutes for a start and for a tool (`timeout`)",
			note:  "started from a dock, Goose does not see the variables of your shell: keep the key with leadmagic-mcp-proxy login",
			Facts: "its source (crates/goose/src/agents/extension_manager, config/paths.rs), looked up on 2026-11-29",
		},
		{
			ID: "lm-studio", Title: "LM Studio", program: "lms", Key: "mcpServers",
			places: []place{{"", "~/.lmstudio", "mcp.json"}, {"", "~/.cache/lm-studio", "mcp.json"}},
			// Its documentation names Cursor's form, and says nothing of references or of what it passes.
			shape: standard(), passes: rule{keep: sdkKeeps}, Dock: true,
			Facts: "lmstudio.ai/docs/app/mcp, looked up on 2026-11-29",
		},
		{
			ID: "crush", Title: "Crush", program: "crush", Key: "mcp", project: []string{"crush.json", ".crush.json"},
			keeps:  []string{"~/.config/crush/crushrc", "crushrc", ".crushrc"},
			places: []place{{"", "${CRUSH_GLOBAL_CONFIG:-{config}/crush}", "crush.json"}},
			shape:  standard(stdio), refer: "$NAME", passes: rule{expand: shellExpand, unseen: crushRuns}, upwards: true,
			reads: []readFile{{name: "crush.json"}, {name: ".crush.json"}},
			Waits: "10 seconds for a start (`timeout`)",
			Facts: "its source (internal/config, internal/agent/tools/mcp) of 2026-08-21, looked up on 2026-11-29",
		},
		{
			ID: "continue", Title: "Continue", program: "cn", Key: "mcpServers", format: yamlFormat{list: true, head: "name: My config\nversion: 1.0.0\nschema: v1\n"},
			keeps:  []string{"~/.continue/.env"},
			places: []place{{"", "${CONTINUE_GLOBAL_DIR:-~/.continue}", "config.yaml"}},
			// Its command passes all, its extensions do not; neither starts a server with a reference that it cannot fill in.
			shape: standard(), passes: rule{keep: sdkKeeps, expand: continueExpand}, Dock: true,
			reads: []readFile{{name: ".continue/mcpServers/*.yaml"}, {name: ".continue/mcpServers/*.yml"}, {".continue/mcpServers/*.json", "claude-code"}},
			Waits: "20 seconds for a start (`connectionTimeout`)",
			Facts: "its command measured with 1.5.47 on 2026-11-29; its extensions from their source (core/context/mcp) of 2026-06-18",
		},
		{
			ID: "qwen", Title: "Qwen Code", program: "qwen", Key: "mcpServers", project: []string{".qwen/settings.json"},
			places: []place{{"", "${QWEN_HOME:-~/.qwen}", "settings.json"}},
			shape:  standard(), refer: "$NAME", passes: rule{expand: qwenExpand},
			inTeam: "Qwen Code starts a project's server when you have approved it: qwen mcp approve leadmagic",
			Facts:  "measured with 0.24.4 on 2026-11-29",
		},
		{
			ID: "kilo", Title: "Kilo Code", program: "kilo", Key: "mcp", project: []string{".kilo/kilo.jsonc", ".kilo/kilo.json", "kilo.jsonc", "kilo.json"},
			places: []place{{"", "{config}/kilo", "kilo.jsonc|kilo.json"}},
			shape:  opencode, refer: "{env:NAME}", passes: rule{expand: opencodeExpand, set: []string{"KILO=1", "OPENCODE=1"}},
			off: opencodeOff("kilo"),
			reads: []readFile{
				{name: ".kilo/kilo.jsonc"},
				{name: ".kilo/kilo.json"},
				{name: ".kilocode/kilo.jsonc"},
				{name: ".kilocode/kilo.json"},
				{name: "kilo.jsonc"},
				{name: "kilo.json"},
				{name: "opencode.jsonc"},
				{name: "opencode.json"},
				{".kilocode/mcp.json", "roo-code"},
			}, upwards: true,
			Facts: "measured with 7.7.9 on 2026-11-29",
		},
		{
			ID: "amp", Title: "Amp", program: "amp", Key: "amp.mcpServers", project: []string{".amp/settings.json"},
			places: []place{{"", "{config}/amp", "${AMP_SETTINGS_FILE:-{config}/amp/settings.json}"}},
			shape:  standard(), refer: "${NAME}", passes: rule{expand: bracedExpand},
			inTeam: "Amp starts a project's server when you have approved it: amp mcp approve leadmagic",
			Facts:  "measured with 0.0.1790142911 on 2026-11-29",
		},
		{
			ID: "auggie", Title: "Auggie", program: "auggie", Key: "mcpServers", project: []string{".augment/settings.json"},
			places: []place{{"", "~/.augment", "settings.json"}},
			// It would fill in ${NAME}, but does not start a server with one that is not set.
			shape: standard(), passes: rule{keep: sdkKeeps, expand: claudeExpand}, reads: []readFile{{name: ".augment/settings.local.json"}},
			Facts: "its bundle, version 0.36.0, looked up on 2026-11-29",
		},
		{
			ID: "antigravity", Title: "Antigravity", program: "antigravity", Key: "mcpServers",
			places: []place{{"", "~/.gemini/config", "mcp_config.json"}, {"", "~/.gemini/antigravity", "mcp_config.json"}},
			// What it passes and fills in is written nowhere.
			shape: standard(), passes: rule{keep: sdkKeeps}, Dock: true,
			reads: []readFile{{name: ".agents/mcp_config.json"}, {name: ".agent/mcp_config.json"}},
			Facts: "add-mcp 2.4.0 and issues of jgravelle/jcodemunch-mcp for the place, looked up on 2026-11-29",
		},
		{
			ID: "visual-studio", Title: "Visual Studio", Key: "servers", project: []string{".mcp.json"},
			places: []place{{"windows", "{localAppData}/Microsoft/VisualStudio", "~/.mcp.json"}},
			// What it passes and fills in, but for what it asks for, is written nowhere.
			shape: standard(stdio), Prompts: true, passes: rule{keep: sdkKeeps, unseen: vscodeAsks}, Dock: true,
			reads: []readFile{{name: ".vs/mcp.json"}, {name: ".vscode/mcp.json"}, {".cursor/mcp.json", "cursor"}},
			note:  "enable its tools in the chat window: Visual Studio leaves new ones off",
			Facts: "learn.microsoft.com/visualstudio/ide/mcp-servers, looked up on 2026-11-29",
		},
		{
			ID: "junie", Title: "Junie", program: "junie", Key: "mcpServers", project: []string{".junie/mcp/mcp.json"},
			places: []place{{"", "~/.junie", "mcp/mcp.json"}},
			// What it passes and fills in is written nowhere.
			shape: standard(), passes: rule{keep: sdkKeeps}, Dock: true,
			Facts: "jetbrains.com/help/junie/model-context-protocol-mcp.html, looked up on 2026-11-29",
		},
		{
			ID: "roo-code", Title: "Roo Code", Key: "mcpServers", project: []string{".roo/mcp.json"}, clients: []string{"roo code"},
			keeps:  []string{"mcp_settings.json"},
			places: extension("rooveterinaryinc.roo-cline", "settings/mcp_settings.json"),
			shape:  standard(stdio), refer: "${env:NAME}", passes: rule{keep: sdkKeeps, expand: rooExpand}, Dock: true,
			Waits: "60 seconds for a tool (`timeout`)",
			Facts: "its source (src/services/mcp/McpHub.ts, src/utils/config.ts) of 2026-04-14, looked up on 2026-11-29",
		},
		{
			ID: "droid", Title: "Factory Droid", program: "droid", clients: []string{"factory cli"}, Key: "mcpServers", project: []string{".factory/mcp.json"},
			places: []place{{"", "${FACTORY_HOME_OVERRIDE:-~}/.factory", "mcp.json"}},
			// It passes all, and does not start a server with a reference to a variable that is not set.
			shape: standard(stdio), passes: rule{expand: claudeExpand},
			Facts: "measured with 0.215.0 on 2026-11-29",
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
	return Editor{ID: "generic", Title: "other editors", Key: "mcpServers", format: jsonFormat{}, shape: standard()}
}

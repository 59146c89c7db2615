package editor

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

func TestWhatAnEditorsSettingsSwitchOff(t *testing.T) {
	tests := []struct {
		name, id string
		scope    Scope
		files    map[string]string // by their names below the home folder, or below the project with ./
		want     string            // part of what is said, empty if the server is on
	}{
		{"Gemini without lists", "gemini", User, map[string]string{".gemini/settings.json": `{}`}, ""},
		{"Gemini excludes it, in any case", "gemini", User, map[string]string{".gemini/settings.json": `{"mcp":{"excluded":["x"," LeadMagic"]}}`}, "mcp.excluded in HOME/.gemini/settings.json names it"},
		{"Gemini excludes another", "gemini", User, map[string]string{".gemini/settings.json": `{"mcp":{"excluded":["leadmagic2"]}}`}, ""},
		{"Gemini allows others alone", "gemini", Project, map[string]string{"./.gemini/settings.json": `{"mcp":{"allowed":["github"]}}`}, "mcp.allowed in PROJECT/.gemini/settings.json does not name it"},
		{"Gemini allows it", "gemini", User, map[string]string{".gemini/settings.json": `{"mcp":{"allowed":["github","leadmagic"]}}`}, ""},
		{"an empty list allows all", "gemini", User, map[string]string{".gemini/settings.json": `{"mcp":{"allowed":[]}}`}, ""},
		{"the project's list comes after the user's", "gemini", User, map[string]string{".gemini/settings.json": `{"mcp":{"allowed":["x"]}}`, "./.gemini/settings.json": `{"mcp":{"allowed":["leadmagic"]}}`}, ""},
		{"gemini mcp disable", "gemini", User, map[string]string{".gemini/mcp-server-enablement.json": `{"leadmagic":{"enabled":false}}`}, "mcp-server-enablement.json says so"},
		{"gemini mcp enable", "gemini", User, map[string]string{".gemini/mcp-server-enablement.json": `{"leadmagic":{"enabled":true}}`}, ""},
		{"Gemini without MCP", "gemini", User, map[string]string{".gemini/settings.json": `{"admin":{"mcp":{"enabled":false}}}`}, "admin.mcp.enabled in"},

		{"Claude Code rejects a project's server", "claude-code", Project, map[string]string{".claude/settings.json": `{"disabledMcpjsonServers":["leadmagic"]}`}, "disabledMcpjsonServers in HOME/.claude/settings.json names it"},
		{"in the project's settings", "claude-code", Project, map[string]string{"./.claude/settings.local.json": `{"disabledMcpjsonServers":["leadmagic"],"enableAllProjectMcpServers":true}`}, "PROJECT/.claude/settings.local.json"},
		{"in what it keeps for the folder", "claude-code", Project, map[string]string{".claude.json": `{"projects":{"PROJECT":{"disabledMcpjsonServers":["leadmagic"]}}}`}, "HOME/.claude.json"},
		{"a user's server is none of the project's", "claude-code", User, map[string]string{".claude/settings.json": `{"disabledMcpjsonServers":["leadmagic"],"enabledMcpjsonServers":["x"]}`}, ""},
		{"Claude Code approves others alone", "claude-code", Project, map[string]string{"./.claude/settings.json": `{"enabledMcpjsonServers":["github"]}`}, "enabledMcpjsonServers in PROJECT/.claude/settings.json does not name it"},
		{"Claude Code approves it elsewhere", "claude-code", Project, map[string]string{"./.claude/settings.json": `{"enabledMcpjsonServers":["github"]}`, ".claude/settings.json": `{"enabledMcpjsonServers":["leadmagic"]}`}, ""},
		{"Claude Code approves all", "claude-code", Project, map[string]string{"./.claude/settings.json": `{"enabledMcpjsonServers":["github"],"enableAllProjectMcpServers":true}`}, ""},
		{"Claude Code has been asked for nothing", "claude-code", Project, map[string]string{"./.claude/settings.json": `{}`}, ""},
		{"/mcp disable", "claude-code", User, map[string]string{".claude.json": `{"projects":{"PROJECT":{"disabledMcpServers":["leadmagic"]}}}`}, "disabledMcpServers for this folder"},
		{"/mcp disable in another folder", "claude-code", User, map[string]string{".claude.json": `{"projects":{"/elsewhere":{"disabledMcpServers":["leadmagic"]}}}`}, ""},
		{"Claude Code denies it", "claude-code", User, map[string]string{".claude/settings.json": `{"deniedMcpServers":[{"serverName":"leadmagic"}]}`}, "deniedMcpServers in"},
		{"Claude Code allows others", "claude-code", User, map[string]string{".claude/settings.json": `{"allowedMcpServers":[{"serverName":"x"}]}`}, "allowedMcpServers in"},
		{"it may be allowed by its command", "claude-code", User, map[string]string{".claude/settings.json": `{"allowedMcpServers":[{"serverName":"x"},{"serverCommand":["leadmagic-mcp-proxy"]}]}`}, ""},

		{"VS Code starts none", "vscode", User, map[string]string{".config/Code/User/settings.json": "{\n// all of them\n\"chat.mcp.access\": \"none\",}"}, "chat.mcp.access in HOME/.config/Code/User/settings.json is none"},
		{"VS Code starts none in this folder", "vscode", Project, map[string]string{"./.vscode/settings.json": `{"chat":{"mcp.enabled":false}}`}, "chat.mcp.enabled in PROJECT/.vscode/settings.json is false"},
		{"VS Code without AI", "vscode", User, map[string]string{".config/Code/User/settings.json": `{"chat.disableAIFeatures":true}`}, "chat.disableAIFeatures in HOME/.config/Code/User/settings.json is true"},
		{"VS Code with a setting that has no dot where one is due", "vscode", User, map[string]string{".config/Code/User/settings.json": `{"cha":{".mcp.access":"none"},"chat.":{"mcp.access":"none"}}`}, ""},
		{"VS Code with a setting in two parts", "vscode", User, map[string]string{".config/Code/User/settings.json": `{"chat.mcp":{"access":"none"}}`}, "chat.mcp.access in"},
		{"VS Code with AI", "vscode", User, map[string]string{".config/Code/User/settings.json": `{"chat":{"disableAIFeatures":false}}`}, ""},
		{"Kilo Code hides its tools", "kilo", User, map[string]string{".config/kilo/kilo.jsonc": `{"tools":{"leadmagic_*":false}}`}, "tools in HOME/.config/kilo/kilo.jsonc"},
		{"/mcp disable of Copilot CLI, as it was kept before", "copilot-cli", User, map[string]string{".copilot/config.json": `{"disabledMcpServers":["x","leadmagic"]}`}, "disabledMcpServers in HOME/.copilot/config.json"},
		{"Claude Code allows it", "claude-code", User, map[string]string{".claude/settings.json": `{"allowedMcpServers":[{"serverName":"leadmagic"},{"serverName":"x"}]}`}, ""},
		{"Claude Code allows none", "claude-code", User, map[string]string{".claude/settings.json": `{"allowedMcpServers":[]}`}, "allowedMcpServers in"},
		{"VS Code starts all", "vscode", User, map[string]string{".config/Code/User/settings.json": `{"chat.mcp.access":"all"}`}, ""},
		{"another VS Code starts none", "vscode-insiders", User, map[string]string{".config/Code/User/settings.json": `{"chat.mcp.access":"none"}`}, ""},
		{"Zed without an agent", "zed", User, map[string]string{".config/zed/settings.json": `{"disable_ai":true}`}, "disable_ai in"},
		{"Copilot CLI", "copilot-cli", User, map[string]string{".copilot/settings.json": `{"disabledMcpServers":["leadmagic"]}`}, "disabledMcpServers in"},
		{"opencode hides its tools", "opencode", Project, map[string]string{"./opencode.json": `{"tools":{"leadmagic*":false}}`}, "tools in PROJECT/opencode.json"},
		{"opencode hides those of another", "opencode", User, map[string]string{"./opencode.json": `{"tools":{"github*":false,"leadmagic*":true}}`}, ""},
		{"Cursor keeps that to itself", "cursor", User, nil, ""},
		{"settings with a byte order mark", "gemini", User, map[string]string{".gemini/settings.json": "\ufeff" + `{"mcp":{"excluded":["leadmagic"]}}`}, "mcp.excluded in"},
		{"settings that are a folder", "gemini", User, map[string]string{".gemini/settings.json/x": ""}, ""},
		{"settings that are none", "claude-code", Project, map[string]string{".claude.json": `{"projects":[]}`, ".claude/settings.json": `{"disabledMcpjsonServers":5,`, "./.claude/settings.json": `[]`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home, project := t.TempDir(), t.TempDir()
			s := System{GOOS: "linux", Folder: project, Getenv: func(name string) string { return map[string]string{"HOME": home}[name] }}
			quoted, _ := json.Marshal(file.Real(s.Folder))
			for name, text := range tt.files {
				folder := home
				if rest, ok := strings.CutPrefix(name, "./"); ok {
					folder, name = project, rest
				}
				put(t, filepath.Join(folder, filepath.FromSlash(name)), strings.ReplaceAll(text, `"PROJECT"`, string(quoted)))
			}
			got := strings.NewReplacer(home, "HOME", project, "PROJECT", `\`, "/").Replace(lookup(t, tt.id).Off(s, tt.scope, Name))
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

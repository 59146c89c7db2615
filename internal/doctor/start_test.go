package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// projectFiles are a server's entry in the project file of each editor that has one.
func projectFiles(command, path string) map[string]string {
	standard := `{"mcpServers":{"leadmagic":{"command":"` + command + `","env":{"PATH":"` + path + `"}}}}`
	return map[string]string{
		"claude-code": "./.mcp.json\n" + standard,
		"cursor":      "./.cursor/mcp.json\n" + standard,
		"vscode":      "./.vscode/mcp.json\n" + strings.Replace(standard, "mcpServers", "servers", 1),
		"gemini":      "./.gemini/settings.json\n" + standard,
		"codex":       "./.codex/config.toml\n[mcp_servers.leadmagic]\ncommand = '" + command + "'\nenv = {PATH = '" + path + "'}\n",
		"copilot-cli": "./.github/mcp.json\n" + standard,
		"opencode":    "./opencode.json\n" + `{"mcp":{"leadmagic":{"type":"local","command":["` + command + `"],"environment":{"PATH":"` + path + `"}}}}`,
	}
}

// Whatever a project's file says, no program of the project's is started.
func TestNoProgramOfAProjectIsStarted(t *testing.T) {
	for _, tt := range []struct{ name, command, path string }{
		{"a PATH of the entry's own", "leadmagic-mcp-proxy", "FOLDER/bin"},
		{"a PATH through a link", "leadmagic-mcp-proxy", "FOLDER/link"},
		{"a relative PATH", "leadmagic-mcp-proxy", "bin"},
		{"a relative command", "./bin/leadmagic-mcp-proxy", ""},
		{"a command with its whole path", "FOLDER/bin/leadmagic-mcp-proxy", ""},
		{"a command through a link", "FOLDER/link/leadmagic-mcp-proxy", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for id := range projectFiles("", "") {
				d := newDoctor(t, key)
				d.write(t, "./bin/leadmagic-mcp-proxy", "")
				if err := os.Symlink(filepath.Join(d.System.Folder, "bin"), filepath.Join(d.System.Folder, "link")); err != nil {
					t.Skip(err) //nolint:forbidigo // Windows lets few make links
				}
				fill := strings.NewReplacer("FOLDER", filepath.ToSlash(d.System.Folder))
				name, text, _ := strings.Cut(projectFiles(fill.Replace(tt.command), fill.Replace(tt.path))[id], "\n")
				d.write(t, name, text)
				d.Named = true
				d.VersionOf = func(_ context.Context, file string) (string, error) {
					t.Errorf("%s: %s is started", id, file)
					return d.Version, nil
				}
				c := find(t, d.examineEditors(t, id), id+" project command")
				if c.Status != Warn && c.Status != Fail {
					t.Errorf("%s: got %s, %s", id, c.Status, c.Detail)
				}
			}
		})
	}
}

// A PATH of the shell's own may lead into the folder, too, and so may an entry of the user's.
func TestAProgramInThisFolderIsNotStarted(t *testing.T) {
	d := newDoctor(t, key)
	top := d.System.Folder
	program := d.write(t, "./bin/leadmagic-mcp-proxy", "")
	d.write(t, "./.git/HEAD", "")
	d.write(t, "./below/.git/HEAD", "") // a repository in the repository
	d.System.Folder = filepath.Join(top, "below")
	outside := d.write(t, "bin/other", "")
	link := filepath.Join(filepath.Dir(outside), "leadmagic-mcp-proxy")
	if err := os.Symlink(program, link); err != nil {
		t.Skip(err) //nolint:forbidigo // Windows lets few make links
	}
	d.VersionOf = func(_ context.Context, file string) (string, error) {
		t.Errorf("%s is started", file)
		return d.Version, nil
	}
	for _, dir := range []string{filepath.Dir(program), filepath.Dir(link), ".", "", "bin", "../bin"} {
		d.System.Getenv = lookup("linux", append(d.Environ, "PATH="+dir))
		d.write(t, ".cursor/mcp.json", `{"mcpServers":{"leadmagic":{"command":"`+filepath.ToSlash(program)+`"}}}`)
		checks := d.Examine(t.Context()).Checks
		expect(t, checks, "cursor command", Warn, "lies in this folder or its repository, and was not started", "install cursor")
		if filepath.IsAbs(dir) {
			expect(t, checks, "program", Warn, "lies in this folder or its repository, and was not started", "take that folder off the PATH")
		} else {
			expect(t, checks, "program", Warn, "is not on the PATH", "")
		}
	}

	d.Executable = program // this very program needs no start
	expect(t, d.Examine(t.Context()).Checks, "cursor command", OK, "version 1.2.3", "")
}

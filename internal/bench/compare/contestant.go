package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// key is invented.
const key = "lm_canary_5f1c0e9a7b3d2468"

// A contestant is a program that an editor may start.
type contestant struct {
	name, version string
	// command is what to start for an endpoint.
	command func(ctx context.Context, endpoint string) *exec.Cmd
}

// contestants are this program, the relay, and of the others those that are installed below a folder.
func contestants(ctx context.Context, binary, relay, folder, scratch string) []contestant {
	env := func(cmd *exec.Cmd, more ...string) *exec.Cmd {
		cmd.Env = append([]string{
			"PATH=" + filepath.Dir(nodePath()) + string(os.PathListSeparator) + "/usr/bin:/bin",
			"HOME=" + scratch, "USERPROFILE=" + scratch, "LEADMAGIC_API_KEY=" + key,
		}, more...)
		return cmd
	}
	list := []contestant{
		{name: "leadmagic-mcp-proxy", version: versionOf(ctx, binary), command: func(ctx context.Context, endpoint string) *exec.Cmd {
			return env(exec.CommandContext(ctx, binary), "LEADMAGIC_MCP_URL="+endpoint)
		}},
		{name: "bare relay", command: func(ctx context.Context, endpoint string) *exec.Cmd {
			return env(exec.CommandContext(ctx, relay), "LEADMAGIC_MCP_URL="+endpoint)
		}},
	}
	if folder == "" || nodePath() == "" {
		return list
	}
	for _, other := range []struct {
		name string
		args func(endpoint string) []string
	}{
		{"mcp-remote", func(endpoint string) []string {
			return []string{endpoint, "--allow-http", "--transport", "http-only", "--header", "x-leadmagic-key:${LEADMAGIC_API_KEY}"}
		}},
		{"supergateway", func(endpoint string) []string {
			return []string{"--streamableHttp", endpoint, "--header", "x-leadmagic-key: " + key, "--logLevel", "none"}
		}},
	} {
		script, version, err := installed(folder, other.name)
		if err != nil {
			continue
		}
		list = append(list, contestant{name: other.name, version: version, command: func(ctx context.Context, endpoint string) *exec.Cmd {
			// The script itself, since npx would first look for it.
			return env(exec.CommandContext(ctx, nodePath(), append([]string{script}, other.args(endpoint)...)...))
		}})
	}
	return list
}

// installed is the script of a package and its version.
func installed(folder, name string) (script, version string, err error) {
	dir := filepath.Join(folder, "node_modules", name)
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return "", "", err
	}
	var manifest struct {
		Version string            `json:"version"`
		Bin     map[string]string `json:"bin"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", "", fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	if manifest.Bin[name] == "" {
		return "", "", errors.New(name + " has no program")
	}
	return filepath.Join(dir, filepath.FromSlash(manifest.Bin[name])), manifest.Version, nil
}

// nodePath is Node's program, or empty.
func nodePath() string {
	file, err := exec.LookPath("node")
	if err != nil {
		return ""
	}
	return file
}

func versionOf(ctx context.Context, binary string) string {
	text, err := exec.CommandContext(ctx, binary, "version").Output()
	if words := strings.Fields(string(text)); err == nil && len(words) > 1 {
		return words[1]
	}
	return ""
}

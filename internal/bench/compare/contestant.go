package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// key is the sandbox's own; it is invented.
const key = "lm_sandbox_0000000000000000"

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

// A server is a sandbox that runs as a process of its own.
type server struct {
	url string
	cmd *exec.Cmd
	end context.CancelFunc
}

// startSandbox starts the sandbox of the program, with more options.
func startSandbox(ctx context.Context, binary string, more ...string) (*server, error) {
	ctx, end := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, binary, append([]string{"sandbox", "--bench"}, more...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	s := &server{cmd: cmd, end: end}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, s.url, _ = strings.Cut(line, "LEADMAGIC_API_URL=")
	s.url, _, _ = strings.Cut(s.url, " ")
	if err != nil || s.url == "" {
		s.stop()
		return nil, fmt.Errorf("the sandbox said %q, not where it is", line)
	}
	return s, nil
}

func (s *server) endpoint() string { return s.url + "/mcp" }

func (s *server) stop() {
	s.end()
	_ = s.cmd.Wait()
}

package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestMain has this test's own executable be the program where it has the program's name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"leadmagic-mcp-proxy": func() {
		os.Exit(cli.Run(context.Background(), &cli.Env{
			Getenv: os.Getenv, Environ: os.Environ, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: "test",
		}, os.Args[1:]))
	}})
}

// What an installer of bundles does: unpack, put the user's answers into the variables,
// start the command with nothing else of the environment, and speak MCP to it. The
// sandbox answers nobody without the key.
func TestABundleStartsASession(t *testing.T) {
	leadmagic, err := faults.Start(faults.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer leadmagic.Close()
	t.Chdir("../..")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	built := artifact{OS: runtime.GOOS, Arch: runtime.GOARCH, Path: self}
	file, dir := filepath.Join(t.TempDir(), "bundle.mcpb"), t.TempDir()
	if _, err := writeBundle(file, "1.2.3", built, nil); err != nil {
		t.Fatal(err)
	}
	unpack(t, file, dir)

	var m struct {
		Server struct {
			Config struct {
				Command string
				Args    []string
				Env     map[string]string
			} `json:"mcp_config"`
		}
	}
	if err := json.Unmarshal(read(t, filepath.Join(dir, "manifest.json")), &m); err != nil {
		t.Fatal(err)
	}
	answers := strings.NewReplacer("${__dirname}", dir, "${user_config.api_key}", sandbox.Key)
	cmd := exec.CommandContext(t.Context(), answers.Replace(m.Server.Config.Command), m.Server.Config.Args...)
	cmd.Env = []string{"LEADMAGIC_MCP_URL=" + leadmagic.URL + "/mcp"}
	for name, value := range m.Server.Config.Env {
		cmd.Env = append(cmd.Env, name+"="+answers.Replace(value))
	}

	checkCredits(t, cmd)
}

// checkCredits has a tool called in a session with what cmd starts.
func checkCredits(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "claude-ai", Version: "0.1.0"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if list, err := session.ListTools(t.Context(), nil); err != nil || len(list.Tools) < 10 {
		t.Errorf("listing the tools gives %v, %v", list, err)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "check_credits"})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, c := range result.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	if result.IsError || !strings.Contains(text, "credits") {
		t.Errorf("check_credits gives isError %t and %q, want a balance", result.IsError, text)
	}
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, f.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

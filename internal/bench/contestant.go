package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// key is invented.
const key = "lm_canary_5f1c0e9a7b3d2468"

// A contestant is a program that an editor may start, and how it did. Numbers are in milliseconds and megabytes (10^6), except
// for calls per second; 0 is not known.
type contestant struct {
	Name    string                `json:"name"`
	Version string                `json:"version,omitempty"`
	Numbers map[string]float64    `json:"numbers"`
	Ratios  map[string][3]float64 `json:"ratios"` // to the relay in the same turn: first quartile, median, third quartile
	Probes  map[string]string     `json:"probes"` // what becomes of a call when something goes wrong

	command func(ctx context.Context, endpoint string) *exec.Cmd
	times   map[string][]float64 // in milliseconds, by turn
}

// contestants are this program, the relay, and of the others those that are installed below a folder.
func contestants(ctx context.Context, binary, relay, folder, scratch string) ([]*contestant, error) {
	node, _ := exec.LookPath("node") // without it there are no others
	add := func(name, version string, args func(endpoint string) []string) *contestant {
		return &contestant{
			Name: name, Version: version, Numbers: make(map[string]float64), times: make(map[string][]float64),
			command: func(ctx context.Context, endpoint string) *exec.Cmd {
				line := args(endpoint)
				cmd := exec.CommandContext(ctx, line[0], line[1:]...)
				cmd.Env = []string{
					"PATH=" + filepath.Dir(node) + string(os.PathListSeparator) + "/usr/bin:/bin", "HOME=" + scratch, "USERPROFILE=" + scratch,
					"LEADMAGIC_API_KEY=" + key, "LEADMAGIC_MCP_URL=" + endpoint,
				}
				return cmd
			},
		}
	}
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for the version: %w", err)
	}
	list := []*contestant{
		add("leadmagic-mcp-proxy", strings.Fields(string(version))[1], func(string) []string { return []string{binary} }),
		add("bare relay", "", func(string) []string { return []string{relay, "-role", "relay"} }),
	}
	for name, args := range map[string]func(endpoint string) []string{
		"mcp-remote": func(endpoint string) []string {
			return []string{endpoint, "--allow-http", "--transport", "http-only", "--header", "x-leadmagic-key:${LEADMAGIC_API_KEY}"}
		},
		"supergateway": func(endpoint string) []string {
			return []string{"--streamableHttp", endpoint, "--header", "x-leadmagic-key: " + key, "--logLevel", "none"}
		},
	} {
		dir := filepath.Join(folder, "node_modules", name)
		text, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if folder == "" || node == "" || err != nil {
			continue
		}
		var manifest struct {
			Version string
			Bin     map[string]string
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			return nil, fmt.Errorf("reading the manifest of %s: %w", name, err)
		}
		script := filepath.Join(dir, filepath.FromSlash(manifest.Bin[name])) // itself, since npx would first look for it
		list = append(list, add(name, manifest.Version, func(endpoint string) []string { return append([]string{node, script}, args(endpoint)...) }))
	}
	return list, nil
}

// A session is a contestant that runs, with an editor on its stdin and stdout.
type session struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	id    int
	slow  *time.Timer // kills the program
}

const initialize = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`

// launch starts a contestant. All that it is asked must be answered within that time.
func launch(ctx context.Context, c *contestant, endpoint string, within time.Duration) (*session, error) {
	s := &session{cmd: c.command(ctx, endpoint)}
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		s.stdin, err = s.cmd.StdinPipe()
	}
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	s.out = bufio.NewReaderSize(stdout, 1<<20)
	s.slow = time.AfterFunc(within, func() { _ = s.cmd.Process.Kill() })
	return s, nil
}

// open starts a contestant and opens its session.
func open(ctx context.Context, c *contestant, endpoint string) (*session, error) {
	s, err := launch(ctx, c, endpoint, time.Hour)
	if err != nil {
		return nil, err
	}
	answer, err := s.ask("initialize", initialize)
	if err == nil && !bytes.Contains(answer, []byte(`"result"`)) {
		err = fmt.Errorf("%s answered initialize with %.200s", c.Name, answer)
	}
	if err == nil {
		_, err = io.WriteString(s.stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	}
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *session) send(method, params string) error {
	s.id++
	_, err := fmt.Fprintf(s.stdin, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", s.id, method, params)
	return err
}

var errSlow = errors.New("there is no answer")

// receive reads the next answer; what else the program says is passed over.
func (s *session) receive() ([]byte, error) {
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			if !s.slow.Stop() {
				err = errSlow
			}
			return nil, err
		}
		if !bytes.Contains(line[:min(len(line), 200)], []byte(`"method"`)) {
			return line, nil
		}
	}
}

func (s *session) ask(method, params string) ([]byte, error) {
	if err := s.send(method, params); err != nil {
		return nil, err
	}
	return s.receive()
}

// close ends the session as editors do: stdin is closed, and a program that does not end by that is killed.
func (s *session) close() {
	_ = s.stdin.Close()
	s.slow.Reset(2 * time.Second)
	_, _ = io.Copy(io.Discard, s.out)
	_ = s.cmd.Wait()
	s.slow.Stop()
}

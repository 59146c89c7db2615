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
	"slices"
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
	Ratios  map[string][3]float64 `json:"ratios,omitempty"` // to the relay in the same turn: first quartile, median, third quartile
	Probes  map[string]string     `json:"probes"`           // what becomes of a call when something goes wrong

	line  []string             // the command; URL stands for the endpoint
	env   []string             // its variables, beside the endpoint
	times map[string][]float64 // in milliseconds, by turn

	*session // that is open, or nil
}

// others are programs of npm's, by their names, with their arguments.
var others = map[string][]string{
	"mcp-remote":   {"URL", "--allow-http", "--transport", "http-only", "--header", "x-leadmagic-key:${LEADMAGIC_API_KEY}"},
	"supergateway": {"--streamableHttp", "URL", "--header", "x-leadmagic-key: " + key, "--logLevel", "none"},
}

// contestants are this program, the relay, and of the others those that are installed below a folder.
func contestants(ctx context.Context, binary, relay, folder, scratch string) ([]*contestant, error) {
	node, _ := exec.LookPath("node") // without it there are no others
	env := []string{
		"PATH=" + filepath.Dir(node) + string(os.PathListSeparator) + "/usr/bin:/bin", "HOME=" + scratch, "USERPROFILE=" + scratch,
		"LEADMAGIC_API_KEY=" + key,
	}
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for the version: %w", err)
	}
	list := []*contestant{
		{Name: "leadmagic-mcp-proxy", Version: strings.Fields(string(version))[1], line: []string{binary}},
		{Name: "bare relay", line: []string{relay, "-role", "relay"}},
	}
	for name, args := range others {
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
		list = append(list, &contestant{Name: name, Version: manifest.Version, line: append([]string{node, script}, args...)})
	}
	for _, c := range list {
		c.env, c.Numbers, c.times = env, make(map[string]float64), make(map[string][]float64)
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
	line := strings.Split(strings.ReplaceAll(strings.Join(c.line, "\x00"), "URL", endpoint), "\x00")
	s := &session{cmd: exec.CommandContext(ctx, line[0], line[1:]...)}
	s.cmd.Env = append(slices.Clone(c.env), "LEADMAGIC_MCP_URL="+endpoint)
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
func open(ctx context.Context, c *contestant, endpoint string) (err error) {
	if c.session, err = launch(ctx, c, endpoint, time.Hour); err != nil {
		return err
	}
	answer, err := c.ask("initialize", initialize)
	if err == nil && !bytes.Contains(answer, []byte(`"result"`)) {
		err = fmt.Errorf("%s answered initialize with %.200s", c.Name, answer)
	}
	if err == nil {
		_, err = io.WriteString(c.stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	}
	return err
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

// close ends the session, if there is one, as editors do: stdin is closed, and a program that does not end by that is killed.
func (s *session) close() {
	if s == nil {
		return
	}
	_ = s.stdin.Close()
	s.slow.Reset(2 * time.Second)
	_, _ = io.Copy(io.Discard, s.out)
	_ = s.cmd.Wait()
	s.slow.Stop()
}

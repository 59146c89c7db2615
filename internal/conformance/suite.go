package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A suite is the official one as it is installed, with the programs that it judges.
type suite struct {
	node, script string
	bin          string // our programs
	out          string // where results go
}

// command is the suite with those arguments.
func (s *suite) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, s.node, append([]string{s.script}, args...)...)
}

var listed = regexp.MustCompile(`(?m)^  - (\S+) `)

// scenarios are those that a revision has for a role, client or server, as the suite itself lists them: newer ones come by
// themselves.
func (s *suite) scenarios(ctx context.Context, role string, r revision) ([]string, error) {
	text, err := s.command(ctx, "list", "--"+role, "--spec-version", r.name).Output()
	if err != nil {
		return nil, fmt.Errorf("listing the scenarios: %w", err)
	}
	var names []string
	for _, match := range listed.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	if len(names) == 0 {
		return nil, errors.New("the suite lists no scenarios")
	}
	return names, nil
}

// judgeClient runs every scenario of a client. Left out is auth/: it asks for a sign-in, and the proxy brings a key.
func (s *suite) judgeClient(ctx context.Context, r revision) (verdict, error) {
	names, err := s.scenarios(ctx, "client", r)
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	for _, name := range names {
		if strings.HasPrefix(name, "auth/") {
			continue
		}
		found, complaint, err := s.play(ctx, name, r)
		if complaint != "" {
			// The suite's server has two seconds for its first answer, which a busy machine may not give it.
			v.repeated = append(v.repeated, name)
			found, complaint, err = s.play(ctx, name, r)
		}
		if err != nil {
			return v, err
		}
		v.scenarios++
		v.all.add(found)
		if complaint != "" {
			v.complaints = append(v.complaints, complaint)
		}
	}
	return v, nil
}

// play runs one scenario of a client.
func (s *suite) play(ctx context.Context, name string, r revision) (found results, complaint string, err error) {
	dir, err := os.MkdirTemp(s.out, "client-")
	if err != nil {
		return nil, "", err
	}
	cmd := s.command(ctx, "client", "--scenario", name, "--spec-version", r.name, "--output-dir", dir, "--command",
		filepath.Join(s.bin, "client")+" "+filepath.Join(s.bin, "leadmagic-mcp-proxy"))
	text, failed := cmd.CombinedOutput()
	if found, err = readResults(dir); err == nil && (failed != nil || len(found) == 0) {
		complaint = fmt.Sprintf("%s client %s: %v\n%s", r.name, name, failed, bytes.TrimSpace(text))
	}
	return found, complaint, err
}

// judgeServer runs every scenario of a server twice: straight to the SDK's own, and to it through a front and the proxy.
func (s *suite) judgeServer(ctx context.Context, r revision, excused *baseline) (verdict, error) {
	names, err := s.scenarios(ctx, "server", r)
	if err != nil {
		return verdict{}, err
	}
	url, stop, err := s.startServer(ctx, r)
	if err != nil {
		return verdict{}, err
	}
	defer stop()
	direct, err := s.ask(ctx, url, filepath.Join(s.out, "direct", r.name), r)
	if err != nil {
		return verdict{}, err
	}
	front, end, err := s.startFront(ctx, url)
	if err != nil {
		return verdict{}, err
	}
	proxied, err := s.ask(ctx, front, filepath.Join(s.out, "proxied", r.name), r)
	if ended := end(); err == nil && ended != nil {
		err = fmt.Errorf("ending the front: %w", ended)
	}
	if err != nil {
		return verdict{}, err
	}
	v := verdict{scenarios: len(names)}
	v.all.add(proxied)
	v.direct.add(direct)
	for _, name := range names {
		if !direct.has(name) {
			v.complaints = append(v.complaints, fmt.Sprintf("%s server %s: no result without the proxy", r.name, name))
		}
	}
	v.complaints = append(v.complaints, compare(r.name, direct, proxied, excused)...)
	return v, nil
}

// ask runs all scenarios of a server at url. Which of them fail is in the results.
func (s *suite) ask(ctx context.Context, url, dir string, r revision) (results, error) {
	cmd := s.command(ctx, "server", "--url", url, "--suite", "all", "--spec-version", r.name, "--output-dir", dir)
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("running the suite: %w", err)
	}
	found, err := readResults(dir)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("the suite judged nothing:\n%s", text)
	}
	return found, err
}

// stamp is what the suite appends to the name of a scenario's folder, and what it puts before it.
var stamp = regexp.MustCompile(`^(server-)?(.*)-\d{4}-\d\d-\d\dT[-\dZ]+$`)

// readResults reads what the suite has left in a folder.
func readResults(dir string) (results, error) {
	found := make(results)
	names, err := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var checks []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
			Error  string `json:"errorMessage"`
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &checks); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		scenario := stamp.ReplaceAllString(filepath.Base(filepath.Dir(name)), "$2")
		for _, c := range checks {
			found.note(check{scenario, c.ID}, c.Status, c.Error)
		}
	}
	return found, nil
}

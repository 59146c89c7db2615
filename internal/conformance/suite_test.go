// Package conformance runs the official MCP conformance suite against the program: in client mode the suite is the server and
// the program its client, in server mode a server of the Go SDK is behind the program and the suite is the client. It is
// skipped unless -npm and -bin are given: see the script run.
package conformance

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	npm = flag.String("npm", "", "the folder where npm has installed the suite, and a Node for it")
	bin = flag.String("bin", "", "the folder of the program and of the SDK's everything-server")
)

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "client" { // which the suite starts
		if err := runClient(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestOfficialSuite(t *testing.T) {
	if *npm == "" || *bin == "" {
		t.Skip("the suite comes from npm: internal/conformance/run") //nolint:forbidigo // .ci/run runs it
	}
	t.Run("2025-03-26 signing in", func(t *testing.T) { testSignIn(t, "2025-03-26", "backcompat") })
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(version+" as a client", func(t *testing.T) { testClient(t, version) })
		t.Run(version+" signing in", func(t *testing.T) { testSignIn(t, version, "auth") })
		t.Run(version+" as a server", func(t *testing.T) { testServer(t, version) })
	}
}

// suite is the suite with those arguments.
func suite(t *testing.T, args ...string) *exec.Cmd {
	modules := filepath.Join(*npm, "node_modules")
	node := filepath.Join(modules, ".bin/node")
	if _, err := os.Stat(node); err != nil {
		node = "node"
	}
	return exec.CommandContext(t.Context(), node, append([]string{filepath.Join(modules, "@modelcontextprotocol/conformance/dist/index.js")}, args...)...)
}

// testClient runs every scenario of a client but auth/, which testSignIn does.
func testClient(t *testing.T, version string) {
	list, err := suite(t, "list", "--client", "--spec-version", version).Output()
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, match := range regexp.MustCompile(`(?m)^  - (\S+) `).FindAllSubmatch(list, -1) {
		name := string(match[1])
		if strings.HasPrefix(name, "auth/") {
			continue
		}
		count, text, err := runAsClient(t, version, "", "--scenario", name)
		if err != nil || count == 0 {
			// The suite's server waits for two seconds for its first answer, which is too short on a busy machine.
			t.Logf("%s runs once more", name)
			count, text, err = runAsClient(t, version, "", "--scenario", name)
		}
		if err != nil || count == 0 {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		passed += count
	}
	report(t, passed)
}

// runAsClient runs the suite with the program as its client, and counts the checks that passed. The suite writes its results
// into a folder; folder is the part of its name that scenarios share.
func runAsClient(t *testing.T, version, folder string, args ...string) (passed int, text []byte, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, nil, err
	}
	dir := t.TempDir()
	text, err = suite(t, append([]string{
		"client", "--spec-version", version, "--output-dir", dir, "--command", self + " client " + filepath.Join(*bin, "leadmagic-mcp-proxy"),
	}, args...)...).CombinedOutput()
	for _, c := range results(t, filepath.Join(dir, folder)) {
		passed += c.passed
	}
	return passed, text, err
}

// report fails the test of a suite that has checked nothing.
func report(t *testing.T, passed int) {
	t.Helper()
	t.Logf("%d checks passed", passed)
	if passed == 0 {
		t.Error("the suite has checked nothing")
	}
}

// testSignIn runs the scenarios of a client that has to sign in.
func testSignIn(t *testing.T, version, scenarios string) {
	passed, text, err := runAsClient(t, version, "auth", "--suite", scenarios, "--expected-failures", filepath.Join("expected", version+".yml"))
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	report(t, passed)
}

// testServer runs every scenario of a server against the SDK's own, directly and through the program. What passes directly
// must pass through the program as often, but for what is expected to fail.
func testServer(t *testing.T, version string) {
	url := startServer(t, version == "2026-07-28")
	run := func(url string, more ...string) map[string]check {
		dir := t.TempDir()
		text, err := suite(t, append([]string{"server", "--url", url, "--suite", "all", "--spec-version", version, "--output-dir", dir}, more...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v\n%s", url, more, err, text)
		}
		return results(t, dir)
	}
	direct := run(url)
	file := filepath.Join("expected", version+".yml")
	expected, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{program: filepath.Join(*bin, "leadmagic-mcp-proxy"), upstream: url, sessions: make(map[string]*editor)}
	proxied := run(f.start(t), "--expected-failures", file)
	passed := 0
	for name, d := range direct {
		p := proxied[name]
		passed += p.passed
		if (p.passed < d.passed || p.failed > d.failed || p.warned > d.warned) && !slices.Contains(strings.Fields(string(expected)), name) {
			t.Errorf("%s: %+v directly, %+v through the program", name, d, p)
		}
	}
	report(t, passed)
}

// A check is how often one check of a scenario passed, failed and was warned about.
type check struct{ passed, failed, warned int }

// stamp is what the suite adds to the name of a scenario's folder.
var stamp = regexp.MustCompile(`^(server-)?(.*)-\d{4}-\d\d-\d\dT[-\dZ]+$`)

// results reads what the suite has written into a folder, by "scenario:check".
func results(t *testing.T, dir string) map[string]check {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]check)
	for _, file := range files {
		text, err := os.ReadFile(file)
		var checks []struct{ ID, Status string }
		if err == nil {
			err = json.Unmarshal(text, &checks)
		}
		if err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		for _, c := range checks {
			name := stamp.ReplaceAllString(filepath.Base(filepath.Dir(file)), "$2") + ":" + c.ID
			sum := all[name]
			switch c.Status {
			case "SUCCESS":
				sum.passed++
			case "FAILURE":
				sum.failed++
			case "WARNING":
				sum.warned++
			}
			all[name] = sum
		}
	}
	return all
}

// startServer starts the SDK's everything-server for the length of a test.
func startServer(t *testing.T, stateless bool) (url string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String() // the server cannot find a free port by itself
	_ = listener.Close()
	cmd := exec.CommandContext(t.Context(), filepath.Join(*bin, "everything-server"), "-http", address, fmt.Sprintf("-stateless=%t", stateless))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the end of the context kills it
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return "http://" + address + "/mcp"
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting for the server: %v", err)
		}
	}
}

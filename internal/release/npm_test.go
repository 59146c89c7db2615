package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

var (
	packages = flag.String("packages", "", "a folder of packages, which npm, pnpm and yarn install")
	managers = flag.String("path", "", "where these are found, before PATH")
)

// A nodePackage is what a registry knows of one.
type nodePackage struct {
	Name, Version        string
	OS, CPU              []string
	Bin                  map[string]string
	Scripts              map[string]string
	OptionalDependencies map[string]string
}

func TestThePackagesForNode(t *testing.T) {
	t.Chdir("../..")
	dir := fakeDist(t, "1.2.3")
	if err := run(dir, licenses(t), io.Discard); err != nil {
		t.Fatal(err)
	}
	var main nodePackage
	platforms := make(map[string]string)
	for _, file := range tarballs(t, filepath.Join(dir, "npm")) {
		files := untar(t, file)
		var p nodePackage
		if err := json.Unmarshal([]byte(files["package.json"]), &p); err != nil {
			t.Fatal(err)
		}
		if p.Scripts != nil || p.Version != "1.2.3" || files["LICENSE"] != "ours" || files["THIRD-PARTY-LICENSES"] != "theirs" {
			t.Errorf("%s: got %+v with %v", file, p, slices.Collect(maps.Keys(files)))
		}
		if p.Bin != nil {
			if main = p; files[p.Bin[project]+" 0755"] == "" {
				t.Errorf("%v is no program", p.Bin)
			}
			continue
		}
		platforms[p.Name] = p.Version
		system := strings.NewReplacer("win32", "windows", "x64", "amd64").Replace(p.OS[0] + "_" + p.CPU[0])
		program := "bin/leadmagic-mcp-proxy"
		if p.OS[0] == "win32" {
			program += ".exe"
		}
		if p.Name != "@leadmagic-mcp-proxy/"+p.OS[0]+"-"+p.CPU[0] || files[program+" 0755"] != "program for "+system {
			t.Errorf("%s: got %+v with %v", file, p, slices.Collect(maps.Keys(files)))
		}
	}
	if len(platforms) != len(systems) || !maps.Equal(main.OptionalDependencies, platforms) {
		t.Errorf("the main package depends on %v, and there are %v", main.OptionalDependencies, platforms)
	}
}

func tarballs(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || files == nil {
		t.Fatalf("%s has no packages: %v", dir, err)
	}
	return files
}

// untar is what a package contains, by name alone, and for programs by name and mode too.
func untar(t *testing.T, file string) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(header.Name, "package/")
		files[name] = string(body)
		if header.Mode&0o100 != 0 {
			files[name+" 0"+strconv.FormatInt(header.Mode, 8)] = string(body)
		}
	}
}

// registry serves packages as npm's own does.
func registry(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	answers := make(map[string][]byte)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _ := url.PathUnescape(r.URL.EscapedPath())
		answer, ok := answers[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	for _, file := range tarballs(t, dir) {
		manifest := make(map[string]any)
		if err := json.Unmarshal([]byte(untar(t, file)["package.json"]), &manifest); err != nil {
			t.Fatal(err)
		}
		body, version := read(t, file), manifest["version"].(string)
		sum := sha512.Sum512(body)
		path := "/" + filepath.Base(file)
		manifest["dist"] = map[string]string{
			"tarball": server.URL + path, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		known, err := json.Marshal(map[string]any{
			"name": manifest["name"], "dist-tags": map[string]string{"latest": version},
			"versions": map[string]any{version: manifest}, "time": map[string]string{version: "2026-01-01T00:00:00.000Z"},
		})
		if err != nil {
			t.Fatal(err)
		}
		answers[path], answers["/"+manifest["name"].(string)] = body, known
	}
	return server
}

// A node is a clean home folder of somebody who has Node.
type node struct {
	home string
	env  []string
}

func newNode(t *testing.T, registry, leadmagic string) *node {
	t.Helper()
	home := t.TempDir()
	return &node{home, []string{
		"HOME=" + home, "PATH=" + *managers + string(filepath.ListSeparator) + os.Getenv("PATH"),
		// Elsewhere than Node's own, where npx would find a program that this machine has.
		"npm_config_prefix=" + filepath.Join(home, "global"), "npm_config_registry=" + registry, "npm_config_update_notifier=false", "YARN_REGISTRY=" + registry,
		"LEADMAGIC_API_KEY=" + sandbox.Key, "LEADMAGIC_MCP_URL=" + leadmagic + "/mcp",
	}}
}

func (n *node) command(ctx context.Context, line ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "env", line...) // which looks it up on the new PATH
	cmd.Dir, cmd.Env = n.home, n.env
	return cmd
}

// run runs a command, which has to end with a code, and returns what it says.
func (n *node) run(t *testing.T, code int, line ...string) string {
	t.Helper()
	out, err := n.command(t.Context(), line...).CombinedOutput()
	if exit, _ := errors.AsType[*exec.ExitError](err); (err == nil) != (code == 0) || code != 0 && (exit == nil || exit.ExitCode() != code) {
		t.Fatalf("%v: %v\n%s", line, err, out)
	}
	return string(out)
}

// What people do with the packages of a release, with the programs of their own system that they hold.
func TestPackageManagersInstallAProgramThatWorks(t *testing.T) {
	if *packages == "" {
		t.Skip("package managers come from npm: .ci/nightly") //nolint:forbidigo // .ci/nightly runs it
	}
	leadmagic, err := faults.Start(faults.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer leadmagic.Close()
	from := registry(t, *packages).URL

	for _, line := range []string{"npm install --ignore-scripts", "pnpm add --ignore-scripts", "yarn add --ignore-scripts"} {
		t.Run(line, func(t *testing.T) {
			n := newNode(t, from, leadmagic.URL)
			put(t, filepath.Join(n.home, "package.json"), "{}")
			n.run(t, 0, append(strings.Fields(line), project)...)
			program := filepath.Join(n.home, "node_modules", ".bin", project)
			checkCredits(t, n.command(t.Context(), program))
			if got := n.run(t, 2, program, "nonsense"); !strings.Contains(got, "there is no command") {
				t.Errorf("got %s", got)
			}
			if !strings.Contains(n.run(t, 0, program, "install", "cursor"), "npx -y") {
				t.Error("the entry does not have npx start what belongs to the folder alone")
			}
		})
	}
	t.Run("npx", func(t *testing.T) {
		n := newNode(t, from, leadmagic.URL)
		checkCredits(t, n.command(t.Context(), "npx", "-y", project))
		n.run(t, 0, "npx", "-y", project, "install", "cursor")
		var config struct {
			Servers map[string]struct {
				Command string
				Args    []string
			} `json:"mcpServers"`
		}
		if err := json.Unmarshal(read(t, filepath.Join(n.home, ".cursor", "mcp.json")), &config); err != nil {
			t.Fatal(err)
		}
		entry := config.Servers["leadmagic"]
		line := append([]string{entry.Command}, entry.Args...)
		if want := []string{"npx", "-y", project}; !slices.Equal(line, want) {
			t.Errorf("the entry starts %v, want %v", line, want)
		}
		checkCredits(t, n.command(t.Context(), line...))
		if got := n.run(t, 0, "npx", "-y", project, "uninstall", "cursor"); !strings.Contains(got, "removed") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("npm install --global", func(t *testing.T) {
		n := newNode(t, from, leadmagic.URL)
		n.run(t, 0, "npm", "install", "--global", "--ignore-scripts", "--prefix", n.home+"/node", project)
		program := filepath.Join(n.home, "node", "bin", project)
		n.run(t, 0, program, "install", "codex")
		_, text, _ := strings.Cut(string(read(t, filepath.Join(n.home, ".codex", "config.toml"))), `command = "`)
		command, _, _ := strings.Cut(text, `"`)
		if !strings.HasPrefix(command, filepath.Join(n.home, "node")) {
			t.Errorf("the entry starts %s", command)
		}
		checkCredits(t, n.command(t.Context(), command))
	})
	t.Run("signals", func(t *testing.T) {
		n := newNode(t, from, leadmagic.URL)
		n.run(t, 0, "npm", "install", "--ignore-scripts", "--prefix", n.home, project)
		launched := filepath.Join(n.home, "node_modules", ".bin", project)
		direct, err := filepath.Glob(filepath.Join(n.home, "node_modules", "@leadmagic-mcp-proxy", "*", "bin", project))
		if err != nil || len(direct) != 1 {
			t.Fatalf("got programs %v, %v", direct, err)
		}
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			if got, want := n.signaled(t, launched, signal, false), n.signaled(t, direct[0], signal, false); got != want {
				t.Errorf("%v through the launcher gives %q, and %q without", signal, got, want)
			}
		}
		if got, want := n.signaled(t, launched, syscall.SIGKILL, true), n.signaled(t, direct[0], syscall.SIGKILL, false); got != want {
			t.Errorf("the program was killed: the launcher gives %q, want %q", got, want)
		}
	})
	t.Run("without optional dependencies", func(t *testing.T) {
		n := newNode(t, from, leadmagic.URL)
		n.run(t, 0, "npm", "install", "--omit=optional", "--prefix", n.home, project)
		if got := n.run(t, 1, filepath.Join(n.home, "node_modules", ".bin", project)); !strings.Contains(got, "is not installed\nhint: install again with optional dependencies") {
			t.Errorf("got %s", got)
		}
	})
}

// signaled says how a session ends that gets a signal once it is open: the process itself, or the one that it has started.
func (n *node) signaled(t *testing.T, program string, signal syscall.Signal, child bool) string {
	t.Helper()
	cmd := n.command(t.Context(), program)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	if _, err := io.WriteString(stdin, ping); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if child {
		id := strconv.Itoa(pid)
		pid, err = strconv.Atoi(strings.TrimSpace(string(read(t, "/proc/"+id+"/task/"+id+"/children"))))
		if err != nil {
			t.Fatal(err)
		}
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(signal)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return cmd.ProcessState.String()
}

// Command release makes of GoReleaser's finished binaries what GoReleaser does not make: one .mcpb bundle per platform, for
// Claude Desktop, the MCP registry's server.json with their checksums, and the Homebrew cask in Homebrew's own order. It
// publishes nothing.
//
//	go run ./internal/release dist
//
// dist is the folder GoReleaser has filled. The same input gives the same bytes.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/template"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/release DIST")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run works on the repository it is started in and says on out what it has written to dist.
func run(dist string, out io.Writer) error {
	built, err := readDist(dist)
	if err != nil {
		return err
	}
	var bundles []bundle
	for _, binary := range built.binaries {
		b := bundle{version: built.version, binary: binary, license: "LICENSE"}
		file := filepath.Join(dist, b.name())
		if b.sha256, err = b.write(file); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
		bundles = append(bundles, b)
		fmt.Fprintf(out, "%s  %s\n", b.sha256, file)
	}
	file := filepath.Join(dist, "server.json")
	if err := writeServer("server.json", file, built.version, bundles); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	fmt.Fprintln(out, file)
	file = filepath.Join(dist, "homebrew", "Casks", "leadmagic-mcp-proxy.rb")
	if err := writeCask(file, built); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	fmt.Fprintln(out, file)
	return nil
}

// A dist is what GoReleaser says it has built.
type dist struct {
	version  string
	binaries []artifact
	archives []artifact
}

// An artifact is a file that GoReleaser has made, after signing.
type artifact struct {
	OS   string `json:"goos"` // as Go names them
	Arch string `json:"goarch"`
	Path string `json:"path"` // from the repository's root
	Type string `json:"type"`
}

// readDist reads what GoReleaser leaves beside the files it builds: metadata.json and artifacts.json.
func readDist(dir string) (built dist, err error) {
	var metadata struct {
		Version string `json:"version"`
	}
	var artifacts []artifact
	read := func(name string, into any) error {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		return nil
	}
	if err := read("metadata.json", &metadata); err != nil {
		return built, err
	}
	if err := read("artifacts.json", &artifacts); err != nil {
		return built, err
	}
	built.version = metadata.Version
	for _, a := range artifacts {
		switch a.Type {
		case "Binary":
			built.binaries = append(built.binaries, a)
		case "Archive":
			built.archives = append(built.archives, a)
		}
	}
	if built.version == "" || len(built.binaries) == 0 {
		return built, errors.New(dir + " holds no finished GoReleaser build")
	}
	slices.SortFunc(built.binaries, func(a, b artifact) int { return cmp.Or(cmp.Compare(a.OS, b.OS), cmp.Compare(a.Arch, b.Arch)) })
	return built, nil
}

// cask is in the order that brew style wants, of which GoReleaser has another.
//
//go:embed cask.rb.tmpl
var cask string

// writeCask writes the Homebrew cask, with the checksums of the archives.
func writeCask(file string, built dist) error {
	sums := make(map[string]string)
	for _, a := range built.archives {
		text, err := os.ReadFile(a.Path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		sums[a.OS+"_"+a.Arch] = hex.EncodeToString(sum[:])
	}
	for _, system := range []string{"darwin_arm64", "darwin_amd64", "linux_arm64", "linux_amd64"} {
		if sums[system] == "" {
			return errors.New("there is no archive for " + system)
		}
	}
	var out bytes.Buffer
	t, err := template.New("cask").Delims("[[", "]]").Parse(cask) // the cask has braces of its own
	if err == nil {
		err = t.Execute(&out, struct {
			Version string
			Sums    map[string]string
		}{built.version, sums})
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o750)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644) //nolint:gosec // a file to be published
}

const releases = "https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/releases/download/v"

// writeServer fills version and bundles into the repository's server.json, whose first package is the model of all, and writes
// the result to file. For a bundle, identifier is where it is downloaded, and the registry takes it only with fileSha256.
func writeServer(source, file, version string, bundles []bundle) error {
	var server struct {
		Members  map[string]any
		Packages []map[string]any `json:"packages"`
	}
	text, err := os.ReadFile(source)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &server), json.Unmarshal(text, &server.Members))
	}
	if err == nil && len(server.Packages) == 0 {
		err = errors.New("it names no package to fill in")
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", source, err)
	}
	var packages []map[string]any
	for _, b := range bundles {
		p := maps.Clone(server.Packages[0])
		p["identifier"], p["fileSha256"] = releases+version+"/"+b.name(), b.sha256
		packages = append(packages, p)
	}
	server.Members["version"], server.Members["packages"] = version, packages
	text, err = json.MarshalIndent(server.Members, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // a file to be published
}

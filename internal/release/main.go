// Command release makes of GoReleaser's finished binaries what GoReleaser does not make: one .mcpb bundle per platform, for
// Claude Desktop, the packages for npm, the MCP registry's server.json, the Homebrew cask in Homebrew's own order, and the
// checksums of what people download of these. It publishes nothing.
//
//	go run ./internal/release dist
//	go run ./internal/release man DIRECTORY
//
// dist is the folder GoReleaser has filled. The same input gives the same bytes. With man, it writes the manual pages.
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
	"strings"
	"text/template"

	"github.com/spf13/cobra/doc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
)

const project = "leadmagic-mcp-proxy"

func main() {
	err := errors.New("usage: go run ./internal/release DIST, or: man DIRECTORY")
	switch {
	case len(os.Args) == 2:
		err = run(os.Args[1], "kodata", os.Stdout)
	case len(os.Args) == 3 && os.Args[1] == "man":
		err = doc.GenManTree(cli.Commands(), &doc.GenManHeader{Source: project, Manual: project}, os.Args[2]) // dated by SOURCE_DATE_EPOCH
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run works on the repository it is started in, with the licences from a folder, and says on out what it has written to dist.
func run(dist, licenses string, out io.Writer) error {
	built, err := readDist(dist)
	if err != nil {
		return err
	}
	var texts []packed
	for _, name := range []string{"LICENSE", "THIRD-PARTY-LICENSES"} {
		text, err := os.ReadFile(filepath.Join(licenses, name))
		if err != nil {
			return fmt.Errorf("%w: .ci/generate writes it", err)
		}
		texts = append(texts, packed{name, 0o644, text})
	}
	sums := make(map[string]string)
	var bundles []string
	for _, binary := range built.binaries {
		name := project + "_" + built.version + "_" + binary.OS + "_" + binary.Arch + ".mcpb"
		if sums[name], err = writeBundle(filepath.Join(dist, name), built.version, binary, texts); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		bundles = append(bundles, name)
	}
	if sums["server.json"], err = writeServer("server.json", filepath.Join(dist, "server.json"), built.version, bundles, sums); err != nil {
		return fmt.Errorf("writing server.json: %w", err)
	}
	if err := writeCask(filepath.Join(dist, "homebrew", "Casks", project+".rb"), built); err != nil {
		return fmt.Errorf("writing the cask: %w", err)
	}
	if err := writePackages(filepath.Join(dist, "npm"), built, texts); err != nil {
		return fmt.Errorf("writing the packages for npm: %w", err)
	}
	return addSums(filepath.Join(dist, "checksums.txt"), sums, out)
}

// write writes a file to be published, and returns its SHA-256 in hex.
func write(file string, body []byte) (string, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), os.WriteFile(file, body, 0o644) //nolint:gosec // it is to be published
}

// fill is a template with its data.
func fill(text, left, right string, data any) ([]byte, error) {
	t, err := template.New("").Delims(left, right).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, data)
	return out.Bytes(), err
}

// addSums adds checksums to those of GoReleaser, as sha256sum reads them, and prints what it adds.
func addSums(file string, sums map[string]string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(slices.Collect(strings.Lines(string(text))), func(line string) bool {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		return sums[name] != ""
	})
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		lines = append(lines, sums[name]+"  "+name+"\n")
		fmt.Fprint(out, lines[len(lines)-1])
	}
	_, err = write(file, []byte(strings.Join(lines, "")))
	return err
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

// program is what a program for the artifact's system is called.
func (a artifact) program() string {
	if a.OS == "windows" {
		return project + ".exe"
	}
	return project
}

// readDist reads what GoReleaser leaves beside the files it builds: metadata.json and artifacts.json.
func readDist(dir string) (built dist, err error) {
	var metadata struct {
		Version string `json:"version"`
	}
	var artifacts []artifact
	for _, f := range []struct {
		name string
		into any
	}{{"metadata.json", &metadata}, {"artifacts.json", &artifacts}} {
		text, err := os.ReadFile(filepath.Join(dir, f.name))
		if err == nil {
			err = json.Unmarshal(text, f.into)
		}
		if err != nil {
			return built, fmt.Errorf("reading %s: %w", f.name, err)
		}
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
	pages, err := filepath.Glob("manpages/*.gz")
	if err != nil {
		return err
	}
	for i, page := range pages {
		pages[i] = filepath.Base(page)
	}
	text, err := fill(cask, "[[", "]]", map[string]any{"Version": built.version, "Sums": sums, "Pages": pages}) // the cask has braces of its own
	if err == nil {
		_, err = write(file, text)
	}
	return err
}

const (
	releases = "https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/releases/download/v"
	image    = "ghcr.io/leadmagic-mcp-proxy/leadmagic-mcp-proxy"
)

// writeServer writes the repository's server.json for a version, and returns its SHA-256 in hex. Its package of type mcpb stands
// for all bundles: identifier is where one is downloaded, and the registry takes it only with fileSha256.
func writeServer(source, file, version string, bundles []string, sums map[string]string) (string, error) {
	var server struct {
		Members  map[string]any
		Packages []map[string]any `json:"packages"`
	}
	text, err := os.ReadFile(source)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &server), json.Unmarshal(text, &server.Members))
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", source, err)
	}
	var packages []map[string]any
	for _, p := range server.Packages {
		switch p["registryType"] {
		case "oci":
			p["identifier"] = image + ":" + version
		case "npm":
			p["version"] = version
		case "mcpb":
			for _, name := range bundles {
				p = maps.Clone(p)
				p["identifier"], p["fileSha256"] = releases+version+"/"+name, sums[name]
				packages = append(packages, p)
			}
			continue
		}
		packages = append(packages, p)
	}
	server.Members["version"], server.Members["packages"] = version, packages
	text, err = json.MarshalIndent(server.Members, "", "  ")
	if err != nil {
		return "", err
	}
	return write(file, append(text, '\n'))
}

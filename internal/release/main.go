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
		err = writePages(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// writePages writes the manual: a page for each command. They are dated by SOURCE_DATE_EPOCH.
func writePages(dir string) error {
	return doc.GenManTree(cli.Commands(), &doc.GenManHeader{Source: project, Manual: project}, dir)
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
	var bundles []bundle
	for _, binary := range built.binaries {
		b := bundle{version: built.version, binary: binary, licenses: texts}
		if b.sha256, err = b.write(filepath.Join(dist, b.name())); err != nil {
			return fmt.Errorf("writing %s: %w", b.name(), err)
		}
		sums[b.name()] = b.sha256
		bundles = append(bundles, b)
	}
	if sums["server.json"], err = writeServer("server.json", filepath.Join(dist, "server.json"), built.version, bundles); err != nil {
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
	return os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644) //nolint:gosec // a file to be published
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
	pages, err := filepath.Glob("manpages/*.gz")
	if err != nil {
		return err
	}
	for i, page := range pages {
		pages[i] = filepath.Base(page)
	}
	var out bytes.Buffer
	t, err := template.New("cask").Delims("[[", "]]").Parse(cask) // the cask has braces of its own
	if err == nil {
		err = t.Execute(&out, struct {
			Version string
			Sums    map[string]string
			Pages   []string
		}{built.version, sums, pages})
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o750)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644) //nolint:gosec // a file to be published
}

const (
	releases = "https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/releases/download/v"
	image    = "ghcr.io/leadmagic-mcp-proxy/leadmagic-mcp-proxy"
)

// writeServer writes the repository's server.json for a version, and returns its SHA-256 in hex. Its package of type mcpb stands
// for all bundles: identifier is where one is downloaded, and the registry takes it only with fileSha256.
func writeServer(source, file, version string, bundles []bundle) (string, error) {
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
			for _, b := range bundles {
				p = maps.Clone(p)
				p["identifier"], p["fileSha256"] = releases+version+"/"+b.name(), b.sha256
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
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), os.WriteFile(file, text, 0o644) //nolint:gosec // a file to be published
}

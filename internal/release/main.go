// Command release makes of GoReleaser's finished binaries what GoReleaser does not make:
// one .mcpb bundle per platform, for Claude Desktop, and the MCP registry's server.json
// with their checksums. It also puts the Homebrew cask into order. It publishes nothing.
//
//	go run ./internal/release dist
//
// dist is the folder GoReleaser has filled. The same input gives the same bytes.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	cask := filepath.Join(dist, "homebrew", "Casks", "leadmagic-mcp-proxy.rb")
	if err := arrangeCask(cask); err != nil {
		return fmt.Errorf("arranging %s: %w", cask, err)
	}
	fmt.Fprintln(out, cask)
	return nil
}

// Package docs holds the tests of what people read: every command and config shown in the README and in docs/ is run
// or read, every link inside the repository leads somewhere, and what is generated is current. It has no code of its
// own besides.
//
//	go test ./internal/docs            says what is wrong
//	go test ./internal/docs -update    writes outputs, generated sections and pictures anew
//
// How a page speaks to these tests is told in page_test.go.
package docs

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
)

var update = flag.Bool("update", false, "write outputs, generated sections and pictures anew")

// program is what the pages are about.
const program = "leadmagic-mcp-proxy"

// version is that of the program which the commands of the pages run. Versions are not compared.
const version = "0.1.0"

// root is the folder of the module.
const root = "../.."

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){program: func() {
		os.Exit(cli.Run(context.Background(), &cli.Env{
			Getenv: os.Getenv, Environ: os.Environ, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
		}, os.Args[1:]))
	}})
}

// pages reads every page that people read: those at the root and in .github, and all below docs.
func pages(t *testing.T) []*page {
	t.Helper()
	var all []*page
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(file), root+"/")
		if d.IsDir() {
			if top, _, _ := strings.Cut(name, "/"); name == root || top == "docs" || top == ".github" {
				return nil
			}
			return fs.SkipDir
		}
		if path.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all = append(all, readPage(name, string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("found %d pages, want those at the root and those of docs", len(all))
	}
	return all
}

// write writes a file of the repository.
func write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

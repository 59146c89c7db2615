// Package docs holds the tests of what people read: every command and config shown in the README and in docs/ is run
// or read, every link inside the repository leads somewhere, and what is generated is current. It has no code of its
// own besides.
//
//	go test ./internal/docs            says what is wrong
//	go test ./internal/docs -update    writes outputs, generated sections and pictures anew
package docs

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
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
	browsers := map[string]string{"darwin": "open", "windows": "rundll32"}
	testscript.Main(m, map[string]func(){cmp.Or(browsers[runtime.GOOS], "xdg-open"): browse, program: func() {
		os.Exit(cli.Run(context.Background(), &cli.Env{
			Getenv: os.Getenv, Environ: os.Environ, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
		}, os.Args[1:]))
	}})
}

// browse is the browser of a reader who signs in to the sandbox, whose page redirects at once.
func browse() {
	res, err := http.Get(os.Args[len(os.Args)-1]) //nolint:noctx // it ends with its process
	if err != nil {
		panic(err)
	}
	_ = res.Body.Close()
}

// read reads a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// write writes a file of the repository.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// keep compares what is in the repository with what should be there, and writes that if the tests are to do so.
func keep(t *testing.T, name, have, want string, write func()) {
	t.Helper()
	switch {
	case have == want:
	case *update:
		write()
	default:
		t.Errorf("%s is not current (go test ./internal/docs -update):\n%s", name, diff.Diff("have", []byte(have+"\n"), "want", []byte(want+"\n")))
	}
}

// A page is a file of Markdown. Besides what people read it has comments that these tests read:
//
//	<!-- test: NAME=VALUE … -->     before a block: on what stage its commands run, see commands_test.go
//	<!-- generated: NAME ARG … -->  before what -update writes, up to <!-- end -->, see sections_test.go
type page struct {
	name  string // with slashes, from the module's root
	lines []string
}

// pages reads every page that people read: those at the root and in .github, and all below docs.
func pages(t *testing.T) map[string]*page {
	t.Helper()
	all := map[string]*page{}
	for _, pattern := range []string{"*.md", ".github/*.md", ".github/*/*.md", "docs/*.md", "docs/*/*.md"} {
		names, err := fs.Glob(os.DirFS(root), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			all[name] = &page{name, strings.Split(read(t, name), "\n")}
		}
	}
	if all["README.md"] == nil || all["docs/doctor-json.md"] == nil || len(all) < 20 {
		t.Fatalf("found %d pages, want those at the root and those of docs", len(all))
	}
	return all
}

func (p *page) text() string { return strings.Join(p.lines, "\n") }

// A block is a fenced part of a page.
type block struct {
	page *page
	// first and last are the indexes of the lines inside the fence; last is one behind.
	first, last int
	language    string
	options     map[string]string // of the comment before it
	generated   bool              // it stands in a generated section
}

func (b block) lines() []string { return b.page.lines[b.first:b.last] }

func (b block) text() string { return strings.Join(b.lines(), "\n") + "\n" }

// place is where a reader finds a line of the block; 0 is the first.
func (b block) place(line int) string { return fmt.Sprintf("%s:%d", b.page.name, b.first+line+1) }

var (
	fence   = regexp.MustCompile("^( *)(```+)([a-z]*)$")
	comment = regexp.MustCompile(`^<!-- (test|generated|end)(?:: (.*?))? -->$`)
)

// blocks are the fenced parts of a page, in order.
func (p *page) blocks(t *testing.T) (all []block) {
	t.Helper()
	var options map[string]string
	generated := false
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		if m := comment.FindStringSubmatch(line); m != nil {
			generated = m[1] == "generated" || generated && m[1] != "end"
			if m[1] == "test" {
				options = map[string]string{}
				for _, o := range commands(m[2])[0] {
					name, value, _ := strings.Cut(o, "=")
					options[name] = value
				}
			}
			continue
		}
		m := fence.FindStringSubmatch(line)
		switch {
		case m == nil && (options != nil && line != "" || strings.HasPrefix(line, "<!--")):
			t.Errorf("%s:%d: a comment that no test reads, or that stands before no block", p.name, i+1)
			options = nil
			continue
		case m == nil:
			continue
		}
		b := block{page: p, first: i + 1, language: m[3], options: options, generated: generated}
		for i++; i < len(p.lines) && p.lines[i] != m[1]+m[2]; i++ {
		}
		b.last, options = i, nil
		all = append(all, b)
	}
	return all
}

// prose are the lines of a page outside of blocks and comments, by their numbers.
func (p *page) prose(t *testing.T) map[int]string {
	t.Helper()
	lines := map[int]string{}
	for i, line := range p.lines {
		if !comment.MatchString(line) {
			lines[i+1] = line
		}
	}
	for _, b := range p.blocks(t) {
		for number := b.first; number <= b.last+1; number++ { // with its fences
			delete(lines, number)
		}
	}
	return lines
}

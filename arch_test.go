package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy"

// Modules of others that some room of the house has a reason for.
const (
	sdk      = "github.com/modelcontextprotocol/go-sdk"
	schema   = "github.com/google/jsonschema-go"
	keychain = "github.com/zalando/go-keyring"
	cobra    = "github.com/spf13/cobra"
	pflag    = "github.com/spf13/pflag"
	hujson   = "github.com/tailscale/hujson"
	toml     = "github.com/pelletier/go-toml/v2"
	yaml     = "go.yaml.in/yaml/v3"
	xsys     = "golang.org/x/sys"
	xterm    = "golang.org/x/term"
	xsync    = "golang.org/x/sync"
	oauth2   = "golang.org/x/oauth2"
	locked   = "github.com/rogpeppe/go-internal/lockedfile"

	differ     = "github.com/rogpeppe/go-internal/diff"
	testscript = "github.com/rogpeppe/go-internal/testscript"
)

// walls says what each package may import besides the standard library: our own
// packages by their folder, others by their module. What is not named is forbidden,
// and a package without a line has no place in the house. .golangci.yml says the same
// where an editor shows it. Tests may cross walls: they look at the house from outside.
//
// The two lines that matter most: proxy carries messages and never sees a key, auth
// holds the key and never sees a message.
var walls = map[string][]string{
	".":     {"internal/cli", "internal/stdio"},
	"auth":  {"internal/file", "internal/lazyregexp", "internal/problem", keychain, xsync, xsys},
	"proxy": {"internal/problem", "internal/ratelimit", "proxy/jsonrpc", xsync},
	"rest":  {"internal/problem", "internal/ratelimit", sdk, schema, xsync},

	"auth/signin":      {"auth", "internal/problem", sdk, oauth2, locked, xsync},
	"proxy/jsonrpc":    {},
	"proxy/streamable": {"internal/problem", "internal/ratelimit", "proxy/jsonrpc", xsync},

	"internal/problem":    {"internal/lazyregexp", "internal/ratelimit"},
	"internal/ratelimit":  {},
	"internal/sandbox":    {sdk},
	"internal/explain":    {"internal/problem", sdk},
	"internal/file":       {},
	"internal/stdio":      {xsys},
	"internal/lazyregexp": {},
	"internal/keyscan":    {"internal/file", "internal/lazyregexp"},
	"internal/editor":     {"internal/file", "internal/keyscan", "internal/lazyregexp", "internal/problem", hujson, toml, yaml, differ},
	"internal/release":    {"internal/cli", cobra},
	"internal/doctor": {
		"auth", "auth/signin", "proxy", "rest", "internal/editor", "internal/explain", "internal/file", "internal/keyscan", "internal/problem", "internal/sandbox", sdk,
	},
	"internal/cli": {
		"auth", "auth/signin", "proxy", "proxy/streamable", "rest", "internal/doctor", "internal/editor", "internal/explain", "internal/file",
		"internal/keyscan", "internal/lazyregexp", "internal/problem", "internal/sandbox", "internal/stdio", sdk, cobra, pflag, xterm,
	},

	// The sandbox as tests use it.
	"internal/sandbox/faults": {"internal/sandbox", sdk},

	// The editor's side of a session, for tests.
	"proxy/proxytest": {},

	// What measures the tests.
	"internal/mutation": {},

	// What measures the program beside others.
	"internal/bench": {},
}

// process names what belongs to the process and not to a package: only a main.go
// touches it and hands it on, so everything else can be run twice side by side in a test.
var process = map[string][]string{
	"os":      {"Args", "Environ", "Exit", "ExpandEnv", "Getenv", "LookupEnv", "Setenv", "Stderr", "Stdin", "Stdout", "Unsetenv"},
	"fmt":     {"Print", "Printf", "Println"},
	"syscall": {"Environ", "Exit", "Getenv", "Setenv"},
}

func TestEveryImportKeepsToTheWalls(t *testing.T) {
	for _, f := range sources(t) {
		for _, broken := range crossings(f) {
			t.Error(broken)
		}
	}
}

// What tests alone need is not in the program, not even unused.
func TestTheProgramContainsNothingOfTheTests(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(list))
	if !slices.Contains(deps, module+"/internal/sandbox") {
		t.Fatalf("the program is made of %q", deps)
	}
	for _, dep := range deps {
		for _, no := range []string{module + "/internal/sandbox/faults", module + "/internal/bench", module + "/internal/release", testscript, "testing", "net/http/httptest"} {
			if dep == no || strings.HasPrefix(dep, no+"/") {
				t.Errorf("the program contains %s", dep)
			}
		}
	}
}

func TestOnlyMainTouchesTheProcess(t *testing.T) {
	for _, f := range sources(t) {
		for _, broken := range grabs(f) {
			t.Error(broken)
		}
	}
}

func TestABrokenWallIsSeen(t *testing.T) {
	tests := []struct {
		name string
		file string
		text string
		want string // what the complaint says; empty when there is none
	}{
		{"proxy may use the standard library", "proxy/a.go", `import "net/http"`, ""},
		{"proxy may refuse with a problem", "proxy/a.go", `import "` + module + `/internal/problem"`, ""},
		{"proxy never meets auth", "proxy/a.go", `import "` + module + `/auth"`, "proxy must not import auth"},
		{"auth never meets proxy", "auth/a.go", `import "` + module + `/proxy"`, "auth must not import proxy"},
		{"rest never meets auth", "rest/a.go", `import "` + module + `/auth"`, "rest must not import auth"},
		{"a second name does not hide an import", "proxy/a.go", `import k "` + module + `/auth"`, "proxy must not import auth"},
		{"a file for another system counts", "proxy/a_windows.go", `import "` + module + `/auth"`, "proxy must not import auth"},
		{"auth may ask the keychain", "auth/a.go", `import "github.com/zalando/go-keyring"`, ""},
		{"proxy may not ask the keychain", "proxy/a.go", `import "github.com/zalando/go-keyring"`, "proxy must not import github.com/zalando/go-keyring"},
		{"a module's package belongs to the module", "rest/a.go", `import "github.com/modelcontextprotocol/go-sdk/mcp"`, ""},
		{"a longer name is another module", "rest/a.go", `import "github.com/modelcontextprotocol/go-sdk-fork/mcp"`, "rest must not import"},
		{"proxy carries bytes without the SDK", "proxy/a.go", `import "github.com/modelcontextprotocol/go-sdk/mcp"`, "proxy must not import"},
		{"problem uses the standard library alone", "internal/problem/a.go", `import "golang.org/x/sys/unix"`, "internal/problem must not import"},
		{"the sandbox is an independent witness", "internal/sandbox/a.go", `import "` + module + `/internal/problem"`, "internal/sandbox must not import internal/problem"},
		{"cobra stays in cli", "internal/doctor/a.go", `import "github.com/spf13/cobra"`, "internal/doctor must not import github.com/spf13/cobra"},
		{"a folder below a room is a room of its own", "proxy/deep/a.go", ``, "proxy/deep has no line in walls"},
		{"nobody imports main", "internal/cli/a.go", `import "` + module + `"`, "internal/cli must not import ."},

		{"main reads the environment", "main.go", `import "os"; var _ = os.Getenv`, ""},
		{"a second file of main does not", "env.go", `import "os"; var _ = os.Getenv`, "env.go uses os.Getenv"},
		{"auth is given the environment", "auth/a.go", `import "os"; var _ = os.Getenv`, "auth/a.go uses os.Getenv"},
		{"a main.go that is no program counts", "auth/main.go", `import "os"; var _ = os.Exit`, "auth/main.go uses os.Exit"},
		{"a second name does not hide the process", "proxy/a.go", `import sys "os"; var _ = sys.Stdout`, "proxy/a.go uses os.Stdout"},
		{"nothing is printed past the writer that was given", "proxy/a.go", `import "fmt"; func f() { fmt.Println() }`, "proxy/a.go uses fmt.Println"},
		{"nor by the builtin", "proxy/a.go", `func f() { println() }`, "proxy/a.go uses println"},
		{"the rest of os is free", "auth/a.go", `import "os"; var _ = os.ReadFile`, ""},
		{"a dot import cannot be followed", "auth/a.go", `import . "os"`, "auth/a.go imports os with a dot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pkg := path.Base(path.Dir(tt.file))
			if !strings.Contains(tt.file, "/") {
				pkg = "main"
			}
			f := parse(t, tt.file, "package "+pkg+"\n"+tt.text)
			got := strings.Join(append(crossings(f), grabs(f)...), "\n")
			if tt.want == "" && got != "" {
				t.Errorf("got %q, want no complaint", got)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want it to say %q", got, tt.want)
			}
		})
	}
}

// source is one Go file of the module that is not a test, whatever system it is for.
type source struct {
	name string // slash-separated, from the module's root
	room string // its folder, "." for the root
	file *ast.File
}

// sources parses every Go file of the module but tests, build constraints unread.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.ContainsAny(base[:1], "._") || base == "testdata" || base == "node_modules"):
			return filepath.SkipDir
		case d.IsDir(), filepath.Ext(base) != ".go", strings.HasSuffix(base, "_test.go"):
			return nil
		}
		all = append(all, parse(t, filepath.ToSlash(name), nil))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

// parse reads one file; text is what it says, or nil to read it from disk.
func parse(t *testing.T, name string, text any) source {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{name: name, room: path.Dir(name), file: file}
}

// crossings lists the imports of f that its room's line in walls does not name.
func crossings(f source) []string {
	allowed, ok := walls[f.room]
	if !ok {
		return []string{fmt.Sprintf("%s: %s has no line in walls: say there what it may import", f.name, f.room)}
	}
	var broken []string
	for _, spec := range f.file.Imports {
		if to := target(spec); to != "" && !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, to) }) {
			broken = append(broken, fmt.Sprintf("%s: %s must not import %s", f.name, f.room, to))
		}
	}
	return broken
}

// covers says whether a line's entry allows an import: a package of ours by its exact
// folder, a module of others with all its packages.
func covers(entry, to string) bool {
	host, _, _ := strings.Cut(entry, "/")
	return to == entry || strings.Contains(host, ".") && strings.HasPrefix(to, entry+"/")
}

// target names what an import is of, as walls does; empty for the standard library.
func target(spec *ast.ImportSpec) string {
	p := importPath(spec)
	switch first, _, _ := strings.Cut(p, "/"); {
	case p == module:
		return "."
	case strings.HasPrefix(p, module+"/"):
		return strings.TrimPrefix(p, module+"/")
	case strings.Contains(first, "."), p == "C":
		return p
	}
	return ""
}

// grabs lists where f takes something of the process that nobody handed to it.
func grabs(f source) []string {
	if path.Base(f.name) == "main.go" && f.file.Name.Name == "main" {
		return nil
	}
	var broken []string
	imported := map[string]string{} // the name in this file → import path
	for _, spec := range f.file.Imports {
		p := importPath(spec)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." && process[p] != nil {
			broken = append(broken, fmt.Sprintf("%s imports %s with a dot", f.name, p))
		}
		imported[name] = p
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(process[imported[x.Name]], n.Sel.Name) {
				broken = append(broken, fmt.Sprintf("%s uses %s.%s: take it as a parameter, as main.go hands it on",
					f.name, imported[x.Name], n.Sel.Name))
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "print" || fn.Name == "println") {
				broken = append(broken, fmt.Sprintf("%s uses %s: write to the writer it is given", f.name, fn.Name))
			}
		}
		return true
	})
	return broken
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser has taken it already
	}
	return p
}

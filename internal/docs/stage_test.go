package docs

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// canary is the key of every stage. No output may show it.
const canary = "lm_canary_5f1c0e9a7b3d2468"

// A stage is where the commands of one block run: a home folder, a project in it, and a LeadMagic of their own. The
// comment before a block sets it, with these options:
//
//	exit=CODE        what the last command ends with; 0 if not said
//	key=TEXT         what LEADMAGIC_API_KEY holds instead of a good key; none: it is not set
//	sandbox=KIND     oauth-only, tls (by an authority that nobody trusts) or down
//	fault=JSON       what goes wrong there: a faults.Fault
//	balance=CREDITS  what is left there
//	home=NAME        files of the home folder, from testdata/NAME.txtar; {{program}} in them is the program
//	folder=NAME      files of the project, likewise; they are in a git repository
//	stdin=key        the commands read the good key, as from a pipe
//	skip=REASON      the commands are not run; that they exist, with their flags, is checked
//
// and two that are for other tests: code=CODE names the problem that the block shows, see doctor_test.go; edited=1 says of
// a config that it is not as install writes it.
type stage struct {
	home, folder string
	server       *faults.Server
	env          map[string]string
	stdin        string
}

// shownPath is where pages show the program to be, whatever folder it is in here.
const shownPath = "/opt/homebrew/bin"

// binary is the file of the program.
func binary(t *testing.T) string {
	t.Helper()
	file, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func newStage(t *testing.T, options map[string]string) *stage {
	t.Helper()
	home := t.TempDir()
	s := &stage{home: home, folder: filepath.Join(home, "project")}
	if options["stdin"] == "key" {
		s.stdin = canary + "\n"
	}
	o := faults.Options{Key: canary}
	begin := faults.Start
	switch options["sandbox"] {
	case "oauth-only":
		o.OAuthOnly = true
	case "tls":
		begin = func(o faults.Options) (*faults.Server, error) { return faults.StartTLS(o, faults.Leaf{}) }
	}
	var err error
	if s.server, err = begin(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Close)
	if text := options["fault"]; text != "" {
		f, err := faults.Parse(text)
		if err != nil {
			t.Fatalf("fault=%s: %v", text, err)
		}
		s.server.Fault(f)
	}
	if text := options["balance"]; text != "" {
		credits, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		s.server.SetBalance(credits)
	}
	at := s.server.URL
	if options["sandbox"] == "down" {
		at = "http://127.0.0.1:1" // no other test listens there, as it may at the port of a server that was closed
	}
	s.env = map[string]string{
		"HOME": home, "USERPROFILE": home, "APPDATA": filepath.Join(home, "AppData", "Roaming"),
		"XDG_CONFIG_HOME": filepath.Join(home, ".config"), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
		"PATH": os.Getenv("PATH"), "SystemRoot": os.Getenv("SystemRoot"), "TMPDIR": os.TempDir(), "GORACE": "atexit_sleep_ms=0",
		"LEADMAGIC_MCP_URL": at + "/mcp", "LEADMAGIC_API_URL": at, "LEADMAGIC_API_KEY": canary,
	}
	switch text := options["key"]; text {
	case "":
	case "none":
		delete(s.env, "LEADMAGIC_API_KEY")
	default:
		s.env["LEADMAGIC_API_KEY"] = text
	}
	s.put(t, home, options["home"])
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if options["folder"] != "" {
		s.put(t, s.folder, options["folder"])
		for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
			if out, code := s.run(t, "git", args...); code != 0 {
				t.Fatalf("git %v: %s", args, out)
			}
		}
	}
	return s
}

// put writes the files of testdata/NAME.txtar into a folder.
func (s *stage) put(t *testing.T, folder, name string) {
	t.Helper()
	if name == "" {
		return
	}
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		file := filepath.Join(folder, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		data := bytes.ReplaceAll(f.Data, []byte("{{program}}"), []byte(filepath.ToSlash(binary(t))))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command on the stage, and returns what it prints, as pages show it, and its exit code.
func (s *stage) run(t *testing.T, name string, args ...string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.folder
	env := maps.Clone(s.env)
	for _, arg := range args {
		switch flag, _, _ := strings.Cut(arg, "="); flag {
		case "--sandbox", "--mcp-url", "--api-url": // a LeadMagic that the command names itself
			delete(env, "LEADMAGIC_MCP_URL")
			delete(env, "LEADMAGIC_API_URL")
		}
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(s.stdin), &out, &out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte(canary)) {
		t.Errorf("%s %s shows the key", name, strings.Join(args, " "))
	}
	return s.shown(out.String(), binary(t)), code
}

// shown is an output as pages show it: of no particular machine, port and time.
func (s *stage) shown(out, file string) string {
	out = strings.ReplaceAll(out, filepath.Dir(file), shownPath)
	out = strings.ReplaceAll(out, s.home, "~")
	out = port.ReplaceAllString(out, "127.0.0.1:8765")
	return strings.ReplaceAll(out, "\r\n", "\n")
}

var (
	port      = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	passing   = regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|s)\b|\b\d{4}-\d\d-\d\d(T[\d:.]+Z)?|\b\d+\.\d+\.\d+\b|\blinux/\w+`)
	trailing  = regexp.MustCompile(`(?m)[ \t]+$`)
	ownSystem = runtime.GOOS == "linux" // whose paths and words the pages show
)

// steady is a text without what differs from one run to the next: times, dates, versions and processors.
func steady(text string) string {
	return trailing.ReplaceAllString(passing.ReplaceAllString(text, "~"), "")
}

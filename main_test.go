package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	browsers := map[string]string{"darwin": "open", "windows": "rundll32"}
	testscript.Main(m, map[string]func(){"leadmagic-mcp-proxy": main, cmp.Or(browsers[runtime.GOOS], "xdg-open"): browse})
}

// browse is the browser of a person who signs in: the sandbox's page approves by itself, and redirects at once.
func browse() {
	fmt.Println("a browser may say anything here")
	res, err := http.Get(os.Args[len(os.Args)-1]) //nolint:noctx // it ends with its process
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(os.Stdout, res.Body)
	_ = res.Body.Close()
}

// canary is the key of every script. Nothing that the program prints, logs or writes may contain it.
const canary = "lm_canary_5f1c0e9a7b3d2468"

// issued are the beginnings of what the sandbox's authorization server issues, which is as secret.
var issued = []string{"sandbox-code-", "sandbox-access-", "sandbox-refresh-"}

func TestTheVersion(t *testing.T) {
	built := func(version string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: version}} }
	tests := []struct {
		name, linked string
		built        *debug.BuildInfo
		want         string
	}{
		{"a release says what was linked", "1.2.3", built("v1.2.2"), "1.2.3"},
		{"go install says the module's version", "", built("v1.2.3"), "1.2.3"},
		{"a build in a folder has none", "", built("(devel)"), "dev"},
		{"a build without modules has none", "", built(""), "dev"},
		{"a program may know nothing of its build", "", nil, "dev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ownVersion(tt.linked, tt.built); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestScripts runs the real program against a sandbox of its own for each script: one behaviour each.
//
// The file key.in holds the key. Nothing that a command prints or writes may hold it, but for the private file of login.
//
//	sandbox [OPTION…]      begins another sandbox: oauth-only, sessions-only, stateless-only, tls or down
//	fault JSON             arms a fault of the sandbox
//	balance CREDITS        sets the balance of the sandbox
//	revoke KEY             makes the sandbox accept KEY and no other
//	expire                 ends all access tokens of the sandbox
//	renewals N             fails unless tokens were asked for with a refresh token N times
//	steady COMMAND…        is exec, with names in place of times, ports and folders: see steady
//	converse FILE [ARG…]   talks to the program as an editor does: see converse
func TestScripts(t *testing.T) {
	testscript.RunT(observed{t}, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: false,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox":  begin,
			"fault":    fault,
			"balance":  balance,
			"revoke":   revoke,
			"expire":   func(ts *testscript.TestScript, _ bool, _ []string) { server(ts).ExpireTokens() },
			"renewals": renewals,
			"steady":   steady,
			"converse": converse,
			"age":      age,
		},
	})
}

// observed is a test that sees all that the commands of its scripts print, and fails when the key is in it.
type observed struct{ *testing.T }

func (o observed) Run(name string, test func(testscript.T)) {
	o.T.Run(name, func(t *testing.T) { test(observed{t}) })
}

// Verbose has testscript log the output of every command.
func (o observed) Verbose() bool { return true }

// Log is called with everything that a script has logged, first of all its variables, of which one is the key.
func (o observed) Log(args ...any) {
	o.Helper()
	o.T.Log(args...)
	_, log, _ := strings.Cut(fmt.Sprint(args...), "\n\n")
	if showsKey([]byte(log)) {
		o.Error("a command has printed the key")
	}
}

// A stage is what a script runs on.
type stage struct{ server *faults.Server }

func setUp(env *testscript.Env) error {
	server, err := faults.Start(faults.Options{Key: canary})
	if err != nil {
		return err
	}
	s := &stage{server}
	env.Values[stage{}] = s
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("USERPROFILE", home)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	env.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	point(env.Setenv, server.URL)
	env.Setenv("LEADMAGIC_API_KEY", canary)
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	if err := os.WriteFile(filepath.Join(env.WorkDir, "key.in"), []byte(canary), 0o600); err != nil {
		return err
	}
	own := filesWithKey(env.T(), env.WorkDir)
	env.Defer(func() {
		s.server.Close()
		for name, content := range filesWithKey(env.T(), env.WorkDir) {
			file, folder := filepath.Base(name), filepath.Base(filepath.Dir(name))
			kept := folder == "leadmagic-mcp-proxy" && (file == "key" || strings.HasPrefix(file, "signin-") && strings.HasSuffix(file, ".json"))
			if content != own[name] && !kept {
				env.T().Fatal("the key is in " + name)
			}
		}
	})
	return nil
}

// age makes files look as if they were written a minute ago: one that was written just now is waited for.
func age(ts *testscript.TestScript, _ bool, names []string) {
	past := time.Now().Add(-time.Minute)
	for _, name := range names {
		ts.Check(os.Chtimes(ts.MkAbs(name), past, past))
	}
}

// filesWithKey are the files below a folder whose content or name has the key in it, plain or encoded.
func filesWithKey(t testscript.T, dir string) map[string]string {
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var content []byte
		if entry.Type().IsRegular() {
			content, err = os.ReadFile(name)
		}
		if showsKey(content) || showsKey([]byte(name)) {
			files[name] = string(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func showsKey(b []byte) bool {
	for _, form := range []string{
		canary,
		hex.EncodeToString([]byte(canary)),
		base64.StdEncoding.EncodeToString([]byte(canary)),
		base64.RawStdEncoding.EncodeToString([]byte(canary)),
	} {
		if bytes.Contains(b, []byte(form)) {
			return true
		}
	}
	return slices.ContainsFunc(issued, func(beginning string) bool { return bytes.Contains(b, []byte(beginning)) })
}

// point makes a sandbox the one that the program talks to.
// nobody is where nothing listens. The port of a server that was closed may soon be another one's.
const nobody = "http://127.0.0.1:1"

func point(setenv func(name, value string), url string) {
	setenv("SANDBOX", url)
	setenv("LEADMAGIC_MCP_URL", url+"/mcp")
	setenv("LEADMAGIC_API_URL", url)
}

func server(ts *testscript.TestScript) *faults.Server { return ts.Value(stage{}).(*stage).server }

func begin(ts *testscript.TestScript, _ bool, args []string) {
	o := faults.Options{Key: canary}
	for _, option := range args {
		switch option {
		case "oauth-only":
			o.OAuthOnly = true
		case "sessions-only":
			o.SessionsOnly = true
		case "stateless-only":
			o.StatelessOnly = true
		case "tls":
			o.TLS = new(faults.Leaf)
		case "down":
		default:
			ts.Fatalf("unknown option %q", option)
		}
	}
	s := ts.Value(stage{}).(*stage)
	s.server.Close()
	if slices.Contains(args, "down") {
		point(ts.Setenv, nobody)
		return
	}
	var err error
	s.server, err = faults.Start(o)
	ts.Check(err)
	point(ts.Setenv, s.server.URL)
	if s.server.Authority != nil {
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), s.server.Authority.PEM(), 0o600))
	}
}

func fault(ts *testscript.TestScript, _ bool, args []string) {
	f, err := faults.Parse(strings.Join(args, " "))
	ts.Check(err)
	server(ts).Fault(f)
}

func balance(ts *testscript.TestScript, _ bool, args []string) {
	var credits float64
	_, err := fmt.Sscan(args[0], &credits)
	ts.Check(err)
	server(ts).SetBalance(credits)
}

func revoke(ts *testscript.TestScript, _ bool, args []string) { server(ts).SetKey(args[0]) }

func renewals(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	for _, r := range server(ts).Requests() {
		if bytes.Contains(r.Body, []byte("grant_type=refresh_token")) {
			got++
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("tokens were renewed %d times, not %s", got, args[0])
	}
}

// steady runs the program with nothing else on the PATH, and makes what it prints the same in every run and on every
// machine: what differs has a name instead.
func steady(ts *testscript.TestScript, neg bool, args []string) {
	bin := filepath.Dir(program(ts))
	path := ts.Getenv("PATH")
	ts.Setenv("PATH", bin)
	err := ts.Exec(args[0], args[1:]...)
	ts.Setenv("PATH", path)
	if (err != nil) != neg {
		ts.Fatalf("%v ended with %v", args, err)
	}
	stdout := ts.ReadFile("stdout")
	if runtime.GOOS == "windows" { // also in JSON, where each backslash stands twice
		stdout = strings.ReplaceAll(regexp.MustCompile(`\\\\?([^"\\])`).ReplaceAllString(stdout, "/$1"), "leadmagic-mcp-proxy.exe", "leadmagic-mcp-proxy")
	}
	out := strings.NewReplacer(
		filepath.ToSlash(bin), "BIN",
		filepath.ToSlash(ts.Getenv("WORK")), "WORK",
		runtime.GOOS+"/"+runtime.GOARCH, "OS/ARCH",
		`"`+runtime.GOOS+`"`, `"OS"`,
		`"`+runtime.GOARCH+`"`, `"ARCH"`,
	).Replace(stdout)
	for _, unsteady := range []struct{ pattern, name string }{
		{`\b[0-9.]+m?s\b|\b[0-9]+m[0-9]+s\b`, "TIME"},
		{`sandbox-client-[0-9A-Z]+`, "sandbox-client-ID"},
		{`signin-[0-9a-f]{8}\.json`, "signin-ID.json"},
		{`127\.0\.0\.1:[0-9]{2,}`, "127.0.0.1:PORT"},
		{`[0-9]+ of 600 requests`, "N of 600 requests"},
		{`req_sandbox_[0-9]+`, "req_sandbox_N"},
		{`\$env:LEADMAGIC_CA_FILE='FILE'`, "export LEADMAGIC_CA_FILE=FILE"},
		{`; the keychain of this system cannot be reached`, ""}, // or it can, and is empty
	} {
		out = regexp.MustCompile(unsteady.pattern).ReplaceAllString(out, unsteady.name)
	}
	fmt.Fprint(ts.Stdout(), out)
	fmt.Fprint(ts.Stderr(), ts.ReadFile("stderr"))
}

// converse talks to the program as an editor does, along a file of lines:
//
//	> MESSAGE        the editor writes a line
//	< REGEXP         a line comes that matches; lines that come before it are kept for later
//	2< REGEXP        a line that matches comes on stderr
//	! COMMAND        a command of the script is carried out, or "write FILE TEXT"
//	# TEXT           a comment
//
// At the end stdin is closed. The program must then end by itself with code 0, and have nothing more to say.
// "stdout" and "stderr" afterwards are all that it wrote.
func converse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: converse file [argument…]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := start(ctx, ts, args[1:])
	for number, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n") {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case ">":
			_, err := io.WriteString(c.stdin, rest+"\n")
			ts.Check(err)
		case "<":
			c.out.expect(ctx, ts, number+1, rest)
		case "2<":
			c.err.expect(ctx, ts, number+1, rest)
		case "!":
			command(ts, strings.Fields(rest))
		case "#", "":
		default:
			ts.Fatalf("%s:%d: unknown verb %q", args[0], number+1, verb)
		}
	}
	_ = c.stdin.Close()
	rest := c.out.drain(ctx)
	c.err.drain(ctx)
	if err := c.cmd.Wait(); err != nil {
		ts.Fatalf("the program ended with %v\n%s", err, c.err.all)
	}
	if len(rest) > 0 {
		ts.Fatalf("the program had more to say:\n%s", strings.Join(rest, "\n"))
	}
	if showsKey([]byte(strings.Join(append(c.out.all, c.err.all...), "\n"))) {
		ts.Fatalf("the program has shown the key")
	}
	ts.Check(os.WriteFile(ts.MkAbs("stdout.txt"), []byte(strings.Join(c.out.all, "\n")+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("stderr.txt"), []byte(strings.Join(c.err.all, "\n")), 0o600))
}

func command(ts *testscript.TestScript, words []string) {
	switch words[0] {
	case "fault":
		fault(ts, false, words[1:])
	case "balance":
		balance(ts, false, words[1:])
	case "revoke":
		revoke(ts, false, words[1:])
	case "expire":
		server(ts).ExpireTokens()
	case "leadmagic-mcp-proxy":
		ts.Check(ts.Exec(words[0], words[1:]...))
	case "write":
		ts.Check(os.WriteFile(ts.MkAbs(words[1]), []byte(strings.Join(words[2:], " ")+"\n"), 0o600))
	default:
		ts.Fatalf("unknown command %q", words[0])
	}
}

// A conversation is a running program.
type conversation struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	out, err *lines
}

// program is the path of the program under test.
func program(ts *testscript.TestScript) string {
	program := "leadmagic-mcp-proxy"
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if name := filepath.Join(dir, program); isFile(name) {
			return name
		}
	}
	ts.Fatalf("%s is not on the PATH", program)
	return ""
}

func start(ctx context.Context, ts *testscript.TestScript, args []string) *conversation {
	cmd := exec.CommandContext(ctx, program(ts), args...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range environment {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	return &conversation{cmd, stdin, read(stdout), read(stderr)}
}

// environment is what an editor of these scripts passes on.
var environment = []string{
	"HOME", "USERPROFILE", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS", "PATH", "TMPDIR", "SystemRoot", "GOCOVERDIR", "GORACE",
	"LEADMAGIC_API_KEY", "LEADMAGIC_API_KEY_FILE", "LEADMAGIC_API_KEY_COMMAND", "LEADMAGIC_KEY",
	"LEADMAGIC_MCP_URL", "LEADMAGIC_API_URL", "LEADMAGIC_UPSTREAM", "LEADMAGIC_CA_FILE", "LEADMAGIC_LOG_LEVEL", "LEADMAGIC_LOG_FILE",
	"LEADMAGIC_TOOL_TIMEOUT", "LEADMAGIC_MAX_CREDITS", "LEADMAGIC_READONLY",
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// lines are what a program writes, as it comes.
type lines struct {
	next chan string
	kept []string // came, and not expected yet
	all  []string
}

func read(r io.Reader) *lines {
	l := &lines{next: make(chan string, 1000)}
	go func() {
		defer close(l.next)
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				l.next <- strings.TrimSuffix(line, "\n")
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *lines) expect(ctx context.Context, ts *testscript.TestScript, number int, pattern string) {
	wanted, err := regexp.Compile(pattern)
	ts.Check(err)
	for i, line := range l.kept {
		if wanted.MatchString(line) {
			l.kept = append(l.kept[:i], l.kept[i+1:]...)
			return
		}
	}
	for {
		select {
		case line, open := <-l.next:
			if !open {
				ts.Fatalf("line %d: the program ended before %q; it wrote\n%s", number, pattern, strings.Join(l.all, "\n"))
			}
			l.all = append(l.all, line)
			if wanted.MatchString(line) {
				return
			}
			l.kept = append(l.kept, line)
		case <-ctx.Done():
			ts.Fatalf("line %d: nothing matches %q; the program wrote\n%s", number, pattern, strings.Join(l.all, "\n"))
		}
	}
}

// drain reads to the end, and returns what nobody expected.
func (l *lines) drain(ctx context.Context) []string {
	for {
		select {
		case line, open := <-l.next:
			if !open {
				return l.kept
			}
			l.all = append(l.all, line)
			l.kept = append(l.kept, line)
		case <-ctx.Done():
			return l.kept
		}
	}
}

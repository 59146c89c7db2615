package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestEveryCommandRuns runs the commands of every page, and compares what they print. Outputs are those of Linux; on
// other systems paths differ, and only the exit code counts.
func TestEveryCommandRuns(t *testing.T) {
	for _, p := range pages(t) {
		t.Run(strings.ReplaceAll(p.name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			before := p.text()
			for _, b := range slices.Backward(p.blocks(t)) { // what is written anew has another length
				if b.language == "sh" || b.language == "console" {
					b.run(t)
				}
			}
			if p.text() != before {
				write(t, p.name, p.text())
			}
		})
	}
}

var assignment = regexp.MustCompile(`^([A-Z_]+)=(.*)$`)

// run runs the commands of a block, one after the other. In console blocks they follow a prompt, and their output follows
// them; in sh blocks every line is one.
func (b block) run(t *testing.T) {
	s, exit := newStage(t, b.options), 0
	lines := b.lines()
	var shown []string // the block as it should be
	for i := 0; i < len(lines); {
		place, first := b.place(i), i
		line, prompted := strings.CutPrefix(lines[i], "$ ")
		i++
		if b.language == "console" && !prompted || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			shown = append(shown, lines[first])
			continue
		}
		for ; strings.HasSuffix(line, `\`) && i < len(lines); i++ {
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
		}
		shown = append(shown, lines[first:i]...)
		first = i
		for b.language == "console" && i < len(lines) && !strings.HasPrefix(lines[i], "$ ") {
			i++
		}
		printed := lines[first:i]
		for _, command := range commands(line) {
			set := map[string]string{}
			for len(command) > 1 && assignment.MatchString(command[0]) {
				m := assignment.FindStringSubmatch(command[0])
				set[m[1]], command = m[2], command[1:]
			}
			var err error
			switch args, ours := arguments(command); {
			case !ours:
				err = checkForeign(t, s, command)
			case b.options["skip"] != "":
				err = checkArguments(args)
			default:
				maps.Copy(s.env, set)
				var output string
				output, exit = s.run(t, binary(t), args...)
				want := strings.Join(printed, "\n")
				if exit != 0 && b.options["exit"] == "" {
					err = fmt.Errorf("%s ends with %d: %s", line, exit, output)
				} else if b.language == "console" && onLinux && !alike(want, output) {
					keep(t, place+": what "+line+" prints", want, output, func() { printed = strings.Split(output, "\n") })
				}
			}
			if err != nil {
				t.Errorf("%s: %v", place, err)
			}
		}
		shown = append(shown, printed...)
	}
	if want := b.options["exit"]; want != "" && fmt.Sprint(exit) != want {
		t.Errorf("%s: the last command ends with %d, want %s", b.place(-1), exit, want)
	}
	b.page.lines = slices.Replace(b.page.lines, b.first, b.last, shown...)
}

// alike says whether a command printed what the page says. A line … stands for any number of lines, and … in a line for
// anything.
func alike(want, got string) bool {
	pattern := regexp.QuoteMeta(steady(strings.TrimRight(want, "\n")))
	pattern = regexp.MustCompile(`(?m)^…\n?`).ReplaceAllString(pattern, `(?s:.*)`)
	return regexp.MustCompile(`^` + strings.ReplaceAll(pattern, "…", ".*") + `$`).MatchString(steady(got))
}

var (
	word    = regexp.MustCompile(`(?:[^\s"']|"[^"]*"|'[^']*')+`)
	quoted  = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
	remark  = regexp.MustCompile(`(?:^|\s)#.*`)
	passing = regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|s)\b|\b\d{4}-\d\d-\d\d(T[\d:.]+Z)?|\b\d+\.\d+\.\d+\b|\blinux/\w+`)
)

// onLinux says whether paths and words are those that the pages show.
const onLinux = runtime.GOOS == "linux"

// steady is a text without what differs from one run to the next: times, dates, versions and processors.
func steady(text string) string { return passing.ReplaceAllString(text, "~") }

// arguments are those of the program, if a command is one.
func arguments(command []string) (args []string, ours bool) {
	switch {
	case len(command) > 0 && command[0] == program:
		return command[1:], true
	case len(command) > 2 && slices.Equal(command[:3], []string{"go", "run", "."}):
		return command[3:], true
	}
	return nil, false
}

// commands are those that a line is made of, each in its words: what comes before a pipe, behind it, and behind &&. Quotes are
// a shell's, as far as pages go; where output goes, and a comment at the end, are left out.
func commands(line string) (all [][]string) {
	var command []string
	redirected := false
	for _, word := range append(word.FindAllString(remark.ReplaceAllString(line, ""), -1), "&&") {
		switch {
		case word == "|" || word == "&&":
			all, command, redirected = append(all, command), nil, false
		case strings.HasPrefix(word, ">"):
			redirected = true
		case !redirected:
			command = append(command, quoted.ReplaceAllString(word, "$1$2"))
		}
	}
	return all
}

var (
	identity   = regexp.MustCompile(`--certificate-identity-regexp (\S+)`)
	repository = regexp.MustCompile(program + `/[a-z-]+`)
)

// checkForeign checks a command that is not of the program: what it names of ours has to be there.
func checkForeign(t *testing.T, s *stage, command []string) error {
	line := strings.Join(command, " ")
	switch name := command[0]; {
	case name == "export":
		for _, word := range command[1:] {
			if name, value, _ := strings.Cut(word, "="); !strings.Contains(value, "…") {
				s.env[name] = value
			}
		}
	case name == "cosign":
		const workflow = ".github/workflows/release.yml"
		signer := "https://github.com/" + program + "/" + program + "/" + workflow + "@refs/tags/v1.2.3"
		asked := regexp.MustCompile(identity.FindStringSubmatch(line)[1])
		if read(t, workflow); !asked.MatchString(signer) || asked.MatchString(strings.Replace(signer, "release", "other", 1)) {
			return fmt.Errorf("%s is not the identity %s alone", asked, signer)
		}
	case strings.HasPrefix(name, ".ci/"):
		script := read(t, name)
		for _, step := range command[1:] {
			if !regexp.MustCompile(`(?m)^` + step + `\(\)`).MatchString(script) {
				return fmt.Errorf("%s has no step %s", name, step)
			}
		}
	case slices.Contains([]string{"brew", "cd", "claude", "docker", "gh", "git", "go", "mise", "npm", "npx", "op", "scoop", "sha256sum", "sudo", "xattr"}, name):
		ours := program + "/" + program + " " + program + "/tap " + read(t, ".ci/push-manifests") // Homebrew leaves homebrew- out
		for _, named := range repository.FindAllString(line, -1) {
			if !strings.Contains(ours, named) {
				return fmt.Errorf("there is no repository %s", named)
			}
		}
		for _, word := range command {
			if folder, ours := strings.CutPrefix(word, "./"); ours && name == "go" {
				if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(folder, "..."))); err != nil {
					return err
				}
			}
		}
	default:
		return fmt.Errorf("no test knows the command %q: say how it is checked", command)
	}
	return nil
}

// checkArguments says what is wrong with the arguments of the program.
func checkArguments(args []string) error {
	if end := slices.Index(args, "--"); end >= 0 {
		if args[0] == "install" { // what the editor is to start the program with
			if err := checkArguments(args[end+1:]); err != nil {
				return err
			}
		}
		args = args[:end]
	}
	cmd, rest, err := cli.Commands().Find(args)
	switch {
	case err != nil:
		return err
	case !cmd.HasParent() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-"):
		return errors.New("there is no command " + rest[0])
	}
	return cmd.ParseFlags(rest)
}

// hasVariable says whether the program reads a variable.
func hasVariable(name string) bool {
	flag, ours := strings.CutPrefix(name, "LEADMAGIC_")
	flag = strings.ToLower(strings.ReplaceAll(flag, "_", "-"))
	return slices.Contains(auth.Variables(), name) || ours && flag != "sandbox" && cli.Commands().PersistentFlags().Lookup(flag) != nil
}

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
// and two that are for other tests: code=CODE names the problem that the block shows; edited=1 says of a config that it
// is not as install writes it.
type stage struct {
	home, folder string
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
	o := faults.Options{Key: canary, OAuthOnly: options["sandbox"] == "oauth-only"}
	if options["sandbox"] == "tls" {
		o.TLS = new(faults.Leaf)
	}
	server, err := faults.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if text := options["fault"]; text != "" {
		f, err := faults.Parse(text)
		if err != nil {
			t.Fatalf("fault=%s: %v", text, err)
		}
		server.Fault(f)
	}
	if credits, err := strconv.ParseFloat(options["balance"], 64); err == nil {
		server.SetBalance(credits)
	}
	at := server.URL
	if options["sandbox"] == "down" {
		at = "http://127.0.0.1:1" // no other test listens there, as it may at the port of a server that was closed
	}
	home := t.TempDir()
	s := &stage{home: home, folder: filepath.Join(home, "project"), env: map[string]string{
		"HOME": home, "USERPROFILE": home, "APPDATA": filepath.Join(home, "AppData", "Roaming"),
		"XDG_CONFIG_HOME": filepath.Join(home, ".config"), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
		"PATH": os.Getenv("PATH"), "SystemRoot": os.Getenv("SystemRoot"), "TMPDIR": os.TempDir(), "GORACE": "atexit_sleep_ms=0",
		"LEADMAGIC_MCP_URL": at + "/mcp", "LEADMAGIC_API_URL": at, "LEADMAGIC_API_KEY": canary,
	}}
	switch key := options["key"]; key {
	case "":
	case "none":
		delete(s.env, "LEADMAGIC_API_KEY")
	default:
		s.env["LEADMAGIC_API_KEY"] = key
	}
	if options["stdin"] == "key" {
		s.stdin = canary + "\n"
	}
	if err := os.Mkdir(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for folder, name := range map[string]string{home: options["home"], s.folder: options["folder"]} {
		if name == "" {
			continue
		}
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range archive.Files {
			archive.Files[i].Data = bytes.ReplaceAll(f.Data, []byte("{{program}}"), []byte(filepath.ToSlash(binary(t))))
		}
		if err := txtar.Write(archive, folder); err != nil {
			t.Fatal(err)
		}
	}
	if options["folder"] != "" {
		s.run(t, "git", "init", "-q")
		s.run(t, "git", "add", ".")
	}
	return s
}

var (
	port     = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	trailing = regexp.MustCompile(`(?m)[ \t\r]+$`)
)

// run runs a command on the stage, and returns what it prints, as pages show it (of no particular machine and port), and
// its exit code.
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
	cmd.Stdin = strings.NewReader(s.stdin)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte(canary)) {
		t.Errorf("%s %s shows the key", name, strings.Join(args, " "))
	}
	output = trailing.ReplaceAllString(strings.TrimRight(string(out), "\r\n"), "")
	output = strings.NewReplacer(filepath.Dir(binary(t)), shownPath, s.home, "~").Replace(output)
	return port.ReplaceAllString(output, "127.0.0.1:8765"), code
}

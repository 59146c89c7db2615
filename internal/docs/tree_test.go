package docs

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
)

// A tree is the commands of the program and their flags, as --help tells them.
type tree map[string][]string

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:(-[a-z]), )?(--[a-z-]+)`)
)

// help is what the program says of a command.
func help(t *testing.T, command ...string) string {
	t.Helper()
	var out bytes.Buffer
	env := &cli.Env{
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Version: version,
	}
	if exit := cli.Run(context.Background(), env, append(command, "--help")); exit != 0 {
		t.Fatalf("%v --help: %s", command, &out)
	}
	return out.String()
}

func newTree(t *testing.T) tree {
	t.Helper()
	flags := func(text string) (all []string) {
		for _, m := range helpFlag.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1], m[2])
		}
		return all
	}
	text := help(t)
	own := tree{"": flags(text)}
	listed, _, _ := strings.Cut(text, "\nFlags:")
	for _, m := range helpCommand.FindAllStringSubmatch(listed, -1) {
		own[m[1]] = flags(help(t, m[1]))
	}
	if len(own) < 10 || len(own[""]) < 10 {
		t.Fatalf("read %d commands out of --help:\n%s", len(own), text)
	}
	return own
}

// check says what is wrong with the arguments of the program.
func (tr tree) check(args []string) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command = args[0]
	}
	flags, ok := tr[command]
	if !ok {
		return fmt.Errorf("there is no command %s", command)
	}
	for i, arg := range args {
		if arg == "--" && command == "install" {
			return tr.check(args[i+1:]) // what the editor is to start the program with
		}
		if arg == "--" {
			return nil
		}
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "-") && !slices.Contains(flags, name) {
			return fmt.Errorf("%s %s has no flag %s", program, command, name)
		}
	}
	return nil
}

// hasFlag says whether any command has a flag.
func (tr tree) hasFlag(name string) bool {
	for _, flags := range tr {
		if slices.Contains(flags, name) {
			return true
		}
	}
	return false
}

// hasVariable says whether the program reads a variable.
func (tr tree) hasVariable(name string) bool {
	switch name {
	case "LEADMAGIC_API_KEY", "LEADMAGIC_API_KEY_FILE", "LEADMAGIC_API_KEY_COMMAND":
		return true
	case "LEADMAGIC_SANDBOX", "LEADMAGIC_HELP", "LEADMAGIC_VERSION":
		return false // flags of which a variable would be a trap
	}
	flag, ours := strings.CutPrefix(name, "LEADMAGIC_")
	return ours && slices.Contains(tr[""], "--"+strings.ToLower(strings.ReplaceAll(flag, "_", "-")))
}

var (
	spans        = regexp.MustCompile("`([^`]+)`")
	variableName = regexp.MustCompile(`\bLEADMAGIC_[A-Z_]+\b`)
	// foreignFlags are named in prose and belong to other programs.
	foreignFlags = []string{"--scope", "--transport"}
)

// TestEveryNameInProseExists looks at the code between words: commands, flags and variables.
func TestEveryNameInProseExists(t *testing.T) {
	own := newTree(t)
	for _, p := range pages(t) {
		inside := false
		for i, line := range p.lines {
			if fence.MatchString(line) {
				inside = !inside
			}
			for _, name := range variableName.FindAllString(line, -1) {
				if !own.hasVariable(name) && !strings.HasSuffix(name, "_") {
					t.Errorf("%s:%d: the program reads no variable %s", p.name, i+1, name)
				}
			}
			if inside {
				continue // TestEveryCommandRuns
			}
			for _, m := range spans.FindAllStringSubmatch(line, -1) {
				args, err := words(m[1])
				if err != nil || len(args) == 0 {
					continue // not a command
				}
				switch {
				case args[0] == program:
					err = own.check(args[1:])
				case strings.HasPrefix(args[0], "--"):
					name, _, _ := strings.Cut(args[0], "=")
					if name != "--" && !own.hasFlag(name) && !slices.Contains(foreignFlags, name) {
						err = fmt.Errorf("no command has a flag %s", name)
					}
				}
				if err != nil {
					t.Errorf("%s:%d: %v", p.name, i+1, err)
				}
			}
		}
	}
}

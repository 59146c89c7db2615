package docs

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
)

// help is what the program says of arguments, or why they are wrong.
func help(args ...string) (string, error) {
	var out bytes.Buffer
	env := &cli.Env{
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Version: version,
	}
	if exit := cli.Run(context.Background(), env, append(slices.Clone(args), "--help")); exit != 0 {
		return "", errors.New(out.String())
	}
	return out.String(), nil
}

var commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)

// helpOfAll is what the program says of all its commands.
func helpOfAll(t *testing.T) string {
	t.Helper()
	all, err := help()
	commands := commandLine.FindAllStringSubmatch(all, -1)
	if err != nil || len(commands) < 10 {
		t.Fatalf("read %d commands out of --help: %v", len(commands), err)
	}
	for _, m := range commands {
		text, err := help(m[1])
		if err != nil {
			t.Fatal(err)
		}
		all += text
	}
	return all
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
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"version"}, args...) // which takes all settings, and opens no session if they are wrong
	} else {
		if all, err := help(); err != nil || !strings.Contains(all, "\n  "+args[0]+" ") {
			return errors.New("there is no command " + args[0])
		}
	}
	_, err := help(args...)
	return err
}

// hasVariable says whether the program reads a variable.
func hasVariable(name string) bool {
	switch name {
	case "LEADMAGIC_API_KEY", "LEADMAGIC_API_KEY_FILE", "LEADMAGIC_API_KEY_COMMAND":
		return true
	case "LEADMAGIC_SANDBOX", "LEADMAGIC_HELP", "LEADMAGIC_VERSION":
		return false // flags of which a variable would be a trap
	}
	flag, ours := strings.CutPrefix(name, "LEADMAGIC_")
	global, err := help()
	return ours && err == nil && strings.Contains(global, " --"+strings.ToLower(strings.ReplaceAll(flag, "_", "-"))+" ")
}

var (
	spans        = regexp.MustCompile("`([^`]+)`")
	variableName = regexp.MustCompile(`\bLEADMAGIC_[A-Z_]+\b`)
	flagName     = regexp.MustCompile(`^--[a-z-]+`)
	// foreignFlags are named in prose and belong to other programs.
	foreignFlags = []string{"--scope", "--transport"}
)

// TestEveryNameInProseExists looks at the code between words: commands, flags and variables.
func TestEveryNameInProseExists(t *testing.T) {
	all := helpOfAll(t)
	for _, p := range pages(t) {
		inside := false
		for i, line := range p.lines {
			if fence.MatchString(line) {
				inside = !inside
			}
			for _, name := range variableName.FindAllString(line, -1) {
				if !strings.HasSuffix(name, "_") && !hasVariable(name) {
					t.Errorf("%s:%d: the program reads no variable %s", p.name, i+1, name)
				}
			}
			if inside {
				continue // TestEveryCommandRuns
			}
			for _, m := range spans.FindAllStringSubmatch(line, -1) {
				if args, err := words(m[1]); err == nil && len(args) > 0 && args[0] == program {
					if err := checkArguments(args[1:]); err != nil {
						t.Errorf("%s:%d: %v", p.name, i+1, err)
					}
				}
				if name := flagName.FindString(m[1]); name != "" && !slices.Contains(foreignFlags, name) && !regexp.MustCompile(name+`\b`).MatchString(all) {
					t.Errorf("%s:%d: no command has a flag %s", p.name, i+1, name)
				}
			}
		}
	}
}

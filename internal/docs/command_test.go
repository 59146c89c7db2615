package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// A step is one command of a block and what the page says that it prints.
type step struct {
	line    int // of the block
	command string
	// from and to are the lines of the block with the output.
	from, to int
}

// steps are the commands of a block. In console blocks they follow a prompt, and their output follows them; in sh
// blocks every line is one.
func (b block) steps() []step {
	var all []step
	lines := b.lines()
	for i := 0; i < len(lines); i++ {
		command, prompted := strings.CutPrefix(lines[i], "$ ")
		switch {
		case b.language == "console" && !prompted, strings.TrimSpace(command) == "", strings.HasPrefix(command, "#"):
			continue
		}
		s := step{line: i}
		for strings.HasSuffix(command, `\`) && i+1 < len(lines) {
			i++
			command = strings.TrimSuffix(command, `\`) + strings.TrimSpace(lines[i])
		}
		s.command, s.from, s.to = command, i+1, i+1
		for b.language == "console" && s.to < len(lines) && !strings.HasPrefix(lines[s.to], "$ ") {
			s.to++
		}
		all = append(all, s)
	}
	return all
}

// An edit replaces lines of a page with what a command has printed.
type edit struct {
	from, to int
	lines    []string
}

// TestEveryCommandRuns runs the commands of every page, and compares what they print. Outputs are those of Linux; on
// other systems paths differ, and only the exit code counts.
func TestEveryCommandRuns(t *testing.T) {
	var count atomic.Int64
	t.Run("pages", func(t *testing.T) {
		for _, p := range pages(t) {
			t.Run(strings.ReplaceAll(p.name, "/", "_"), func(t *testing.T) {
				t.Parallel()
				var edits []edit
				for _, b := range p.blocks(t) {
					if b.language == "sh" || b.language == "console" {
						count.Add(1)
						edits = append(edits, b.run(t)...)
					}
				}
				for _, e := range slices.Backward(edits) {
					p.lines = slices.Replace(p.lines, e.from, e.to, e.lines...)
				}
				if *update && edits != nil {
					write(t, p.name, p.text())
				}
			})
		}
	})
	if n := count.Load(); n < 10 {
		t.Errorf("found %d blocks of commands, want those of the README at least", n)
	}
}

var assignment = regexp.MustCompile(`^([A-Z_]+)=(.*)$`)

// run runs the commands of a block, one after the other. It returns what -update changes.
func (b block) run(t *testing.T) (edits []edit) {
	s := newStage(t, b.options)
	exit := 0
	for _, st := range b.steps() {
		all, err := words(st.command)
		if err != nil {
			t.Fatalf("%s: %v", b.place(st.line), err)
		}
		for _, part := range parts(all) {
			set := map[string]string{}
			for len(part) > 1 && assignment.MatchString(part[0]) {
				m := assignment.FindStringSubmatch(part[0])
				set[m[1]], part = m[2], part[1:]
			}
			args, ours := arguments(part)
			switch {
			case !ours:
				if err := foreign(t, s, part); err != nil {
					t.Errorf("%s: %v", b.place(st.line), err)
				}
				continue
			case b.options["skip"] != "":
				if err := checkArguments(args); err != nil {
					t.Errorf("%s: %v", b.place(st.line), err)
				}
				continue
			}
			maps.Copy(s.env, set)
			var output string
			output, exit = s.run(t, binary(t), args...)
			if exit != 0 && b.options["exit"] == "" {
				t.Errorf("%s: %s ends with %d: %s", b.place(st.line), st.command, exit, output)
				continue // what it printed is not to be written into the page
			}
			if b.language == "console" && ownSystem {
				edits = append(edits, b.compare(t, st, output)...)
			}
		}
	}
	if want := b.options["exit"]; want != "" && fmt.Sprint(exit) != want {
		t.Errorf("%s: the last command ends with %d, want %s", b.place(-1), exit, want)
	}
	return edits
}

// compare compares what a command printed with what the page says. A line … stands for any number of lines, and … in
// a line for anything.
func (b block) compare(t *testing.T, st step, output string) []edit {
	want := strings.Join(b.lines()[st.from:st.to], "\n")
	got := strings.TrimRight(output, "\n")
	if alike(want, got) {
		return nil
	}
	if *update {
		return []edit{{b.first + st.from, b.first + st.to, strings.Split(got, "\n")}}
	}
	t.Errorf("%s: %s prints\n%s\nand the page says\n%s\n(go test ./internal/docs -update writes what it prints)",
		b.place(st.line), st.command, got, want)
	return nil
}

func alike(want, got string) bool {
	pattern := regexp.QuoteMeta(steady(strings.TrimRight(want, "\n")))
	pattern = regexp.MustCompile(`(?m)^…\n?`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(steady(got))
}

// arguments are those of the program, if a command is one.
func arguments(command []string) (args []string, ours bool) {
	switch {
	case len(command) > 0 && command[0] == program:
		return command[1:], true
	case len(command) > 2 && command[0] == "go" && command[1] == "run" && command[2] == ".":
		return command[3:], true
	}
	return nil, false
}

// parts are the commands that a line is made of: what comes before a pipe, behind it, and behind &&. Where output
// goes is left out.
func parts(all []string) [][]string {
	var out [][]string
	var part []string
	skip := false
	for _, word := range append(all, "&&") {
		switch {
		case word == "|" || word == "&&":
			out, part, skip = append(out, part), nil, false
		case strings.HasPrefix(word, ">"):
			skip = true
		case !skip:
			part = append(part, word)
		}
	}
	return out
}

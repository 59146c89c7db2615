package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// stanzas are those of our cask in Homebrew's order, a group of them a line: brew style wants a blank line between
// groups, and none inside one. Source: Homebrew/brew, rubocops/cask/constants/stanza.rb.
var stanzas = [][]string{
	{"version", "sha256"},
	{"on_arm", "on_intel", "on_macos", "on_linux"},
	{"url", "name", "desc", "homepage"},
	{"livecheck"},
	{"binary", "bash_completion", "fish_completion", "zsh_completion"},
	{"postflight_steps"},
	{"zap"},
	{"caveats"},
}

// A stanza is one statement of a cask, with the lines that belong to it.
type stanza struct {
	group, place int
	lines        []string
}

// arrangeCask puts the stanzas of the cask in that file, which GoReleaser writes in an order of its own, into
// Homebrew's.
func arrangeCask(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, begins := strings.Cut(string(text), " do\n")
	body, tail, ends := strings.Cut(rest, "\nend\n")
	if !begins || !ends || tail != "" {
		return errors.New("it is not one cask")
	}
	lines, err := arrange(strings.Split(body, "\n"), "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(head+" do\n"+strings.Join(lines, "\n")+"\nend\n"), 0o644) //nolint:gosec // everybody may read it
}

// arrange is the lines of a block with its stanzas in order, and those of the blocks inside it.
func arrange(lines []string, indent string) ([]string, error) {
	list, err := parseStanzas(lines, indent)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b stanza) int {
		if a.group != b.group {
			return a.group - b.group
		}
		return a.place - b.place
	})
	var arranged []string
	for i, s := range list {
		if i > 0 && s.group != list[i-1].group {
			arranged = append(arranged, "")
		}
		arranged = append(arranged, s.lines...)
	}
	return arranged, nil
}

func parseStanzas(lines []string, indent string) (list []stanza, err error) {
	for len(lines) > 0 {
		first := lines[0]
		if first == "" {
			lines = lines[1:]
			continue
		}
		n := 1
		for n < len(lines) && (lines[n] == "" || strings.HasPrefix(lines[n], indent+" ")) {
			n++
		}
		if n < len(lines) && slices.Contains([]string{"end", "]", "EOS"}, strings.TrimSpace(lines[n])) {
			n++
		}
		s := stanza{lines: slices.Clone(lines[:n])}
		lines = lines[n:]
		for s.lines[len(s.lines)-1] == "" {
			s.lines = s.lines[:len(s.lines)-1]
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(first, indent), " ")
		s.group = slices.IndexFunc(stanzas, func(group []string) bool { return slices.Contains(group, name) })
		if s.group < 0 {
			return nil, fmt.Errorf("where does %q belong?", first)
		}
		s.place = slices.Index(stanzas[s.group], name)
		last := len(s.lines) - 1
		switch {
		case strings.HasPrefix(name, "on_"):
			inside, err := arrange(s.lines[1:last], indent+"  ")
			if err != nil {
				return nil, err
			}
			s.lines = slices.Concat(s.lines[:1], inside, s.lines[last:])
		case s.lines[last] == indent+"  ]": // GoReleaser indents a list twice
			for i := range s.lines[1:] {
				s.lines[i+1] = strings.TrimPrefix(s.lines[i+1], "  ")
			}
		}
		list = append(list, s)
	}
	return list, nil
}

package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// longest is how many lines a reader of the README is asked to read.
const longest = 250

// loud are words that praise instead of saying something.
var loud = regexp.MustCompile(`(?i)\b(blazing|seamless(ly)?|powerful|robust|effortless(ly)?|simply|awesome|amazing|supercharge|cutting-edge|world-class|best-in-class)\b`)

func TestTheREADMEIsShortAndPlain(t *testing.T) {
	all := pages(t)
	at := slices.IndexFunc(all, func(p *page) bool { return p.name == "README.md" })
	if n := len(all[at].lines); n > longest {
		t.Errorf("README.md has %d lines, want %d at most", n, longest)
	}
	if !strings.Contains(all[at].text(), "unofficial") {
		t.Error("README.md does not say that this is unofficial")
	}
	for _, p := range all {
		for number, line := range p.prose() {
			if strings.Contains(strings.ReplaceAll(line, "![", "["), "!") {
				t.Errorf("%s:%d: an exclamation mark", p.name, number)
			}
			if word := loud.FindString(line); word != "" {
				t.Errorf("%s:%d: %q praises", p.name, number, word)
			}
		}
	}
}

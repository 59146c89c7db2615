package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A page is a file of Markdown. Besides what people read it has comments that these tests read:
//
//	<!-- test: NAME=VALUE … -->     before a block: on what stage its commands run, see stage_test.go
//	<!-- generated: NAME ARG … -->  before what -update writes, up to <!-- end -->, see section_test.go
type page struct {
	name  string // with slashes, from the module's root
	lines []string
}

func readPage(name, text string) *page {
	return &page{name: name, lines: strings.Split(text, "\n")}
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
	comment = regexp.MustCompile(`^<!-- (\w+)(?:: (.*?))? -->$`)
	option  = regexp.MustCompile(`(\w+)=('[^']*'|\S+)`)
)

// blocks are the fenced parts of a page, in order.
func (p *page) blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	var options map[string]string
	generated := false
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		if m := comment.FindStringSubmatch(line); m != nil {
			switch m[1] {
			case "test":
				options = map[string]string{}
				for _, o := range option.FindAllStringSubmatch(m[2], -1) {
					options[o[1]] = strings.Trim(o[2], "'")
				}
			case "generated":
				generated = true
			case "end":
				generated = false
			default:
				t.Errorf("%s:%d: a comment that no test reads: %s", p.name, i+1, line)
			}
			continue
		}
		m := fence.FindStringSubmatch(line)
		if m == nil {
			if strings.TrimSpace(line) != "" && options != nil {
				t.Errorf("%s:%d: a comment for a test stands before no block", p.name, i+1)
				options = nil
			}
			continue
		}
		b := block{page: p, first: i + 1, language: m[3], options: options, generated: generated}
		for i++; i < len(p.lines) && p.lines[i] != m[1]+m[2]; i++ {
		}
		if i == len(p.lines) {
			t.Fatalf("%s:%d: this block has no end", p.name, b.first)
		}
		b.last = i
		options = nil
		all = append(all, b)
	}
	return all
}

// prose are the lines of a page outside of blocks, comments and code, by their numbers.
func (p *page) prose() map[int]string {
	lines := map[int]string{}
	inside := false
	for i, line := range p.lines {
		switch {
		case fence.MatchString(line):
			inside = !inside
		case !inside && !comment.MatchString(line):
			lines[i+1] = code.ReplaceAllString(line, "`…`")
		}
	}
	return lines
}

var code = regexp.MustCompile("`[^`]*`")

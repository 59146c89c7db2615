package docs

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// pictures are those of a terminal, made from what the program really prints, by their names.
var pictures = map[string]struct{ home, commands string }{
	"doctor":  {"editors", "leadmagic-mcp-proxy doctor"},
	"install": {"", "leadmagic-mcp-proxy install claude-code cursor codex\nleadmagic-mcp-proxy install --print codex"},
}

// TestPicturesAreCurrent compares the pictures with what the program prints and what was measured.
func TestPicturesAreCurrent(t *testing.T) {
	for name, p := range pictures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, map[string]string{"home": p.home})
			var lines []string
			for line := range strings.SplitSeq(p.commands, "\n") {
				output, _ := s.run(t, binary(t), commands(line)[0][1:]...)
				lines = append(append(lines, "$ "+line), append(strings.Split(output, "\n"), "")...)
			}
			width, height, body := terminal(lines[:len(lines)-1])
			keepPicture(t, name, width, height, body)
		})
	}
	height, body := chart(readBenchmark(t))
	keepPicture(t, "benchmark", 840, height, body)
}

var size = regexp.MustCompile(`viewBox="0 0 \d+ \d+" width="\d+"`)

// keepPicture compares what a picture shows, and its size, with what they should be, except for times. Its title and its
// colours, which follow the reader's, are its own. Paths are those of Linux.
func keepPicture(t *testing.T, name string, width, height int, body string) {
	t.Helper()
	name = "docs/pictures/" + name + ".svg"
	have := read(t, name)
	head, _, _ := strings.Cut(have, "</style>\n")
	head = size.ReplaceAllString(head, fmt.Sprintf(`viewBox="0 0 %d %d" width="%d"`, width, height, width))
	want := head + "</style>\n" + body + "</svg>\n"
	if steady(have) != steady(want) && (onLinux || strings.Contains(name, "benchmark")) {
		keep(t, name, have, want, func() { write(t, name, want) })
	}
}

// The measures of a terminal in a picture, in pixels except for columns.
const (
	columns    = 108 // the widest line; longer ones go on in the next
	charWidth  = 7.83
	lineHeight = 18
	margin     = 20
)

// terminal draws lines as a terminal shows them.
func terminal(lines []string) (width, height int, body string) {
	var text strings.Builder
	y := margin + 13
	for _, line := range lines {
		for i, part := range wrap(line) {
			width = max(width, utf8.RuneCountInString(part))
			if i > 0 && hint.MatchString(line) {
				part = span("dim", part)
			} else {
				part = paint(part)
			}
			if part != "" {
				fmt.Fprintf(&text, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", margin, y, part)
			}
			y += lineHeight
		}
	}
	width, height = int(float64(width)*charWidth)+2*margin, y+margin-13
	back := fmt.Sprintf("<rect class=\"back\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", width-1, height-1)
	return width, height, back + text.String()
}

var (
	status = regexp.MustCompile(`^  (ok|warn|fail)( +\S.*)$`)
	hint   = regexp.MustCompile(`^ +(hint: |key: |note: |skipped )`)
	head   = regexp.MustCompile(`^[a-z]+$`)
)

// paint puts a line of output into the colours that the program has for it.
func paint(line string) string {
	command, typed := strings.CutPrefix(line, "$ ")
	switch m := status.FindStringSubmatch(line); {
	case typed:
		return span("prompt", "$") + " " + span("head", command)
	case m != nil:
		return "  " + span(m[1], m[1]) + html.EscapeString(m[2])
	case hint.MatchString(line):
		return span("dim", line)
	case head.MatchString(line):
		return span("head", line)
	}
	return html.EscapeString(line)
}

// span is a text in one of the colours.
func span(class, text string) string {
	return fmt.Sprintf(`<tspan class="%s">%s</tspan>`, class, html.EscapeString(text))
}

var lastPart = regexp.MustCompile(`^(?:.*  )?\S?`)

// wrap breaks a line that is too long between words, and begins the rest below the column in which the last part of
// the line began.
func wrap(line string) (out []string) {
	indent := strings.Repeat(" ", max(2, utf8.RuneCountInString(lastPart.FindString(line))-1))
	for utf8.RuneCountInString(line) > columns {
		runes := []rune(line)
		at := strings.LastIndex(string(runes[:columns+1]), " ")
		out, line = append(out, line[:at]), indent+line[at+1:]
	}
	return append(out, line)
}

// chart draws the quantities that have a title for it, each against the largest of its own. Shorter is better.
func chart(b benchmark) (height int, body string) {
	const left, bar, row = 190, 480, 20 // the place for names, the longest bar, and the height of one
	var out strings.Builder
	y := 10
	for _, q := range quantities {
		if q.chart == "" {
			continue
		}
		most := 0.0
		for _, c := range b.Contestants {
			most = max(most, c.Numbers[q.member])
		}
		fmt.Fprintf(&out, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left, y+12, html.EscapeString(q.chart))
		y += row
		for _, c := range b.Contestants {
			n, class := c.Numbers[q.member], "bar"
			if c.Name == program {
				class = "ours"
			}
			length := max(2, int(n/most*bar))
			fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", left-8, y+12, html.EscapeString(label(c.Name, c.Version)))
			fmt.Fprintf(&out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>", class, left, y+1, length, row-6)
			fmt.Fprintf(&out, "<text class=\"value\" x=\"%d\" y=\"%d\">%s</text>\n", left+length+6, y+12, fmt.Sprintf(q.format, n))
			y += row
		}
		y += 12
	}
	return y, out.String()
}

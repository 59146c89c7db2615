package docs

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// The measures of a terminal in a picture, in pixels except for columns.
const (
	columns    = 108 // the widest line; longer ones go on in the next
	charWidth  = 7.83
	lineHeight = 18
	margin     = 20
)

const terminalStyle = `
.back{fill:#f6f8fa;stroke:#d1d9e0}
text{fill:#1f2328;font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.prompt{fill:#0969da;font-weight:600}
.head{font-weight:600}
.ok{fill:#1a7f37}
.warn{fill:#9a6700}
.fail{fill:#d1242f;font-weight:600}
.dim{fill:#59636e}
@media (prefers-color-scheme: dark){
.back{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc}
.prompt{fill:#4493f8}
.ok{fill:#3fb950}
.warn{fill:#d29922}
.fail{fill:#f85149}
.dim{fill:#9198a1}
}
`

// terminal is a picture of lines as a terminal shows them.
func terminal(title string, lines []string) string {
	var painted []string
	width := 0
	for _, line := range lines {
		for i, part := range wrap(line) {
			width = max(width, utf8.RuneCountInString(part))
			if i > 0 && hint.MatchString(line) {
				part = span("dim", part)
			} else {
				part = paint(part)
			}
			painted = append(painted, part)
		}
	}
	w, h := int(float64(width)*charWidth)+2*margin, len(painted)*lineHeight+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="title">`, w, h, w)
	fmt.Fprintf(&b, "\n<title id=\"title\">%s</title>\n<style>%s</style>\n", html.EscapeString(title), terminalStyle)
	fmt.Fprintf(&b, "<rect class=\"back\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", w-1, h-1)
	for i, line := range painted {
		if line != "" {
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", margin, margin+i*lineHeight+13, line)
		}
	}
	return b.String() + "</svg>\n"
}

var (
	status    = regexp.MustCompile(`^  (ok|warn|fail|skipped)( +)(\S.*)$`)
	hint      = regexp.MustCompile(`^ +(hint: |key: |note: )`)
	stageLine = regexp.MustCompile(`^[a-z]+$`)
)

// paint puts a line of output into the colours that the program has for it.
func paint(line string) string {
	if command, ok := strings.CutPrefix(line, "$ "); ok {
		return span("prompt", "$") + " " + span("head", command)
	}
	if m := status.FindStringSubmatch(line); m != nil {
		colour := m[1]
		if colour == "skipped" {
			return span("dim", line)
		}
		return "  " + span(colour, m[1]) + m[2] + html.EscapeString(m[3])
	}
	switch {
	case hint.MatchString(line):
		return span("dim", line)
	case stageLine.MatchString(line):
		return span("head", line)
	}
	return html.EscapeString(line)
}

// span is a text in one of the colours.
func span(class, text string) string {
	return fmt.Sprintf(`<tspan class="%s">%s</tspan>`, class, html.EscapeString(text))
}

// wrap breaks a line that is too long between words, and begins the rest below the column in which the last part of
// the line began.
func wrap(line string) []string {
	indent := 0
	for i := range len(line) {
		if i > 1 && line[i-1] == ' ' && line[i-2] == ' ' && line[i] != ' ' {
			indent = utf8.RuneCountInString(line[:i])
		}
	}
	if indent == 0 {
		indent = len(line) - len(strings.TrimLeft(line, " ")) + 2
	}
	var out []string
	for runes := []rune(line); ; {
		if len(runes) <= columns {
			return append(out, string(runes))
		}
		at := columns
		for at > indent+1 && runes[at] != ' ' {
			at--
		}
		if at == indent+1 {
			at = columns // one long word
		}
		out = append(out, string(runes[:at]))
		rest := strings.TrimLeft(string(runes[at:]), " ")
		runes = []rune(strings.Repeat(" ", indent) + rest)
	}
}

func TestALongLineGoesOnBelowItself(t *testing.T) {
	line := "  ok       name  " + strings.TrimSpace(strings.Repeat("word ", 30))
	got := wrap(line)
	if len(got) != 2 || !strings.HasPrefix(got[1], strings.Repeat(" ", 17)+"word") || len(got[0]) > columns {
		t.Errorf("got %q", got)
	}
	if joined := strings.Join(strings.Fields(strings.Join(got, " ")), " "); joined != strings.Join(strings.Fields(line), " ") {
		t.Errorf("got %q, want the words of %q", joined, line)
	}
}

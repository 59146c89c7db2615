package docs

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// pictures are those of a terminal, made from what the program really prints.
var pictures = []struct {
	name, title string
	options     map[string]string
	commands    []string
}{
	{
		name: "doctor", title: "leadmagic-mcp-proxy doctor walks the path of a call and finds two editors in which the key would not arrive",
		options:  map[string]string{"home": "editors"},
		commands: []string{"leadmagic-mcp-proxy doctor"},
	},
	{
		name: "install", title: "leadmagic-mcp-proxy install adds an entry to the configuration of each editor named, and says how the key will arrive",
		commands: []string{"leadmagic-mcp-proxy install claude-code cursor codex", "leadmagic-mcp-proxy install --print codex"},
	},
}

// TestPicturesAreCurrent compares the pictures with what the program prints and what was measured.
func TestPicturesAreCurrent(t *testing.T) {
	for _, p := range pictures {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, p.options)
			var lines []string
			for _, line := range p.commands {
				output, _ := s.run(t, binary(t), words(line)[1:]...)
				lines = append(append(lines, "$ "+line), append(strings.Split(output, "\n"), "")...)
			}
			comparePicture(t, "docs/pictures/"+p.name+".svg", terminal(p.title, lines[:len(lines)-1]))
		})
	}
	comparePicture(t, "docs/pictures/benchmark.svg", chart(readBenchmark(t)))
}

// comparePicture compares a picture with what it should be, except for times. Paths are those of Linux.
func comparePicture(t *testing.T, name, want string) {
	t.Helper()
	have := read(t, name)
	if steady(have) != steady(want) && (onLinux || strings.Contains(name, "benchmark")) {
		keep(t, name, have, want, func() { write(t, name, want) })
	}
}

// picture is an SVG with a body. Its colours follow the reader's: each class has one for light and one for dark.
func picture(title string, width, height int, body string, classes ...[3]string) string {
	var light, dark strings.Builder
	for _, class := range classes {
		fmt.Fprintf(&light, "%s{%s}\n", class[0], class[1])
		if class[2] != "" {
			fmt.Fprintf(&dark, "%s{%s}\n", class[0], class[2])
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="title">
<title id="title">%s</title>
<style>
%s@media (prefers-color-scheme: dark){
%s}
</style>
%s</svg>
`, width, height, width, html.EscapeString(title), light.String(), dark.String(), body)
}

// The measures of a terminal in a picture, in pixels except for columns.
const (
	columns    = 108 // the widest line; longer ones go on in the next
	charWidth  = 7.83
	lineHeight = 18
	margin     = 20
)

// terminal is a picture of lines as a terminal shows them.
func terminal(title string, lines []string) string {
	var body strings.Builder
	width, y := 0, margin+13
	for _, line := range lines {
		for i, part := range wrap(line) {
			width = max(width, utf8.RuneCountInString(part))
			if i > 0 && hint.MatchString(line) {
				part = span("dim", part)
			} else {
				part = paint(part)
			}
			if part != "" {
				fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", margin, y, part)
			}
			y += lineHeight
		}
	}
	w, h := int(float64(width)*charWidth)+2*margin, y+margin-13
	back := fmt.Sprintf("<rect class=\"back\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", w-1, h-1)
	return picture(title, w, h, back+body.String(), [3]string{".back", "fill:#f6f8fa;stroke:#d1d9e0", "fill:#0d1117;stroke:#3d444d"},
		[3]string{"text", `fill:#1f2328;font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre`, "fill:#f0f6fc"},
		[3]string{".prompt", "fill:#0969da;font-weight:600", "fill:#4493f8"}, [3]string{".head", "font-weight:600"}, [3]string{".ok", "fill:#1a7f37", "fill:#3fb950"},
		[3]string{".warn", "fill:#9a6700", "fill:#d29922"}, [3]string{".fail", "fill:#d1242f;font-weight:600", "fill:#f85149"}, [3]string{".dim", "fill:#59636e", "fill:#9198a1"})
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
func chart(b benchmark) string {
	const left, bar, row = 190, 480, 20 // the place for names, the longest bar, and the height of one
	var body strings.Builder
	y := 10
	for _, q := range quantities {
		if q.chart == "" {
			continue
		}
		most := 0.0
		for _, c := range b.Contestants {
			most = max(most, c.Numbers[q.member])
		}
		fmt.Fprintf(&body, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left, y+12, html.EscapeString(q.chart))
		y += row
		for _, c := range b.Contestants {
			n, class := c.Numbers[q.member], "bar"
			if c.Name == program {
				class = "ours"
			}
			length := max(2, int(n/most*bar))
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", left-8, y+12, html.EscapeString(label(c.Name, c.Version)))
			fmt.Fprintf(&body, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>", class, left, y+1, length, row-6)
			fmt.Fprintf(&body, "<text class=\"value\" x=\"%d\" y=\"%d\">%s</text>\n", left+length+6, y+12, fmt.Sprintf(q.format, n))
			y += row
		}
		y += 12
	}
	title := "What stands between an editor and LeadMagic costs: start, calls, processor time, large results and memory, side by side"
	return picture(title, 840, y, body.String(),
		[3]string{"text", `fill:#1f2328;font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif`, "fill:#f0f6fc"},
		[3]string{".title", "font-weight:600"}, [3]string{".value", "fill:#59636e;font-size:12px", "fill:#9198a1"},
		[3]string{".bar", "fill:#afb8c1", "fill:#545d68"}, [3]string{".ours", "fill:#0969da", "fill:#4493f8"})
}

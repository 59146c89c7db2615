package auth

import (
	"slices"
	"testing"
)

func TestWordsAreSplitAsAShellDoes(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"blanks of all kinds", "  a\tb \r\n c  ", []string{"a", "b", "c"}},
		{"nothing", "  ", nil},
		{"an empty word", `a '' ""`, []string{"a", "", ""}},
		{"single quotes keep everything", `sh -c 'a "b" $C \d'`, []string{"sh", "-c", `a "b" $C \d`}},
		{"in double quotes a backslash escapes few", `"a\"b" "\$c" "\\d" "\n"`, []string{`a"b`, "$c", `\d`, `\n`}},
		{"a single quote in double ones", `"it's"`, []string{"it's"}},
		{"a backslash outside of quotes", `a\ b \'c \#`, []string{"a b", "'c", "#"}},
		{"quotes in the middle of a word", `--name='my key'"s"`, []string{"--name=my keys"}},
		{"a line that goes on", "a\\\nb \"c\\\nd\"", []string{"ab", "cd"}},
		{"what a shell would act on stays", `a | b > c $D # e`, []string{"a", "|", "b", ">", "c", "$D", "#", "e"}},
		{"letters of any alphabet", `öp läs`, []string{"öp", "läs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := splitWords(tt.line); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	for _, line := range []string{`a 'b`, `a "b`, `a \`, `"a\`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("%q is split into %q, want an error", line, got)
		}
	}
}

package docs

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	word    = regexp.MustCompile(`([^\s"']|"[^"]*"|'[^']*')+`)
	quoted  = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
	hashTag = regexp.MustCompile(`(^|\s)#.*`)
)

// words splits a line as a shell does, as far as pages go: quotes, and a comment at the end.
func words(line string) ([]string, error) {
	line = hashTag.ReplaceAllString(line, "")
	if strings.ContainsAny(word.ReplaceAllString(line, ""), `"'`) {
		return nil, errors.New("a quote is not closed")
	}
	all := word.FindAllString(line, -1)
	for i := range all {
		all[i] = quoted.ReplaceAllString(all[i], "$1$2")
	}
	return all, nil
}

func TestALineIsSplitAsAShellDoes(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"blanks part words", "a  b\tc", []string{"a", "b", "c"}},
		{"quotes keep blanks", `x name="Ada Lovelace" 'b c'`, []string{"x", "name=Ada Lovelace", "b c"}},
		{"an empty quote is a word", `x ""`, []string{"x", ""}},
		{"a comment is no word", "x  # what it does", []string{"x"}},
		{"a hash inside of a word is part of it", "a#b", []string{"a#b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := words(tt.line)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if got, err := words(`a "b`); err == nil {
		t.Errorf("got %q, want an error", got)
	}
}

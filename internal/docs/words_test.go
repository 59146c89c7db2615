package docs

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// words splits a line as a shell does, as far as pages go: quotes, and a comment at the end.
func words(line string) ([]string, error) {
	var all []string
	var word strings.Builder
	begun := false
	quote := rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && r == '#' && !begun:
			return all, nil
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if begun {
		all = append(all, word.String())
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

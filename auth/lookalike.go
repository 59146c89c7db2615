package auth

import (
	"slices"
	"strings"
	"unicode"
)

// unfilled names the shape of a reference that an editor or a shell was meant to replace, or is empty. The
// text itself is shown only if it is nothing but our own variable's name: some editors leave the dollar and
// put the key behind it.
func unfilled(s string) string {
	for _, shape := range []struct{ open, end, shown string }{
		{"${input:", "}", "${input:…}"},
		{"${env:", "}", "${env:…}"},
		{"${file:", "}", "${file:…}"},
		{"${{", "}}", "${{…}}"},
		{"${", "}", "${…}"},
		{"$env:", "", "$env:…"},
		{"$(", "", "$(…)"},
		{"$", "", "$…"},
		{"{env:", "}", "{env:…}"},
		{"{file:", "}", "{file:…}"},
		{"{{", "}}", "{{…}}"},
		{"<", ">", "<…>"},
		{"%", "%", "%…%"},
		{"op://", "", "op://…"},
	} {
		inner, opens := strings.CutPrefix(s, shape.open)
		inner, ends := strings.CutSuffix(inner, shape.end)
		if !opens || !ends {
			continue
		}
		if slices.Contains(Variables(), strings.TrimSpace(inner)) {
			return s
		}
		return shape.shown
	}
	return ""
}

// fillers are the words of which documentation makes what stands where a key belongs.
var fillers = []string{
	"add", "api", "apikey", "change", "changeme", "copy", "enter", "env", "example", "here", "insert", "key", "leadmagic", "me",
	"none", "null", "paste", "placeholder", "process", "put", "replace", "replaceme", "sample", "todo", "token", "undefined", "with", "your",
}

// isSample recognizes what documentation prints where a key belongs: nothing but such words, or none at all.
func isSample(s string) bool {
	s = strings.TrimPrefix(strings.ToLower(s), Prefix)
	if strings.Contains(s, "your") && (strings.Contains(s, "key") || strings.Contains(s, "token")) && !strings.ContainsFunc(s, unicode.IsSpace) {
		return true
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return !slices.ContainsFunc(words, func(word string) bool {
		return strings.Trim(word, "x") != "" && !slices.Contains(fillers, word)
	})
}

// isForeign recognizes secrets of services that people keep beside LeadMagic's.
func isForeign(s string) bool {
	return slices.ContainsFunc([]string{
		"sk-", "sk_live_", "sk_test_", "pk_", "rk_", "ghp_", "github_pat_", "xox", "AKIA", "AIza", "eyJ",
	}, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

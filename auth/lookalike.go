package auth

import (
	"slices"
	"strings"
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
		if slices.Contains([]string{variable, fileVariable, commandVariable}, strings.TrimSpace(inner)) {
			return s
		}
		return shape.shown
	}
	return ""
}

// isSample recognizes what documentation prints where a key belongs.
func isSample(s string) bool {
	s = strings.ToLower(s)
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-. …", r) {
			return -1
		}
		return r
	}, strings.TrimPrefix(s, Prefix))
	switch bare {
	case "", "apikey", "key", "leadmagicapikey", "leadmagickey", "apikeyhere", "keyhere", "insertkeyhere", "pastekeyhere",
		"changeme", "replaceme", "placeholder", "example", "sample", "secret", "token", "none", "null", "undefined":
		return true
	}
	return strings.Trim(bare, "x") == "" || strings.Trim(bare, "*") == "" ||
		strings.HasPrefix(bare, "your") && (strings.Contains(bare, "key") || strings.Contains(bare, "token"))
}

// isForeign recognizes secrets of services that people keep beside LeadMagic's.
func isForeign(s string) bool {
	return slices.ContainsFunc([]string{
		"sk-", "sk_live_", "sk_test_", "pk_", "rk_", "ghp_", "github_pat_", "xox", "AKIA", "AIza", "eyJ",
	}, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

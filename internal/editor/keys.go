package editor

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// A hit is a key or a literal value in a text: text[from:to].
type hit struct {
	from, to int
	name     string // the name it stands under, if any
}

var (
	// token is anything that begins like a key of LeadMagic. No length is published; the shortest sample has 16.
	token = regexp.MustCompile(`\blm_[A-Za-z0-9_-]{13,}`)

	// assigned is a value under one of the names that carry a key. The quotes may be escaped, as in JSON
	// inside of JSON; only a quoted value may stand in the next line.
	assigned = regexp.MustCompile(names + `\\?["']?[ \t]*[:=]` + value)

	// called is a value that is the next argument after such a name, as in Setenv("NAME", "value").
	called = regexp.MustCompile(names + `["']\s*(?:,|\]\s*=)` + value)
)

const (
	names = `(?i)\b(x-leadmagic-key|x-api-key|leadmagic_api_key)`
	value = `(?:\s*\\?"([^"\\\n]*)|[ \t]*'([^'\n]*)|[ \t]*([^\s"',;}\]\\]+))`
)

// How much of a text is looked at as a place where keys are kept.
type suspicion int

const (
	// inEditor: an editor's config file. Whatever begins like a key is one, and so is any literal value
	// under the names.
	inEditor suspicion = iota
	// inConfig: some other config file, where lm_ begins other people's names too.
	inConfig
	// inCode: anything else.
	inCode
)

// hits finds the keys in a text, in order.
func hits(text []byte, s suspicion) []hit {
	var found []hit
	for _, at := range token.FindAllIndex(text, -1) {
		v := string(text[at[0]:at[1]])
		value := s == inConfig && !naming.Match(text[at[1]:])
		if !sample(v) && (s == inEditor || random(v) || value && unlikeNames(v)) {
			found = append(found, hit{from: at[0], to: at[1]})
		}
	}
	patterns := []*regexp.Regexp{assigned}
	if s == inCode {
		patterns = append(patterns, called)
	}
	ours := bytes.Contains(bytes.ToLower(text), []byte("leadmagic"))
	for _, re := range patterns {
		for _, at := range re.FindAllSubmatchIndex(text, -1) {
			h := hit{name: string(text[at[2]:at[3]])}
			for g := 4; g < len(at); g += 2 {
				if at[g] >= 0 {
					h.from, h.to = at[g], at[g+1]
				}
			}
			literal := string(text[h.from:h.to])
			switch {
			case !isLiteral(literal):
			case s == inCode && !strings.HasPrefix(literal, "lm_"):
			case s == inConfig && strings.EqualFold(h.name, "x-api-key") && !ours && !strings.HasPrefix(literal, "lm_"):
			default:
				found = append(found, h)
			}
		}
	}
	return merged(found)
}

// merged sorts hits and joins those that overlap: a key under a name is one thing.
func merged(found []hit) []hit {
	slices.SortFunc(found, func(a, b hit) int { return a.from - b.from })
	var out []hit
	for _, h := range found {
		if n := len(out); n > 0 && h.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, h.to)
			out[n-1].name = max(out[n-1].name, h.name)
			continue
		}
		out = append(out, h)
	}
	return out
}

// references are the ways in which files name a value instead of holding it: variables of all kinds,
// templates, commands, and the name of the variable itself (Codex: env_http_headers).
var references = regexp.MustCompile("^(\\$|%[A-Za-z_]+%|\\{+ *(env|file|secrets?)|\\{\\{|<|`|@|#|!|op://|vault:|ENC\\[|LEADMAGIC_|leadmagic_|process\\.env|os\\.|env\\.|None$|null$|true$|false$|string$|\\*+$|\\.+$|…)")

// isLiteral says whether a value is one, and not a reference or a sample.
func isLiteral(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || references.MatchString(v) || sample(v) {
		return false
	}
	// Bearer ${…} and the like
	_, last, _ := strings.Cut(v, " ")
	return !strings.HasPrefix(last, "$") && !strings.HasPrefix(last, "{")
}

var sampleWords = regexp.MustCompile(`(?i)your|example|placeholder|redacted|hidden|changeme|xxxx|api_?key_?here|removed`)

// sample says whether a value only shows what a key looks like.
func sample(v string) bool {
	rest := strings.TrimPrefix(v, "lm_")
	return sampleWords.MatchString(rest) || rest == strings.Repeat(rest[:min(1, len(rest))], len(rest))
}

var (
	part   = regexp.MustCompile(`[A-Za-z0-9]{12,}`)
	digits = regexp.MustCompile(`[0-9]`)
	letter = regexp.MustCompile(`[A-Za-z]`)
	// naming is what follows the name of a setting: a key is a value.
	naming = regexp.MustCompile(`^\\?["']?[ \t]*[:=]`)
)

// random tells a key from names such as lm_head_projection_weight: it has a long part that mixes digits
// and letters.
func random(v string) bool {
	return slices.ContainsFunc(part.FindAllString(strings.TrimPrefix(v, "lm_"), -1), func(p string) bool {
		return len(digits.FindAllString(p, 3)) == 3 && letter.MatchString(p)
	})
}

// unlikeNames says whether a value of a config file is no name made of words: it has a part longer than
// most words, or some digits.
func unlikeNames(v string) bool {
	return part.MatchString(strings.TrimPrefix(v, "lm_")) || len(digits.FindAllString(v, 3)) == 3
}

// withoutKeys is a text in which every key of LeadMagic is replaced by words.
func withoutKeys(text []byte) []byte {
	for _, h := range slices.Backward(hits(text, inEditor)) {
		text = splice(text, h.from, h.to, "removed-by-"+Program)
	}
	return text
}

// HideKeys is a message without anything that begins like a key.
func HideKeys(text string) string { return token.ReplaceAllString(text, hidden) }

const hidden = "<hidden>"

// secrets are quoted values under a name that speaks of a secret, or after an option that does.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(["']?[\w.-]*` + telling + `[\w.-]*["']?\s*[:=]\s*["'])([^"'\n]+)`),
	regexp.MustCompile(`(?i)(["']--?[\w-]*` + telling + `[\w-]*(?:["']\s*,\s*["']|=))([^"'\n]+)`),
}

// telling are the words in a name that speak of a secret.
const telling = `(?:key|token|secret|passw|auth|credential|cookie)`

// where is the end of a name that speaks of where a secret is or how it is sent, such as --auth-scheme: its
// value is none.
var where = regexp.MustCompile(`(?i)(?:file|path|command|scheme)["'\s:=,]*$`)

// masked is a text to be shown: the values of secrets, ours and other people's, are hidden in it. Lines
// stay where they are.
func masked(text []byte) []byte {
	for _, re := range secrets {
		text = re.ReplaceAllFunc(text, func(m []byte) []byte {
			at := re.FindSubmatchIndex(m)
			if !isLiteral(string(m[at[4]:at[5]])) || where.Match(m[at[2]:at[3]]) {
				return m
			}
			return append(bytes.Clone(m[:at[4]]), hidden...)
		})
	}
	for _, h := range slices.Backward(hits(text, inEditor)) {
		text = splice(text, h.from, h.to, hidden)
	}
	return token.ReplaceAll(text, []byte(hidden))
}

// HoldsKey says whether a text holds something that looks like a key of LeadMagic.
func HoldsKey(text string) bool { return len(hits([]byte(text), inEditor)) > 0 }

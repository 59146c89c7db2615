package keyscan

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// A hit is a key or a literal value in a text: text[from:to].
type hit struct {
	from, to int
	name     string // the name it stands under, if any
	start    int    // where the name begins, or the key
}

// Names that carry a key. In other letters they are the same.
var names = []string{"x-leadmagic-key", "x-api-key", "leadmagic_api_key"}

var (
	// assigned is what is between a name and its value. The quotes may be escaped, as in JSON inside of JSON. In lists of
	// variables, name and value are members.
	assigned = lazyregexp.New(`^\\?["']?(?:[ \t]*(?:[:?+]?={1,2}>?|:-?)|,?\s+\\?["']?value\\?["']?[ \t]*[:=]|,\s*\\?["']value\\?["']\s*:)`)

	// called is what is between a name and a value that is the next argument, as in Setenv("NAME", "value").
	called = lazyregexp.New(`^["']\s*(?:,|\]\s*=)`)

	// escaped is an escape, which ends in what could be letters of a word.
	escaped = lazyregexp.New(`(?:\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})$`)
)

// tokens are where anything is in a text that begins like a key of LeadMagic, at the begin of a word. No length is
// published; the shortest sample has 16.
func tokens(text []byte) []hit {
	const begin, least = "lm_", 16
	var out []hit
	to := 0
	for from := range occurrences(text, begin) {
		if from < to || from > 0 && isWord(text[from-1]) && !escaped.Match(text[max(0, from-len(`\u0000`)):from]) {
			continue
		}
		for to = from; to < len(text) && (isWord(text[to]) || text[to] == '-'); {
			to++
		}
		if to-from >= least {
			out = append(out, hit{from: from, to: to, start: from})
		}
	}
	return out
}

// occurrences are where a word is in a text.
func occurrences(text []byte, word string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := bytes.Index(text[from:], []byte(word))
			if i < 0 || !yield(from+i) {
				return
			}
			from += i + len(word)
		}
	}
}

// isWord says whether a character is one of a word, as \b of a regular expression has it.
func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// lower is a text with small letters, each where it was.
func lower(text []byte) []byte {
	low := bytes.Clone(text)
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] += 'a' - 'A'
		}
	}
	return low
}

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
	for _, h := range tokens(text) {
		v := string(text[h.from:h.to])
		value := s == inConfig && !naming.Match(text[h.to:])
		if !Sample(v) && (s == inEditor || random(v) || value && unlikeNames(v)) {
			found = append(found, h)
		}
	}
	low := lower(text)
	ours := bytes.Contains(low, []byte("leadmagic"))
	for _, name := range names {
		for start := range occurrences(low, name) {
			end := start + len(name)
			next := text[end:min(len(text), end+farthest)]
			at := assigned.FindIndex(next)
			if at == nil && s == inCode {
				at = called.FindIndex(next)
			}
			if at == nil || start > 0 && isWord(text[start-1]) {
				continue
			}
			h := hit{name: string(text[start:end]), start: start}
			h.from, h.to = literal(text, end+at[1])
			v := string(text[h.from:h.to])
			begins := strings.HasPrefix(v, "lm_")
			bare := s == inCode && !bytes.ContainsAny(text[h.from-1:h.from], "\"'`") // it may be a variable
			switch {
			case !likeKey(v) && (!begins || bare || !characters.MatchString(v) || Sample(v)):
			case s == inCode && !begins:
			case s == inConfig && name == "x-api-key" && !ours && !begins:
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
			out[n-1].start = min(out[n-1].start, h.start)
			continue
		}
		out = append(out, h)
	}
	return out
}

// forms are the ways in which a value follows upon its name. In YAML it may have an anchor and a type, and be in the next
// line, which then is indented further.
var forms = lazyregexp.New("^(?:[ \t]*(?:&[^\\s]+|!![a-z]+))*(?:" + strings.Join([]string{
	`\s*(?:"""|''')\s*([^"'\n]*)`,
	`\s*\\?"([^"\\\n]*)`,
	`\s*'([^'\n]*)`,
	"[ \t]*`([^`\n]*)",
	`[ \t]*(?:[|>][-+1-9]*)?[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*([ \t]+[^\n]*)`,
	`[ \t]*((?:(?i:bearer|basic|token)[ \t]+)?[^\s"',;}\]\\#]+)`,
}, "|") + ")")

// farthest is how far behind its name a value is looked for. A file may be one long line of names.
const farthest = 512

const nextLine = 5 // the group of a value without quotes in another line

var (
	// before is what a value may have in front of a key: the scheme of a header, and a variable whose default it is.
	before = lazyregexp.New(`^[\s"'\x60]*(?i:(?:bearer|basic|token)\s+)?(?:\$\{(?:env:)?[A-Za-z0-9_.]+:?[-=])?["']?`)
	after  = lazyregexp.New(`["'\x60]*\}?[\s"'\x60]*(?:\s#.*)?$`)
)

// literal is the text that a name stands for, without what may be around a key: from and to are equal if there is none.
func literal(text []byte, at int) (from, to int) {
	m := forms.FindSubmatchIndex(text[at:min(len(text), at+farthest)])
	for g := 1; g < len(m)/2; g++ {
		if m[2*g] < 0 {
			continue
		}
		from, to = at+m[2*g], at+m[2*g+1]
		if g == nextLine && indented(text[:at]) >= indented(text[:to]) {
			return at, at
		}
		from += before.FindIndex(text[from:to])[1]
		to = from + after.FindIndex(text[from:to])[0]
		return from, to
	}
	return at, at
}

// indented is by how much the last line of a text is indented.
func indented(text []byte) int {
	line := text[bytes.LastIndexByte(text, '\n')+1:]
	return len(line) - len(bytes.TrimLeft(line, " \t"))
}

// characters are those of a key: LeadMagic's have no others, and none of the ways to name a secret, or to encrypt it, has
// these alone. So what holds another is a reference, an expression of some language, or a text.
var characters = lazyregexp.New(`^[A-Za-z0-9_-]{4,128}$`)

// likeKey says whether the value of a name that carries a key is one. It is not if it is made of words and numbers, as
// placeholders and names of variables are: dummy, test-key-2, apiKey.
func likeKey(v string) bool {
	if plain, err := base64.StdEncoding.DecodeString(v); err == nil && strings.ContainsAny(v, "=+/") {
		v = strings.TrimSpace(string(plain)) // in Kubernetes a secret is written so
	}
	if !characters.MatchString(v) || Sample(v) {
		return false
	}
	return slices.ContainsFunc(parts(v), func(p string) bool {
		return !wordOrNumber.MatchString(p) || len(humps.FindAllString(p, -1))*4 > len(p) && len(p) > 8
	})
}

func parts(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == '-' || r == '_' })
}

var (
	wordOrNumber = lazyregexp.New(`^(?:[A-Za-z]{0,20}[0-9]{0,4}[a-z]?|[0-9]+)$`)
	humps        = lazyregexp.New(`[a-z][A-Z]`) // two words in one, or letters at random
	sampleWords  = lazyregexp.New(`(?i)your|example|placeholder|redacted|hidden|change[-_]?me|replace|dummy|xxxx|api_?key_?here|removed|leadmagic`)
	sampleParts  = lazyregexp.New(`(?i)^(?:test|testing|fake|mock|demo|sample|todo|fixme|tbd|none|null|nil|undefined|unset|empty|invalid|insert|paste|key|token|secret|value|foo|bar|baz)$`)
	shortPart    = lazyregexp.New(`^(?:[A-Za-z]{1,10}|[0-9]+)$`)
)

// Sample says whether a value only shows what a key looks like: it is one character, or made of words.
func Sample(v string) bool {
	rest := strings.TrimPrefix(v, "lm_")
	switch {
	case rest == strings.Repeat(rest[:min(1, len(rest))], len(rest)):
		return true
	case random(v):
		return false
	case sampleWords.MatchString(rest):
		return true
	}
	all := parts(rest)
	return slices.ContainsFunc(all, sampleParts.MatchString) &&
		!slices.ContainsFunc(all, func(p string) bool { return !shortPart.MatchString(p) })
}

// Allow is what a comment says that lets the keys of its line pass.
const Allow = program + ": allow"

var allows = lazyregexp.New(`(?i)\b` + program + `:[ \t]*allow\b`)

var (
	part   = lazyregexp.New(`[A-Za-z0-9]{12,}`)
	digits = lazyregexp.New(`[0-9]`)
	letter = lazyregexp.New(`[A-Za-z]`)
	// naming is what follows the name of a setting: a key is a value.
	naming = lazyregexp.New(`^\\?["']?[ \t]*[:=]`)
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

// A located hit has a line and a column, from 1. Its line may let it pass.
type located struct {
	hit
	line, column int
	allowed      bool
}

// keysIn finds the keys in a file of any encoding. UTF-16 may have a byte order mark or none, and follow upon other
// text: PowerShell appends it to whatever is there. So a file with zero bytes is read in every way there is.
func keysIn(data []byte, degree suspicion) []located {
	found := map[int]located{} // by offset in data
	// text is data with one byte for each character, the first of which is at offset. What is before start is other text.
	see := func(text []byte, offset, width, start int) {
		all := hits(text, degree)
		if len(all) == 0 {
			return
		}
		skip := min(len(text), max(0, start-offset+width-1)/width)
		lines := []int{skip} // where each begins
		for i, c := range text[skip:] {
			if c == '\n' {
				lines = append(lines, skip+i+1)
			}
		}
		line := func(at int) int { return max(1, sort.SearchInts(lines, at+1)) }
		allow := map[int]bool{}
		for _, at := range allows.FindAllIndex(text, -1) {
			allow[line(at[0])] = true
		}
		before := bytes.Count(data[:start], []byte("\n"))
		for _, h := range all {
			at := offset + h.from*width
			if _, ok := found[at]; ok {
				continue
			}
			k := located{hit: h, line: line(h.from)}
			for n := line(h.start); n <= line(h.to); n++ { // the name may be in a line before
				k.allowed = k.allowed || allow[n]
			}
			k.column = 1 + h.from - min(lines[k.line-1], h.from)
			k.line += before
			found[at] = k
		}
	}
	see(data, 0, 1, 0)
	start, big := wideFrom(data)
	for _, width := range []int{2, 4} {
		if !bytes.Contains(data, make([]byte, width-1)) {
			break
		}
		// The same text is seen, less exactly, with the other order from another byte on.
		for _, big := range []bool{big, !big} {
			for offset := range min(width, len(data)) {
				low := 0
				if big {
					low = width - 1
				}
				see(narrow(data[offset:], width, low), offset+low, width, start)
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b located) int { return cmp.Or(a.line-b.line, a.column-b.column) })
}

// wideFrom guesses where characters of several bytes begin in a file, and whether their high byte is the first. Only how
// lines are counted depends on it.
func wideFrom(data []byte) (start int, big bool) {
	for _, mark := range []string{"\xff\xfe\x00\x00", "\x00\x00\xfe\xff", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			return len(mark), mark[0] != 0xff
		}
	}
	first, last := bytes.IndexByte(data, 0), bytes.LastIndexByte(data, 0)
	if first == 0 || first > 1 && last == len(data)-2 {
		return first, true
	}
	return max(0, first-1), false
}

// narrow is text of two or four bytes for each character with one byte each, which is the one at low: offsets are a half or
// a quarter of what they were. No key has a character beyond ASCII, which becomes a byte that is none.
func narrow(data []byte, width, low int) []byte {
	out := make([]byte, len(data)/width)
	for i := range out {
		unit := data[i*width : (i+1)*width]
		out[i] = unit[low]
		if out[i] >= utf8.RuneSelf || bytes.Count(unit, []byte{0}) < width-1 {
			out[i] = 0xff
		}
	}
	return out
}

// Replace is the text of an editor's config file with words in place of every key, and of every value that stands for one.
func Replace(text []byte, words string) []byte {
	return replace(text, hits(text, inEditor), words)
}

// Hide is a message without anything that begins like a key.
func Hide(text string) string { return string(replace([]byte(text), tokens([]byte(text)), Hidden)) }

func replace(text []byte, found []hit, words string) []byte {
	var out []byte
	end := 0
	for _, h := range found {
		out = append(append(out, text[end:h.from]...), words...)
		end = h.to
	}
	return append(out, text[end:]...)
}

// Hidden is shown in place of a secret.
const Hidden = "<hidden>"

// Holds says whether a text holds something that looks like a key of LeadMagic.
func Holds(text string) bool { return len(hits([]byte(text), inEditor)) > 0 }

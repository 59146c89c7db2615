package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Redacted stands wherever a key would.
const Redacted = "[redacted]"

// Prefix begins every key that LeadMagic gives out today.
const Prefix = "lm_"

// maxKey is more than any key has, and less than what servers take in a header.
const maxKey = 4096

// ErrNotSet says that a text is no key, but stands where one should: it is empty, a reference that nobody
// filled in, or a sample. The next source is asked then.
var ErrNotSet = errors.New("no API key is set")

// A Key is an API key. It prints as [redacted] under every verb of fmt, in slog and as text or JSON, and
// compares with Equal. The zero Key is none.
type Key struct {
	// A function, since what prints by reflection follows pointers and reads strings.
	reveal func() string
}

// Parse reads a key as people hand it over: blanks, line ends, a byte order mark and quotes around it are
// not part of it. The error has ErrNotSet in its tree, or is a *problem.Problem that says what is wrong. No
// error shows any of raw, except a reference to one of our own variables.
func Parse(raw string) (Key, error) {
	f := examine(raw)
	switch {
	case f.unset != "":
		return Key{}, fmt.Errorf("%w: the value %s", ErrNotSet, f.unset)
	case f.wrong != "":
		return Key{}, f.problem("")
	}
	return f.key, nil
}

// value is the key itself, for the one header and for what is cut out of answers.
func (k Key) value() string {
	if k.reveal == nil {
		return ""
	}
	return k.reveal()
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.reveal == nil }

// Equal reports whether both are the same key.
func (k Key) Equal(other Key) bool {
	return subtle.ConstantTimeCompare([]byte(k.value()), []byte(other.value())) == 1
}

// odd reports whether the key does not look like those of LeadMagic.
func (k Key) odd() bool { return !k.IsZero() && !strings.HasPrefix(k.value(), Prefix) }

// Format implements fmt.Formatter: every verb prints [redacted].
func (Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(Redacted)) }

// String implements fmt.Stringer.
func (Key) String() string { return Redacted }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler, and with it JSON.
func (Key) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// A form is what a text turns out to be: a key, or not set, or wrong. The reasons go on where a sentence
// has named the text.
type form struct {
	key          Key
	unset, wrong string
	reference    bool   // unset, since nothing has filled it in
	fix          string // empty stands for the default
}

// problem says what is wrong with the key from source. An empty source names none.
func (f form) problem(source string) *problem.Problem {
	subject := "the API key "
	if source != "" {
		subject += "from " + source + " "
	}
	return problem.New(problem.KeyMalformed, problem.NotSent, subject+f.wrong, f.fix)
}

// examine finds out what a text is.
func examine(raw string) form {
	s := strings.TrimFunc(raw, around)
	if s == "" {
		return form{unset: "is empty"}
	}
	if reference := unfilled(s); reference != "" {
		return form{unset: "is " + reference + ", a reference that nothing has filled in", reference: true}
	}
	if isSample(s) {
		return form{unset: "is a sample, not a key"}
	}
	if wrong, fix := fault(s); wrong != "" {
		return form{wrong: wrong, fix: fix}
	}
	return form{key: Key{func() string { return s }}}
}

// around reports what may stand around a key without being part of it: blanks, line ends, marks that
// cannot be seen, and quotes, straight or as a text editor bends them.
func around(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\"'`“”„‘’‚«»", r) ||
		r == '\x00' || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r == '\u2060'
}

// fault is why s cannot be a key of LeadMagic, and what to do if that is not to copy it again.
func fault(s string) (wrong, fix string) {
	const copied = " (copied completely?)"
	switch words := strings.Fields(s); {
	case len(words) == 2 && strings.EqualFold(words[0], "bearer"):
		return "has the word Bearer before it", "give the key alone, without Bearer"
	case len(words) > 1 && strings.HasSuffix(words[0], ":"):
		return "has a name before it", "give the key alone, without NAME:"
	}
	if name, _, found := strings.Cut(s, "="); found && strings.Contains(strings.ToUpper(name), "LEADMAGIC") {
		return "has its variable's name before it", "give the key alone, without NAME="
	}
	switch {
	case strings.HasPrefix(s, "{"), strings.HasPrefix(s, "["):
		return "is JSON, not the key alone", "give the key alone"
	case len(s) > maxKey:
		return "is longer than any key", ""
	case isForeign(s):
		return "is a secret of another service and was not sent; LeadMagic keys start with " + Prefix,
			"put the LeadMagic key there, from app.leadmagic.io, Settings → API"
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		case r == '\n', r == '\r':
			return "has a line break inside" + copied, ""
		case unicode.IsSpace(r):
			return "has a blank inside" + copied, ""
		case unicode.IsControl(r):
			return "has a control character inside" + copied, ""
		case r > unicode.MaxASCII:
			return "has a non-ASCII character inside" + copied, ""
		default:
			return "has a character other than letters, digits, _ and - inside" + copied, ""
		}
	}
	return "", ""
}

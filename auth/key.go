package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
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
	r := examine("", raw)
	switch r.State {
	case Unset:
		return Key{}, fmt.Errorf("%w: the value %s", ErrNotSet, r.Note)
	case Broken:
		return Key{}, r.problem()
	}
	return r.key, nil
}

// Token is what a server has given out to be sent back to it, such as an access token. Its form is not looked at.
func Token(text string) Key { return Key{func() string { return text }} }

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

// examine finds out what the text of a source is: a key, or not set, or wrong. What is said of the text begins with lead.
func examine(lead, raw string) result {
	s := strings.TrimFunc(raw, around)
	switch reference := unfilled(s); {
	case s == "":
		return unset(lead + "is empty")
	case reference != "":
		return unset(lead + "is " + reference + ", a reference that nothing has filled in")
	case isSample(s):
		return unset(lead + "is a sample, not a key")
	}
	if wrong, fix := fault(s); wrong != "" {
		return result{Source: Source{State: Broken, Note: wrong, Next: fix}, malformed: true}
	}
	return result{Source: Source{State: Found}, key: Token(s)}
}

// around reports what may stand around a key without being part of it: blanks, line ends, marks that
// cannot be seen, and quotes, straight or as a text editor bends them.
func around(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("\"'`“”„‘’‚«»", r) ||
		r == '\x00' || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r == '\u2060'
}

// fault is why s cannot be a key of LeadMagic, and what to do if that is not to copy it again.
func fault(s string) (wrong, fix string) {
	words := strings.Fields(s)
	name, _, assigned := strings.Cut(s, "=")
	for _, rule := range []struct {
		broken     bool
		wrong, fix string
	}{
		{len(words) == 2 && strings.EqualFold(words[0], "bearer"), "has the word Bearer before it", "give the key alone, without Bearer"},
		{len(words) > 1 && strings.HasSuffix(words[0], ":"), "has a name before it", "give the key alone, without NAME:"},
		{assigned && strings.Contains(strings.ToUpper(name), "LEADMAGIC"), "has its variable's name before it", "give the key alone, without NAME="},
		{strings.HasPrefix(s, "{") || strings.HasPrefix(s, "["), "is JSON, not the key alone", "give the key alone"},
		{len(s) > maxKey, "is longer than any key", ""},
		{
			isForeign(s), "is a secret of another service and was not sent; LeadMagic keys start with " + Prefix,
			"put the LeadMagic key there, from app.leadmagic.io, Settings → API",
		},
	} {
		if rule.broken {
			return rule.wrong, rule.fix
		}
	}
	for _, r := range s {
		odd := "a character other than letters, digits, _ and -"
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			continue
		case r == '\n', r == '\r':
			odd = "a line break"
		case unicode.IsSpace(r):
			odd = "a blank"
		case unicode.IsControl(r):
			odd = "a control character"
		case r > unicode.MaxASCII:
			odd = "a non-ASCII character"
		}
		return "has " + odd + " inside (copied completely?)", ""
	}
	return "", ""
}

// unfilled names the shape of a reference that an editor or a shell was meant to replace, or is empty. The
// text itself is shown only if it is nothing but our own variable's name: some editors leave the dollar and
// put the key behind it.
func unfilled(s string) string {
	s = strings.TrimFunc(s, around)
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

// placeholders are the words of which documentation makes what stands where a key belongs.
var placeholders = []string{
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
		return strings.Trim(word, "x") != "" && !slices.Contains(placeholders, word)
	})
}

// foreign are the beginnings of secrets that other services give out, as they have published them. A key of LeadMagic's
// begins with lm_; one that does not is sent all the same, unless it begins like one of these.
var foreign = []string{
	// models: OpenAI, Anthropic and many more
	"sk-", "csk-", "hf_", "api_org_", "r8_", "gsk_", "xai-", "pplx-", "nvapi-", "tgp_v1_", "fw_", "jina_", "lsv2_", "ls__", "tvly-", "fc-", "e2b_", "rpa_",
	// payment, shops, mail and customers: Stripe, Clerk, Shopify, Square, SendGrid, HubSpot and others
	"sk_", "pk_", "pk-", "rk_", "whsec_", "shpat_", "shpss_", "shpca_", "shppa_", "shptka_", "sq0", "rzp_", "FLWSECK", "FLWPUBK", "EZAK", "EZTK",
	"shippo_", "duffel_", "access-sandbox-", "access-production-", "cal_live_", "apify_api_", "SG.", "pat-na", "pat-eu",
	// GitHub, GitLab, Atlassian, Slack
	"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
	"glsoat-", "gloas-", "glffct-", "glwt-", "GR1348941", "ATATT", "ATCTT", "ATBB", "ATTA", "xox", "xapp-", "xwfp-",
	// Amazon, Google, other clouds, and databases
	"AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA", "AGPA", "AIPA", "ANPA", "ANVA", "ABSK", "AIza", "ya29.", "1//0", "GOCSPX-", "AQ.A",
	"dop_v1_", "doo_v1_", "dor_v1_", "HRKU-", "rnd_", "nfp_", "fm1_", "fm2_", "fo1_", "FlyV1", "vcp_", "vck_", "sbp_", "sb_secret_", "sb_publishable_",
	"pscale_", "LTAI", "AKID", "tskey-", "pul-",
	// registries of packages, and stores of secrets
	"npm_", "pypi-", "rubygems_", "CLOJARS_", "dckr_pat_", "dckr_oat_", "hvs.", "hvb.", "hvr.", "ops_", "A3-", "AGE-SECRET-KEY-", "dp.",
	// tools, monitoring and builds
	"lin_api_", "lin_oauth_", "ntn_", "figd_", "figo_", "PMAK-", "PMAT-", "CFPAT-", "rdme_", "sgp_", "sl.", "fio-u-", "waka_", "glsa_", "glc_",
	"sntrys_", "sntryu_", "NRAK-", "NRII-", "NRJS-", "NRAA-", "phc_", "phx_", "phs_", "dt0", "bkua_", "CCIPAT_", "CCIPRJ_", "sqp_", "squ_", "sqa_",
	// a JSON web token, of anybody
	"eyJ",
}

// foreignShapes are secrets whose beginning alone could be that of any: of Twilio, Mailgun, Databricks, crates.io, NuGet,
// Notion, Resend, Voyage and Facebook.
var foreignShapes = lazyregexp.New(`^(?:(?:SK|AC|key-|dapi)[0-9a-f]{32}|cio[0-9A-Za-z]{32}|oy2[0-9a-z]{43}|secret_[0-9A-Za-z]{43}` +
	`|re_[0-9A-Za-z]{8,}_[0-9A-Za-z]{20,}|pa-[0-9A-Za-z_-]{40,}|EAA[0-9A-Za-z]{40,})$`)

// isForeign recognizes secrets of services that people keep beside LeadMagic's.
func isForeign(s string) bool {
	if strings.HasPrefix(s, Prefix) {
		return false // as nearly always: no session compiles the expression
	}
	return foreignShapes.MatchString(s) || slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

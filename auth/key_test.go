package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// canary is the key of every test. Nothing that is printed may contain it.
const canary = "lm_canary_5f1c0e9a7b3d2468"

func mustParse(t testing.TB, raw string) Key {
	t.Helper()
	key, err := Parse(raw)
	if err != nil {
		t.Fatalf("parsing a good key: %v", err)
	}
	return key
}

func TestAKeyPrintsRedacted(t *testing.T) {
	key := mustParse(t, canary)
	type inside struct{ hidden Key }
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "T", "p", "t", "e", "c", "U", "w"} {
		for _, value := range []any{key, &key, []Key{key}, map[string]Key{"k": key}, inside{key}, &inside{key}} {
			if got := fmt.Sprintf("%"+verb, value); leaks(got) {
				t.Errorf("%%%s of %T shows the key", verb, value)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, key); got != Redacted {
			t.Errorf("%s prints %q, want %q", verb, got, Redacted)
		}
	}
	if got := key.String(); got != Redacted {
		t.Errorf("String() = %q, want %q", got, Redacted)
	}
	raw, err := json.Marshal(map[string]any{"key": key, "in": inside{key}})
	if want := `{"in":{},"key":"[redacted]"}`; err != nil || string(raw) != want {
		t.Errorf("as JSON: %s, %v; want %s", raw, err, want)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("used", "key", key, "in", inside{key}, "list", []Key{key})
	}
	if leaks(log.String()) || !strings.Contains(log.String(), "key="+Redacted) {
		t.Error("the log shows the key, or does not say that there is one")
	}
}

// leaks reports whether a text has the canary, plain or in hex.
func leaks(s string) bool {
	return strings.Contains(s, canary) || strings.Contains(strings.ToLower(s), fmt.Sprintf("%x", canary))
}

func TestKeysCompareByWhatTheyAre(t *testing.T) {
	a, b, c := mustParse(t, canary), mustParse(t, " "+canary), mustParse(t, canary+"0")
	switch {
	case !a.Equal(b):
		t.Error("two keys of the same text are not equal")
	case a.Equal(c), a.Equal(Key{}):
		t.Error("two keys of different text are equal")
	case !(Key{}).IsZero(), a.IsZero(), !(Key{}).Equal(Key{}):
		t.Error("the zero Key is not none")
	}
}

func TestParseTakesWhatStandsAroundAKeyAway(t *testing.T) {
	for _, raw := range []string{
		canary, canary + "\n", canary + "\r\n", "  " + canary + "\t", `"` + canary + `"`, `'` + canary + "'\n",
		"\ufeff" + canary, "“" + canary + "”", "\u200b" + canary + "\u00a0", "`" + canary + "`", "«" + canary + "»", "„" + canary + "‘", "‚" + canary + "’",
		"\u200f" + canary + "\u200e", "\x00" + canary + "\x00", "\u2060" + canary + "\u2060", "\n\n\"" + canary + "\" \r\n",
	} {
		key, err := Parse(raw)
		if err != nil || key.value() != canary {
			t.Errorf("%q is not taken for the key inside: %v", strings.ReplaceAll(raw, canary, "KEY"), err)
		}
	}
}

func TestParseTakesWhatIsNoKeyForNotSet(t *testing.T) {
	for _, raw := range []string{
		"", "  \n", `""`, "${LEADMAGIC_API_KEY}", "${env:LEADMAGIC_API_KEY}", "$LEADMAGIC_API_KEY", "{env:LEADMAGIC_API_KEY}",
		"${input:leadmagic-key}", "<your key>", "<YOUR_API_KEY>", "$env:LEADMAGIC_API_KEY", "%LEADMAGIC_API_KEY%",
		"{{LEADMAGIC_API_KEY}}", "${LEADMAGIC_API_KEY:-}", `"${LEADMAGIC_API_KEY}"`, "$" + canary, "op://vault/leadmagic/key",
		"lm_your_api_key_here", "YOUR_API_KEY", "your-api-key", "LM_YOUR_API_KEY_HERE", "lm_xxxxxxxxxxxx", "lm_...", "changeme",
		"LEADMAGIC_API_KEY", "undefined", "null", "insert_your_key_here", "lm_paste_key_here", "enter your API key here", "{LEADMAGIC_API_KEY}",
		"[YOUR_API_KEY]", "process.env.LEADMAGIC_API_KEY", "lm_<your key>", "sk-your-api-key", "lm_******", "LEADMAGIC_API_KEY=your_key",
	} {
		key, err := Parse(raw)
		if !errors.Is(err, ErrNotSet) || !key.IsZero() || problem.As(err) != nil {
			t.Errorf("%q is not taken for not set: %v", raw, err)
		}
		if err != nil && leaks(err.Error()) {
			t.Errorf("the error shows what stands behind the reference")
		}
	}
}

func TestParseRefusesWhatCannotBeAKey(t *testing.T) {
	tests := []struct {
		name string
		raw  string
		want string
	}{
		{"a blank inside", "lm_canary 5f1c0e9a", "has a blank inside (copied completely?)"},
		{"a no-break space inside", "lm_canary\u00a05f1c0e9a", "has a blank inside (copied completely?)"},
		{"two lines", canary + "\n" + canary, "has a line break inside (copied completely?)"},
		{"a carriage return inside", "lm_canary\r5f1c0e9a", "has a line break inside (copied completely?)"},
		{"a hyphen of a book before it", "\u2010" + canary, "has a non-ASCII character inside (copied completely?)"},
		{"a grave accent inside", "lm_a`b", "other than letters, digits, _ and - inside"},
		{"a brace inside", "lm_a{b", "other than letters, digits, _ and - inside"},
		{"an at sign inside", "lm_a@b", "other than letters, digits, _ and - inside"},
		{"a bracket inside", "lm_a[b", "other than letters, digits, _ and - inside"},
		{"a slash inside", "lm_a/b", "other than letters, digits, _ and - inside"},
		{"a colon inside", "lm_a:b", "other than letters, digits, _ and - inside"},
		{"a colon behind", canary + ":", "other than letters, digits, _ and - inside"},
		{"three words", "Bearer lm_a b", "has a blank inside"},
		{"two words", "the " + canary, "has a blank inside"},
		{"words about a key of yours", "this is your key: lm_a", "has a blank inside"},
		{"a tab inside", "lm_canary\t5f1c0e9a", "has a blank inside (copied completely?)"},
		{"a control character", "lm_canary\x015f1c0e9a", "has a control character inside (copied completely?)"},
		{"an ellipsis from a shortened display", "lm_canary…2468", "has a non-ASCII character inside (copied completely?)"},
		{"a zero-width space inside", "lm_canary\u200b2468", "has a non-ASCII character inside (copied completely?)"},
		{"bytes that are no UTF-8", "lm_canary\xff2468", "has a non-ASCII character inside (copied completely?)"},
		{"OpenAI", "sk-proj-0123456789", "LeadMagic keys start with lm_"},
		{"Stripe, live", "sk_live_0123456789", "LeadMagic keys start with lm_"},
		{"Stripe, publishable", "pk_live_0123456789", "LeadMagic keys start with lm_"},
		{"Stripe, restricted", "rk_live_0123456789", "LeadMagic keys start with lm_"},
		{"GitHub", "ghp_0123456789", "LeadMagic keys start with lm_"},
		{"GitHub, fine-grained", "github_pat_0123456789", "LeadMagic keys start with lm_"},
		{"Slack", "xoxb-0123456789", "LeadMagic keys start with lm_"},
		{"AWS", "AKIA0123456789", "LeadMagic keys start with lm_"},
		{"Google", "AIza0123456789", "LeadMagic keys start with lm_"},
		{"GitHub, an app", "ghs_0123456789abcdef", "LeadMagic keys start with lm_"},
		{"GitLab", "glpat-0123456789abcdef", "LeadMagic keys start with lm_"},
		{"npm", "npm_0123456789abcdef", "LeadMagic keys start with lm_"},
		{"Hugging Face", "hf_0123456789abcdef", "LeadMagic keys start with lm_"},
		{"DigitalOcean", "dop_v1_0123456789abcdef", "LeadMagic keys start with lm_"},
		{"AWS, for a while", "ASIA0123456789ABCDEF", "LeadMagic keys start with lm_"},
		{"Vault", "hvs.CAESIJ0123456789", "LeadMagic keys start with lm_"},
		{"SendGrid", "SG.0123456789.abcdef", "LeadMagic keys start with lm_"},
		{"Twilio", "SK0123456789abcdef0123456789abcdef", "LeadMagic keys start with lm_"},
		{"Mailgun", "key-0123456789abcdef0123456789abcdef", "LeadMagic keys start with lm_"},
		{"an address with a password", "https://ada:" + canary + "@leadmagic.example", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a line of .npmrc", "//registry.example/:_authToken=npm_0123456789", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a line of a file of settings", "token=0123456789abcdef", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a name and a password", "ada:0123456789abcdef", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a token with dots", "abc.def.0123456789", "other than letters, digits, _ and - inside (copied completely?)"},
		{"base64", "a/b+c==", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a shortened display", "lm_canary...2468", "other than letters, digits, _ and - inside (copied completely?)"},
		{"hidden letters", "lm_canary****2468", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a comma behind", canary + ",", "other than letters, digits, _ and - inside (copied completely?)"},
		{"a JSON web token", "eyJhbGciOiJIUzI1NiJ9.e30.0123", "LeadMagic keys start with lm_"},
		{"a token as it is sent", "Bearer " + canary, "has the word Bearer before it"},
		{"the same with two blanks", "bearer  " + canary, "has the word Bearer before it"},
		{"a whole header", "X-LeadMagic-Key: " + canary, "has a name before it"},
		{"a file with a comment", "# your key\n" + canary, "inside (copied completely?)"},
		{"a line of a .env file", "LEADMAGIC_API_KEY=" + canary, "has its variable's name before it"},
		{"a JSON file", `{"api_key":"` + canary + `"}`, "is JSON"},
		{"a JSON list", `["` + canary + `"]`, "is JSON"},
		{"a whole book", "lm_" + strings.Repeat("a", maxKey-2), "is longer than any key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := Parse(tt.raw)
			p := problem.As(err)
			if p == nil || p.Code != problem.KeyMalformed || p.Outcome != problem.NotSent || !key.IsZero() {
				t.Fatalf("got %v, want a malformed key that was not sent", err)
			}
			if !strings.HasPrefix(p.What, "the API key has ") && !strings.HasPrefix(p.What, "the API key is ") || !strings.Contains(p.What, tt.want) {
				t.Errorf("got %q, want it to say %q", p.What, tt.want)
			}
			if leaks(p.Line()) {
				t.Error("the problem shows the key")
			}
		})
	}
}

func TestAKeyOfTheLargestSizeIsTaken(t *testing.T) {
	if key := mustParse(t, Prefix+strings.Repeat("a", maxKey-len(Prefix))); len(key.value()) != maxKey {
		t.Errorf("%d bytes of it are", len(key.value()))
	}
}

func TestParseTakesAnyOtherKey(t *testing.T) {
	for _, raw := range []string{"0123456789abcdef", "LM_UPPER", "wrong", "azAZ09_-", "key-1", "re_1", "9b2f6c1e-0d4a-4e7b-8f35-c6a1d2e3f405", "api_key_1", "test_key"} {
		key, err := Parse(raw)
		if err != nil || !key.odd() {
			t.Errorf("%q is not taken, or is taken for a usual key: %v", raw, err)
		}
	}
	if key := mustParse(t, canary); key.odd() {
		t.Error("a usual key is taken for an odd one")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{canary, "", "${X}", "$" + canary, "\ufeff\"" + canary + "\"\r\n", "sk-1", "a b", "\xff", "<x>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		key, err := Parse(raw)
		if (err == nil) == key.IsZero() {
			t.Fatalf("a key beside an error, or neither: %v", err)
		}
		if err != nil {
			if !errors.Is(err, ErrNotSet) && problem.As(err) == nil {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		v := key.value()
		for _, r := range v {
			if !strings.ContainsRune("-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r) {
				t.Fatalf("the key has %U inside", r)
			}
		}
		if !strings.Contains(raw, v) || len(v) > maxKey || isForeign(v) || unfilled(v) != "" {
			t.Fatal("the key is not what was given, or must not be sent")
		}
		if again, err := Parse(v); err != nil || !again.Equal(key) {
			t.Fatalf("the key itself is another one: %v", err)
		}
		if fmt.Sprint(key) != Redacted {
			t.Fatal("the key is printed")
		}
	})
}

func TestTextReadsUTF16(t *testing.T) {
	little, big := []byte{0xff, 0xfe}, []byte{0xfe, 0xff}
	for _, unit := range utf16.Encode([]rune(canary + "\r\n")) {
		little = append(little, byte(unit), byte(unit>>8))
		big = append(big, byte(unit>>8), byte(unit))
	}
	for name, content := range map[string][]byte{"little": little, "big": big} {
		if !examine("", problem.UTF8(content)).key.Equal(mustParse(t, canary)) {
			t.Errorf("%s-endian UTF-16 is not read", name)
		}
	}
	if got := problem.UTF8([]byte{0xff, 0xfe, 'a'}); got != "" {
		t.Errorf("half a unit is read as %q", got)
	}
}

package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// redactorOf knows keys as they are used one after the other.
func redactorOf(t testing.TB, keys ...string) *Redactor {
	t.Helper()
	var r Redactor
	for _, raw := range keys {
		r.Add(mustParse(t, raw))
	}
	return &r
}

func TestEachFormOfAKeyIsTakenOut(t *testing.T) {
	hexed := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(canary) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	tests := []struct{ name, key, text, want string }{
		{"as it is", canary, `{"key":"` + canary + `"}`, `{"key":"[redacted]"}`},
		{"twice in a row", canary, canary + canary, "[redacted][redacted]"},
		{"alone", canary, canary, "[redacted]"},
		{"not at all", canary, "lm_canary_5f1c0e9a7b3d246", "lm_canary_5f1c0e9a7b3d246"},
		{"begun again in itself", "lm_lm_lm_x", "lm_lm_lm_lm_x", "lm_[redacted]"},
		{"in nothing, for a word that any answer may have", "wrong", "the domain is wrong", "the domain is wrong"},

		{"one letter as JSON may write it", canary, `"lm_canar\u0079_5f1c0e9a7b3d2468"`, `"[redacted]"`},
		{"the first letter", canary, `"\u006cm_canary_5f1c0e9a7b3d2468"`, `"[redacted]"`},
		{"the last letter", canary, `"lm_canary_5f1c0e9a7b3d246\u0038"`, `"[redacted]"`},
		{"digits of any case", canary, `\u006Cm\u005Fcanary\u005f5f1c0e9a7b3d2468`, "[redacted]"},
		{"each letter", canary, "a " + hexed(`\u%04x`) + " b", "a [redacted] b"},
		{"each letter, in a URL", canary, "?k=" + hexed("%%%02X") + "&x", "?k=[redacted]&x"},
		{"a letter that stands twice in the key", "lm_abab_abab_abac", `lm_abab_\u0061bab_ab\u0061c`, `[redacted]`},
		{"JSON in JSON", canary, `{"text":"{\"key\":\"lm_canar\\u0079_5f1c0e9a7b3d2468\"}"}`, `{"text":"{\"key\":\"[redacted]\"}"}`},
		{"JSON in JSON in JSON", canary, `lm_canar\\\\u0079_5f1c0e9a7b3d2468`, `[redacted]`},
		{"a URL in a URL", canary, `lm%255Fcanary_5f1c0e9a7b3d2468`, `[redacted]`},
		{"a URL in so many that it is nobody's", canary, "lm%" + strings.Repeat("25", maxEscapes) + "5Fcanary_5f1c0e9a7b3d2468", "lm%" + strings.Repeat("25", maxEscapes) + "5Fcanary_5f1c0e9a7b3d2468"},
		{"a URL in as many as are looked through", canary, "lm%" + strings.Repeat("25", maxEscapes-1) + "5Fcanary_5f1c0e9a7b3d2468", "[redacted]"},
		{"both side by side", canary, `l%6d_can\u0061ry_5f1c0e9a7b3d2468`, `[redacted]`},
		{"a URL in JSON", canary, `lm\u00255Fcanary_5f1c0e9a7b3d2468`, `[redacted]`},
		{"JSON in a URL", canary, `lm%5Cu005Fcanary_5f1c0e9a7b3d2468`, `[redacted]`},
		{"plain and escaped", canary, canary + `,lm\u005Fcanary_5f1c0e9a7b3d2468,` + canary, "[redacted],[redacted],[redacted]"},

		{"another letter", canary, `lm_canar\u0078_5f1c0e9a7b3d2468`, `lm_canar\u0078_5f1c0e9a7b3d2468`},
		{"a letter of another script", canary, `lm_canar\u0179_5f1c0e9a7b3d2468`, `lm_canar\u0179_5f1c0e9a7b3d2468`},
		{"no letter at all", canary, `lm_canar\u00zz_5f1c0e9a7b3d2468 lm%zzcanary`, `lm_canar\u00zz_5f1c0e9a7b3d2468 lm%zzcanary`},
		{"escapes that end with the text", canary, `lm_canar\u007`, `lm_canar\u007`},
		{"a percent sign at the end", canary, `lm%5`, `lm%5`},
		{"a key that ends too early", canary, `lm%5Fcanary`, `lm%5Fcanary`},
		{"an escaped slash", canary, `lm_canary\/5f1c0e9a7b3d2468`, `lm_canary\/5f1c0e9a7b3d2468`},

		{"shortened", canary, "the key lm_canary_5f1… is not known", "the key [redacted]… is not known"},
		{"shortened to its prefix", canary, "keys begin with lm_…", "keys begin with lm_…"},
		{"shortened twice", canary, "… lm_canary_5… lm_canary_5f…", "… [redacted]… [redacted]…"},
		{"shortened by one letter", canary, "lm_canary_5f1c0e9a7b3d246…", "[redacted]…"},
		{"shortened to the first letter after the prefix", canary, "lm_c…", "[redacted]…"},
		{"an ellipsis after something else", canary, "and so on… canary…", "and so on… canary…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(redactorOf(t, tt.key).Redact(slices.Clip([]byte(tt.text)))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestKeysOfThePastAreTakenOut(t *testing.T) {
	const second, longer = "lm_second_0123456789", canary + "_longer"
	text := []byte(canary + " " + second + " " + longer)
	for _, order := range [][]string{{canary, second, longer}, {longer, second, canary}} {
		if got := string(redactorOf(t, order...).Redact(text)); got != "[redacted] [redacted] [redacted]" {
			t.Errorf("got %q", got)
		}
	}
	keys := []string{canary, canary, second}
	for i := range maxKnown - 1 {
		keys = append(keys, fmt.Sprintf("lm_number_%06d", i))
	}
	r := redactorOf(t, keys...)
	if got := string(r.Redact([]byte(second + canary))); got != Redacted+canary {
		t.Error("the oldest key is not the one that is forgotten")
	}
	r = redactorOf(t, canary)
	r.Add(Token("refresh-token"))
	for i := range 3 * maxKnown {
		r.Add(Token(fmt.Sprintf("access-token-%d", i)))
		r.Add(Token("refresh-token")) // which stays in use
	}
	if got := string(r.Redact([]byte(canary + " refresh-token"))); got != Redacted+" "+Redacted {
		t.Errorf("after many tokens: got %q", got)
	}
}

// A token comes by the hour: it takes the place of another one, and of a key only where all others are keys.
func TestTheLastTokenIsTakenOutBesideManyKeys(t *testing.T) {
	var keys []string
	for i := range maxKnown {
		keys = append(keys, fmt.Sprintf("lm_number_%06d", i))
	}
	r := redactorOf(t, keys...)
	r.Add(Token("access-token"))
	if got, want := string(r.Redact([]byte(keys[0]+" "+keys[1]+" access-token"))), keys[0]+" [redacted] [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHowLongAKeyIsThatIsTakenOut(t *testing.T) {
	for text, want := range map[string]bool{"lm_1": false, "lm_12": true, "1234567": false, "12345678": true} {
		r := redactorOf(t, text)
		if got := string(r.Redact([]byte(text))) == Redacted; got != want {
			t.Errorf("%s is taken out: %v, want %v", text, got, want)
		}
	}
}

func TestWhatHasNoKeyIsNotCopied(t *testing.T) {
	text := []byte(`{"text":"100 % of C:\\users \u00e4 lm_ …"}`)
	(*Redactor)(nil).Add(mustParse(t, canary))
	for _, r := range []*Redactor{nil, {}, redactorOf(t, canary)} {
		r.Add(Key{})
		if got := r.Redact(text); &got[0] != &text[0] || len(got) != len(text) {
			t.Error("it was copied")
		}
		if n := testing.AllocsPerRun(10, func() { r.Redact(text) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// A text may end within what could have become a key.
func TestTheBeginningOfAKeyAtTheEndOfATextStays(t *testing.T) {
	for _, end := range []string{"%", "%5", "%5f", `\`, `\\`, `\u`, `\u00`, `\u005`, `\u005f`, `%5C`, `%255f`, `\/`} {
		text := canary[:2] + end
		if got := string(redactorOf(t, canary).Redact(slices.Clip([]byte(text)))); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestAWriterShowsNoKey(t *testing.T) {
	r := redactorOf(t)
	var out bytes.Buffer
	w := r.Writer(&out)
	r.Add(mustParse(t, canary)) // found after the writer was made
	for _, line := range []string{"a " + canary + "\n", "b\n"} {
		if n, err := io.WriteString(w, line); n != len(line) || err != nil {
			t.Errorf("got %d, %v for %d bytes", n, err, len(line))
		}
	}
	if got := out.String(); got != "a [redacted]\nb\n" {
		t.Errorf("got %q", got)
	}
	full := errors.New("full")
	if n, err := r.Writer(failing{full}).Write([]byte("ab")); n != 1 || !errors.Is(err, full) {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := r.Writer(failing{full}).Write(nil); n != 0 || !errors.Is(err, full) {
		t.Errorf("got %d, %v", n, err)
	}
	file := func(w io.Writer) uintptr { return w.(interface{ Fd() uintptr }).Fd() }
	if file(w) != ^uintptr(0) || file(r.Writer(os.Stderr)) != os.Stderr.Fd() {
		t.Error("a terminal behind it cannot be recognized")
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 1, f.err }

// FuzzRedaction decodes whatever the escapes of what is left stand for: no key may come out. Where there was nothing to take
// out, nothing is changed.
func FuzzRedaction(f *testing.F) {
	f.Add([]byte("x"+canary), uint16(3))
	f.Add([]byte(`x%6c\u006d_canary`), uint16(0xffff))
	f.Add([]byte(`\u005c\u005c\u005c\\\\%25%2525%5c`), uint16(7))
	f.Fuzz(func(t *testing.T, around []byte, escaped uint16) {
		r := redactorOf(t, canary)
		text := append(bytes.Clone(around), ' ')
		for i, c := range []byte(canary) {
			switch {
			case escaped>>(i%16)&1 == 0:
				text = append(text, c)
			case i%2 == 0:
				text = fmt.Appendf(text, `\u%04x`, c)
			default:
				text = fmt.Appendf(text, "%%%02X", c)
			}
		}
		got := r.Redact(append(text, around...))
		if !bytes.Contains(got, []byte(Redacted)) || bytes.Contains(got, []byte(canary)) {
			t.Errorf("%q becomes %q", text, got)
		}
		if again := r.Redact(got); !bytes.Equal(again, got) {
			t.Errorf("%q becomes %q when it is looked at again", got, again)
		}
	})
}

// BenchmarkRedact looks at 16 MiB as LeadMagic sends them, and at 16 MiB of escapes.
func BenchmarkRedact(b *testing.B) {
	r := redactorOf(b, canary)
	for name, row := range map[string]string{
		"rows":    `{"first_name":"Ada","last_name":"Lovelace","company":"Analytical Engines Ltd","email":"ada@analytical.example","lm":1},`,
		"text":    `{\"first_name\":\"Ada\",\"company\":\"L\u00f6velace \\u0026 Co\",\"share\":\"100 %\",\"url\":\"https://a.example/?q=a%20b\"},\n`,
		"escapes": `\u005c`,
		"slashes": `\`,
		"percent": `%25`,
	} {
		content := bytes.Repeat([]byte(row), 16<<20/len(row))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				r.Redact(content)
			}
		})
	}
}

func TestATokenIsMaskedAsAKeyIs(t *testing.T) {
	const token = "eyJ.a-b_c/d+e/f==0123"
	var r Redactor
	r.Add(Token(token))
	for _, text := range []string{token, `eyJ.a-b_c\/d+e\/f==0123`, `eyJ.a-b_c\\\/d+e/f==0123`, "eyJ.a-b_c%2Fd%2Be%2Ff%3D%3D0123", `eyJ.a-b_c\u002fd+e\/f==0123`} {
		if got := string(r.Redact([]byte("<" + text + ">"))); got != "<[redacted]>" {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

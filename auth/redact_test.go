package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// redactorOf knows keys as they are used one after the other.
func redactorOf(t testing.TB, keys ...string) *redactor {
	t.Helper()
	var r redactor
	for _, raw := range keys {
		r.learn(mustParse(t, raw))
	}
	return &r
}

// through reads a body through a redactor, with a buffer of that size. It also returns the length that the
// answer says it has by then; before, it says 99.
func through(r *redactor, body io.Reader, stream bool, size int) (string, int64, error) {
	res := &http.Response{Header: http.Header{}, Body: io.NopCloser(body), ContentLength: 99}
	if stream {
		res.Header.Set("Content-Type", "text/event-stream")
	}
	r.response(res)
	defer res.Body.Close()
	var out []byte
	buf := make([]byte, size)
	for {
		n, err := res.Body.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return string(out), res.ContentLength, err
		}
	}
}

func TestEachFormOfAKeyIsTakenOut(t *testing.T) {
	const special = `lm_a/b+c&d"e<5f1c0e9a`
	tests := []struct{ name, key, body, want string }{
		{"as it is", canary, `{"key":"` + canary + `"}`, `{"key":"[redacted]"}`},
		{"twice in a row", canary, canary + canary, "[redacted][redacted]"},
		{"alone", canary, canary, "[redacted]"},
		{"not at all", canary, "lm_canary_5f1c0e9a7b3d246", "lm_canary_5f1c0e9a7b3d246"},
		{"begun again in itself", "lm_lm_lm_x", "lm_lm_lm_lm_x", "lm_[redacted]"},
		{"in JSON", special, `"lm_a/b+c\u0026d\"e\u003c5f1c0e9a"`, `"[redacted]"`},
		{"in JSON with slashes escaped", special, `"lm_a\/b+c\u0026d\"e\u003c5f1c0e9a"`, `"[redacted]"`},
		{"in a query", special, "?key=lm_a%2Fb%2Bc%26d%22e%3C5f1c0e9a&x", "?key=[redacted]&x"},
		{"in hex", canary, hex.EncodeToString([]byte(canary)), "[redacted]"},
		{"in upper-case hex", canary, strings.ToUpper(hex.EncodeToString([]byte(canary))), "[redacted]"},
		{"in nothing, for a word that any answer may have", "wrong", "the domain is wrong", "the domain is wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _, err := through(redactorOf(t, tt.key), strings.NewReader(tt.body), false, 4096); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestBase64OfAKeyIsTakenOutWhereverItBegins(t *testing.T) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for before := range 4 {
			for after := range 4 {
				text := strings.Repeat("u", before) + canary + strings.Repeat("v", after)
				got, _, err := through(redactorOf(t, canary), strings.NewReader(encoding.EncodeToString([]byte(text))), false, 512)
				if err != nil || !strings.Contains(got, Redacted) || len(got) > 10+len(Redacted)+6 {
					t.Errorf("%d before, %d after: %d bytes are left", before, after, len(got))
				}
			}
		}
	}
}

func TestAKeyIsTakenOutWhereverTheBodyIsSplit(t *testing.T) {
	body := "data: a " + canary + " b " + canary[:12] + " lm_lm_" + canary + "\n\n"
	want := strings.ReplaceAll(body, canary, Redacted)
	r := redactorOf(t, canary)
	for at := range len(body) {
		for _, size := range []int{1, 2, 7, len(canary), 4096} {
			parts := io.MultiReader(strings.NewReader(body[:at]), strings.NewReader(body[at:]))
			if got, _, err := through(r, parts, true, size); err != nil || got != want {
				t.Fatalf("split at %d, buffer of %d: got %q, %v", at, size, got, err)
			}
		}
	}
	for name, reader := range map[string]io.Reader{
		"byte by byte":         iotest.OneByteReader(strings.NewReader(body)),
		"its end with data":    iotest.DataErrReader(strings.NewReader(body)),
		"half of what is read": iotest.HalfReader(strings.NewReader(body)),
	} {
		if got, _, err := through(r, reader, true, 64); err != nil || got != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestTheReaderKeepsTheRulesOfReaders(t *testing.T) {
	content := strings.Repeat("lm_canary is not the key, ", 500)
	res := &http.Response{Header: http.Header{}, Body: io.NopCloser(strings.NewReader(content))}
	redactorOf(t, canary).response(res)
	if err := iotest.TestReader(res.Body, []byte(content)); err != nil {
		t.Error(err)
	}
	if n, err := res.Body.Read(nil); n != 0 || err != nil {
		t.Errorf("reading into nothing: %d, %v", n, err)
	}
}

func TestAnEventIsNotHeldBack(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	res := &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: in}
	redactorOf(t, canary).response(res)
	events := []string{"data: {\"a\":1}\n\n", "data: " + canary + "\n\n", ": l\n\n", "data: lm_canary\n\n"}
	buf := make([]byte, 256)
	for _, event := range events {
		go func() { _, _ = io.WriteString(out, event) }()
		want := strings.ReplaceAll(event, canary, Redacted)
		var got string
		for len(got) < len(want) { // a read that waits for the next event never returns
			n, err := res.Body.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestKeysOfThePastAreTakenOut(t *testing.T) {
	const second, longer = "lm_second_0123456789", canary + "_longer"
	body := canary + " " + second + " " + longer
	for _, order := range [][]string{{canary, second, longer}, {longer, second, canary}} {
		got, _, err := through(redactorOf(t, order...), iotest.OneByteReader(strings.NewReader(body)), false, 64)
		if want := "[redacted] [redacted] [redacted]"; err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	r := redactorOf(t, canary, canary, second, "lm_third_000000", "lm_fourth_00000", "lm_fifth_000000")
	if got := len(r.known.Load().keys); got != maxKnown {
		t.Errorf("%d keys are looked for, want %d", got, maxKnown)
	}
	if got := r.text(second + canary); got != Redacted+canary {
		t.Error("the oldest key is not the one that is forgotten")
	}
}

func TestAKeyThatIsLearntLaterIsTakenOutOfARunningStream(t *testing.T) {
	const second = "lm_second_0123456789"
	r := redactorOf(t, canary)
	in, out := io.Pipe()
	res := &http.Response{Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: in}
	r.response(res)
	r.learn(mustParse(t, second))
	go func() {
		_, _ = io.WriteString(out, "data: "+second+"\n\n")
		_ = out.Close()
	}()
	got, err := io.ReadAll(res.Body)
	if want := "data: [redacted]\n\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestHeadersAndTrailersShowNoKey(t *testing.T) {
	res := &http.Response{
		Status: "200 " + canary, Header: http.Header{"Location": {"https://x.example/?k=" + canary, "b"}, "Content-Length": {"4"}}, ContentLength: 4,
		Trailer: http.Header{"X-End": nil},
	}
	res.Body = io.NopCloser(io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
		res.Trailer["X-End"] = []string{"was " + canary}
		return 0, io.EOF
	})))
	redactorOf(t, canary).response(res)
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "body" || res.ContentLength != 4 {
		t.Errorf("got %q of length %d, %v; want an untouched body", body, res.ContentLength, err)
	}
	want := http.Header{"Location": {"https://x.example/?k=[redacted]", "b"}}
	if res.Status != "200 [redacted]" || !slices.Equal(res.Header["Location"], want["Location"]) || len(res.Header) != 1 {
		t.Error("the head shows the key, or lost something else")
	}
	if got := res.Trailer.Get("X-End"); got != "was [redacted]" {
		t.Errorf("the trailer is %q", strings.ReplaceAll(got, canary, "KEY"))
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestABrokenBodySaysAllThatCame(t *testing.T) {
	cut := errors.New("cut at " + canary)
	body := io.MultiReader(strings.NewReader("data: "+canary[:10]), iotest.ErrReader(cut))
	got, _, err := through(redactorOf(t, canary), body, true, 64)
	if got != "data: "+canary[:10] {
		t.Errorf("got %q, want all that came", got)
	}
	if err == nil || err.Error() != "cut at [redacted]" {
		t.Error("the end is not told, or shows the key")
	}
	plain := errors.New("cut")
	if _, _, err := through(redactorOf(t, canary), iotest.ErrReader(plain), true, 64); !errors.Is(err, plain) {
		t.Errorf("got %v, want the error itself", err)
	}
}

func TestALongAnswerIsStillSearchedForTheKeyItself(t *testing.T) {
	body := strings.Repeat("x", deepScan+10) + canary + hex.EncodeToString([]byte("x"))
	got, length, err := through(redactorOf(t, canary), strings.NewReader(body), false, 64<<10)
	if err != nil || strings.Contains(got, canary) || !strings.Contains(got, Redacted) || length != -1 {
		t.Errorf("%v; the key is found: %v, the length is %d", err, strings.Contains(got, Redacted), length)
	}
}

func TestManyCopiesAreTakenOutInOnePass(t *testing.T) {
	r := redactorOf(t, canary, "lm_second_0123456789")
	body := strings.Repeat(canary, 50_000)
	got, _, err := through(r, strings.NewReader(body), false, len(body))
	if want := strings.Repeat(Redacted, 50_000); err != nil || got != want {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}

// FuzzRedaction compares with what is found when all of a body is there at once, however it is split.
func FuzzRedaction(f *testing.F) {
	f.Add("lm_aab", "lm_aabaab", []byte("xlm_aabaablm_aab"), uint16(3), uint8(4))
	f.Add(canary, "lm_canary", []byte("a"+canary+"b"), uint16(9), uint8(64))
	f.Add("lm_l", "lm_lm_l", []byte("lm_lm_lm_l"), uint16(5), uint8(1))
	f.Fuzz(func(t *testing.T, first, second string, body []byte, at uint16, size uint8) {
		var r redactor
		for _, raw := range []string{first, second} {
			if key, err := Parse(raw); err == nil {
				r.learn(key)
			}
		}
		known := r.known.Load()
		if known == nil {
			return
		}
		want := leftmostLongest(body, known.all)
		split := min(int(at), len(body))
		parts := io.MultiReader(bytes.NewReader(body[:split]), bytes.NewReader(body[split:]))
		got, _, err := through(&r, parts, true, int(size)+1)
		if err != nil || got != string(want) {
			t.Fatalf("split at %d, buffer of %d: got %q, %v; want %q", split, int(size)+1, got, err, want)
		}
	})
}

// leftmostLongest replaces the longest form at each place, from the left.
func leftmostLongest(body []byte, forms [][]byte) []byte {
	var out []byte
	for len(body) > 0 {
		size := 0
		for _, form := range forms {
			if bytes.HasPrefix(body, form) {
				size = max(size, len(form))
			}
		}
		if size == 0 {
			out = append(out, body[0])
			body = body[1:]
			continue
		}
		out = append(out, Redacted...)
		body = body[size:]
	}
	return out
}

// BenchmarkBody reads 16 MiB as it comes and through a redactor.
func BenchmarkBody(b *testing.B) {
	row := []byte(`{"first_name":"Ada","last_name":"Lovelace","company":"Analytical Engines Ltd","email":"ada@analytical.example","lm":1},`)
	content := bytes.Repeat(row, 16<<20/len(row))
	buf := make([]byte, 256<<10)
	for _, way := range []string{"direct", "proxied"} {
		b.Run(way, func(b *testing.B) {
			r := redactorOf(b, canary)
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				res := &http.Response{Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(content))}
				if way == "proxied" {
					r.response(res)
				}
				for {
					if _, err := res.Body.Read(buf); err != nil {
						break
					}
				}
			}
		})
	}
}

func TestALongTextIsSearchedAsAShortOne(t *testing.T) {
	const second = "lm_second_0123456789"
	r := redactorOf(t, canary, second)
	for _, letters := range []string{"lm_", "l", "abc", "5f1c0e9a7b3d2468", "canary_lm"} {
		body := []byte(strings.Repeat(letters, 20_000/len(letters)))
		for i, secret := range []string{canary, second, canary} {
			copy(body[5000*(i+1):], secret)
		}
		got, _, err := through(r, bytes.NewReader(body), false, len(body)+1)
		if want := leftmostLongest(body, r.known.Load().all); err != nil || got != string(want) {
			t.Errorf("between %q: %d bytes, %v; want %d", letters, len(got), err, len(want))
		}
	}
}

package jsonrpc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// everyText calls test with each text of at most that many tokens.
func everyText(tokens []string, most int, test func(text string)) {
	var extend func(text string, left int)
	extend = func(text string, left int) {
		test(text)
		if left == 0 {
			return
		}
		for _, token := range tokens {
			extend(text+token, left-1)
		}
	}
	extend("", most)
}

// What is valid, and which members and elements it has, is what encoding/json finds, for every short text.
func TestEveryShortTextIsReadAsEncodingJSONReadsIt(t *testing.T) {
	faults := 0
	check := func(text string) {
		if faults > 20 {
			return
		}
		b := []byte(text)
		if got, want := Valid(b), json.Valid(b); got != want {
			faults++
			t.Errorf("%q is valid: %v, want %v", text, got, want)
			return
		}
		if !json.Valid(b) {
			for range Members(b) {
				continue // must come to an end, and not fail
			}
			for range Elements(b) {
				continue
			}
			return
		}
		names, values := decoded(b)
		var gotNames, gotValues []string
		for m := range Members(b) {
			gotNames, gotValues = append(gotNames, string(m.Name)), append(gotValues, string(m.Value))
			if !bytes.HasPrefix(m.Raw, []byte{'"'}) || !bytes.HasSuffix(m.Raw, m.Value) || !strings.Contains(text, string(m.Raw)) {
				faults++
				t.Errorf("%q has the member %q with the value %q", text, m.Raw, m.Value)
			}
		}
		for e := range Elements(b) {
			gotValues = append(gotValues, string(e))
		}
		if !slices.Equal(gotNames, names) || !slices.Equal(gotValues, values) {
			faults++
			t.Errorf("%q has %q %q, want %q %q", text, gotNames, gotValues, names, values)
		}
	}
	everyText([]string{`{`, `}`, `[`, `]`, `,`, `:`, `"a"`, `1`, ` `}, 5, check)
	everyText([]string{`[{"a":1}`, `{"a":[1]`, `[{},`, `[[],`, `[1,`, `[]`, `}`, `]`, `,`}, 4, check) // levels that were of the other kind before
	numbers := []string{`-`, `0`, `1`, `9`, `.`, `e`, `E`, `+`, `/`, `:`}
	everyText(numbers, 5, check)
	everyText(numbers, 3, func(text string) { check(`{"a":` + text + `}`) })
	everyText([]string{"{", "}", `"a"`, `"\u0062":`, `"a":`, `[`, `]`, `,`, "\n", "\r", "\t", "\v", "\f", `null`, `true`, `false`, `nul`, `tru`, `-`}, 4, check)
	everyText([]string{`{`, `}`, `"`, `a`, `:1`, `1d1`}, 5, check) // names without a quote, and exponents of another letter
	for before := range 18 {
		everyText([]string{`"`, `\`, `u`, `0`, `f`, `G`, "\x1f", "\x7f", "é", "/"}, 3, func(text string) {
			check(`"` + strings.Repeat("x", before) + text + `"`)
			if before < 9 {
				check(`{"a":"` + strings.Repeat("x", before) + text + `"}`)
			}
			check(`{"` + strings.Repeat("x", before) + text + `":"` + text + `yyyyyyyyy"}`)
		})
	}
}

// decoded is the names and values of an object, or the elements of an array, in order.
func decoded(b []byte) (names, values []string) {
	d := json.NewDecoder(bytes.NewReader(b))
	token, err := d.Token()
	if err != nil || token != json.Delim('{') && token != json.Delim('[') {
		return nil, nil
	}
	for d.More() {
		if token == json.Delim('{') {
			name, _ := d.Token()
			names = append(names, name.(string))
		}
		var value json.RawMessage
		_ = d.Decode(&value)
		values = append(values, string(value))
	}
	return names, values
}

func TestEscapesAreCheckedDigitByDigit(t *testing.T) {
	for c := range 256 {
		for at := range 4 {
			digits := []byte("0000")
			digits[at] = byte(c)
			for before := range 9 {
				text := append(append([]byte(`"`+strings.Repeat("x", before)+`\u`), digits...), `12345678"`...)
				if got, want := Valid(text), json.Valid(text); got != want {
					t.Errorf("%q is valid: %v, want %v", text, got, want)
				}
			}
		}
		for _, text := range [][]byte{{'"', '\\', byte(c), '"'}, {'"', byte(c), '"'}, append([]byte{'"', byte(c)}, `1234567"`...), append([]byte(`"1234567`), byte(c), '"')} {
			if got, want := Valid(text), json.Valid(text); got != want {
				t.Errorf("%q is valid: %v, want %v", text, got, want)
			}
		}
	}
	for n := range 6 {
		for _, text := range []string{`"\u0041`[:2+n], `"\u0041"`[:3+n] + `"`} {
			if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want {
				t.Errorf("%q is valid: %v, want %v", text, got, want)
			}
		}
	}
}

// A value that is cut off, or ends where the memory does, is not read beyond its end.
func TestWhatIsCutOffIsNotValid(t *testing.T) {
	const whole = `{"a":[1,-2.5e+10,{"b\u00e9":"c\\\n"},null,true,false,""],"d":{}}`
	for n := range len(whole) {
		if Valid(slices.Clip([]byte(whole[:n]))) {
			t.Errorf("%q is valid", whole[:n])
		}
	}
	if !Valid([]byte(whole)) || !Valid([]byte(" \r\n\t"+whole+" \r\n\t")) {
		t.Errorf("%q is not valid", whole)
	}
}

// Levels are remembered one by one, also where another word of memory begins.
func TestNestingOfEveryDepth(t *testing.T) {
	for _, depth := range []int{1, 2, 62, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 319, 320, 321, 383, 384, 385, 1000} {
		for name, kinds := range map[string]func(level int) bool{
			"objects": func(int) bool { return true }, "arrays": func(int) bool { return false },
			"both": func(level int) bool { return level%2 == 0 }, "both, in another rhythm": func(level int) bool { return level%3 == 0 || level%64 == 63 },
		} {
			var open, closing []byte
			for level := range depth {
				if kinds(level) {
					open, closing = append(open, `{"a":`...), append([]byte("}"), closing...)
				} else {
					open, closing = append(open, '['), append([]byte("]"), closing...)
				}
			}
			text := append(append(slices.Clone(open), '1'), closing...)
			if !Valid(text) {
				t.Errorf("%d levels of %s are not valid", depth, name)
			}
			if got := Depth(text); got != depth {
				t.Errorf("%d levels of %s are %d", depth, name, got)
			}
			// One level that is closed as the other kind.
			for _, at := range []int{0, depth / 2, depth - 1} {
				wrong := slices.Clone(text)
				i := len(wrong) - 1 - at
				wrong[i] ^= ']' ^ '}'
				if Valid(wrong) {
					t.Errorf("%d levels of %s are valid though level %d is closed otherwise", depth, name, at)
				}
			}
			if Valid(text[:len(text)-1]) || Valid(append(slices.Clone(text), closing[0])) {
				t.Errorf("%d levels of %s are valid with one closed too few or too many", depth, name)
			}
		}
	}
}

func TestDepthCountsNoBracketsInText(t *testing.T) {
	for text, want := range map[string]int{
		`1`: 0, `"["`: 0, `"[{\"["`: 0, `[]`: 1, `{}`: 1, `[[],[]]`: 2, `[{},{}]`: 2, `{"a":[],"b":[]}`: 2, `{"[{":"[[","a":["]"]}`: 2, `[{"a\"[":{}}]`: 3, `["\\",[["{"]]]`: 3, `["",[]]`: 2,
	} {
		if got := Depth([]byte(text)); got != want {
			t.Errorf("%s has %d levels, want %d", text, got, want)
		}
	}
}

func TestMembersAndElementsEndWhenTheReaderWants(t *testing.T) {
	n := 0
	for range Members([]byte(`{"a":1,"b":2,"c":3}`)) {
		if n++; n == 2 {
			break
		}
	}
	for range Elements([]byte(`[1,2,3]`)) {
		if n++; n == 4 {
			break
		}
	}
	if n != 4 {
		t.Errorf("%d were read, want 4", n)
	}
	// Members before a fault are there, and none behind it.
	for text, want := range map[string]string{`{"a":1,"b":2,`: "ab", `{"a":1 "b":2}`: "a", `{"a":1,"b"}`: "a", `["a"]`: "", ` {"a":1} x`: "a", `x`: "", ``: ""} {
		got := ""
		for m := range Members([]byte(text)) {
			got += string(m.Name)
		}
		if got != want {
			t.Errorf("the members of %s are %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{`[1,2,`: "12", `[1 2]`: "1", `{"a":1}`: "", ` [ 1 , [2] ] x`: "1[2]", `[]`: "", `[`: "", ``: "", `1`: ""} {
		got := ""
		for e := range Elements([]byte(text)) {
			got += string(e)
		}
		if got != want {
			t.Errorf("the elements of %s are %s, want %s", text, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	const text = `{"a":{"b":[1],"c":null},"a\u0062":"x","a":{"b":2,"b":3},"e":7}`
	for path, want := range map[string]string{"": text, "a": `{"b":2,"b":3}`, "a b": "3", "a c": "", "ab": `"x"`, "e": "7", "e f": "", "x": "", "x y": ""} {
		got := Get([]byte(text), strings.Fields(path)...)
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("at %q there is %q, want %q", path, got, want)
		}
	}
}

func TestTextsAreQuotedAndUnquoted(t *testing.T) {
	for _, text := range []string{"", "a", `"`, `\`, "<&>", "\n\r\t\b\f\x00\x1f", "é世😀", "\u2028", "a/b", strings.Repeat("x\\\"", 50)} {
		quoted := Quote(text)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != text || bytes.ContainsAny(quoted, "\n\r") {
			t.Errorf("%q is quoted as %s", text, quoted)
		}
		if got, ok := Unquote(quoted); got != text || !ok {
			t.Errorf("%s is %q, %v", quoted, got, ok)
		}
	}
	if got := string(Quote("<&>")); got != `"<&>"` {
		t.Errorf("what only web pages care about is escaped: %s", got)
	}
	for text, want := range map[string]string{`"\u0061\/b"`: "a/b", `"\ud83d\ude00"`: "😀", `"\ud83d"`: "\ufffd", `""`: ""} {
		if got, ok := Unquote([]byte(text)); got != want || !ok {
			t.Errorf("%s is %q, %v; want %q", text, got, ok, want)
		}
	}
	for _, no := range []string{``, `"`, `1`, `null`, `{}`, `["a"]`, `a"b"`, `"\x"`, `"\u00"`} {
		if got, ok := Unquote([]byte(no)); ok {
			t.Errorf("%s is taken for the text %q", no, got)
		}
	}
}

func TestNewJSONOfParts(t *testing.T) {
	for _, list := range []string{``, `1`, `1 {} "a"`} {
		var elements [][]byte
		for e := range strings.FieldsSeq(list) {
			elements = append(elements, []byte(e))
		}
		if got, want := string(Array(elements)), "["+strings.Join(strings.Fields(list), ",")+"]"; got != want {
			t.Errorf("the array is %s, want %s", got, want)
		}
	}
	outer := []byte(`{"a":12,"b":{"c":3}}`)
	for name, want := range map[string]string{"a": `{"a":X,"b":{"c":3}}`, "b": `{"a":12,"b":X}`, "b c": `{"a":12,"b":{"c":X}}`} {
		for _, with := range []string{"", "7", "twenty", strings.Repeat("a hundred", 12)} {
			got := Splice(outer, Get(outer, strings.Fields(name)...), []byte(with))
			if string(got) != strings.ReplaceAll(want, "X", with) {
				t.Errorf("with %q at %s: %s", with, name, got)
			}
			if cap(got) == len(got) {
				t.Errorf("there is no room for a line break after %s", got)
			}
		}
	}
	if string(outer) != `{"a":12,"b":{"c":3}}` {
		t.Errorf("the outer text has become %s", outer)
	}
}

package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// inPieces are ways in which bytes may come: at once, one by one, and with their end.
var inPieces = [...]func(io.Reader) io.Reader{
	func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
}

// FuzzFraming holds the framing against its rule: what stands between line breaks is a line, whatever it is.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{"", "\n", "a", "a\nb\n", "\r\n\n\x00\xff", "{}\n{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := bytes.Split(in, []byte("\n"))
		if last := len(want) - 1; len(want[last]) == 0 {
			want = want[:last] // behind the last line break there is no line
		}
		for way, pieces := range inPieces {
			lines := NewLineReader(pieces(bytes.NewReader(in)))
			var got [][]byte
			for {
				line, err := lines.ReadLine()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, line)
			}
			if len(got) != len(want) {
				t.Fatalf("%q, way %d: got %d lines, want %d", in, way, len(got), len(want))
			}
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%q, way %d: line %d is %q, want %q", in, way, i, got[i], want[i])
				}
			}
			// A line may be written with a break after it, in its own memory.
			for _, line := range got {
				_ = append(line, '\n')
			}
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%q, way %d: line %d stands in the memory of another", in, way, i)
				}
			}
		}
	})
}

func TestOneLine(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"one line stays as it is", `{"a": 1}`, `{"a": 1}`},
		{"breaks between tokens go", "{\n\t\"a\":\r\n1\r}", "{\t\"a\":1}"},
		{"blanks and a byte order mark around it go", "\xef\xbb\xbf {\"a\":1}\r\n ", `{"a":1}`},
		{"a break inside a string is not repaired", "{\"a\":\"b\nc\"}", "{\"a\":\"b\nc\"}"},
		{"what is no JSON stays", "{\n", "{"},
		{"nothing", "\n", ""},
	} {
		if got := string(OneLine([]byte(test.in))); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLineEnd(t *testing.T) {
	for text, want := range map[string]int{"": -1, "a": -1, "\n": 0, "\r": 0, "a\n\n": 1, "a\r\n": 1, "\ra\n": 0, "ab\r": 2, "ab\nc\r": 2} {
		if got := LineEnd([]byte(text)); got != want {
			t.Errorf("the first line of %q ends at %d, want %d", text, got, want)
		}
	}
}

func TestEdit(t *testing.T) {
	for _, test := range []struct{ name, object, want string }{
		{"what does not change is the same, with its blanks", `{ "a" : 1 , "keep":[ 2 ] }`, `{ "a" : 1 , "keep":[ 2 ] }`},
		{"a member is left out", `{"a": 1, "drop": 2 ,"b":3}`, `{"a": 1,"b":3}`},
		{"all are left out", `{ "drop":1, "drop":{} }`, `{}`},
		{"a value is changed", `{"a":1, "change" : [2], "b":3}`, `{"a":1,"change" : "changed","b":3}`},
		{"one is left out, and one is changed", `{"drop":1,"change":2}`, `{"change":"changed"}`},
		{"no object", `[1]`, `[1]`},
		{"nothing", `{}`, `{}`},
	} {
		object := []byte(test.object)
		got := Edit(object, func(m Member) []byte {
			switch string(m.Name) {
			case "drop":
				return nil
			case "change":
				return []byte(`"changed"`)
			}
			return m.Value
		})
		if string(got) != test.want || string(object) != test.object {
			t.Errorf("%s: %s becomes %s, want %s", test.name, object, got, test.want)
		}
	}
}

func TestWithMeta(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{`{"id":1,"method":"a","params":{"x":1}}`, `{"id":1,"method":"a","params":{"x":1}}`},
		{`{"id":1,"method":"a","params":{"_meta":{"drop":1},"x":1}}`, `{"id":1,"method":"a","params":{"_meta":{},"x":1}}`},
		{`{"id":1,"method":"a","params":{"_meta":{"drop":1},"_meta":{},"_meta":{"drop":22}}}`, `{"id":1,"method":"a","params":{"_meta":{},"_meta":{},"_meta":{}}}`},
	} {
		m, err := Parse([]byte(test.in))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.WithMeta(func([]byte) []byte { return []byte("{}") }).Raw); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestTrimBlanks(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", " \t\ra\r\n ": "a", "\xef\xbb\xbfa": "a", " \xef\xbb\xbf a": "a", "a\xef\xbb\xbf": "a\xef\xbb\xbf",
		"\x00": "\x00", "\x00a": "a", "\x00{}": "{}", "\x00\x00": "\x00", "a\x00": "a\x00", "\x00 a": "a",
	} {
		if got := string(TrimBlanks([]byte(text))); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestSelect(t *testing.T) {
	for _, test := range []struct{ object, want string }{
		{`{"a":1,"list":[ 1, 20 ,300],"b":2}`, `{"a":1,"list":[20,300],"b":2}`},
		{`{"list":[1]}`, `{"list":[]}`},
		{`{"list":[20, 30]}`, `{"list":[20, 30]}`},
		{`{"list":[]}`, `{"list":[]}`},
		{`{"list":7}`, `{"list":7}`},
		{`{}`, `{}`},
	} {
		object := []byte(test.object)
		got := Select(object, "list", func(element []byte) bool { return len(element) > 1 })
		if string(got) != test.want || string(object) != test.object {
			t.Errorf("of %s is left %s, want %s", test.object, got, test.want)
		}
	}
}

func TestWithResult(t *testing.T) {
	m, err := Parse([]byte(`{"id":1,"result":{"a":1},"x":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if m.WithResult(m.Result) != m {
		t.Error("its own result makes another message")
	}
	if got := string(m.WithResult([]byte(`{"b":1}`)).Raw); got != `{"id":1,"result":{"b":1},"x":2}` {
		t.Errorf("another result of the same length makes %s", got)
	}
}

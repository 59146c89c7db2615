package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// FuzzFraming reads and writes lines: what was written comes out again, however the bytes arrive.
func FuzzFraming(f *testing.F) {
	for _, text := range []string{"", "\n", "a\nb", "a\r\nb\n", "\n\n", strings.Repeat("x", 70_000) + "\ny", "\xef\xbb\xbf{}\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := bytes.Split(text, []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1] // what ends in a line break has no line behind it
		}
		for _, in := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			var out bytes.Buffer
			s := NewStdio(in, &out)
			for i := 0; ; i++ {
				line, err := s.ReadLine()
				if errors.Is(err, io.EOF) && i == len(want) {
					break
				}
				if err != nil || i == len(want) || !bytes.Equal(line, want[i]) {
					t.Fatalf("line %d of %q: got %q, %v", i, text, line, err)
				}
				if err := s.WriteLine(line); err != nil {
					t.Fatal(err)
				}
			}
			if got := bytes.TrimSuffix(out.Bytes(), []byte("\n")); !bytes.Equal(got, bytes.TrimSuffix(text, []byte("\n"))) {
				t.Errorf("wrote %q, want %q", got, text)
			}
		}
	})
}

// FuzzPeek compares what Peek sees with what encoding/json decodes.
func FuzzPeek(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"progressToken":1}}}`,
		`{"id":"a","result":{}}`, `{"id":null,"error":{"code":1}}`, `{"\u0069d":1,"method":"m","id":2}`, `[1,{"a":[]}]`, `{"method":7}`,
		` {"a" : -0.5e+7 , "method":"\ud83d\ude00"} `, `{"id":01}`, `{"id":1,}`, `"x`, `{"method":"a"}{}`, "{\"method\":\"\x01\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > 9_000 {
			return // encoding/json goes no deeper
		}
		if got, want := valid(raw), json.Valid(raw); got != want {
			t.Fatalf("%q is valid: got %t, want %t", raw, got, want)
		}
		m, err := Peek(raw)
		if errors.Is(err, errNotJSON) != !json.Valid(raw) {
			t.Fatalf("%q: %v", raw, err)
		}
		if !bytes.Equal(m.Raw, raw) {
			t.Errorf("the bytes of %q have become %q", raw, m.Raw)
		}
		var members map[string]json.RawMessage
		if err != nil || json.Unmarshal(raw, &members) != nil {
			return
		}
		for name, got := range map[string][]byte{"id": m.ID, "params": m.Params, "result": m.Result, "error": m.Error} {
			if want := members[name]; !bytes.Equal(got, want) {
				t.Errorf("%s of %q: got %q, want %q", name, raw, got, want)
			}
		}
		var method string
		if json.Unmarshal(members["method"], &method) == nil && utf8.Valid(raw) && m.Method != method {
			t.Errorf("method of %q: got %q, want %q", raw, m.Method, method)
		}
	})
}

// FuzzEvents compares the events of a stream with those that the standard's own algorithm finds, however the bytes arrive.
func FuzzEvents(f *testing.F) {
	for _, text := range []string{
		"data: a\n\n", "id: 1\r\ndata:b\r\ndata: c\r\n\r\n", ":x\rretry: 7\r\r", "event: e\ndata: no\n\ndata: yes\n\n", "\xef\xbb\xbfdata\n\n",
		"data: cut", "id: \x00\n\n", "id\n\n", "retry: 1x\n\n", "data: a\r\n\ndata: b\n\r\n", "event\ndata: x\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := parseEvents(string(text))
		for name, in := range map[string]io.Reader{
			"at once": bytes.NewReader(text), "byte by byte": iotest.OneByteReader(bytes.NewReader(text)), "by halves": iotest.HalfReader(bytes.NewReader(text)),
		} {
			var got []event
			for stream := newEvents(in, 1<<20); ; {
				ev, err := stream.next()
				if err != nil {
					break
				}
				ev.data = slices.Clone(ev.data)
				got = append(got, ev)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q %s: got\n%+v\nwant\n%+v", text, name, got, want)
			}
		}
	})
}

// parseEvents follows the algorithm of the WHATWG HTML standard, on a whole text. It keeps events that say nothing but an
// id or a retry, and leaves the data of those with a name of their own out, as events does.
func parseEvents(text string) []event {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	lines := strings.Split(text, "\n")
	lines = lines[:len(lines)-1] // what has no end is no line
	var list []event
	var ev event
	var data []string
	lastID, said, foreign := "", false, false
	for _, line := range lines {
		if line == "" {
			if said {
				ev.id = lastID
				if data != nil && !foreign {
					ev.data = []byte(strings.Join(data, "\n"))
				}
				list = append(list, ev)
			}
			ev, data, said, foreign = event{}, nil, false, false
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			data, said = append(data, value), true
		case "event":
			foreign = value != "" && value != "message"
		case "id":
			if !strings.Contains(value, "\x00") {
				lastID, said = value, true
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				ev.retry, said = time.Duration(ms)*time.Millisecond, true
			}
		}
	}
	return list
}

// FuzzClientMeta cuts what concerns nobody but the editor out of params._meta: the rest of the message means the same.
func FuzzClientMeta(f *testing.F) {
	for _, meta := range []string{
		`{}`, `{"progressToken":1}`, `{"editor/workspace":"/home"}`, `{"a":1,"traceparent":"x","b":{"progressToken":2}}`, `[1]`, `null`,
		`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","x":[{"_meta":{}}]}`, ` { "x" : "}" , "progressToken" : "," } `,
		`{"\u0070rogressToken":1,"progressToken":2,"x":3}`, `{"x":1},"_meta":{"y":2,"baggage":""}`,
	} {
		f.Add(meta)
	}
	f.Fuzz(func(t *testing.T, meta string) {
		raw := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":` + meta + `,"arguments":{"_meta":{"kept":1}}}}`)
		m, err := Peek(raw)
		if err != nil || bytes.ContainsAny(raw, "\n\r") {
			return
		}
		before := slices.Clone(raw)
		out := m.withoutClientMeta()
		if !bytes.Equal(raw, before) {
			t.Fatalf("the editor's own bytes were changed: %q", raw)
		}
		want, wantErr := decode(raw)
		got, gotErr := decode(out.Raw)
		if wantErr != nil || gotErr != nil {
			if (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("%q became %q: %v, %v", raw, out.Raw, wantErr, gotErr)
			}
			return
		}
		cut := false
		if params, ok := want["params"].(map[string]any); ok {
			if kept, ok := params["_meta"].(map[string]any); ok {
				for name := range kept {
					if !travels(name) {
						delete(kept, name)
						cut = true
					}
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q", raw, out.Raw)
		}
		if !cut && strings.Count(string(raw), `"_meta"`) == 2 && !bytes.Equal(out.Raw, raw) {
			t.Errorf("%q, where nothing was to cut, became %q", raw, out.Raw)
		}
	})
}

// decode reads a message with its numbers as they are written.
func decode(raw []byte) (m map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&m)
	return m, err
}

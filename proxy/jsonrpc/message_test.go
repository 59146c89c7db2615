package jsonrpc

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// readableDepth is how deep encoding/json reads. What is nested deeper is judged by Parse alone.
const readableDepth = 10_000

// FuzzParse compares Parse with encoding/json, which decodes what Parse only looks at.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"_meta":{"` + versionKey + `":"2026-07-28"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0061"}}`,
		`{"id":1,"method":"a","id":"b","method":"\u0063","params":[1],"params":{}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}`,
		` { "i\u0064" : -0.0e+1 , "result" : null } `,
		`{"id":1,"method":7}`, `{"id":{},"method":"a"}`, `[{"id":1}]`, `{}`, `"{"`, `{"a":1,}`, `{"a":01}`, `{"a":"` + "\x01" + `"}`,
		`{"method":"a","params":{"_meta":{"` + versionKey + `":"1","progressToken":[{}]},"_meta":7}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		m, err := Parse(raw)
		if !bytes.Equal(raw, before) || !bytes.Equal(m.Raw, before) {
			t.Fatalf("%q became %q", before, m.Raw)
		}
		if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > readableDepth {
			return
		}
		if got, want := Valid(raw), json.Valid(raw); got != want {
			t.Fatalf("%q is valid: %v, want %v", raw, got, want)
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || members == nil {
			if err == nil {
				t.Fatalf("%q is taken for a message", raw)
			}
			return
		}
		for name, got := range map[string][]byte{"id": m.ID, "params": m.Params, "result": m.Result, "error": m.Error} {
			if want := members[name]; !bytes.Equal(got, want) {
				t.Errorf("%s of %q is %q, want %q", name, raw, got, want)
			}
		}
		if !utf8.Valid(raw) {
			return // encoding/json puts other characters in place of such bytes, Parse leaves them
		}
		var method *string
		_ = json.Unmarshal(members["method"], &method)
		if method == nil {
			method = new(string)
		} else if err == nil && (m.Kind == Response || (m.Kind == Request) != (members["id"] != nil)) {
			t.Errorf("%q is of kind %d", raw, m.Kind)
		}
		if m.Method != *method {
			t.Errorf("the method of %q is %q, want %q", raw, m.Method, *method)
		}
		if got, want := m.Version, versionIn(members["params"]); got != want {
			t.Errorf("the version of %q is %q, want %q", raw, got, want)
		}
	})
}

// versionIn is the version in params._meta, read with encoding/json.
func versionIn(params []byte) (version string) {
	var p, meta map[string]json.RawMessage
	_ = json.Unmarshal(params, &p)
	_ = json.Unmarshal(p["_meta"], &meta)
	_ = json.Unmarshal(meta[versionKey], &version)
	return version
}

func TestKeysOfEqualIDsAreEqual(t *testing.T) {
	for _, same := range [][]string{
		{`1`, `1.0`, `1e0`, `10e-1`}, {`0`, `-0`, `-0.0`, `0e5`}, {`"a"`, `"\u0061"`}, {`"1"`}, {`1.5`}, {`9007199254740993`}, {`9007199254740992`}, {`9007199254740993.0`}, {`1e16`}, {`-1`}, {`null`},
	} {
		for _, other := range [][]string{{`1`, `0`, `"a"`, `"1"`, `1.5`, `9007199254740993`, `9007199254740992`, `10000000000000000`, `-1`, `null`}, same} {
			for _, a := range same {
				for _, b := range other {
					inSame := false
					for _, s := range same {
						inSame = inSame || s == b
					}
					if got := NormalizeID([]byte(a)) == NormalizeID([]byte(b)); got != inSame {
						t.Errorf("%s and %s have one key: %v, want %v", a, b, got, inSame)
					}
				}
			}
		}
	}
}

package streamable_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

const (
	notJSON    = `{"jsonrpc":"2.0","error":{"code":-32700,"message":"not valid JSON: one line is one message"}}`
	notMessage = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"not a JSON-RPC message: it must be an object with a method, a result or an error"}}`
	badID      = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the id of a request is a string or a number"}}`
	noHeaders  = `{"jsonrpc":"2.0","error":{"code":-32700,"message":"Content-Length framing is not spoken here: one line is one message"}}`
)

func withID(id, reply string) string {
	return strings.Replace(reply, `"error"`, `"id":`+id+`,"error"`, 1)
}

func TestRule12JunkIsAnsweredAndTheNextLineRead(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"words", `hello`, notJSON},
		{"half a message", `{"jsonrpc":"2.0","id":1,"method":"pi`, notJSON},
		{"two messages in a line", ping(1) + ping(2), notJSON},
		{"something behind a message", ping(1) + " x", notJSON},
		{"a comma too much", `{"jsonrpc":"2.0","id":1,"method":"ping",}`, notJSON},
		{"single quotes", `{'jsonrpc':'2.0'}`, notJSON},
		{"a comment", `// {"jsonrpc":"2.0"}`, notJSON},
		{"a NUL", "\x00", notJSON},
		{"a control character in a text", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\tb\"}", notJSON},
		{"a string", `"ping"`, notMessage},
		{"a number", `42`, notMessage},
		{"null", `null`, notMessage},
		{"an empty object", `{}`, notMessage},
		{"an object that asks for nothing", `{"jsonrpc":"2.0","id":1}`, withID("1", notMessage)},
		{"a method that is a number", `{"jsonrpc":"2.0","id":1,"method":7}`, withID("1", notMessage)},
		{"a method that is null", `{"jsonrpc":"2.0","id":"x","method":null}`, withID(`"x"`, notMessage)},
		{"an id that is null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, badID},
		{"an id that is an object", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, badID},
		{"an id that is true", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, badID},
		{"initialize without an id", `{"jsonrpc":"2.0","method":"initialize","params":{}}`, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"initialize needs an id"}}`},
		{"bytes that are not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":\"\xff\"}}", `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"not valid UTF-8"}}`},
		{"an id that is not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}", `{"jsonrpc":"2.0","error":{"code":-32600,"message":"not valid UTF-8"}}`},
		{"UTF-16", "\xff\xfe{\x00}\x00", notJSON},
		{"UTF-16 with a line break of its own", "\xff\xfe{\x00}\x00\n\x00" + ping(0), notJSON + "\n" + pong(0)},
		{"Content-Length framing", "Content-Length: 46\r", noHeaders},
		{"an empty line", "", ""},
		{"blanks", " \t\r", ""},
	}
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		for _, tt := range tests {
			d.Write(tt.line)
			for want := range strings.SplitSeq(tt.want, "\n") {
				if want == "" {
					continue
				}
				if got := d.Next(); got != want {
					t.Errorf("%s: the editor got\n%s\nwant\n%s", tt.name, got, want)
				}
			}
			alive(d)
		}
		d.End()
		if n := o.count("ping s1"); n != len(tests)+1 { // one of the tests has a good line in it
			t.Errorf("LeadMagic got %d messages, want %d", n, len(tests)+1)
		}
	})
}

func TestRule12LinesEndAsTheyLike(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		d.Write("\xef\xbb\xbf" + ping(1)) // Windows begins a text so
		d.WantLine(pong(1))
		d.Write(ping(2) + "\r")
		d.WantLine(pong(2))
		d.Write("  " + ping(3) + "\t ")
		d.WantLine(pong(3))
		// The last line has no end, and counts.
		d.WriteRaw(ping(4))
		d.Close()
		d.WantLine(pong(4))
		d.End()
		if got := o.last("ping").raw; got != ping(4) {
			t.Errorf("LeadMagic got %s", got)
		}
	})
}

func TestRule12AnAnswerToNobodyDisturbsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "" {
				w.WriteHeader(http.StatusBadRequest)
			}
			return m.Method == ""
		}
		d := o.open()
		for _, line := range []string{
			`{"jsonrpc":"2.0","id":99,"result":{}}`, `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}`, `{"jsonrpc":"2.0","result":{}}`,
		} {
			d.Write(line)
			synctest.Wait()
			if got := o.last("").raw; got != line {
				t.Errorf("LeadMagic got %s, want %s", got, line)
			}
			alive(d)
		}
		d.WantNothing()
		d.End()
	})
}

func TestRule12ThereIsNoLineLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const size = 16 << 20
		o := newFakeServer(t)
		o.on("large", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			answer(w, m, string(m.Params))
		})
		d := o.open()
		params := `{"text":"` + strings.Repeat("a", size) + `"}`
		call := `{"jsonrpc":"2.0","id":1,"method":"large","params":` + params + `}`
		d.Write(call)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":` + params + `}`)
		if o.last("large").raw != call {
			t.Error("LeadMagic got something else")
		}
		alive(d)
		d.End()
	})
}

package proxy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

func TestRule10PrivacyOfTheEditor(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 5000) + `"/home/ada"` + strings.Repeat(`}`, 5000)
	tests := []struct {
		name       string
		meta, want string // the params
	}{
		{"nothing to cut", `{ "_meta" : { "progressToken" : 1 } , "a" : 1 }`, `{ "_meta" : { "progressToken" : 1 } , "a" : 1 }`},
		{"no _meta", `{"a":1}`, `{"a":1}`},
		{"an empty one", `{"_meta":{ }}`, `{"_meta":{ }}`},
		{"what the editor keeps to itself", `{"a":1, "_meta":{"cwd":"/home/ada"},"b":2}`, `{"a":1, "_meta":{},"b":2}`},
		{
			"all that travels, in the order and the form it has",
			`{"_meta":{ "progressToken":"p" ,"x":1,"traceparent" : "00-1","tracestate":"s", "baggage":"b","io.modelcontextprotocol/protocolVersion":"2025-01-01","y":[]}}`,
			`{"_meta":{"progressToken":"p","traceparent" : "00-1","tracestate":"s","baggage":"b","io.modelcontextprotocol/protocolVersion":"2025-01-01"}}`,
		},
		{
			"reserved prefixes have modelcontextprotocol or mcp for their second label",
			`{"_meta":{"io.modelcontextprotocol/a":1,"dev.mcp/b":2,"org.modelcontextprotocol.api/c":3,"com.mcp.tools/d":4,"com.example.mcp/e":5,"mcp/f":6,"mcp.io/g":7,"modelcontextprotocol.io/h":8,"vscode/i":9,"claudecode/j":10,"x.mcpx/k":11,"io.mcp":12,"/":13,"":14}}`,
			`{"_meta":{"io.modelcontextprotocol/a":1,"dev.mcp/b":2,"org.modelcontextprotocol.api/c":3,"com.mcp.tools/d":4}}`,
		},
		{"escaped names", `{"\u005fmeta":{"progress\u0054oken":1,"c\u0077d":"/home/ada"}}`, `{"\u005fmeta":{"progress\u0054oken":1}}`},
		{"names that stand twice", `{"_meta":{"cwd":"/home/ada","progressToken":1,"cwd":"/home/eve","progressToken":2}}`, `{"_meta":{"progressToken":1,"progressToken":2}}`},
		{"a _meta that stands twice", `{"_meta":{"cwd":"/home/ada"},"a":1,"_meta":{"cwd":"/home/eve","progressToken":2}}`, `{"_meta":{},"a":1,"_meta":{"progressToken":2}}`},
		{"a _meta whose twin has nothing to cut", `{"_meta":{"cwd":"/home/ada"},"_meta":{"progressToken":2}}`, `{"_meta":{},"_meta":{"progressToken":2}}`},
		{"deeply nested values", `{"_meta":{"cwd":` + deep + `,"progressToken":1}}`, `{"_meta":{"progressToken":1}}`},
		{"deeply nested values that travel", `{"_meta":{"io.mcp/x":` + deep + `,"cwd":1}}`, `{"_meta":{"io.mcp/x":` + deep + `}}`},
		{"a text that looks like members", `{"_meta":{"cwd":"\",\"progressToken\":1,\"","progressToken":2}}`, `{"_meta":{"progressToken":2}}`},
		{"a _meta elsewhere is somebody else's", `{"arguments":{"_meta":{"cwd":"x"}}}`, `{"arguments":{"_meta":{"cwd":"x"}}}`},
		{"a _meta that is a text", `{"_meta":"text"}`, `{"_meta":"text"}`},
		{"a _meta that is a list", `{"_meta":[1]}`, `{"_meta":[1]}`},
		{"a _meta that is null", `{"_meta":null}`, `{"_meta":null}`},
		{"params in a list", `[{"_meta":{"cwd":1}}]`, `[{"_meta":{"cwd":1}}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newOffice(t)
				d := o.visit()
				d.say(`{"jsonrpc":"2.0", "id":1,"params":` + tt.meta + `,"method":"x/y" }`)
				d.hear(`"id":1`)
				if got, want := o.last("x/y").raw, `{"jsonrpc":"2.0", "id":1,"params":`+tt.want+`,"method":"x/y" }`; got != want {
					t.Errorf("LeadMagic got\n%s\nwant\n%s", short(got), short(want))
				}
				d.say(`{"jsonrpc":"2.0","method":"notifications/x","params":` + tt.meta + `}`)
				synctest.Wait()
				if got, want := o.last("notifications/x").raw, `{"jsonrpc":"2.0","method":"notifications/x","params":`+tt.want+`}`; got != want {
					t.Errorf("LeadMagic got\n%s\nwant\n%s", short(got), short(want))
				}
				d.leave()
			})
		})
	}
}

func TestRule10ParamsThatStandTwiceAreBothCleaned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		d := o.visit()
		d.say(`{"jsonrpc":"2.0","id":1,"params":{"_meta":{"cwd":"/home/ada"}},"method":"x","params":{"_meta":{"cwd":"/home/eve"}}}`)
		d.hear(`"id":1`)
		if got, want := o.last("x").raw, `{"jsonrpc":"2.0","id":1,"params":{"_meta":{}},"method":"x","params":{"_meta":{}}}`; got != want {
			t.Errorf("LeadMagic got %s, want %s", got, want)
		}
		d.leave()
	})
}

func TestRule10WhoWantsToMayForwardIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		d := o.visit(func(r *Remote) { r.ForwardClientMeta = true })
		call := `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"cwd":"/home/ada"}}}`
		d.say(call)
		d.hear(`"id":1`)
		if got := o.last("x").raw; got != call {
			t.Errorf("LeadMagic got %s, want %s", got, call)
		}
		d.leave()
	})
}

// What is said to a session in place of a lost one, and what is asked for on the way, is as private.
func TestRule10WhatIsSaidAgainIsAsPrivate(t *testing.T) {
	const secret = `"_meta":{"cwd":"/home/ada"}`
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = paged(map[string]string{"": `{"tools":[],"nextCursor":"b"}`, "b": `{"tools":[]}`})
		d := openDesk(t, o.remote())
		d.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",` + secret + `}}`)
		d.hear(`"id":0`)
		d.say(`{"jsonrpc":"2.0","method":"notifications/initialized","params":{` + secret + `}}`)
		d.say(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info",` + secret + `}}`)
		d.hear(`"id":1`)
		d.say(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a:b",` + secret + `}}`)
		d.hear(`"id":2`)
		o.lose("s1")
		d.say(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + secret + `}}`)
		d.hear(`"id":3`, `"tools":[]`)
		d.say(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x","_meta":{"cwd":"/home/ada","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
		d.hear(`"id":4`)
		d.leave()
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, r := range o.seen {
			if strings.Contains(r.raw, "/home/ada") {
				t.Errorf("LeadMagic got %s", r.raw)
			}
		}
		if n := len(o.seen); n < 12 {
			t.Errorf("LeadMagic got %d requests only", n)
		}
	})
}

// A relisting after a mismatch is a message of ours, made of the editor's.
func TestRule10ARelistingIsAsPrivate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" {
				mismatch(w, m)
				return true
			}
			return false
		}
		d := openDesk(t, o.remote())
		d.say(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x","_meta":{"cwd":"/home/ada","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
		d.hear(`"id":4`)
		if got := o.last("tools/list").raw; got != `{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}` {
			t.Errorf("LeadMagic got %s", got)
		}
		d.leave()
	})
}

// FuzzWithoutClientMeta takes what is cut apart with encoding/json: nothing is there any more that does not
// travel, and all else is as it was.
func FuzzWithoutClientMeta(f *testing.F) {
	for _, params := range []string{
		`{ "_meta" : { "progressToken" : 1 , "cwd" : "/home/ada" } , "a" : 1e2 }`,
		`{"_meta":{"a":{"_meta":1},"io.mcp/b":{"cwd":[]},"c":"\"}"}}`,
		`{"\u005fmeta":{"\u0063wd":1},"_meta":{"traceparent":"x","d":2},"_meta":7}`,
		`{"_meta":{}}`, `{"_meta":[{"a":1}]}`, `[{"_meta":{"a":1}}]`, `7`,
	} {
		f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"x","params":` + params + `}`))
	}
	f.Add([]byte(`{"params":{"_meta":{"a":1}},"method":"x","params":{"_meta":{"b":1,"baggage":{}}} }`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Peek(raw)
		if err != nil || bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > readableDepth {
			return
		}
		before := bytes.Clone(raw)
		out := m.withoutClientMeta()
		if !bytes.Equal(m.Raw, before) {
			t.Fatalf("%q was changed to %q", before, m.Raw)
		}
		if again := out.withoutClientMeta(); again != out {
			t.Errorf("%q is cut to %q, and that to %q", raw, out.Raw, again.Raw)
		}
		want, got := travelsPlainly(t, raw), travelsPlainly(t, out.Raw)
		if want != got {
			t.Errorf("%q is cut to %q, of which\n%s\nis left, want\n%s", raw, out.Raw, got, want)
		}
		if all := tokens(t, out.Raw); all != got {
			t.Errorf("%q is cut to %q, where more than\n%s\nis left", raw, out.Raw, got)
		}
	})
}

// tokens is the JSON text as its tokens, without blanks.
func tokens(t *testing.T, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out.String()
}

// travelsPlainly is tokens without the members of params._meta that do not travel.
func travelsPlainly(t *testing.T, text []byte) string {
	t.Helper()
	return overMembers(t, text, func(name, params []byte) []byte {
		if nameOf(t, name) != "params" {
			return params
		}
		return []byte(overMembers(t, params, func(name, meta []byte) []byte {
			if nameOf(t, name) != "_meta" {
				return meta
			}
			return []byte(overMembers(t, meta, func(name, value []byte) []byte {
				reserved := regexp.MustCompile(`(?s)^[^./]*\.(modelcontextprotocol|mcp)(\.[^/]*)?/`)
				switch name := nameOf(t, name); {
				case name == "progressToken", name == "traceparent", name == "tracestate", name == "baggage", reserved.MatchString(name):
					return value
				}
				return nil
			}))
		}))
	})
}

// overMembers is text as its tokens, with each member's value replaced, or left out if the new one is nil, if it
// is an object.
func overMembers(t *testing.T, text []byte, replaced func(name, value []byte) []byte) string {
	t.Helper()
	if text = []byte(tokens(t, text)); text[0] != '{' {
		return string(text)
	}
	var kept []string
	for rest := text[1 : len(text)-1]; len(rest) > 0; {
		d := json.NewDecoder(bytes.NewReader(rest))
		var name, value json.RawMessage
		if err := d.Decode(&name); err != nil {
			t.Fatalf("%q: %v", rest, err)
		}
		rest = rest[d.InputOffset()+1:]
		d = json.NewDecoder(bytes.NewReader(rest))
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%q: %v", rest, err)
		}
		rest = bytes.TrimPrefix(rest[d.InputOffset():], []byte(","))
		if value := replaced(name, value); value != nil {
			kept = append(kept, string(name)+":"+string(value))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func nameOf(t *testing.T, quoted []byte) (name string) {
	t.Helper()
	if err := json.Unmarshal(quoted, &name); err != nil {
		t.Fatalf("%q: %v", quoted, err)
	}
	return name
}

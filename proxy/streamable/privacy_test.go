package streamable_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
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
				o := newFakeServer(t)
				d := o.open()
				d.Write(`{"jsonrpc":"2.0", "id":1,"params":` + tt.meta + `,"method":"x/y" }`)
				d.Want(`"id":1`)
				if got, want := o.last("x/y").raw, `{"jsonrpc":"2.0", "id":1,"params":`+tt.want+`,"method":"x/y" }`; got != want {
					t.Errorf("LeadMagic got\n%s\nwant\n%s", proxytest.Short(got), proxytest.Short(want))
				}
				d.Write(`{"jsonrpc":"2.0","method":"notifications/x","params":` + tt.meta + `}`)
				synctest.Wait()
				if got, want := o.last("notifications/x").raw, `{"jsonrpc":"2.0","method":"notifications/x","params":`+tt.want+`}`; got != want {
					t.Errorf("LeadMagic got\n%s\nwant\n%s", proxytest.Short(got), proxytest.Short(want))
				}
				d.End()
			})
		})
	}
}

func TestRule10ParamsThatStandTwiceAreBothCleaned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		d.Write(`{"jsonrpc":"2.0","id":1,"params":{"_meta":{"cwd":"/home/ada"}},"method":"x","params":{"_meta":{"cwd":"/home/eve"}}}`)
		d.Want(`"id":1`)
		if got, want := o.last("x").raw, `{"jsonrpc":"2.0","id":1,"params":{"_meta":{}},"method":"x","params":{"_meta":{}}}`; got != want {
			t.Errorf("LeadMagic got %s, want %s", got, want)
		}
		d.End()
	})
}

func TestRule10WhoWantsToMayForwardIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open(func(r *streamable.Client) { r.ForwardClientMeta = true })
		call := `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"cwd":"/home/ada"}}}`
		d.Write(call)
		d.Want(`"id":1`)
		if got := o.last("x").raw; got != call {
			t.Errorf("LeadMagic got %s, want %s", got, call)
		}
		d.End()
	})
}

// What is said to a session in place of a lost one, and what is asked for on the way, is as private.
func TestRule10WhatIsSaidAgainIsAsPrivate(t *testing.T) {
	const secret = `"_meta":{"cwd":"/home/ada"}`
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = paged(map[string]string{"": `{"tools":[],"nextCursor":"b"}`, "b": `{"tools":[]}`})
		d := openEditor(t, o.remote())
		d.Write(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",` + secret + `}}`)
		d.Want(`"id":0`)
		d.Write(`{"jsonrpc":"2.0","method":"notifications/initialized","params":{` + secret + `}}`)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info",` + secret + `}}`)
		d.Want(`"id":1`)
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a:b",` + secret + `}}`)
		d.Want(`"id":2`)
		o.lose("s1")
		d.Write(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + secret + `}}`)
		d.Want(`"id":3`, `"tools":[]`)
		d.Write(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x","_meta":{"cwd":"/home/ada","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
		d.Want(`"id":4`)
		d.End()
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
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			mismatch(w, m)
		})
		d := openEditor(t, o.remote())
		d.Write(`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"x","_meta":{"cwd":"/home/ada","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
		d.Want(`"id":4`)
		if got := o.last("tools/list").raw; got != `{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}` {
			t.Errorf("LeadMagic got %s", got)
		}
		d.End()
	})
}

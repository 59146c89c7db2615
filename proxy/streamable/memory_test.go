package streamable_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// Whatever a message is a part of, and whatever becomes of it, the memory that it has reserved is free in the end.
func TestRule12NothingStaysReserved(t *testing.T) {
	large := strings.Repeat("x", 2*mebibyte)
	note := `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"` + large + `"}}`
	cut := func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, "data: "+note)
		flush(w)
		abort()
	}
	const change = `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`
	for name, test := range map[string]struct {
		post func(o *fakeServer, w http.ResponseWriter, m rpc) bool
		do   func(o *fakeServer, d *proxytest.Editor)
	}{
		"a response": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				if m.Method == "tools/call" {
					answer(w, m, `{"a":"`+large+`"}`)
				}
				return m.Method == "tools/call"
			},
			func(_ *fakeServer, d *proxytest.Editor) { d.Write(toolCall(1)); d.Want(`"id":1`) },
		},
		"a refusal of a call": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				if m.Method == "tools/call" {
					http.Error(w, large, http.StatusInternalServerError)
				}
				return m.Method == "tools/call"
			},
			func(_ *fakeServer, d *proxytest.Editor) { d.Write(toolCall(1)); d.Want(`"id":1`) },
		},
		"a refusal of a notification": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				if strings.HasSuffix(m.Method, "list_changed") {
					http.Error(w, large, http.StatusInternalServerError)
				}
				return strings.HasSuffix(m.Method, "list_changed")
			},
			func(_ *fakeServer, d *proxytest.Editor) { d.Write(change) },
		},
		"a stream that a notification is answered with": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				if strings.HasSuffix(m.Method, "list_changed") {
					stream(w)
					cut(w)
				}
				return false
			},
			func(_ *fakeServer, d *proxytest.Editor) { d.Write(change) },
		},
		"a stream that goes on after the response": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				if m.Method == "tools/call" {
					stream(w)
					send(w, "data: "+result(m, "{}"))
					cut(w)
				}
				return false
			},
			func(_ *fakeServer, d *proxytest.Editor) { d.Write(toolCall(1)); d.Want(`"id":1`) },
		},
		"a session in place of a lost one": {
			func(o *fakeServer, w http.ResponseWriter, m rpc) bool {
				if m.Method == "initialize" && o.isLost("s1") {
					w.Header().Set("Mcp-Session-Id", "s2")
					answer(w, m, `{"protocolVersion":"2025-06-18","instructions":"`+large+`"}`)
					return true
				}
				return false
			},
			func(o *fakeServer, d *proxytest.Editor) { o.lose("s1"); alive(d) },
		},
		"the log level in place of that of a lost one": {
			func(o *fakeServer, w http.ResponseWriter, m rpc) bool {
				if m.Method == "logging/setLevel" && o.isLost("s1") {
					answer(w, m, `{"a":"`+large+`"}`)
					return true
				}
				return false
			},
			func(o *fakeServer, d *proxytest.Editor) {
				d.Write(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`)
				d.Want(`"id":1`)
				o.lose("s1")
				alive(d)
			},
		},
		"pages of tools": {
			paged3(large),
			func(_ *fakeServer, d *proxytest.Editor) {
				d.Write(statelessList)
				d.Want(`"id":3`, `"name":"a"`, `"name":"b"`)
			},
		},
		"tools that are listed again for a call": {
			func(_ *fakeServer, w http.ResponseWriter, m rpc) bool {
				switch m.Method {
				case "tools/call":
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"error":{"code":-32020,"message":"headers"}}`)
				case "tools/list":
					answer(w, m, `{"tools":[{"name":"find","description":"`+large+`"}]}`)
				default:
					return false
				}
				return true
			},
			func(_ *fakeServer, d *proxytest.Editor) {
				d.Write(asking("stateless", "1", "tools/call", `"name":"find"`))
				d.Want(`"id":1`, "-32020")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool { return test.post(o, w, m) }
				var client *streamable.Client
				d := o.open(func(c *streamable.Client) { client = c })
				test.do(o, d)
				<-time.After(time.Minute) // in a bubble
				synctest.Wait()
				if client.HoldsMemory() {
					t.Error("some memory is still reserved")
				}
				d.End()
			})
		})
	}
}

// paged3 answers tools/list with two pages, each with so much text.
func paged3(text string) func(*fakeServer, http.ResponseWriter, rpc) bool {
	pages := paged(map[string]string{
		"":  `{"tools":[{"name":"a","description":"` + text + `"}],"nextCursor":"2"}`,
		"2": `{"tools":[{"name":"b","description":"` + text + `"}]}`,
	})
	return func(_ *fakeServer, w http.ResponseWriter, m rpc) bool { return pages(w, nil, m) }
}

// Pages that are put into one are one message, and may not be larger than one may be.
func TestRule12PagesAreNotLargerThanOneMessage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		page := `{"tools":[{"name":"t","description":"` + strings.Repeat("x", 9*mebibyte) + `"}],"nextCursor":"` // of 32 MiB three fit
		o.post = paged(map[string]string{"": page + `2"}`, "2": page + `3"}`, "3": page + `4"}`, "4": page + `5"}`, "5": page + `6"}`})
		var client *streamable.Client
		d := o.open(func(c *streamable.Client) { client = c })
		client.LimitMemory(32 * mebibyte)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		got := d.Next()
		if n := strings.Count(got, `"name":"t"`); n != 3 || !strings.HasSuffix(got, `"nextCursor":"4"}}`) {
			t.Errorf("the editor got %d pages and %s", n, got[len(got)-40:])
		}
		synctest.Wait()
		if client.HoldsMemory() {
			t.Error("some memory is still reserved")
		}
		d.End()
	})
}

// What comes on the GET stream holds no memory when it was passed on, and none when it was cut.
func TestRule12MemoryForMessagesOfTheGETStream(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		large := strings.Repeat("x", 2*mebibyte)
		opened := 0
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			if opened++; opened == 1 {
				_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","method":"notifications/message","params":"`+large)
				return
			}
			send(w, `data: {"jsonrpc":"2.0","method":"notifications/message","params":"`+large+`"}`)
			untilGone(r)
		}
		var client *streamable.Client
		d := o.open(func(c *streamable.Client) { client = c })
		synctest.Wait()
		if client.HoldsMemory() {
			t.Error("the memory of what was cut is still reserved")
		}
		<-time.After(time.Minute) // in a bubble
		d.Want("notifications/message")
		synctest.Wait()
		if client.HoldsMemory() {
			t.Error("the memory of what was passed on is still reserved")
		}
		d.End()
	})
}

package streamable_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

func TestRule1TransparentBothWaysByteForByte(t *testing.T) {
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	tests := []struct{ name, call, id string }{
		{"an id beyond 2^53", `{"jsonrpc":"2.0","id":9007199254740993,"method":"x"}`, `9007199254740993`},
		{"an id of many digits", `{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"x"}`, `123456789012345678901234567890`},
		{"a fractional id", `{"jsonrpc":"2.0","id":1.50,"method":"x"}`, `1.50`},
		{"an id with an exponent", `{"jsonrpc":"2.0","id":12e1,"method":"x"}`, `12e1`},
		{"a negative id", `{"jsonrpc":"2.0","id":-0.0,"method":"x"}`, `-0.0`},
		{"a string id with escapes", `{"jsonrpc":"2.0","id":"\u0061\/\"\ud83d\ude00","method":"x"}`, `"\u0061\/\"\ud83d\ude00"`},
		{"an empty string id", `{"jsonrpc":"2.0","id":"","method":"x"}`, `""`},
		{"members that nobody knows", `{"x-new":{"a":[1,null]},"jsonrpc":"2.0","id":1,"method":"x","params":{"later":true}}`, `1`},
		{"members in another order", `{"params":{},"method":"x","id":1,"jsonrpc":"2.0"}`, `1`},
		{"blanks between the tokens", "{ \"jsonrpc\" :\t\"2.0\" , \"id\" : 1 , \"method\" : \"x\" , \"params\" : { } }", `1`},
		{"escaped member names", `{"jsonrpc":"2.0","\u0069d":1,"m\u0065thod":"x"}`, `1`},
		{"numbers that a float cannot hold", `{"jsonrpc":"2.0","id":1,"method":"x","params":{"n":9007199254740993,"f":0.10000000000000000001,"e":1e400}}`, `1`},
		{"text of many scripts", `{"jsonrpc":"2.0","id":1,"method":"x","params":{"t":"Ünï 世界 😀 \u2028 <&>"}}`, `1`},
		{"a member that stands twice", `{"jsonrpc":"2.0","id":2,"id":1,"method":"x"}`, `1`},
		{"1,000 levels of nesting", `{"jsonrpc":"2.0","id":1,"method":"x","params":{"deep":` + deep(1_000) + `}}`, `1`},
		{"100,000 levels of nesting", `{"jsonrpc":"2.0","id":1,"method":"x","params":{"deep":` + deep(100_000) + `}}`, `1`},
		{"params in a list", `{"jsonrpc":"2.0","id":1,"method":"x","params":[1, 2]}`, `1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.on("x", func(w http.ResponseWriter, _ *http.Request, m rpc) {
					w.Header().Set("Content-Type", "application/json; charset=utf-8")
					_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0", "id":%s ,"result":{"was":%s}}`, tt.id, m.raw)
				})
				d := o.open()
				d.Write(tt.call)
				d.WantLine(`{"jsonrpc":"2.0", "id":` + tt.id + ` ,"result":{"was":` + tt.call + `}}`)
				if got := o.last("x").raw; got != tt.call {
					t.Errorf("LeadMagic got\n%s\nwant\n%s", proxytest.Short(got), proxytest.Short(tt.call))
				}
				alive(d)
				d.End()
			})
		})
	}
}

func TestRule1TransparentForEveryMethodAndKind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		for _, method := range []string{
			"tools/call", "resources/list", "resources/read", "resources/templates/list", "resources/subscribe",
			"prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "tasks/get", "tasks/result", "ping", "of/tomorrow",
		} {
			call := `{"jsonrpc":"2.0","id":"` + method + `","method":"` + method + `","params":{"uri":"a:b","name":"n"}}`
			d.Write(call)
			d.WantLine(`{"jsonrpc":"2.0","id":"` + method + `","result":{"uri":"a:b","name":"n"}}`)
			if got := o.last(method).raw; got != call {
				t.Errorf("LeadMagic got %s, want %s", got, call)
			}
		}
		for _, method := range []string{"notifications/progress", "notifications/roots/list_changed", "notifications/of/tomorrow"} {
			d.Write(`{"jsonrpc":"2.0","method":"` + method + `","params":{"progress":1}}`)
			synctest.Wait()
			if got, want := o.last(method).raw, `{"jsonrpc":"2.0","method":"`+method+`","params":{"progress":1}}`; got != want {
				t.Errorf("LeadMagic got %s, want %s", got, want)
			}
		}
		d.End()
	})
}

func TestRule1TransparentForWhatLeadMagicAsks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		asked := make(chan string, 3)
		replied := make(chan string, 3)
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			send(w, "event: message", "id: 1", `data: {"jsonrpc":"2.0","id":"q1","method":"roots/list"}`)
			send(w, `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			untilGone(r)
		}
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch {
			case m.Method == "tools/call":
				stream(w)
				send(w, `data: {"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"maxTokens":1}}`)
				send(w, "data: "+result(m, `{"said":`+<-asked+`}`))
			case m.Method == "" && m.Result != nil:
				replied <- m.raw
				if string(m.ID) == "7" {
					asked <- string(m.Result)
				}
				return false
			default:
				return false
			}
			return true
		}
		d := o.open()
		d.WantLine(`{"jsonrpc":"2.0","id":"q1","method":"roots/list"}`)
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
		d.Write(`{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}`)
		if got, want := <-replied, `{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}`; got != want {
			t.Errorf("LeadMagic got %s, want %s", got, want)
		}
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"maxTokens":1}}`)
		d.Write(`{"jsonrpc":"2.0","id":7,"result":{"content":"hi"}}`)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"said":{"content":"hi"}}}`)
		d.End()
	})
}

// Every form in which one and the same answer may come gives the editor one and the same line.
func TestRule1TransparentForEveryFormOfAnAnswer(t *testing.T) {
	const pretty = "{\r\n  \"jsonrpc\": \"2.0\",\n  \"id\": 1,\n  \"result\": {\n\t\"text\": \"a\\nb\"\n  }\n}\n"
	const plain = `{"jsonrpc":"2.0","id":1,"result":{"text":"a\nb"}}`
	const prettyLine = "{  \"jsonrpc\": \"2.0\",  \"id\": 1,  \"result\": {\t\"text\": \"a\\nb\"  }}"
	body := func(contentType, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, text)
		}
	}
	events := func(text string) func(http.ResponseWriter) { return body("text/event-stream; charset=utf-8", text) }
	tests := []struct {
		name  string
		write func(w http.ResponseWriter)
		want  string
	}{
		{"a JSON body", body("application/json", plain), plain},
		{"a JSON body with a byte order mark and blanks", body("application/json", "\xef\xbb\xbf\n "+plain+"\n\n"), plain},
		{"a pretty-printed body", body("application/json", pretty), prettyLine},
		{"a body without a content type", body("", plain), plain},
		{"a body with the wrong content type", body("text/plain", plain), plain},
		{"a list with one answer", body("application/json", "[ "+plain+" ]"), plain},
		{"an event", events("data: " + plain + "\n\n"), plain},
		{"an event without a blank behind the colon", events("data:" + plain + "\n\n"), plain},
		{"lines that end in CR LF", events("event: message\r\nid: 1\r\ndata: " + plain + "\r\n\r\n"), plain},
		{"lines that end in CR", events("event: message\rid: 1\rdata: " + plain + "\r\r"), plain},
		{"an event of several lines", events("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata: \"result\":{\"text\":\"a\\nb\"}}\n\n"), plain},
		{"a pretty-printed event", events("data: " + strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(pretty, "\r", "")), "\n", "\ndata: ") + "\n\n"), prettyLine},
		{"comments around and inside", events(": hello\n\n:\ndata: " + plain + "\n: more\n\n"), plain},
		{"events of other names before it", events("event: ping\ndata: {}\n\nevent: message\ndata: " + plain + "\n\n"), plain},
		{"a stream with a byte order mark", events("\xef\xbb\xbfdata: " + plain + "\n\n"), plain},
		{"the last event without its blank line", events("data: " + plain + "\n"), plain},
		{"the last line without its end", events("data: " + plain), plain},
		{"an answer that comes twice", events("data: " + plain + "\n\ndata: " + plain + "\n\n"), plain},
		{"an answer to nobody before it", events("data: {\"jsonrpc\":\"2.0\",\"id\":\"nobody\",\"result\":{}}\n\ndata: " + plain + "\n\n"), plain},
		{"events that are no messages before it", events("data: hello\n\ndata: []\n\ndata: {}\n\ndata\n\ndata: " + plain + "\n\n"), plain},
		{"one byte at a time", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, b := range []byte("id: 7\r\ndata: " + plain + "\r\n\r\n") {
				_, _ = w.Write([]byte{b})
				flush(w)
			}
		}, plain},
		{"a body of one byte at a time", func(w http.ResponseWriter) {
			for _, b := range []byte(plain) {
				_, _ = w.Write([]byte{b})
				flush(w)
			}
		}, plain},
		{"bytes that are not UTF-8", body("application/json", `{"jsonrpc":"2.0","id":1,"result":{"text":"a`+"\xff"+`b"}}`), `{"jsonrpc":"2.0","id":1,"result":{"text":"a` + "\ufffd" + `b"}}`},
		{"an id that is written otherwise", body("application/json", `{"jsonrpc":"2.0","id":1.0,"result":{}}`), `{"jsonrpc":"2.0","id":1,"result":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
					tt.write(w)
				})
				d := o.open()
				d.Write(toolCall(1))
				d.WantLine(tt.want)
				alive(d)
				d.End()
				if n := o.count("tools/call s1"); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
			})
		})
	}
}

func TestRule1AnIdThatLeadMagicRoundedIsPutRight(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch m.Method {
			case "tools/call":
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":9007199254740992,"result":{}}`)
			case "prompts/get":
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":9007199254740992,"error":{"code":-32602,"message":"no"}}`)
			default:
				return false
			}
			return true
		}
		d := o.open()
		d.Write(toolCall("9007199254740993"))
		d.WantLine(`{"jsonrpc":"2.0","id":9007199254740993,"result":{}}`)
		d.Write(`{"jsonrpc":"2.0","id":9007199254740993,"method":"prompts/get"}`)
		d.WantLine(`{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32602,"message":"no"}}`)
		d.End()
	})
}

const hello2025 = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`

func TestRule1BatchesAreSplitAndGatheredWhereTheyExist(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		hold := make(chan struct{})
		o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "slow" {
				<-hold
			}
			return false
		}
		d := openEditor(t, o.remote())
		d.Write(hello2025)
		d.Want(`"id":0`)
		synctest.Wait()

		d.Write(`[{"jsonrpc":"2.0","id":1,"method":"slow"} , {"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":2,"method":"ping"}, 3, {"jsonrpc":"2.0","id":4,"method":"initialize"},{"jsonrpc":"2.0","id":"q","result":{}}]`)
		alive(d) // what is not in the batch does not wait for it
		close(hold)
		line := d.Next()
		if line[0] != '[' || line[len(line)-1] != ']' || strings.Count(line, `"jsonrpc"`) != 4 {
			t.Errorf("got %s, want one array of four answers", line)
		}
		for _, part := range []string{
			`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":2,"result":{}}`,
			`{"jsonrpc":"2.0","error":{"code":-32600,"message":"not a JSON-RPC message: it must be an object with a method, a result or an error"}}`,
			`{"jsonrpc":"2.0","id":4,"error":{"code":-32600,"message":"initialize cannot stand in a batch"}}`,
		} {
			if !strings.Contains(line, part) {
				t.Errorf("got %s, want it to have %s", line, part)
			}
		}
		synctest.Wait()
		if got, want := o.last("").raw, `{"jsonrpc":"2.0","id":"q","result":{}}`; got != want {
			t.Errorf("LeadMagic got %s, want %s", got, want)
		}
		if got, want := o.last("notifications/x").raw, `{"jsonrpc":"2.0","method":"notifications/x"}`; got != want {
			t.Errorf("LeadMagic got %s, want %s", got, want)
		}

		d.Write(`[[]]`)
		d.WantLine(`[{"jsonrpc":"2.0","error":{"code":-32600,"message":"not a JSON-RPC message: it must be an object with a method, a result or an error"}}]`)
		d.Write(`[]`)
		d.WantLine(`{"jsonrpc":"2.0","error":{"code":-32600,"message":"an empty batch asks for nothing"}}`)
		d.Write(`[{"jsonrpc":"2.0","method":"notifications/x"}]`)
		synctest.Wait()
		d.WantNothing()
		d.End()
	})
}

func TestRule1ABatchWithCancelledCallsIsAnsweredWithoutThem(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(_ http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method == "slow" {
				untilGone(r)
			}
			return false
		}
		d := openEditor(t, o.remote())
		d.Write(hello2025)
		d.Want(`"id":0`)
		synctest.Wait()
		d.Write(`[{"jsonrpc":"2.0","id":1,"method":"slow"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`)
		synctest.Wait()
		d.WantNothing()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		d.WantLine(`[{"jsonrpc":"2.0","id":2,"result":{}}]`)
		d.End()
	})
}

func TestRule1BatchesAreRefusedWhereTheyDoNotExist(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := openEditor(t, o.remote())
		const refusal = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"batches are spoken only where protocol version 2025-03-26 was agreed on"}}`
		d.Write(`[` + ping(1) + `]`)
		d.WantLine(refusal)
		d.Write(hello)
		d.Want(`"id":0`)
		d.Write(ready)
		synctest.Wait()
		d.Write(`[` + ping(1) + `]`)
		d.WantLine(refusal)
		alive(d)
		d.End()
		o.wantLog("initialize", "GET s1", "ping s1", "DELETE s1")
	})
}

func TestRule1ASessionOfManyBatchesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := openEditor(t, o.remote())
		d.Write(hello2025)
		d.Want(`"id":0`)
		synctest.Wait()
		const batches, calls = 20, 30
		for b := range batches {
			var list []string
			for c := range calls {
				list = append(list, ping(b*calls+c))
			}
			d.Write("[" + strings.Join(list, ",") + "]")
		}
		for range batches {
			if line := d.Next(); strings.Count(line, `"result":{}`) != calls {
				t.Errorf("got %s, want %d answers in it", line, calls)
			}
		}
		d.End()
	})
}

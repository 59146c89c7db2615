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

// statelessMeta is what makes a request one of the stateless mode.
const statelessMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`

// asking is the line of a call in one of the two modes.
func asking(mode, id, method, params string) string {
	if mode == "stateless" {
		params = strings.TrimSuffix(params+","+statelessMeta, ",")
		params = strings.TrimPrefix(params, ",")
	}
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{` + params + `}}`
}

// inBothModes runs a test with a session in each mode.
func inBothModes(t *testing.T, test func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor)) {
	t.Helper()
	for _, mode := range []string{"session", "stateless"} {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				test(t, mode, o, func() *proxytest.Editor {
					if mode == "stateless" {
						return openEditor(t, o.remote())
					}
					return o.open()
				})
			})
		})
	}
}

// A line break between two tokens is taken out. One inside a string makes the answer a broken one: nobody has written
// the text that is left without it.
func TestAnAnswerWithLineBreaks(t *testing.T) {
	const broken = "LeadMagic's answer is broken"
	event := func(lines ...string) string { return "data: " + strings.Join(lines, "\ndata: ") + "\n\n" }
	tests := []struct {
		name, kind, body string
		want             string // of the answer; %s is the id
	}{
		{"a body with breaks between tokens", jsonType, "{\n\"jsonrpc\":\"2.0\",\r\n\"id\":%s,\n\"result\":{\r\"a\":[1,\n2]}\n}\n", `{"jsonrpc":"2.0","id":%s,"result":{"a":[1,2]}}`},
		{"a body with a break in a text", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":\"one\ntwo\"}}", broken},
		{"a body with a carriage return in a text", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":\"one\rtwo\"}}", broken},
		{"a body with a break in a name", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"res\nult\":{}}", broken},
		{"a body with a break in a number", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":1\n2}}", broken},
		{"a body with a break in a word", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":tr\nue}}", broken},
		{"a body with a break behind a backslash", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":\"\\\nn\"}}", broken},
		{"an error with a break in its message", jsonType, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32000,\"message\":\"one\ntwo\"}}", broken},
		{"a list whose answer has a break in a text", jsonType, "[{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"a\":\"one\ntwo\"}}]", broken},
		{"an event over several lines", sseType, event(`{"jsonrpc":"2.0",`, `"id":%s,`, `"result":{"a":[1,`, `2]}}`), `{"jsonrpc":"2.0","id":%s,"result":{"a":[1,2]}}`},
		{"an event with a text over two lines", sseType, event(`{"jsonrpc":"2.0","id":%s,"result":{"a":"one`, `two"}}`), broken},
		{"an event with a number over two lines", sseType, event(`{"jsonrpc":"2.0","id":%s,"result":{"a":1`, `2}}`), broken},
		{"an event with a text over two lines, and an id to go on from", sseType, "id: 7\n" + event(`{"jsonrpc":"2.0","id":%s,"result":{"a":"one`, `two"}}`), broken},
		{"an event that its stream cuts off within a text over two lines", sseType, strings.TrimSuffix(event(`{"jsonrpc":"2.0","id":%s,"result":{"a":"one`, `two"}}`), "\n\n"), "broke before the answer was complete"},
		{"an event that is half an object", sseType, event(`{"jsonrpc":"2.0","id":%s,"result":{`), broken},
		{"an event that is no message", sseType, event(`{"hello":1}`), broken},
		{"an event that is no JSON", sseType, event(`busy`), broken},
		{"an event whose error is none of JSON-RPC", sseType, event(`{"jsonrpc":"2.0","id":%s,"error":"no"}`), broken},
		{"a list with two answers", jsonType, `[{"jsonrpc":"2.0","id":%s,"result":{"n":1}},{"jsonrpc":"2.0","id":%s,"result":{"n":2}}]`, `{"jsonrpc":"2.0","id":%s,"result":{"n":1}}`},
		{"an event that is no message, and then the answer", sseType, event(`busy`) + event(`{"jsonrpc":"2.0","id":%s,"result":{}}`), `{"jsonrpc":"2.0","id":%s,"result":{}}`},
		{"the answer, and then an event that is no message", sseType, event(`{"jsonrpc":"2.0","id":%s,"result":{}}`) + event(`{"a":"one`, `two"}`), `{"jsonrpc":"2.0","id":%s,"result":{}}`},
		{"a list with something that is no message beside the answer", jsonType, `[{"hello":1},{"jsonrpc":"2.0","id":%s,"result":{}}]`, `{"jsonrpc":"2.0","id":%s,"result":{}}`},
		{"a log line with a text over two lines before the answer", sseType, event(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"one`, `two"}}`) + event(`{"jsonrpc":"2.0","id":%s,"result":{}}`), `{"jsonrpc":"2.0","id":%s,"result":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothModes(t, func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor) {
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
					if m.Method == "initialize" || m.ID == nil {
						return false
					}
					kind, value, _ := strings.Cut(tt.kind, ": ")
					w.Header().Set(kind, value)
					_, _ = io.WriteString(w, strings.ReplaceAll(tt.body, "%s", string(m.ID)))
					return true
				}
				d := begin()
				for _, method := range []string{"tools/call", "resources/subscribe"} {
					id := fmt.Sprintf("%q", method)
					d.Write(asking(mode, id, method, `"name":"find","uri":"a:b"`))
					got := d.Next()
					switch {
					case strings.HasPrefix(tt.want, "{"):
						if want := strings.Replace(tt.want, "%s", id, 1); got != want {
							t.Errorf("the editor got\n%s\nwant\n%s", got, want)
						}
					case !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":`+id), !strings.Contains(got, tt.want), method == "tools/call" && !strings.Contains(got, isUnknown):
						t.Errorf("the editor got\n%s\nwant %q and %q", got, tt.want, isUnknown)
					}
				}
				d.WantNothing()
				d.End()
				if n := len(o.log()); mode == "stateless" && n != 2 {
					t.Errorf("LeadMagic got %q", o.log())
				}
				for _, seen := range o.log() {
					if seen == "GET s1" && strings.Contains(tt.body, "id: 7") && o.count("GET s1") > 1 {
						t.Error("the rest of a stream that ended in order was asked for")
					}
				}
			})
		})
	}
}

// The editor gets an id as it has written it, however LeadMagic writes it.
func TestAnIDComesBackAsTheEditorHasWrittenIt(t *testing.T) {
	const own, none = true, false // whether it is taken for the answer
	tests := []struct {
		name, sent, back string
		want             bool
	}{
		{"as it is", `12`, `12`, own},
		{"with a fraction that is zero", `12`, `12.0`, own},
		{"with an exponent", `12`, `1.2e1`, own},
		{"with an exponent that begins with a sign", `12`, `12E+00`, own},
		{"without its fraction", `12.0`, `12`, own},
		{"without its exponent", `1.2E1`, `12`, own},
		{"as another fraction", `1.50`, `1.5`, own},
		{"with another escape", `"\u0061"`, `"a"`, own},
		{"rounded", `9007199254740993`, `9007199254740992`, own},
		{"as zero", `0`, `0.0`, own},
		{"as a text", `7`, `"7"`, own},
		{"as a text with a fraction", `7`, `"7.0"`, own},
		{"as a text with an escape", `7`, `"\u0037"`, own},
		{"as a number", `"7"`, `7`, own},
		{"as a number with a fraction", `"7"`, `7.0`, own},
		{"zero as a text", `0`, `"0"`, own},
		{"as another number", `7`, `8`, none},
		{"as another text", `7`, `"8"`, none},
		{"as a text that is no number", `0`, `"x"`, none},
		{"as an empty text", `0`, `""`, none},
		{"as a text with blanks", `7`, `" 7"`, none},
		{"as a text that only some read as a number", `7`, `"0x7"`, none},
		{"as a text that only some read as zero", `0`, `"-"`, none},
		{"as null", `0`, `null`, none},
		{"as false", `0`, `false`, none},
		{"as an empty list", `0`, `[]`, none},
		{"as true", `1`, `true`, none},
		{"as a list of itself", `7`, `[7]`, none},
		{"a text as another text", `"7"`, `"07"`, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, kind := range []string{"a body", "a list", "a stream"} {
				t.Run(kind, func(t *testing.T) {
					inBothModes(t, func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor) {
						o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
							text := `{"jsonrpc":"2.0","id":` + tt.back + `,"result":{"content":[]}}`
							switch kind {
							case "a stream":
								stream(w)
								text = "data: " + text + "\n\n"
							case "a list":
								w.Header().Set("Content-Type", "application/json")
								text = "[" + text + "]"
							default:
								w.Header().Set("Content-Type", "application/json")
							}
							_, _ = io.WriteString(w, text)
						})
						d := begin()
						d.Write(asking(mode, tt.sent, "tools/call", `"name":"find"`))
						got := d.Next()
						want := `{"jsonrpc":"2.0","id":` + tt.sent + `,"result":{"content":[]}}`
						if tt.want && got != want {
							t.Errorf("the editor got %s, want %s", got, want)
						}
						if !tt.want && (!strings.HasPrefix(got, `{"jsonrpc":"2.0","id":`+tt.sent+`,`) || !strings.Contains(got, isUnknown)) {
							t.Errorf("the editor got %s, want its outcome to be unknown", got)
						}
						d.WantNothing()
						d.End()
					})
				})
			}
		})
	}
}

// An answer whose id has another type is taken only if it can be meant for nobody else, and if no better one comes.
func TestAnIDOfAnotherTypeIsTakenOnlyIfNothingElseFits(t *testing.T) {
	reply := func(id, n string) string { return `{"jsonrpc":"2.0","id":` + id + `,"result":{"n":` + n + `}}` }
	inBothModes(t, func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor) {
		release, end := make(chan struct{}), make(chan struct{})
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch m.Method {
			case "first": // waits, and is answered on the stream of the second
				stream(w)
				<-release
				send(w, "data: "+reply(`"7"`, "2"))
			case "second":
				stream(w)
				send(w, "data: "+reply(`"7"`, "1"))
				send(w, "data: "+reply(`7`, "3"))
			case "better":
				stream(w)
				send(w, "data: "+reply(`"7"`, "1"))
				send(w, "data: "+reply(`7`, "2"))
			case "crowd":
				stream(w)
				send(w, "data: "+reply(`"7"`, "1"))
				send(w, "data: "+reply(`"8"`, "2"))
			case "twins":
				stream(w)
				send(w, "data: "+reply(`"7"`, "1"))
				send(w, "data: "+reply(`"7.0"`, "2"))
			case "open": // the stream does not end behind its answer
				stream(w)
				send(w, "data: "+reply(`"7"`, "1"))
				<-end
			default:
				return false
			}
			return true
		}
		d := begin()
		d.Write(asking(mode, `"7"`, "first", ""))
		synctest.Wait()
		d.Write(asking(mode, `7`, "second", ""))
		got := []string{d.Next(), d.Next()}
		for _, want := range []string{reply(`"7"`, "1"), reply(`7`, "3")} {
			if got[0] != want && got[1] != want {
				t.Errorf("the editor got %q, want %s", got, want)
			}
		}
		close(release)
		d.Write(asking(mode, `7`, "better", ""))
		d.WantLine(reply(`7`, "2"))
		d.Write(asking(mode, `7`, "crowd", ""))
		if got := d.Next(); !strings.Contains(got, "before the answer was complete") || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":7,`) {
			t.Errorf("the editor got %s, want an error", got)
		}
		d.Write(asking(mode, `7`, "twins", ""))
		if got := d.Next(); !strings.Contains(got, "before the answer was complete") || !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":7,`) {
			t.Errorf("the editor got %s, want an error", got)
		}
		d.Write(asking(mode, `7`, "open", ""))
		d.WantLine(reply(`7`, "1"))
		close(end)
		d.WantNothing()
		d.End()
	})
}

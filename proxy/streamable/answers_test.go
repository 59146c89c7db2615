package streamable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A fault is what LeadMagic does to one call.
type fault struct {
	name  string
	do    func(w http.ResponseWriter, r *http.Request, m rpc)
	want  []string // parts of the answer to a tools/call
	read  []string // parts of the answer to a read, if others
	tries int      // how often a read is sent, 0 for once
}

func status(code int, header, body string) func(http.ResponseWriter, *http.Request, rpc) {
	return func(w http.ResponseWriter, _ *http.Request, m rpc) {
		for line := range strings.SplitSeq(header, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "{{id}}", string(m.ID)))
	}
}

const (
	isUnknown = "the outcome is unknown, credits may have been used"
	jsonType  = "Content-Type: application/json"
	sseType   = "Content-Type: text/event-stream"
)

var failures = []fault{
	{"400 without a body", status(400, "", ""), []string{`"isError":true`, "did not accept the call (HTTP 400)"}, nil, 1},
	{"400 with LeadMagic's problem", status(400, jsonType, `{"errors":[{"detail":"domain is missing","param":["domain"]}]}`), []string{`"isError":true`, "domain is missing (domain)"}, nil, 1},
	{"400 with a JSON-RPC error", status(400, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32602,"message":"bad"}}`), []string{`"error":{"code":-32602,"message":"bad"}`}, nil, 1},
	{"400 with a JSON-RPC error whose id is null", status(400, jsonType, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"bad"}}`), []string{`"error":{"code":-32700,"message":"bad"}`}, nil, 1},
	{"400 with a JSON-RPC error without an id", status(400, jsonType, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"bad","data":{"n":9007199254740993}}}`), []string{`"error":{"code":-32600,"message":"bad","data":{"n":9007199254740993}}`}, nil, 1},
	{"400 with a JSON-RPC error of another call", status(400, jsonType, `{"jsonrpc":"2.0","id":"other","error":{"code":-32600,"message":"bad"}}`), []string{`"isError":true`, "HTTP 400"}, nil, 1},
	{"400 with an error that is none of JSON-RPC", status(400, jsonType, `{"error":"domain is missing"}`), []string{`"isError":true`, "(HTTP 400): domain is missing"}, []string{"(HTTP 400): domain is missing"}, 1},
	{"400 with an error whose code is a name", status(400, jsonType, `{"error":{"code":"bad","message":"domain is missing"}}`), []string{`"isError":true`, "(HTTP 400): domain is missing (bad)"}, []string{"(HTTP 400): domain is missing", `"code":"bad"`}, 1},
	{"405", status(405, "", ""), []string{`"isError":true`, "(HTTP 405)", "the agent cannot fix this"}, []string{"(HTTP 405)"}, 1},
	{"401", status(401, "", ""), []string{`"isError":true`, "rejected the API key"}, nil, 1},
	{"401 with a Bearer challenge", status(401, "WWW-Authenticate: Bearer realm=x", ""), []string{`"isError":true`, "--upstream rest"}, nil, 1},
	{"402", status(402, jsonType, `{"errors":[{"context":{"credits_required":5,"credits_available":2}}]}`), []string{`"isError":true`, "it needs 5, 2 are available"}, nil, 1},
	{"403 of the plan", status(403, jsonType, `{"code":"insufficient_permissions","detail":"upgrade"}`), []string{`"isError":true`, "plan does not allow this: upgrade"}, nil, 1},
	{"401 with a JSON-RPC error", status(401, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32000,"message":"no"}}`), []string{`"isError":true`, "rejected the API key"}, []string{`"code":-32603`, "rejected the API key"}, 1},
	{"402 with a JSON-RPC error", status(402, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32000,"message":"no"}}`), []string{`"isError":true`, "credits"}, []string{`"code":-32603`, "credits"}, 1},
	{"403 with a JSON-RPC error", status(403, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32000,"message":"no"}}`), []string{`"isError":true`, "does not allow this"}, []string{`"code":-32603`, "does not allow this"}, 1},
	{"404 without a session's loss", status(404, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32601,"message":"no such method"}}`), []string{`"error":{"code":-32601,"message":"no such method"}`}, nil, 1},
	{"422", status(422, jsonType, `{"detail":"no"}`), []string{`"isError":true`, "(HTTP 422): no"}, nil, 1},
	{"307 to another origin", status(307, "Location: https://elsewhere.test/mcp?token=x", ""), []string{`"isError":true`, "points to another origin, https://elsewhere.test/mcp; the key was not sent there"}, nil, 1},
	{"307 with a JSON-RPC error", status(307, jsonType+"\nLocation: https://elsewhere.test/mcp", `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32000,"message":"no"}}`), []string{`"isError":true`, "points to another origin"}, []string{`"code":-32603`, "points to another origin"}, 1},
	{"308 without a location", status(308, "", ""), []string{`"isError":true`, "without saying where to go"}, nil, 1},
	{"429 with an absurd Retry-After", status(429, "Retry-After: 86400", ""), []string{`"isError":true`, "rate limit is reached", "call again in 86400 s"}, nil, 1},
	{"429 with a JSON-RPC error", status(429, jsonType+"\nRetry-After: 86400", `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32000,"message":"no"}}`), []string{`"isError":true`, "rate limit is reached"}, []string{`"code":-32603`, "rate limit is reached"}, 1},
	{"500 without a body", status(500, "X-Request-Id: r-1", ""), []string{`"isError":true`, "failed with HTTP 500", isUnknown, "request r-1"}, []string{"failed with HTTP 500"}, 3},
	{"500 with a JSON-RPC error", status(500, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32603,"message":"oops"}}`), []string{`"error":{"code":-32603,"message":"oops"}`}, nil, 3},
	{"500 with a JSON-RPC error whose id is null", status(500, jsonType, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"oops"}}`), []string{`"isError":true`, "failed with HTTP 500: oops", isUnknown}, []string{"failed with HTTP 500: oops"}, 3},
	{"503 with Retry-After", status(503, "Retry-After: 1", ""), []string{`"isError":true`, "failed with HTTP 503", isUnknown}, []string{"failed with HTTP 503"}, 3},
	{"503 with an absurd Retry-After", status(503, "Retry-After: 3600", ""), []string{`"isError":true`, "failed with HTTP 503", isUnknown}, []string{"failed with HTTP 503"}, 1},
	{"200 without a body", status(200, jsonType, ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"202 for a call", status(202, "", ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"204 for a call", status(204, "", ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 that is a web page", status(200, "Content-Type: text/html", "<!doctype html><title>Sign in</title>"), []string{`"isError":true`, "captive portal", isUnknown}, []string{"captive portal"}, 1},
	{"200 that is a web page, and said to be a stream", status(200, sseType, "\n<!doctype html>\n<title>Sign in</title>\n\n<p>data: none</p>\n"), []string{`"isError":true`, "captive portal", isUnknown}, []string{"captive portal"}, 1},
	{"200 that is LeadMagic's problem, and said to be a stream", status(200, sseType, `{"errors":[{"detail":"out of order"}]}`), []string{`"isError":true`, "not a complete answer to this call: out of order", isUnknown}, []string{"not a complete answer to this call: out of order"}, 1},
	{"a stream with an unknown line that ends without the answer", status(200, sseType, "id: 1\n\n<p>\n\n"), []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"200 that is broken JSON", status(200, jsonType, `{"jsonrpc":"2.0","id":{{id}},"result":{"a":`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 with another call's id", status(200, jsonType, `{"jsonrpc":"2.0","id":"nobody","result":{}}`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 whose result has the id null", status(200, jsonType, `{"jsonrpc":"2.0","id":null,"result":{}}`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 that is a notification alone", status(200, jsonType, `{"jsonrpc":"2.0","method":"notifications/x"}`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 that is an empty list", status(200, jsonType, `[]`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"a stream that ends without the answer", status(200, sseType, ": nothing\n\n"), []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"a stream that ends within the answer", status(200, sseType, "data: {\"jsonrpc\":\"2.0\",\"id\":{{id}},\"resu"), []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"a cut before the headers", func(http.ResponseWriter, *http.Request, rpc) { abort() }, []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"a cut within the body", func(w http.ResponseWriter, _ *http.Request, m rpc) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, result(m, `{"a":1}`)[:30])
		flush(w)
		abort()
	}, []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"a cut stream without event ids", func(w http.ResponseWriter, _ *http.Request, m rpc) {
		stream(w)
		_, _ = io.WriteString(w, "data: "+result(m, "{}")[:20])
		flush(w)
		abort()
	}, []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"a cut stream with an unknown line", func(w http.ResponseWriter, _ *http.Request, _ rpc) {
		cutStream(w, "padding")
	}, []string{`"isError":true`, "broke before the answer was complete", isUnknown}, []string{"broke before the answer was complete"}, 3},
	{"an answer whose error is none of JSON-RPC", status(200, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":"out of order"}`), []string{`"isError":true`, "not a complete answer to this call: out of order", isUnknown}, []string{"not a complete answer to this call: out of order"}, 1},
	{"an answer of no kind that there is", status(200, jsonType, `{"jsonrpc":"2.0","id":{{id}}}`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
}

func TestRule2OneAnswerPerCallWhateverHappens(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
					if m.Method != "tools/call" && m.Method != "resources/read" {
						return false
					}
					f.do(w, r, m)
					return true
				}
				d := o.open()
				d.Write(toolCall(1))
				line := d.Next()
				if strings.Contains(line, "notifications/x") {
					line = d.Next()
				}
				wantParts(t, line, append(f.want, `"id":1`)...)
				alive(d)
				if n := o.count("tools/call s1"); n != 1 {
					t.Errorf("the tools/call was sent %d times, want once", n)
				}

				d.Write(`{"jsonrpc":"2.0","id":2,"method":"resources/read"}`)
				line = d.Next()
				if strings.Contains(line, "notifications/x") {
					line = d.Next()
				}
				want := f.read
				if want == nil {
					for _, part := range f.want {
						if part != `"isError":true` {
							want = append(want, part)
						}
					}
				}
				wantParts(t, line, append(want, `"id":2`, `"error":{"code":`)...)
				if strings.Contains(line, isUnknown) || strings.Contains(line, "still needed") {
					t.Errorf("the answer to a read is %s, want nothing about credits, nor about what may have come of it", line)
				}
				alive(d)
				if n := o.count("resources/read s1"); n != f.tries {
					t.Errorf("the read was sent %d times, want %d", n, f.tries)
				}
				d.End()
			})
		})
	}
}

func wantParts(t *testing.T, line string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("got %s\nwant it to have %s", proxytest.Short(line), part)
		}
	}
}

func TestRule2ProblemsInTheStatelessModeAreComplete(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		d := openEditor(t, o.remote())
		d.Write(toolCall(1, ","+metaOf))
		d.Want(`"id":1`, `"isError":true,"resultType":"complete"`)
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{` + metaOf + `}}`)
		d.Want(`"id":2`, `"code":-32603`, `"data":{"source":"leadmagic-mcp-proxy","httpStatus":403,"code":"not_allowed"}`)
		d.End()
	})
}

// A request that names nothing has not named the wrong thing.
func TestRule2ARefusalIsAboutWhatTheRequestNames(t *testing.T) {
	const (
		notThere  = "LeadMagic's hosted server is not at this address (HTTP 404)"
		unknown   = "LeadMagic does not know what was asked for"
		notTaken  = "LeadMagic did not accept the call (HTTP 400)"
		isFailed  = `"code":"upstream_failed"`
		isBad     = `"code":"bad_request"`
		isMissing = `"code":"not_found"`
	)
	for _, tt := range []struct {
		method, params string
		status         int
		want           []string
	}{
		{"tools/list", "", 404, []string{notThere, "check --mcp-url", isMissing}},
		{"logging/setLevel", "", 404, []string{notThere, isMissing}},
		{"prompts/get", `"name":"a"`, 404, []string{unknown, isMissing}},
		{"resources/read", `"uri":"a:b"`, 404, []string{unknown, isMissing}},
		{"tasks/get", `"taskId":"7"`, 404, []string{unknown, isMissing}},
		{"tools/list", "", 400, []string{notTaken, isFailed}},
		{"logging/setLevel", "", 400, []string{notTaken, isBad}},
		{"prompts/get", `"name":"a"`, 400, []string{notTaken, isBad}},
	} {
		t.Run(fmt.Sprint(tt.method, " ", tt.status), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
					w.WriteHeader(tt.status)
					return true
				}
				d := openEditor(t, o.remote())
				d.Write(statelessRequest(1, tt.method, tt.params))
				d.Want(append(tt.want, `"id":1`)...)
				d.End()
				o.wantLog(tt.method)
			})
		})
	}
}

// What LeadMagic says in the response to a notification is passed on, in whatever form it comes.
func TestRule1ANotificationMayBeAnsweredWithMessages(t *testing.T) {
	const note = `{"jsonrpc":"2.0","method":"notifications/y"}`
	for name, do := range map[string]func(http.ResponseWriter, *http.Request, rpc){
		"in a body":         status(200, jsonType, note),
		"in a cut body":     status(200, jsonType+"\nContent-Length: 100", note),
		"in a list":         status(202, jsonType, "["+note+"]"),
		"on a stream":       status(200, sseType, "data: "+note+"\n\n"),
		"in another status": status(299, jsonType, note),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.on("notifications/x", func(w http.ResponseWriter, r *http.Request, m rpc) {
					do(w, r, m)
				})
				d := o.open()
				d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
				d.WantLine(note)
				alive(d)
				d.End()
			})
		})
	}
}

// Nothing is wrong with a notification that was taken, so nothing is logged; what is no message is.
func TestTheLogOfANotification(t *testing.T) {
	for body, logged := range map[string]bool{"": false, "x": true} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
				if m.ID == nil {
					status(200, jsonType, body)(w, r, m)
				}
				return m.ID == nil
			}
			var log bytes.Buffer
			d := o.open(func(c *streamable.Client) {
				c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			d.End()
			if got := log.Len() > 0; got != logged {
				t.Errorf("the response %q to a notification is logged: %q", body, log.String())
			}
		})
	}
}

func TestRule2DuplicateIDsInFlightAreEachAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		const same = 50
		for range same {
			d.Write(ping(5))
		}
		for range same {
			d.WantLine(pong(5))
		}
		d.End()
		if n := o.count("ping s1"); n != same {
			t.Errorf("LeadMagic got %d calls, want %d", n, same)
		}
	})
}

func TestRule2HundredsOfCallsAtOnceThroughEveryFault(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method != "tools/call" || rand.IntN(2) == 0 {
				return false
			}
			failures[rand.IntN(len(failures))].do(w, r, m)
			return true
		}
		d := o.open()
		const calls = 400
		go func() {
			for id := range calls {
				d.Write(toolCall(id + 1))
			}
		}()
		seen := make(map[string]int)
		for n := 0; n < calls; {
			m, err := jsonrpc.Parse([]byte(d.Next()))
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind == jsonrpc.Response {
				seen[string(m.ID)]++
				n++
			}
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("call %s was answered %d times", id, times)
			}
		}
		alive(d)
		d.End()
		if n := o.count("tools/call s1"); n != calls {
			t.Errorf("LeadMagic got %d calls, want %d", n, calls)
		}
	})
}

// A server may send the response to a call on the GET stream.
func TestRule2AnAnswerOnTheGETStreamIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		calls := make(chan rpc, 1)
		o.on("tools/call", func(_ http.ResponseWriter, r *http.Request, m rpc) {
			calls <- m
			untilGone(r)
		})
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			select {
			case m := <-calls:
				send(w, "data: "+result(m, `{"on":"the GET stream"}`))
				untilGone(r)
			case <-r.Context().Done():
			}
		}
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"on":"the GET stream"}}`)
		d.WantNothing()
		alive(d)
		d.End()
	})
}

// A server that mixes its streams up still has each call answered, once.
func TestRule2AnAnswerOnAnotherCallsStreamIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		first := make(chan rpc, 1)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			switch string(m.ID) {
			case "1":
				stream(w)
				first <- m
				untilGone(r)
			case "2":
				stream(w)
				send(w, "data: "+result(<-first, `{"of":1}`))
				send(w, "data: "+result(m, `{"of":2}`))
			default:
				return false
			}
			return true
		}
		d := o.open()
		d.Write(toolCall(1))
		synctest.Wait()
		d.Write(toolCall(2))
		lines := []string{d.Next(), d.Next()}
		slices.Sort(lines)
		if want := []string{`{"jsonrpc":"2.0","id":1,"result":{"of":1}}`, `{"jsonrpc":"2.0","id":2,"result":{"of":2}}`}; !slices.Equal(lines, want) {
			t.Errorf("the editor got %q, want %q", lines, want)
		}
		d.End()
	})
}

func TestRule2AToolTimeoutIsAnsweredAndLeadMagicTold(t *testing.T) {
	for _, mode := range []string{"session", "stateless"} {
		t.Run(mode, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var gone atomic.Bool
				o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
					stream(w)
					untilGone(r)
					gone.Store(true)
				})
				d := o.open(func(r *streamable.Client) { r.ToolTimeout = time.Minute })
				start := time.Now()
				meta := ""
				if mode == "stateless" {
					meta = "," + metaOf
				}
				d.Write(toolCall(1, meta))
				d.Want(`"id":1`, `"isError":true`, "--tool-timeout", isUnknown)
				if took := time.Since(start); took != time.Minute {
					t.Errorf("it was answered after %v", took)
				}
				synctest.Wait()
				if !gone.Load() {
					t.Error("the stream of the call stays open")
				}
				told := o.count("notifications/cancelled s1") == 1
				if told != (mode == "session") {
					t.Errorf("LeadMagic was told of the cancellation: %v", told)
				}
				alive(d)
				d.End()
			})
		})
	}
}

// A call that could not be sent in time has cost nothing, and LeadMagic is not told of it.
func TestRule2AToolTimeoutBeforeTheCallIsSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open(func(r *streamable.Client) { r.ToolTimeout = time.Second })
		o.hangUp()
		synctest.Wait()
		o.dial = func() error {
			<-time.After(3 * time.Second)
			return errNoRoute
		}
		start := time.Now()
		d.Write(toolCall(1))
		line := d.Next()
		wantParts(t, line, `"id":1`, `"isError":true`, "LeadMagic could not be asked in time")
		if strings.Contains(line, isUnknown) {
			t.Errorf("got %s, but nothing was sent", line)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it was answered after %v", took)
		}
		<-time.After(time.Minute)
		o.dial = nil
		alive(d)
		d.End()
		if n := o.count("tools/call s1") + o.count(cancelled+" s1"); n != 0 {
			t.Errorf("LeadMagic saw %q", o.log())
		}
	})
}

func TestRule2WhatOnlyReadsIsNotWaitedForForEver(t *testing.T) {
	for method, want := range map[string]time.Duration{"resources/read": streamable.ReadFor, "initialize": streamable.InitializeFor} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = func(_ http.ResponseWriter, r *http.Request, m rpc) bool {
				if m.Method == method {
					untilGone(r)
				}
				return m.Method == method
			}
			d := openEditor(t, o.remote())
			start := time.Now()
			d.Write(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
			d.Want(`"id":1`, `"code":-32603`, "LeadMagic took the request and did not answer")
			if took := time.Since(start); took != want {
				t.Errorf("%s was answered after %v, want %v", method, took, want)
			}
			d.End()
			want := []string{method}
			if method != "initialize" { // which cannot be cancelled
				want = append(want, cancelled)
			}
			o.wantLog(want...)
		})
	}
}

func TestRule2ACallHasAllTheTimeItWants(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			send(w, `data: {"jsonrpc":"2.0","method":"notifications/x"}`)
			<-time.After(24 * time.Hour)
			send(w, "data: "+result(m, `{"late":true}`))
		})
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"late":true}}`)
		d.End()
	})
}

// What the transport in front refuses was not sent, and says so in its own words.
func TestRule2AProblemOfTheTransportIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		r := o.remote()
		r.Dial = func() http.RoundTripper {
			return roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("looking for the key: %w", problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one"))
			})
		}
		d := openEditor(t, r)
		d.Write(hello)
		d.Want(`"id":0`, `"code":-32603`, "no key is set (fix: set one)", `"code":"key_missing"`)
		d.Write(toolCall(1))
		d.Want(`"id":1`, `"isError":true`, `no key is set\n`, "next: set one")
		d.End()
		o.wantLog()
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errNoRoute = errors.New("no route")

func TestRule2AnEditorIsToldMoreWhereMoreIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			w.WriteHeader(http.StatusUnauthorized)
		})
		editor := new(proxy.Editor)
		d := startEditor(t, proxy.Options{Upstream: o.remote(), Editor: editor, Describe: func(p *problem.Problem) *problem.Problem {
			said := *p
			said.Next = "look into the settings of " + editor.Name()
			return &said
		}})
		d.Write(hello)
		d.Want(`"id":0`)
		d.Write(toolCall(1))
		d.Want(`"id":1`, "next: look into the settings of editor")
		d.End()
	})
}

// A text names the balance tool only if the session has it.
func TestRule2ATextNamesOnlyToolsThatAreListed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch {
			case m.Method == "tools/list" && strings.Contains(string(m.Params), "cursor"):
				answer(w, m, `{"tools":[{"name":"check_credits"}]}`)
			case m.Method == "tools/list":
				answer(w, m, `{"tools":[{"name":"find"}]}`)
			case m.Method == "tools/call":
				abort()
			default:
				return false
			}
			return true
		}
		d := o.open()
		names := func(id int) bool {
			d.Write(toolCall(id))
			line := d.Next()
			wantParts(t, line, isUnknown)
			return strings.Contains(line, "check_credits")
		}
		if names(1) {
			t.Error("a tool is named before any was listed")
		}
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
		d.Want(`"find"`)
		if names(3) {
			t.Error("a tool is named that is not listed")
		}
		d.Write(`{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"cursor":"2"}}`)
		d.Want(`"check_credits"`)
		if !names(5) {
			t.Error("the balance tool of the second page is not named")
		}
		d.End()
	})
}

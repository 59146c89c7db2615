package proxy

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
	{"404 without a session's loss", status(404, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32601,"message":"no such method"}}`), []string{`"error":{"code":-32601,"message":"no such method"}`}, nil, 1},
	{"422", status(422, jsonType, `{"detail":"no"}`), []string{`"isError":true`, "(HTTP 422): no"}, nil, 1},
	{"307 to another origin", status(307, "Location: https://elsewhere.test/mcp?token=x", ""), []string{`"isError":true`, "points to another origin, https://elsewhere.test/mcp; the key was not sent there"}, nil, 1},
	{"308 without a location", status(308, "", ""), []string{`"isError":true`, "without saying where to go"}, nil, 1},
	{"429 with an absurd Retry-After", status(429, "Retry-After: 86400", ""), []string{`"isError":true`, "rate limit is reached", "call again in 86400 s"}, nil, 1},
	{"500 without a body", status(500, "X-Request-Id: r-1", ""), []string{`"isError":true`, "failed with HTTP 500", isUnknown, "request r-1"}, []string{"failed with HTTP 500"}, 3},
	{"500 with a JSON-RPC error", status(500, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32603,"message":"oops"}}`), []string{`"error":{"code":-32603,"message":"oops"}`}, nil, 3},
	{"500 with a JSON-RPC error whose id is null", status(500, jsonType, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"oops"}}`), []string{`"isError":true`, "failed with HTTP 500: oops", isUnknown}, []string{"failed with HTTP 500: oops"}, 3},
	{"503 with Retry-After", status(503, "Retry-After: 1", ""), []string{`"isError":true`, "failed with HTTP 503", isUnknown}, []string{"failed with HTTP 503"}, 3},
	{"503 with an absurd Retry-After", status(503, "Retry-After: 3600", ""), []string{`"isError":true`, "failed with HTTP 503", isUnknown}, []string{"failed with HTTP 503"}, 1},
	{"200 without a body", status(200, jsonType, ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"202 for a call", status(202, "", ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"204 for a call", status(204, "", ""), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
	{"200 that is a web page", status(200, "Content-Type: text/html", "<!doctype html><title>Sign in</title>"), []string{`"isError":true`, "captive portal", isUnknown}, []string{"captive portal"}, 1},
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
	{"an answer whose error is none of JSON-RPC", status(200, jsonType, `{"jsonrpc":"2.0","id":{{id}},"error":"out of order"}`), []string{`"isError":true`, "not a complete answer to this call: out of order", isUnknown}, []string{"not a complete answer to this call: out of order"}, 1},
	{"an answer of no kind that there is", status(200, jsonType, `{"jsonrpc":"2.0","id":{{id}}}`), []string{`"isError":true`, "not a complete answer", isUnknown}, []string{"not a complete answer"}, 1},
}

func TestRule2OneAnswerPerCallWhateverHappens(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newOffice(t)
				o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
					if m.Method != "tools/call" && m.Method != "resources/read" {
						return false
					}
					f.do(w, r, m)
					return true
				}
				d := o.visit()
				d.say(toolCall(1))
				line := d.next()
				if strings.Contains(line, "notifications/x") {
					line = d.next()
				}
				wantParts(t, line, append(f.want, `"id":1`)...)
				d.alive()
				if n := o.count("tools/call s1"); n != 1 {
					t.Errorf("the tools/call was sent %d times, want once", n)
				}

				d.say(`{"jsonrpc":"2.0","id":2,"method":"resources/read"}`)
				line = d.next()
				if strings.Contains(line, "notifications/x") {
					line = d.next()
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
				d.alive()
				if n := o.count("resources/read s1"); n != f.tries {
					t.Errorf("the read was sent %d times, want %d", n, f.tries)
				}
				d.leave()
			})
		})
	}
}

func wantParts(t *testing.T, line string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("got %s\nwant it to have %s", short(line), part)
		}
	}
}

func TestRule2ProblemsInTheModernEraAreComplete(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		d := openDesk(t, o.remote())
		d.say(toolCall(1, ","+metaOf))
		d.hear(`"id":1`, `"isError":true,"resultType":"complete"`)
		d.say(`{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{` + metaOf + `}}`)
		d.hear(`"id":2`, `"code":-32603`, `"data":{"source":"leadmagic-mcp-proxy","httpStatus":403,"code":"not_allowed"}`)
		d.leave()
	})
}

func TestRule2DuplicateIDsInFlightAreEachAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		d := o.visit()
		const same = 50
		for range same {
			d.say(ping(5))
		}
		for range same {
			d.wantLine(pong(5))
		}
		d.leave()
		if n := o.count("ping s1"); n != same {
			t.Errorf("LeadMagic got %d calls, want %d", n, same)
		}
	})
}

func TestRule2HundredsOfCallsAtOnceThroughEveryFault(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method != "tools/call" || rand.IntN(2) == 0 {
				return false
			}
			failures[rand.IntN(len(failures))].do(w, r, m)
			return true
		}
		d := o.visit()
		const calls = 400
		go func() {
			for id := range calls {
				d.say(toolCall(id + 1))
			}
		}()
		seen := make(map[string]int)
		for n := 0; n < calls; {
			m, err := Peek([]byte(d.next()))
			if err != nil {
				t.Fatal(err)
			}
			if m.Kind == Answer {
				seen[string(m.ID)]++
				n++
			}
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("call %s was answered %d times", id, times)
			}
		}
		d.alive()
		d.leave()
		if n := o.count("tools/call s1"); n != calls {
			t.Errorf("LeadMagic got %d calls, want %d", n, calls)
		}
	})
}

// A server that mixes its streams up still has each call answered, once.
func TestRule2AnAnswerOnAnotherCallsStreamIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
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
		d := o.visit()
		d.say(toolCall(1))
		synctest.Wait()
		d.say(toolCall(2))
		d.wantLine(`{"jsonrpc":"2.0","id":1,"result":{"of":1}}`)
		d.wantLine(`{"jsonrpc":"2.0","id":2,"result":{"of":2}}`)
		d.leave()
	})
}

func TestRule2AnAnswerThatIsTooLargeIsAFault(t *testing.T) {
	const most = 1 << 20
	for name, endless := range map[string]string{
		"a line without end":        "data: " + strings.Repeat("x", 1000),
		"an event without end":      strings.Repeat("data: "+strings.Repeat("x", 100)+"\n", 10),
		"a foreign event of no end": "event: other\n" + strings.Repeat("data: x\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			stream := newEvents(&repeating{text: endless}, most)
			if ev, err := stream.next(); !errors.Is(err, errTooLarge) || len(ev.data) > 3*most {
				t.Errorf("got %d bytes and %v, want %v", len(ev.data), err, errTooLarge)
			}
			if cap(stream.buf) > 2*most {
				t.Errorf("%d bytes are kept for lines of %d", cap(stream.buf), most)
			}
		})
	}
	body, err := new(Remote).readBody(t.Context(), &http.Response{Body: io.NopCloser(&repeating{text: "x"}), ContentLength: -1}, most, new(room))
	if !errors.Is(err, errTooLarge) || len(body) > 2*most {
		t.Errorf("got a body of %d bytes and %v, want %v", len(body), err, errTooLarge)
	}
	call, _ := Peek([]byte(toolCall(1)))
	fail := incomplete(call, fmt.Errorf("reading: %w", errTooLarge))
	if p := fail.problem; fail.broken || p.Code != problem.BrokenAnswer || p.Fate != problem.Unknown || !strings.Contains(p.What, "more than 256 MiB") {
		t.Errorf("got %+v, want a broken answer of unknown outcome that is not asked for again", p)
	}
}

// repeating never ends.
type repeating struct {
	text string
	at   int
}

func (r *repeating) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(b), nil
}

func TestRule2AToolTimeoutIsAnsweredAndLeadMagicTold(t *testing.T) {
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newOffice(t)
				var gone atomic.Bool
				o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
					if m.Method != "tools/call" {
						return false
					}
					stream(w)
					untilGone(r)
					gone.Store(true)
					return true
				}
				d := o.visit(func(r *Remote) { r.ToolTimeout = time.Minute })
				start := time.Now()
				meta := ""
				if era == "modern" {
					meta = "," + metaOf
				}
				d.say(toolCall(1, meta))
				d.hear(`"id":1`, `"isError":true`, "--tool-timeout", isUnknown)
				if took := time.Since(start); took != time.Minute {
					t.Errorf("it was answered after %v", took)
				}
				synctest.Wait()
				if !gone.Load() {
					t.Error("the stream of the call stays open")
				}
				told := o.count("notifications/cancelled s1") == 1
				if told != (era == "legacy") {
					t.Errorf("LeadMagic was told of the cancellation: %v", told)
				}
				d.alive()
				d.leave()
			})
		})
	}
}

func TestRule2AReadThatIsNeverAnsweredEndsAfterAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(_ http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method == "resources/read" {
				untilGone(r)
				return true
			}
			return false
		}
		d := o.visit()
		start := time.Now()
		d.say(`{"jsonrpc":"2.0","id":1,"method":"resources/read"}`)
		d.hear(`"id":1`, `"code":-32603`, "LeadMagic took the request and did not answer")
		if took := time.Since(start); took != readFor {
			t.Errorf("it was answered after %v", took)
		}
		d.leave()
	})
}

func TestRule2ACallHasAllTheTimeItWants(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" {
				stream(w)
				<-time.After(24 * time.Hour)
				send(w, "data: "+result(m, `{"late":true}`))
				return true
			}
			return false
		}
		d := o.visit()
		d.say(toolCall(1))
		d.wantLine(`{"jsonrpc":"2.0","id":1,"result":{"late":true}}`)
		d.leave()
	})
}

// What the transport in front refuses was not sent, and says so in its own words.
func TestRule2AProblemOfTheTransportIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		r := o.remote()
		r.Dial = func() *http.Client {
			return &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("looking for the key: %w", problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one"))
			})}
		}
		d := openDesk(t, r)
		d.say(hello)
		d.hear(`"id":0`, `"code":-32603`, "no key is set (fix: set one)", `"code":"key_missing"`)
		d.say(toolCall(1))
		d.hear(`"id":1`, `"isError":true`, `no key is set\n`, "next: set one")
		d.leave()
		o.wantLog()
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errNoRoute = errors.New("no route")

func TestRule2AnEditorIsToldMoreWhereMoreIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return m.Method == "tools/call"
		}
		d := startDesk(t, Options{Upstream: o.remote(), Describe: func(p *problem.Problem, editor string) *problem.Problem {
			said := *p
			said.Next = "look into the settings of " + editor
			return &said
		}})
		d.say(hello)
		d.hear(`"id":0`)
		d.say(toolCall(1))
		d.hear(`"id":1`, "next: look into the settings of desk")
		d.leave()
	})
}

// A text names the balance tool only if the session has it.
func TestRule2ATextNamesOnlyToolsThatAreListed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
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
		d := o.visit()
		names := func(id int) bool {
			d.say(toolCall(id))
			line := d.next()
			wantParts(t, line, isUnknown)
			return strings.Contains(line, "check_credits")
		}
		if names(1) {
			t.Error("a tool is named before any was listed")
		}
		d.say(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
		d.hear(`"find"`)
		if names(3) {
			t.Error("a tool is named that is not listed")
		}
		d.say(`{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"cursor":"2"}}`)
		d.hear(`"check_credits"`)
		if !names(5) {
			t.Error("the balance tool of the second page is not named")
		}
		d.leave()
	})
}

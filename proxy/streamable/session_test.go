package streamable_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// keepsOpen is a GET that stays open for as long as its peer wants.
func keepsOpen(w http.ResponseWriter, r *http.Request) {
	stream(w)
	untilGone(r)
}

// refusesSession does not know a session any more, and says so after a while as servers do: with 404, or with
// 400 and a text.
func refusesSession(lost string, status int) func(http.ResponseWriter, *http.Request, rpc) bool {
	return func(w http.ResponseWriter, r *http.Request, _ rpc) bool {
		if r.Header.Get("Mcp-Session-Id") != lost {
			return false
		}
		<-time.After(time.Millisecond)
		w.WriteHeader(status)
		if status == http.StatusBadRequest {
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}`)
		}
		return true
	}
}

func TestRule4ALostSessionIsOpenedAgainOnceForAll(t *testing.T) {
	for _, how := range []int{http.StatusNotFound, http.StatusBadRequest} {
		t.Run(strconv.Itoa(how), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.get = keepsOpen
				d := o.open()
				for _, line := range []string{
					ready,
					`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`,
					`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"debug"}}`,
					`{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"a:1"}}`,
					`{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"a:2"}}`,
					`{"jsonrpc":"2.0","id":5,"method":"resources/unsubscribe","params":{"uri":"a:1"}}`,
				} {
					d.Write(line)
					if line != ready {
						d.Next()
					}
				}
				synctest.Wait()
				before := len(o.log())
				o.post = refusesSession("s1", how)
				const calls = 50
				for id := range calls {
					d.Write(toolCall(100 + id))
				}
				for range calls {
					d.Want(`"result":{"name":"find"}`)
				}
				d.WantNothing()
				seen := o.log()[before:]
				slices.Sort(seen)
				want := []string{
					"GET s2", "initialize", "logging/setLevel s2", "notifications/initialized s2", "resources/subscribe s2",
				}
				want = append(want, slices.Repeat([]string{"tools/call s1"}, calls)...)
				want = append(want, slices.Repeat([]string{"tools/call s2"}, calls)...)
				if !slices.Equal(seen, want) {
					t.Errorf("LeadMagic saw\n%q\nwant\n%q", seen, want)
				}
				for method, want := range map[string]string{
					"initialize":          hello,
					"logging/setLevel":    `{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"debug"}}`,
					"resources/subscribe": `{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"a:2"}}`,
				} {
					if got := o.last(method).raw; got != want {
						t.Errorf("%s was replayed as %s, want %s", method, got, want)
					}
				}
				d.End()
			})
		})
	}
}

// The calls go out behind what makes the new session like the old one.
func TestRule4CallsWaitForTheRenewedSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		d.Write(ready)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{}}`)
		d.Next()
		before := len(o.log())
		const step = 100 * time.Millisecond
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method != "tools/call" {
				<-time.After(step)
				return false
			}
			if r.Header.Get("Mcp-Session-Id") != "s1" {
				return false
			}
			if string(m.ID) == "3" {
				<-time.After(step + step/2)
			}
			http.NotFound(w, r)
			return true
		}
		d.Write(toolCall(3)) // refused when the new session is open, and has been told nothing yet
		synctest.Wait()
		d.Write(toolCall(2))
		synctest.Wait()
		d.Write(toolCall(4)) // while the session is being renewed
		<-time.After(step + step/2)
		d.Write(toolCall(5)) // while the new session is told what the lost one was
		for range 4 {
			d.Want(`"result"`)
		}
		want := []string{"tools/call s1", "tools/call s1", "initialize", "GET s2", "notifications/initialized s2", "logging/setLevel s2"}
		want = append(want, slices.Repeat([]string{"tools/call s2"}, 4)...)
		if got := o.log()[before:]; !slices.Equal(got, want) {
			t.Errorf("LeadMagic saw\n%q\nwant\n%q", got, want)
		}
		d.End()
	})
}

func TestRule4ARenewalThatFailsAnswersAllWhoWait(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w http.ResponseWriter, m rpc)
		want string
		most time.Duration
	}{
		{"a refusal", func(w http.ResponseWriter, _ rpc) { w.WriteHeader(http.StatusPaymentRequired) }, "LeadMagic lost the session, and did not open another: no LeadMagic credits remain", 0},
		{"a JSON-RPC error", func(w http.ResponseWriter, m rpc) {
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no"}}`, m.ID)
		}, "LeadMagic lost the session and did not open another", 0},
		{"another protocol version", func(w http.ResponseWriter, m rpc) {
			w.Header().Set("Mcp-Session-Id", "of another version")
			answer(w, m, `{"protocolVersion":"2025-11-25"}`)
		}, "LeadMagic lost the session and speaks another protocol version now", 0},
		{"silence", func(http.ResponseWriter, rpc) { <-time.After(time.Hour) }, "no connection in time", streamable.RenewFor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := o.open()
				o.lose("s1")
				o.on("initialize", func(w http.ResponseWriter, r *http.Request, m rpc) {
					tt.do(w, m)
				})
				start := time.Now()
				const calls = 20
				for id := range calls {
					d.Write(toolCall(id + 1))
				}
				for range calls {
					line := d.Next()
					wantParts(t, line, `"isError":true`)
					if tt.name != "silence" {
						wantParts(t, line, tt.want)
					}
					if strings.Contains(line, isUnknown) {
						t.Errorf("got %s, but no call was carried out", line)
					}
				}
				if took := time.Since(start); took > tt.most {
					t.Errorf("it took %v, want %v at most", took, tt.most)
				}
				if n := o.count("initialize"); n != 2 {
					t.Errorf("LeadMagic got initialize %d times, want twice", n)
				}
				d.End()
				if got := o.count("DELETE of another version") > 0; got != (tt.name == "another protocol version") {
					t.Errorf("a session that is of no use was ended: %v", got)
				}
			})
		})
	}
}

// The GET stream of a lost session is closed when another session is open.
func TestRule4TheGETStreamOfALostSessionIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var closed atomic.Bool
		o.get = func(w http.ResponseWriter, r *http.Request) {
			keepsOpen(w, r)
			closed.Store(true)
		}
		o.post = refusesSession("s1", http.StatusNotFound)
		d := o.initialize()
		d.Write(ready)
		d.Write(ping(1))
		d.WantLine(pong(1))
		synctest.Wait()
		if !closed.Load() {
			t.Error("the GET stream of the lost session is still open")
		}
		d.End()
	})
}

// A request that has waited for a renewal which fails is not tried again either.
func TestRule4ARenewalThatFailsIsNotRepeatedForThoseWhoWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.lose("s1")
		o.on("initialize", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			<-time.After(time.Second)
			w.WriteHeader(http.StatusBadGateway)
		})
		d.Write(ping(1))
		synctest.Wait()
		d.Write(ping(2))
		for range 2 {
			d.Want("LeadMagic lost the session, and did not open another: LeadMagic failed with HTTP 502")
		}
		o.wantLog("initialize", "GET s1", "ping s1", "initialize", "initialize")
		d.End()
	})
}

// A refusal whose body never ends takes as long as the call may, and then nothing is done about it.
func TestRule4ALostSessionThatIsSaidTooLate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
			w.WriteHeader(http.StatusNotFound)
			flush(w)
			untilGone(r)
		})
		d := o.open(func(r *streamable.Client) { r.ToolTimeout = time.Minute })
		d.Write(toolCall(1))
		d.Want(`"id":1`, "LeadMagic could not be asked in time")
		d.End()
		o.wantLog("initialize", "GET s1", "tools/call s1", "DELETE s1")
	})
}

func TestRule4TheRenewedSessionIsInitializedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		o.post = refusesSession("s1", http.StatusNotFound)
		d.Write(ready)
		d.Write(ping(1))
		d.WantLine(pong(1))
		d.End()
		o.wantSeen("initialize", "GET s1", "notifications/initialized s1", "initialize", "GET s2", "notifications/initialized s2", "ping s2", "DELETE s2")
	})
}

// A 404 that has a name for what is missing may be about the call, even though the session is blamed first.
func TestRule4ARefusalThatComesAgainIsAboutTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			status(404, jsonType, `{"errors":[{"detail":"no such profile","code":"profile_not_found"}]}`)(w, nil, m)
		})
		d := o.open()
		d.Write(toolCall(1))
		d.Want(`"id":1`, `"isError":true`, "LeadMagic does not know what was asked for: no such profile (profile_not_found)")
		if n := o.count("initialize"); n != 2 {
			t.Errorf("LeadMagic got initialize %d times, want twice", n)
		}
		d.End()
	})
}

func TestRule4ASessionThatIsLostTwiceIsSaid(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.lose("s1")
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if r.Header.Get("Mcp-Session-Id") != "s2" {
				return false
			}
			<-time.After(time.Millisecond) // behind the GET
			o.lose("s2")
			http.NotFound(w, r)
			return true
		}
		d.Write(toolCall(1))
		d.Want(`"id":1`, `"isError":true`, "LeadMagic lost the session, and the one opened in its place too")
		d.Write(ping(2)) // the next call has its own try
		d.WantLine(pong(2))
		synctest.Wait()
		d.End()
		o.wantSeen("initialize", "GET s1", "tools/call s1", "initialize", "GET s2", "tools/call s2", "ping s2", "initialize", "GET s3", "ping s3", "DELETE s3")
	})
}

func TestRule4NotificationsAndAnswersOfALostSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.lose("s1")
		d.Write(`{"jsonrpc":"2.0","id":"q","result":{}}`) // to a question of the lost session
		synctest.Wait()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		synctest.Wait()
		o.wantSeen("initialize", "GET s1", "answer s1", "notifications/x s1", "initialize", "GET s2", "notifications/x s2")
		d.End()
	})
}

// Somebody must notice on the GET stream that the session is lost, or nothing more would be received.
func TestRule4TheGETStreamFindsALostSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		lost := make(chan struct{})
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			if r.Header.Get("Mcp-Session-Id") == "s1" {
				<-lost
				return
			}
			send(w, `data: {"jsonrpc":"2.0","method":"notifications/of/s2"}`)
			untilGone(r)
		}
		d := o.initialize()
		d.Write(ready)
		synctest.Wait()
		o.lose("s1")
		close(lost)
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/of/s2"}`)
		synctest.Wait()
		d.End()
		o.wantLog("initialize", "GET s1", "notifications/initialized s1", "GET s1", "initialize", "GET s2", "notifications/initialized s2", "DELETE s2")
	})
}

// It is asked once: what it has found out cannot be undone by asking again.
func TestRule4AGETStreamOfALostSessionIsNotReopened(t *testing.T) {
	for name, tt := range map[string]struct {
		stateless bool
		want      []string
	}{
		"no session can be opened in its place": {false, []string{"initialize", "GET s1", "notifications/initialized s1", "GET s1", "initialize", "DELETE s1"}},
		"there was none to lose":                {true, []string{"initialize", "GET", "notifications/initialized", "GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.stateless = tt.stateless
				var asked atomic.Int32
				o.get = func(w http.ResponseWriter, _ *http.Request) {
					if asked.Add(1) == 1 {
						stream(w)
						return
					}
					w.WriteHeader(http.StatusNotFound)
				}
				var opened atomic.Int32
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
					if m.Method != "initialize" || opened.Add(1) == 1 {
						return false
					}
					w.WriteHeader(http.StatusForbidden)
					return true
				}
				d := o.open()
				<-time.After(time.Hour)
				d.End()
				o.wantLog(tt.want...)
			})
		})
	}
}

// A server that does not serve GET at all may answer 404 to it. That is no lost session.
func TestRule4AGETThatWasNeverOfferedLosesNoSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = http.NotFound
		d := o.initialize()
		d.Write(ready)
		<-time.After(time.Hour)
		alive(d)
		d.End()
		o.wantLog("initialize", "GET s1", "notifications/initialized s1", "ping s1", "DELETE s1")
	})
}

func TestRule4WithoutASessionIDNothingIsRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.stateless = true
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			http.NotFound(w, nil)
		})
		d := o.open()
		d.Write(toolCall(1))
		d.Want(`"id":1`, `"isError":true`, "LeadMagic does not know what was asked for")
		d.End()
		o.wantLog("initialize", "GET", "tools/call")
		if v := o.last("tools/call").header.Get("Mcp-Protocol-Version"); v != "2025-06-18" {
			t.Errorf("the version header is %q", v)
		}
	})
}

func TestRule4EverySessionRequestCarriesItsHeaders(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		d.Write(ready)
		alive(d)
		d.End()
		if h := o.last("initialize").header; h.Get("Mcp-Session-Id")+h.Get("Mcp-Protocol-Version") != "" {
			t.Errorf("initialize has the headers %v", h)
		}
		for _, which := range []string{"GET", "notifications/initialized", "ping", "DELETE"} {
			h := o.last(which).header
			if h.Get("Mcp-Session-Id") != "s1" || h.Get("Mcp-Protocol-Version") != "2025-06-18" {
				t.Errorf("%s has the headers %v", which, h)
			}
		}
		if h := o.last("ping").header; h.Get("Content-Type") != "application/json" || h.Get("Accept") != "application/json, text/event-stream" {
			t.Errorf("a POST has the headers %v", h)
		}
		if h := o.last("GET").header; h.Get("Accept") != "text/event-stream" || h.Values("Last-Event-Id") != nil {
			t.Errorf("the GET has the headers %v", h)
		}
	})
}

// The next session of an editor is a new one: nothing of the one before is replayed to it.
func TestRule4AnEditorMayBeginAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		d.Write(ready)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{}}`)
		d.Next()
		d.Write(hello)
		d.Want(`"id":0`)
		synctest.Wait()
		o.lose("s2")
		d.Write(ping(2))
		d.WantLine(pong(2))
		synctest.Wait()
		d.End()
		o.wantSeen(
			"initialize", "GET s1", "notifications/initialized s1", "logging/setLevel s1",
			"initialize", "DELETE s1", "ping s2", "initialize", "ping s3", "DELETE s3",
		)
	})
}

// An editor begins anew while its lost session is being opened again: what it has begun is what counts.
func TestRule4AnEditorMayBeginAnewDuringARenewal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		d.Write(ready)
		synctest.Wait()
		o.lose("s1")
		o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "initialize" && o.count("initialize") == 2 {
				<-time.After(time.Second) // the session in place of the lost one
			}
			return false
		}
		d.Write(ping(1))
		synctest.Wait()
		start := time.Now()
		d.Write(hello)
		d.Want(`"id":0`)
		d.Write(ping(2))
		d.WantLine(pong(2))
		if took := time.Since(start); took != 0 {
			t.Errorf("a request in the session that the editor has opened waited %v for another", took)
		}
		d.WantLine(pong(1))
		d.Write(ping(3))
		d.WantLine(pong(3))
		d.End()
		if got := o.last("ping").header.Get("Mcp-Session-Id"); got != "s2" {
			t.Errorf("the last ping went to session %s, want s2, which the editor has opened", got)
		}
		if o.count("DELETE s3") != 1 || o.count("GET s3") != 0 {
			t.Errorf("LeadMagic saw\n%q\nwant s3, which nobody needs, deleted", o.log())
		}
	})
}

func TestRule4AVersionThatIsNoHeaderIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("initialize", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			answer(w, m, `{"protocolVersion":"2025\n06"}`)
		})
		d := openEditor(t, o.remote())
		d.Write(hello)
		d.Want(`"id":0`)
		alive(d)
		if h := o.last("ping").header; h.Values("Mcp-Protocol-Version") != nil {
			t.Errorf("the call has the headers %v", h)
		}
		d.End()
	})
}

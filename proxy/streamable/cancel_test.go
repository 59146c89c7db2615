package streamable_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

func cancelOf(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"bored"}}`
}

func TestRule11ASessionCancellationIsPosted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		release := make(chan struct{})
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			<-release
			send(w, "data: "+result(m, `{"late":true}`))
		})
		d := o.open()
		d.Write(toolCall(`"\u0061"`))
		synctest.Wait()
		d.Write(cancelOf(`"a"`)) // the same id in another form
		synctest.Wait()
		if got := o.last(cancelled).raw; got != cancelOf(`"a"`) {
			t.Errorf("LeadMagic got %s", got)
		}
		if h := o.last(cancelled).header; h.Get("Mcp-Session-Id") != "s1" {
			t.Errorf("the cancellation has the headers %v", h)
		}
		close(release) // the late answer is dropped
		synctest.Wait()
		d.WantNothing()
		alive(d)
		d.End()
		o.wantLog("initialize", "GET s1", "tools/call s1", cancelled+" s1", "ping s1", "DELETE s1")
	})
}

func TestRule11ACallThatIsCancelledIsListenedToForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var gone atomic.Int64
		var start time.Time
		o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
			untilGone(r)
			gone.Store(int64(time.Since(start)))
		})
		d := o.open()
		d.Write(toolCall(1))
		synctest.Wait()
		start = time.Now()
		d.Write(cancelOf("1"))
		<-time.After(time.Hour)
		if got := time.Duration(gone.Load()); got != streamable.LateFor {
			t.Errorf("the connection was held for %v, want %v", got, streamable.LateFor)
		}
		d.WantNothing()
		d.End()
	})
}

func TestRule11AStatelessCancellationClosesTheStream(t *testing.T) {
	for _, method := range []string{"tools/call", "subscriptions/listen"} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			var gone atomic.Bool
			o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
				if m.Method == method {
					stream(w)
					untilGone(r)
					gone.Store(true)
				}
				return m.Method == method
			}
			d := openEditor(t, o.remote())
			d.Write(statelessRequest(1, method, ""))
			synctest.Wait()
			d.Write(cancelOf("1"))
			synctest.Wait()
			if !gone.Load() {
				t.Error("the stream stays open")
			}
			d.WantNothing()
			d.Write(statelessRequest(2, "ping", ""))
			d.Want(`"id":2`)
			d.End()
			o.wantLog(method, "ping")
		})
	}
}

func TestRule11ACancellationOfWhatIsNotPendingIsDropped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		d.Write(ping(1))
		d.WantLine(pong(1))
		for _, line := range []string{
			cancelOf("1"), cancelOf("7"), cancelOf(`"1"`), cancelOf("null"), cancelOf("{}"),
			`{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}`,
		} {
			d.Write(line)
		}
		alive(d)
		d.End()
		o.wantLog("initialize", "GET s1", "ping s1", "ping s1", "DELETE s1")
	})
}

// What waits for its turn when it is cancelled is never written.
func TestRule11ACallThatWaitsIsNeverWritten(t *testing.T) {
	tests := map[string]func(o *fakeServer, d *proxytest.Editor){
		"behind a notification": func(o *fakeServer, d *proxytest.Editor) {
			o.delay("notifications/x", time.Second)
			d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		},
		"for the rate limit": func(o *fakeServer, d *proxytest.Editor) {
			o.on("prompts/get", func(w http.ResponseWriter, _ *http.Request, m rpc) {
				w.Header().Set("Retry-After", "5")
				w.WriteHeader(http.StatusTooManyRequests)
			})
			d.Write(`{"jsonrpc":"2.0","id":50,"method":"prompts/get"}`)
		},
		"for a connection": func(o *fakeServer, _ *proxytest.Editor) {
			o.hangUp()
			o.dial = func() error {
				<-time.After(time.Second)
				return nil
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := o.open()
				prepare(o, d)
				synctest.Wait()
				d.Write(toolCall(1))
				synctest.Wait()
				d.Write(cancelOf("1"))
				<-time.After(time.Minute)
				if n := o.count("tools/call s1"); n != 0 {
					t.Error("a call that was cancelled was written")
				}
				if n := o.count(cancelled + " s1"); n != 0 {
					t.Error("LeadMagic was told of a call that it does not know")
				}
				for len(d.Lines()) > 0 {
					if line := d.Next(); strings.Contains(line, `"id":1,`) {
						t.Errorf("the editor got %s", line)
					}
				}
				o.dial = nil
				alive(d)
				d.End()
			})
		})
	}
}

// A call that is cancelled in the instant in which its connection is there is either written whole and
// LeadMagic is told, or not written at all.
func TestRule11ACallThatIsCancelledWhenItsConnectionComes(t *testing.T) {
	for range 50 {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.on("tools/call", func(_ http.ResponseWriter, r *http.Request, m rpc) {
				untilGone(r)
			})
			d := o.open()
			o.hangUp()
			synctest.Wait()
			ready := make(chan struct{})
			o.dial = func() error {
				<-ready
				return nil
			}
			d.Write(toolCall(1))
			synctest.Wait()
			go close(ready)
			d.Write(cancelOf("1"))
			<-time.After(time.Minute)
			if calls, told := o.count("tools/call s1"), o.count(cancelled+" s1"); calls != told {
				t.Errorf("LeadMagic got %d calls and was told of %d cancellations", calls, told)
			}
			d.WantNothing()
			d.End()
		})
	}
}

// The answer to a cancelled call is not taken for that to a later one with the same id.
func TestRule11ALateAnswerIsNobodyElses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		release := make(chan struct{})
		var n atomic.Int32
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			if n.Add(1) == 1 {
				<-release
				answer(w, m, `{"of":"the first"}`)
				return
			}
			<-time.After(time.Second)
			answer(w, m, `{"of":"the second"}`)
		})
		d := o.open()
		d.Write(toolCall(1))
		synctest.Wait()
		d.Write(cancelOf("1"))
		d.Write(toolCall(1))
		synctest.Wait()
		close(release)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"of":"the second"}}`)
		d.End()
	})
}

// initialize cannot be cancelled: if an editor does so it has its response all the same, and what waits for it is not
// held back for ever.
func TestRule11ACancelledInitializeHoldsNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("initialize", func(_ http.ResponseWriter, r *http.Request, m rpc) {
			untilGone(r)
		})
		d := openEditor(t, o.remote())
		d.Write(hello)
		d.Write(ping(1))
		synctest.Wait()
		d.Write(cancelOf("0"))
		d.Want(`"id":0`, "LeadMagic took the request and did not answer")
		d.WantLine(pong(1))
		d.End()
	})
}

func TestRule11ACallThatIsAnsweredIsNotAborted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			switch {
			case m.Method != "tools/call":
				return false
			case strings.Contains(string(m.Params), "lingers"):
				stream(w)
				send(w, "data: "+result(m, `{"first":true}`))
				untilGone(r)
			default:
				untilGone(r)
			}
			return true
		}
		d := o.open()
		d.Write(toolCall(1, `,"lingers":true`))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"first":true}}`)
		d.Write(toolCall(1)) // the same id, while the stream of the first is still open
		synctest.Wait()
		d.Write(cancelOf("1"))
		synctest.Wait()
		if n := o.count(cancelled + " s1"); n != 1 {
			t.Errorf("LeadMagic was told %d times, want once", n)
		}
		d.End()
	})
}

// Ids may be in use in both modes at once. A cancellation that says its own mode means a call of that.
func TestRule11AStatelessCancellationMeansAStatelessCall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		release, gone := make(chan struct{}), make(chan struct{})
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			switch {
			case m.Method != "tools/call":
				return false
			case r.Header.Get("Mcp-Session-Id") == "":
				untilGone(r)
				close(gone)
			default:
				<-release
				answer(w, m, `{"session":true}`)
			}
			return true
		}
		d := o.open()
		d.Write(toolCall(1))
		d.Write(toolCall(1, ","+metaOf))
		synctest.Wait()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,` + metaOf + `}}`)
		<-gone
		close(release)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"session":true}}`)
		d.End()
		if n := o.count(cancelled) + o.count(cancelled+" s1"); n != 0 {
			t.Errorf("LeadMagic was told %d times", n)
		}
	})
}

package streamable_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

func TestRule3NotificationsLeaveInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
			if strings.HasSuffix(m.Method, "/0") {
				<-time.After(time.Second) // the first is slow
			}
			return false
		}
		d := o.open()
		want := []string{"initialize", "GET s1"}
		for i := range 20 {
			d.Write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/x/%d"}`, i))
			want = append(want, fmt.Sprintf("notifications/x/%d s1", i))
		}
		d.Write(ping(1))
		d.WantLine(pong(1))
		d.End()
		o.wantLog(append(want, "ping s1", "DELETE s1")...)
	})
}

func TestRule3ACallWaitsForEarlierNotificationsTwoSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.delay("notifications/x", 10*time.Second)
		d := o.open()
		start := time.Now()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		d.Write(ping(1))
		d.WantLine(pong(1))
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the call waited %v, want %v", took, 2*time.Second)
		}
		d.End()
	})
}

func TestRule3CallsRunSideBySide(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var together atomic.Int32
		o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" {
				together.Add(1)
				<-time.After(time.Second)
			}
			return false
		}
		d := o.open()
		start := time.Now()
		const calls = 64
		for id := range calls {
			d.Write(toolCall(id + 1))
		}
		synctest.Wait()
		if n := together.Load(); n != calls {
			t.Errorf("%d calls are under way, want %d", n, calls)
		}
		for range calls {
			d.Next()
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("they took %v, want a second", took)
		}
		d.End()
	})
}

// A fast answer does not wait for a slow one before it.
func TestRule3AnswersComeAsTheyAreThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.delay("tools/call", time.Second)
		d := o.open()
		d.Write(toolCall(1))
		d.Write(ping(2))
		d.WantLine(pong(2))
		d.Want(`"id":1`)
		d.End()
	})
}

func TestRule3ProgressComesBeforeItsResult(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			for i := range 50 {
				send(w, fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":%d}}`, i))
			}
			send(w, "data: "+result(m, "{}"))
		})
		d := o.open()
		d.Write(toolCall(1, `,"_meta":{"progressToken":1}`))
		for i := range 50 {
			d.WantLine(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":%d}}`, i))
		}
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		d.End()
	})
}

func TestRule3InitializedWaitsForTheGETStream(t *testing.T) {
	for _, tt := range []struct {
		name     string
		withheld time.Duration // how long the GET's headers are
		want     time.Duration
	}{
		{"until it is answered", 200 * time.Millisecond, 200 * time.Millisecond},
		{"half a second at most", time.Hour, streamable.GETStreamFor},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.get = func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(tt.withheld):
						stream(w)
					case <-r.Context().Done():
					}
					untilGone(r)
				}
				start := time.Now()
				var took atomic.Int64
				o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
					if m.Method == "notifications/initialized" {
						took.Store(int64(time.Since(start)))
					}
					return false
				}
				d := o.initialize()
				d.Write(ready)
				d.Write(ping(1))
				d.WantLine(pong(1))
				if got := time.Duration(took.Load()); got != tt.want {
					t.Errorf("initialized was sent after %v, want %v", got, tt.want)
				}
				d.End()
				o.wantLog("initialize", "GET s1", "notifications/initialized s1", "ping s1", "DELETE s1")
			})
		})
	}
}

// An editor may send all it has without waiting for the answer to initialize.
func TestRule3NothingOvertakesInitialize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.delay("initialize", time.Second)
		d := openEditor(t, o.remote())
		d.Write(hello + "\n" + ready + "\n" + ping(1) + "\n" + ping(2))
		d.Want(`"id":0`)
		for range 2 {
			d.Want(`"result":{}`)
		}
		d.End()
		log := o.log()
		if want := []string{"initialize", "GET s1", "notifications/initialized s1"}; !slices.Equal(log[:3], want) {
			t.Errorf("LeadMagic saw %q, want %q first", log, want)
		}
	})
}

// Who waits for one initialize is let out by it, though another is sent meanwhile.
func TestRule3TwoInitializesAtOnceHoldNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.delay("initialize", time.Second)
		d := openEditor(t, o.remote())
		d.Write(hello)
		d.Write(ping(1))
		d.Write(strings.Replace(hello, `"id":0`, `"id":10`, 1))
		d.Write(ping(2))
		d.Want(`"id":0`)
		d.WantLine(pong(1))
		d.Want(`"id":10`)
		d.WantLine(pong(2))
		d.End()
		if n := o.count("DELETE s1") + o.count("DELETE s2"); n != 2 {
			t.Errorf("%d sessions were deleted, want both", n)
		}
		if o.count("ping s1") != 1 || o.count("ping s2") != 1 {
			t.Errorf("LeadMagic saw %q, want a ping in each session", o.log())
		}
	})
}

// A call of the stateless mode has no session to wait for.
func TestRule3StatelessCallsDoNotWaitForInitialize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		release := make(chan struct{})
		o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "initialize" {
				<-release
			}
			return false
		}
		d := openEditor(t, o.remote())
		d.Write(hello)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + metaOf + `}}`)
		d.Want(`"id":1`)
		close(release)
		d.Want(`"id":0`)
		d.End()
	})
}

// LeadMagic may answer a notification with a stream. The next one does not wait for its end, and what is
// said on it reaches the editor.
func TestRule3ANotificationThatIsAnsweredAtLengthHoldsNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			switch m.Method {
			case "notifications/x":
				stream(w)
				send(w, `data: {"jsonrpc":"2.0","method":"notifications/heard"}`)
				untilGone(r)
			case "notifications/y":
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"jsonrpc":"2.0","method":"notifications/heard/too"}`))
			default:
				return false
			}
			return true
		}
		d := o.open()
		start := time.Now()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/heard"}`)
		d.Write(`{"jsonrpc":"2.0","method":"notifications/y"}`)
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/heard/too"}`)
		alive(d)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		d.End()
	})
}

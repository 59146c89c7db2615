package streamable_test

import (
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

const mebibyte = 1 << 20

// A slowAnswer is written bit by bit, and counts what the other side has taken.
type slowAnswer struct {
	taken atomic.Int64
	stop  chan struct{} // closed to break the connection
	more  chan struct{} // closed to write on to the end
}

// write begins the answer to m: so much of it, and the rest when it may.
func (s *slowAnswer) write(w http.ResponseWriter, r *http.Request, kind string, m rpc, size, at int) {
	text := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"a":"`
	rest := size - len(text) - len(`"}}`)
	w.Header().Set("Content-Type", kind)
	switch kind {
	case "application/json":
		w.Header().Set("Content-Length", strconv.Itoa(size))
	default:
		text = "data: " + text
	}
	_, _ = io.WriteString(w, text)
	piece := strings.Repeat("x", 1<<20)
	for rest > 0 {
		if s.taken.Load() >= int64(at) {
			select {
			case <-s.stop:
				abort()
			case <-r.Context().Done():
				return
			case <-s.more:
			}
		}
		n := min(rest, len(piece))
		if _, err := io.WriteString(w, piece[:n]); err != nil {
			return
		}
		flush(w)
		rest -= n
		s.taken.Add(int64(n))
	}
	_, _ = io.WriteString(w, `"}}`)
	if kind != "application/json" {
		_, _ = io.WriteString(w, "\n\n")
	}
}

// What large answers need is bounded: one that does not fit beside others is read when they are gone.
func TestRule12LargeAnswersWaitForEachOther(t *testing.T) {
	const size = 200 * mebibyte
	for _, kind := range []string{"application/json", "text/event-stream"} {
		t.Run(kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				answers := map[string]*slowAnswer{}
				for _, id := range []string{"1", "2", "3"} {
					answers[id] = &slowAnswer{stop: make(chan struct{}), more: make(chan struct{})}
				}
				o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
					if a := answers[string(m.ID)]; a != nil {
						a.write(w, r, kind, m, size, 20*mebibyte)
						return
					}
					answer(w, m, `{"content":[]}`)
				})
				d := o.open()
				d.Write(toolCall(1))
				synctest.Wait()
				for answers["1"].taken.Load() < 20*mebibyte {
					<-time.After(time.Millisecond)
				}
				for _, id := range []int{2, 3} {
					d.Write(toolCall(id))
				}
				<-time.After(time.Second)
				for _, id := range []string{"2", "3"} {
					if n := answers[id].taken.Load(); n > 18*mebibyte {
						t.Errorf("%d MiB of answer %s are read beside a large one", n/mebibyte, id)
					}
				}
				// Small answers pass, and so do those of middle size.
				d.Write(toolCall(4))
				d.WantLine(`{"jsonrpc":"2.0","id":4,"result":{"content":[]}}`)

				// When the first is gone, the second is read on.
				close(answers["1"].stop)
				if got := d.Next(); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":1,`) || !strings.Contains(got, isUnknown) {
					t.Errorf("the editor got %s", got)
				}
				<-time.After(time.Second)
				second, third := answers["2"].taken.Load(), answers["3"].taken.Load()
				if max(second, third) < 20*mebibyte || min(second, third) > 18*mebibyte {
					t.Errorf("%d MiB of the second answer are read, and %d MiB of the third", second/mebibyte, third/mebibyte)
				}

				// The one that waits is refused after a minute. What it has cost nobody knows.
				<-time.After(2 * time.Minute)
				got := d.Next()
				if !strings.Contains(got, "too many large messages") || !strings.Contains(got, isUnknown) {
					t.Errorf("the editor got %s", got)
				}
				waits := "3"
				if second < third {
					waits = "2"
				}
				if !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":`+waits+`,`) {
					t.Errorf("the editor got %s, want the answer to %s", got, waits)
				}
				other := "2"
				if waits == "2" {
					other = "3"
				}
				close(answers[other].stop)
				if got := d.Next(); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":`+other+`,`) {
					t.Errorf("the editor got %s", got)
				}
				alive(d)
				d.End()
				if n := o.count("tools/call s1"); n != 4 {
					t.Errorf("LeadMagic got %d calls, want 4", n)
				}
			})
		})
	}
}

// Answers of middle size are read side by side, and what they hold is given back: many more pass than fit at once.
func TestRule12AnswersOfMiddleSize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		text := strings.Repeat("x", mebibyte+mebibyte/4)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			send(w, "data: "+result(m, `{"a":"`+text+`"}`))
		})
		d := o.open()
		const calls = 40
		for id := range calls {
			d.Write(toolCall(1000 + id))
		}
		for range calls {
			if got := d.Next(); len(got) < len(text) {
				t.Fatalf("the editor got %s", proxytest.Short(got))
			}
		}
		d.End()
	})
}

// A message that is larger than one may be is known by its length before any of it is read.
func TestRule12AnAnswerThatSaysItIsTooLarge(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor) {
		a := &slowAnswer{stop: make(chan struct{}), more: make(chan struct{})}
		o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
			a.write(w, r, "application/json", m, 257*mebibyte, 300*mebibyte)
		})
		d := begin()
		d.Write(asking(mode, "1", "tools/call", `"name":"find"`))
		if got := d.Next(); !strings.Contains(got, "a message of more than 256 MiB") || !strings.Contains(got, isUnknown) {
			t.Errorf("the editor got %s", got)
		}
		d.End()
		if n := a.taken.Load(); n > mebibyte {
			t.Errorf("%d bytes of it were read", n)
		}
	})
}

// What a large message has needed is the system's again a few seconds later.
func TestRule12MemoryIsGivenBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		text := strings.Repeat("x", 48*mebibyte)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			_, _ = io.WriteString(w, `data: {"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"a":"`)
			_, _ = io.WriteString(w, text)
			_, _ = io.WriteString(w, "\"}}\n\n")
		})
		d := o.open()
		d.Write(toolCall(1))
		d.Next()
		synctest.Wait()
		<-time.After(time.Minute) // in a bubble
		synctest.Wait()
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		// text is still there, and some of the test's own buffers may be.
		if kept := after.HeapSys - after.HeapReleased; kept > 100*mebibyte {
			t.Errorf("%d MiB are kept", kept/mebibyte)
		}
		runtime.KeepAlive(text)
		d.End()
	})
}

// An answer that is too large would be so again: the rest of its stream is not asked for.
func TestRule12AnAnswerThatIsTooLargeIsNotAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		a := &slowAnswer{stop: make(chan struct{}), more: make(chan struct{})}
		o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
			w.Header().Set("Content-Type", "text/event-stream")
			send(w, "id: 7", "retry: 1", "data:")
			_, _ = io.WriteString(w, "id: 8\n")
			a.write(w, r, "text/event-stream", m, 258*mebibyte, 300*mebibyte)
		})
		d := o.open()
		d.Write(toolCall(1))
		if got := d.Next(); !strings.Contains(got, "a message of more than 256 MiB") || !strings.Contains(got, isUnknown) {
			t.Errorf("the editor got %s", proxytest.Short(got))
		}
		<-time.After(time.Minute)
		alive(d)
		d.End()
		if o.count("GET s1") != 1 || o.count("tools/call s1") != 1 {
			t.Errorf("LeadMagic got %q", o.log())
		}
	})
}

package streamable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

func TestRule13AClosedInputIsDrained(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = keepsOpen
		o.delay("tools/call", 20*time.Second)
		d := o.open()
		d.Write(toolCall(1))
		d.Write(toolCall(2))
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		start := time.Now()
		d.Close()
		d.Want(`"result":{"name":"find"}`)
		d.Want(`"result":{"name":"find"}`)
		d.End()
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("the end took %v", took)
		}
		o.wantSeen("initialize", "GET s1", "tools/call s1", "tools/call s1", "notifications/x s1", "DELETE s1")
	})
}

// The last answer is never lost, however soon after it the session ends.
func TestRule13TheLastAnswerIsOutBeforeTheEnd(t *testing.T) {
	for range 200 {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.stateless = true
			d := openEditor(t, o.remote())
			d.Write(hello)
			d.Write(toolCall(1))
			d.Write(toolCall(2))
			d.Close()
			for range 3 {
				d.Want(`"result"`)
			}
			d.End()
		})
	}
}

func TestRule13WhatIsPendingAfterHalfAMinuteIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method == "tools/call" || m.Method == "subscriptions/listen" || m.Method == "resources/read" {
				stream(w)
				send(w, "padding") // a line that the standard does not know
				untilGone(r)
				return true
			}
			return false
		}
		d := o.open()
		d.Write(toolCall(1))
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"resources/read"}`)
		d.Write(statelessRequest(3, "subscriptions/listen", ""))
		synctest.Wait()
		start := time.Now()
		d.Close()
		lines := d.Next() + d.Next()
		wantParts(t, lines, `"id":1`, `"isError":true`, "the session ended before LeadMagic answered", isUnknown, `"id":2`, `"code":-32603`)
		d.End()
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("the end took %v, want %v", took, 30*time.Second)
		}
		if o.count("DELETE s1") != 1 || o.count(cancelled+" s1") != 0 { // the end of the session cancels them
			t.Errorf("LeadMagic saw %q", o.log())
		}
	})
}

func TestRule13TheEndWaitsForNoOpenStream(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = keepsOpen
		o.on("subscriptions/listen", func(w http.ResponseWriter, r *http.Request, m rpc) {
			keepsOpen(w, r)
		})
		d := o.open()
		d.Write(statelessRequest(3, "subscriptions/listen", ""))
		synctest.Wait()
		start := time.Now()
		d.End()
		if took := time.Since(start); took != 0 {
			t.Errorf("the end took %v", took)
		}
	})
}

// signalled is a session that a signal ends, and what Run returns then.
type signalled struct {
	*proxytest.Editor
	signal context.CancelFunc
	out    *gatedWriter
}

// gatedWriter lets lines out only while it is open.
type gatedWriter struct {
	io.Writer
	mu     sync.Mutex
	closed chan struct{}
	late   int // lines that were let out after a release
}

func (g *gatedWriter) Write(b []byte) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		<-closed
		g.mu.Lock()
		g.late++
		g.mu.Unlock()
	}
	return g.Writer.Write(b)
}

func (g *gatedWriter) block() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = make(chan struct{})
}

func (g *gatedWriter) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.closed)
	g.closed = nil
}

// attend starts a session whose signal, output and end are in the test's hand.
func (o *fakeServer) attend() *signalled {
	o.t.Helper()
	ctx, signal := context.WithCancel(o.t.Context())
	s := &signalled{signal: signal, out: &gatedWriter{}}
	s.Editor = proxytest.NewEditor(o.t, func(in io.Reader, out io.Writer) error {
		s.out.Writer = out
		return proxy.Run(ctx, proxy.Options{In: in, Out: s.out, Upstream: o.remote(), Log: slog.New(slog.DiscardHandler)})
	})
	s.Write(hello)
	s.Want(`"id":0`)
	synctest.Wait()
	return s
}

func TestRule13ASignalEndsTheSessionSoon(t *testing.T) {
	for _, tt := range []struct {
		name string
		post func(w http.ResponseWriter, r *http.Request, m rpc) bool
		most time.Duration
	}{
		{"when LeadMagic is well", nil, 0},
		{"when LeadMagic is silent", func(_ http.ResponseWriter, r *http.Request, _ rpc) bool {
			untilGone(r)
			return true
		}, (300 * time.Millisecond)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.get = keepsOpen
				s := o.attend()
				o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
					if m.Method == "tools/call" {
						untilGone(r)
						return true
					}
					return tt.post != nil && tt.post(w, r, m)
				}
				s.Write(toolCall(1))
				s.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
				synctest.Wait()
				start := time.Now()
				s.signal()
				s.Want(`"id":1`, `"isError":true`, "the session ended", isUnknown)
				if err := s.Wait(); err != nil {
					t.Errorf("Run: %v", err)
				}
				if took := time.Since(start); took > tt.most {
					t.Errorf("the end took %v, want %v at most", took, tt.most)
				}
				if o.count("DELETE s1") != 1 || o.count(cancelled+" s1") != 0 { // the end of the session cancels the call
					t.Errorf("LeadMagic saw %q", o.log())
				}
			})
		})
	}
}

// An editor that does not read cannot hold the end up. What waited to be written is not written afterwards.
func TestRule13ASignalEndsASessionWhoseOutputIsBlocked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		s := o.attend()
		s.out.block()
		for id := range 5 {
			s.Write(ping(id + 1))
		}
		synctest.Wait()
		start := time.Now()
		s.signal()
		if err := s.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(start); took != (300 * time.Millisecond) {
			t.Errorf("the end took %v, want %v", took, (300 * time.Millisecond))
		}
		if o.count("DELETE s1") != 1 {
			t.Errorf("LeadMagic saw %q", o.log())
		}
		s.out.release()
		synctest.Wait()
		s.out.mu.Lock()
		defer s.out.mu.Unlock()
		if n := s.out.late; n != 1 {
			t.Errorf("%d lines were written after the end, want the one that was being written", n)
		}
	})
}

// An editor that reads slowly gets everything, in time that it takes itself.
func TestRule13AnEditorThatDoesNotReadForAWhileLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		s := o.attend()
		s.out.block()
		const calls = 100
		for id := range calls {
			s.Write(ping(id + 1))
		}
		s.Close()
		<-time.After(10 * time.Second)
		s.out.release()
		for range calls {
			s.Want(`"result":{}`)
		}
		if err := s.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A signal while the input is being drained ends the waiting.
func TestRule13ASignalEndsTheDrain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		s := o.attend()
		o.on("tools/call", func(_ http.ResponseWriter, r *http.Request, m rpc) {
			untilGone(r)
		})
		s.Write(toolCall(1))
		s.Close()
		synctest.Wait()
		start := time.Now()
		s.signal()
		s.Want(`"id":1`, isUnknown)
		if err := s.Wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(start); took > (300 * time.Millisecond) {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestRule13ABrokenOutputEndsTheSessionInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		inRead, in := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- proxy.Run(t.Context(), proxy.Options{In: inRead, Out: failing{}, Upstream: o.remote(), Log: slog.New(slog.DiscardHandler)})
			_ = inRead.Close()
		}()
		_, _ = io.WriteString(in, hello+"\n")
		if err := <-ended; !errors.Is(err, io.ErrShortWrite) || !strings.Contains(err.Error(), "writing to the editor") {
			t.Errorf("Run: %v", err)
		}
		if o.count("DELETE s1") != 1 {
			t.Errorf("LeadMagic saw %q", o.log())
		}
	})
}

// The DELETE has its time even if a notification is stuck.
func TestRule13TheSessionIsDeletedWhateverIsStuck(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("notifications/x", func(_ http.ResponseWriter, r *http.Request, m rpc) {
			untilGone(r)
		})
		d := o.open()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		synctest.Wait()
		start := time.Now()
		d.End()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the end took %v", took)
		}
		if o.count("DELETE s1") != 1 {
			t.Errorf("LeadMagic saw %q", o.log())
		}
	})
}

// The last notification is out before the end, even if the editor closes its side right behind it.
func TestRule13TheLastNotificationIsOutBeforeTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.delay("notifications/x", 200*time.Millisecond)
		d := o.open()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		d.Write(`{"jsonrpc":"2.0","method":"notifications/y"}`)
		d.End()
		o.wantLog("initialize", "GET s1", "notifications/x s1", "notifications/y s1", "DELETE s1")
	})
}

func TestRule13WhatIsSentAfterTheEndGoesNowhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		r := o.remote()
		var delivered atomic.Int32
		r.Start(func(*jsonrpc.Message) { delivered.Add(1) })
		m, _ := jsonrpc.Parse([]byte(hello))
		if got := r.Call(t.Context(), m); got.Result == nil {
			t.Fatalf("initialize: %v", got.Err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		r.Close(ctx)
		before := len(o.log())
		for _, line := range []string{hello, ping(1)} {
			m, _ := jsonrpc.Parse([]byte(line))
			if got := r.Call(t.Context(), m); got == nil || got.Err == nil {
				t.Errorf("after Close the response to %s is %v", line, got)
			}
		}
		for _, line := range []string{ready, cancelOf("1"), `{"jsonrpc":"2.0","id":1,"result":{}}`} {
			m, _ := jsonrpc.Parse([]byte(line))
			r.Notify(t.Context(), m)
		}
		<-time.After(time.Minute)
		if got := o.log(); len(got) != before || delivered.Load() != 0 {
			t.Errorf("LeadMagic saw %q, the editor got %d messages", got, delivered.Load())
		}
	})
}

// While the session is being deleted LeadMagic is not told of a cancellation: the session might be opened again for it.
func TestRule13NothingIsSentWhileTheSessionIsDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		r := o.remote()
		r.Start(func(*jsonrpc.Message) {})
		initialize, _ := jsonrpc.Parse([]byte(hello))
		r.Call(t.Context(), initialize)
		deleting := make(chan struct{})
		o.on("tools/call", func(_ http.ResponseWriter, r *http.Request, m rpc) {
			untilGone(r)
		})
		o.remove = func(http.ResponseWriter, *http.Request) {
			close(deleting)
			<-time.After(time.Second)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		var answered sync.WaitGroup
		answered.Go(func() {
			call, _ := jsonrpc.Parse([]byte(toolCall(1)))
			r.Call(ctx, call)
		})
		synctest.Wait()
		answered.Go(func() { r.Close(t.Context()) })
		<-deleting
		cancel(errors.New("nobody needs it"))
		answered.Wait()
		o.wantLog("initialize", "tools/call s1", "DELETE s1")
	})
}

func TestRule13ManySessionsLeaveNothingBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) { // a bubble does not end before its goroutines have
		o := newFakeServer(t)
		o.get = keepsOpen
		var editors []*proxytest.Editor
		for range 50 {
			editors = append(editors, o.open())
		}
		for i, d := range editors {
			d.Write(toolCall(i))
			if i%2 == 0 {
				d.Want(`"result"`)
			}
		}
		for i, d := range editors {
			if i%2 == 1 {
				d.Close()
				d.Want(`"result"`)
			}
			d.End()
		}
		for i := range editors {
			if n := o.count(fmt.Sprintf("DELETE s%d", i+1)); n != 1 {
				t.Errorf("session %d was deleted %d times", i+1, n)
			}
		}
	})
}

func TestRule14AfterASilenceTheConnectionsAreNew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			send(w, "id: 5", "data:")
			untilGone(r)
		}
		d := o.initialize()
		d.Write(ready)
		alive(d)
		<-time.After(streamable.SleepGap - time.Second)
		alive(d)
		if o.clients != 1 || o.count("GET s1") != 1 {
			t.Fatalf("there are %d clients and %d GETs before the silence", o.clients, o.count("GET s1"))
		}
		// The connections die without a word.
		o.freeze()
		<-time.After(streamable.SleepGap + time.Second)
		start := time.Now()
		for id := range 5 {
			d.Write(ping(id))
		}
		for range 5 {
			d.Want(`"result":{}`)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the first call after the silence took %v", took)
		}
		synctest.Wait()
		if o.clients != 2 || o.count("GET s1") != 2 {
			t.Errorf("there are %d clients and %d GETs, want two of each", o.clients, o.count("GET s1"))
		}
		if got := o.last("GET").header.Get("Last-Event-Id"); got != "5" {
			t.Errorf("the stream goes on behind %q", got)
		}
		d.End()
	})
}

// A session that has no GET stream yet may be silent too.
func TestRule14ASilenceBeforeInitialized(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.initialize()
		<-time.After(streamable.SleepGap + time.Second)
		alive(d)
		if o.clients != 2 {
			t.Errorf("there are %d clients, want two", o.clients)
		}
		d.End()
		o.wantLog("initialize", "ping s1", "DELETE s1")
	})
}

// A GET that reaches nobody brings no byte, however often it is tried.
func TestRule14AttemptsAreNoSignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var away atomic.Bool
		attempts := make(chan struct{})
		o.dial = func() error {
			if away.Load() {
				select {
				case attempts <- struct{}{}:
				default:
				}
				return errors.New("nobody is there")
			}
			return nil
		}
		o.get = keepsOpen
		d := o.initialize()
		d.Write(ready)
		alive(d)
		away.Store(true)
		o.hangUp()
		<-time.After(10 * streamable.SleepGap)
		if o.clients != 1 {
			t.Errorf("there are %d clients before the call, want one", o.clients)
		}
		<-attempts
		away.Store(false)
		synctest.Wait()
		alive(d)
		if o.clients != 2 {
			t.Errorf("there are %d clients after the call, want two", o.clients)
		}
		d.End()
	})
}

// Neither is the end of a stream that breaks when the machine wakes.
func TestRule14ACutIsNoSignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = keepsOpen
		d := o.open()
		alive(d)
		<-time.After(2 * streamable.SleepGap)
		o.hangUp()
		synctest.Wait()
		alive(d)
		if o.clients != 2 {
			t.Errorf("there are %d clients, want two", o.clients)
		}
		d.End()
	})
}

// The end of a body that takes long is a sign of life.
func TestRule14TheEndOfALongBodyIsASignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			w.Header().Set("Content-Type", "application/json")
			flush(w)
			<-time.After(10 * time.Minute)
			answer(w, m, "{}")
		})
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		<-time.After(streamable.SleepGap)
		alive(d)
		if o.clients != 1 {
			t.Errorf("there are %d clients, want one", o.clients)
		}
		d.End()
	})
}

// A call that runs on when the machine wakes keeps its stream.
func TestRule14ALongCallSurvivesTheChange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			<-time.After(10 * time.Minute)
			send(w, "data: "+result(m, "{}"))
		})
		d := o.open()
		d.Write(toolCall(1))
		<-time.After(5 * time.Minute)
		alive(d)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		d.End()
	})
}

func TestRule15NothingHappensBeforeTheEditorSpeaks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := openEditor(t, o.remote())
		<-time.After(time.Hour)
		if len(o.log()) > 0 || o.clients > 0 {
			t.Errorf("LeadMagic saw %q, by %d clients", o.log(), o.clients)
		}
		d.End()
		if len(o.log()) > 0 || o.clients > 0 {
			t.Errorf("at the end LeadMagic saw %q, by %d clients", o.log(), o.clients)
		}
	})
}

// A session that cannot be deleted ends all the same.
func TestRule13ADeletionThatReachesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.dial = func() error { return errNoRoute }
		o.hangUp()
		synctest.Wait()
		d.End()
		o.wantLog("initialize", "GET s1")
	})
}

// Editors start servers twice and kill one of them.
func TestRule15ASessionThatWasNeverOpenedEndsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.dial = func() error { return errNoRoute }
		d := openEditor(t, o.remote())
		d.Write(hello)
		synctest.Wait()
		d.Close()
		d.Want(`"id":0`, "not reachable")
		d.End()
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

package streamable_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// A heard is what a client notified, in order.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) notify(m *jsonrpc.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, string(m.Raw))
}

func (h *heard) want(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.lines, want) {
		t.Errorf("%s the client has notified %q, want %q", when, h.lines, want)
	}
}

// call is the response to a line.
func call(t *testing.T, c *streamable.Client, ctx context.Context, line string) *jsonrpc.Message {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return c.Call(ctx, m)
}

// closeWithin closes a client, and says how long that took.
func closeWithin(c *streamable.Client, limit time.Duration) time.Duration {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	start := time.Now()
	c.Close(ctx)
	return time.Since(start)
}

// What comes on a stream after the response is passed on after the response is written, which the end of the request's
// context says.
func TestRule3WhatFollowsAResponseComesAfterIt(t *testing.T) {
	const note = `{"jsonrpc":"2.0","method":"notifications/x"}`
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			stream(w)
			send(w, "data: "+result(m, "{}"))
			send(w, "data: "+note)
			untilGone(r)
			return true
		}
		c := o.remote()
		var h heard
		c.Start(h.notify)
		ctx, written := context.WithCancel(t.Context())
		if got := call(t, c, ctx, statelessRequest(1, "tools/call", "")); got.Result == nil {
			t.Errorf("got %v", got.Err)
		}
		h.want(t, "before the response is written")
		written()
		h.want(t, "after that", note)
		closeWithin(c, time.Second)
	})
}

// What a request needed is given back when it is over: its context ends, though the session goes on.
func TestNothingOfARequestStaysBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method != "tools/call" {
				return paged(map[string]string{"": `{"tools":[],"nextCursor":"2"}`, "2": `{"tools":[]}`})(w, nil, m)
			}
			stream(w)
			send(w, "data: "+result(m, "{}"))
			send(w, "data: {}")
			return true
		}
		c := o.remote()
		c.ToolTimeout = time.Hour
		var contexts []context.Context
		dial := c.Dial
		c.Dial = func() http.RoundTripper {
			transport := dial()
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				contexts = append(contexts, r.Context())
				return transport.RoundTrip(r)
			})
		}
		c.Start(func(*jsonrpc.Message) {})
		for _, line := range []string{hello, ping(1), `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, toolCall(3)} {
			ctx, written := context.WithCancel(t.Context())
			if got := call(t, c, ctx, line); got.Err != nil {
				t.Errorf("%s: %v", line, got.Err)
			}
			written()
		}
		note, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/x"}`))
		c.Notify(t.Context(), note)
		synctest.Wait()
		for i, ctx := range contexts {
			if ctx.Err() == nil {
				t.Errorf("request %d of %d is not over", i, len(contexts))
			}
		}
		if len(contexts) != 6 {
			t.Errorf("%d requests were sent, want 6", len(contexts))
		}
		closeWithin(c, time.Second)
	})
}

// What nobody needs any more is not sent.
func TestRule11WhatHasEndedBeforeIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		c := o.remote()
		c.Start(func(*jsonrpc.Message) {})
		call(t, c, t.Context(), hello)
		ended, end := context.WithCancel(t.Context())
		end()
		note, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/x"}`))
		for range 100 { // a connection is there, so that it would be sent at once
			if got := call(t, c, ended, toolCall(1)); problem.As(got.Err) == nil || problem.As(got.Err).Outcome != problem.NotSent {
				t.Errorf("got %v, want that it was not sent", got.Err)
			}
			c.Notify(ended, note)
		}
		closeWithin(c, time.Second)
		o.wantLog("initialize", "DELETE s1")
	})
}

// What became of a call that was cancelled while LeadMagic worked on it is not known.
func TestRule11ACancelledCallIsCalledSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(_ http.ResponseWriter, r *http.Request, _ rpc) bool {
			untilGone(r)
			return true
		}
		c := o.remote()
		c.Start(func(*jsonrpc.Message) {})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(new(jsonrpc.Cancelled)) })
		got := problem.As(call(t, c, ctx, statelessRequest(1, "tools/call", "")).Err)
		if got == nil || got.What != "the call was cancelled" || got.Outcome != problem.Unknown {
			t.Errorf("got %+v", got)
		}
		closeWithin(c, time.Second)
	})
}

// The connections that a silence may have killed are closed.
func TestRule14ConnectionsBeforeASilenceAreClosed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		c := o.remote()
		var transports []*closingTransport
		c.Dial = func() http.RoundTripper {
			transports = append(transports, &closingTransport{RoundTripper: o.transport()})
			return transports[len(transports)-1]
		}
		c.Start(func(*jsonrpc.Message) {})
		call(t, c, t.Context(), ping(1))
		<-time.After(streamable.SleepGap + time.Second)
		call(t, c, t.Context(), ping(2))
		if len(transports) != 2 || transports[0].closed.Load() != 1 || transports[1].closed.Load() != 0 {
			t.Errorf("there are %d transports, want two, and the first one closed", len(transports))
		}
		closeWithin(c, time.Second)
	})
}

// At the end what is being sent has half of the time, so that there is some for DELETE.
func TestRule13TheEndWaitsForACancellationOnItsWay(t *testing.T) {
	for name, tt := range map[string]struct {
		takes, deleted time.Duration
	}{
		"that takes a while":    {300 * time.Millisecond, 300 * time.Millisecond},
		"that takes all of it":  {time.Hour, 500 * time.Millisecond},
		"that is already taken": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(_ http.ResponseWriter, r *http.Request, m rpc) bool {
					switch m.Method {
					case "tools/call":
						untilGone(r)
					case cancelled:
						select {
						case <-time.After(tt.takes):
						case <-r.Context().Done():
						}
					}
					return m.Method == "tools/call"
				}
				var closing time.Time
				var deleted atomic.Int64
				c := o.remote()
				dial := c.Dial
				c.Dial = func() http.RoundTripper {
					transport := dial()
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodDelete {
							deleted.Store(int64(time.Since(closing)))
						}
						return transport.RoundTrip(r)
					})
				}
				c.Start(func(*jsonrpc.Message) {})
				call(t, c, t.Context(), hello)
				ctx, cancel := context.WithCancelCause(t.Context())
				returned := make(chan struct{})
				go func() {
					defer close(returned)
					call(t, c, ctx, toolCall(1))
				}()
				synctest.Wait()
				notification, _ := jsonrpc.Parse([]byte(cancelOf("1")))
				cancel(&jsonrpc.Cancelled{Notification: notification})
				synctest.Wait()
				closing = time.Now()
				took := closeWithin(c, time.Second)
				<-returned
				if got := time.Duration(deleted.Load()); got != tt.deleted || took != tt.deleted {
					t.Errorf("the session was deleted after %v, and ended after %v, want %v", got, took, tt.deleted)
				}
				o.wantLog("initialize", "tools/call s1", cancelled+" s1", "DELETE s1")
			})
		})
	}
}

// Close returns when nothing of the session notifies any more, and closes the connections that nobody uses.
func TestRule13NothingComesAfterTheEnd(t *testing.T) {
	for name, tt := range map[string]struct{ busy, want time.Duration }{
		"what is being passed on is waited for": {100 * time.Millisecond, 100 * time.Millisecond},
		"but no longer than the end may take":   {time.Hour, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.get = func(w http.ResponseWriter, r *http.Request) {
					stream(w)
					send(w, `data: {"jsonrpc":"2.0","method":"notifications/x"}`)
					untilGone(r)
				}
				c := o.remote()
				var transport *closingTransport
				c.Dial = func() http.RoundTripper {
					transport = &closingTransport{RoundTripper: o.transport()}
					return transport
				}
				c.Start(func(*jsonrpc.Message) { <-time.After(tt.busy) })
				call(t, c, t.Context(), hello)
				initialized, _ := jsonrpc.Parse([]byte(ready))
				c.Notify(t.Context(), initialized)
				synctest.Wait()
				if took := closeWithin(c, time.Second); took != tt.want {
					t.Errorf("the end took %v, want %v", took, tt.want)
				}
				if n := transport.closed.Load(); n != 1 {
					t.Errorf("idle connections were closed %d times, want once", n)
				}
				if got := call(t, c, t.Context(), ping(1)); got.Err == nil {
					t.Errorf("after the end LeadMagic answers %s", got.Raw)
				}
				o.wantLog("initialize", "GET s1", "notifications/initialized s1", "DELETE s1")
				<-time.After(tt.busy) // in a bubble
			})
		})
	}
}

// A closingTransport counts how often its idle connections are closed.
type closingTransport struct {
	http.RoundTripper
	closed atomic.Int32
}

func (c *closingTransport) CloseIdleConnections() {
	c.closed.Add(1)
	c.RoundTripper.(*countingTransport).CloseIdleConnections()
}

package streamable_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// How often a paid call and a read are sent for each status, told apart by what LeadMagic says and by how
// long it wants us to wait.
func TestRule5CreditsAreMoney(t *testing.T) {
	tests := []struct {
		status     int
		retryAfter string
		paid, read int
	}{
		{400, "", 1, 1},
		{401, "", 1, 1},
		{402, "", 1, 1},
		{403, "", 1, 1},
		{408, "", 1, 1},
		{410, "", 1, 1},
		{422, "", 1, 1},
		{302, "", 1, 1},
		{500, "", 1, 3},
		{502, "", 1, 3},
		{503, "", 1, 3},
		{503, "1", 1, 3},
		{503, "5", 1, 3},
		{503, "6", 1, 1},
		{503, "60", 1, 1},
		{504, "", 1, 3},
		{429, "6", 4, 4},
		{429, "9", 3, 3},
		{429, "20", 2, 2},
		{429, "21", 1, 1},
		{429, "31536000", 1, 1},
		{429, "-5", 4, 4},
		{429, "soon", 4, 4},
		{429, "", 4, 4},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.retryAfter), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := o.open()
				o.post = func(w http.ResponseWriter, r *http.Request, _ rpc) bool {
					if r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != "" {
						t.Error("a request has an idempotency key, so that net/http repeats it by itself")
					}
					if tt.retryAfter != "" {
						w.Header().Set("Retry-After", tt.retryAfter)
					}
					w.WriteHeader(tt.status)
					return true
				}
				start := time.Now()
				d.Write(toolCall(1))
				d.Want(`"id":1`, `"isError":true`)
				if n := o.count("tools/call s1"); n != tt.paid {
					t.Errorf("a paid call was sent %d times, want %d", n, tt.paid)
				}
				d.Write(`{"jsonrpc":"2.0","id":2,"method":"resources/read"}`)
				d.Want(`"id":2`, `"error"`)
				if n := o.count("resources/read s1"); n != tt.read {
					t.Errorf("a read was sent %d times, want %d", n, tt.read)
				}
				if took := time.Since(start); took > 2*streamable.LimitFor+time.Second {
					t.Errorf("both took %v", took)
				}
				d.End()
			})
		})
	}
}

func TestRule5EveryReadAndNothingElseIsRepeated(t *testing.T) {
	methods := map[string]int{
		"tools/list": 3, "prompts/list": 3, "resources/list": 3, "resources/templates/list": 3, "tasks/list": 3, "tasks/get": 3,
		"resources/read": 3, "prompts/get": 3, "completion/complete": 3, "ping": 3, "server/discover": 3,
		"tools/call": 1, "logging/setLevel": 1, "resources/subscribe": 1, "tasks/cancel": 1, "tasks/result": 1, "subscriptions/listen": 1, "of/tomorrow": 1,
	}
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.post = func(http.ResponseWriter, *http.Request, rpc) bool {
			abort()
			return true
		}
		for method, want := range methods {
			d.Write(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
			d.Want(`"id":1`)
			if n := o.count(method + " s1"); n != want {
				t.Errorf("%s was sent %d times, want %d", method, n, want)
			}
		}
		o.post = nil
		d.End()
	})
}

// Until LeadMagic can be reached nothing was written, so even a paid call is tried again, for a while.
func TestRule5WhatWasNotWrittenIsTriedAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		failed int
		want   string
		tries  int32
	}{
		{"LeadMagic comes back", 3, `{"jsonrpc":"2.0","id":1,"result":{"name":"find"}}`, 4},
		{"LeadMagic stays away", 1000, "LeadMagic is not reachable: the connection was refused", 9}, // after 0.1, 0.2, 0.4 and each 0.5 s
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := o.open(func(r *streamable.Client) {
					dial := r.Dial
					r.Dial = func() http.RoundTripper { // no connection is kept
						transport := dial().(*countingTransport)
						transport.DisableKeepAlives = true
						return transport
					}
				})
				var dials atomic.Int32
				o.dial = func() error {
					if int(dials.Add(1)) <= tt.failed {
						return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
					}
					return nil
				}
				start := time.Now()
				d.Write(toolCall(1))
				line := d.Next()
				wantParts(t, line, tt.want)
				if strings.Contains(line, isUnknown) {
					t.Errorf("got %s, but nothing was sent", line)
				}
				if took := time.Since(start); took > streamable.ReachFor {
					t.Errorf("it was tried for %v, want %v at most", took, streamable.ReachFor)
				}
				if n := dials.Load(); n != tt.tries {
					t.Errorf("it was tried %d times, want %d", n, tt.tries)
				}
				o.dial = nil
				d.End()
			})
		})
	}
}

// What was answered meanwhile shows that LeadMagic is there: from then on it is tried anew.
func TestRule5AnAnswerBetweenIsAReasonToTryAnew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open(func(r *streamable.Client) {
			dial := r.Dial
			r.Dial = func() http.RoundTripper { // no connection is kept
				transport := dial().(*countingTransport)
				transport.DisableKeepAlives = true
				return transport
			}
		})
		var dials atomic.Int32
		o.dial = func() error {
			if dials.Add(1) != 6 && dials.Load() < 12 {
				return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			return nil
		}
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" && dials.Load() == 6 {
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			return false
		}
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"name":"find"}}`)
		o.dial = nil
		d.End()
	})
}

// A read that LeadMagic fails is tried again soon, but not at once.
func TestRule5AReadIsTriedAgainAfterAPause(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		start := time.Now()
		d.Write(ping(1))
		d.Want(`"id":1`, `"code":-32603`)
		if took := time.Since(start); took != 600*time.Millisecond {
			t.Errorf("three attempts took %v, want pauses of 200 and 400 ms", took)
		}
		o.post = nil
		d.End()
	})
}

// A connection that LeadMagic closed while it was idle takes a call with it only if some of it was written.
func TestRule5AConnectionThatWasClosedBeforeTheCallLosesNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		for id := range 20 {
			o.hangUp()
			d.Write(toolCall(id + 1))
			d.Want(`"result":{"name":"find"}`)
		}
		d.End()
		if n := o.count("tools/call s1"); n != 20 {
			t.Errorf("LeadMagic got %d calls, want 20", n)
		}
	})
}

// One 429 holds back all calls, and they do not all go at once afterwards.
func TestRule5OneRateLimitForAllCalls(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		start := time.Now()
		var mu sync.Mutex
		var passed []time.Duration
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method != "tools/call" {
				return false
			}
			if time.Since(start) < 5*time.Second {
				w.Header().Set("Retry-After", "5")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			mu.Lock()
			passed = append(passed, time.Since(start))
			mu.Unlock()
			return false
		}
		d.Write(toolCall(1, `,"_meta":{"progressToken":"p"}`))
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":0.001,"message":"LeadMagic's rate limit is reached, waiting 5 s"}}`)
		const others = 30
		for id := range others {
			d.Write(toolCall(id + 2))
		}
		synctest.Wait()
		if n := o.count("tools/call s1"); n != 1 {
			t.Errorf("LeadMagic got %d calls while its limit is reached, want the one that found it", n)
		}
		for range others + 1 {
			d.Want(`"result"`)
		}
		mu.Lock()
		defer mu.Unlock()
		times := make(map[time.Duration]bool)
		for _, at := range passed {
			times[at] = true
			if at < 5*time.Second || at > 6*time.Second {
				t.Errorf("a call went after %v, want 5 s and a little", at)
			}
		}
		if len(passed) != others+1 || len(times) < others/2 {
			t.Errorf("%d calls went at %d different times, want %d scattered", len(passed), len(times), others+1)
		}
		d.End()
	})
}

func TestRule5ACallThatWaitsForTheRateLimitIsToldOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		var limited atomic.Bool
		limited.Store(true)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "tools/call" && limited.CompareAndSwap(true, false) {
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			return false
		}
		d.Write(toolCall(1))
		synctest.Wait()
		d.Write(toolCall(2, `,"_meta":{"progressToken":7}`))
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0.001,"message":"LeadMagic's rate limit is reached, waiting 3 s"}}`)
		d.Want(`"result"`)
		d.Want(`"result"`)
		d.End()
	})
}

// A limit that others reach again and again keeps nobody waiting for longer than the limit of one.
func TestRule5NoCallWaitsForEverForTheRateLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			w.Header().Set("Retry-After", "15")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		done := make(chan struct{})
		go func() { // a call every second, each reaching the limit again
			for id := range 60 {
				d.Write(toolCall(id + 1))
				<-time.After(time.Second)
			}
			close(done)
		}()
		began := make(map[string]time.Time)
		start := time.Now()
		for id := range 60 {
			began[fmt.Sprint(id+1)] = start.Add(time.Duration(id) * time.Second)
		}
		for range 60 {
			m, _ := jsonrpc.Parse([]byte(d.Next()))
			if waited := time.Since(began[string(m.ID)]); waited > streamable.LimitFor+2*time.Second {
				t.Errorf("call %s waited %v", m.ID, waited)
			}
		}
		<-done
		d.End()
	})
}

// initialize is answered soon, whatever the rate limit wants.
func TestRule5InitializeWaitsForNoLongLimit(t *testing.T) {
	for header, want := range map[string]int{"2": 2, "10": 1} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			d := openEditor(t, o.remote())
			start := time.Now()
			d.Write(hello)
			d.Want(`"id":0`, `"code":-32603`, "rate limit")
			if took := time.Since(start); took > streamable.InitializeLimit {
				t.Errorf("it took %v", took)
			}
			if n := o.count("initialize"); n != want {
				t.Errorf("with Retry-After %s it was sent %d times, want %d", header, n, want)
			}
			d.End()
		})
	}
}

// An editor is told soon that LeadMagic fails, and LeadMagic is asked again in the background.
func TestRule5InitializeIsTriedTwice(t *testing.T) {
	for name, fails := range map[string]func(http.ResponseWriter){
		"LeadMagic fails":       func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"the connection breaks": func(http.ResponseWriter) { abort() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
					fails(w)
					return true
				}
				d := openEditor(t, o.remote())
				d.Write(hello)
				d.Want(`"id":0`, `"code":-32603`)
				d.End()
				o.wantLog("initialize", "initialize")
			})
		})
	}
}

// The connection breaks after the request was read and before an answer.
func TestRule5AnUnknownOutcomeIsNeverRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.post = func(http.ResponseWriter, *http.Request, rpc) bool {
			abort()
			return true
		}
		for id := range 10 {
			d.Write(toolCall(id + 1))
			d.Want(`"isError":true`, isUnknown)
		}
		if n := o.count("tools/call s1"); n != 10 {
			t.Errorf("LeadMagic got %d calls, want 10", n)
		}
		o.post = nil
		d.End()
	})
}

// The wait for a limit that another call has reached counts as much as the wait after one's own 429.
func TestRule5TheProblemSaysHowLongWasWaited(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.open()
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.Header().Set("Retry-After", "12")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"prompts/get"}`)
		d.Want(`"id":1`, "rate limit is reached, after waiting 1", `"code":"`+string(problem.RateLimited)+`"`, `"retryAfter":12`)
		o.post = nil
		d.End()
	})
}

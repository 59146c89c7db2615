package streamable_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// resumptions are the requests with which a stream that was cut is asked to go on.
type resumptions struct {
	mu      sync.Mutex
	lastIDs []string // that it was resumed with
	times   []time.Time
}

func (resumed *resumptions) record(r *http.Request) (lastID string) {
	resumed.mu.Lock()
	defer resumed.mu.Unlock()
	lastID = r.Header.Get("Last-Event-Id")
	resumed.lastIDs = append(resumed.lastIDs, lastID)
	resumed.times = append(resumed.times, time.Now())
	return lastID
}

func TestRule6ACutStreamGoesOnWhereItWasCut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		retry string
		wait  time.Duration // between the cut and the GET
	}{
		{"at the usual pace", "", streamable.ResumePause},
		{"when LeadMagic wants it to", "retry: 1500", 1500 * time.Millisecond},
		{"soon, if LeadMagic wants it to", "retry: 30", 30 * time.Millisecond},
		{"not at once, even if LeadMagic wants it to", "retry: 1", streamable.ShortestPause},
		{"within half a minute, even if LeadMagic wants it to tomorrow", "retry: 86400000", streamable.LongestPause},
		{"or at the end of time", "retry: 99999999999999999999999", streamable.LongestPause},
		{"at the usual pace, if LeadMagic does not care", "retry: 0", streamable.ResumePause},
		{"at the usual pace, if LeadMagic's wish is no number", "retry: soon", streamable.ResumePause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var resumed resumptions
				var call rpc
				var cutAt time.Time
				o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
					call = m
					stream(w)
					send(w, "id: a-1", tt.retry, "data:")
					send(w, "id: a-2", `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`)
					_, _ = io.WriteString(w, "id: a-3\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notif") // never complete
					flush(w)
					cutAt = time.Now()
					abort()
				})
				o.resume(func(w http.ResponseWriter, r *http.Request) {
					switch resumed.record(r) {
					case "a-2":
						cutStream(w, "id: a-3", `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":2}}`)
					default:
						stream(w)
						send(w, "id: a-4", "data: "+result(call, `{"done":true}`))
					}
				})
				d := o.open()
				d.Write(toolCall(1))
				d.WantLine(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`)
				d.WantLine(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":2}}`)
				d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
				d.End()
				if want := []string{"a-2", "a-3"}; !slices.Equal(resumed.lastIDs, want) {
					t.Errorf("it was resumed from %q, want %q", resumed.lastIDs, want)
				}
				if got := resumed.times[0].Sub(cutAt); got != tt.wait {
					t.Errorf("it was resumed after %v, want %v", got, tt.wait)
				}
				if h := o.last("GET").header; h.Get("Mcp-Session-Id") != "s1" || h.Get("Mcp-Protocol-Version") != "2025-06-18" {
					t.Errorf("the GET has the headers %v", h)
				}
				if n := o.count("tools/call s1"); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
			})
		})
	}
}

func TestRule6AStreamThatCannotGoOnHasAnUnknownOutcome(t *testing.T) {
	tests := []struct {
		name string
		get  http.HandlerFunc // the answer to Last-Event-ID
		most time.Duration
	}{
		{"404", http.NotFound, time.Second},
		{"405", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }, time.Second},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, time.Second},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, time.Second},
		{"409 for ever", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }, 2 * streamable.ResumeFor},
		{"500 for ever", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 2 * streamable.ResumeFor},
		{"429 for ever", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, 2 * streamable.ResumeFor},
		{"cuts for ever", func(http.ResponseWriter, *http.Request) { abort() }, 2 * streamable.ResumeFor},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.callIsCut("id: 1", "data:")
				o.resume(tt.get)
				d := o.open()
				start := time.Now()
				d.Write(toolCall(1))
				d.Want(`"id":1`, `"isError":true`, isUnknown)
				took := time.Since(start)
				if waits := tt.most > streamable.ResumeFor; took > tt.most || waits != (took > streamable.ResumeFor) {
					t.Errorf("it took %v, want %v at most", took, tt.most)
				}
				alive(d)
				d.End()
				if n := o.count("tools/call s1"); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
			})
		})
	}
}

// A server may close the connection of a long call and be asked for the rest, as often as it likes.
func TestRule6ALongCallMayBePolled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var call rpc
		start := time.Now()
		var polls atomic.Int32
		poll := func(w http.ResponseWriter, id string) {
			stream(w)
			if time.Since(start) > 10*time.Minute {
				send(w, "data: "+result(call, "{}"))
				return
			}
			send(w, "id: "+id, "data:")
		}
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			call = m
			poll(w, "0")
		})
		o.resume(func(w http.ResponseWriter, r *http.Request) {
			poll(w, fmt.Sprint(polls.Add(1)))
		})
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{}}`)
		if n := polls.Load(); n < 100 || n > 200 {
			t.Errorf("LeadMagic was asked %d times in ten minutes, want about every %v", n, streamable.LongestResumePause)
		}
		if over := time.Since(start) - 10*time.Minute; over > streamable.LongestResumePause {
			t.Errorf("the answer was there for %v", over)
		}
		d.End()
	})
}

// The editor cancels a call whose stream is being resumed.
func TestRule6ACancelledCallIsNotResumed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.callIsCut("id: 1", "retry: 5000", "data:")
		o.get = keepsOpen
		d := o.open()
		d.Write(toolCall(1))
		synctest.Wait()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		<-time.After(time.Minute)
		d.WantNothing()
		d.End()
		o.wantLog("initialize", "GET s1", "tools/call s1", "notifications/cancelled s1", "DELETE s1")
	})
}

// initialize may be answered by a stream that is cut too.
func TestRule6TheStreamOfInitializeGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var call rpc
		o.on("initialize", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			call = m
			w.Header().Set("Mcp-Session-Id", "s7")
			stream(w)
			send(w, "id: i-1", "data:")
			abort()
		})
		o.resume(func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			send(w, "data: "+result(call, `{"protocolVersion":"2025-06-18"}`))
		})
		d := o.open()
		alive(d)
		d.End()
		o.wantLog("initialize", "GET s7", "GET s7", "ping s7", "DELETE s7")
	})
}

func TestRule6AGETStreamIsCutAHundredTimes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var n atomic.Int32
		var resumed resumptions
		o.get = func(w http.ResponseWriter, r *http.Request) {
			lastID := resumed.record(r)
			i := n.Add(1)
			if i > 1 && lastID != fmt.Sprint(i-1) {
				t.Errorf("GET number %d has the last event id %q", i, lastID)
			}
			stream(w)
			send(w, fmt.Sprintf("id: %d", i), fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"notifications/x","params":%d}`, i))
			if i > 100 {
				untilGone(r)
			}
			abort()
		}
		d := o.open()
		start := time.Now()
		for i := 1; i <= 101; i++ {
			d.WantLine(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/x","params":%d}`, i))
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("a hundred cuts took %v", took)
		}
		alive(d)
		d.End()
	})
}

func TestRule6AGETStreamIsAskedForLessAndLessWhileItSaysNothing(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"closed at once": func(w http.ResponseWriter, _ *http.Request) { stream(w) },
		"cut at once":    func(http.ResponseWriter, *http.Request) { abort() },
		"500":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"429, with an absurd wish": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}
	for name, get := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var asked resumptions
				o.get = func(w http.ResponseWriter, r *http.Request) {
					asked.record(r)
					get(w, r)
				}
				d := o.open()
				<-time.After(time.Hour)
				asked.mu.Lock()
				eighth := asked.times[7].Sub(asked.times[0])
				asked.mu.Unlock()
				if name == "500" || name == "429" { // without a wish of LeadMagic's, or a GET that net/http repeats by itself
					least := streamable.ResumePause * (1<<7 - 1)
					if eighth < least || eighth > least+least/10 {
						t.Errorf("the eighth time came after %v, want pauses that double: %v and a little", eighth, least)
					}
				}
				n := o.count("GET s1")
				if n < int(time.Hour/streamable.LongestPause)*3/4 || n > int(time.Hour/streamable.LongestPause)+20 {
					t.Errorf("LeadMagic was asked %d times in an hour, want about every %v", n, streamable.LongestPause)
				}
				alive(d)
				d.End()
			})
		})
	}
}

// What LeadMagic asks for with 429 counts, within bounds.
func TestRule6AGETStreamIsAskedForAgainWhenLeadMagicWantsIt(t *testing.T) {
	for name, tt := range map[string]struct {
		header, value string
		want          time.Duration // and up to a tenth more
	}{
		"seconds":                   {"Retry-After", "7", 7 * time.Second},
		"seconds until it is reset": {"RateLimit-Reset", "8", 8 * time.Second},
		"no wait":                   {"Retry-After", "0", streamable.ResumePause},
		"too long":                  {"Retry-After", "3600", streamable.LongestPause},
		"nothing":                   {"X-Other", "9", streamable.ResumePause},
		"on the stream":             {"", "", 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var resumed resumptions
				o.get = func(w http.ResponseWriter, r *http.Request) {
					resumed.record(r)
					if len(resumed.times) > 1 {
						keepsOpen(w, r)
						return
					}
					if tt.header == "" {
						stream(w)
						send(w, "retry: 1500")
						return
					}
					w.Header().Set(tt.header, tt.value)
					w.WriteHeader(http.StatusTooManyRequests)
				}
				d := o.open()
				<-time.After(time.Minute)
				d.End()
				if len(resumed.times) != 2 {
					t.Fatalf("LeadMagic was asked %d times, want twice", len(resumed.times))
				}
				if got := resumed.times[1].Sub(resumed.times[0]); got < tt.want || got > tt.want+tt.want/10 {
					t.Errorf("LeadMagic was asked again after %v, want %v and a little", got, tt.want)
				}
			})
		})
	}
}

// A stream that is open for a while before it ends is opened again at once each time.
func TestRule6AGETStreamThatEndsNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
			}
		}
		d := o.open()
		<-time.After(time.Hour)
		if n := o.count("GET s1"); n < 59 {
			t.Errorf("LeadMagic was asked %d times in an hour, want once a minute", n)
		}
		d.End()
	})
}

func TestRule6AGETStreamThatIsNotOffered(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 406, 409, 410, 302, 200, 204} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.get = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
				d := o.initialize()
				d.Write(ready)
				<-time.After(24 * time.Hour)
				alive(d) // by a new connection; what is not offered is not asked for again
				d.End()
				o.wantLog("initialize", "GET s1", "notifications/initialized s1", "ping s1", "DELETE s1")
			})
		})
	}
}

// 409 says that the stream before this one has not ended for LeadMagic yet.
func TestRule6AGETStreamThatIsStillOpenForLeadMagic(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var n atomic.Int32
		o.get = func(w http.ResponseWriter, r *http.Request) {
			switch n.Add(1) {
			case 1:
				stream(w)
				abort()
			case 2, 3, 4:
				w.WriteHeader(http.StatusConflict)
			default:
				stream(w)
				send(w, `data: {"jsonrpc":"2.0","method":"notifications/x"}`)
				untilGone(r)
			}
		}
		d := o.open()
		d.WantLine(`{"jsonrpc":"2.0","method":"notifications/x"}`)
		d.End()
	})
}

// So it is with the stream of a call, which it may have taken for open longer than we did.
func TestRule6ACutStreamThatIsStillOpenForLeadMagic(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.callIsCut("id: 1", "data:")
		var n atomic.Int32
		o.resume(func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) < 4 {
				w.WriteHeader(http.StatusConflict)
				return
			}
			stream(w)
			send(w, `data: {"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
		})
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
		d.End()
	})
}

// An id that no header can carry is no place to go on from; one before it is.
func TestRule6AnEventIDThatIsNoHeaderIsNotAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first string // the id of the first event
		want  string // of what the editor gets
	}{
		{"behind a good one", "a é", `{"done":true}`},
		{"alone", "a\x1b", isUnknown},
		{"with DEL", "a\x7f", isUnknown},
		{"with NUL", "a\x00", isUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
					if m.Method == "tools/call" {
						stream(w)
						send(w, "id: "+tt.first, "data:")
						send(w, "id: b\x01", "data:")
						abort()
					}
					return false
				}
				o.get = func(w http.ResponseWriter, r *http.Request) {
					switch r.Header.Get("Last-Event-Id") {
					case "":
						keepsOpen(w, r)
					case tt.first:
						stream(w)
						send(w, `data: {"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
					default:
						w.WriteHeader(http.StatusNotFound)
					}
				}
				d := o.open()
				start := time.Now()
				d.Write(toolCall(1))
				d.Want(`"id":1`, tt.want)
				if took := time.Since(start); took > time.Second {
					t.Errorf("it took %v", took)
				}
				d.End()
			})
		})
	}
}

func TestRule6ACutSubscriptionIsAnsweredAndNeverAskedForAgain(t *testing.T) {
	for name, end := range map[string]func(w http.ResponseWriter){
		"cut":                func(http.ResponseWriter) { abort() },
		"ended":              func(http.ResponseWriter) {},
		"cut behind an id":   func(w http.ResponseWriter) { send(w, "id: 9", "data:"); abort() },
		"cut within a event": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "data: {"); flush(w); abort() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
					stream(w)
					send(w, `data: {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}`)
					<-time.After(time.Hour)
					end(w)
					return true
				}
				d := openEditor(t, o.remote())
				d.Write(`{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{` + metaOf + `}}`)
				d.Want("acknowledged")
				d.Want(`"id":"sub"`, `"code":-32603`, "the stream of the subscription broke (fix: subscribe again)")
				<-time.After(time.Hour)
				d.End()
				o.wantLog("subscriptions/listen")
			})
		})
	}
}

// Comments are bytes too: a stream with nothing but those is not taken for dead.
func TestRule6AStreamIsHeardByItsComments(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, ": still here\n\n")
				flush(w)
				<-time.After(20 * time.Second)
			}
		}
		d := o.open()
		<-time.After(time.Hour)
		alive(d)
		if o.clients != 1 || o.count("GET s1") != 1 {
			t.Errorf("there are %d clients and %d GETs, want one of each", o.clients, o.count("GET s1"))
		}
		d.End()
	})
}

// LeadMagic ends a stream behind the answer, and the connection is used again. One that it leaves open is
// left after a while.
func TestRule6AStreamIsReadToItsEndButNotForEver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.get = keepsOpen
		var gone atomic.Int64
		start := time.Now()
		o.on("tools/call", func(w http.ResponseWriter, r *http.Request, m rpc) {
			stream(w)
			send(w, "data: "+result(m, "{}"))
			if strings.Contains(string(m.Params), "open") {
				untilGone(r)
				gone.Store(int64(time.Since(start)))
			} else {
				<-time.After(10 * time.Millisecond)
				send(w, `data: {"jsonrpc":"2.0","method":"notifications/behind/it"}`)
			}
		})
		d := o.open()
		for id := range 5 {
			d.Write(toolCall(id + 1))
			d.WantLine(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, id+1))
			d.WantLine(`{"jsonrpc":"2.0","method":"notifications/behind/it"}`)
			synctest.Wait()
		}
		o.mu.Lock()
		if n := len(o.conns); n != 2 {
			t.Errorf("%d connections were made, want one for GET and one for calls", n)
		}
		o.mu.Unlock()
		start = time.Now()
		d.Write(toolCall(9, `,"open":true`))
		d.WantLine(`{"jsonrpc":"2.0","id":9,"result":{}}`)
		<-time.After(time.Minute)
		if got := time.Duration(gone.Load()); got != streamable.LingerFor {
			t.Errorf("the stream was left after %v, want %v", got, streamable.LingerFor)
		}
		d.End()
	})
}

// lineSizes are lengths of lines around the buffers of the reader.
var lineSizes = []int{1, 4<<10 - 1, 4 << 10, 4<<10 + 1, 32 << 10, 64<<10 - 7, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 200_001, 1<<20 + 1}

// The same through a session: each answer arrives, whatever the length of its line.
func TestAnswersOfLongLines(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			stream(w)
			for _, size := range lineSizes {
				text := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":%q}}`, strings.Repeat("x", size))
				_, _ = io.WriteString(w, "data: "+text+"\r\n\r\n")
			}
			_, _ = io.WriteString(w, "data: "+result(m, `{}`)+"\r\n\r\n")
		})
		d := o.open()
		for id := range 3 {
			d.Write(toolCall(id + 1))
			for _, size := range lineSizes {
				d.WantLine(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":%q}}`, strings.Repeat("x", size)))
			}
			d.WantLine(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, id+1))
		}
		d.End()
	})
}

// A stream that cannot be resumed yet, or brings nothing, is asked for again, each time after twice as long.
func TestRule6EachPauseBeforeAResumptionIsTwiceAsLong(t *testing.T) {
	for name, get := range map[string]http.HandlerFunc{
		"refused":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut at once": func(w http.ResponseWriter, _ *http.Request) { cutStream(w) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var resumed resumptions
				call := o.callIsCut("id: a-1", "data:")
				o.resume(func(w http.ResponseWriter, r *http.Request) {
					if resumed.record(r); len(resumed.times) < 4 {
						get(w, r)
						return
					}
					stream(w)
					send(w, "id: a-2", "data: "+result(*call, `{"done":true}`))
				})
				d := o.open()
				d.Write(toolCall(1))
				d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
				d.End()
				for i := range resumed.times[1:] {
					if got, want := resumed.times[i+1].Sub(resumed.times[i]), streamable.ResumePause<<(i+1); got != want {
						t.Errorf("attempt %d came %v after the one before, want %v", i+2, got, want)
					}
				}
			})
		})
	}
}

// An event that has no id does not change where the stream goes on.
func TestRule6AnEventWithoutAnIDIsNoPlaceToGoOnFrom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const note = `{"jsonrpc":"2.0","method":"notifications/x"}`
		o := newFakeServer(t)
		var resumed resumptions
		call := o.callIsCut("id: a-1", "data:")
		o.resume(func(w http.ResponseWriter, r *http.Request) {
			if resumed.record(r); len(resumed.lastIDs) == 1 {
				cutStream(w, "data: "+note)
			}
			stream(w)
			send(w, "data: "+result(*call, `{"done":true}`))
		})
		d := o.open()
		d.Write(toolCall(1))
		d.WantLine(note)
		d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"done":true}}`)
		d.End()
		if want := []string{"a-1", "a-1"}; !slices.Equal(resumed.lastIDs, want) {
			t.Errorf("it was resumed from %q, want %q", resumed.lastIDs, want)
		}
		if got := resumed.times[1].Sub(resumed.times[0]); got != streamable.ResumePause {
			t.Errorf("a stream that brought a message was resumed after %v, want %v", got, streamable.ResumePause)
		}
	})
}

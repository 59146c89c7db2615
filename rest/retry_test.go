package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A script is a LeadMagic without a network: each request gets the next line, the last one for ever.
type script struct {
	mu    sync.Mutex
	lines []line
	at    []time.Duration // when each request came, from the first on
	start time.Time
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = time.Now()
	}
	s.at = append(s.at, time.Since(s.start))
	next := s.lines[0]
	if len(s.lines) > 1 {
		s.lines = s.lines[1:]
	}
	s.mu.Unlock()
	return next.of(req)
}

func (s *script) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.at...)
}

// A line is what becomes of one request. The zero line breaks before a connection stands.
type line struct {
	status    int // 0 for no answer
	body      string
	header    []string
	connected bool
	hangs     bool
}

func answers(status int, body string, header ...string) line {
	return line{status: status, body: body, header: header, connected: true}
}

func (l line) of(req *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && l.connected {
		trace.GetConn("")
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if l.hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if l.status == 0 {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("cannot be reached")}
	}
	res := &http.Response{StatusCode: l.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(l.body)), Request: req}
	for i := 0; i < len(l.header); i += 2 {
		res.Header.Set(l.header[i], l.header[i+1])
	}
	return res, nil
}

func TestOnlyWhatCannotCostTwiceIsRepeated(t *testing.T) {
	ok := answers(200, `{"full_name":"Ada","credits":1}`)
	tests := []struct {
		name, tool string
		lines      []line
		requests   int
		least      time.Duration // from the first request to the last
		most       time.Duration
		want       string // in the failure; empty for a result
	}{
		{"a paid call that is answered", "search_profile", []line{ok}, 1, 0, 0, ""},
		{"no connection at first", "search_profile", []line{{}, {}, ok}, 3, 500 * time.Millisecond, time.Second, ""},
		{"no connection for long", "search_profile", []line{{}}, 6, 3 * time.Second, 4 * time.Second, "LeadMagic is not reachable: no connection could be made\nthe agent can try again: nothing was sent"},
		{"a connection that broke", "search_profile", []line{{connected: true}, ok}, 1, 0, 0, fate},
		{"a free call whose connection broke", "check_credits", []line{{connected: true}, {connected: true}, ok}, 3, 500 * time.Millisecond, time.Second, ""},
		{"a free call whose connection breaks each time", "check_credits", []line{{connected: true}}, 3, 500 * time.Millisecond, time.Second, "next: call again: the call is free"},
		{"a rate limit that says how long", "search_profile", []line{answers(429, ``, "Retry-After", "3"), ok}, 2, 3 * time.Second, 3300 * time.Millisecond, ""},
		{"a rate limit that says it twice", "search_profile", []line{answers(429, ``, "Retry-After", "3"), answers(429, ``, "Retry-After", "5"), ok}, 3, 8 * time.Second, 9 * time.Second, ""},
		{"Retry-After counts before RateLimit-Reset", "search_profile", []line{answers(429, ``, "Retry-After", "2", "RateLimit-Reset", "15"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"the body counts before RateLimit-Reset", "search_profile", []line{answers(429, `{"errors":[{"context":{"retry_after_seconds":2}}]}`, "RateLimit-Reset", "15"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"RateLimit-Reset in seconds", "search_profile", []line{answers(429, ``, "RateLimit-Reset", "4"), ok}, 2, 4 * time.Second, 5 * time.Second, ""},
		{"RateLimit-Reset that is no number", "search_profile", []line{answers(429, ``, "RateLimit-Reset", "NaN"), ok}, 2, time.Second, 2 * time.Second, ""},
		{"a rate limit that does not say how long", "search_profile", []line{answers(429, ``), answers(429, ``), ok}, 3, 3 * time.Second, 4 * time.Second, ""},
		{"a rate limit that does not end", "search_profile", []line{answers(429, ``)}, 4, 7 * time.Second, 22 * time.Second, "after waiting"},
		{"a rate limit of something in between", "search_profile", []line{answers(429, page, "Retry-After", "3"), ok}, 2, 3 * time.Second, 3300 * time.Millisecond, ""},
		{"a page of a gateway, for a free call", "check_credits", []line{answers(502, page), ok}, 2, 200 * time.Millisecond, time.Second, ""},
		{"a page of a gateway, for a paid call", "search_profile", []line{answers(502, page), ok}, 1, 0, 0, fate},
		{"an absurd wait", "search_profile", []line{answers(429, ``, "Retry-After", "3600"), ok}, 1, 0, 0, "next: call again in 3600 s"},
		{"a wait until a date", "search_profile", []line{answers(429, ``, "Retry-After", "Sat, 01 Jan 2000 00:00:05 GMT"), ok}, 2, 5 * time.Second, 6 * time.Second, ""},
		{"a failure of a paid call", "search_profile", []line{answers(500, ``), ok}, 1, 0, 0, fate},
		{"a paid call while there is no service", "search_profile", []line{answers(503, ``, "Retry-After", "1"), ok}, 1, 0, 0, fate},
		{"a failure of a free call", "check_credits", []line{answers(500, ``), answers(502, ``), ok}, 3, 500 * time.Millisecond, time.Second, ""},
		{"a failure of a free call that stays", "check_credits", []line{answers(500, ``)}, 3, 500 * time.Millisecond, time.Second, "LeadMagic failed with HTTP 500"},
		{"a free call while there is no service", "check_credits", []line{answers(503, ``, "Retry-After", "2"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"a free call while there is no service for long", "check_credits", []line{answers(503, ``, "Retry-After", "600"), ok}, 1, 0, 0, "LeadMagic failed with HTTP 503"},
		{"a refusal of a free call", "check_credits", []line{answers(403, ``), ok}, 1, 0, 0, "LeadMagic, or something between you and LeadMagic, does not allow this"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{lines: tt.lines}
				args := `{}`
				if tt.tool == "search_profile" {
					args = paidCall
				}
				o := options("http://leadmagic.invalid")
				o.Client = &http.Client{Transport: s}
				result := call(t, connect(t, o, nil), tt.tool, args)
				if result.IsError != (tt.want != "") || !strings.Contains(text(result), tt.want) {
					t.Errorf("got %q, want it to say %q", text(result), tt.want)
				}
				times := s.times()
				last := times[len(times)-1]
				if len(times) != tt.requests || last < tt.least || last > tt.most {
					t.Errorf("got %d requests, the last after %v, want %d and between %v and %v", len(times), last, tt.requests, tt.least, tt.most)
				}
			})
		})
	}
}

func TestARateLimitHoldsBackAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{lines: []line{answers(429, ``, "Retry-After", "5"), answers(200, `{"full_name":"Ada"}`)}}
		o := options("http://leadmagic.invalid")
		o.Client = &http.Client{Transport: s}
		session := connect(t, o, nil)
		var calls sync.WaitGroup
		one := func() {
			calls.Go(func() {
				if result := call(t, session, "search_profile", paidCall); result.IsError {
					t.Errorf("got %q, want a result", text(result))
				}
			})
		}
		one()
		synctest.Wait() // the first call meets the limit
		for range 20 {
			one()
		}
		calls.Wait()
		times := s.times()
		if len(times) != 22 {
			t.Errorf("got %d requests, want each of 21 calls once and the first again", len(times))
		}
		for _, at := range times[1:] {
			if at < 5*time.Second || at > 6*time.Second {
				t.Errorf("got a request after %v, want none before the limit ends after 5 s", at)
			}
		}
	})
}

func TestAnAbsurdWaitHoldsBackNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{lines: []line{answers(429, ``, "Retry-After", "86400"), answers(200, `{"credits":1}`)}}
		o := options("http://leadmagic.invalid")
		o.Client = &http.Client{Transport: s}
		session := connect(t, o, nil)
		call(t, session, "search_profile", paidCall)
		if result := call(t, session, "check_credits", `{}`); result.IsError {
			t.Errorf("got %q, want the balance", text(result))
		}
		if times := s.times(); len(times) != 2 || times[1] > time.Second {
			t.Errorf("got requests after %v, want two at once", times)
		}
	})
}

func TestProgressIsToldWhileACallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{lines: []line{
			answers(429, ``, "Retry-After", "2"), answers(429, ``, "Retry-After", "3"), answers(200, `{"full_name":"Ada"}`),
		}}
		o := options("http://leadmagic.invalid")
		o.Client = &http.Client{Transport: s}
		var mu sync.Mutex
		var told []string
		session := connect(t, o, &mcp.ClientOptions{ProgressNotificationHandler: func(_ context.Context, n *mcp.ProgressNotificationClientRequest) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(n.Params.ProgressToken, " ", n.Params.Progress, " ", n.Params.Message))
		}})
		params := &mcp.CallToolParams{Name: "search_profile", Arguments: map[string]any{"profile_url": "ada"}}
		params.SetProgressToken("token")
		if _, err := session.CallTool(t.Context(), params); err != nil {
			t.Fatal(err)
		}
		call(t, session, "search_profile", paidCall) // without a token
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		want := []string{"token 1 LeadMagic's rate limit is reached, waiting 2s", "token 2 LeadMagic's rate limit is reached, waiting 3s"}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", told, want)
		}
	})
}

func TestAToolTimeoutEndsACall(t *testing.T) {
	tests := []struct {
		name, tool, args string
		line             line
		unknown          bool
	}{
		{"a paid call that was sent", "search_profile", paidCall, line{connected: true, hangs: true}, true},
		{"a free call that was sent", "check_credits", `{}`, line{connected: true, hangs: true}, false},
		{"a paid call that waits for the rate limit", "search_profile", paidCall, answers(429, ``, "Retry-After", "15"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{lines: []line{tt.line}}
				o := options("http://leadmagic.invalid")
				o.Client, o.ToolTimeout = &http.Client{Transport: s}, 10*time.Second
				session := connect(t, o, nil)
				start := time.Now()
				result := call(t, session, tt.tool, tt.args)
				got := text(result)
				if !result.IsError || !strings.Contains(got, "the call took longer than --tool-timeout allows") || strings.Contains(got, fate) != tt.unknown {
					t.Errorf("got %q, want a timeout with an outcome that is unknown: %v", got, tt.unknown)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("got the failure after %v, want 10 s", took)
				}
			})
		})
	}
}

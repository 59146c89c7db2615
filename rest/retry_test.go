package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// A fakeTransport is a LeadMagic without a network: each request gets the next outcome, the last one for ever.
type fakeTransport struct {
	mu       sync.Mutex
	outcomes []outcome
	at       []time.Duration // when each request came, from the first on
	start    time.Time
}

func (s *fakeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = time.Now()
	}
	s.at = append(s.at, time.Since(s.start))
	next := s.outcomes[0]
	if len(s.outcomes) > 1 {
		s.outcomes = s.outcomes[1:]
	}
	s.mu.Unlock()
	return next.to(req)
}

func (s *fakeTransport) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.at...)
}

// An outcome is what becomes of one request. The zero outcome is that no connection can be made.
type outcome struct {
	status    int // 0 for no answer
	body      string
	header    []string
	connected bool
	hangs     bool
	after     time.Duration // how long it takes
}

func answers(status int, body string, header ...string) outcome {
	return outcome{status: status, body: body, header: header, connected: true}
}

// connected says that a request has a connection, as the transport of net/http does.
func connected(req *http.Request) {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil {
		trace.GetConn("")
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

func (o outcome) to(req *http.Request) (*http.Response, error) {
	if o.connected {
		connected(req)
	}
	if o.hangs {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	_ = ratelimit.Sleep(req.Context(), o.after)
	if o.status == 0 {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("cannot be reached")}
	}
	res := &http.Response{StatusCode: o.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(o.body)), Request: req}
	for i := 0; i < len(o.header); i += 2 {
		res.Header.Set(o.header[i], o.header[i+1])
	}
	return res, nil
}

func TestOnlyWhatCannotCostTwiceIsRepeated(t *testing.T) {
	ok := answers(200, `{"full_name":"Ada","credits":1}`)
	tests := []struct {
		name, tool string
		outcomes   []outcome
		requests   int
		least      time.Duration // from the first request to the last
		most       time.Duration
		want       string // in the failure; empty for a result
	}{
		{"a paid call that is answered", "search_profile", []outcome{ok}, 1, 0, 0, ""},
		{"no connection at first", "search_profile", []outcome{{}, {}, ok}, 3, 300 * time.Millisecond, 600 * time.Millisecond, ""},
		{"no connection for long", "search_profile", []outcome{{}}, 0, 2 * time.Second, 4 * time.Second, "LeadMagic is not reachable: no connection could be made\nthe agent can try again: nothing was sent"},
		{"a connection that broke", "search_profile", []outcome{{connected: true}, ok}, 1, 0, 0, unknownOutcome},
		{"a free call whose connection broke", "check_credits", []outcome{{connected: true}, {connected: true}, ok}, 3, 300 * time.Millisecond, 600 * time.Millisecond, ""},
		{"a free call whose connection breaks each time", "check_credits", []outcome{{connected: true}}, 3, 300 * time.Millisecond, 600 * time.Millisecond, "next: call again: the call is free"},
		{"a rate limit that says how long", "search_profile", []outcome{answers(429, ``, "Retry-After", "3"), ok}, 2, 3 * time.Second, 3300 * time.Millisecond, ""},
		{"a rate limit that says it twice", "search_profile", []outcome{answers(429, ``, "Retry-After", "3"), answers(429, ``, "Retry-After", "5"), ok}, 3, 8 * time.Second, 9 * time.Second, ""},
		{"Retry-After counts before RateLimit-Reset", "search_profile", []outcome{answers(429, ``, "Retry-After", "2", "RateLimit-Reset", "15"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"the body counts before RateLimit-Reset", "search_profile", []outcome{answers(429, `{"errors":[{"context":{"retry_after_seconds":2}}]}`, "RateLimit-Reset", "15"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"RateLimit-Reset in seconds", "search_profile", []outcome{answers(429, ``, "RateLimit-Reset", "4"), ok}, 2, 4 * time.Second, 5 * time.Second, ""},
		{"RateLimit-Reset that is no number", "search_profile", []outcome{answers(429, ``, "RateLimit-Reset", "NaN"), ok}, 2, time.Second, 2200 * time.Millisecond, ""},
		{"a rate limit that does not say how long", "search_profile", []outcome{answers(429, ``), answers(429, ``), answers(429, ``), ok}, 4, 7 * time.Second, 15400 * time.Millisecond, ""},
		{"a rate limit that does not end", "search_profile", []outcome{answers(429, ``)}, 0, 7 * time.Second, 22 * time.Second, "after waiting"},
		{"a rate limit of something in between", "search_profile", []outcome{answers(429, page, "Retry-After", "3"), ok}, 2, 3 * time.Second, 3300 * time.Millisecond, ""},
		{"a page of a gateway, for a free call", "check_credits", []outcome{answers(500, page), ok}, 2, 100 * time.Millisecond, 200 * time.Millisecond, ""},
		{"a page of a gateway, for a paid call", "search_profile", []outcome{answers(502, page), ok}, 1, 0, 0, unknownOutcome},
		{"the longest wait", "search_profile", []outcome{answers(429, ``, "Retry-After", "20"), ok}, 2, 20 * time.Second, 22 * time.Second, ""},
		{"an absurd wait", "search_profile", []outcome{answers(429, ``, "Retry-After", "3600"), ok}, 1, 0, 0, "next: call again in 3600 s"},
		{"a wait until a date", "search_profile", []outcome{answers(429, ``, "Retry-After", "Sat, 01 Jan 2000 00:00:05 GMT"), ok}, 2, 5 * time.Second, 6 * time.Second, ""},
		{"a failure of a paid call", "search_profile", []outcome{answers(500, ``), ok}, 1, 0, 0, unknownOutcome},
		{"a paid call while there is no service", "search_profile", []outcome{answers(503, ``, "Retry-After", "1"), ok}, 1, 0, 0, unknownOutcome},
		{"a failure of a free call", "check_credits", []outcome{answers(500, ``), answers(502, ``), ok}, 3, 300 * time.Millisecond, 600 * time.Millisecond, ""},
		{"a failure of a free call that stays", "check_credits", []outcome{answers(500, ``)}, 3, 300 * time.Millisecond, 600 * time.Millisecond, "LeadMagic failed with HTTP 500"},
		{"a free call while there is no service", "check_credits", []outcome{answers(503, ``, "Retry-After", "2"), ok}, 2, 2 * time.Second, 3 * time.Second, ""},
		{"a free call while there is no service for long", "check_credits", []outcome{answers(503, ``, "Retry-After", "600"), ok}, 1, 0, 0, "LeadMagic failed with HTTP 503"},
		{"a refusal of a free call", "check_credits", []outcome{answers(403, ``), ok}, 1, 0, 0, "LeadMagic, or something between you and LeadMagic, does not allow this"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeTransport{outcomes: tt.outcomes}
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
				if tt.requests != 0 && len(times) != tt.requests || last < tt.least || last > tt.most {
					t.Errorf("got %d requests, the last after %v, want %d and between %v and %v", len(times), last, tt.requests, tt.least, tt.most)
				}
			})
		})
	}
}

func TestARateLimitHoldsBackAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeTransport{outcomes: []outcome{answers(429, ``, "Retry-After", "5"), answers(200, `{"full_name":"Ada"}`)}}
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

func TestACallThatOthersHoldBackForTooLongIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeTransport{outcomes: []outcome{
			{status: 429, header: []string{"Retry-After", "15"}, connected: true, after: 14 * time.Second},
			answers(429, ``, "Retry-After", "15"), answers(200, `{"full_name":"Ada"}`),
		}}
		o := options("http://leadmagic.invalid")
		o.Client = &http.Client{Transport: s}
		session := connect(t, o, nil)
		var calls sync.WaitGroup
		for i := range 3 { // the first is slow, the second is refused, the third has to wait
			calls.Go(func() {
				result := call(t, session, "search_profile", paidCall)
				if i == 0 && result.IsError {
					t.Errorf("the first: got %q", text(result))
				}
				if want := "LeadMagic's rate limit is reached, and other calls wait for it too\n"; i > 0 && !strings.HasPrefix(text(result), want) {
					t.Errorf("call %d: got %q, want %q", i, text(result), want)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if got := len(s.times()); got != 3 {
			t.Errorf("got %d requests, want one of the first two each, and that of the first again", got)
		}
	})
}

func TestAnAbsurdWaitHoldsBackNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeTransport{outcomes: []outcome{answers(429, ``, "Retry-After", "86400"), answers(200, `{"credits":1}`)}}
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
		s := &fakeTransport{outcomes: []outcome{
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
		outcome          outcome
		unknown          bool
	}{
		{"a paid call that was sent", "search_profile", paidCall, outcome{connected: true, hangs: true}, true},
		{"a free call that was sent", "check_credits", `{}`, outcome{connected: true, hangs: true}, false},
		{"a paid call that waits for the rate limit", "search_profile", paidCall, answers(429, ``, "Retry-After", "15"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeTransport{outcomes: []outcome{tt.outcome}}
				o := options("http://leadmagic.invalid")
				o.Client, o.ToolTimeout = &http.Client{Transport: s}, 10*time.Second
				session := connect(t, o, nil)
				start := time.Now()
				result := call(t, session, tt.tool, tt.args)
				got := text(result)
				if !result.IsError || !strings.Contains(got, "the call took longer than --tool-timeout allows") || strings.Contains(got, unknownOutcome) != tt.unknown {
					t.Errorf("got %q, want a timeout with an outcome that is unknown: %v", got, tt.unknown)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("got the failure after %v, want 10 s", took)
				}
			})
		})
	}
}

// inFlight is a transport whose requests are answered when the test says so.
type inFlight struct {
	mu      sync.Mutex
	bodies  []string // of the requests, in the order in which they came
	release chan string
	deaf    bool // to the end of a request's context
}

func (f *inFlight) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	connected(req)
	f.mu.Lock()
	f.bodies = append(f.bodies, string(body))
	f.mu.Unlock()
	ended := req.Context().Done()
	if f.deaf {
		ended = nil
	}
	select {
	case answer := <-f.release:
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
	case <-ended:
		return nil, req.Context().Err()
	}
}

func (f *inFlight) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.bodies...)
}

func TestSoManyCallsAreInFlightAndTheOthersWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound, all = 128, 300
		f := &inFlight{release: make(chan string)}
		o := options("http://leadmagic.invalid")
		o.Client = &http.Client{Transport: f}
		session := connect(t, o, nil)
		var calls sync.WaitGroup
		cancelled, cancel := context.WithCancel(t.Context())
		for i := range all {
			calls.Go(func() {
				ctx := t.Context()
				if i == 200 {
					ctx = cancelled
				}
				args := map[string]any{"profile_url": fmt.Sprint(i)}
				result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "search_profile", Arguments: args})
				if (err != nil) != (i == 200) || err == nil && result.IsError {
					t.Errorf("call %d: got %v, %v", i, result, err)
				}
			})
			synctest.Wait() // so that it has come before the next
		}
		if got := len(f.seen()); got != bound {
			t.Fatalf("got %d requests in flight, want %d", got, bound)
		}
		cancel()
		synctest.Wait() // this one gets through, and ends the call that waits
		for range all - 1 {
			f.release <- `{"full_name":"Ada"}`
			synctest.Wait()
		}
		calls.Wait()
		var want []string
		for i := range all {
			if i != 200 {
				want = append(want, fmt.Sprintf(`{"profile_url":"%d"}`, i))
			}
		}
		if got := f.seen(); !slices.Equal(got, want) {
			t.Errorf("got the requests %v, want them in order and without the one that was cancelled", got)
		}
	})
}

func TestACallThatTimesOutWhileItWaitsForOthersWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inFlight{release: make(chan string), deaf: true}
		o := options("http://leadmagic.invalid")
		o.Client, o.ToolTimeout = &http.Client{Transport: f}, time.Second
		session := connect(t, o, nil)
		var calls sync.WaitGroup
		for range 128 {
			calls.Go(func() { call(t, session, "search_profile", paidCall) })
		}
		synctest.Wait()
		got := text(call(t, session, "search_profile", paidCall))
		if want := "the call took longer than --tool-timeout allows"; !strings.Contains(got, want) || strings.Contains(got, unknownOutcome) {
			t.Errorf("got %q, want it to say %q and nothing of an unknown outcome", got, want)
		}
		for range 128 {
			f.release <- `{}`
		}
		calls.Wait()
		if len(f.seen()) != 128 {
			t.Errorf("got %d requests, want 128", len(f.seen()))
		}
	})
}

// longBody is an answer of more than 1 MiB, whose end comes later.
type longBody struct {
	io.Reader
	read   atomic.Int64
	closed atomic.Bool
}

func newLongBody(second <-chan struct{}) *longBody {
	b := &longBody{}
	half := strings.Repeat(" ", 1<<20)
	b.Reader = io.MultiReader(strings.NewReader(`{"a":`+half), gate(second), strings.NewReader(`1}`))
	return b
}

func (b *longBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read.Add(int64(n))
	return n, err
}

func (b *longBody) Close() error { b.closed.Store(true); return nil }

// gate is a reader of nothing that ends when the channel is closed.
type gate <-chan struct{}

func (g gate) Read([]byte) (int, error) { <-g; return 0, io.EOF }

func TestFewLongAnswersAreReadAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name       string
		after      time.Duration // until the first has come to its end
		want, free string        // in the failure of the third, and of a fourth that is free; empty for a result
	}{
		{"the third waits until one is done with", 59 * time.Second, "", ""},
		{
			"but not for ever", 61 * time.Second,
			"LeadMagic's answer is too long to be read beside other long ones; " + unknownOutcome, "LeadMagic's answer is too long to be read beside other long ones\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				second := make(chan struct{})
				var mu sync.Mutex
				var bodies []*longBody
				o := options("http://leadmagic.invalid")
				o.Client = &http.Client{Transport: transport(func(req *http.Request) (*http.Response, error) {
					connected(req)
					mu.Lock()
					defer mu.Unlock()
					if req.URL.Path == "/v1/jobs/countries" {
						return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{}`)), Request: req}, nil
					}
					b := newLongBody(second)
					bodies = append(bodies, b)
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: b, Request: req}, nil
				})}
				session := connect(t, o, nil)
				var calls sync.WaitGroup
				for i, c := range []struct{ tool, args, want string }{
					{"search_profile", paidCall, ""}, {"search_profile", paidCall, ""}, {"search_profile", paidCall, tt.want}, {"check_credits", `{}`, tt.free},
				} {
					calls.Go(func() {
						result := call(t, session, c.tool, c.args)
						if result.IsError != (c.want != "") || !strings.Contains(text(result), c.want) {
							t.Errorf("call %d: got %.200q, want it to say %q", i, text(result), c.want)
						}
					})
					synctest.Wait()
				}
				start := time.Now()
				if result := call(t, session, "list_job_countries", `{}`); result.IsError || time.Since(start) > 0 {
					t.Errorf("a short answer after %v: got %q", time.Since(start), text(result))
				}
				_ = ratelimit.Sleep(t.Context(), tt.after)
				close(second)
				calls.Wait()
				for i, b := range bodies {
					if !b.closed.Load() {
						t.Errorf("the body of answer %d was not closed", i)
					}
				}
				if got := bodies[2].read.Load(); tt.want != "" && got > 1<<20 {
					t.Errorf("got %d bytes read of the third, want no more than it may have beside others", got)
				}
				if result := call(t, session, "search_profile", paidCall); result.IsError {
					t.Errorf("later: got %q", text(result))
				}
			})
		})
	}
}

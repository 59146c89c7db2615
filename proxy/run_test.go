package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

// A double is an Upstream whose requests and notifications the test answers. Left alone it answers at once.
type double struct {
	// call answers a request, unless it returns nil.
	call func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message
	// take is called for each notification, before it returns.
	take func(ctx context.Context, m *jsonrpc.Message)

	notify func(*jsonrpc.Message)
	mu     sync.Mutex
	log    []string
	limit  time.Duration // that the end has had; 0 before it
	closed int
}

func (u *double) Start(notify func(*jsonrpc.Message)) { u.notify = notify }

func (u *double) note(m *jsonrpc.Message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.log = append(u.log, strings.TrimSpace(m.Method+" "+string(m.ID)))
}

func (u *double) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	u.note(m)
	if u.call != nil {
		if response := u.call(ctx, m); response != nil {
			return response
		}
	}
	if m.Method == "initialize" {
		return jsonrpc.NewResult(m, []byte(`{"protocolVersion":`+string(jsonrpc.Get(m.Params, "protocolVersion"))+`}`))
	}
	return jsonrpc.NewResult(m, []byte(`{}`))
}

func (u *double) Notify(ctx context.Context, m *jsonrpc.Message) {
	u.note(m)
	if u.take != nil {
		u.take(ctx, m)
	}
}

func (u *double) Close(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed++
	u.limit = time.Until(deadline)
}

func (u *double) seen() []string {
	synctest.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.log)
}

func wantLog(t *testing.T, u *double, want ...string) {
	t.Helper()
	if got := u.seen(); !slices.Equal(got, want) {
		t.Errorf("the upstream got %q, want %q", got, want)
	}
}

// running is an editor of a session with u.
func running(t *testing.T, u *double, change ...func(*proxy.Options)) *proxytest.Editor {
	t.Helper()
	return proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
		o := proxy.Options{In: in, Out: out, Upstream: u, Log: slog.New(slog.DiscardHandler)}
		for _, c := range change {
			c(&o)
		}
		return proxy.Run(t.Context(), o)
	})
}

const statelessMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`

func request(id int, method string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q}`, id, method)
}

func stateless(id int, method string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, id, method, statelessMeta)
}

func initialize(version string) string {
	return `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"` + version + `","clientInfo":{"name":"ed"}}}`
}

func cancellation(id string, more ...string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + strings.Join(more, "") + `}}`
}

func done(id int) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, id) }

func TestRunAnswersWhatIsNoMessage(t *testing.T) {
	refused := func(id string, code int, text string) string {
		return `{"jsonrpc":"2.0",` + id + fmt.Sprintf(`"error":{"code":%d,"message":%q}}`, code, text)
	}
	const (
		notJSON    = "not valid JSON: one line is one message"
		notMessage = "not a JSON-RPC message: it must be an object with a method, a result or an error"
		badID      = "the id of a request is a string or a number"
		noBatch    = "batches are spoken only where protocol version 2025-03-26 was agreed on"
	)
	tests := []struct{ line, want string }{
		{`x`, refused("", -32700, notJSON)},
		{`{"id":1,"method":"a"`, refused("", -32700, notJSON)},
		{"Content-Length: 20\r", refused("", -32700, "Content-Length framing is not spoken here: one line is one message")},
		{`7`, refused("", -32600, notMessage)},
		{`{"id":1}`, refused(`"id":1,`, -32600, notMessage)},
		{`{"id":null,"method":"a"}`, refused("", -32600, badID)},
		{`[]`, refused("", -32600, noBatch)},
		{`[` + request(1, "a") + `]`, refused("", -32600, noBatch)},
		{`{"method":"initialize"}`, refused("", -32600, "initialize needs an id")},
		{"{\"id\":1,\"method\":\"a\xff\"}", refused(`"id":1,`, -32600, "not valid UTF-8")},
		{"{\"id\":\"\xff\",\"method\":\"a\"}", refused("", -32600, "not valid UTF-8")},
		{"  ", ""},
		{"", ""},
		{"\ufeff" + request(1, "a") + "\r", done(1)},
	}
	synctest.Test(t, func(t *testing.T) {
		u := &double{}
		e := running(t, u)
		for i, tt := range tests {
			e.Write(tt.line)
			if tt.want != "" {
				e.WantLine(tt.want)
			}
			e.Write(request(100+i, "ping"))
			e.WantLine(done(100 + i))
		}
		e.End()
		if n := len(u.seen()); n != len(tests)+1 {
			t.Errorf("the upstream got %d messages, want %d", n, len(tests)+1)
		}
	})
}

func TestRunResponds(t *testing.T) {
	why := problem.New(problem.Failed, problem.Refused, "it failed", "try later")
	tests := []struct {
		name, line string
		response   func(m *jsonrpc.Message) *jsonrpc.Message
		want       []string
	}{
		{"with the upstream's own bytes", request(1, "a"), func(*jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Compose([]byte(`{"result": {"x":1e400} ,"id":1}`))
		}, []string{`{"result": {"x":1e400} ,"id":1}`}},
		{"with the id as the editor has written it", `{"jsonrpc":"2.0","id":1.0,"method":"a"}`, func(*jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Compose([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`))
		}, []string{`{"jsonrpc":"2.0","id":1.0,"result":{}}`}},
		{"with LeadMagic's error", request(1, "tools/call"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.NewError(m.ID, -32000, "no", nil)
		}, []string{`"error":{"code":-32000,"message":"no"}`}},
		{"to a tool with a result that did not succeed", request(1, "tools/call"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Failed(m, why)
		}, []string{`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"it failed`, `}],"isError":true}}`, "described"}},
		{"to a tool without a session", stateless(1, "tools/call"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Failed(m, why)
		}, []string{`"isError":true,"resultType":"complete"}}`}},
		{"to other requests with an error", request(1, "prompts/get"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Failed(m, why)
		}, []string{`"error":{"code":-32603,"message":"it failed`, `"source":"leadmagic-mcp-proxy"`}},
		{"to a probe so that the editor goes on", request(1, "server/discover"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Failed(m, why)
		}, []string{`"error":{"code":-32601,"message":"it failed`}},
		{"to an error of no kind", request(1, "a"), func(m *jsonrpc.Message) *jsonrpc.Message {
			return jsonrpc.Failed(m, errors.New("odd"))
		}, []string{`"error":{"code":-32603,"message":"odd`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &double{call: func(_ context.Context, m *jsonrpc.Message) *jsonrpc.Message { return tt.response(m) }}
				e := running(t, u, func(o *proxy.Options) {
					o.Describe = func(p *problem.Problem) *problem.Problem {
						other := *p
						other.Next = "described"
						return &other
					}
				})
				e.Write(tt.line)
				e.Want(tt.want...)
				e.End()
			})
		})
	}
}

func TestRunKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, take := make(chan struct{}), make(chan struct{})
		u := &double{}
		u.call = func(_ context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" {
				<-open
			}
			return nil
		}
		u.take = func(_ context.Context, m *jsonrpc.Message) {
			if m.Method == "slow" {
				<-take
			}
		}
		e := running(t, u)
		// Nothing of a session goes before its initialize is answered, but for what has no session and what was asked.
		e.Write(initialize("2025-06-18"))
		e.Write(request(1, "early"))
		e.Write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		e.Write(stateless(2, "free"))
		wantLog(t, u, "initialize 0")
		e.Write(`{"jsonrpc":"2.0","id":"s","result":{}}`)
		wantLog(t, u, "initialize 0", `"s"`)
		// A request without a session waits for the notifications before it, two seconds at most.
		<-time.After(2*time.Second - time.Nanosecond)
		wantLog(t, u, "initialize 0", `"s"`)
		<-time.After(time.Nanosecond)
		wantLog(t, u, "initialize 0", `"s"`, "free 2")
		e.WantLine(done(2))
		close(open)
		e.Want(`"id":0`)
		e.WantLine(done(1))
		got := u.seen() // both have waited for the same
		slices.Sort(got[3:])
		if want := []string{"initialize 0", `"s"`, "free 2", "early 1", "notifications/initialized"}; !slices.Equal(got, want) {
			t.Errorf("the upstream got %q, want %q", got, want)
		}

		// Notifications go one after the other, and requests after those before them.
		e.Write(`{"jsonrpc":"2.0","method":"slow"}`)
		e.Write(`{"jsonrpc":"2.0","method":"next"}`)
		e.Write(request(3, "behind"))
		if got := u.seen(); got[len(got)-1] != "slow" {
			t.Errorf("%s did not wait", got[len(got)-1])
		}
		close(take)
		e.WantLine(done(3))
		if got = u.seen(); !slices.Equal(got[len(got)-3:], []string{"slow", "next", "behind 3"}) {
			t.Errorf("the upstream got %q", got)
		}
		// What the upstream says reaches the editor as it is.
		u.notify(jsonrpc.Compose([]byte(`{"method":"x" }`)))
		e.WantLine(`{"method":"x" }`)
		e.End()
	})
}

// A notification that is not taken holds the next ones up for half a minute.
// The time of a notification begins when those before it are sent.
func TestRunGivesEachNotificationItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &double{take: func(ctx context.Context, _ *jsonrpc.Message) { <-ctx.Done() }}
		e := running(t, u)
		for _, method := range []string{"a", "b", "c"} {
			e.Write(`{"jsonrpc":"2.0","method":"` + method + `"}`)
		}
		wantLog(t, u, "a")
		<-time.After(30 * time.Second)
		wantLog(t, u, "a", "b")
		<-time.After(30 * time.Second)
		wantLog(t, u, "a", "b", "c")
		e.End()
	})
}

func TestRunWaitsForANotificationSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &double{take: func(ctx context.Context, m *jsonrpc.Message) {
			if m.Method == "stuck" {
				<-ctx.Done()
			}
		}}
		e := running(t, u)
		e.Write(`{"jsonrpc":"2.0","method":"stuck"}`)
		e.Write(`{"jsonrpc":"2.0","method":"next"}`)
		<-time.After(30*time.Second - time.Nanosecond)
		wantLog(t, u, "stuck")
		<-time.After(time.Nanosecond)
		wantLog(t, u, "stuck", "next")
		e.Write(`{"jsonrpc":"2.0","method":"last"}`)
		if got := u.seen(); got[len(got)-1] != "last" {
			t.Errorf("the upstream got %q", got)
		}
		e.End()
	})
}

func TestRunCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		causes := make(chan error, 10)
		release := make(chan struct{})
		u := &double{}
		u.call = func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if strings.HasPrefix(m.Method, "wait") {
				select {
				case <-ctx.Done():
					causes <- context.Cause(ctx)
				case <-release:
				}
			}
			return nil
		}
		e := running(t, u)
		e.Write(request(1, "wait"))
		e.Write(stateless(1, "wait/too"))
		synctest.Wait()
		// Without a session only what has none is meant; else the oldest.
		e.Write(cancellation("1.0", ","+statelessMeta))
		cancelled, ok := errors.AsType[*jsonrpc.Cancelled](<-causes)
		if !ok || !strings.Contains(string(cancelled.Notification.Raw), `"requestId":1.0`) {
			t.Errorf("the cause is %v", cancelled)
		}
		e.Write(cancellation("1", ","+statelessMeta))
		synctest.Wait()
		if len(causes) > 0 {
			t.Error("a request of a session was cancelled without one")
		}
		e.Write(cancellation("2"))
		e.Write(cancellation(`"1"`))
		e.Write(cancellation(`null`))
		e.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
		e.Write(cancellation("1", `,"requestid":2`))
		synctest.Wait()
		if len(causes) > 0 {
			t.Error("a cancellation of something else, or of two things, has cancelled a request")
		}
		e.Write(cancellation("1"))
		if _, ok := errors.AsType[*jsonrpc.Cancelled](<-causes); !ok {
			t.Error("the request was not cancelled")
		}
		// The late responses were dropped, a cancellation is not passed on as a notification, and an id may be used again.
		e.Write(request(1, "again"))
		e.WantLine(done(1))
		e.WantNothing()
		e.End()
		for _, what := range u.seen() {
			if strings.HasPrefix(what, "notifications/cancelled") {
				t.Errorf("the upstream got %s", what)
			}
		}
	})
}

func TestRunAnswersAProbeItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		u := &double{call: func(_ context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "server/discover" {
				<-release
			}
			return nil
		}}
		e := running(t, u)
		start := time.Now()
		e.Write(request(1, "server/discover"))
		e.Want(`"id":1`, `"code":-32601`, "LeadMagic has not answered yet")
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v, want 2 s", took)
		}
		close(release)
		e.Write(request(2, "server/discover"))
		e.WantLine(done(2))
		<-time.After(time.Minute)
		e.WantNothing()
		e.End()
	})
}

func TestRunSpeaksBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &double{}
		hold := make(chan struct{})
		u.call = func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "wait" {
				select {
				case <-hold:
				case <-ctx.Done():
				}
			}
			return nil
		}
		e := running(t, u)
		e.Write(initialize("2025-03-26"))
		e.Want(`"id":0`)
		e.Write(`[]`)
		e.Want(`"code":-32600`, "an empty batch asks for nothing")
		e.Write(`[` + request(1, "a") + `]`)
		e.WantLine("[" + done(1) + "]")
		e.Write(`[{"jsonrpc":"2.0","method":"n"}, {"jsonrpc":"2.0","id":"s","result":{}}]`)
		e.Write(request(2, "b"))
		e.WantLine(done(2))
		e.Write(`[7,` + request(3, "wait") + `,{"id":4},{"jsonrpc":"2.0","method":"n"},` + initialize("2025-03-26") + `]`)
		synctest.Wait()
		e.WantNothing()
		close(hold)
		line := e.Next()
		for _, part := range []string{done(3), `"id":4,"error"`, "initialize cannot stand in a batch", `[{"jsonrpc":"2.0","error"`} {
			if !strings.Contains(line, part) {
				t.Errorf("the batch is answered %s, want %s in it", line, part)
			}
		}
		if n := strings.Count(line, `"jsonrpc"`); n != 4 {
			t.Errorf("the batch has %d answers: %s", n, line)
		}
		hold = make(chan struct{})
		e.Write(`[` + request(5, "wait") + `,` + request(6, "wait") + `]`)
		synctest.Wait()
		e.Write(cancellation("5"))
		synctest.Wait()
		close(hold)
		e.WantLine("[" + done(6) + "]")
		e.Write(`[` + request(7, "a"))
		e.Want(`"code":-32700`)
		// A session of another version has none.
		e.Write(initialize("2025-06-18"))
		e.Want(`"id":0`)
		e.Write(`[` + request(8, "a") + `]`)
		e.Want("batches are spoken only where")
		e.End()
	})
}

func TestRunEndsInOrder(t *testing.T) {
	t.Run("what is pending is answered first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := &double{call: func(context.Context, *jsonrpc.Message) *jsonrpc.Message {
				<-time.After(20 * time.Second)
				return nil
			}}
			e := running(t, u)
			e.Write(request(1, "a"))
			e.Write(request(2, "b"))
			synctest.Wait()
			start := time.Now()
			e.Close()
			got := []string{e.Next(), e.Next()}
			slices.Sort(got)
			if !slices.Equal(got, []string{done(1), done(2)}) {
				t.Errorf("got %q", got)
			}
			if err := e.Wait(); err != nil || time.Since(start) != 20*time.Second {
				t.Errorf("it ended after %v with %v", time.Since(start), err)
			}
			if u.closed != 1 || u.limit <= 300*time.Millisecond || u.limit > time.Second {
				t.Errorf("the upstream was closed %d times, with %v", u.closed, u.limit)
			}
		})
	})
	t.Run("for half a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var cause error
			u := &double{call: func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return jsonrpc.Failed(m, problem.New(problem.Cut, problem.Unknown, "it was cut", ""))
			}}
			e := running(t, u)
			e.Write(request(1, "a"))
			synctest.Wait()
			start := time.Now()
			e.Close()
			e.Want(`"id":1`, "it was cut")
			if took := time.Since(start); took != 30*time.Second {
				t.Errorf("it took %v, want 30 s", took)
			}
			if err := e.Wait(); err != nil || !errors.Is(cause, problem.ErrSessionEnded) {
				t.Errorf("it ended with %v, and the cause was %v", err, cause)
			}
		})
	})
	t.Run("but subscriptions are not waited for, nor answered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := &double{call: func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
				if !m.IsSubscription() {
					return nil
				}
				<-ctx.Done()
				return jsonrpc.Failed(m, problem.New(problem.Cut, problem.Refused, "it was cut", ""))
			}}
			e := running(t, u)
			e.Write(stateless(1, "subscriptions/listen"))
			e.Write(stateless(2, "a"))
			e.WantLine(done(2))
			start := time.Now()
			e.End()
			if took := time.Since(start); took != 0 {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("at a signal at once, and what was not sent says so", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			u := &double{call: func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
				<-ctx.Done()
				return jsonrpc.Failed(m, problem.New(problem.Cut, problem.Unknown, "it was cut", ""))
			}}
			e := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
				return proxy.Run(ctx, proxy.Options{In: in, Out: out, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			})
			const calls = 140
			for id := range calls {
				e.Write(request(1000+id, "a"))
			}
			synctest.Wait()
			if n := len(u.seen()); n != 128 {
				t.Errorf("the upstream has %d requests, want 128", n)
			}
			start := time.Now()
			stop()
			cut, unsent := 0, 0
			for range calls {
				line := e.Next()
				if strings.Contains(line, "it was cut") {
					cut++
				}
				if strings.Contains(line, "the session ended before the call was sent") {
					unsent++
				}
			}
			if cut != 128 || unsent != calls-128 {
				t.Errorf("%d were cut, %d not sent", cut, unsent)
			}
			if err := e.Wait(); err != nil || time.Since(start) > 300*time.Millisecond || u.limit > 300*time.Millisecond {
				t.Errorf("it ended after %v with %v, and the upstream had %v", time.Since(start), err, u.limit)
			}
			if n := len(u.seen()); n != 128 {
				t.Errorf("the upstream has got %d requests, want 128", n)
			}
			e.Close()
		})
	})
	t.Run("when the editor cannot be written to, with an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			in, editor := io.Pipe()
			u := &double{}
			ended := make(chan error)
			go func() {
				ended <- proxy.Run(t.Context(), proxy.Options{In: in, Out: broken{}, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			}()
			_, _ = io.WriteString(editor, request(1, "a")+"\n")
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "writing to the editor: no reader") {
				t.Errorf("it ended with %v", err)
			}
			if u.closed != 1 || u.limit > 300*time.Millisecond {
				t.Errorf("the upstream was closed %d times, with %v", u.closed, u.limit)
			}
			_ = editor.Close()
		})
	})
	t.Run("at once when a signal comes while the editor waits for responses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			u := &double{call: hangs}
			e := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
				return proxy.Run(ctx, proxy.Options{In: in, Out: out, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			})
			e.Write(request(1, "a"))
			synctest.Wait()
			e.Close()
			<-time.After(10 * time.Second)
			start := time.Now()
			stop()
			e.Want(`"id":1`, "it was cut")
			if err := e.Wait(); err != nil || time.Since(start) != 0 || u.limit > 300*time.Millisecond {
				t.Errorf("it ended after %v with %v, and the upstream had %v", time.Since(start), err, u.limit)
			}
		})
	})
	t.Run("at once when an editor that waits for responses cannot be written to", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			in, editor := io.Pipe()
			u := &double{call: func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
				if m.Method == "soon" {
					<-time.After(10 * time.Second)
					return nil
				}
				return hangs(ctx, m)
			}}
			ended := make(chan error)
			start := time.Now()
			go func() {
				ended <- proxy.Run(t.Context(), proxy.Options{In: in, Out: broken{}, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			}()
			_, _ = io.WriteString(editor, request(1, "soon")+"\n"+request(2, "never")+"\n")
			_ = editor.Close()
			err := <-ended
			if took := time.Since(start); err == nil || took != 10*time.Second || u.limit > 300*time.Millisecond {
				t.Errorf("it ended after %v with %v, and the upstream had %v", took, err, u.limit)
			}
		})
	})
	t.Run("and what the editor says meanwhile is not sent", func(t *testing.T) {
		for _, line := range []string{request(1, "a"), `{"jsonrpc":"2.0","method":"n"}`, `{"jsonrpc":"2.0","id":"s","result":{}}`} {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				read := make(chan struct{})
				u := &double{take: func(ctx context.Context, _ *jsonrpc.Message) { <-ctx.Done() }}
				e := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
					return proxy.Run(ctx, proxy.Options{
						In: in, Out: out, Upstream: u, Log: slog.New(slog.DiscardHandler), Trace: func(_ string, got []byte) {
							if string(got) == line {
								<-read
							}
						},
					})
				})
				e.Write(`{"jsonrpc":"2.0","id":"first","result":{}}`) // is on its way
				e.Write(line)
				synctest.Wait()
				stop()
				synctest.Wait()
				close(read)
				wantLog(t, u, `"first"`)
				if err := e.Wait(); err != nil {
					t.Error(err)
				}
				wantLog(t, u, `"first"`)
				e.Close()
			})
		}
	})
	t.Run("and what waits for initialize is not sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			u := &double{call: func(context.Context, *jsonrpc.Message) *jsonrpc.Message {
				<-time.After(time.Minute)
				return nil
			}}
			e := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
				return proxy.Run(ctx, proxy.Options{In: in, Out: out, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			})
			e.Write(initialize("2025-06-18"))
			e.Write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
			e.Write(request(1, "a"))
			synctest.Wait()
			stop()
			e.Want(`"id":1`, "the session ended before the call was sent")
			if err := e.Wait(); err != nil {
				t.Error(err)
			}
			<-time.After(time.Minute)
			wantLog(t, u, "initialize 0")
			e.Close()
		})
	})
	t.Run("and nothing is written after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			in, editor := io.Pipe()
			u := &double{call: func(context.Context, *jsonrpc.Message) *jsonrpc.Message {
				<-time.After(time.Minute)
				return nil
			}}
			var out strings.Builder
			ended := make(chan error)
			go func() {
				ended <- proxy.Run(ctx, proxy.Options{In: in, Out: &out, Upstream: u, Log: slog.New(slog.DiscardHandler)})
			}()
			_, _ = io.WriteString(editor, request(1, "a")+"\n")
			synctest.Wait()
			start := time.Now()
			stop()
			if err := <-ended; err != nil || time.Since(start) != 300*time.Millisecond {
				t.Errorf("it ended after %v with %v", time.Since(start), err)
			}
			u.notify(jsonrpc.Compose([]byte(`{"method":"late"}`)))
			<-time.After(time.Minute)
			if out.Len() > 0 {
				t.Errorf("after the end %q was written", out.String())
			}
			_ = editor.Close()
		})
	})
	t.Run("notifications on their way have time to arrive", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			arrived := false
			u := &double{take: func(ctx context.Context, _ *jsonrpc.Message) {
				select {
				case <-time.After(100 * time.Millisecond):
					arrived = true
				case <-ctx.Done():
				}
			}}
			e := running(t, u)
			e.Write(`{"jsonrpc":"2.0","method":"n"}`)
			e.End()
			if !arrived {
				t.Error("the notification was given up")
			}
		})
	})
}

// hangs is a call that LeadMagic does not answer.
func hangs(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	<-ctx.Done()
	return jsonrpc.Failed(m, problem.New(problem.Cut, problem.Unknown, "it was cut", ""))
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no reader") }

// What many requests at once have needed is given back when nothing was written for five seconds, and not after the end.
func TestRunGivesBackMemoryWhenItIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collected := func() uint32 {
			synctest.Wait()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.NumForcedGC
		}
		let := make(chan struct{})
		u := &double{call: func(_ context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "wait" {
				<-let
			}
			return nil
		}}
		e := running(t, u)
		e.Write(request(1, "a"))
		e.WantLine(done(1))
		synctest.Wait()
		few := runtime.NumGoroutine()
		const calls = 50
		for id := range calls {
			e.Write(request(1000+id, "wait"))
		}
		<-time.After(4 * time.Second)
		close(let)
		for range calls {
			e.Want(`"result":{}`)
		}
		before := collected()
		<-time.After(5*time.Second - time.Nanosecond)
		if got, more := collected()-before, runtime.NumGoroutine()-few; got != 0 || more < calls/2 {
			t.Errorf("before five seconds memory was given back %d times, with %d goroutines more than for one request", got, more)
		}
		<-time.After(time.Nanosecond)
		if got, more := collected()-before, runtime.NumGoroutine()-few; got != 1 || more > calls/2 {
			t.Errorf("after five seconds memory was given back %d times, with %d goroutines more than for one request", got, more)
		}
		e.Write(request(2, "a"))
		e.WantLine(done(2))
		e.End()
		<-time.After(time.Minute)
		if got := collected(); got != before+1 {
			t.Errorf("after the end memory was given back %d times", got-before-1)
		}
	})
}

// Requests that wait for a slot go in their order; those that end make room, each for one.
func TestRunSendsRequestsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		u := &double{call: func(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "wait" {
				select {
				case <-let:
				case <-ctx.Done():
					<-time.After(30 * time.Second) // for a late response
				}
			}
			return nil
		}}
		e := running(t, u)
		const calls = 135
		for id := range calls {
			e.Write(request(1000+id, "wait"))
		}
		synctest.Wait()
		e.Write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + problem.StatusTool + `"}}`)
		e.WantLine(done(1)) // our own tool needs no slot
		e.Write(stateless(2, "subscriptions/listen"))
		e.WantLine(done(2))
		<-time.After(time.Minute)     // those that have a slot are sent, in whatever order, and the others wait for one
		e.Write(cancellation("1129")) // waits
		e.Write(cancellation("1128")) // is the first that waits
		if got := u.seen(); len(got) != 128+2 {
			t.Errorf("though no request has ended, %s went", got[len(got)-1])
		}
		e.Write(cancellation("1003")) // is sent
		got := u.seen()
		if want := "wait 1130"; got[len(got)-1] != want || len(got) != 128+2+1 {
			t.Errorf("of %d requests %s was the last, want %s", len(got), got[len(got)-1], want)
		}
		<-time.After(time.Minute) // no response comes late, and nothing is made room for
		for _, want := range []string{"wait 1131", "wait 1132", "wait 1133", "wait 1134"} {
			let <- struct{}{}
			e.Want(`"result":{}`)
			if got := u.seen(); got[len(got)-1] != want {
				t.Errorf("%s went, want %s", got[len(got)-1], want)
			}
		}
		close(let)
		for range 128 {
			e.Want(`"result":{}`)
		}
		// All slots are free again.
		let = make(chan struct{})
		before := len(u.seen())
		for id := range 130 {
			e.Write(request(2000+id, "wait"))
		}
		if n := len(u.seen()) - before; n != 128 {
			t.Errorf("%d requests go now, want 128", n)
		}
		close(let)
		for range 130 {
			e.Want(`"result":{}`)
		}
		e.End()
	})
}

func TestRunShowsTheEditor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := `{"tools":[{"name":"a"},{"name":"b"}]}`
		u := &double{call: func(_ context.Context, m *jsonrpc.Message) *jsonrpc.Message {
			switch m.Method {
			case "tools/list":
				return jsonrpc.NewResult(m, []byte(list))
			case "fails":
				return jsonrpc.NewError(m.ID, 1, "no", nil)
			}
			return nil
		}}
		var shown proxy.Editor
		var traced []string
		e := running(t, u, func(o *proxy.Options) {
			o.Editor = &shown
			o.Trace = func(direction string, line []byte) { traced = append(traced, direction+" "+string(line)) }
		})
		check := func(when, name string, tools ...string) {
			t.Helper()
			synctest.Wait()
			if shown.Name() != name {
				t.Errorf("%s the editor is %q, want %q", when, shown.Name(), name)
			}
			for _, tool := range []string{"a", "b", "c"} {
				if got := shown.HasTool(tool); got != slices.Contains(tools, tool) {
					t.Errorf("%s it has %s: %v", when, tool, got)
				}
			}
		}
		check("at first", "")
		e.Write(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"first"}}}}`)
		e.WantLine(done(1))
		check("without a session", "first")
		e.Write(initialize("2025-06-18"))
		e.Want(`"id":0`)
		check("with one", "ed")
		e.Write(request(2, "tools/list"))
		e.Want(`"id":2`)
		check("with a list", "ed", "a", "b")
		list = `{"tools":[{"name":"c"}]}`
		e.Write(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"cursor":"2"}}`)
		e.Want(`"id":3`)
		check("with another page", "ed", "a", "b", "c")
		e.Write(request(4, "tools/list"))
		e.Want(`"id":4`)
		check("with another list", "ed", "c")
		e.Write(stateless(5, "x"))
		e.WantLine(done(5))
		check("after a request without a name", "ed", "c")
		e.End()
		if len(traced) != 12 || traced[10] != "editor "+stateless(5, "x") || traced[11] != "LeadMagic "+done(5) {
			t.Errorf("traced are %d lines: %q", len(traced), traced)
		}
	})
}

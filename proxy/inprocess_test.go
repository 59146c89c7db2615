package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

// echoServer answers each call with its method, like an SDK server that reads one line after the other. It
// ends its session at "die", and does not answer "hang".
func echoServer(_ context.Context, in io.ReadCloser, out io.WriteCloser) error {
	lines := jsonrpc.NewLineReader(in)
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return err
		}
		m, err := jsonrpc.Parse(line)
		switch {
		case err != nil:
			return err
		case m.Method == "die":
			return io.ErrUnexpectedEOF
		case m.Kind == jsonrpc.Request && m.Method != "hang":
			if _, err := out.Write(append(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"echo":`, jsonrpc.Quote(m.Method), `}}`).Raw, '\n')); err != nil {
				return err
			}
		}
	}
}

func pipeTo(t *testing.T) *proxytest.Editor {
	t.Helper()
	return newEditor(t, &Failover{
		Candidates: []*Candidate{{Upstream: &InProcess{Serve: echoServer, Log: slog.New(slog.DiscardHandler)}}},
		Fallback:   &scripted{answer: silent},
	})
}

func TestRule16PipeAnswersWhatTheSDKCannotCarry(t *testing.T) {
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	for name, call := range map[string]string{
		"an id beyond 2^53":    `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`,
		"an id below -2^53":    `{"jsonrpc":"2.0","id":-9007199254740993,"method":"ping"}`,
		"a fractional id":      `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`,
		"an id with exponent":  `{"jsonrpc":"2.0","id":1e3,"method":"ping"}`,
		"nesting beyond 1,000": `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"deep":` + deep + `}}`,
		"an id of many digits": `{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := pipeTo(t)
				d.Write(hello)
				d.Want(`"id":0`)
				d.Write(call)
				m, _ := jsonrpc.Parse([]byte(call))
				d.Want(fmt.Sprintf(`"id":%s,"error":{"code":-32600`, m.ID))
				d.Write(`{"jsonrpc":"2.0","id":"after","method":"ping","params":{"text":"[[[ is no nesting"}}`)
				d.Want(`"id":"after"`, `"echo":"ping"`)
				d.End()
			})
		})
	}
}

// A message that would end the session of an SDK server does not reach it, though nothing answers a notification.
func TestRule16PipeDropsANotificationThatTheSDKCannotCarry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(_ context.Context, in io.ReadCloser, _ io.WriteCloser) error {
			lines := jsonrpc.NewLineReader(in)
			for {
				line, err := lines.ReadLine()
				if err != nil {
					return err
				}
				got = append(got, string(line))
			}
		}}
		p.Start(func(*jsonrpc.Message) {})
		const short = `{"jsonrpc":"2.0","method":"a"}`
		p.Notify(t.Context(), compose(`{"jsonrpc":"2.0","method":"a","params":{"deep":`+strings.Repeat("[", 999)+strings.Repeat("]", 999)+`}}`))
		p.Notify(t.Context(), compose(short))
		synctest.Wait()
		p.Close(t.Context())
		if !slices.Equal(got, []string{short}) {
			t.Errorf("the server got %d messages, the first of %d bytes", len(got), len(got[0]))
		}
	})
}

func TestRule16PipeCarriesWhatTheSDKCanJustCarry(t *testing.T) {
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for name, call := range map[string]string{
		"an id of 2^53":    `{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}`,
		"an id of -2^53":   `{"jsonrpc":"2.0","id":-9007199254740992,"method":"ping"}`,
		"nesting of 1,000": `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"deep":` + nested(998) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := pipeTo(t)
				d.Write(hello)
				d.Want(`"id":0`)
				d.Write(call)
				d.Want(`"echo":"ping"`)
				d.End()
			})
		})
	}
}

// Of two calls that have one id, the response goes to the one that waits for it.
func TestInProcessAnswersTwoCallsOfOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(_ context.Context, in io.ReadCloser, out io.WriteCloser) error {
			go func() {
				for range answer {
					_, _ = io.WriteString(out, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n")
				}
			}()
			_, err := io.Copy(io.Discard, in)
			return err
		}}
		p.Start(func(*jsonrpc.Message) {})
		responses := []chan *jsonrpc.Message{make(chan *jsonrpc.Message, 1), make(chan *jsonrpc.Message, 1), make(chan *jsonrpc.Message, 1)}
		cancels := make([]context.CancelFunc, len(responses))
		for i, response := range responses {
			var ctx context.Context
			ctx, cancels[i] = context.WithCancel(t.Context())
			defer cancels[i]()
			go func() { response <- p.Call(ctx, compose(ping(1))) }()
			synctest.Wait()
		}
		cancels[1]()
		if m := <-responses[1]; m.Err == nil {
			t.Errorf("the call whose time was up got %s", m.Raw)
		}
		for _, i := range []int{0, 2} {
			answer <- struct{}{}
			if m := <-responses[i]; m.Result == nil {
				t.Errorf("call %d got %v", i, m.Err)
			}
		}
		close(answer)
		p.Close(t.Context())
	})
}

// A response that nobody waits for is dropped, since the request may have been cancelled, and so is what is no message.
func TestAResponseToNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve := func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
			if _, err := io.WriteString(out, "starting …\n"+`{"jsonrpc":"2.0","id":"another","result":{}}`+"\n"); err != nil {
				return err
			}
			return echoServer(ctx, in, out)
		}
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{{Upstream: &InProcess{Serve: serve, Log: slog.New(slog.DiscardHandler)}}},
			Fallback:   &scripted{answer: silent},
		})
		d.Write(hello)
		d.Want(`"id":0`, `"echo":"initialize"`)
		d.End()
	})
}

func TestRule16PipeThatEndsIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.Write(hello)
		d.Want(`"id":0`)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"hang"}`)
		synctest.Wait() // a notification waits for no request before it
		d.Write(`{"jsonrpc":"2.0","method":"die"}`)
		d.Want(`"id":1,"error":{"code":-32603`, "ended before the answer")
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
		d.Want(`"id":2`, `"echo":"ping"`)
		d.End()
	})
}

func TestInProcessBeginsAnewWithEachInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, ended := 0, 0
		p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
			begun++
			defer func() { ended++ }()
			return echoServer(ctx, in, out)
		}}
		p.Start(func(*jsonrpc.Message) {})
		for i := range 3 {
			p.Call(t.Context(), compose(hello))
			p.Call(t.Context(), compose(ping(1)))
			synctest.Wait()
			if begun != i+1 || ended != i {
				t.Errorf("after %d initializes %d sessions have begun and %d ended", i+1, begun, ended)
			}
		}
		p.Close(t.Context())
	})
}

// A session that takes the place of one that has ended is told what that one was told once.
func TestInProcessTellsTheNextSessionWhatHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
			told = append(told, "session")
			ours, theirs := io.Pipe()
			go func() {
				defer ours.Close()
				lines := jsonrpc.NewLineReader(in)
				for {
					line, err := lines.ReadLine()
					if err != nil {
						return
					}
					m, _ := jsonrpc.Parse(line)
					told = append(told, m.Method)
					_, _ = theirs.Write(append(line, '\n'))
				}
			}()
			return echoServer(ctx, ours, out)
		}}
		p.Start(func(*jsonrpc.Message) {})
		p.Call(t.Context(), compose(hello))
		p.Notify(t.Context(), compose(ready))
		p.Call(t.Context(), compose(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`))
		p.Notify(t.Context(), compose(`{"jsonrpc":"2.0","method":"die"}`))
		synctest.Wait()
		told = nil
		p.Call(t.Context(), compose(ping(2)))
		p.Close(t.Context())
		synctest.Wait()
		want := []string{"session", "initialize", "notifications/initialized", "logging/setLevel", "ping"}
		if !slices.Equal(told, want) {
			t.Errorf("the next session was told %q, want %q", told, want)
		}
	})
}

// The editor's initialized may be what finds the session ended.
func TestInProcessTellsASessionOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(_ context.Context, in io.ReadCloser, _ io.WriteCloser) error {
			lines := jsonrpc.NewLineReader(in)
			for {
				line, err := lines.ReadLine()
				if err != nil {
					return err
				}
				m, _ := jsonrpc.Parse(line)
				if told = append(told, m.Method); len(told) == 1 {
					return nil // the first session ends at once
				}
			}
		}}
		p.Start(func(*jsonrpc.Message) {})
		p.Call(t.Context(), compose(hello))
		synctest.Wait()
		p.Notify(t.Context(), compose(ready))
		synctest.Wait()
		p.Close(t.Context())
		if want := []string{"initialize", "initialize", "notifications/initialized"}; !slices.Equal(told, want) {
			t.Errorf("the sessions were told %q, want %q", told, want)
		}
	})
}

// A session that ends at any moment leaves no call without an answer.
func TestRule16PipeThatEndsAnswersEveryCall(t *testing.T) {
	const calls = 4_000
	var answered sync.WaitGroup
	answered.Add(calls)
	p := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: func(_ context.Context, in io.ReadCloser, _ io.WriteCloser) error {
		_, err := jsonrpc.NewLineReader(in).ReadLine()
		return err
	}}
	p.Start(func(*jsonrpc.Message) {})
	for id := range calls {
		m, err := jsonrpc.Parse([]byte(ping(id)))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer answered.Done()
			if got := p.Call(t.Context(), m); got == nil || got.Err == nil {
				t.Errorf("the response is %v", got)
			}
		}()
	}
	answered.Wait()
	p.Close(t.Context())
}

func TestRule16PipeKeepsTheErasApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + metaOf + `}}`)
		d.Want(`"id":1`, `"echo":"tools/list"`)
		d.Write(hello) // a session of its own: the stateless one goes on
		d.Want(`"id":0`, `"echo":"initialize"`)
		d.Write(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
		d.Want(`"id":2`)
		d.Write(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`)
		d.Want(`"id":3`)
		d.End()
	})
}

func TestRule16PipeHasNoLineLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.Write(hello)
		d.Want(`"id":0`)
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"text":"` + strings.Repeat("x", 8<<20) + `"}}`)
		d.Want(`"id":1`, `"echo":"ping"`)
		d.End()
	})
}

// What opens a session is refused for as long as the server is not ready, and nothing else is.
func TestInProcessIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := problem.New(problem.KeyRejected, problem.Refused, "the key was rejected", "")
		asked := 0
		up := &InProcess{Log: slog.New(slog.DiscardHandler), Serve: echoServer, Ready: func(context.Context) *problem.Problem {
			asked++
			return why
		}}
		e := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
			return Run(t.Context(), Options{In: in, Out: out, Upstream: up, Log: up.Log})
		})
		const discover = `{"jsonrpc":"2.0","id":2,"method":"server/discover"}`
		e.Write(hello)
		e.Want(`"id":0`, "the key was rejected")
		e.Write(discover)
		e.Want(`"id":2`, "the key was rejected")
		e.Write(`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
		e.Want(`"id":3`, `"echo":"tools/list"`)
		why = nil
		e.Write(hello)
		e.Want(`"id":0`, `"echo":"initialize"`)
		e.Write(discover)
		e.Want(`"id":2`, `"echo":"server/discover"`)
		e.End()
		if asked != 4 {
			t.Errorf("it was asked %d times whether it is ready, want 4", asked)
		}
	})
}

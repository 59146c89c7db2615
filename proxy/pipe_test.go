package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// echoServer answers each call with its method, like an SDK server that reads one line after the other. It
// ends its session at "die", and does not answer "hang".
func echoServer(_ context.Context, in io.ReadCloser, out io.WriteCloser) error {
	lines := NewStdio(in, out)
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return err
		}
		m, err := Peek(line)
		switch {
		case err != nil:
			return err
		case m.Method == "die":
			return io.ErrUnexpectedEOF
		case m.Kind == Call && m.Method != "hang":
			if err := lines.WriteLine(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"echo":`, quote(m.Method), `}}`).Raw); err != nil {
				return err
			}
		}
	}
}

func pipeTo(t *testing.T) *desk {
	t.Helper()
	return sit(t, &Choose{
		Candidates: []Candidate{{Upstream: &Pipe{Serve: echoServer, Log: slog.New(slog.DiscardHandler)}}},
		Standby:    &scripted{answer: silent},
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
				d.say(hello)
				d.hear(`"id":0`)
				d.say(call)
				m, _ := Peek([]byte(call))
				d.hear(fmt.Sprintf(`"id":%s,"error":{"code":-32600`, m.ID))
				d.say(`{"jsonrpc":"2.0","id":"after","method":"ping","params":{"text":"[[[ is no nesting"}}`)
				d.hear(`"id":"after"`, `"echo":"ping"`)
				d.leave()
			})
		})
	}
}

func TestRule16PipeThatEndsIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.say(hello)
		d.hear(`"id":0`)
		d.say(`{"jsonrpc":"2.0","id":1,"method":"hang"}`)
		d.say(`{"jsonrpc":"2.0","method":"die"}`)
		d.hear(`"id":1,"error":{"code":-32603`, "ended before the answer")
		d.say(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
		d.hear(`"id":2`, `"echo":"ping"`)
		d.leave()
	})
}

// A session that ends at any moment leaves no call without an answer.
func TestRule16PipeThatEndsAnswersEveryCall(t *testing.T) {
	const calls = 20_000
	var answered sync.WaitGroup
	answered.Add(calls)
	p := &Pipe{Log: slog.New(slog.DiscardHandler), Serve: func(_ context.Context, in io.ReadCloser, _ io.WriteCloser) error {
		_, err := NewStdio(in, nil).ReadLine()
		return err
	}}
	p.Open(&Handshake{}, func(*Message) { answered.Done() })
	for id := range calls {
		m, err := Peek([]byte(ping(id)))
		if err != nil {
			t.Fatal(err)
		}
		p.Send(m)
	}
	answered.Wait()
	p.Close(t.Context())
}

func TestRule16PipeKeepsTheErasApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + metaOf + `}}`)
		d.hear(`"id":1`, `"echo":"tools/list"`)
		d.say(hello) // a session of its own: the modern one goes on
		d.hear(`"id":0`, `"echo":"initialize"`)
		d.say(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
		d.hear(`"id":2`)
		d.say(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`)
		d.hear(`"id":3`)
		d.leave()
	})
}

func TestRule16PipeHasNoLineLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pipeTo(t)
		d.say(hello)
		d.hear(`"id":0`)
		d.say(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"text":"` + strings.Repeat("x", 8<<20) + `"}}`)
		d.hear(`"id":1`, `"echo":"ping"`)
		d.leave()
	})
}

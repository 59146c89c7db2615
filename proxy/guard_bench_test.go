package proxy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"testing"
)

// mirror is an upstream that answers each call at once, on the pump.
type mirror struct {
	deliver func(*Message)
	answer  []byte
}

func (m *mirror) Open(_ *Handshake, deliver func(*Message)) { m.deliver = deliver }
func (m *mirror) Close(context.Context)                     {}
func (m *mirror) Send(*Message)                             { m.deliver(compose(m.answer)) }

// BenchmarkGuard is a call through the pumps, without a guard and with one. Without one, no look is taken at it.
func BenchmarkGuard(b *testing.B) {
	line := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_work_email","arguments":{"full_name":"Ada Lovelace","domain":"analytical.example"}}}` + "\n")
	answer := []byte(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"email\":\"ada@analytical.example\",\"credits_consumed\":1}"}],"structuredContent":{"email":"ada@analytical.example","credits_consumed":1}}}`)
	for _, bm := range []struct {
		name  string
		guard func() *Guard
	}{
		{"none", func() *Guard { return nil }},
		{"patterns", func() *Guard { return &Guard{Tools: []string{"find_*", "check_*"}} }},
		{"credits", func() *Guard { return &Guard{MaxCredits: 1e9, Cost: prices} }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			in, say := io.Pipe()
			hear, out := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				ended <- Run(context.Background(), Options{
					In: in, Out: out, Upstream: &mirror{answer: answer}, Guard: bm.guard(), Log: slog.New(slog.DiscardHandler),
				})
			}()
			lines := bufio.NewReader(hear)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := say.Write(line); err != nil {
					b.Fatal(err)
				}
				if _, err := lines.ReadSlice('\n'); err != nil {
					b.Fatal(err)
				}
			}
			_ = say.Close()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}

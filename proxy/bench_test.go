package proxy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// mirror is an upstream that answers each call at once, on the pump.
type mirror struct {
	wire
	answer []byte
}

func (m *mirror) Notify(context.Context, *jsonrpc.Message) {}

func (m *mirror) Call(context.Context, *jsonrpc.Message) *jsonrpc.Message { return compose(m.answer) }

// BenchmarkLimits is a call through the pumps, without a guard and with one. Without one, no look is taken at it.
func BenchmarkLimits(b *testing.B) {
	line := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_work_email","arguments":{"full_name":"Ada Lovelace","domain":"analytical.example"}}}` + "\n")
	answer := []byte(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"email\":\"ada@analytical.example\",\"credits_consumed\":1}"}],"structuredContent":{"email":"ada@analytical.example","credits_consumed":1}}}`)
	for _, bm := range []struct {
		name  string
		guard func() *limits
	}{
		{"none", func() *limits { return nil }},
		{"patterns", func() *limits { return &limits{Tools: []string{"find_*", "check_*"}} }},
		{"credits", func() *limits { return &limits{MaxCredits: 1e9, Cost: prices} }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			in, say := io.Pipe()
			hear, out := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				ended <- Run(context.Background(), Options{
					In: in, Out: out, Upstream: bm.guard().around(&mirror{answer: answer}), Log: slog.New(slog.DiscardHandler),
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

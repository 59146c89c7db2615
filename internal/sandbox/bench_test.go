package sandbox_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// BenchmarkEcho is what a call costs with nothing between the caller and the sandbox, its HTTP included.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{100, 16 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s, err := sandbox.Start(sandbox.Options{Bench: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: keyed{transport}}
			body := modernCall("tools/call", "echo", `{"name":"echo","arguments":{"size":`+strconv.Itoa(size)+`}}`)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.URL+"/mcp", strings.NewReader(body.body))
				if err != nil {
					b.Fatal(err)
				}
				for name, value := range body.header {
					r.Header.Set(name, value)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Accept", "application/json, text/event-stream")
				response, err := c.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if err != nil || n < int64(size) {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
		})
	}
}

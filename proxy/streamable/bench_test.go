package streamable_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// benchLine is one call of the benchmarks.
const benchLine = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_work_email","arguments":{"full_name":"Ada Lovelace","domain":"analytical.example"},"_meta":{"progressToken":1}}}`

// benchServer answers each POST with a result of that size, as a body or as an event stream.
func benchServer(b *testing.B, size int, events bool) *url.URL {
	b.Helper()
	text := strings.Repeat("0123456789abcdef", size/16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		line := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`
		if events {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: message\nid: 1\ndata: "+line+"\n\n")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, line)
	}))
	b.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

func benchClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 1024, DisableCompression: true,
		DialContext: (&net.Dialer{}).DialContext,
	}}
}

// benchDirect is what a call costs an HTTP client that reads the answer and no more.
func benchDirect(b *testing.B, u *url.URL, flying int) {
	b.Helper()
	client := benchClient()
	defer client.CloseIdleConnections()
	call := func() {
		req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, u.String(), strings.NewReader(benchLine))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		res, err := client.Do(req)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	calls := make(chan struct{})
	var busy sync.WaitGroup
	for range flying {
		busy.Go(func() {
			for range calls {
				call()
			}
		})
	}
	call() // the connection
	b.ResetTimer()
	for range b.N {
		calls <- struct{}{}
	}
	close(calls)
	busy.Wait()
}

// benchProxied is what it costs an editor through the proxy.
func benchProxied(b *testing.B, u *url.URL, flying int) {
	b.Helper()
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	client := benchClient()
	r := &streamable.Client{URL: u, Dial: func() http.RoundTripper { return client.Transport }, Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() {
		ended <- proxy.Run(b.Context(), proxy.Options{In: inRead, Out: outWrite, Upstream: r, Log: r.Log})
		_ = outWrite.Close()
	}()
	answered := make(chan struct{}, 1024)
	go func() {
		defer close(answered)
		lines := bufio.NewReaderSize(out, 64<<10)
		for {
			_, err := lines.ReadSlice('\n')
			switch {
			case err == nil:
				answered <- struct{}{}
			case !errors.Is(err, bufio.ErrBufferFull):
				return
			}
		}
	}()
	line := []byte(benchLine + "\n")
	_, _ = in.Write(line)
	<-answered // the connection
	b.ResetTimer()
	flew := 0
	for range b.N {
		if flew == flying {
			<-answered
			flew--
		}
		_, _ = in.Write(line)
		flew++
	}
	for range flew {
		<-answered
	}
	b.StopTimer()
	_ = in.Close()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

func benchPair(b *testing.B, size int, events bool, flying int) {
	b.Helper()
	u := benchServer(b, size, events)
	for _, way := range []struct {
		name string
		run  func(*testing.B, *url.URL, int)
	}{{"direct", benchDirect}, {"proxied", benchProxied}} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			way.run(b, u, flying)
		})
	}
}

func BenchmarkCall(b *testing.B)       { benchPair(b, 1<<10, false, 1) }
func BenchmarkCallStream(b *testing.B) { benchPair(b, 1<<10, true, 1) }
func BenchmarkFlying64(b *testing.B)   { benchPair(b, 1<<10, false, 64) }
func BenchmarkLarge(b *testing.B)      { benchPair(b, 16<<20, false, 1) }
func BenchmarkLargeStream(b *testing.B) {
	benchPair(b, 16<<20, true, 1)
}

// What it costs to look at a message, beside what it costs to validate it with the standard library.
func BenchmarkPeek(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 16 << 20} {
		for name, text := range map[string]string{
			"text":    strings.Repeat("The quick brown fox. ", size/21),
			"escapes": strings.Repeat(`a \"quoted\" word\n `, size/20),
			"accents": strings.Repeat("Größe: 世界 ", size/17),
		} {
			line := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%s"}]}}`, text)
			b.Run(fmt.Sprintf("%s/%d/peek", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				b.ReportAllocs()
				for b.Loop() {
					if m, err := jsonrpc.Parse(line); err != nil || m.Kind != jsonrpc.Response {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%d/json.Valid", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				for b.Loop() {
					if !json.Valid(line) {
						b.Fatal("not valid")
					}
				}
			})
		}
	}
	structured := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"result":[%s0]}`, strings.Repeat(`{"name":"Ada","n":1.5e3,"ok":true,"list":[1,2,3],"none":null},`, 10_000))
	b.Run("structured/peek", func(b *testing.B) {
		b.SetBytes(int64(len(structured)))
		for b.Loop() {
			if _, err := jsonrpc.Parse(structured); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("structured/json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(structured)))
		for b.Loop() {
			if !json.Valid(structured) {
				b.Fatal("not valid")
			}
		}
	})
}

// Relay is the least that can stand between an editor and a server: a line in, a POST, the body out, or the lines
// of data in it. It hands back the session's id, and beside that checks nothing, mends nothing and answers nothing
// itself. It is what the proxy is measured against.
package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	url, key := os.Getenv("LEADMAGIC_MCP_URL"), os.Getenv("LEADMAGIC_API_KEY")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1024
	client := &http.Client{Transport: transport}
	var out sync.Mutex
	var session atomic.Pointer[string]
	var calls sync.WaitGroup
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		calls.Go(func() {
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(line)) //nolint:noctx // nothing ends a relay but its input
			if err != nil {
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			req.Header.Set("X-Leadmagic-Key", key)
			if id := session.Load(); id != nil {
				req.Header.Set("Mcp-Session-Id", *id)
			}
			res, err := client.Do(req)
			if err != nil {
				return
			}
			defer res.Body.Close() //nolint:errcheck // it was read to its end
			if id := res.Header.Get("Mcp-Session-Id"); id != "" {
				session.Store(&id)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || len(body) == 0 {
				return
			}
			out.Lock()
			defer out.Unlock()
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
				_, _ = os.Stdout.Write(append(body, '\n'))
				return
			}
			for part := range bytes.SplitSeq(body, []byte("\n")) {
				if data, ok := bytes.CutPrefix(part, []byte("data: ")); ok {
					_, _ = os.Stdout.Write(append(data, '\n'))
				}
			}
		})
	}
	calls.Wait()
}

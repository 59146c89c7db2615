package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// serveUpstream serves until in ends, and prints where.
func serveUpstream(in io.Reader, out io.Writer) error {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	if _, err := fmt.Fprintln(out, server.URL+"/mcp"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// echo answers a call with its arguments, byte for byte, and as many bytes of text as they ask for, as fast as can be: what is
// measured is what stands in front of it.
func echo(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage
		Method string
		Params struct{ Arguments json.RawMessage }
	}
	body, err := io.ReadAll(r.Body)
	switch {
	case r.Method == http.MethodDelete:
		return
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case err != nil || json.Unmarshal(body, &call) != nil || call.ID == nil:
		w.WriteHeader(http.StatusAccepted)
		return
	}
	head, tail := `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}`, ""
	var args struct{ Size int }
	if call.Method == "tools/call" {
		_ = json.Unmarshal(call.Params.Arguments, &args) // unset is 0
		head, tail = `{"content":[{"type":"text","text":"`, `"}],"structuredContent":`+string(call.Params.Arguments)+`}`
	} else {
		w.Header().Set("Mcp-Session-Id", "bench")
	}
	head = "event: message\ndata: " + `{"jsonrpc":"2.0","id":` + string(call.ID) + `,"result":` + head
	tail += "}\n\n"
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+args.Size+len(tail)))
	_, _ = io.WriteString(w, head)
	for chunk, left := strings.Repeat("x", 32<<10), args.Size; left > 0; left -= len(chunk) {
		_, _ = io.WriteString(w, chunk[:min(left, len(chunk))])
	}
	_, _ = io.WriteString(w, tail)
}

// relay is the least that can stand between an editor and a server: a line in, a POST, the body out, or the lines of data in it.
// It sends back the session's id, and beside that checks, repairs and answers nothing.
func relay(url, key string, stdin io.Reader, stdout io.Writer) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1024
	client := &http.Client{Transport: transport}
	var out sync.Mutex
	var session atomic.Value
	session.Store("")
	var calls sync.WaitGroup
	for in := bufio.NewReader(stdin); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		calls.Go(func() {
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(line)) //nolint:noctx // nothing ends a relay but its input
			if err != nil {
				return
			}
			for name, value := range map[string]string{
				"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "X-Leadmagic-Key": key, "Mcp-Session-Id": session.Load().(string),
			} {
				if value != "" {
					req.Header.Set(name, value)
				}
			}
			res, err := client.Do(req)
			if err != nil {
				return
			}
			defer res.Body.Close() //nolint:errcheck // it was read to its end
			if id := res.Header.Get("Mcp-Session-Id"); id != "" {
				session.Store(id)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || len(body) == 0 {
				return
			}
			out.Lock()
			defer out.Unlock()
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
				_, _ = stdout.Write(append(body, '\n'))
				return
			}
			for part := range bytes.SplitSeq(body, []byte("\n")) {
				if data, ok := bytes.CutPrefix(part, []byte("data: ")); ok {
					_, _ = stdout.Write(append(data, '\n'))
				}
			}
		})
	}
	calls.Wait()
}

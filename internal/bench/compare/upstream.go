package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// An upstream is a server of the tool echo that answers as fast as can be, in a process of its own: what is measured is what
// stands in front of it.
type upstream struct {
	url  string
	stop func()
}

// startUpstream starts this program again, as the upstream.
func startUpstream(ctx context.Context) (*upstream, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-upstream")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the upstream: %w", err)
	}
	u := &upstream{stop: func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		u.stop()
		return nil, fmt.Errorf("starting the upstream: %w", err)
	}
	u.url = strings.TrimSpace(line)
	return u, nil
}

// serveUpstream serves until in ends. It prints where.
func serveUpstream(ctx context.Context, in io.Reader, out io.Writer) error {
	url, stop, err := serve(ctx, "127.0.0.1:0", echo)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := fmt.Fprintln(out, url+"/mcp"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// echo answers a call with its arguments, byte for byte, and as many bytes of text as they ask for.
func echo(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Arguments json.RawMessage `json:"arguments"`
		} `json:"params"`
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
	head, size, tail := `{"content":[{"type":"text","text":"`, 0, `"}],"structuredContent":`+string(call.Params.Arguments)+`}`
	if call.Method == "tools/call" {
		var args struct {
			Size int `json:"size"`
		}
		_ = json.Unmarshal(call.Params.Arguments, &args) // unset is 0
		size = args.Size
	} else {
		head, tail = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}`, ""
		w.Header().Set("Mcp-Session-Id", "bench")
	}
	head = "event: message\ndata: " + `{"jsonrpc":"2.0","id":` + string(call.ID) + `,"result":` + head
	tail += "}\n\n"
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+size+len(tail)))
	_, _ = io.WriteString(w, head)
	for chunk := strings.Repeat("x", 32<<10); size > 0; size -= len(chunk) {
		_, _ = io.WriteString(w, chunk[:min(size, len(chunk))])
	}
	_, _ = io.WriteString(w, tail)
}

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// echoTool returns its arguments and, on request, filler of any size. It is answered without the SDK, so that benchmarks
// measure what stands in front of the sandbox, and so that ids and arguments come back byte for byte.
const echoTool = "echo"

// filler is written again and again: an answer of any size costs no memory.
var filler = sync.OnceValue(func() []byte { return bytes.Repeat([]byte{'x'}, 32<<10) })

func (s *Sandbox) offersEcho() bool { return s.opts.Bench || s.opts.Workbench }

type echoArgs struct {
	Size    int `json:"size"`     // bytes of filler
	DelayMS int `json:"delay_ms"` // how long to think
}

// addEcho lists the tool; its handler answers what the short cut leaves to the SDK, such as a batch.
func (s *Sandbox) addEcho(server *mcp.Server) {
	server.AddTool(&mcp.Tool{
		Name: echoTool, Title: "Echo", Description: "Returns its arguments, and filler of a given size. Free.",
		InputSchema: json.RawMessage(`{"type":"object","properties":{"size":{"type":"integer","description":"bytes of filler"},"delay_ms":{"type":"integer","description":"time to think"}}}`),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true},
	}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args := parseEcho(req.Params.Arguments)
		number, _ := s.account.charge(Call{Upstream: "mcp", Tool: echoTool, Args: req.Params.Arguments})
		if !wait(ctx, time.Duration(args.DelayMS)*time.Millisecond) {
			s.account.calls.update(number, func(c *Call) { c.Cancelled = true })
		}
		return &mcp.CallToolResult{
			Content:           []mcp.Content{&mcp.TextContent{Text: strings.Repeat("x", args.Size)}},
			StructuredContent: req.Params.Arguments,
		}, nil
	})
}

func parseEcho(raw json.RawMessage) echoArgs {
	var args echoArgs
	_ = json.Unmarshal(raw, &args) // what is not a number counts as 0
	args.Size = max(0, args.Size)
	return args
}

// serveEcho answers a call of the tool without the SDK. What is wrong with the session or the headers is left to the SDK to
// refuse.
func (s *Sandbox) serveEcho(w http.ResponseWriter, r *http.Request, m message, modern bool) {
	e := s.era(modern)
	if e == nil {
		http.Error(w, "sandbox is closed", http.StatusServiceUnavailable)
		return
	}
	known := e.has(r.Header.Get("Mcp-Session-Id"))
	if modern {
		known = r.Header.Get("Mcp-Method") == "tools/call" && r.Header.Get("Mcp-Name") == echoTool
	}
	if !known || !m.isCall() || !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		e.handler.ServeHTTP(s.upstream.disown(w), r)
		return
	}
	args := parseEcho(m.Params.Args)
	number, _ := s.account.charge(Call{Upstream: "mcp", Tool: echoTool, Args: m.Params.Args})
	if !wait(r.Context(), time.Duration(args.DelayMS)*time.Millisecond) {
		s.account.calls.update(number, func(c *Call) { c.Cancelled = true })
		return
	}
	head := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"content":[{"type":"text","text":"`
	tail := `"}]`
	if len(m.Params.Args) > 0 {
		tail += `,"structuredContent":` + oneLine(m.Params.Args)
	}
	if modern {
		tail += `,"resultType":"complete"`
	}
	tail += "}}"
	if s.opts.JSON {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(head)+args.Size+len(tail)))
	} else {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache, no-transform")
		head, tail = "event: message\ndata: "+head, tail+"\n\n"
	}
	writeStrings(w, head)
	writeFiller(w, args.Size)
	writeStrings(w, tail)
}

// oneLine is JSON without line breaks between its tokens, untouched where there are none.
func oneLine(raw json.RawMessage) string {
	if !bytes.ContainsAny(raw, "\r\n") {
		return string(raw)
	}
	var buf bytes.Buffer
	if json.Compact(&buf, raw) != nil {
		return "null"
	}
	return buf.String()
}

// writeFiller writes size bytes, or as many as the peer takes.
func writeFiller(w http.ResponseWriter, size int) {
	chunk := filler()
	for size > 0 {
		n, err := w.Write(chunk[:min(size, len(chunk))])
		if err != nil {
			return
		}
		size -= n
	}
}

// writeStrings writes to a peer that may be gone.
func writeStrings(w http.ResponseWriter, parts ...string) {
	for _, part := range parts {
		_, _ = w.Write([]byte(part))
	}
}

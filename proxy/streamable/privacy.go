package streamable

import (
	"bytes"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// withoutClientMeta is params._meta without the members that concern nobody but the editor; some editors put folder names
// and git remotes there. It is meta itself if there are none.
func withoutClientMeta(meta []byte) []byte {
	var kept [][]byte
	cut := false
	for v := range jsonrpc.Members(meta) {
		if isProtocolMeta(string(v.Name)) {
			kept = append(kept, v.Raw)
		} else {
			cut = true
		}
	}
	if !cut {
		return meta
	}
	return append(append([]byte{'{'}, bytes.Join(kept, []byte(","))...), '}')
}

// isProtocolMeta reports whether a member of _meta is part of a protocol: of MCP, whose reserved prefixes have
// modelcontextprotocol or mcp for their second label, or of W3C trace context.
// Source: MCP 2026-07-28, Overview, _meta.
func isProtocolMeta(name string) bool {
	switch name {
	case "progressToken", "traceparent", "tracestate", "baggage":
		return true
	}
	prefix, _, found := strings.Cut(name, "/")
	labels := strings.Split(prefix, ".")
	return found && len(labels) > 1 && (labels[1] == "modelcontextprotocol" || labels[1] == "mcp")
}

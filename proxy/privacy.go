package proxy

import (
	"bytes"
	"strings"
)

// withoutClientMeta is m without the members of params._meta that concern nobody but the editor; some
// editors put folder names and git remotes there. It is m itself if there are none.
func (m *Message) withoutClientMeta() *Message {
	var kept [][]byte
	cut := false
	for v := range members(m.meta.raw) {
		if travels(string(v.name)) {
			kept = append(kept, m.meta.raw[v.from:v.to])
		} else {
			cut = true
		}
	}
	if !cut {
		return m
	}
	raw := splice(m.Raw, m.meta.raw, []byte("{"), bytes.Join(kept, []byte(",")), []byte("}"))
	// The rest of the bytes is as Peek has seen it before, so it is a message again.
	out, _ := Peek(raw)
	return out
}

// travels reports whether a member of _meta is part of a protocol: of MCP, whose reserved prefixes have
// modelcontextprotocol or mcp for their second label, or of W3C trace context.
// Source: MCP 2026-07-28, Overview, _meta.
func travels(name string) bool {
	switch name {
	case "progressToken", "traceparent", "tracestate", "baggage":
		return true
	}
	prefix, _, found := strings.Cut(name, "/")
	labels := strings.Split(prefix, ".")
	return found && len(labels) > 1 && (labels[1] == "modelcontextprotocol" || labels[1] == "mcp")
}

// splice is outer with the part inner, which must be a slice of it, replaced by with.
func splice(outer, inner []byte, with ...[]byte) []byte {
	at := cap(outer) - cap(inner)
	size := len(outer) - len(inner) + 1
	for _, w := range with {
		size += len(w)
	}
	out := append(make([]byte, 0, size), outer[:at]...)
	for _, w := range with {
		out = append(out, w...)
	}
	return append(out, outer[at+len(inner):]...)
}

package proxy

import "strings"

// withoutClientMeta is m without the members of params._meta that concern nobody but the editor; some
// editors put folder names and git remotes there. It is m itself if there are none.
func (m *Message) withoutClientMeta() *Message {
	var raw []byte
	done := 0
	for _, meta := range m.meta.all {
		if kept, cut := travelling(meta); cut {
			at := offset(m.Raw, meta)
			raw = append(append(raw, m.Raw[done:at]...), kept...)
			done = at + len(meta)
		}
	}
	if done == 0 {
		return m
	}
	// The rest of the bytes is as Peek has seen it before, so it is a message again.
	out, _ := Peek(append(raw, m.Raw[done:]...))
	return out
}

// travelling is the object meta with only the members that travel, and whether there are others.
func travelling(meta []byte) (kept []byte, cut bool) {
	for v := range members(meta) {
		if !travels(string(v.name)) {
			cut = true
			continue
		}
		kept = append(append(kept, ','), meta[v.from:v.to]...)
	}
	if kept == nil {
		return []byte("{}"), cut
	}
	kept[0] = '{'
	return append(kept, '}'), cut
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

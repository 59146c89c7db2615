package proxy

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// describe puts into the headers what the protocol of a message's era wants there: the version, and
// in the modern era what the message is about, so that servers on the way need not read the body.
// Source: MCP 2026-07-28, Streamable HTTP, Request Metadata.
func describe(h http.Header, m *Message, s *remoteSession) {
	if !m.Modern() {
		s.describe(h)
		return
	}
	h.Set("Mcp-Protocol-Version", headerValue(m.meta.version))
	h.Set("Mcp-Method", headerValue(m.Method))
	if name := m.subject(); name != "" {
		h.Set("Mcp-Name", headerValue(name))
	}
}

// subject is what a request is about: the tool, prompt, resource or task it names.
func (m *Message) subject() string {
	switch {
	case m.Method == "tools/call", m.Method == "prompts/get":
		return m.Param("name")
	case strings.HasPrefix(m.Method, "resources/"):
		return m.Param("uri")
	case strings.HasPrefix(m.Method, "tasks/"):
		return m.Param("taskId")
	}
	return ""
}

const (
	base64Prefix = "=?base64?"
	base64Suffix = "?="
)

// headerValue is s as the value of a header: as it is where that is safe, else in the base64 form.
// Source: MCP 2026-07-28, Streamable HTTP, Value Encoding.
func headerValue(s string) string {
	if headerSafe(s) && !(strings.HasPrefix(s, base64Prefix) && strings.HasSuffix(s, base64Suffix)) {
		return s
	}
	return base64Prefix + base64.StdEncoding.EncodeToString([]byte(s)) + base64Suffix
}

// headerSafe reports whether s arrives as it is when it is the value of a header.
func headerSafe(s string) bool {
	if s != strings.Trim(s, " \t") {
		return false
	}
	for i := range len(s) {
		if (s[i] < ' ' || s[i] > '~') && s[i] != '\t' {
			return false
		}
	}
	return true
}

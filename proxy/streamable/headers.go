package streamable

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// setHeaders sets the headers that the protocol wants of a message: those of its session, or of a stateless one its version
// and what it is about, so that servers on the way need not read the body.
// Source: MCP 2026-07-28, Streamable HTTP, Request Metadata.
func setHeaders(h http.Header, m *jsonrpc.Message, s *session) {
	if !m.Stateless() {
		s.setHeaders(h)
		return
	}
	h.Set("Mcp-Protocol-Version", headerValue(m.Version))
	h.Set("Mcp-Method", headerValue(m.Method))
	if name := subject(m); name != "" {
		h.Set("Mcp-Name", headerValue(name))
	}
}

// subject is what a request is about: the tool, prompt, resource or task it names.
func subject(m *jsonrpc.Message) string {
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
	if isHeaderSafe(s) && !(strings.HasPrefix(s, base64Prefix) && strings.HasSuffix(s, base64Suffix)) {
		return s
	}
	return base64Prefix + base64.StdEncoding.EncodeToString([]byte(s)) + base64Suffix
}

// isHeaderSafe reports whether s arrives as it is when it is the value of a header.
func isHeaderSafe(s string) bool {
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

// paramHeaders knows which arguments of which tool are mirrored into headers, from the tool lists that
// passed by. Source: MCP 2026-07-28, Streamable HTTP, Custom Headers from Tool Parameters.
type paramHeaders struct {
	mu    sync.Mutex
	tools map[string][]paramHeader
}

var annotationKey = []byte("x-mcp-header")

type paramHeader struct {
	name string   // the part after Mcp-Param-
	path []string // the names that lead to the argument
}

// record keeps the annotations in the result of a stateless tools/list, and returns the result without the
// tools whose annotations are invalid. What is known of tools on other pages stays: they may be called meanwhile.
func (p *paramHeaders) record(result []byte, log *slog.Logger) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tools) == 0 && !bytes.Contains(result, annotationKey) {
		return result
	}
	if p.tools == nil {
		p.tools = make(map[string][]paramHeader)
	}
	return jsonrpc.Select(result, "tools", func(tool []byte) bool {
		name, _ := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
		delete(p.tools, name)
		headers, err := annotations(jsonrpc.Get(tool, "inputSchema"))
		if err != nil {
			log.Warn("a tool is left out: its x-mcp-header is invalid", "tool", name, "reason", err)
			return false
		}
		if len(headers) > 0 {
			p.tools[name] = headers
		}
		return true
	})
}

// set puts the arguments of a tools/call into the headers that its tool asks for.
func (p *paramHeaders) set(h http.Header, m *jsonrpc.Message) {
	if m.Method != "tools/call" || !m.Stateless() {
		return
	}
	p.mu.Lock()
	headers := p.tools[m.Param("name")]
	p.mu.Unlock()
	arguments := jsonrpc.Get(m.Params, "arguments")
	for _, header := range headers {
		value := arguments
		for _, name := range header.path {
			value = jsonrpc.Get(value, name)
		}
		if text, ok := primitive(value); ok {
			h.Set("Mcp-Param-"+header.name, headerValue(text))
		}
	}
}

// primitive is the header form of a string, a number or a boolean.
func primitive(value []byte) (string, bool) {
	if len(value) == 0 {
		return "", false
	}
	switch value[0] {
	case '"':
		return jsonrpc.Unquote(value)
	case '{', '[', 'n':
		return "", false
	}
	return jsonrpc.NormalizeID(value), true // an integer may be written 42.0 or -0, a boolean is its own text
}

// annotations are the x-mcp-header annotations of an input schema, or why one of them is invalid.
func annotations(schema []byte) ([]paramHeader, error) {
	var found []paramHeader
	seen := make(map[string]bool)
	var visit func(schema []byte, path []string, depth int, reachable bool) error
	visit = func(schema []byte, path []string, depth int, reachable bool) error {
		switch {
		case !bytes.Contains(schema, annotationKey):
			return nil
		case depth > maxSchemaDepth:
			return fmt.Errorf("it is more than %d levels deep", maxSchemaDepth)
		}
		for m := range jsonrpc.Members(schema) {
			name := string(m.Name)
			switch {
			case name == string(annotationKey):
				header, err := annotation(schema, m.Value, reachable && len(path) > 0)
				if err != nil {
					return err
				}
				if seen[strings.ToLower(header)] {
					return fmt.Errorf("%q is there twice", header)
				}
				seen[strings.ToLower(header)] = true
				found = append(found, paramHeader{header, append([]string(nil), path...)})
			case name == "properties":
				for property := range jsonrpc.Members(m.Value) {
					if err := visit(property.Value, append(path, string(property.Name)), depth+1, reachable); err != nil {
						return err
					}
				}
			case literalKeywords[name]:
				// Values to compare with, not schemas: what looks like an annotation here is not one.
			default:
				if err := visit(m.Value, path, depth+1, false); err != nil {
					return err
				}
			}
		}
		for element := range jsonrpc.Elements(schema) {
			if err := visit(element, path, depth+1, false); err != nil {
				return err
			}
		}
		return nil
	}
	err := visit(schema, nil, 0, true)
	return found, err
}

// maxSchemaDepth is how deep annotations are looked for: each level is read once for each above it.
const maxSchemaDepth = 50

var literalKeywords = map[string]bool{"default": true, "const": true, "enum": true, "examples": true}

func annotation(schema, value []byte, reachable bool) (string, error) {
	name, ok := jsonrpc.Unquote(value)
	if !ok || name == "" {
		return "", fmt.Errorf("its value is %s, not a name", value)
	}
	for i := range len(name) {
		if !tokenChar(name[i]) {
			return "", fmt.Errorf("%q is not a header name", name)
		}
	}
	switch kind, _ := jsonrpc.Unquote(jsonrpc.Get(schema, "type")); kind {
	case "string", "integer", "boolean":
	default:
		return "", fmt.Errorf("%q is on a parameter that is no string, integer or boolean", name)
	}
	if !reachable {
		return "", fmt.Errorf("%q is on a parameter that is not reached by properties alone", name)
	}
	return name, nil
}

// tokenChar reports whether c may stand in a header name. Source: RFC 9110 §5.6.2.
func tokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

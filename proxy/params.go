package proxy

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

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

// learn takes note of the annotations in the result of a modern tools/list, and returns the result without the
// tools whose annotations are invalid. What is known of tools on other pages stays: they may be called meanwhile.
func (p *paramHeaders) learn(result []byte, log *slog.Logger) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tools) == 0 && !bytes.Contains(result, annotationKey) {
		return result
	}
	if p.tools == nil {
		p.tools = make(map[string][]paramHeader)
	}
	list := find(result, "tools")
	var kept [][]byte
	dropped := false
	for tool := range elements(list) {
		name, _ := unquote(find(tool, "name"))
		delete(p.tools, name)
		headers, err := annotations(find(tool, "inputSchema"))
		if err != nil {
			log.Warn("a tool is left out: its x-mcp-header is invalid", "tool", name, "reason", err)
			dropped = true
			continue
		}
		if len(headers) > 0 {
			p.tools[name] = headers
		}
		kept = append(kept, tool)
	}
	if !dropped {
		return result
	}
	return splice(result, list, []byte("["), bytes.Join(kept, []byte(",")), []byte("]"))
}

// set puts the arguments of a tools/call into the headers that its tool asks for.
func (p *paramHeaders) set(h http.Header, m *Message) {
	if m.Method != "tools/call" || !m.Modern() {
		return
	}
	p.mu.Lock()
	headers := p.tools[m.Param("name")]
	p.mu.Unlock()
	arguments := find(m.Params, "arguments")
	for _, header := range headers {
		value := arguments
		for _, name := range header.path {
			value = find(value, name)
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
		return unquote(value)
	case '{', '[', 'n':
		return "", false
	}
	return canonical(value), true // an integer may be written 42.0 or -0, a boolean is its own text
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
			return fmt.Errorf("it stands more than %d levels deep", maxSchemaDepth)
		}
		for m := range members(schema) {
			name := string(m.name)
			switch {
			case name == string(annotationKey):
				header, err := annotation(schema, m.value, reachable && len(path) > 0)
				if err != nil {
					return err
				}
				if seen[strings.ToLower(header)] {
					return fmt.Errorf("%q stands twice", header)
				}
				seen[strings.ToLower(header)] = true
				found = append(found, paramHeader{header, append([]string(nil), path...)})
			case name == "properties":
				for property := range members(m.value) {
					if err := visit(property.value, append(path, string(property.name)), depth+1, reachable); err != nil {
						return err
					}
				}
			case literalKeywords[name]:
				// Values to compare with, not schemas: what looks like an annotation here is not one.
			default:
				if err := visit(m.value, path, depth+1, false); err != nil {
					return err
				}
			}
		}
		for element := range elements(schema) {
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
	name, ok := unquote(value)
	if !ok || name == "" {
		return "", fmt.Errorf("its value is %s, a name was due", value)
	}
	for i := range len(name) {
		if !tokenChar(name[i]) {
			return "", fmt.Errorf("%q is not a header name", name)
		}
	}
	switch kind, _ := unquote(find(schema, "type")); kind {
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

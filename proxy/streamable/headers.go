package streamable

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// setHeaders sets the headers that the protocol wants of a message: those of its session, or of a stateless one its version
// and what it is about, so that servers on the way need not read the body.
// Source: MCP 2026-07-28, Streamable HTTP, Request Metadata, Custom Headers from Tool Parameters.
func (c *Client) setHeaders(h http.Header, m *jsonrpc.Message, s *session) {
	if !m.Stateless() {
		s.setHeaders(h)
		return
	}
	h.Set("Mcp-Protocol-Version", headerValue(m.Version))
	h.Set("Mcp-Method", headerValue(m.Method))
	name := subject(m)
	if name != "" {
		h.Set("Mcp-Name", headerValue(name))
	}
	if m.Method != "tools/call" {
		return
	}
	headers, _ := c.params.Load(name)
	list, _ := headers.([]paramHeader)
	for _, header := range list {
		if text, ok := primitive(jsonrpc.Get(m.Params, header.path...)); ok {
			h.Set("Mcp-Param-"+header.name, headerValue(text))
		}
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
	return s == strings.Trim(s, " \t") &&
		!strings.ContainsFunc(s, func(r rune) bool { return (r < ' ' || r > '~') && r != '\t' })
}

const annotationKey = "x-mcp-header"

// A paramHeader is an argument of a tool that is mirrored into a header.
type paramHeader struct {
	name string   // the part after Mcp-Param-
	path []string // the names that lead from params to the argument
}

// recordHeaders keeps the annotations of a tool in a stateless list, and reports whether they are valid. What is known of
// tools on other pages stays: they may be called meanwhile.
func (c *Client) recordHeaders(tool []byte) bool {
	name, _ := jsonrpc.Unquote(jsonrpc.Get(tool, "name"))
	headers, err := annotations(jsonrpc.Get(tool, "inputSchema"))
	if err != nil {
		c.Log.Warn("a tool is left out: its x-mcp-header is invalid", "tool", name, "reason", err)
		headers = nil
	}
	c.params.Store(name, headers)
	return err == nil
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
func annotations(schema []byte) (found []paramHeader, err error) {
	if !bytes.Contains(schema, []byte(annotationKey)) {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber() // a bound may be larger than any float64
	var root any
	if err := decoder.Decode(&root); err != nil {
		return nil, err
	}
	var visit func(schema any, path []string, reachable bool)
	visit = func(schema any, path []string, reachable bool) {
		list, _ := schema.([]any)
		for _, element := range list {
			visit(element, path, false)
		}
		object, _ := schema.(map[string]any)
		for name, value := range object {
			switch {
			case name == annotationKey:
				header, invalid := annotation(object, path, reachable)
				switch {
				case invalid != nil:
					err = invalid
				case slices.ContainsFunc(found, func(other paramHeader) bool { return strings.EqualFold(other.name, header) }):
					err = fmt.Errorf("%q is there twice", header)
				}
				found = append(found, paramHeader{header, path})
			case name == "properties":
				properties, _ := value.(map[string]any)
				for property, value := range properties {
					visit(value, append(slices.Clip(path), property), reachable)
				}
			case !literalKeywords[name]:
				visit(value, path, false)
			}
		}
	}
	visit(root, []string{"arguments"}, true)
	return found, err
}

// literalKeywords have values to compare with, not schemas: what looks like an annotation there is not one.
var literalKeywords = map[string]bool{"default": true, "const": true, "enum": true, "examples": true}

// annotation is the name in the annotation of schema, or why it is invalid.
func annotation(schema map[string]any, path []string, reachable bool) (string, error) {
	name, _ := schema[annotationKey].(string)
	if name == "" || strings.Trim(name, nameChars) != "" {
		return "", fmt.Errorf("%q is not a header name", fmt.Sprint(schema[annotationKey]))
	}
	switch schema["type"] {
	case "string", "integer", "boolean":
	default:
		return "", fmt.Errorf("%q is on a parameter that is no string, integer or boolean", name)
	}
	if !reachable || len(path) == 1 {
		return "", fmt.Errorf("%q is on a parameter that is not reached by properties alone", name)
	}
	return name, nil
}

// nameChars are what a header name is made of. Source: RFC 9110 §5.6.2.
const nameChars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

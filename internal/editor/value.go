package editor

import (
	"fmt"
	"strings"

	"github.com/tailscale/hujson"
)

// An Object is a table of a config file, in the order in which it is written. Its values are strings,
// booleans, lists ([]any) and Objects.
type Object []Member

// A Member is one name and its value.
type Member struct {
	Name  string
	Value any
}

// plain is the object as a decoder would have read it.
func (o Object) plain() map[string]any {
	m := make(map[string]any, len(o))
	for _, member := range o {
		if sub, ok := member.Value.(Object); ok {
			m[member.Name] = sub.plain()
		} else {
			m[member.Name] = member.Value
		}
	}
	return m
}

// list is a list of strings as a value.
func list(items []string) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

// A layout is how a file writes its values. Without a line end everything stands in one line.
type layout struct {
	lineEnd string
	indent  string // of the line the value begins in
	unit    string // one step deeper
	tight   bool   // no blanks after colons and commas
}

func (l layout) gap() string {
	if l.tight {
		return ""
	}
	return " "
}

// deeper is the layout one step further in.
func (l layout) deeper() layout {
	l.indent += l.unit
	return l
}

// appendJSON writes v as JSON. Lists stand in one line: ours are short.
func appendJSON(b []byte, v any, l layout) []byte {
	switch v := v.(type) {
	case Object:
		return appendObject(b, v, l)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ","+l.gap()...)
			}
			b = appendJSON(b, item, l)
		}
		return append(b, ']')
	case string:
		return append(b, quoteJSON(v)...)
	default:
		return fmt.Append(b, v)
	}
}

func appendObject(b []byte, o Object, l layout) []byte {
	b = append(b, '{')
	inner := l.deeper()
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case l.lineEnd != "":
			b = append(b, l.lineEnd+inner.indent...)
		case i > 0:
			b = append(b, l.gap()...)
		}
		b = appendMember(b, m, inner)
	}
	if l.lineEnd != "" && len(o) > 0 {
		b = append(b, l.lineEnd+l.indent...)
	}
	return append(b, '}')
}

func appendMember(b []byte, m Member, l layout) []byte {
	b = append(b, quoteJSON(m.Name)+":"+l.gap()...)
	return appendJSON(b, m.Value, l)
}

// quoteJSON is s as JSON, with < and > as they are: a path may hold them, and people read this.
func quoteJSON(s string) string { return string(hujson.String(s)) }

// appendTOML writes v as a TOML value in one line.
func appendTOML(b []byte, v any) []byte {
	switch v := v.(type) {
	case Object:
		b = append(b, "{ "...)
		for i, m := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendTOML(append(b, m.Name+" = "...), m.Value)
		}
		return append(b, " }"...)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendTOML(b, item)
		}
		return append(b, ']')
	case string:
		return append(b, quoteTOML(v)...)
	default:
		return fmt.Append(b, v)
	}
}

// quoteTOML prefers the literal form for Windows paths. The JSON form of a string is a TOML basic string.
func quoteTOML(s string) string {
	if strings.Contains(s, `\`) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || r < ' ' || r == 0x7f }) {
		return "'" + s + "'"
	}
	// JSON leaves DEL as it is, TOML does not.
	return strings.ReplaceAll(quoteJSON(s), "\x7f", `\u007f`)
}

package editor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tailscale/hujson"
)

// maxDepth is how deep a config file may nest: the parser recurses, and no editor writes a tenth of it.
const maxDepth = 1000

// jsonFormat is JSON with comments and trailing commas, as editors read it.
type jsonFormat struct{}

// parseJSON reads a document without its byte order mark. A document of blanks and comments alone has no
// root, which is no error: ok is false.
func parseJSON(doc []byte) (root hujson.Value, ok bool, err error) {
	if at, deep := tooDeep(doc); deep {
		return root, false, syntaxError(doc, at, "nested deeper than %d levels", maxDepth)
	}
	// A comment in the last line needs a line end to be read.
	text := append(bytes.Clone(doc), '\n')
	root, err = hujson.Parse(text)
	if err == nil {
		return root, true, nil
	}
	if _, probe := hujson.Parse(append(text, "null"...)); probe == nil {
		return root, false, nil
	}
	var line, column int
	if _, scan := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); scan != nil {
		line, column = 1, 1
	}
	_, problem, _ := strings.Cut(strings.TrimPrefix(err.Error(), "hujson: "), ": ")
	switch {
	case strings.HasPrefix(problem, "invalid literal"):
		problem = "invalid value" // the parser quotes it, and it may be a key
	case errors.Is(err, io.ErrUnexpectedEOF):
		problem = "the file ends too early"
		line, column = position(doc, len(doc))
	}
	return root, false, &SyntaxError{Line: line, Column: column, Problem: problem}
}

// tooDeep finds the bracket that nests deeper than maxDepth.
func tooDeep(doc []byte) (offset int, deep bool) {
	depth, inString := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '/' && bytes.HasPrefix(doc[i:], []byte("//")):
			i += bytes.IndexByte(append(doc[i:len(doc):len(doc)], '\n'), '\n')
		case c == '/' && bytes.HasPrefix(doc[i:], []byte("/*")):
			end := bytes.Index(doc[i+2:], []byte("*/"))
			if end < 0 {
				return 0, false
			}
			i += 2 + end + 1
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i, true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0, false
}

// kindOf names a value's type in a user's words.
func kindOf(v hujson.ValueTrimmed) string {
	switch v.Kind() {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "true or false"
	}
}

// member is the member of an object with a name, or -1. Editors differ in which of two they take, so two
// are an error.
func member(doc []byte, o *hujson.Object, name string) (int, error) {
	found := -1
	for i, m := range o.Members {
		if m.Name.Value.(hujson.Literal).String() != name {
			continue
		}
		if found >= 0 {
			first, _ := position(doc, o.Members[found].Name.StartOffset)
			return -1, syntaxError(doc, m.Name.StartOffset, "%q stands here a second time (first in line %d); remove one of them", name, first)
		}
		found = i
	}
	return found, nil
}

// object is v as an object; name says in an error what it should have been.
func object(doc []byte, v hujson.Value, name string) (*hujson.Object, error) {
	if o, ok := v.Value.(*hujson.Object); ok {
		return o, nil
	}
	return nil, syntaxError(doc, v.StartOffset, "%s is %s, where an object is due", name, kindOf(v.Value))
}

// What descend has reached is the deepest value that exists on a path.
type reached struct {
	hujson.Value
	name  int // offset of its member's name
	depth int // how many names of the path lead to it
}

// descend walks down a path as far as it exists.
func descend(doc []byte, root hujson.Value, path []string) (reached, error) {
	at := reached{Value: root}
	name := "the file"
	for at.depth < len(path) {
		o, err := object(doc, at.Value, name)
		if err != nil {
			return at, err
		}
		i, err := member(doc, o, path[at.depth])
		if err != nil {
			return at, err
		}
		if i < 0 {
			return at, nil
		}
		name = fmt.Sprintf("%q", path[at.depth])
		at = reached{Value: o.Members[i].Value, name: o.Members[i].Name.StartOffset, depth: at.depth + 1}
	}
	return at, nil
}

func (jsonFormat) decode(doc []byte) (map[string]any, error) {
	_, doc = cutBOM(doc)
	root, ok, err := parseJSON(doc)
	if err != nil || !ok {
		return nil, err
	}
	if _, err := object(doc, root, "the file"); err != nil {
		return nil, err
	}
	v, err := plainJSON(root)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

func (jsonFormat) find(doc []byte, path []string) (value any, line int, found bool, err error) {
	_, doc = cutBOM(doc)
	root, ok, err := parseJSON(doc)
	if err != nil || !ok {
		return nil, 0, false, err
	}
	at, err := descend(doc, root, path)
	if err != nil || at.depth < len(path) {
		return nil, 0, false, err
	}
	value, err = plainJSON(at.Value)
	line, _ = position(doc, at.name)
	return value, line, err == nil, err
}

// plainJSON decodes a value with the standard decoder, which keeps the last of two members.
func plainJSON(v hujson.Value) (any, error) {
	v = v.Clone()
	v.Standardize()
	dec := json.NewDecoder(bytes.NewReader(v.Pack()))
	dec.UseNumber() // a number that does not fit a float is no reason to refuse a file
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("reading a value: %w", err)
	}
	return out, nil
}

package editor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// maxDepth is how deep a config file may nest: the parser recurses, and no editor writes a tenth of it.
const maxDepth = 1000

// jsonFormat is JSON with comments and trailing commas, as editors read it.
type jsonFormat struct {
	list bool // what the first name of a path holds is a list of objects, each with its id: VS Code's inputs
}

// parseJSON reads a document without its byte order mark. A document of blanks and comments alone has no
// root, which is no error.
func parseJSON(doc []byte) (root *hujson.Value, err error) {
	if at := tooDeep(doc); at >= 0 {
		return nil, syntaxError(doc, at, "nested deeper than %d levels", maxDepth)
	}
	// A comment in the last line needs a line end to be read.
	text := append(bytes.Clone(doc), '\n')
	value, err := hujson.Parse(text)
	if err == nil {
		return &value, nil
	}
	if _, probe := hujson.Parse(append(text, "null"...)); probe == nil {
		return nil, nil
	}
	var line, column int
	_, _ = fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column) // all its errors begin so
	_, problem, _ := strings.Cut(strings.TrimPrefix(err.Error(), "hujson: "), ": ")
	switch {
	case strings.HasPrefix(problem, "invalid literal"):
		problem = "invalid value" // the parser quotes it, and it may be a key
	case errors.Is(err, io.ErrUnexpectedEOF):
		problem = "the file ends too early"
		line, column = position(doc, len(doc))
	}
	return nil, &SyntaxError{Line: line, Column: column, Problem: problem}
}

// tooDeep is where the bracket is that nests deeper than maxDepth, or -1.
func tooDeep(doc []byte) (offset int) {
	depth, inString := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case bytes.HasPrefix(doc[i:], []byte("//")), bytes.HasPrefix(doc[i:], []byte("/*")):
			end := "\n"
			if doc[i+1] == '*' {
				end = "*/"
			}
			n := bytes.Index(doc[i+2:], []byte(end))
			if n < 0 {
				return -1
			}
			i += 1 + n + len(end)
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// pack is the document of a root that parseJSON has read, without the line end that it added.
func pack(root *hujson.Value) []byte { return bytes.TrimSuffix(root.Pack(), []byte("\n")) }

// notA is the error that a value, whose name is as people write it, is of another kind.
func notA(doc []byte, v *hujson.Value, name, due string) error {
	kinds := map[hujson.Kind]string{'{': "an object", '[': "a list", '"': "a text", '0': "a number", 'n': "null", 't': "true or false", 'f': "true or false"}
	return syntaxError(doc, v.StartOffset, "%s is %s, where %s is due", name, kinds[v.Value.Kind()], due)
}

// A jsonItem is a member of an object or an element of a list: its first value and its last one, which are the same in a list.
type jsonItem struct{ first, last *hujson.Value }

// itemsOf are the items of an object or a list, and what is behind the last one.
func itemsOf(v *hujson.Value) (items []jsonItem, tail *hujson.Extra) {
	switch v := v.Value.(type) {
	case *hujson.Object:
		for i := range v.Members {
			items = append(items, jsonItem{&v.Members[i].Name, &v.Members[i].Value})
		}
		return items, &v.AfterExtra
	case *hujson.Array:
		for i := range v.Elements {
			items = append(items, jsonItem{&v.Elements[i], &v.Elements[i]})
		}
		return items, &v.AfterExtra
	}
	return nil, nil
}

// A reached is the deepest value that exists on a path.
type reached struct {
	*hujson.Value
	start int    // offset of its member's name, or of itself in a list
	above []step // how it was reached: one for each name
}

// A step leads from an object or list to one of its items.
type step struct {
	from  *hujson.Value
	index int
}

// descend walks down a path as far as it exists.
func (f jsonFormat) descend(doc []byte, root *hujson.Value, path []string) (reached, error) {
	at, above := reached{Value: root}, "the file"
	for depth, name := range path {
		index, err := f.index(doc, at.Value, name, above, f.list && depth == 1)
		if err != nil || index < 0 {
			return at, err
		}
		items, _ := itemsOf(at.Value)
		at = reached{items[index].last, items[index].first.StartOffset, append(at.above, step{at.Value, index})}
		above = strconv.Quote(name)
	}
	return at, nil
}

// index is where a name is among the members of an object, or an id among the objects of a list; -1 if it is not there.
// Editors differ in which of two members they take, so two are an error.
func (f jsonFormat) index(doc []byte, in *hujson.Value, name, above string, inList bool) (int, error) {
	found := -1
	if inList {
		list, ok := in.Value.(*hujson.Array)
		if !ok {
			return found, notA(doc, in, above, "a list")
		}
		return slices.IndexFunc(list.Elements, func(e hujson.Value) bool {
			item, _ := plainJSON(&e)
			m, _ := item.(map[string]any)
			return m["id"] == name
		}), nil
	}
	object, ok := in.Value.(*hujson.Object)
	if !ok {
		return found, notA(doc, in, above, "an object")
	}
	for i, m := range object.Members {
		if m.Name.Value.(hujson.Literal).String() != name {
			continue
		}
		if found >= 0 {
			first, _ := position(doc, object.Members[found].Name.StartOffset)
			return found, syntaxError(doc, m.Name.StartOffset, "%q stands here a second time (first in line %d); remove one of them", name, first)
		}
		found = i
	}
	return found, nil
}

// resolve reads what a document has at a path. ok is false, without an error, if there is nothing.
func (f jsonFormat) resolve(doc []byte, path []string) (root *hujson.Value, at reached, ok bool, err error) {
	root, err = parseJSON(doc)
	if err != nil || root == nil {
		return nil, reached{}, false, err
	}
	at, err = f.descend(doc, root, path)
	return root, at, err == nil && len(at.above) == len(path), err
}

func (jsonFormat) decode(doc []byte) (map[string]any, error) {
	_, doc = cutBOM(doc)
	root, err := parseJSON(doc)
	if err != nil || root == nil {
		return nil, err
	}
	v, err := plainJSON(root)
	m, _ := v.(map[string]any)
	return m, err
}

func (f jsonFormat) find(doc []byte, path []string) (value any, line int, found bool, err error) {
	_, doc = cutBOM(doc)
	_, at, ok, err := f.resolve(doc, path)
	if !ok {
		return nil, 0, false, err
	}
	value, err = plainJSON(at.Value)
	line, _ = position(doc, at.start)
	return value, line, err == nil, err
}

// plainJSON decodes a value with the standard decoder, which keeps the last of two members.
func plainJSON(v *hujson.Value) (any, error) {
	standard := v.Clone()
	standard.Standardize()
	dec := json.NewDecoder(bytes.NewReader(standard.Pack()))
	dec.UseNumber() // a number that does not fit a float is no reason to refuse a file
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("reading a value: %w", err)
	}
	return out, nil
}

// set leaves alone what is in a list already.
func (f jsonFormat) set(doc []byte, path []string, value Object) ([]byte, error) {
	mark, doc := cutBOM(doc)
	root, at, _, err := f.resolve(doc, path)
	if err == nil && root == nil { // nothing but blanks and comments
		end := lineEnd(doc)
		if len(doc) > 0 && !bytes.HasSuffix(doc, []byte("\n")) {
			doc = slices.Concat(doc, []byte(end))
		}
		doc = slices.Concat(doc, []byte("{}"+end))
		root, at, _, err = f.resolve(doc, path)
	}
	if err != nil {
		return nil, err
	}
	unit := unitOf(doc, root)
	above := any(Object{{path[1], value}})
	if f.list {
		above = []any{value}
	}
	switch len(at.above) {
	case 0:
		insert(doc, at.Value, Member{path[0], above}, unit)
	case 1:
		insert(doc, at.Value, Member{path[1], value}, unit)
	default:
		if !f.list {
			replace(doc, at, value, unit)
		}
	}
	return slices.Concat(mark, pack(root)), nil
}

// replace writes a value in place of another, in as many lines as that had or could have had.
func replace(doc []byte, old reached, value Object, unit string) {
	l := layout{lineEnd: lineEnd(doc), indent: indentAt(doc, old.start), unit: unit}
	ownLine := blank(doc[lineStart(doc, old.start):old.start])
	if !ownLine && !bytes.ContainsRune(doc[old.StartOffset:old.EndOffset], '\n') {
		l = layout{tight: len(old.BeforeExtra) == 0}
	}
	old.Value.Value = hujson.Literal(textJSON(value, l))
}

// remove takes an item away. An object or list that loses its last one is put back as it was before, or goes as well.
func (f jsonFormat) remove(doc []byte, path []string, before []byte) ([]byte, error) {
	mark, text := cutBOM(doc)
	root, at, ok, err := f.resolve(text, path)
	if !ok {
		return doc, err
	}
	for depth, step := range slices.Backward(at.above) {
		removeItem(step)
		items, tail := itemsOf(step.from)
		had, was := f.itemsBefore(before, path[:depth])
		switch {
		case len(items) > 0:
		case was != nil && len(had) == 0 && sameWords(*was, *tail):
			*tail = *was
		case !blank(*tail): // comments stay
		case was != nil:
			*tail = nil
		case depth == 0:
			rest := slices.Concat(text[:root.StartOffset], text[root.EndOffset:])
			if _, before := cutBOM(before); sameWords(before, rest) {
				rest = before
			}
			return slices.Concat(mark, rest), nil
		default:
			continue
		}
		break
	}
	return slices.Concat(mark, pack(root)), nil
}

// itemsBefore are the items that stood at a path, and what was behind them: nil if there was no object or list.
func (f jsonFormat) itemsBefore(before []byte, path []string) ([]jsonItem, *hujson.Extra) {
	_, before = cutBOM(before)
	if _, at, ok, _ := f.resolve(before, path); ok {
		return itemsOf(at.Value)
	}
	return nil, nil
}

// sameWords compares all but blanks.
func sameWords(a, b []byte) bool {
	return bytes.Equal(bytes.Join(bytes.Fields(a), nil), bytes.Join(bytes.Fields(b), nil))
}

// insert adds a member, or its value to a list, at the end.
func insert(doc []byte, in *hujson.Value, m Member, unit string) {
	items, tail := itemsOf(in)
	object, isObject := in.Value.(*hujson.Object)
	n, end := len(items), lineEnd(doc)
	// No blank after a colon or comma, as in the other items or else the document.
	l := layout{tight: !bytes.Contains(doc, []byte(`": `))}
	if n > 1 || n > 0 && isObject {
		l.tight = len(items[n-1].last.BeforeExtra) == 0
	}
	// What is before the new item, and what is behind it.
	head, rest := l.gap(), string(*tail)
	line := strings.LastIndexByte(rest, '\n') + 1
	switch outer := indentAt(doc, in.StartOffset); {
	case line > 0 && blank(rest[line:]): // the closing bracket begins a line of its own
		l = layout{lineEnd: end, indent: itemIndent(doc, in, items, unit), unit: unit}
		head, rest = rest[:line]+l.indent, end+rest[line:]
	case n > 0:
	case inOneLine(doc, in):
		head, rest = rest, ""
	default:
		l = layout{lineEnd: end, indent: outer + unit, unit: unit}
		head, rest = rest+end+l.indent, end+outer
	}
	var after hujson.Extra
	if n > 0 && items[n-1].last.AfterExtra != nil { // how the parser marks a trailing comma
		after = hujson.Extra{}
	}
	*tail = hujson.Extra(rest)
	value := hujson.Value{Value: hujson.Literal(textJSON(m.Value, l)), AfterExtra: after}
	if !isObject {
		list := in.Value.(*hujson.Array)
		value.BeforeExtra = hujson.Extra(head)
		list.Elements = append(list.Elements, value)
		return
	}
	value.BeforeExtra = hujson.Extra(l.gap())
	object.Members = append(object.Members, hujson.ObjectMember{Name: hujson.Value{BeforeExtra: hujson.Extra(head), Value: hujson.String(m.Name)}, Value: value})
}

// itemIndent is how far in a new line of an object or list begins.
func itemIndent(doc []byte, in *hujson.Value, items []jsonItem, unit string) string {
	if n := len(items); n > 0 {
		start := items[n-1].first.StartOffset
		if blank(doc[lineStart(doc, start):start]) {
			return indentAt(doc, start)
		}
	}
	return indentAt(doc, in.EndOffset-1) + unit
}

// inOneLine says whether the whole document is written in one line, and is more than this object or list.
func inOneLine(doc []byte, v *hujson.Value) bool {
	text := bytes.TrimSpace(doc)
	return !bytes.ContainsRune(text, '\n') && len(text) > v.EndOffset-v.StartOffset
}

// removeItem removes an item, with its own line or its comma.
func removeItem(s step) {
	items, tail := itemsOf(s.from)
	item, last := items[s.index], s.index == len(items)-1
	head, rest := item.first.BeforeExtra, *tail
	if !last {
		rest = items[s.index+1].first.BeforeExtra
	}
	if !blank(item.last.AfterExtra) {
		rest = slices.Concat(item.last.AfterExtra, rest)
	}
	line, next := bytes.LastIndexByte(head, '\n')+1, bytes.IndexByte(rest, '\n')+1
	switch ownLine := line > 0 && blank(head[line:]); {
	case ownLine && next > 0 && blank(rest[:next]):
		head, rest = head[:line], rest[next:]
	case last && !ownLine && blank(head):
		head = nil
	case !last:
		rest = bytes.TrimLeft(rest, " \t")
	}
	if last && s.index > 0 {
		before := items[s.index-1].last
		switch {
		case item.last.AfterExtra == nil: // the comma before it goes
			head, before.AfterExtra = slices.Concat(before.AfterExtra, head), nil
		case before.AfterExtra == nil: // the trailing comma stays
			before.AfterExtra = hujson.Extra{}
		}
	}
	if last {
		*tail = slices.Concat(head, rest)
	} else {
		items[s.index+1].first.BeforeExtra = slices.Concat(head, rest)
	}
	switch v := s.from.Value.(type) {
	case *hujson.Object:
		v.Members = slices.Delete(v.Members, s.index, s.index+1)
	case *hujson.Array:
		v.Elements = slices.Delete(v.Elements, s.index, s.index+1)
	}
}

// unitOf is one step of indentation in a document.
func unitOf(doc []byte, root *hujson.Value) string {
	items, _ := itemsOf(root)
	for _, item := range items {
		start := item.first.StartOffset
		unit, ok := strings.CutPrefix(indentAt(doc, start), indentAt(doc, root.EndOffset-1))
		if ok && unit != "" && blank(doc[lineStart(doc, start):start]) {
			return unit
		}
	}
	return "  "
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

// textJSON is v as JSON. Lists stand in one line: ours are short.
func textJSON(v any, l layout) string {
	var items []string
	switch v := v.(type) {
	case Object:
		inner := l
		inner.indent += l.unit
		for _, m := range v {
			items = append(items, memberJSON(m, inner))
		}
		if l.lineEnd == "" {
			return "{" + strings.Join(items, ","+l.gap()) + "}"
		}
		line := l.lineEnd + inner.indent
		return "{" + line + strings.Join(items, ","+line) + l.lineEnd + l.indent + "}"
	case []any:
		for _, item := range v {
			items = append(items, textJSON(item, l))
		}
		return "[" + strings.Join(items, ","+l.gap()) + "]"
	case string:
		return quoteJSON(v)
	}
	return fmt.Sprint(v)
}

func memberJSON(m Member, l layout) string {
	return quoteJSON(m.Name) + ":" + l.gap() + textJSON(m.Value, l)
}

// quoteJSON is s as JSON, with < and > as they are: a path may hold them, and people read this.
func quoteJSON(s string) string { return string(hujson.String(s)) }

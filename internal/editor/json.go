package editor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// maxDepth is how deep a config file may nest: the parser recurses, and no editor writes a tenth of it.
const maxDepth = 1000

// jsonFormat is JSON with comments and trailing commas, as editors read it.
type jsonFormat struct {
	list bool // what the first name of a path holds is a list of objects, each with its id: VS Code's questions
}

// parseJSON reads a document without its byte order mark. A document of blanks and comments alone has no
// root, which is no error: ok is false.
func parseJSON(doc []byte) (root hujson.Value, ok bool, err error) {
	if at := tooDeep(doc); at >= 0 {
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
	_, _ = fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column) // all its errors begin so
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

// notA is the error that a value, whose name is as people write it, is of another kind.
func notA(doc []byte, v hujson.Value, name, due string) error {
	kinds := map[hujson.Kind]string{'{': "an object", '[': "a list", '"': "a text", '0': "a number", 'n': "null", 't': "true or false", 'f': "true or false"}
	return syntaxError(doc, v.StartOffset, "%s is %s, where %s is due", name, kinds[v.Value.Kind()], due)
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

// What descend has reached is the deepest value that exists on a path.
type reached struct {
	hujson.Value
	parent hujson.Value
	index  int // in its parent
	start  int // offset of its member's name, or of itself in a list
	depth  int // how many names of the path lead to it
}

// descend walks down a path as far as it exists.
func (f jsonFormat) descend(doc []byte, root hujson.Value, path []string) (reached, error) {
	at, name := reached{Value: root}, "the file"
	for ; at.depth < len(path); name = fmt.Sprintf("%q", path[at.depth-1]) {
		next := reached{parent: at.Value, depth: at.depth + 1}
		object, isObject := at.Value.Value.(*hujson.Object)
		list, isList := at.Value.Value.(*hujson.Array)
		var err error
		switch inList := f.list && at.depth == 1; {
		case inList && !isList:
			err = notA(doc, at.Value, name, "a list")
		case inList:
			next.index = slices.IndexFunc(list.Elements, func(e hujson.Value) bool {
				item, _ := plainJSON(e)
				m, _ := item.(map[string]any)
				return m["id"] == path[at.depth]
			})
		case !isObject:
			err = notA(doc, at.Value, name, "an object")
		default:
			next.index, err = member(doc, object, path[at.depth])
		}
		if err != nil || next.index < 0 {
			return at, err
		}
		if isList {
			next.Value, next.start = list.Elements[next.index], list.Elements[next.index].StartOffset
		} else {
			next.Value, next.start = object.Members[next.index].Value, object.Members[next.index].Name.StartOffset
		}
		at = next
	}
	return at, nil
}

// look reads what a document has at a path. ok is false, without an error, if there is nothing.
func (f jsonFormat) look(doc []byte, path []string) (at reached, ok bool, err error) {
	root, ok, err := parseJSON(doc)
	if err != nil || !ok {
		return reached{}, false, err
	}
	at, err = f.descend(doc, root, path)
	return at, err == nil && at.depth == len(path), err
}

func (jsonFormat) decode(doc []byte) (map[string]any, error) {
	_, doc = cutBOM(doc)
	root, ok, err := parseJSON(doc)
	if err != nil || !ok {
		return nil, err
	}
	v, err := plainJSON(root)
	m, ok := v.(map[string]any)
	if err == nil && !ok {
		err = notA(doc, root, "the file", "an object")
	}
	return m, err
}

func (f jsonFormat) find(doc []byte, path []string) (value any, line int, found bool, err error) {
	_, doc = cutBOM(doc)
	at, ok, err := f.look(doc, path)
	if !ok {
		return nil, 0, false, err
	}
	value, err = plainJSON(at.Value)
	line, _ = position(doc, at.start)
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

// set leaves alone what is in a list already.
func (f jsonFormat) set(doc []byte, path []string, value Object) ([]byte, error) {
	mark, doc := cutBOM(doc)
	root, ok, err := parseJSON(doc)
	if err == nil && !ok {
		doc = withRoot(doc)
		root, _, err = parseJSON(doc)
	}
	if err != nil {
		return nil, err
	}
	at, err := f.descend(doc, root, path)
	if err != nil {
		return nil, err
	}
	unit := unitOf(doc, root)
	switch missing := path[at.depth:]; {
	case len(missing) == 0 && !f.list:
		doc = replaceValue(doc, at, value, unit)
	case len(missing) > 0:
		doc = listOf(doc, at.Value).insert(unit, func(l layout) []byte {
			switch {
			case !f.list:
				return appendMember(nil, nested(missing, value), l)
			case len(missing) == 1:
				return appendJSON(nil, value, l)
			}
			return appendMember(nil, Member{missing[0], []any{value}}, l)
		})
	}
	if _, _, err := parseJSON(doc); err != nil {
		return nil, fmt.Errorf("editing the file: %w", err)
	}
	return slices.Concat(mark, doc), nil
}

// withRoot adds an empty object to a document of blanks and comments. It ends with a line end, unless the
// document did not: withoutRoot takes that as the sign.
func withRoot(doc []byte) []byte {
	end := lineEnd(doc)
	if len(doc) > 0 && !bytes.HasSuffix(doc, []byte("\n")) {
		return append(bytes.Clone(doc), end+"{}"...)
	}
	return append(bytes.Clone(doc), "{}"+end...)
}

// withoutRoot undoes withRoot.
func withoutRoot(doc []byte, root hujson.Value) []byte {
	head, rest := doc[:root.StartOffset], doc[root.EndOffset:]
	if len(rest) == 0 {
		// The line ends before the added one tell what that was.
		return bytes.TrimSuffix(head, []byte(lineEnd(bytes.TrimSuffix(head, []byte("\n")))))
	}
	if next, ok := bytes.CutPrefix(rest, []byte(lineEnd(doc))); ok {
		rest = next
	}
	return slices.Concat(head, rest)
}

// nested is a value below several names.
func nested(path []string, value Object) Member {
	if len(path) == 1 {
		return Member{path[0], value}
	}
	return Member{path[0], Object{nested(path[1:], value)}}
}

// replaceValue writes a value in place of another, in as many lines as that had or could have had.
func replaceValue(doc []byte, old reached, value Object, unit string) []byte {
	l := layout{lineEnd: lineEnd(doc), indent: indentAt(doc, old.start), unit: unit}
	ownLine := blank(doc[lineStart(doc, old.start):old.start])
	if !ownLine && !bytes.ContainsRune(doc[old.StartOffset:old.EndOffset], '\n') {
		l = layout{tight: doc[old.StartOffset-1] == ':'}
	}
	return splice(doc, old.StartOffset, old.EndOffset, string(appendJSON(nil, value, l)))
}

func (f jsonFormat) remove(doc []byte, path []string, before []byte) ([]byte, error) {
	mark, doc := cutBOM(doc)
	doc, err := f.removeItem(doc, path, before)
	return slices.Concat(mark, doc), err
}

// removeItem takes an item away. An object or list that loses its last one is put back as it was before, or goes as well.
func (f jsonFormat) removeItem(doc []byte, path []string, before []byte) ([]byte, error) {
	at, ok, err := f.look(doc, path)
	if !ok {
		return doc, err
	}
	l := listOf(doc, at.parent)
	if doc = l.remove(at.index); len(l.items) > 1 {
		return doc, nil
	}
	return f.tidy(doc, path[:len(path)-1], before)
}

// tidy deals with an object or list that has lost its last item.
func (f jsonFormat) tidy(doc []byte, path []string, before []byte) ([]byte, error) {
	at, _, err := f.look(doc, path)
	if err != nil {
		return nil, fmt.Errorf("editing the file: %w", err)
	}
	l := listOf(doc, at.Value)
	inside := doc[l.open+1 : l.close]
	switch was := f.listBefore(before, path); {
	case was != nil && len(was.items) == 0 && sameWords(was.doc[was.open+1:was.close], inside):
		return splice(doc, l.open+1, l.close, string(was.doc[was.open+1:was.close])), nil
	case !blank(inside): // comments: somebody's
		return doc, nil
	case was != nil:
		return splice(doc, l.open+1, l.close, ""), nil
	case len(path) == 0:
		return withoutRoot(doc, at.Value), nil
	}
	return f.removeItem(doc, path, before)
}

// sameWords compares all but blanks.
func sameWords(a, b []byte) bool {
	return bytes.Equal(bytes.Join(bytes.Fields(a), nil), bytes.Join(bytes.Fields(b), nil))
}

// listBefore is the list that stood at a path, or nil.
func (f jsonFormat) listBefore(before []byte, path []string) *jsonList {
	_, before = cutBOM(before)
	at, ok, _ := f.look(before, path)
	if !ok || !strings.ContainsRune("{[", rune(at.Value.Value.Kind())) {
		return nil
	}
	l := listOf(before, at.Value)
	return &l
}

// A jsonList is the inside of an object or array: where its items and commas stand in the document.
type jsonList struct {
	doc         []byte
	open, close int // offsets of the brackets
	items       []jsonItem
	tight       bool // no blank after a colon or comma, as in its items or else the document
}

// A jsonItem is a member or an element.
type jsonItem struct{ start, end, comma int } // comma is -1 where none follows

// listOf reads the layout of an object or array. For any other value there is none.
func listOf(doc []byte, v hujson.Value) jsonList {
	l := jsonList{doc: doc, open: v.StartOffset, close: v.EndOffset - 1, tight: !bytes.Contains(doc, []byte(`": `))}
	add := func(start int, value hujson.Value, more bool) {
		item := jsonItem{start: start, end: value.EndOffset, comma: -1}
		if more || value.AfterExtra != nil { // how the parser marks a trailing comma
			item.comma = value.EndOffset + len(value.AfterExtra)
		}
		l.items = append(l.items, item)
	}
	switch v := v.Value.(type) {
	case *hujson.Object:
		for i, m := range v.Members {
			l.tight = len(m.Value.BeforeExtra) == 0
			add(m.Name.StartOffset, m.Value, i < len(v.Members)-1)
		}
	case *hujson.Array:
		for i, e := range v.Elements {
			if i > 0 {
				l.tight = len(e.BeforeExtra) == 0
			}
			add(e.StartOffset, e, i < len(v.Elements)-1)
		}
	}
	return l
}

// tail is where the space before the closing bracket begins.
func (l jsonList) tail() int {
	if len(l.items) == 0 {
		return l.open + 1
	}
	last := l.items[len(l.items)-1]
	return max(last.end, last.comma+1)
}

// closesLine says whether the closing bracket begins a line of its own, and where.
func (l jsonList) closesLine() (start int, ok bool) {
	tail := l.doc[l.tail():l.close]
	i := bytes.LastIndexByte(tail, '\n')
	return l.tail() + i + 1, i >= 0 && blank(tail[i+1:])
}

// itemIndent is how far in a new line of this list begins.
func (l jsonList) itemIndent(unit string) string {
	if n := len(l.items); n > 0 {
		start := l.items[n-1].start
		if blank(l.doc[lineStart(l.doc, start):start]) {
			return indentAt(l.doc, start)
		}
	}
	return indentAt(l.doc, l.close) + unit
}

// insert adds an item at the end; write renders it for a layout.
func (l jsonList) insert(unit string, write func(layout) []byte) []byte {
	end := lineEnd(l.doc)
	at, ownLine := l.closesLine()
	switch n := len(l.items); {
	case n == 0 && !ownLine && l.inOneLine():
		return splice(l.doc, l.close, l.close, string(write(layout{tight: l.tight})))
	case n == 0 && !ownLine:
		outer := indentAt(l.doc, l.open)
		item := write(layout{lineEnd: end, indent: outer + unit, unit: unit})
		return splice(l.doc, l.close, l.close, end+outer+unit+string(item)+end+outer)
	case ownLine:
		indent := l.itemIndent(unit)
		text := indent + string(write(layout{lineEnd: end, indent: indent, unit: unit}))
		if n == 0 || l.items[n-1].comma >= 0 {
			if n > 0 {
				text += ","
			}
			return splice(l.doc, at, at, text+end)
		}
		doc := splice(l.doc, at, at, text+end)
		return splice(doc, l.items[n-1].end, l.items[n-1].end, ",")
	default:
		last := l.items[n-1]
		lay := layout{tight: l.tight}
		text := lay.gap() + string(write(lay))
		if last.comma >= 0 {
			return splice(l.doc, last.comma+1, last.comma+1, text+",")
		}
		return splice(l.doc, last.end, last.end, ","+text)
	}
}

// inOneLine says whether the whole document is written in one line, and is more than this list.
func (l jsonList) inOneLine() bool {
	text := bytes.TrimSpace(l.doc)
	return !bytes.ContainsRune(text, '\n') && len(text) > l.close-l.open+1
}

// remove takes item i away, with the line or the comma that was its own.
func (l jsonList) remove(i int) []byte {
	item := l.items[i]
	prev := l.open // the bracket or comma before the item
	if i > 0 {
		prev = l.items[i-1].comma
	}
	last := i == len(l.items)-1
	from, to := item.start, item.end
	if item.comma >= 0 && blank(l.doc[item.end:item.comma]) {
		to = item.comma + 1
	}
	start := lineStart(l.doc, from)
	ownLine := start > prev && blank(l.doc[start:from])
	rest := l.doc[to:l.close]
	if !last {
		rest = l.doc[to:l.items[i+1].start]
	}
	nl := bytes.IndexByte(rest, '\n')
	switch {
	case ownLine && nl >= 0 && blank(rest[:nl]):
		from, to = start, to+nl+1
	case !ownLine && blank(l.doc[prev+1:from]) && last:
		from = prev + 1
	case !last:
		to += len(rest) - len(bytes.TrimLeft(rest, " \t"))
	}
	doc := l.doc
	if item.comma >= to {
		doc = splice(doc, item.comma, item.comma+1, "")
	}
	doc = splice(doc, from, to, "")
	if last && item.comma < 0 && i > 0 {
		doc = splice(doc, prev, prev+1, "")
	}
	return doc
}

// unitOf is one step of indentation in a document.
func unitOf(doc []byte, root hujson.Value) string {
	l := listOf(doc, root)
	for _, item := range l.items {
		unit, ok := strings.CutPrefix(indentAt(doc, item.start), indentAt(doc, l.close))
		if ok && unit != "" && blank(doc[lineStart(doc, item.start):item.start]) {
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

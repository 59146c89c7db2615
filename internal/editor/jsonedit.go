package editor

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tailscale/hujson"
)

func (jsonFormat) set(doc []byte, path []string, value Object) ([]byte, error) {
	return editJSON(doc, func(doc []byte, root hujson.Value) ([]byte, error) {
		at, err := descend(doc, root, path)
		if err != nil {
			return nil, err
		}
		unit := unitOf(doc, root)
		if at.depth == len(path) {
			return replaceValue(doc, at, value, unit), nil
		}
		m := nested(path[at.depth:], value)
		return listOf(doc, at.Value).insert(unit, func(l layout) []byte { return appendMember(nil, m, l) }), nil
	})
}

// append puts an element into the array of a name, unless there is one already.
func (jsonFormat) append(doc []byte, name string, element Object, already func(any) bool) ([]byte, error) {
	return editJSON(doc, func(doc []byte, root hujson.Value) ([]byte, error) {
		at, err := descend(doc, root, []string{name})
		if err != nil {
			return nil, err
		}
		unit := unitOf(doc, root)
		if at.depth == 0 {
			m := Member{name, []any{element}}
			return listOf(doc, at.Value).insert(unit, func(l layout) []byte { return appendMember(nil, m, l) }), nil
		}
		a, ok := at.Value.Value.(*hujson.Array)
		if !ok {
			return nil, syntaxError(doc, at.StartOffset, "%q is %s, where a list is due", name, kindOf(at.Value.Value))
		}
		if elementOf(a, already) >= 0 {
			return doc, nil
		}
		return listOf(doc, at.Value).insert(unit, func(l layout) []byte { return appendJSON(nil, element, l) }), nil
	})
}

// elementOf is the first element that is wanted, or -1.
func elementOf(a *hujson.Array, wanted func(any) bool) int {
	return slices.IndexFunc(a.Elements, func(e hujson.Value) bool {
		plain, err := plainJSON(e)
		return err == nil && wanted(plain)
	})
}

// editJSON lets edit change the root of a document, which is made if there is none, and sees to it that
// what comes of it can be read again.
func editJSON(doc []byte, edit func(doc []byte, root hujson.Value) ([]byte, error)) ([]byte, error) {
	mark, doc := cutBOM(doc)
	root, ok, err := parseJSON(doc)
	if err != nil {
		return nil, err
	}
	if !ok {
		doc = withRoot(doc)
		if root, _, err = parseJSON(doc); err != nil {
			return nil, err
		}
	}
	out, err := edit(doc, root)
	if err != nil {
		return nil, err
	}
	if _, _, err := parseJSON(out); err != nil {
		return nil, fmt.Errorf("editing the file: %w", err)
	}
	return slices.Concat(mark, out), nil
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
	l := layout{lineEnd: lineEnd(doc), indent: indentAt(doc, old.name), unit: unit}
	ownLine := blank(doc[lineStart(doc, old.name):old.name])
	if !ownLine && !bytes.ContainsRune(doc[old.StartOffset:old.EndOffset], '\n') {
		l = layout{tight: doc[old.StartOffset-1] == ':'}
	}
	return splice(doc, old.StartOffset, old.EndOffset, string(appendJSON(nil, value, l)))
}

func (f jsonFormat) remove(doc []byte, path []string, before []byte) ([]byte, error) {
	mark, doc := cutBOM(doc)
	doc, err := f.removeWhere(doc, path[:len(path)-1], before, memberNamed(path[len(path)-1]))
	return slices.Concat(mark, doc), err
}

// removeElement takes the first element that is wanted out of the array of a name.
func (f jsonFormat) removeElement(doc []byte, name string, before []byte, wanted func(any) bool) ([]byte, error) {
	mark, doc := cutBOM(doc)
	doc, err := f.removeWhere(doc, []string{name}, before, func(_ []byte, v hujson.Value) (int, error) {
		if a, ok := v.Value.(*hujson.Array); ok {
			return elementOf(a, wanted), nil
		}
		return -1, nil
	})
	return slices.Concat(mark, doc), err
}

// A pick chooses the item of a list that is to go, or -1.
type pick func(doc []byte, v hujson.Value) (int, error)

func memberNamed(name string) pick {
	return func(doc []byte, v hujson.Value) (int, error) {
		o, err := object(doc, v, "what holds "+name)
		if err != nil {
			return -1, err
		}
		return member(doc, o, name)
	}
}

// removeWhere takes one item away from the list at a path. A list that loses its last item is put back as
// it was before, or goes as well.
func (f jsonFormat) removeWhere(doc []byte, path []string, before []byte, which pick) ([]byte, error) {
	root, ok, err := parseJSON(doc)
	if err != nil || !ok {
		return doc, err
	}
	at, err := descend(doc, root, path)
	if err != nil || at.depth < len(path) {
		return doc, err
	}
	i, err := which(doc, at.Value)
	if err != nil || i < 0 {
		return doc, err
	}
	l := listOf(doc, at.Value)
	if doc = l.remove(i); len(l.items) > 1 {
		return doc, nil
	}
	return f.tidy(doc, path, before)
}

// tidy deals with a list that has lost its last item.
func (f jsonFormat) tidy(doc []byte, path []string, before []byte) ([]byte, error) {
	root, _, err := parseJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("editing the file: %w", err)
	}
	at, err := descend(doc, root, path)
	if err != nil {
		return nil, err
	}
	l := listOf(doc, at.Value)
	inside := doc[l.open+1 : l.close]
	switch was := listBefore(before, path); {
	case was != nil && len(was.items) == 0 && sameWords(was.doc[was.open+1:was.close], inside):
		return splice(doc, l.open+1, l.close, string(was.doc[was.open+1:was.close])), nil
	case !blank(inside): // comments: somebody's
		return doc, nil
	case was != nil:
		return splice(doc, l.open+1, l.close, ""), nil
	case len(path) == 0:
		return withoutRoot(doc, at.Value), nil
	}
	return f.removeWhere(doc, path[:len(path)-1], before, memberNamed(path[len(path)-1]))
}

// sameWords compares all but blanks.
func sameWords(a, b []byte) bool {
	return bytes.Equal(bytes.Join(bytes.Fields(a), nil), bytes.Join(bytes.Fields(b), nil))
}

// listBefore is the list that stood at a path, or nil.
func listBefore(before []byte, path []string) *jsonList {
	_, before = cutBOM(before)
	root, ok, err := parseJSON(before)
	if err != nil || !ok {
		return nil
	}
	at, err := descend(before, root, path)
	if err != nil || at.depth < len(path) {
		return nil
	}
	if k := at.Value.Value.Kind(); k != '{' && k != '[' {
		return nil
	}
	l := listOf(before, at.Value)
	return &l
}

package editor

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A format reads and edits one kind of config file. Its edits leave every byte alone that is not part of
// what they edit, down to blanks and line ends.
type format interface {
	// decode is the whole file as plain values.
	decode(doc []byte) (map[string]any, error)
	// find is the value at a path, and the line it stands in.
	find(doc []byte, path []string) (value any, line int, found bool, err error)
	// set puts a value at a path of two names, making what is missing above it.
	set(doc []byte, path []string, value Object) ([]byte, error)
	// remove takes away the value at a path, and what set made above it. before is the file as it was
	// before set, as far as known: it says what was there, though empty. An empty result means that
	// nothing is left of the file.
	remove(doc []byte, path []string, before []byte) ([]byte, error)
}

// valueAt is what a format finds at a path.
func valueAt(f format, doc []byte, path []string) (value any, found bool, err error) {
	m, err := f.decode(doc)
	if err != nil {
		return nil, false, err
	}
	value = m
	for _, name := range path {
		table, _ := value.(map[string]any)
		if value, found = table[name]; !found {
			return nil, false, nil
		}
	}
	return value, found, nil
}

// A SyntaxError says where a config file cannot be read, or not be edited. It never quotes a value.
type SyntaxError struct {
	Line, Column int
	Problem      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// syntaxError is a SyntaxError at an offset.
func syntaxError(doc []byte, offset int, problem string, args ...any) *SyntaxError {
	line, column := position(doc, offset)
	return &SyntaxError{Line: line, Column: column, Problem: fmt.Sprintf(problem, args...)}
}

// position counts lines and columns from 1, columns in bytes.
func position(doc []byte, offset int) (line, column int) {
	head := doc[:min(offset, len(doc))]
	return 1 + bytes.Count(head, []byte("\n")), len(head) - bytes.LastIndexByte(head, '\n')
}

// bom is the byte order mark that some Windows editors put in front of UTF-8.
var bom = []byte("\xef\xbb\xbf")

// cutBOM splits a byte order mark off. Offsets of what is left are those that a person counts.
func cutBOM(doc []byte) (mark, rest []byte) {
	if rest, ok := bytes.CutPrefix(doc, bom); ok {
		return bom, rest
	}
	return nil, doc
}

// lineEnd is what ends most lines. An edit that adds lines of that kind does not change the answer.
func lineEnd(doc []byte) string {
	if 2*bytes.Count(doc, []byte("\r\n")) > bytes.Count(doc, []byte("\n")) {
		return "\r\n"
	}
	return "\n"
}

// blank says whether there is nothing but blanks and line ends.
func blank[T ~string | ~[]byte](text T) bool { return strings.TrimLeft(string(text), " \t\r\n") == "" }

// lineStart is where the line of an offset begins.
func lineStart(doc []byte, offset int) int { return bytes.LastIndexByte(doc[:offset], '\n') + 1 }

// indentAt is what the line of an offset begins with.
func indentAt(doc []byte, offset int) string {
	line := doc[lineStart(doc, offset):]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// editLines has a file of TOML or YAML edited, and makes sure that nothing else has changed: both let one thing be written
// in many ways. A byte order mark stays, and so does a last line without an end, which edit is given with one. head are
// lines that may come and go with the first entry.
func editLines(f format, doc []byte, path []string, head string, edit func(doc []byte) ([]byte, error)) ([]byte, error) {
	others := func(text []byte) (string, error) { // as text, since a NaN is not equal to itself
		m, err := f.decode(text)
		servers, _ := m[path[0]].(map[string]any)
		delete(servers, path[1])
		if len(servers) == 0 {
			delete(m, path[0])
		}
		if len(m) == 0 {
			return "", err
		}
		return fmt.Sprintf("%#v", m), err
	}
	before, err := others(doc)
	if err != nil {
		return nil, err
	}
	mark, text := cutBOM(doc)
	var end []byte
	if len(text) > 0 && !strings.ContainsRune("\r\n", rune(text[len(text)-1])) {
		end = []byte(lineEnd(text))
	}
	out, err := edit(slices.Concat(text, end))
	if err != nil {
		return nil, err
	}
	out = slices.Concat(mark, bytes.TrimSuffix(out, end))
	after, err := others(out)
	none, _ := others([]byte(head))
	if err != nil || before != after && cmp.Or(before, none) != cmp.Or(after, none) {
		return nil, errors.New("this file cannot be edited without changing something else; edit it by hand")
	}
	return out, nil
}

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

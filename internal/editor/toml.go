package editor

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// tomlFormat is TOML. An entry is a table of its own at the end of the file.
type tomlFormat struct{}

// A tomlLine is one expression of a file: a table's header, or a key with its value. It stands for whole
// lines, comments behind it included.
type tomlLine struct {
	from, to int
	path     []string
	header   bool
	array    bool          // a header with double brackets
	kind     unstable.Kind // of a key's value
}

// under says whether a line says something about what is at a path, or below.
func (l tomlLine) under(path []string) bool {
	return len(l.path) >= len(path) && slices.Equal(l.path[:len(path)], path)
}

func (tomlFormat) decode(doc []byte) (map[string]any, error) {
	_, doc = cutBOM(doc)
	m := map[string]any{}
	err := toml.Unmarshal(doc, &m)
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := bad.Position()
		return nil, &SyntaxError{Line: line, Column: column, Problem: keyscan.Hide(strings.TrimPrefix(bad.Error(), "toml: "))}
	}
	return m, err
}

// tomlLines are the expressions of a document without byte order mark, which decode has read.
func tomlLines(doc []byte) []tomlLine {
	var p unstable.Parser
	p.Reset(doc)
	var lines []tomlLine
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		var key []string
		last := 0 // where the key ends, in its line, and then all of it
		for it := e.Key(); it.Next(); {
			last = int(it.Node().Raw.Offset + it.Node().Raw.Length)
			key = append(key, string(it.Node().Data))
		}
		l := tomlLine{from: lineStart(doc, last), to: len(doc), path: key, header: e.Kind != unstable.KeyValue, array: e.Kind == unstable.ArrayTable}
		if l.header {
			table = key
		} else {
			l.path = slices.Concat(table, key)
			l.kind = e.Value().Kind
			last = int(e.Raw.Offset + e.Raw.Length)
		}
		if i := bytes.IndexByte(doc[last:], '\n'); i >= 0 {
			l.to = last + i + 1
		}
		lines = append(lines, l)
	}
	return lines
}

func (f tomlFormat) find(doc []byte, path []string) (value any, line int, found bool, err error) {
	value, found, err = valueAt(f, doc, path)
	if err != nil || !found {
		return nil, 0, false, err
	}
	_, doc = cutBOM(doc)
	lines := tomlLines(doc)
	// In mcp_servers = { … } the entry has no line of its own.
	for n := len(path); n > 0 && line == 0; n-- {
		if i := slices.IndexFunc(lines, func(l tomlLine) bool { return l.under(path[:n]) }); i >= 0 {
			line, _ = position(doc, lines[i].from)
		}
	}
	return value, line, true, nil
}

// editable refuses files in which the servers are not tables of their own.
func editable(doc []byte, lines []tomlLine, path []string) error {
	for _, l := range lines {
		above := len(l.path) < len(path) && slices.Equal(l.path, path[:len(l.path)])
		name := strings.Join(l.path, ".")
		switch {
		case above && !l.header && l.kind == unstable.InlineTable:
			return syntaxError(doc, l.from, "%s is written in one line; write its servers as tables [%s.NAME] first", name, name)
		case above && (l.array || !l.header), l.array && slices.Equal(l.path, path):
			return syntaxError(doc, l.from, "%s is not a table", name)
		case !l.header && slices.Equal(l.path, path) && l.kind != unstable.InlineTable:
			return syntaxError(doc, l.from, "%s is not a table", name)
		}
	}
	return nil
}

// open reads a document that is to be edited: the expressions that make up the entry.
func (f tomlFormat) open(doc []byte, path []string) (entry []tomlLine, err error) {
	lines := tomlLines(doc)
	if err := editable(doc, lines, path); err != nil {
		return nil, err
	}
	for i, l := range lines {
		if !l.under(path) {
			continue
		}
		// Lines that follow each other are one block, with the comments between them.
		if n := len(entry); n > 0 && i > 0 && entry[n-1].to == lines[i-1].to {
			entry[n-1].to = l.to
			continue
		}
		entry = append(entry, l)
	}
	return entry, nil
}

func (f tomlFormat) set(doc []byte, path []string, value Object) ([]byte, error) {
	return editLines(f, doc, path, "", func(doc []byte) ([]byte, error) {
		entry, err := f.open(doc, path)
		if err != nil {
			return nil, err
		}
		end := lineEnd(doc)
		text := tomlTable(path, value, end)
		if len(entry) == 0 || !entry[0].header {
			if doc = cut(doc, entry); len(doc) > 0 {
				text = end + text // a blank line
			}
			return append(doc, text...), nil
		}
		doc = cut(doc, entry[1:])
		return slices.Concat(doc[:entry[0].from], []byte(text), doc[entry[0].to:]), nil
	})
}

// remove does not use the file as it was: set makes nothing above a table.
func (f tomlFormat) remove(doc []byte, path []string, _ []byte) ([]byte, error) {
	return editLines(f, doc, path, "", func(doc []byte) ([]byte, error) {
		entry, err := f.open(doc, path)
		return cut(doc, entry), err
	})
}

// cut removes blocks of lines, from the last to the first.
func cut(doc []byte, blocks []tomlLine) []byte {
	end := lineEnd(doc)
	for _, b := range slices.Backward(blocks) {
		head, rest := doc[:b.from], doc[b.to:]
		if b.header {
			head, rest = closeGap(head, rest, end)
		}
		doc = slices.Concat(head, rest)
	}
	return doc
}

// closeGap removes the blank line before a table.
func closeGap(head, rest []byte, end string) (newHead, newRest []byte) {
	if len(head) == 0 {
		return head, bytes.TrimPrefix(rest, []byte(end))
	}
	if line, ok := bytes.CutSuffix(head, []byte(end)); ok && (len(line) == 0 || line[len(line)-1] == '\n') {
		head = line
	}
	return head, rest
}

// tomlTable is an entry as a table.
func tomlTable(path []string, value Object, end string) string {
	var b strings.Builder
	b.WriteString("[" + strings.Join(path, ".") + "]" + end)
	for _, m := range value {
		b.WriteString(m.Name + " = " + textTOML(m.Value) + end)
	}
	return b.String()
}

// textTOML is v as TOML in one line.
func textTOML(v any) string {
	var items []string
	switch v := v.(type) {
	case Object:
		for _, m := range v {
			items = append(items, m.Name+" = "+textTOML(m.Value))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	case []any:
		for _, item := range v {
			items = append(items, textTOML(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return quoteTOML(v)
	}
	return fmt.Sprint(v)
}

// quoteTOML prefers the literal form for Windows paths. The JSON form of a string is a TOML basic string.
func quoteTOML(s string) string {
	if strings.Contains(s, `\`) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || r < ' ' || r == 0x7f }) {
		return "'" + s + "'"
	}
	// JSON leaves DEL as it is, TOML does not.
	return strings.ReplaceAll(quoteJSON(s), "\x7f", `\u007f`)
}

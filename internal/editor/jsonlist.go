package editor

import (
	"bytes"
	"strings"

	"github.com/tailscale/hujson"
)

// A jsonList is the inside of an object or array: where its items and commas stand in the document.
type jsonList struct {
	doc         []byte
	open, close int // offsets of the brackets
	items       []jsonItem
	tight       bool // no blank after a colon or comma
}

// A jsonItem is a member or an element.
type jsonItem struct{ start, end, comma int } // comma is -1 where none follows

// listOf reads the layout of an object or array. For any other value there is none.
func listOf(doc []byte, v hujson.Value) jsonList {
	l := jsonList{doc: doc, open: v.StartOffset, close: v.EndOffset - 1}
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
			l.tight = i > 0 && len(e.BeforeExtra) == 0
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
	if i < 0 || !blank(tail[i+1:]) {
		return 0, false
	}
	return l.tail() + i + 1, true
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
		return splice(l.doc, l.close, l.close, string(write(layout{tight: l.docTight()})))
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

// docTight says whether the document goes without blanks after colons.
func (l jsonList) docTight() bool { return !bytes.Contains(l.doc, []byte(`": `)) }

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

package proxy

import "iter"

// This file reads JSON without decoding it: where a value ends, which members an object has. It
// accepts exactly the grammar of RFC 8259, except for the encoding of strings, which is not checked.

// valid reports whether b is one JSON value with nothing but blanks around it.
func valid(b []byte) bool {
	end := skipValue(b, 0)
	return end >= 0 && skipBlanks(b, end) == len(b)
}

// A member is one name and value of an object. from and to bound the whole member in the bytes that
// were scanned, value bounds the value.
type member struct {
	name     []byte // without quotes, escapes resolved
	value    []byte
	from, to int
}

// members yields the members of the valid JSON object b, in order. It yields nothing if b is not an object.
func members(b []byte) iter.Seq[member] {
	return func(yield func(member) bool) { walk(b, yield) }
}

// walk yields the members of the object that b begins with, as it comes to them, and returns the index after
// the object. It is -1 if there is no object, or one that is not valid; the members before the fault have been
// yielded then. It is -1 too if yield wants no more.
func walk(b []byte, yield func(member) bool) (end int) {
	i := skipBlanks(b, 0)
	if i >= len(b) || b[i] != '{' {
		return -1
	}
	if i = skipBlanks(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		from := i
		start := skipName(b, from)
		if start < 0 {
			return -1
		}
		start = skipBlanks(b, start)
		end := skipValue(b, start)
		if end < 0 || !yield(member{unquoteName(b[from:skipString(b, from)]), b[start:end], from, end}) {
			return -1
		}
		switch i = skipBlanks(b, end); {
		case i < len(b) && b[i] == ',':
			i = skipBlanks(b, i+1)
		case i < len(b) && b[i] == '}':
			return i + 1
		default:
			return -1
		}
	}
}

// elements yields the elements of the valid JSON array b. It yields nothing if b is not an array.
func elements(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := skipBlanks(b, 0)
		if i >= len(b) || b[i] != '[' {
			return
		}
		for {
			start := skipBlanks(b, i+1)
			end := skipValue(b, start)
			if end < 0 || !yield(b[start:end]) {
				return
			}
			i = skipBlanks(b, end)
			if i >= len(b) || b[i] != ',' {
				return
			}
		}
	}
}

// find is the value of a member of the object b, the last one if the name occurs twice, as most parsers have it.
func find(b []byte, name string) []byte {
	var value []byte
	for m := range members(b) {
		if string(m.name) == name {
			value = m.value
		}
	}
	return value
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue is the index after the value at b[i:], or -1. Nesting costs one bit a level and no stack.
func skipValue(b []byte, i int) int {
	var open nesting
	for {
		i = skipBlanks(b, i)
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '{':
			i = skipBlanks(b, i+1)
			open.push(true)
			if i < len(b) && b[i] == '}' {
				break
			}
			if i = skipName(b, i); i < 0 {
				return -1
			}
			continue
		case c == '[':
			i = skipBlanks(b, i+1)
			open.push(false)
			if i < len(b) && b[i] == ']' {
				break
			}
			continue
		case c == '"':
			i = skipString(b, i)
		case c == '-' || c >= '0' && c <= '9':
			i = skipNumber(b, i)
		default:
			i = skipLiteral(b, i)
		}
		if i < 0 {
			return -1
		}
		if i = open.closeAt(b, i); i < 0 || open.depth == 0 {
			return i
		}
	}
}

// nesting remembers for each open level whether it is an object.
type nesting struct {
	depth int
	low   [4]uint64 // the first 256 levels, so that no real message allocates
	high  []uint64
}

func (n *nesting) push(object bool) {
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	n.depth++
	w := n.word(word)
	if object {
		*w |= bit
	} else {
		*w &^= bit
	}
}

func (n *nesting) object() bool {
	top := n.depth - 1
	return *n.word(top / 64)&(1<<(top%64)) != 0
}

func (n *nesting) word(i int) *uint64 {
	if i < len(n.low) {
		return &n.low[i]
	}
	i -= len(n.low)
	if i == len(n.high) {
		n.high = append(n.high, 0)
	}
	return &n.high[i]
}

// closeAt goes on after a value that ended at b[i]: over closing brackets to the place where the next
// value is due, or to the end of the outermost one, where depth is 0. It is -1 if neither is there.
func (n *nesting) closeAt(b []byte, i int) int {
	for n.depth > 0 {
		if i = skipBlanks(b, i); i >= len(b) {
			return -1
		}
		object := n.object()
		switch {
		case b[i] == ',' && object:
			return skipName(b, skipBlanks(b, i+1))
		case b[i] == ',':
			return i + 1
		case b[i] == '}' && object, b[i] == ']' && !object:
			n.depth--
			i++
		default:
			return -1
		}
	}
	return i
}

// skipName is the index after the name and colon at b[i:], or -1.
func skipName(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	if i = skipString(b, i); i < 0 {
		return -1
	}
	if i = skipBlanks(b, i); i >= len(b) || b[i] != ':' {
		return -1
	}
	return i + 1
}

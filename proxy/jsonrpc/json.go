package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
	"slices"
)

// This file finds values in JSON text without decoding it. The grammar is that of RFC 8259, except that the encoding
// of strings is not checked. Nothing here recurses, so that no depth of nesting can exhaust the stack.

// Valid reports whether b is one JSON value with nothing but blanks around it.
func Valid(b []byte) bool {
	end := skipValue(b, 0)
	return end != -1 && skipBlanks(b, end) == len(b)
}

// A Member is one name and value of an object.
type Member struct {
	Name  []byte // without quotes, escapes resolved
	Value []byte // as in the object
	Raw   []byte // name and value, as in the object
}

// Members yields the members of the JSON object b, in order, as far as b is valid. It yields nothing if b is not an object.
func Members(b []byte) iter.Seq[Member] {
	return func(yield func(Member) bool) { scan(b, '{', yield) }
}

// Elements yields the elements of the JSON array b, in order, as far as b is valid. It yields nothing if b is not an array.
func Elements(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		scan(b, '[', func(m Member) bool { return yield(m.Value) })
	}
}

// scan yields the members of the object, or the elements of the array, that b begins with, as its bracket says. It reports
// whether it came to the end of b, with nothing but blanks behind: not if there is none to yield, if b is invalid, where
// those before the fault have been yielded, or if yield returned false.
func scan(b []byte, bracket byte, yield func(Member) bool) bool {
	i := skipBlanks(b, 0)
	if at(b, i) != bracket {
		return false
	}
	closing := bracket + 2 // in ASCII
	for {
		i = skipBlanks(b, i+1) // behind the bracket, or a comma
		from, start := i, i
		var name []byte
		if bracket == '{' {
			if start = skipName(b, from); start == -1 {
				return false
			}
			start = skipBlanks(b, start)
			name, _ = unquote(b[from:skipString(b, from)])
		}
		end := skipValue(b, start)
		if end == -1 || !yield(Member{name, b[start:end], b[from:end]}) {
			return false
		}
		if i = skipBlanks(b, end); at(b, i) != ',' {
			return at(b, i) == closing && skipBlanks(b, i+1) == len(b)
		}
	}
}

// Get is the value of a member of the object b, nil if there is none. If the name occurs twice it is the last one, as
// in most parsers. A path of names leads into objects inside.
func Get(b []byte, path ...string) []byte {
	for _, name := range path {
		object := b
		b = nil
		for m := range Members(object) {
			if string(m.Name) == name {
				b = m.Value
			}
		}
	}
	return b
}

// at is b[i], or behind the end of b a byte that JSON does not have outside of strings, nor in them.
func at(b []byte, i int) byte {
	if i >= len(b) {
		return 0
	}
	return b[i]
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipValue is the index after the value at b[i:], or -1. Nesting costs one bit a level and no stack.
func skipValue(b []byte, i int) int {
	open := nesting{objects: make([]uint64, 4)} // on the stack: no real message is nested deeper
	for {
		i = skipBlanks(b, i)
		switch c := at(b, i); {
		case c == '{':
			i = skipBlanks(b, i+1)
			open = open.push(true)
			if at(b, i) == '}' {
				break
			}
			if i = skipName(b, i); i == -1 {
				return -1
			}
			continue
		case c == '[':
			i = skipBlanks(b, i+1)
			open = open.push(false)
			if at(b, i) == ']' {
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
		if i == -1 {
			return -1
		}
		if i, open.depth = open.closeAt(b, i); i == -1 || open.depth == 0 {
			return i
		}
	}
}

// nesting remembers for each open level whether it is an object. Methods have it by value, which keeps it on the stack.
type nesting struct {
	depth   int
	objects []uint64 // a bit for each level
}

func (n nesting) push(object bool) nesting {
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	n.depth++
	if word == len(n.objects) {
		n.objects = append(n.objects, 0)
	}
	n.objects[word] &^= bit
	if object {
		n.objects[word] |= bit
	}
	return n
}

// closeAt skips what follows a value that ended at b[i]: closing brackets up to the place of the next value, or up to the
// end of the outermost one, where depth is 0. It is -1 if neither is there.
func (n nesting) closeAt(b []byte, i int) (next, depth int) {
	for n.depth > 0 {
		i = skipBlanks(b, i)
		top := n.depth - 1
		object := n.objects[top/64]&(1<<(top%64)) != 0
		switch c := at(b, i); {
		case c == ',' && object:
			return skipName(b, skipBlanks(b, i+1)), n.depth
		case c == ',':
			return i + 1, n.depth
		case c == '}' && object, c == ']' && !object:
			n.depth--
			i++
		default:
			return -1, n.depth
		}
	}
	return i, 0
}

// skipName is the index after the name and colon at b[i:], or -1.
func skipName(b []byte, i int) int {
	if at(b, i) != '"' {
		return -1
	}
	if i = skipString(b, i); i == -1 {
		return -1
	}
	if i = skipBlanks(b, i); at(b, i) != ':' {
		return -1
	}
	return i + 1
}

// Unquote is the text of a JSON string; false if b is not one.
func Unquote(b []byte) (string, bool) {
	text, ok := unquote(b)
	return string(text), ok
}

// unquote is Unquote without a copy where nothing is escaped.
func unquote(b []byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(b, '\\') == -1 {
		return b[1 : len(b)-1], true
	}
	var s string
	err := json.Unmarshal(b, &s)
	return []byte(s), err == nil
}

func skipLiteral(b []byte, i int) int {
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(b[i:], []byte(word)) {
			return i + len(word)
		}
	}
	return -1
}

func skipNumber(b []byte, i int) int {
	if at(b, i) == '-' {
		i++
	}
	if at(b, i) == '0' {
		i++
	} else if i = skipDigits(b, i); i == -1 {
		return -1
	}
	if at(b, i) == '.' {
		if i = skipDigits(b, i+1); i == -1 {
			return -1
		}
	}
	if at(b, i)|0x20 == 'e' {
		i++
		if c := at(b, i); c == '+' || c == '-' {
			i++
		}
		return skipDigits(b, i)
	}
	return i
}

func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipString is the index after the string that starts at b[i], or -1. Eight bytes are looked at at
// once, since most of a large answer is the inside of strings.
func skipString(b []byte, i int) int {
	i++
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			// A high bit in hit marks a byte that is a quote, a backslash or below a blank. A byte above
			// the first real one may be marked wrongly, never the first.
			hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		c := at(b, i)
		for c != '"' && c != '\\' && c >= ' ' {
			i++
			c = at(b, i)
		}
		switch c {
		case '"':
			return i + 1
		case '\\':
			if i = skipEscape(b, i+1); i == -1 {
				return -1
			}
		default: // a control character, or the end
			return -1
		}
	}
}

func skipEscape(b []byte, i int) int {
	switch at(b, i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			i++
			if c := at(b, i); (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return i + 1
	}
	return -1
}

// Quote is s as a JSON string.
func Quote(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string can always be encoded
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Array is the JSON array of elements that are JSON.
func Array(elements [][]byte) []byte {
	return slices.Concat([]byte{'['}, bytes.Join(elements, []byte{','}), []byte{']'})
}

// Object is the JSON object of members, each a name and a value.
func Object(members [][]byte) []byte {
	return slices.Concat([]byte{'{'}, bytes.Join(members, []byte{','}), []byte{'}'})
}

// Edit is object with the values that value returns for its members, and without those for which that is nil; object
// itself if nothing differs.
func Edit(object []byte, value func(m Member) []byte) []byte {
	var members [][]byte
	edited := false
	for m := range Members(object) {
		v := value(m)
		switch {
		case bytes.Equal(v, m.Value):
			members = append(members, m.Raw)
			continue
		case v != nil:
			members = append(members, slices.Concat(m.Raw[:len(m.Raw)-len(m.Value)], v))
		}
		edited = true
	}
	if !edited {
		return object
	}
	return Object(members)
}

// Select is object with only those elements of its member name, an array, that keep reports true for; object itself if
// that holds for all.
func Select(object []byte, name string, keep func(element []byte) bool) []byte {
	array := Get(object, name)
	var kept [][]byte
	total := 0
	for element := range Elements(array) {
		total++
		if keep(element) {
			kept = append(kept, element)
		}
	}
	if len(kept) == total {
		return object
	}
	return Splice(object, array, Array(kept))
}

// Splice is outer with its part inner, which must be a slice of outer, replaced by with.
func Splice(outer, inner, with []byte) []byte {
	at := cap(outer) - cap(inner)
	out := slices.Concat(outer[:at], with, outer[at+len(inner):], []byte("\n")) // room for the line break that follows a message
	return out[:len(out)-1]
}

// Depth is how many levels deep the valid JSON b is nested.
func Depth(b []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

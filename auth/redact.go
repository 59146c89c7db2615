package auth

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"sync"
)

// A Redactor takes keys out of what leaves the program: the key itself, and the key where JSON escapes (\u0076) or URL
// escapes (%76), or both, stand for any of its characters. It is for what passes last before stdout, stderr and the log, so
// that nothing afterwards can put a copy together again. It is safe for concurrent use; the zero Redactor knows no key,
// and a nil one learns none.
type Redactor struct {
	mu    sync.RWMutex
	known []Key // the newest first; it is replaced, never changed
}

// maxKnown is how many keys are looked for: those in use, which are five while a person signs in, and some before them, whose
// calls may be running.
const maxKnown = 12

// Add adds a key to those that are taken out.
func (r *Redactor) Add(key Key) {
	v := key.value()
	if r == nil {
		return
	}
	// A word that may stand in any answer is not looked for: that would spoil what was paid for.
	if len(v) < 8 && (key.odd() || len(v) < len(Prefix)+2) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := append([]Key{key}, slices.DeleteFunc(slices.Clone(r.known), key.Equal)...)
	if last := len(keys) - 1; last == maxKnown {
		for i, old := range keys {
			if i > 0 && old.odd() { // tokens come by the hour, and must not replace the API key
				last = i
			}
		}
		keys = slices.Delete(keys, last, last+1)
	}
	r.known = keys
}

// Redact is text with [redacted] in place of each key, or text itself if there is none in it.
func (r *Redactor) Redact(text []byte) []byte {
	var found []span
	for _, key := range r.keys() {
		found = findKey(found, text, key.value())
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	end := 0
	for _, s := range found {
		if s.start >= end {
			out = append(append(out, text[end:s.start]...), Redacted...)
		}
		end = max(end, s.end)
	}
	return append(out, text[end:]...)
}

func (r *Redactor) keys() []Key {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.known
}

// Writer redacts what is written to w. Each write is looked at by itself, so a key has to be within one.
func (r *Redactor) Writer(w io.Writer) io.Writer { return &redactingWriter{w, r} }

type redactingWriter struct {
	out      io.Writer
	redactor *Redactor
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	if n, err := w.out.Write(w.redactor.Redact(p)); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}

// Fd is the file descriptor behind the writer, for questions about a terminal, or none.
func (w *redactingWriter) Fd() uintptr {
	if file, ok := w.out.(interface{ Fd() uintptr }); ok {
		return file.Fd()
	}
	return ^uintptr(0)
}

// A span is a part of a text.
type span struct{ start, end int }

// find is where a mark stands in text from a place on, or less than 0.
func find(text []byte, mark string, from int) int {
	i := bytes.Index(text[from:], []byte(mark))
	if i < 0 {
		return i
	}
	return from + i
}

// findKey adds to found where key stands in text.
func findKey(found []span, text []byte, key string) []span {
	for at := find(text, key, 0); at >= 0; at = find(text, key, at+len(key)) {
		found = append(found, span{at, at + len(key)})
	}
	for _, escape := range []string{`\u`, `\/`, "%"} {
		found = findEscaped(found, text, key, escape)
	}
	return findCut(found, text, key)
}

// findEscaped adds to found where key stands in text and the first of its characters that is escaped is escaped so.
func findEscaped(found []span, text []byte, key, escape string) []span {
	for at := find(text, escape, 0); at >= 0; at = find(text, escape, at+len(escape)) {
		start := at
		for start > 0 && text[start] == '\\' && text[start-1] == '\\' {
			start--
		}
		c, size := unescaped(text[start:])
		for n := 0; n < len(key) && size > 1; n++ { // how many characters stand before the first that is escaped
			if key[n] != c || !bytes.HasSuffix(text[:start], []byte(key[:n])) {
				continue
			}
			if rest, ok := matchEscaped(text[start+size:], key[n+1:]); ok {
				found = append(found, span{start - n, start + size + rest})
			}
		}
	}
	return found
}

// matchEscaped reports whether text begins with key, escaped or not, and how long it is there.
func matchEscaped(text []byte, key string) (size int, ok bool) {
	for i := range key {
		if size == len(text) {
			return size, false
		}
		c, n := unescaped(text[size:])
		if c != key[i] {
			return size, false
		}
		size += n
	}
	return size, true
}

// maxEscapes is how often a character may be escaped: text in JSON in a URL in JSON has three.
const maxEscapes = 8

// unescaped is the character that text begins with, and of how many bytes it is made. JSON within JSON has more
// backslashes, and a URL within a URL more percent signs.
func unescaped(text []byte) (c byte, size int) {
	c, size = text[0], 1
	for range maxEscapes {
		digits := size
		switch c {
		case '\\':
			for digits < len(text) && text[digits] == '\\' {
				digits++
			}
			if digits < len(text) && text[digits] == '/' {
				return '/', digits + 1
			}
			if !bytes.HasPrefix(text[digits:], []byte("u00")) {
				return c, size
			}
			digits += 3
		case '%':
		default:
			return c, size
		}
		var value [1]byte
		if n, _ := hex.Decode(value[:], text[digits:min(digits+2, len(text))]); n == 0 {
			return c, size
		}
		c, size = value[0], digits+2
	}
	return c, size
}

// findCut adds to found where the beginning of key stands in text before an ellipsis: a text that was shortened there.
func findCut(found []span, text []byte, key string) []span {
	for at := find(text, "…", 0); at >= 0; at = find(text, "…", at+1) {
		for n := len(key) - 1; n > len(Prefix); n-- {
			if strings.HasSuffix(string(text[max(0, at-n):at]), key[:n]) {
				found = append(found, span{at - n, at})
				break
			}
		}
	}
	return found
}

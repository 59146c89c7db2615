package proxy

import (
	"bytes"
	"encoding/json"
)

// This file makes messages out of parts of others, byte for byte as they are.

// compose makes a message of text and of parts of other messages.
func compose(parts ...any) *Message {
	var raw []byte
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			raw = append(raw, part...)
		case []byte:
			raw = append(raw, part...)
		}
	}
	m, _ := Peek(raw)
	return m
}

// splice is outer with the part inner, which must be a slice of it, replaced by with.
func splice(outer, inner []byte, with ...[]byte) []byte {
	at := offset(outer, inner)
	size := len(outer) - len(inner) + 1
	for _, w := range with {
		size += len(w)
	}
	out := append(make([]byte, 0, size), outer[:at]...)
	for _, w := range with {
		out = append(out, w...)
	}
	return append(out, outer[at+len(inner):]...)
}

// offset is the index in outer of inner, which must be a slice of it.
func offset(outer, inner []byte) int { return cap(outer) - cap(inner) }

// quote is s as a JSON string.
func quote(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string can always be encoded
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A LineReader reads messages that are lines, of any length. It is for one goroutine.
type LineReader struct{ r *bufio.Reader }

// NewLineReader reads lines from r.
func NewLineReader(r io.Reader) *LineReader { return &LineReader{bufio.NewReaderSize(r, 64<<10)} }

// ReadLine returns the next line without its break, in memory of its own. The end of the input ends the last line as a
// break does; after it the error is io.EOF.
func (l *LineReader) ReadLine() ([]byte, error) {
	var chunks Chunks
	for {
		part, err := l.r.ReadSlice('\n')
		chunks.Write(part)
		switch {
		case err == nil:
			line := chunks.Bytes()
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && chunks.Len() > 0:
			return chunks.Bytes(), nil
		default:
			return nil, err
		}
	}
}

// Chunks collects bytes of unknown number without copying all of them each time that room is short. The zero value is
// empty.
type Chunks struct {
	full [][]byte
	last []byte
	size int // of full
}

const largestChunk = 1 << 20

// Len is how many bytes there are.
func (c *Chunks) Len() int { return c.size + len(c.last) }

// Write adds a copy of b.
func (c *Chunks) Write(b []byte) {
	for len(b) > 0 {
		room := c.Room(len(b))
		n := copy(room, b)
		c.Advance(n)
		b = b[n:]
	}
}

// Room is where bytes may be written next, at least one; Advance then says how many were. want is how many are expected.
func (c *Chunks) Room(want int) []byte {
	if len(c.last) == cap(c.last) {
		size := want + 1 // a line break may follow
		if c.last != nil {
			size = max(want+1, min(2*cap(c.last), largestChunk))
			c.full = append(c.full, c.last)
			c.size += len(c.last)
		}
		c.last = make([]byte, 0, size)
	}
	return c.last[len(c.last):cap(c.last)]
}

// Advance says that n bytes were written into the last Room.
func (c *Chunks) Advance(n int) { c.last = c.last[:len(c.last)+n] }

// Bytes is all bytes in one, with room for a line break, and leaves c empty.
func (c *Chunks) Bytes() []byte {
	all := c.last
	if len(c.full) > 0 {
		all = make([]byte, 0, c.Len()+1)
		for i, chunk := range append(c.full, c.last) {
			all = append(all, chunk...)
			if i < len(c.full) {
				c.full[i] = nil
			}
		}
	}
	*c = Chunks{}
	return all
}

// byteOrderMark may precede a text from Windows.
var byteOrderMark = []byte("\xef\xbb\xbf")

// OneLine is the JSON text b in one line: without the breaks between its tokens, and without blanks around it. A break
// inside a string is not JSON, and b is then returned as it is. It may change b.
func OneLine(b []byte) []byte {
	b = TrimBlanks(b)
	to := LineEnd(b)
	if to < 0 || !Valid(b) {
		return b
	}
	for from := to; from < len(b); {
		end := LineEnd(b[from:])
		if end < 0 {
			end = len(b) - from
		}
		to += copy(b[to:], b[from:from+end])
		from += end + 1
	}
	return b[:to]
}

// TrimBlanks is b without blanks and a byte order mark around it. A line break in UTF-16LE is 0A 00, so that a text
// which was split at 0A may begin with 00.
func TrimBlanks(b []byte) []byte {
	if len(b) > 1 {
		b = bytes.TrimPrefix(b, []byte{0})
	}
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(b), byteOrderMark))
}

// LineEnd is the index of the first LF or CR in b, or -1.
func LineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf < 0 {
		return bytes.IndexByte(b, '\r')
	}
	if cr := bytes.IndexByte(b[:lf], '\r'); cr >= 0 {
		return cr
	}
	return lf
}

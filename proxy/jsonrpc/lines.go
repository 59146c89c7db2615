package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// A LineReader reads messages that are lines, of any length. It is for one goroutine.
type LineReader struct{ r *bufio.Reader }

// NewLineReader reads lines from r.
func NewLineReader(r io.Reader) *LineReader { return &LineReader{bufio.NewReaderSize(r, 64<<10)} }

// ReadLine returns the next line without its break, in memory of its own. The end of the input ends the last line as a
// break does; after it the error is io.EOF.
func (l *LineReader) ReadLine() ([]byte, error) {
	line, err := l.r.ReadBytes('\n')
	switch {
	case err == nil:
		return line[:len(line)-1], nil
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, nil
	}
	return nil, err
}

// byteOrderMark may precede a text from Windows.
var byteOrderMark = []byte("\xef\xbb\xbf")

// OneLine is the JSON text b in one line: without the breaks between its tokens, and without blanks around it. A break
// inside a string is not JSON, and b is then returned as it is. It may change b.
func OneLine(b []byte) []byte {
	b = TrimBlanks(b)
	if LineEnd(b) == -1 || !Valid(b) {
		return b
	}
	return slices.DeleteFunc(b, func(c byte) bool { return c == '\n' || c == '\r' })
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
	if lf == -1 {
		return bytes.IndexByte(b, '\r')
	}
	if cr := bytes.IndexByte(b[:lf], '\r'); cr != -1 {
		return cr
	}
	return lf
}

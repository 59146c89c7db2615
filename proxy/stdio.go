package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Stdio is the editor's side of the conversation: one line is one message, in both directions, of any
// length. ReadLine is for one goroutine, WriteLine for many.
type Stdio struct {
	in  *bufio.Reader
	out io.Writer
	mu  sync.Mutex
}

// NewStdio reads lines from in and writes lines to out.
func NewStdio(in io.Reader, out io.Writer) *Stdio {
	return &Stdio{in: bufio.NewReaderSize(in, 16<<10), out: out}
}

// ReadLine returns the next line, without its break, in memory of its own. The end of the input ends
// the last line as a line break does; after it the error is io.EOF.
func (s *Stdio) ReadLine() ([]byte, error) {
	var line []byte
	for {
		part, err := s.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}

// WriteLine writes line and a line break in one write, so that lines never mix. It may use the capacity
// behind line.
func (s *Stdio) WriteLine(line []byte) error {
	line = append(line, '\n')
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(line); err != nil {
		return fmt.Errorf("writing to the editor: %w", err)
	}
	return nil
}

package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Stdio is the editor's side of the conversation: one line is one message, in both directions, of any
// length. ReadLine is for one goroutine, WriteLine and Close for any number.
type Stdio struct {
	in     *bufio.Reader
	out    io.Writer
	turn   chan struct{} // holds a token while a line is written
	closed atomic.Bool
}

var errClosed = errors.New("the conversation is over")

// NewStdio reads lines from in and writes lines to out.
func NewStdio(in io.Reader, out io.Writer) *Stdio {
	return &Stdio{in: bufio.NewReaderSize(in, 64<<10), out: out, turn: make(chan struct{}, 1)}
}

// ReadLine returns the next line, without its break, in memory of its own. The end of the input ends
// the last line as a line break does; after it the error is io.EOF.
func (s *Stdio) ReadLine() ([]byte, error) {
	var before pile
	var line []byte
	for {
		part, err := s.in.ReadSlice('\n')
		if line != nil && cap(line)-len(line) < len(part) {
			before.add(line)
			line = nextPart(line, len(part))
		}
		line = append(line, part...)
		switch {
		case err == nil:
			line = before.whole(line)
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return before.whole(line), nil
		default:
			return nil, err
		}
	}
}

// WriteLine writes line and a line break in one write, so that lines never mix. It may use the capacity
// after line. After Close it writes nothing, and the error is errClosed.
func (s *Stdio) WriteLine(line []byte) error {
	line = append(line, '\n')
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed.Load() {
		return errClosed
	}
	if _, err := s.out.Write(line); err != nil {
		return fmt.Errorf("writing to the editor: %w", err)
	}
	return nil
}

// Close lets no more lines out. It waits for one that is being written, as long as ctx lasts: nothing can
// interrupt a write to a reader that does not read.
func (s *Stdio) Close(ctx context.Context) {
	s.closed.Store(true)
	select {
	case s.turn <- struct{}{}:
		<-s.turn
	case <-ctx.Done():
	}
}

// Package stdio is the standard streams of a process that shares them with whoever started it, and with whatever else
// that has started. It does not know what is written to them.
package stdio

import (
	"errors"
	"os"
	"syscall"
)

// A Stream is a standard stream. Whether a read or write waits is a property of the open pipe, not of the process that
// reads: any process that shares it can make it non-blocking, as Node.js does when a script looks at process.stdin.
// A Stream waits in either case.
type Stream struct{ file *os.File }

// New is a stream that reads from and writes to f.
func New(f *os.File) *Stream { return &Stream{f} }

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	for {
		n, err := s.file.Read(p)
		if n > 0 || !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		waitUntilReadable(s.file)
	}
}

// Write implements io.Writer. It writes all of p, unless there is an error.
func (s *Stream) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := s.file.Write(p[written:])
		written += n
		if !errors.Is(err, syscall.EAGAIN) {
			return written, err
		}
		waitUntilWritable(s.file)
	}
}

// Fd is the file descriptor, for questions about a terminal.
func (s *Stream) Fd() uintptr { return s.file.Fd() }

// Package stdio is the standard streams of a process that shares them with its parent process, and with other children of
// that. It does not know what is written to them.
package stdio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
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
		if !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		wait(s.file, readable)
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
		wait(s.file, writable)
	}
}

// Fd is the file descriptor, to find out whether it is a terminal.
func (s *Stream) Fd() uintptr { return s.file.Fd() }

// maxQueued is how many bytes wait for a reader that is slow. One line may be longer.
const maxQueued = 1 << 20

// A Lossy writer never blocks its caller: what the writer behind it does not take in time is dropped, and the number of
// dropped writes is written once it takes something again. Errors of that writer are ignored. It is safe for concurrent use.
type Lossy struct {
	out io.Writer

	mu     sync.Mutex
	queue  [][]byte
	queued int           // bytes in queue, and in the write that is under way
	lost   int           // writes dropped since the last one that was queued
	idle   chan struct{} // while a goroutine writes, closed when all is written; else nil
}

// NewLossy is a Lossy writer in front of out.
func NewLossy(out io.Writer) *Lossy { return &Lossy{out: out} }

// Write implements io.Writer. It always takes all of p.
func (l *Lossy) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queued > 0 && l.queued+len(p) > maxQueued {
		l.lost++
		return len(p), nil
	}
	l.sayLost()
	l.add(bytes.Clone(p))
	if l.idle == nil {
		l.idle = make(chan struct{})
		go l.write()
	}
	return len(p), nil
}

// sayLost queues how many writes were dropped. The mutex is held.
func (l *Lossy) sayLost() {
	if l.lost > 0 {
		l.add(fmt.Appendf(nil, "leadmagic-mcp-proxy: %d lines were dropped here, since nobody was reading them\n", l.lost))
		l.lost = 0
	}
}

func (l *Lossy) add(p []byte) {
	l.queue = append(l.queue, p)
	l.queued += len(p)
}

// write writes what is queued until nothing is.
func (l *Lossy) write() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if len(l.queue) == 0 {
			l.sayLost()
		}
		if len(l.queue) == 0 {
			close(l.idle)
			l.idle = nil
			return
		}
		p := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.mu.Unlock()
		_, _ = l.out.Write(p)
		l.mu.Lock()
		l.queued -= len(p)
	}
}

// Flush waits until all is written, at most for a given time.
func (l *Lossy) Flush(atMost time.Duration) {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(atMost):
	}
}

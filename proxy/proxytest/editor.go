// Package proxytest is the editor's side of a session, for tests.
package proxytest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An Editor writes lines to a session and reads what comes back.
type Editor struct {
	t     testing.TB
	in    *io.PipeWriter
	lines chan string
	ended chan error
}

// NewEditor is an editor of the session that run carries until in ends.
func NewEditor(t testing.TB, run func(in io.Reader, out io.Writer) error) *Editor {
	t.Helper()
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	e := &Editor{t: t, in: in, lines: make(chan string, 1000), ended: make(chan error, 1)}
	go func() {
		err := run(inRead, outWrite)
		_ = inRead.Close()
		_ = outWrite.Close()
		e.ended <- err
	}()
	go func() {
		defer close(e.lines)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			e.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return e
}

// Write writes a line.
func (e *Editor) Write(line string) {
	e.t.Helper()
	e.WriteRaw(line + "\n")
}

// WriteRaw writes bytes as they are.
func (e *Editor) WriteRaw(text string) {
	e.t.Helper()
	if _, err := io.WriteString(e.in, text); err != nil {
		e.t.Fatal(err)
	}
}

// Lines are the lines that come back. The channel is closed when the session has ended.
func (e *Editor) Lines() <-chan string { return e.lines }

// Next is the next line.
func (e *Editor) Next() string {
	e.t.Helper()
	line, open := <-e.lines
	if !open {
		e.t.Fatal("the session ended before the line")
	}
	return line
}

// Want fails unless the next line has all parts.
func (e *Editor) Want(parts ...string) {
	e.t.Helper()
	line := e.Next()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			e.t.Fatalf("the editor got %s\nwant it to have %s", Short(line), part)
		}
	}
}

// WantLine compares the next line, byte by byte.
func (e *Editor) WantLine(want string) {
	e.t.Helper()
	if got := e.Next(); got != want {
		e.t.Errorf("the editor got\n%s\nwant\n%s", Short(got), Short(want))
	}
}

// WantNothing fails if there is a line.
func (e *Editor) WantNothing() {
	e.t.Helper()
	select {
	case line, open := <-e.lines:
		if open {
			e.t.Errorf("the editor got %s, want nothing", Short(line))
		}
	default:
	}
}

// Close closes the editor's side.
func (e *Editor) Close() { _ = e.in.Close() }

// Wait is the error with which the session ends.
func (e *Editor) Wait() error {
	err := <-e.ended
	e.ended <- err
	return err
}

// End closes the editor's side; nothing more may come, and the session ends without an error.
func (e *Editor) End() {
	e.t.Helper()
	e.Close()
	if line, open := <-e.lines; open {
		e.t.Errorf("the editor got %s\nwant nothing more", Short(line))
	}
	if err := e.Wait(); err != nil {
		e.t.Errorf("Run: %v", err)
	}
}

// Short is s as it is shown in a failure.
func Short(s string) string {
	const longest = 2000
	if len(s) > longest {
		return fmt.Sprintf("%s… (%d bytes)", s[:longest], len(s))
	}
	return s
}

//go:build unix

package stdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shared makes the two ends of a pipe as a process inherits them, and somebody else makes them non-blocking.
func shared(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	t.Cleanup(func() { _ = errors.Join(r.Close(), w.Close()) })
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return r, w
}

func TestAPipeThatOthersMadeNonBlockingIsWaitedFor(t *testing.T) {
	r, w := shared(t)
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("the pipe itself gives %v, want EAGAIN", err)
	}
	sent := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10) // more than any pipe takes
	go func() {
		if n, err := New(w).Write(sent); n != len(sent) || err != nil {
			t.Errorf("%d of %d bytes were written: %v", n, len(sent), err)
		}
		_ = w.Close()
	}()
	got, err := io.ReadAll(New(r))
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("read %d of %d bytes: %v", len(got), len(sent), err)
	}
}

func TestAStreamIsWaitedForUntilSomethingComes(t *testing.T) {
	r, w := shared(t)
	read := make(chan string)
	go func() {
		var p [8]byte
		n, err := New(r).Read(p[:])
		if err != nil {
			t.Errorf("the read ended with %v", err)
		}
		read <- string(p[:n])
	}()
	select {
	case got := <-read:
		t.Fatalf("read %q before anything was written", got)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := w.WriteString("late"); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "late" {
		t.Errorf("read %q", got)
	}
}

func TestTheEndAndErrorsOfAStreamAreItsOwn(t *testing.T) {
	r, w := shared(t)
	_ = w.Close()
	if n, err := New(r).Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v at the end", n, err)
	}
	if _, err := New(w).Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed stream gives %v", err)
	}
}

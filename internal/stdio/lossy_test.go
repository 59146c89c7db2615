package stdio

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuck takes nothing until it is opened.
type stuck struct {
	open chan struct{}
	got  bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.open
	return s.got.Write(p)
}

func TestNobodyWaitsForALossyWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		l := NewLossy(out)
		line := strings.Repeat("x", 1023) + "\n"
		for range 3 * maxQueued / len(line) {
			if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
		}
		start := time.Now()
		l.Flush(time.Minute)
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("Flush returned after %s, with something left to write", waited)
		}
		close(out.open)
		l.Flush(time.Hour)
		fmt.Fprintln(l, "again")
		l.Flush(time.Hour)
		kept := maxQueued / len(line)
		want := strings.Repeat(line, kept) +
			fmt.Sprintf("leadmagic-mcp-proxy: %d lines were dropped here, since nobody was reading them\n", 2*kept) + "again\n"
		if got := out.got.String(); got != want {
			t.Errorf("%d bytes arrived, want %d; the end is %q", len(got), len(want), got[max(0, len(got)-120):])
		}
	})
}

// What is dropped is said where it is missing.
func TestALossIsSaidBeforeTheNextLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		l := NewLossy(out)
		half := strings.Repeat("x", maxQueued/2) + "\n"
		for _, line := range []string{half, half, half} { // of which the second and the third are too much
			_, _ = l.Write([]byte(line))
			synctest.Wait() // the first is on its way
		}
		_, _ = l.Write([]byte("fits\n"))
		close(out.open)
		l.Flush(time.Hour)
		want := half + "leadmagic-mcp-proxy: 2 lines were dropped here, since nobody was reading them\nfits\n"
		if got := out.got.String(); got != want {
			t.Errorf("got …%q", got[max(0, len(got)-120):])
		}
	})
}

// Lines that are dropped while others are still to be written are counted together.
func TestLossesAreSaidWhenTheQueueIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		l := NewLossy(out)
		half := strings.Repeat("x", maxQueued/2)
		_, _ = l.Write([]byte(half))
		_, _ = l.Write([]byte(half))
		_, _ = l.Write([]byte("too much\n"))
		out.open <- struct{}{} // for one line
		synctest.Wait()
		_, _ = l.Write([]byte(half + "too much\n"))
		close(out.open)
		l.Flush(time.Hour)
		want := half + half + "leadmagic-mcp-proxy: 2 lines were dropped here, since nobody was reading them\n"
		if got := out.got.String(); got != want {
			t.Errorf("got …%q", got[max(0, len(got)-200):])
		}
	})
}

func TestALongLineIsNotTakenBehindTheShortest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		l := NewLossy(out)
		_, _ = l.Write([]byte("\n"))
		_, _ = l.Write(bytes.Repeat([]byte("x"), 2*maxQueued))
		close(out.open)
		l.Flush(time.Hour)
		want := "\nleadmagic-mcp-proxy: 1 lines were dropped here, since nobody was reading them\n"
		if got := out.got.String(); got != want {
			t.Errorf("got %d bytes, want %q", len(got), want)
		}
	})
}

func TestALongLineIsTakenWhereNothingElseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{open: make(chan struct{})}
		l := NewLossy(out)
		long := bytes.Repeat([]byte("x"), 2*maxQueued)
		_, _ = l.Write(long)
		synctest.Wait() // nothing is left in the queue
		copy(long, "not read any more after Write has returned")
		_, _ = l.Write([]byte("short"))
		close(out.open)
		l.Flush(time.Hour)
		want := strings.Repeat("x", 2*maxQueued) + "leadmagic-mcp-proxy: 1 lines were dropped here, since nobody was reading them\n"
		if got := out.got.String(); got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no reader") }

func TestErrorsBehindALossyWriterAreIgnored(t *testing.T) {
	l := NewLossy(broken{})
	l.Flush(time.Hour)
	if n, err := l.Write([]byte("line\n")); n != 5 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	l.Flush(time.Hour)
}

package soak

import (
	"fmt"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestAnEditorThatDoesNotRead leaves results and notifications unread for a while. What waits for it must not pile up
// beyond what it has asked for, and nothing of it may get lost.
func TestAnEditorThatDoesNotRead(t *testing.T) {
	pause := pick(200*time.Millisecond, 10*time.Second)
	t.Run("the results of calls", func(t *testing.T) {
		const calls, size = 32, 1 << 20
		s := startSandbox(t, faults.Options{TestTools: true})
		e := openEditor(t, start(t, at(s)), withSessions)
		before := memory(t, e.cmd.Process.Pid)
		e.stall()
		answers := make([]<-chan *answer, calls)
		for i := range answers {
			answers[i] = e.call("echo", fmt.Sprintf(`{"n":%d,"size":%d}`, i, size))
		}
		eventually(t, "all are carried out", func() bool { return s.CallCount() == calls })
		high := watch(t, e, pause)
		e.resume()
		for i, answered := range answers {
			a, err := e.await(t.Context(), answered)
			if got := len(a.text()); err != nil || got < size {
				t.Errorf("call %d: %v, %d bytes", i, err, got)
			}
		}
		e.close()
		if grown := high - before; grown > 4*calls*size {
			t.Errorf("memory grew by %s for %s of results", megabytes(grown), megabytes(calls*size))
		}
		t.Logf("%s of results wait for %v: memory %s before, %s at most", megabytes(calls*size), pause, megabytes(before), megabytes(high))
	})
	t.Run("what comes beside a result", func(t *testing.T) {
		steps := pick(10_000, 500_000)
		s := startSandbox(t, faults.Options{TestTools: true})
		e := openEditor(t, start(t, at(s)), withSessions)
		before := memory(t, e.cmd.Process.Pid)
		e.stall()
		answered := e.ask("tools/call", fmt.Sprintf(
			`{"name":"slow_report","arguments":{"steps":%d,"step_ms":0},"_meta":{"progressToken":"p"}}`, steps))
		eventually(t, "the call is carried out", func() bool { return s.CallCount() == 1 })
		high := watch(t, e, pause)
		e.resume()
		if a, err := e.await(t.Context(), answered); err != nil || a.failed() {
			t.Errorf("%v %s", err, a.text())
		}
		e.close()
		if e.progress != steps {
			t.Errorf("%d of %d progress notifications came", e.progress, steps)
		}
		// The sandbox has to wait, and not the program to keep: a pipe and a few buffers.
		if grown := high - before; grown > 4<<20 {
			t.Errorf("memory grew by %s for a stream that nobody reads", megabytes(grown))
		}
		t.Logf("%d notifications wait for %v: memory %s before, %s at most", steps, pause, megabytes(before), megabytes(high))
	})
}

// watch is the most memory that the program occupies during a time.
func watch(t *testing.T, e *editor, during time.Duration) (most int) {
	t.Helper()
	over := time.After(during)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			most = max(most, memory(t, e.cmd.Process.Pid))
		case <-over:
			return most
		}
	}
}

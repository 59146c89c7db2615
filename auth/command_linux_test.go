package auth

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestACommandOutlivesOtherThreads has threads end while a command runs. That a command ends with the program is what
// internal/soak tests.
func TestACommandOutlivesOtherThreads(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// On one processor that somebody else wants, who starts a command goes on in another thread.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var over atomic.Bool
	defer over.Store(true)
	go func() {
		for !over.Load() {
		}
	}()
	for range 20 { // since it does so only where it is interrupted at one moment
		runWhileThreadsEnd(t, pipe)
	}
}

func runWhileThreadsEnd(t *testing.T, pipe string) {
	t.Helper()
	var out []byte
	ended := make(chan error, 1)
	go func() {
		var err error
		out, err = runCommand(t.Context(), []string{"cat", pipe}, &bytes.Buffer{})
		ended <- err
	}()
	key, err := os.OpenFile(pipe, os.O_WRONLY, 0) // which waits for the command
	if err != nil {
		t.Fatal(err)
	}
	var threads sync.WaitGroup
	for range 20 {
		threads.Go(runtime.LockOSThread) // and does not unlock it, so that it ends
	}
	threads.Wait()
	_, _ = key.WriteString(canary)
	_ = key.Close()
	if err := <-ended; err != nil || strings.TrimSpace(string(out)) != canary {
		t.Fatalf("it was ended: %v", err)
	}
}

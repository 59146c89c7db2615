//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// launched is the program as a launcher starts it: with our end of each stream, and its own.
type launched struct {
	*exec.Cmd
	in            *os.File
	out           *bufio.Reader
	theirs        [3]*os.File
	stdout, errer *os.File
}

func launch(t *testing.T, args ...string) *launched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	l := &launched{Cmd: exec.CommandContext(ctx, "leadmagic-mcp-proxy", args...)}
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() })
		return r, w
	}
	l.theirs[0], l.in = pipe()
	l.stdout, l.theirs[1] = pipe()
	l.errer, l.theirs[2] = pipe()
	l.out = bufio.NewReader(l.stdout)
	for _, f := range []*os.File{l.in, l.stdout} {
		if err := f.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	l.Env = append(os.Environ(), "HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	l.Stdin, l.Stdout, l.Stderr = l.theirs[0], l.theirs[1], l.theirs[2]
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// say writes a message.
func (l *launched) say(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(l.in, `{"jsonrpc":"2.0",`+format+"}\n", args...); err != nil {
		t.Fatal(err)
	}
}

// answers reads responses until there are n, by id.
func (l *launched) answers(t *testing.T, n int) map[int]json.RawMessage {
	t.Helper()
	got := make(map[int]json.RawMessage)
	for len(got) < n {
		line, err := l.out.ReadBytes('\n')
		if err != nil {
			t.Fatalf("after %d of %d answers: %v", len(got), n, err)
		}
		var m struct {
			ID     *int
			Result json.RawMessage
		}
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v in a line of %d bytes", err, len(line))
		}
		if m.ID != nil {
			got[*m.ID] = m.Result
		}
	}
	return got
}

func (l *launched) begin(t *testing.T) {
	t.Helper()
	l.say(t, `"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"launcher","version":"1"}}`)
	l.answers(t, 1)
	l.say(t, `"method":"notifications/initialized"`)
}

const calls = 60

// callAll makes calls whose answers are together more than a pipe takes, and reads them only then.
func (l *launched) callAll(t *testing.T) {
	t.Helper()
	for id := range calls {
		l.say(t, `"id":%d,"method":"tools/list"`, id+1)
	}
	for id, result := range l.answers(t, calls) {
		if len(result) < 1000 {
			t.Errorf("call %d: the answer is %s", id, result)
		}
	}
}

// end closes stdin, and the program has to end by itself.
func (l *launched) end(t *testing.T) {
	t.Helper()
	if err := l.in.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range l.theirs {
		_ = f.Close()
	}
	if rest, err := io.ReadAll(l.out); len(rest) > 0 || err != nil {
		t.Errorf("%d bytes more on stdout: %v", len(rest), err)
	}
	if err := l.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

// TestALauncherMakesTheStreamsNonBlocking has another process change the streams that it shares with the program, as Node.js
// does.
func TestALauncherMakesTheStreamsNonBlocking(t *testing.T) {
	for _, when := range []string{"at the start", "in the middle"} {
		t.Run(when, func(t *testing.T) {
			l := launch(t, "--sandbox", "--log-level", "trace")
			go func() { _, _ = io.Copy(io.Discard, l.errer) }()
			if when == "in the middle" {
				l.begin(t)
			}
			for _, f := range l.theirs {
				if err := unix.SetNonblock(int(f.Fd()), true); err != nil {
					t.Fatal(err)
				}
			}
			if when == "at the start" {
				l.begin(t)
			}
			l.callAll(t)
			l.callAll(t)
			l.end(t)
		})
	}
}

func TestNobodyReadsStderr(t *testing.T) {
	l := launch(t, "--sandbox", "--log-level", "trace")
	l.begin(t)
	l.callAll(t)
	l.callAll(t)
	l.end(t)
}

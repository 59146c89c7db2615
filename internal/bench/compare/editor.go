package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// An editor talks to a contestant on its stdin and stdout.
type editor struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when stdout is

	mu      sync.Mutex
	asked   int
	waiting map[int]chan json.RawMessage
	said    bytes.Buffer // stderr
}

// answerFor is how long an answer is waited for.
const answerFor = 2 * time.Minute

var errEnded = errors.New("the program has ended")

// start starts a contestant and returns when its session is open, and how long that took.
func start(ctx context.Context, c contestant, endpoint string) (*editor, time.Duration, error) {
	e, err := launch(ctx, c, endpoint)
	if err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	answer, err := e.ask(ctx, "initialize",
		`{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"compare","version":"1"}}`, answerFor)
	took := time.Since(begun)
	if err == nil && !bytes.Contains(answer, []byte(`"result"`)) {
		err = fmt.Errorf("initialize was answered %.200s", answer)
	}
	if err == nil {
		_, err = io.WriteString(e.stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	}
	if err != nil {
		e.stop()
		return nil, 0, err
	}
	return e, took, nil
}

func launch(ctx context.Context, c contestant, endpoint string) (*editor, error) {
	cmd := c.command(ctx, endpoint)
	e := &editor{cmd: cmd, ended: make(chan struct{}), waiting: map[int]chan json.RawMessage{}}
	cmd.Stderr = (*stderr)(e)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		e.stdin, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting it: %w", err)
	}
	go e.read(bufio.NewReaderSize(stdout, 1<<20))
	return e, nil
}

// stderr takes what the program says there.
type stderr editor

func (s *stderr) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(p)
}

// read hands each answer to who waits for it. It reads the id alone, so that it costs as little as it can.
func (e *editor) read(in *bufio.Reader) {
	defer close(e.ended)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		id, ok := idOf(line)
		if !ok {
			continue
		}
		e.mu.Lock()
		waiter := e.waiting[id]
		delete(e.waiting, id)
		e.mu.Unlock()
		if waiter != nil {
			waiter <- line
		}
	}
}

// idOf finds the id near the beginning or the end of a line, wherever a program puts it, without reading what is
// between.
func idOf(line []byte) (int, bool) {
	const near = 200
	for _, part := range [][]byte{line[:min(near, len(line))], line[max(0, len(line)-near):]} {
		_, rest, found := bytes.Cut(part, []byte(`"id":`))
		if !found {
			continue
		}
		id := 0
		if n, err := fmt.Sscanf(string(rest), "%d", &id); n == 1 && err == nil {
			return id, true
		}
	}
	return 0, false
}

// ask sends a request and waits for its answer.
func (e *editor) ask(ctx context.Context, method, params string, patience time.Duration) (json.RawMessage, error) {
	waiter := make(chan json.RawMessage, 1)
	e.mu.Lock()
	e.asked++
	id := e.asked
	e.waiting[id] = waiter
	_, err := fmt.Fprintf(e.stdin, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params)
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case answer := <-waiter:
		return answer, nil
	case <-e.ended:
		return nil, errEnded
	case <-timer.C:
		return nil, context.DeadlineExceeded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// echo calls the tool that answers at once.
func (e *editor) echo(ctx context.Context, arguments string) (json.RawMessage, error) {
	answer, err := e.ask(ctx, "tools/call", `{"name":"echo","arguments":`+arguments+`}`, answerFor)
	if err == nil && bytes.Contains(answer[:min(len(answer), 300)], []byte(`"error"`)) {
		err = fmt.Errorf("echo was answered %.200s", answer)
	}
	return answer, err
}

// stop ends the session as editors do: stdin is closed, and who does not end by that is killed.
func (e *editor) stop() {
	_ = e.stdin.Close()
	timer := time.AfterFunc(2*time.Second, func() { _ = e.cmd.Process.Kill() })
	<-e.ended
	_ = e.cmd.Wait()
	timer.Stop()
}

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// An editor is one session with the proxy, as a process on stdio.
type editor struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	write sync.Mutex
	ended chan struct{} // closed when the proxy is gone
	err   error         // of its end

	mu    sync.Mutex
	calls []*stream // open, oldest first
	aside *stream   // of a GET, nil if none stands
	kept  []*message
}

// A stream is an open HTTP answer to which messages are brought.
type stream struct {
	call *message // nil for a GET
	next chan *message
}

func newStream(call *message) *stream { return &stream{call, make(chan *message, 1000)} }

func newEditor(cmd *exec.Cmd) (*editor, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	e := &editor{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go e.read(stdout)
	return e, nil
}

// send writes a message as one line.
func (e *editor) send(m *message) error {
	e.write.Lock()
	defer e.write.Unlock()
	line := bytes.ReplaceAll(m.line, []byte("\n"), []byte(" "))
	if _, err := e.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing to the proxy: %w", err)
	}
	return nil
}

// open makes a stream for the answer to a call, before the call is sent.
func (e *editor) open(call *message) *stream {
	s := newStream(call)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, s)
	return s
}

// stand makes the stream of a GET, or nil if one stands.
func (e *editor) stand() *stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.aside != nil {
		return nil
	}
	e.aside = newStream(nil)
	for _, m := range e.kept {
		e.aside.next <- m
	}
	e.kept = nil
	return e.aside
}

// leave takes a stream out when its peer is gone or has its answer.
func (e *editor) leave(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.aside == s {
		e.aside = nil
	}
	for i, other := range e.calls {
		if other == s {
			e.calls = append(e.calls[:i:i], e.calls[i+1:]...)
			return
		}
	}
}

// read brings what the proxy says to the streams, until it is gone.
func (e *editor) read(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			e.bring(peek(line))
		}
		if err != nil {
			break
		}
	}
	e.err = e.cmd.Wait()
	close(e.ended)
}

// bring finds the stream of a message: an answer belongs to its call, progress to the call with that token. For the rest
// stdio does not say where it belongs: with one open call it is that one's, otherwise it goes where a GET stands.
func (e *editor) bring(m *message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.calls {
		token := s.call.Params.Meta.ProgressToken
		if m.isAnswer() && bytes.Equal(m.ID, s.call.ID) ||
			m.Method == "notifications/progress" && token != nil && bytes.Equal(m.Params.ProgressToken, token) {
			s.next <- m
			return
		}
	}
	switch {
	case m.isAnswer() && len(e.calls) == 0: // nobody waits for it any more
	case len(e.calls) == 1, len(e.calls) > 1 && e.aside == nil:
		e.calls[0].next <- m
	case e.aside != nil:
		e.aside.next <- m
	default:
		e.kept = append(e.kept, m)
	}
}

// close ends the proxy as an editor does, and waits for it.
func (e *editor) close() error {
	e.write.Lock()
	_ = e.stdin.Close()
	e.write.Unlock()
	<-e.ended
	if e.err != nil {
		return fmt.Errorf("the proxy ended: %w", e.err)
	}
	return nil
}

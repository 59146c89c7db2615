package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

const (
	withSessions = "2025-11-25"
	stateless    = "2026-07-28"
)

// An editor talks to a program, line by line, and sees to it that each call is answered once.
type editor struct {
	*program
	version string

	mu         sync.Mutex
	lastID     int
	open       map[int]chan *answer
	unexpected []string // answers to no call
	progress   int      // progress notifications

	reading sync.Mutex // held while the editor does not read
}

// An answer is what has come of a call.
type answer struct {
	Result struct {
		IsError bool `json:"isError"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
	} `json:"result"`
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// text is what the answer says: the tool's text, or the error's message.
func (a *answer) text() string {
	var texts []string
	for _, content := range a.Result.Content {
		texts = append(texts, content.Text)
	}
	return strings.Join(append(texts, a.Error.Message), "\n")
}

func (a *answer) failed() bool { return a.Error.Code != 0 || a.Result.IsError }

// openEditor starts an editor in front of a program and opens a session.
func openEditor(t *testing.T, p *program, version string) *editor {
	t.Helper()
	e := &editor{program: p, version: version, open: make(map[int]chan *answer)}
	go e.read()
	e.initialize(t.Context())
	return e
}

// initialize opens the session, or, stateless, asks for what there is.
func (e *editor) initialize(ctx context.Context) {
	e.t.Helper()
	method, params := "server/discover", `{}`
	if e.version != stateless {
		method = "initialize"
		params = `{"protocolVersion":"` + e.version + `","capabilities":{},"clientInfo":{"name":"soak","version":"1"}}`
	}
	a, err := e.await(ctx, e.ask(method, params))
	if err != nil || a.failed() {
		e.t.Fatalf("%s: %v %s", method, err, a.text())
	}
	if e.version != stateless {
		e.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
}

// ask sends a call; the channel brings its answer, and is closed without one if the program ends.
func (e *editor) ask(method, params string) <-chan *answer {
	e.t.Helper()
	if e.version == stateless {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + stateless +
			`","io.modelcontextprotocol/clientInfo":{"name":"soak","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
		if params != "{}" {
			meta += ","
		}
		params = "{" + meta + params[1:]
	}
	answered := make(chan *answer, 1)
	e.mu.Lock()
	e.lastID++
	id := e.lastID
	e.open[id] = answered
	e.mu.Unlock()
	e.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
	return answered
}

// call asks for a tool.
func (e *editor) call(tool, arguments string) <-chan *answer {
	e.t.Helper()
	return e.ask("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments))
}

var (
	errEnded = errors.New("the program ended before it answered")
	errLate  = errors.New("there is no answer")
)

// await waits for an answer, which is never nil.
func (e *editor) await(ctx context.Context, answered <-chan *answer) (*answer, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	select {
	case a, ok := <-answered:
		if !ok {
			return &answer{}, errEnded
		}
		return a, nil
	case <-ctx.Done():
		return &answer{}, errLate
	}
}

func (e *editor) write(line string) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.stdin.Write([]byte(line + "\n")); err != nil {
		e.t.Errorf("writing to the program: %v", err)
	}
}

// read hands out what the program says, until it is gone.
func (e *editor) read() {
	for {
		line, err := e.lines.ReadBytes('\n')
		if err != nil {
			break
		}
		if bytes.Contains(line, []byte(canary)) {
			e.t.Errorf("the program has printed the key on stdout: %.200s", line)
		}
		e.reading.Lock()
		e.take(line)
		e.reading.Unlock()
	}
	e.wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, answered := range e.open {
		close(answered)
		delete(e.open, id)
	}
}

// stall has the editor not read any more until resume, but for the line that it is reading.
func (e *editor) stall() { e.reading.Lock() }

func (e *editor) resume() { e.reading.Unlock() }

func (e *editor) take(line []byte) {
	var head struct {
		ID     int    `json:"id"`
		Method string `json:"method"`
		answer
	}
	err := json.Unmarshal(line, &head)
	if head.Method == "ping" {
		e.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, head.ID))
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	answered := e.open[head.ID]
	switch {
	case err == nil && head.Method != "" && head.ID == 0:
		if head.Method == "notifications/progress" { // LeadMagic may also cancel a ping that was not answered in time
			e.progress++
		}
	case err != nil, answered == nil:
		e.unexpected = append(e.unexpected, string(line))
	default:
		delete(e.open, head.ID)
		answered <- &head.answer
	}
}

// close closes stdin as an editor does at its end. The program must then end by itself, in order, with nothing left to say.
func (e *editor) close() {
	e.t.Helper()
	_ = e.stdin.Close()
	e.awaitEnd()
	if e.err != nil {
		e.t.Errorf("the program ended with %v\n%s", e.err, e.stderr.String())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.unexpected) > 0 {
		e.t.Errorf("%d lines that answer nothing, such as %s", len(e.unexpected), e.unexpected[0])
	}
}

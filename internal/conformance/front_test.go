package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// A front is what the suite connects to in server mode: it takes Streamable HTTP and is an editor towards the program, one
// process over stdio for each session, or for each message where there are no sessions. It forwards bytes, so that what the
// suite finds is the program's doing, or that of the server behind it.
type front struct {
	program, upstream string
	t                 *testing.T

	mu       sync.Mutex
	sessions map[string]*editor
	said     bytes.Buffer // by the programs, on stderr
}

// Write takes what the programs say.
func (f *front) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said.Write(p)
}

// start serves the front for the length of a test. Every program must end in order, and say nothing.
func (f *front) start(t *testing.T) (url string) {
	f.t = t
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		for _, e := range f.sessions {
			f.end(e)
		}
		if f.said.Len() > 0 {
			t.Errorf("the program said %s", f.said.String())
		}
	})
	return server.URL + "/mcp"
}

const sessionHeader = "Mcp-Session-Id"

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(sessionHeader)
	f.mu.Lock()
	e := f.sessions[id]
	f.mu.Unlock()
	switch {
	case e == nil && (id != "" || r.Method != http.MethodPost):
		http.Error(w, "no such session", http.StatusNotFound)
	case r.Method == http.MethodPost:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f.post(w, r, e, readMessage(body))
	case r.Method == http.MethodGet:
		if s := e.openGet(); s != nil {
			answer(w, r, e, s, false)
			return
		}
		http.Error(w, "the session has a GET stream", http.StatusConflict)
	case r.Method == http.MethodDelete:
		f.mu.Lock()
		delete(f.sessions, id)
		f.mu.Unlock()
		f.end(e)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (f *front) post(w http.ResponseWriter, r *http.Request, e *editor, m *message) {
	stateless := e == nil && m.Method != "initialize"
	if e == nil {
		e = f.newEditor(r.Context())
		if !stateless {
			id := rand.Text()
			f.mu.Lock()
			f.sessions[id] = e
			f.mu.Unlock()
			w.Header().Set(sessionHeader, id)
		}
	}
	s := &stream{call: m, next: make(chan *message, 1000)}
	if m.isCall() {
		e.mu.Lock()
		e.calls = append(e.calls, s)
		e.mu.Unlock()
	}
	e.send(m)
	if m.isCall() {
		answer(w, r, e, s, stateless)
	} else {
		w.WriteHeader(http.StatusAccepted)
	}
	if stateless {
		if r.Context().Err() != nil {
			// Where a closed stream cancels a call, an editor on stdio sends a notification.
			e.send(readMessage([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + string(m.ID) + `}}`)))
		}
		f.end(e)
	}
}

// answer writes what comes for a stream, as events. Without a session, an error that comes first is a body, since its HTTP
// status says something.
func answer(w http.ResponseWriter, r *http.Request, e *editor, s *stream, stateless bool) {
	defer e.close(s)
	started := false
	start := func() {
		if !started {
			started = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-cache")
			_ = http.NewResponseController(w).Flush()
		}
	}
	if !stateless {
		start()
	}
	for {
		var m *message
		select {
		case m = <-s.next:
		case <-r.Context().Done():
			return
		case <-e.ended:
			if len(s.next) == 0 {
				return
			}
			continue
		}
		if status := m.status(); !started && status != http.StatusOK {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write(m.line)
			return
		}
		start()
		_, _ = w.Write([]byte("event: message\ndata: " + string(m.line) + "\n\n"))
		_ = http.NewResponseController(w).Flush()
		if s.call != nil && m.Method == "" {
			return
		}
	}
}

// An editor is one session with the program, a process on stdio.
type editor struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the program has closed stdout

	mu    sync.Mutex
	calls []*stream  // of calls that have no answer, oldest first
	get   *stream    // of a GET; nil if there is none
	kept  []*message // until there is one
}

// A stream is an open HTTP response that messages are written to.
type stream struct {
	call *message // nil for a GET
	next chan *message
}

func (f *front) newEditor(ctx context.Context) *editor {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), f.program)
	cmd.Env = []string{"LEADMAGIC_MCP_URL=" + f.upstream, "LEADMAGIC_API_KEY=lm_conformance_0000000000"}
	cmd.Stderr = f
	e := &editor{cmd: cmd, ended: make(chan struct{})}
	var err error
	if e.stdin, err = cmd.StdinPipe(); err != nil {
		panic(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		panic(err)
	}
	go func() {
		defer close(e.ended)
		for in := bufio.NewReader(stdout); ; {
			line, err := in.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				e.route(readMessage(line))
			}
			if err != nil {
				return
			}
		}
	}()
	return e
}

// end closes the program's stdin, as an editor does, and waits for its end.
func (f *front) end(e *editor) {
	e.mu.Lock()
	_ = e.stdin.Close()
	e.mu.Unlock()
	<-e.ended
	if err := e.cmd.Wait(); err != nil {
		f.t.Errorf("the program ended with %v", err)
	}
}

func (e *editor) send(m *message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, _ = e.stdin.Write(append(bytes.ReplaceAll(m.line, []byte("\n"), []byte(" ")), '\n')) // a program that has ended answers nothing
}

// openGet opens the stream of a GET, or returns nil if there is one.
func (e *editor) openGet() *stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.get != nil {
		return nil
	}
	e.get = &stream{next: make(chan *message, 1000)}
	for _, m := range e.kept {
		e.get.next <- m
	}
	e.kept = nil
	return e.get
}

func (e *editor) close(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.get == s {
		e.get = nil
	}
	e.calls = slices.DeleteFunc(e.calls, func(other *stream) bool { return other == s })
}

// route finds the stream of a message: an answer belongs to its call, progress to the call with that token. For the rest stdio
// does not say where it belongs: with one call it is that one's, otherwise it goes to the GET stream.
func (e *editor) route(m *message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer := m.Method == ""
	for _, s := range e.calls {
		token := s.call.Params.Meta.ProgressToken
		if answer && bytes.Equal(m.ID, s.call.ID) ||
			m.Method == "notifications/progress" && token != nil && bytes.Equal(m.Params.ProgressToken, token) {
			s.next <- m
			return
		}
	}
	switch {
	case answer && len(e.calls) == 0: // nobody waits for it any more
	case len(e.calls) == 1, len(e.calls) > 1 && e.get == nil:
		e.calls[0].next <- m
	case e.get != nil:
		e.get.next <- m
	default:
		e.kept = append(e.kept, m)
	}
}

// A message is a line with what must be known to route it.
type message struct {
	line []byte

	ID     json.RawMessage
	Method string
	Params struct {
		ProgressToken json.RawMessage
		Meta          struct{ ProgressToken json.RawMessage } `json:"_meta"`
	}
	Error struct{ Code int }
}

// readMessage reads a message. What is none has no members, and is forwarded all the same.
func readMessage(line []byte) *message {
	m := &message{line: line}
	_ = json.Unmarshal(line, m)
	return m
}

func (m *message) isCall() bool { return m.Method != "" && m.ID != nil }

// status is the HTTP status of an answer without a session. Source: MCP 2026-07-28, Transports.
func (m *message) status() int {
	switch m.Error.Code {
	case -32601:
		return http.StatusNotFound
	case -32020, -32021, -32022, -32602, -32600, -32700:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"
)

// A front has one proxy per session, and one per call where there are no sessions.
type front struct {
	start func(context.Context) (*editor, error)

	mu       sync.Mutex
	sessions map[string]*editor
	failures []error
}

const sessionHeader = "Mcp-Session-Id"

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		f.post(w, r)
		return
	}
	e := f.session(r)
	switch {
	case e == nil:
		http.Error(w, "no such session", http.StatusNotFound)
	case r.Method == http.MethodGet:
		s := e.stand()
		if s == nil {
			http.Error(w, "a stream stands already", http.StatusConflict)
			return
		}
		answer(w, r, e, s, false)
	case r.Method == http.MethodDelete:
		f.forget(r.Header.Get(sessionHeader))
		f.end(e)
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func (f *front) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m := peek(body)
	id := r.Header.Get(sessionHeader)
	switch e := f.session(r); {
	case e != nil:
		converse(w, r, e, m, false)
	case id != "":
		http.Error(w, "no such session", http.StatusNotFound)
	case m.Method == "initialize":
		f.begin(w, r, m)
	default:
		f.alone(w, r, m)
	}
}

// begin opens a session: a proxy that lives until it is deleted, or the front ends.
func (f *front) begin(w http.ResponseWriter, r *http.Request, m *message) {
	e, err := f.start(context.WithoutCancel(r.Context()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	id := rand.Text()
	f.mu.Lock()
	if f.sessions == nil {
		f.sessions = make(map[string]*editor)
	}
	f.sessions[id] = e
	f.mu.Unlock()
	w.Header().Set(sessionHeader, id)
	converse(w, r, e, m, false)
}

// alone carries a message without a session: through a proxy for it alone, since two peers may use one id.
func (f *front) alone(w http.ResponseWriter, r *http.Request, m *message) {
	e, err := f.start(context.WithoutCancel(r.Context()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	converse(w, r, e, m, true)
	if r.Context().Err() != nil {
		// Where a closed stream is how a call is cancelled, an editor on stdio says so.
		_ = e.send(peek([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + string(m.ID) + `}}`)))
	}
	f.end(e)
}

// converse sends a message and brings back what comes of it.
func converse(w http.ResponseWriter, r *http.Request, e *editor, m *message, stateless bool) {
	var s *stream
	if m.isCall() {
		s = e.open(m)
	}
	if err := e.send(m); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if s == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	answer(w, r, e, s, stateless)
}

// answer writes what comes for a stream, as events. Where there are no sessions an error that comes first is a body, since
// its HTTP status says something.
func answer(w http.ResponseWriter, r *http.Request, e *editor, s *stream, stateless bool) {
	defer e.leave(s)
	begun := !stateless
	if begun {
		startEvents(w)
	}
	for {
		var m *message
		select {
		case m = <-s.next:
		case <-r.Context().Done():
			return
		case <-e.ended:
			if len(s.next) > 0 {
				continue
			}
			if !begun {
				http.Error(w, "the proxy has ended", http.StatusBadGateway)
			}
			return
		}
		if !begun && m.status() != http.StatusOK {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(m.status())
			_, _ = w.Write(m.line) // the peer may be gone
			return
		}
		if !begun {
			begun = true
			startEvents(w)
		}
		_, _ = w.Write([]byte("event: message\ndata: " + string(m.line) + "\n\n"))
		_ = http.NewResponseController(w).Flush()
		if s.call != nil && m.isAnswer() {
			return
		}
	}
}

func startEvents(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	_ = http.NewResponseController(w).Flush()
}

func (f *front) session(r *http.Request) *editor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sessions[r.Header.Get(sessionHeader)]
}

func (f *front) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, id)
}

// end ends a proxy, and keeps what was wrong with that.
func (f *front) end(e *editor) {
	if err := e.close(); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failures = append(f.failures, err)
	}
}

// close ends the sessions that nobody has deleted. The error is of every proxy that did not end as it should.
func (f *front) close() error {
	f.mu.Lock()
	sessions := f.sessions
	f.sessions = nil
	f.mu.Unlock()
	for _, e := range sessions {
		f.end(e)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.failures...)
}

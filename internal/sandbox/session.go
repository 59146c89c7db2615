package sandbox

import (
	"net/http"
	"strings"
)

// Sessions is the number of MCP sessions that are open.
func (s *Sandbox) Sessions() int {
	s.upstream.mu.Lock()
	legacy := s.upstream.legacy
	s.upstream.mu.Unlock()
	count := 0
	if legacy != nil {
		for range legacy.server.Sessions() {
			count++
		}
	}
	return count
}

// DropSessions loses every session, as a restart does: from now on their ids are answered with 404. Calls that run are
// still answered, then the streams of their sessions end.
func (s *Sandbox) DropSessions() { s.dropSessions(http.StatusNotFound) }

func (s *Sandbox) dropSessions(status int) {
	s.upstream.mu.Lock()
	lost := s.upstream.legacy
	s.upstream.legacy, s.upstream.lostAs = nil, status
	s.upstream.mu.Unlock()
	if lost != nil && s.enter() {
		go func() {
			defer s.active.Done()
			lost.close()
		}()
	}
}

// disown makes w answer unknown sessions as the reference servers do, when the last loss of sessions asked for that.
func (u *upstream) disown(w http.ResponseWriter) http.ResponseWriter {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lostAs != http.StatusBadRequest {
		return w
	}
	return &disowner{ResponseWriter: w}
}

// disowner rewrites the SDK's "session not found" to what servers on the TypeScript SDK send.
type disowner struct {
	http.ResponseWriter
	rewritten bool
}

func (d *disowner) WriteHeader(status int) {
	if status == http.StatusNotFound && strings.HasPrefix(d.Header().Get("Content-Type"), "text/plain") {
		d.rewritten = true
		writeJSON(d.ResponseWriter, http.StatusBadRequest, noSessionBody)
		return
	}
	d.ResponseWriter.WriteHeader(status)
}

func (d *disowner) Write(data []byte) (int, error) {
	if d.rewritten {
		return len(data), nil
	}
	return d.ResponseWriter.Write(data)
}

// Unwrap lets [http.ResponseController] flush.
func (d *disowner) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// noSessionBody is the body of that answer.
var noSessionBody = object{"jsonrpc": "2.0", "id": nil, "error": object{"code": -32000, "message": "Bad Request: No valid session ID provided"}}

// close ends the sessions of both eras.
func (u *upstream) close() {
	u.mu.Lock()
	eras := []*era{u.legacy, u.modern}
	u.legacy, u.modern = nil, nil
	u.mu.Unlock()
	for _, e := range eras {
		if e != nil {
			e.close()
		}
	}
}

// close ends the era's sessions and waits for the tools that still run in them.
func (e *era) close() {
	for session := range e.server.Sessions() {
		_ = session.Close() // it is gone either way
	}
}

// has reports whether the session is one of the era's.
func (e *era) has(id string) bool {
	for session := range e.server.Sessions() {
		if session.ID() == id {
			return id != ""
		}
	}
	return false
}

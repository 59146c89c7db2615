package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

const controlPath = "/_sandbox/"

// serveControl serves the control path: see the package comment.
func (s *Sandbox) serveControl(w http.ResponseWriter, r *http.Request) {
	// Only this machine, and no web page on it.
	if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || r.Header.Get("Origin") != "" {
		http.Error(w, "the control path is for loopback alone", http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /_sandbox/state":
		writeJSON(w, http.StatusOK, s.state())
	case "PATCH /_sandbox/state":
		var change struct {
			Balance *float64 `json:"balance"`
			Key     string   `json:"key"`
		}
		if !readControl(w, r, &change) {
			return
		}
		if change.Balance != nil {
			s.SetBalance(*change.Balance)
		}
		if change.Key != "" {
			s.SetKey(change.Key)
		}
		writeJSON(w, http.StatusOK, s.state())
	case "GET /_sandbox/calls":
		writeJSON(w, http.StatusOK, append([]Call{}, s.Calls()...))
	case "GET /_sandbox/requests":
		writeJSON(w, http.StatusOK, s.redactedRequests())
	case "GET /_sandbox/faults":
		writeJSON(w, http.StatusOK, s.faults.list())
	case "POST /_sandbox/faults":
		s.armFaults(w, r)
	case "DELETE /_sandbox/faults":
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	case "DELETE /_sandbox/sessions":
		s.DropSessions()
		w.WriteHeader(http.StatusNoContent)
	case "POST /_sandbox/announce":
		var change struct {
			What string `json:"what"`
		}
		if !readControl(w, r, &change) {
			return
		}
		if err := s.Announce(change.What); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func (s *Sandbox) state() object {
	sent, answered := s.Greetings()
	return object{
		"balance":   s.Balance(),
		"calls":     s.CallCount(),
		"charged":   s.Charged(),
		"sessions":  s.Sessions(),
		"requests":  s.RequestCount(),
		"faults":    len(s.faults.list()),
		"greetings": object{"sent": sent, "answered": answered},
	}
}

func (s *Sandbox) armFaults(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if !readControl(w, r, &raw) {
		return
	}
	if trimmed := bytes.TrimSpace(raw); trimmed[0] != '[' {
		raw = append(append([]byte{'['}, trimmed...), ']')
	}
	var list []Fault
	err := json.Unmarshal(raw, &list)
	for i := 0; err == nil && i < len(list); i++ {
		err = list[i].check()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, f := range list {
		s.Fault(f)
	}
	w.WriteHeader(http.StatusNoContent)
}

// redactedRequests is what may be shown of the requests: which of the key headers they had and whether the key was good.
func (s *Sandbox) redactedRequests() []object {
	list := []object{}
	for _, r := range s.Requests() {
		header := http.Header{}
		for name, values := range r.Header {
			switch name {
			case mcpKeyHeader, restKeyHeader, "Authorization", "Cookie":
				header[name] = []string{"withheld"}
			default:
				header[name] = values
			}
		}
		key := shownKey(&http.Request{Header: r.Header})
		list = append(list, object{
			"time": r.Time, "method": r.Method, "path": r.Path, "proto": r.Proto, "header": header,
			"body_size": len(r.Body), "key_accepted": key != "" && s.accepts(key),
		})
	}
	return list
}

// readControl reads a small JSON body, or answers 400.
func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// truncate carries the request out and sends the first half of the answer, as if that were all of it.
func (s *Sandbox) truncate(w http.ResponseWriter, r *http.Request, in incoming) {
	t := s.play(r.Context(), r, in)
	body := t.all()
	status, ok := t.head(r.Context(), w)
	if !ok {
		return
	}
	w.WriteHeader(status)
	writeStrings(w, string(body[:len(body)/2]))
}

// endless starts an event whose line never ends. After size bytes, if size is given, it only holds the connection open.
func endless(w http.ResponseWriter, r *http.Request, size int) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	writeStrings(w, "data: ")
	out := http.NewResponseController(w)
	chunk := filler()
	for sent := 0; size == 0 || sent < size; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil || r.Context().Err() != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
	}
	<-r.Context().Done()
}

// huge answers a call with size bytes of text, or, with an error status, sends a text body of that size.
func huge(w http.ResponseWriter, in incoming, f Fault) {
	if f.Status >= http.StatusBadRequest {
		w.Header().Set("Content-Type", orElse(f.ContentType, "text/plain"))
		w.WriteHeader(f.Status)
		writeFiller(w, f.Size)
		return
	}
	head, tail := `{"filler":"`, `"}`
	if len(in.messages) > 0 {
		head = `{"jsonrpc":"2.0","id":` + callID(in) + `,"result":{"content":[{"type":"text","text":"`
		tail = `"}]}}`
	}
	kind := orElse(f.ContentType, "application/json")
	if strings.HasPrefix(kind, "text/event-stream") {
		head, tail = "data: "+head, tail+"\n\n"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(orElse(f.Status, http.StatusOK))
	writeStrings(w, head)
	writeFiller(w, f.Size)
	writeStrings(w, tail)
}

// echoKey sends the caller's key back to it.
func (s *Sandbox) echoKey(w http.ResponseWriter, r *http.Request, in incoming, f Fault) {
	key := shownKey(r)
	text := quote("you sent " + key + ", thank you")
	body := `{"message":` + text + `}`
	if len(in.messages) > 0 {
		body = `{"jsonrpc":"2.0","id":` + callID(in) + `,"result":{"content":[{"type":"text","text":` + text + `}]}}`
	}
	note := func(text string) string {
		return `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":` + quote(text) + "}}\n\n"
	}
	out := http.NewResponseController(w)
	write := func(text string) {
		writeStrings(w, text)
		_ = out.Flush() // the peer may be gone
	}
	switch f.Where {
	case "error":
		send(w, orElse(f.Status, http.StatusInternalServerError), "application/json", `{"error":"Internal","message":`+text+`}`)
	case "rpc-error":
		send(w, f.Status, "application/json", `{"jsonrpc":"2.0","id":`+callID(in)+`,"error":{"code":-32000,"message":`+text+`,"data":{"key":`+quote(key)+`}}}`)
	case "header":
		w.Header().Set("X-Echo", key)
		w.Header().Set("WWW-Authenticate", `Key realm="`+key+`"`)
		s.route(w, r, in)
	case "split":
		w.Header().Set("Content-Type", "text/event-stream")
		at := strings.Index(body, key)
		write("data: " + body[:at])
		for i := range len(key) {
			write(key[i : i+1])
		}
		write(body[at+len(key):] + "\n\n")
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		write(note(key[:len(key)/2]))
		write(note(key[len(key)/2:]))
		write(note(key))
		write("data: " + body + "\n\n")
	default:
		send(w, f.Status, orElse(f.ContentType, "application/json"), body)
	}
}

// quote is text as a JSON string.
func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(data)
}

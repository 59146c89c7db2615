package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// reshape carries the request out and shows its answer in another form.
func (s *Sandbox) reshape(w http.ResponseWriter, r *http.Request, in incoming, f Fault) {
	t := s.play(r.Context(), r, in)
	defer func() { <-t.ended }()
	has := func(shape string) bool { return slices.Contains(f.Shapes, shape) }
	status, ok := t.head(r.Context(), w)
	if !ok {
		return
	}
	stream := t.isStream()
	if has(PlainJSON) && stream {
		w.Header().Set("Content-Type", "application/json")
	}
	if f.ContentType != "" {
		w.Header().Set("Content-Type", f.ContentType)
	}
	out := &shaper{w: w, flush: http.NewResponseController(w), oneByte: has(OneByte), stream: stream && !has(PlainJSON), has: has}
	if has(LateHeaders) {
		out.held = true
	} else {
		w.WriteHeader(status)
		out.write("")
	}
	if has(BOM) {
		out.write("\uFEFF")
	}
	t.blocks(r.Context(), func(block []byte) bool {
		if payload, _ := payloadOf(block); out.held && (payload != nil || !stream) {
			out.held = false
			w.WriteHeader(status)
		}
		out.block(block)
		return true
	})
}

// shaper writes blocks of an answer in the form that was asked for.
type shaper struct {
	w       http.ResponseWriter
	flush   *http.ResponseController
	has     func(shape string) bool
	oneByte bool
	stream  bool // as it is written
	held    bool // nothing is written yet, and what comes is lost: comments, by what calls it
}

func (o *shaper) write(text string) {
	if o.held {
		return
	}
	if !o.oneByte {
		writeStrings(o.w, text)
		_ = o.flush.Flush() // the peer may be gone
		return
	}
	for i := range len(text) {
		if _, err := o.w.Write([]byte{text[i]}); err != nil {
			return
		}
		_ = o.flush.Flush()
	}
}

// block writes one event with its blank line, one comment, or a whole JSON body.
func (o *shaper) block(block []byte) {
	payload, name := payloadOf(block)
	if payload == nil { // a comment, or an event without data
		if o.stream {
			o.write(o.lineEnds(string(block)))
		}
		return
	}
	answer := isAnswer(payload)
	if !o.stream {
		if answer || json.Valid(block) { // of a stream that becomes one body, the answer alone
			o.write(o.shaped(payload, answer))
		}
		return
	}
	if o.has(Comments) {
		o.write(o.lineEnds(": keep-alive\n\n:\n\n"))
	}
	texts := []string{o.shaped(payload, answer)}
	if answer && o.has(Stranger) {
		texts = slices.Insert(texts, 0, `{"jsonrpc":"2.0","id":"nobody-asked","result":{}}`)
	}
	if answer && o.has(Twice) {
		texts = append(texts, texts[len(texts)-1])
	}
	for _, text := range texts {
		o.write(o.event(name, text))
	}
}

// event frames a payload; each of its lines becomes a data line.
func (o *shaper) event(name, payload string) string {
	var b strings.Builder
	b.WriteString(name)
	for line := range strings.Lines(payload) {
		if o.has(Comments) {
			b.WriteString(": between lines\n")
		}
		b.WriteString("data: " + strings.TrimSuffix(line, "\n") + "\n")
	}
	if !o.has(Unterminated) {
		b.WriteString("\n")
	}
	return o.lineEnds(b.String())
}

func (o *shaper) lineEnds(text string) string {
	switch {
	case o.has(CRLF):
		return strings.ReplaceAll(text, "\n", "\r\n")
	case o.has(CR):
		return strings.ReplaceAll(text, "\n", "\r")
	}
	return text
}

// shaped is a JSON payload with another id or other blanks.
func (o *shaper) shaped(payload []byte, answer bool) string {
	if answer {
		if o.has(WrongID) {
			payload = withID(payload, `"nobody-asked"`)
		}
		if o.has(NullID) {
			payload = withID(payload, "null")
		}
	}
	if o.has(Pretty) {
		var buf bytes.Buffer
		if json.Indent(&buf, payload, "", "  ") == nil {
			payload = buf.Bytes()
		}
	}
	return string(payload)
}

// payloadOf is the data of an event and the lines before it, or a whole JSON body; nil when there is none.
func payloadOf(block []byte) (payload []byte, before string) {
	if json.Valid(block) {
		return block, ""
	}
	for line := range bytes.Lines(block) {
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			if len(bytes.TrimSpace(line)) > 0 && payload == nil {
				before += string(line)
			}
			continue
		}
		payload = append(payload, bytes.TrimPrefix(bytes.TrimSuffix(data, []byte("\n")), []byte(" "))...)
	}
	if len(payload) == 0 {
		return nil, ""
	}
	return payload, before
}

// isAnswer reports whether a message is a JSON-RPC result or error.
func isAnswer(payload []byte) bool {
	var m struct {
		Version string          `json:"jsonrpc"`
		Method  json.RawMessage `json:"method"`
	}
	return json.Unmarshal(payload, &m) == nil && m.Version != "" && m.Method == nil
}

// withID replaces the id of a message.
func withID(payload []byte, id string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return payload
	}
	members["id"] = json.RawMessage(id)
	data, err := json.Marshal(members)
	if err != nil {
		return payload
	}
	return data
}

package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
)

// modernVersion is the first revision without sessions.
const modernVersion = "2026-07-28"

// message is what the sandbox itself reads of a JSON-RPC message; everything else is the SDK's business.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"` // empty for an answer
	Params struct {
		Name string          `json:"name"`
		Args json.RawMessage `json:"arguments"`
		Meta struct {
			Version string `json:"io.modelcontextprotocol/protocolVersion"`
		} `json:"_meta"`
	} `json:"params"`
}

// isCall reports whether the message awaits an answer.
func (m message) isCall() bool { return m.Method != "" && len(m.ID) > 0 }

// tool is the tool a message calls, or "".
func (m message) tool() string {
	if m.Method != "tools/call" {
		return ""
	}
	return m.Params.Name
}

// peek reads the messages of a body: one, or a batch. What is not JSON-RPC has none.
func peek(body []byte) []message {
	if batch := bytes.TrimLeft(body, " \t\r\n"); len(batch) > 0 && batch[0] == '[' {
		var raws []json.RawMessage
		if json.Unmarshal(batch, &raws) != nil {
			return nil
		}
		messages := make([]message, 0, len(raws))
		for _, raw := range raws {
			m, _ := peekOne(raw) // the array is JSON, so this is
			messages = append(messages, m)
		}
		return messages
	}
	m, ok := peekOne(body)
	if !ok {
		return nil
	}
	return []message{m}
}

// peekOne reads one message. A member of an unexpected type reads as absent; ok is false only for what is not JSON.
func peekOne(raw []byte) (m message, ok bool) {
	var syntax *json.SyntaxError
	ok = !errors.As(json.Unmarshal(raw, &m), &syntax)
	return m, ok
}

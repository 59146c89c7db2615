package main

import "encoding/json"

// A message is a line with what must be known to bring it where it belongs.
type message struct {
	line []byte

	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		ProgressToken json.RawMessage `json:"progressToken"`
		Meta          struct {
			ProgressToken json.RawMessage `json:"progressToken"`
			Version       string          `json:"io.modelcontextprotocol/protocolVersion"`
		} `json:"_meta"`
	} `json:"params"`
	Error struct {
		Code int `json:"code"`
	} `json:"error"`
}

// peek reads a message. What is none has no members, and is carried all the same.
func peek(line []byte) *message {
	m := &message{line: line}
	_ = json.Unmarshal(line, m)
	return m
}

func (m *message) isCall() bool   { return m.Method != "" && m.ID != nil }
func (m *message) isAnswer() bool { return m.Method == "" }

// status is the HTTP status that goes with an answer of the stateless era. Source: MCP 2026-07-28, Transports.
func (m *message) status() int {
	switch m.Error.Code {
	case -32601:
		return 404
	case -32020, -32021, -32022, -32602, -32600, -32700:
		return 400
	}
	return 200
}

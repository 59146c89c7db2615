package proxy

import (
	"bytes"
	"strconv"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// JSON-RPC error codes. Source: JSON-RPC 2.0 §5.1; MCP 2026-07-28, Error Codes.
const (
	codeParseError     = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInternal       = -32603
	codeHeaderMismatch = -32020
)

// received is what LeadMagic has sent in answer to a call.
type received struct {
	answer *Message // the answer, nil if it is not there
	likely *Message // what is the answer if it is the only one: its id is the call's as text, or as a number
	other  bool     // there was an answer to something else
	broken bool     // there was something that is no message
}

// sort reads what LeadMagic sent in answer to call: one message, or an array of them. It delivers what is not for
// the call.
func (r *Remote) sort(call *Message, body []byte) received {
	body = readable(oneLine(body))
	if len(body) > 0 && body[0] == '[' && valid(body) {
		var all received
		for element := range elements(body) {
			all.add(r.sort(call, bytes.Clone(element)))
		}
		return all
	}
	m, err := Peek(body)
	switch {
	case err != nil:
		r.Log.Debug("LeadMagic sent something that is no message", "reason", err)
		return received{broken: true}
	case m.Kind != Answer:
		r.deliver(m)
		return received{}
	case m.Result == nil && !isError(m.Error):
		r.Log.Debug("LeadMagic sent an answer that has neither a result nor an error of JSON-RPC")
		return received{broken: true}
	case call.ID != nil && sameID(m.ID, call.ID):
		return received{answer: restored(call, m)}
	}
	if own, _ := ownError(call, body); own != nil && call.ID != nil {
		return received{answer: own}
	}
	if call.ID != nil && retyped(m.ID, call.ID) && !r.flights.has(m.ID) {
		return received{likely: restored(call, m)}
	}
	// Another call's answer may come here if a server mixes its streams up. Whoever waits for it gets it.
	r.deliver(m)
	return received{other: true}
}

// add notes what came after the rest.
func (all *received) add(more received) {
	if more.answer != nil && all.answer == nil {
		all.answer = more.answer
	}
	all.other = all.other || more.other || all.likely != nil && more.likely != nil
	if more.likely != nil {
		all.likely = more.likely
	}
	all.broken = all.broken || more.broken
}

// best is the answer, nil if there is none.
func (all *received) best() *Message {
	if all.answer == nil && !all.other {
		return all.likely
	}
	return all.answer
}

// sameID reports whether id is that of sent, as it is or as a peer writes it that keeps numbers as floating point.
func sameID(id, sent []byte) bool { return canonical(id) == canonical(sent) || rounded(id, sent) }

// retyped reports whether id is what a peer that confuses text and numbers makes of sent: "7" for 7, or 7 for "7".
func retyped(id, sent []byte) bool {
	text, ok := unquote(id)
	number := sent
	if !ok {
		if text, ok = unquote(sent); !ok {
			return false
		}
		number = id
	}
	return usableID(number) && number[0] != '"' && usableID([]byte(text)) && text[0] != '"' && valid([]byte(text)) &&
		canonical([]byte(text)) == canonical(number)
}

// rounded reports whether id is what a peer that keeps numbers as floating point makes of sent.
func rounded(id, sent []byte) bool {
	f, err := strconv.ParseFloat(string(id), 64)
	g, sentErr := strconv.ParseFloat(string(sent), 64)
	return err == nil && sentErr == nil && f == g
}

// restored is answer with the id as the editor has written it.
func restored(call, answer *Message) *Message {
	if bytes.Equal(answer.ID, call.ID) {
		return answer
	}
	return compose(splice(answer.Raw, answer.ID, call.ID))
}

// ownError is the JSON-RPC error in body, if it is about call: it has the call's id, or none, as when a
// server did not read as far as the id. In that case it is not named, and the call's id is put in: without
// it the editor would wait for ever.
func ownError(call *Message, body []byte) (own *Message, named bool) {
	m, err := Peek(readable(oneLine(body)))
	switch {
	case err != nil || m.Kind != Answer || !isError(m.Error):
		return nil, false
	case m.ID == nil || string(m.ID) == "null":
		return compose(`{"jsonrpc":"2.0","id":`, call.ID, `,"error":`, m.Error, `}`), false
	case sameID(m.ID, call.ID):
		return restored(call, m), true
	}
	return nil, false
}

// isError reports whether raw is an error as JSON-RPC has it. The bodies of HTTP errors have other things of that
// name, and an editor that was given one would drop it and wait for ever.
func isError(raw []byte) bool {
	_, err := strconv.Atoi(canonical(find(raw, "code")))
	_, said := unquote(find(raw, "message"))
	return err == nil && said
}

func errorCode(m *Message) int {
	code, _ := strconv.Atoi(string(find(m.Error, "code")))
	return code
}

// lostSession reports whether an answer says that LeadMagic does not know the session of the request. The
// reference servers say it with 400 and a text. 404 is also the modern answer to an unknown method.
func lostSession(status int, body []byte, own *Message) bool {
	switch status {
	case 404:
		return own == nil || errorCode(own) != codeNoMethod
	case 400:
		return bytes.Contains(bytes.ToLower(body), []byte("no valid session id"))
	}
	return false
}

// reply is how p is said to the editor in answer to call: as the result of a tool that did not succeed,
// which agents read, or as an error of the protocol.
func reply(call *Message, p *problem.Problem, hasTool func(string) bool) []byte {
	switch call.Method {
	case "tools/call":
		complete := ""
		if call.Modern() {
			complete = `,"resultType":"complete"`
		}
		return compose(`{"jsonrpc":"2.0","id":`, call.ID, `,"result":{"content":[{"type":"text","text":`,
			quote(p.Text(hasTool)), `}],"isError":true`, complete, `}}`).Raw
	case "server/discover":
		// Whatever the reason, an editor that gets this goes on with initialize, and is told there.
		return errorReply(call.ID, codeNoMethod, p.Line(), p.Data())
	}
	return errorReply(call.ID, codeInternal, p.Line(), p.Data())
}

// errorReply is a JSON-RPC error. Without an id it has no such member: several editors reject null.
func errorReply(id []byte, code int, message string, data []byte) []byte {
	raw := []byte(`{"jsonrpc":"2.0",`)
	if id != nil {
		raw = append(append(append(raw, `"id":`...), id...), ',')
	}
	raw = append(strconv.AppendInt(append(raw, `"error":{"code":`...), int64(code), 10), `,"message":`...)
	raw = append(raw, quote(message)...)
	if data != nil {
		raw = append(append(raw, `,"data":`...), data...)
	}
	return append(raw, `}}`...)
}

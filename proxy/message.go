package proxy

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Kind is what a message is in JSON-RPC terms.
type Kind int

// The kinds of message.
const (
	Call         Kind = iota // has a method and an id: an answer is due
	Notification             // has a method only
	Answer                   // has an id and a result or an error
)

// A Message is one JSON-RPC message and what the proxy has to know of it. The bytes are not ours: they
// are forwarded as they came. A Message is not changed once it is sent or delivered.
type Message struct {
	// Raw is the message in one line, without the line break.
	Raw    []byte
	Kind   Kind
	ID     []byte // as in Raw, nil if there is none
	Method string // empty in an Answer
	Params []byte // as in Raw, nil if there are none

	// Result and Error are the members of an Answer, as in Raw.
	Result, Error []byte

	// Problem, in an Answer, stands for the answer that is not there: Raw is nil, and whoever writes to
	// the editor words it.
	Problem *problem.Problem

	meta meta
	call *Message // in an Answer, what it answers; nil if only the id says so
	late bool     // an Answer to a call that the editor has cancelled
}

// meta is what the proxy reads of params._meta.
type meta struct {
	raw           []byte   // the whole object, as in Raw
	all           [][]byte // raw, after any other _meta in the same params
	version       string   // io.modelcontextprotocol/protocolVersion: the message is of the modern era
	progressToken []byte
}

// versionKey in params._meta makes a request modern. Source: MCP 2026-07-28, Versioning.
const versionKey = "io.modelcontextprotocol/protocolVersion"

var (
	errNotJSON    = errors.New("not valid JSON")
	errNotMessage = errors.New("not a JSON-RPC message: an object with a method, a result or an error was due")
)

// Peek finds out what the line raw is, without decoding it. The error says why it is not a message; the
// Message that comes with it has the id, if one could be read.
func Peek(raw []byte) (*Message, error) {
	m := &Message{Raw: raw}
	var method []byte
	end := walk(raw, func(v member) bool {
		switch string(v.name) {
		case "id":
			m.ID = v.value
		case "method":
			method = v.value
		case "params":
			m.Params = v.value
			m.meta.peek(v.value)
		case "result":
			m.Result = v.value
		case "error":
			m.Error = v.value
		}
		return true
	})
	switch {
	case end >= 0 && skipBlanks(raw, end) == len(raw):
	case end < 0 && valid(raw):
		return m, errNotMessage // some JSON that is not an object
	default:
		return &Message{Raw: raw}, errNotJSON
	}
	var named bool
	m.Method, named = unquote(method)
	switch {
	case named && m.ID != nil:
		m.Kind = Call
		if !usableID(m.ID) {
			return m, errors.New("the id of a request is a string or a number")
		}
	case named:
		m.Kind = Notification
	case method == nil && (m.Result != nil || m.Error != nil):
		m.Kind = Answer
	default:
		return m, errNotMessage
	}
	return m, nil
}

// peek reads params._meta. If it occurs twice the last one counts, as with all members.
func (m *meta) peek(params []byte) {
	m.raw, m.version, m.progressToken = nil, "", nil
	for p := range members(params) {
		if string(p.name) != "_meta" {
			continue
		}
		m.all = append(m.all, p.value)
		m.raw, m.version, m.progressToken = p.value, "", nil
		for v := range members(p.value) {
			switch string(v.name) {
			case versionKey:
				m.version, _ = unquote(v.value)
			case "progressToken":
				m.progressToken = v.value
			}
		}
	}
}

// Modern reports whether the message is of the stateless era: its version is its own, and it has no session.
func (m *Message) Modern() bool {
	return m.meta.version != "" && m.Method != "initialize"
}

// Param is a string in params, such as the name of a tool; empty if there is none.
func (m *Message) Param(name string) string {
	s, _ := unquote(find(m.Params, name))
	return s
}

// failed is the Answer to the call m that says p.
func (m *Message) failed(p *problem.Problem) *Message {
	return &Message{Kind: Answer, ID: m.ID, Problem: p, call: m}
}

// answers reports whether m, an Answer, may be the one to a call of the same id. An editor that goes from one era
// to the other may start counting anew while a call of the first is under way.
func (m *Message) answers(call *Message) bool { return m.call == nil || m.call == call }

// callsOff reports whether m, a cancellation, may mean a call of the id that it names.
func (m *Message) callsOff(call *Message) bool { return !m.Modern() || call.Modern() }

func usableID(id []byte) bool {
	return len(id) > 0 && (id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9')
}

// canonical is a string or a number in a form that is the same for equal ones, however they are written: 1, 1.0
// and 1e0 are one number, 0 and -0 another, "a" and "\u0061" one string. Peers that decode an id and encode it
// again change the form, not the value.
func canonical(id []byte) string {
	if len(id) == 0 {
		return ""
	}
	if id[0] == '"' {
		s, _ := unquote(id)
		return `"` + s
	}
	if bytes.ContainsAny(id, ".eE") || string(id) == "-0" {
		if f, err := strconv.ParseFloat(string(id), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.FormatInt(int64(f), 10)
		}
	}
	return string(id)
}

// oneLine makes the JSON text b fit into a line, by taking out the breaks between its tokens. Blanks around the text
// go too. A text that is not valid, such as one with a break inside a string, keeps its breaks: without them it
// could become another text, and one that nobody has checked. oneLine may change b.
func oneLine(b []byte) []byte {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, byteOrderMark))
	to := lineEnd(b)
	if to < 0 || !valid(b) {
		return b
	}
	for from := to; from < len(b); {
		end := lineEnd(b[from:])
		if end < 0 {
			end = len(b) - from
		}
		to += copy(b[to:], b[from:from+end])
		from += end + 1
	}
	return b[:to]
}

// byteOrderMark may precede a text from Windows. It is not part of the text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// readable is b as UTF-8: what is not has a replacement character in its place. A reader that does not
// expect such bytes would end its session, and a paid answer would be lost with it.
func readable(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return bytes.ToValidUTF8(b, []byte("\ufffd"))
}

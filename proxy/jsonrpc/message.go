// Package jsonrpc is JSON-RPC messages of MCP as the bytes they came in: what a message is, its parts, and new messages
// made of parts of others. It decodes and encodes nothing that it need not, since ids above 2^53, unknown members and the
// order of members would not survive that. It neither sends nor answers messages.
package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Kind is what a message is. Source: JSON-RPC 2.0 §4 and §5.
type Kind int

// The kinds of message.
const (
	Request      Kind = iota // has a method and an id
	Notification             // has a method only
	Response                 // has a result or an error
)

// Error codes. Source: JSON-RPC 2.0 §5.1; MCP 2026-07-28, Error Codes.
const (
	CodeParseError     = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
	CodeHeaderMismatch = -32020
)

// A Message is one JSON-RPC message. It is not changed once it is made, and neither are its bytes.
type Message struct {
	// Raw is the message in one line, without the line break.
	Raw    []byte
	Kind   Kind
	ID     []byte // JSON as in Raw, nil if there is none
	Method string // empty in a Response
	Params []byte // JSON as in Raw, nil if there are none

	// Result and Error are the members of a Response, as in Raw.
	Result, Error []byte
	// Err, in a Response, is why there is no response of LeadMagic's: Raw is nil, and the message to
	// the editor is made of it.
	Err error

	// Meta is params._meta, the last one if there are several, and ProgressToken the member of it; nil if not there.
	Meta, ProgressToken []byte
	Version             string // the protocol version in Meta, empty if there is none

	metas [][]byte // every _meta in params
}

// Keys of params._meta. Source: MCP 2026-07-28, Versioning.
const (
	versionKey    = "io.modelcontextprotocol/protocolVersion"
	clientInfoKey = "io.modelcontextprotocol/clientInfo"
)

// ErrNotJSON is the error of Parse for what is not JSON at all.
var ErrNotJSON = errors.New("not valid JSON")

var (
	errNotMessage = errors.New("not a JSON-RPC message: it must be an object with a method, a result or an error")
	errBadID      = errors.New("the id of a request is a string or a number")
)

// Parse finds the parts of the message raw. With an error, which says why raw is not a message, comes a Message that has
// the id, if one could be read.
func Parse(raw []byte) (*Message, error) {
	m := &Message{Raw: raw}
	var method []byte
	isObject := scan(raw, '{', func(v Member) bool {
		switch string(v.Name) {
		case "id":
			m.ID = v.Value
		case "method":
			method = v.Value
		case "params":
			m.Params = v.Value
			m.parseMeta()
		case "result":
			m.Result = v.Value
		case "error":
			m.Error = v.Value
		}
		return true
	})
	switch {
	case isObject:
	case Valid(raw):
		return m, errNotMessage
	default:
		return &Message{Raw: raw}, ErrNotJSON
	}
	var isText bool
	m.Method, isText = Unquote(method)
	switch {
	case isText && m.ID == nil:
		m.Kind = Notification
	case isText && !ValidID(m.ID):
		return m, errBadID
	case method == nil && (m.Result != nil || m.Error != nil):
		m.Kind = Response
	case !isText:
		return m, errNotMessage
	}
	return m, nil // a Request, unless said otherwise
}

// parseMeta reads params._meta. If it occurs twice the last one counts, as with all members.
func (m *Message) parseMeta() {
	m.Meta, m.Version, m.ProgressToken = nil, "", nil
	for p := range Members(m.Params) {
		if string(p.Name) != "_meta" {
			continue
		}
		m.metas = append(m.metas, p.Value)
		m.Meta, m.Version, m.ProgressToken = p.Value, "", nil
		for v := range Members(p.Value) {
			switch string(v.Name) {
			case versionKey:
				m.Version, _ = Unquote(v.Value)
			case "progressToken":
				m.ProgressToken = v.Value
			}
		}
	}
}

// Compose is the message made of parts, which must be one.
func Compose(parts ...[]byte) *Message { return message(slices.Concat(parts...)) }

// message is the message raw, which must be one.
func message(raw []byte) *Message {
	m, _ := Parse(raw)
	return m
}

// NewNotification is a notification of our own. params is JSON, or nil.
func NewNotification(method string, params []byte) *Message {
	if params == nil {
		return Compose([]byte(`{"jsonrpc":"2.0","method":`), Quote(method), []byte(`}`))
	}
	return Compose([]byte(`{"jsonrpc":"2.0","method":`), Quote(method), []byte(`,"params":`), params, []byte(`}`))
}

// NewRequest is a request with that id. params is JSON.
func NewRequest(id []byte, method string, params []byte) *Message {
	return Compose([]byte(`{"jsonrpc":"2.0","id":`), id, []byte(`,"method":`), Quote(method), []byte(`,"params":`), params, []byte(`}`))
}

// NewResult is the response to request with that result, which is JSON.
func NewResult(request *Message, result []byte) *Message {
	return Compose([]byte(`{"jsonrpc":"2.0","id":`), request.ID, []byte(`,"result":`), result, []byte(`}`))
}

// NewError is an error response. Without an id it has no such member, since several editors reject null. data is JSON,
// or nil for none.
func NewError(id []byte, code int, text string, data []byte) *Message {
	raw := []byte(`{"jsonrpc":"2.0",`)
	if id != nil {
		raw = fmt.Appendf(raw, `"id":%s,`, id)
	}
	raw = fmt.Appendf(raw, `"error":{"code":%d,"message":%s`, code, Quote(text))
	if data != nil {
		raw = fmt.Appendf(raw, `,"data":%s`, data)
	}
	return message(append(raw, `}}`...))
}

// Failed is the response to request that says why there is none.
func Failed(request *Message, err error) *Message {
	return &Message{Kind: Response, ID: request.ID, Err: err}
}

// WithID is m with that id in place of its own.
func (m *Message) WithID(id []byte) *Message {
	if m.Raw == nil {
		other := *m
		other.ID = id
		return &other
	}
	return message(Splice(m.Raw, m.ID, id))
}

// WithResult is m, a Response, with that result in place of its own, and m itself if it is its own.
func (m *Message) WithResult(result []byte) *Message {
	if bytes.Equal(result, m.Result) {
		return m
	}
	return message(Splice(m.Raw, m.Result, result))
}

// WithMeta is m with each params._meta changed by change, and m itself if nothing changes.
func (m *Message) WithMeta(change func(meta []byte) []byte) *Message {
	for i := range m.metas {
		meta := m.metas[i]
		if changed := change(meta); !bytes.Equal(changed, meta) {
			m = message(Splice(m.Raw, meta, changed)) // which has as many
		}
	}
	return m
}

// Stateless reports whether the message belongs to no session: it has a protocol version of its own.
// Source: MCP 2026-07-28, Versioning.
func (m *Message) Stateless() bool { return m.Version != "" && m.Method != "initialize" }

// EditorName is how the editor names itself in m, empty if it does not.
func (m *Message) EditorName() string {
	info := Get(m.Meta, clientInfoKey)
	if m.Method == "initialize" {
		info = Get(m.Params, "clientInfo")
	}
	name, _ := Unquote(Get(info, "name"))
	return name
}

// Param is a text in params, such as the name of a tool; empty if there is none.
func (m *Message) Param(name string) string {
	s, _ := Unquote(Get(m.Params, name))
	return s
}

// HasCursor reports whether m asks for a page after the first.
func (m *Message) HasCursor() bool {
	cursor := Get(m.Params, "cursor")
	return cursor != nil && string(cursor) != "null"
}

// IsSubscription reports whether a request is answered only at its own end.
func (m *Message) IsSubscription() bool { return m.Method == "subscriptions/listen" }

// ErrorCode is the code of an error response, 0 if it is none.
func (m *Message) ErrorCode() int {
	code, _ := strconv.Atoi(NormalizeID(Get(m.Error, "code")))
	return code
}

// HasError reports whether m has an error as JSON-RPC wants it, with a code and a message. The bodies of HTTP errors
// have other things of that name, and an editor that was given one would drop it and wait for ever.
func (m *Message) HasError() bool {
	_, err := strconv.Atoi(NormalizeID(Get(m.Error, "code")))
	_, isText := Unquote(Get(m.Error, "message"))
	return err == nil && isText
}

// ValidID reports whether id, which is JSON or nil, can be the id of a request.
func ValidID(id []byte) bool {
	return len(id) > 0 && (id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9')
}

// NormalizeID is an id in a form that is the same for equal ones, however they are written: 1, 1.0 and 1e0 are one
// number, 0 and -0 another, "a" and "\u0061" one string. Peers that decode an id and encode it again change its form.
func NormalizeID(id []byte) string {
	if len(id) == 0 {
		return ""
	}
	if id[0] == '"' {
		s, _ := Unquote(id)
		return `"` + s
	}
	if bytes.ContainsAny(id, ".eE") || string(id) == "-0" {
		if f, err := strconv.ParseFloat(string(id), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.FormatInt(int64(f), 10)
		}
	}
	return string(id)
}

// SameID reports whether id is that of sent, as it is or as a peer writes it that keeps numbers as floating point.
func SameID(id, sent []byte) bool {
	if NormalizeID(id) == NormalizeID(sent) {
		return true
	}
	f, err := strconv.ParseFloat(string(id), 64)
	g, sentErr := strconv.ParseFloat(string(sent), 64)
	return err == nil && sentErr == nil && f == g
}

// IsRetypedID reports whether id is what a peer that confuses text and numbers makes of sent: "7" for 7, or 7 for "7".
func IsRetypedID(id, sent []byte) bool {
	text, isText := Unquote(id)
	number := sent
	if !isText {
		text, _ = Unquote(sent)
		number = id
	}
	return isNumber(number) && isNumber([]byte(text)) && NormalizeID([]byte(text)) == NormalizeID(number)
}

func isNumber(b []byte) bool { return ValidID(b) && b[0] != '"' && Valid(b) }

// Cancelled is the cause of a request's context when the editor has cancelled the request.
type Cancelled struct {
	// Notification is the editor's own notifications/cancelled.
	Notification *Message
}

func (*Cancelled) Error() string { return "the editor cancelled the request" }

// MethodCancelled is the notification by which either side cancels a request of its own.
const MethodCancelled = "notifications/cancelled"

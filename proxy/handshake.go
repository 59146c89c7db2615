package proxy

import (
	"maps"
	"slices"
	"sync"
)

// A Handshake keeps what an editor tells a legacy session only once, so that it can be told again
// to the session that takes over: after LeadMagic has lost one, and when another upstream begins.
type Handshake struct {
	mu            sync.Mutex
	editor        string
	initialize    *Message
	initialized   *Message
	level         *Message
	subscriptions map[string]*Message
	version       string
}

// Editor is the name that the editor gives itself, empty until it has said so.
func (h *Handshake) Editor() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.editor
}

// Version is the protocol version that was agreed on, empty before that and in the modern era.
func (h *Handshake) Version() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.version
}

// sent notes a message on its way from the editor.
func (h *Handshake) sent(m *Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m.Method {
	case "initialize":
		// What was said to a session before this one is not said to this one.
		h.initialize, h.initialized, h.level, h.subscriptions, h.version = m, nil, nil, nil, ""
		h.name(find(m.Params, "clientInfo"))
	case "notifications/initialized":
		h.initialized = m
	default:
		if h.editor == "" && m.Modern() {
			h.name(find(m.meta.raw, "io.modelcontextprotocol/clientInfo"))
		}
	}
}

func (h *Handshake) name(info []byte) {
	h.editor, _ = unquote(find(info, "name"))
}

// answered notes the answer to a call of the editor. What was refused is not kept.
func (h *Handshake) answered(call, answer *Message) {
	if answer.Result == nil || call.Modern() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch call.Method {
	case "initialize":
		if call != h.initialize {
			return // the editor has begun anew
		}
		h.version, _ = unquote(find(answer.Result, "protocolVersion"))
	case "logging/setLevel":
		h.level = call
	case "resources/subscribe":
		if h.subscriptions == nil {
			h.subscriptions = make(map[string]*Message)
		}
		h.subscriptions[call.Param("uri")] = call
	case "resources/unsubscribe":
		delete(h.subscriptions, call.Param("uri"))
	}
}

// opening is the editor's own initialize, or nil.
func (h *Handshake) opening() *Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.initialize
}

// rest is what follows an answered initialize: initialized, the log level, the subscriptions.
func (h *Handshake) rest() []*Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Message
	if h.initialized != nil {
		list = append(list, h.initialized)
	}
	if h.level != nil {
		list = append(list, h.level)
	}
	for _, uri := range slices.Sorted(maps.Keys(h.subscriptions)) {
		list = append(list, h.subscriptions[uri])
	}
	return list
}

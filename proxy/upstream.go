package proxy

import "context"

// An Upstream answers what an editor asks: LeadMagic's hosted server, an SDK server at the end of a pipe,
// or a choice among several.
type Upstream interface {
	// Open begins a conversation. It does nothing that can be seen from outside. deliver takes each message for
	// the editor, from any goroutine; it may block while the editor does not read. h is kept by the caller.
	Open(h *Handshake, deliver func(*Message))
	// Send takes the editor's messages, in order, from one goroutine at a time. It does not wait for
	// answers. Each call brings exactly one Answer, but none has to come after Close or after a
	// notifications/cancelled.
	Send(m *Message)
	// Close ends the conversation in order, in no more time than ctx has. What is delivered after it may find
	// nobody waiting.
	Close(ctx context.Context)
}

package proxy

import (
	"bytes"
	"slices"
	"sync"
)

// batchVersion is the one protocol version that has batches.
const batchVersion = "2025-03-26"

// A batch is an array of messages from the editor. Its answers go back in one array.
// Source: JSON-RPC 2.0 §6; MCP 2025-03-26, the only revision with batches.
type batch struct {
	mu      sync.Mutex
	pending int    // messages not dealt with yet
	answers []byte // with a comma before each
}

// put adds an answer, or nil for a message that no longer needs one. It returns the line when it is complete
// and has anything to say.
func (b *batch) put(answer []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending--
	if answer != nil {
		b.answers = append(append(b.answers, ','), answer...)
	}
	if b.pending > 0 || len(b.answers) == 0 {
		return nil
	}
	b.answers[0] = '['
	return append(b.answers, ']')
}

// takeBatch passes on the messages of an array, each by itself.
func (c *conversation) takeBatch(line []byte) {
	list := slices.Collect(elements(line))
	if len(list) == 0 {
		c.write(errorReply(nil, codeInvalidRequest, "an empty batch asks for nothing", nil))
		return
	}
	b := &batch{pending: len(list)}
	for _, element := range list {
		c.take(bytes.Clone(element), b)
	}
}

package jsonrpc

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A SessionState keeps what an editor tells a session only once, so that it can be told to the session that takes its
// place. The zero value is that of no session. It is safe for concurrent use.
type SessionState struct {
	mu            sync.Mutex
	initialize    *Message
	initialized   *Message
	level         *Message
	subscriptions map[string]*Message
	version       string
}

// Sent records a message of the editor's on its way.
func (s *SessionState) Sent(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Method {
	case "initialize":
		s.initialize, s.initialized, s.level, s.subscriptions, s.version = m, nil, nil, nil, ""
	case "notifications/initialized":
		s.initialized = m
	}
}

// Answered records the response to a request of the editor's. What was refused is not kept, nor is what belongs to a
// session before this one.
func (s *SessionState) Answered(request, response *Message) {
	if response.Result == nil || request.Stateless() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch request.Method {
	case "initialize":
		if request == s.initialize {
			s.version, _ = Unquote(Get(response.Result, "protocolVersion"))
		}
	case "logging/setLevel":
		s.level = request
	case "resources/subscribe":
		if s.subscriptions == nil {
			s.subscriptions = make(map[string]*Message)
		}
		s.subscriptions[request.Param("uri")] = request
	case "resources/unsubscribe":
		delete(s.subscriptions, request.Param("uri"))
	}
}

// Initialize is the editor's own initialize, nil if there was none.
func (s *SessionState) Initialize() *Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.initialize
}

// Version is the protocol version that was agreed on, empty before that.
func (s *SessionState) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// AfterInitialize is what a new session has to be told after initialize, in this order: initialized, the log level, the
// subscriptions.
func (s *SessionState) AfterInitialize() []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*Message
	for _, m := range []*Message{s.initialized, s.level} {
		if m != nil {
			list = append(list, m)
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(s.subscriptions)) {
		list = append(list, s.subscriptions[uri])
	}
	return list
}

// WaitFor waits for what a session has begun, as long as ctx lasts.
func WaitFor(ctx context.Context, begun *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		begun.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// WaitHalf waits for half of the time that ctx has left, so that the end of a session has time for the rest.
func WaitHalf(ctx context.Context, begun *sync.WaitGroup) {
	if deadline, ok := ctx.Deadline(); ok {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer stop()
	}
	WaitFor(ctx, begun)
}

package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// sleepGap is how far the wall clock may move without a byte from LeadMagic before the connections are
// taken for dead. Idle connections are closed after the same time.
const sleepGap = 30 * time.Second

// A link is the connections to LeadMagic. A machine that slept or changed its network finds its
// connections dead without being told, so after a long silence the next call gets new ones.
type link struct {
	dial  func() *http.Client
	mu    sync.Mutex
	now   *http.Client
	heard atomic.Int64 // wall clock of the last byte, Unix nanoseconds
}

// client is the client to send with. fresh says that it has just replaced one.
func (l *link) client() (c *http.Client, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.now == nil:
		l.now = l.dial()
	case l.silence() > sleepGap:
		l.now.CloseIdleConnections()
		l.now, fresh = l.dial(), true
	default:
		return l.now, false
	}
	l.hear()
	return l.now, fresh
}

// hear notes that bytes came. The monotonic clock stands still while a machine sleeps, so this is the
// wall clock.
func (l *link) hear() { l.heard.Store(time.Now().UnixNano()) }

func (l *link) silence() time.Duration {
	return time.Duration(time.Now().UnixNano() - l.heard.Load())
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil {
		l.now.CloseIdleConnections()
	}
}

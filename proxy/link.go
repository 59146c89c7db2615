package proxy

import (
	"io"
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

// client is the client to send with.
func (l *link) client() *http.Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil {
		l.now = l.dial()
		l.hear()
	}
	return l.now
}

// wake replaces the client after a long silence, and reports whether it did. What the old one is busy with goes on.
func (l *link) wake() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil || time.Duration(time.Now().UnixNano()-l.heard.Load()) <= sleepGap {
		return false
	}
	l.now.CloseIdleConnections()
	l.now = l.dial()
	l.hear()
	return true
}

// hear notes that bytes came. The monotonic clock stands still while a machine sleeps, so this is the
// wall clock.
func (l *link) hear() { l.heard.Store(time.Now().UnixNano()) }

// listen is r, with each byte that comes from it heard.
func (l *link) listen(r io.Reader) io.Reader { return &listener{l, r} }

type listener struct {
	link *link
	r    io.Reader
}

func (l *listener) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if n > 0 {
		l.link.hear()
	}
	return n, err
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now != nil {
		l.now.CloseIdleConnections()
	}
}

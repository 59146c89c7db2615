package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// A trace is how far a request came, as net/http tells it. Connections may be tried side by side, and go on after
// the request has ended.
type trace struct {
	mu      sync.Mutex
	lookup  leg
	connect leg
	tls     leg
	got     bool // a connection

	looked    string // the name that was looked up
	addresses []string
	peer      string // the address that was connected to, or was tried last
	state     tls.ConnectionState
}

// A leg is one part of the way: it began, ended, and may have gone wrong.
type leg struct {
	begun, ended time.Time
	err          error
}

func (l *leg) begin() {
	if l.begun.IsZero() {
		l.begun = time.Now()
	}
}

// end notes how a leg ended. Of several tries one that went well counts, or else the last.
func (l *leg) end(err error) bool {
	if !l.ended.IsZero() && l.err == nil {
		return false
	}
	l.ended, l.err = time.Now(), err
	return true
}

func (l leg) took() string { return milliseconds(l.ended.Sub(l.begun)) }

// follow has a request noted in t.
func (t *trace) follow(ctx context.Context) context.Context {
	locked := func(note func()) {
		t.mu.Lock()
		defer t.mu.Unlock()
		note()
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(i httptrace.DNSStartInfo) {
			locked(func() {
				t.looked = i.Host
				t.lookup.begin()
			})
		},
		DNSDone: func(i httptrace.DNSDoneInfo) {
			locked(func() {
				t.lookup.end(i.Err)
				for _, a := range i.Addrs {
					t.addresses = append(t.addresses, a.String())
				}
			})
		},
		ConnectStart: func(_, _ string) { locked(t.connect.begin) },
		ConnectDone: func(_, address string, err error) {
			locked(func() {
				if t.connect.end(err) {
					t.peer = address
				}
			})
		},
		TLSHandshakeStart: func() { locked(t.tls.begin) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			locked(func() {
				t.tls.end(err)
				t.state = state
			})
		},
		GotConn: func(i httptrace.GotConnInfo) {
			locked(func() {
				t.got = true
				t.peer = i.Conn.RemoteAddr().String()
			})
		},
	})
}

// snapshot is what is known now. What is still going on does not change it.
func (t *trace) snapshot() *trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &trace{
		lookup: t.lookup, connect: t.connect, tls: t.tls, got: t.got,
		looked: t.looked, addresses: t.addresses, peer: t.peer, state: t.state,
	}
}

// found is what a name was resolved to.
func (t *trace) found() string {
	const most = 2
	if len(t.addresses) > most {
		return strings.Join(t.addresses[:most], ", ") + " and more"
	}
	return strings.Join(t.addresses, ", ")
}

// isAddress reports whether a host needs no look-up.
func isAddress(host string) bool { return net.ParseIP(host) != nil }

func milliseconds(d time.Duration) string {
	return max(d.Round(time.Millisecond), time.Millisecond).String()
}

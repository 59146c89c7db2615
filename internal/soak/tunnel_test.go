package soak

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A tunnel is a company's HTTP proxy: it takes CONNECT alone, and knows one address for every name.
type tunnel struct {
	address string // its own
	to      string // where all names lead
	login   string // "user:password" that it asks for, empty for none

	mu       sync.Mutex
	asked    []string // hosts that were asked for, with those it refused
	refused  int
	overhead []string // headers that came with CONNECT
}

func startTunnel(t *testing.T, to, login string) *tunnel {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	d := &tunnel{address: listener.Addr().String(), to: to, login: login}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *tunnel) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	welcome := d.note(r)
	if r.Method != http.MethodConnect || !welcome {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"company\"\r\nContent-Length: 0\r\n\r\n")
		return
	}
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", d.to)
	if err != nil {
		return
	}
	defer far.Close()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	for _, way := range []struct {
		to   io.Writer
		from io.Reader
	}{{far, in}, {conn, far}} {
		go func() {
			_, _ = io.Copy(way.to, way.from)
			ended <- struct{}{}
		}()
	}
	<-ended
}

// note writes down what was asked for, and reports whether the login is right.
func (d *tunnel) note(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			d.overhead = append(d.overhead, name+": "+value)
		}
	}
	welcome := d.login == "" || r.Header.Get("Proxy-Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte(d.login))
	if !welcome {
		d.refused++
	}
	return welcome
}

// seen are the hosts that were asked for, and the headers that came with that.
func (d *tunnel) seen() (hosts, headers []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...), append([]string(nil), d.overhead...)
}

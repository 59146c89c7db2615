package sandbox

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request body. Editors send whole files as arguments; LeadMagic's own limit is not documented.
const maxBody = 256 << 20

// Request is one HTTP request that the sandbox saw, whatever became of it.
type Request struct {
	Time   time.Time
	Method string
	Path   string // with the query
	Host   string
	Proto  string      // HTTP/1.1 or HTTP/2.0
	Remote string      // the peer's address: equal for requests that shared a connection
	Header http.Header // as it came, keys included; not shared with the request
	Body   []byte      // whole
}

// record counts a request and, where requests are kept, writes it down.
func (s *Sandbox) record(r *http.Request, body []byte) {
	if s.opts.KeepRequests < 0 {
		s.requests.push(Request{})
		return
	}
	s.requests.push(Request{
		Time:   time.Now(),
		Method: r.Method,
		Path:   r.URL.RequestURI(),
		Host:   r.Host,
		Proto:  r.Proto,
		Remote: r.RemoteAddr,
		Header: r.Header.Clone(),
		Body:   body,
	})
}

func requestWeight(r Request) int { return len(r.Body) + 1024 }

// readBody reads a whole request body, sized by Content-Length where there is one.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= maxBody {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	return buf.Bytes(), err
}

// rebound reports whether a request that reached a loopback address names another host: a web page that had its own name
// resolve to 127.0.0.1.
func rebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && isLoopback(local.String()) && !isLoopback(r.Host)
}

// isLoopback reports whether hostport, with or without its port, names this machine.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

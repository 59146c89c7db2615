package sandbox

import (
	"net/http"
	"time"
)

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

func recordOf(r *http.Request, body []byte) Request {
	return Request{
		Time:   time.Now(),
		Method: r.Method,
		Path:   r.URL.RequestURI(),
		Host:   r.Host,
		Proto:  r.Proto,
		Remote: r.RemoteAddr,
		Header: r.Header.Clone(),
		Body:   body,
	}
}

func requestWeight(r Request) int { return len(r.Body) + 1024 }

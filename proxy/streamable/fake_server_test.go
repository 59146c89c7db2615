package streamable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// A fakeServer is a LeadMagic of the test's own making, at the other end of connections in memory. Left alone
// it opens sessions, takes notifications, refuses the GET stream and answers calls with their params.
type fakeServer struct {
	// post answers a message in place of the server, unless it returns false.
	post func(w http.ResponseWriter, r *http.Request, m rpc) bool
	// get answers a GET in place of the server.
	get http.HandlerFunc
	// remove answers a DELETE in place of the server.
	remove http.HandlerFunc
	// stateless keeps the server from giving sessions an id.
	stateless bool
	// dial may refuse a connection.
	dial func() error

	t     *testing.T
	calls chan net.Conn
	shut  chan struct{}
	idle  *sync.Cond // that busy is less

	mu       sync.Mutex
	busy     int // requests that are being answered
	seen     []request
	sessions int
	lost     map[string]bool
	clients  int
	frozen   int // how often
	conns    []net.Conn
	unclosed int // bodies of responses
}

// An rpc is a message as the server reads it: with another reader than the one under test.
type rpc struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	raw    string
}

// A request is what the server has seen.
type request struct {
	rpc
	verb   string
	header http.Header
}

func (r request) String() string {
	s := r.verb
	if r.verb == http.MethodPost {
		s = r.Method
		if s == "" {
			s = "answer"
		}
	}
	if id := r.header.Get("Mcp-Session-Id"); id != "" {
		s += " " + id
	}
	return s
}

// newFakeServer opens a server that closes with the test.
func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	o := &fakeServer{t: t, calls: make(chan net.Conn), shut: make(chan struct{}), lost: make(map[string]bool)}
	o.idle = sync.NewCond(&o.mu)
	server := &http.Server{Handler: o, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(o)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		o.mu.Lock()
		defer o.mu.Unlock()
		for o.busy > 0 {
			o.idle.Wait()
		}
		if o.unclosed != 0 {
			t.Errorf("%d bodies of responses were not closed", o.unclosed)
		}
	})
	return o
}

// Accept, Close and Addr make the server a net.Listener.
func (o *fakeServer) Accept() (net.Conn, error) {
	select {
	case c := <-o.calls:
		return c, nil
	case <-o.shut:
		return nil, net.ErrClosed
	}
}

func (o *fakeServer) Close() error {
	close(o.shut)
	return nil
}

func (o *fakeServer) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// transport is one whose connections end in the server.
func (o *fakeServer) transport() http.RoundTripper {
	o.mu.Lock()
	o.clients++
	o.mu.Unlock()
	return &countingTransport{o, &http.Transport{
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     streamable.SleepGap,
		DialContext:         o.connect,
	}}
}

// A countingTransport counts the bodies that have not been closed.
type countingTransport struct {
	o *fakeServer
	*http.Transport
}

func (c *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.Transport.RoundTrip(req)
	if err == nil {
		c.o.addUnclosed(1)
		res.Body = &countedBody{ReadCloser: res.Body, o: c.o}
	}
	return res, err
}

type countedBody struct {
	io.ReadCloser
	o    *fakeServer
	once sync.Once
}

func (b *countedBody) Close() error {
	b.once.Do(func() { b.o.addUnclosed(-1) })
	return b.ReadCloser.Close()
}

func (o *fakeServer) addUnclosed(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unclosed += n
}

func (o *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.busy++
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.busy--
		o.idle.Signal()
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // nobody is sending any more
	}
	m := rpc{raw: string(body)}
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(body, &m); err != nil {
			// That reader goes down to 10,000 levels only.
			peeked, err := jsonrpc.Parse(body)
			if err != nil {
				o.t.Errorf("LeadMagic got %s: %v", proxytest.Short(string(body)), err)
			}
			m.ID, m.Method, m.Params = peeked.ID, peeked.Method, peeked.Params
		}
	}
	o.mu.Lock()
	o.seen = append(o.seen, request{m, r.Method, r.Header.Clone()})
	o.mu.Unlock()
	switch {
	case o.isLost(r.Header.Get("Mcp-Session-Id")):
		http.Error(w, "Session not found", http.StatusNotFound)
	case r.Method == http.MethodPost:
		if o.post == nil || !o.post(w, r, m) {
			o.serve(w, m)
		}
	case r.Method == http.MethodGet && o.get != nil:
		o.get(w, r)
	case r.Method == http.MethodDelete && o.remove != nil:
		o.remove(w, r)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// serve answers as a healthy server does.
func (o *fakeServer) serve(w http.ResponseWriter, m rpc) {
	switch {
	case m.Method == "initialize":
		o.mu.Lock()
		o.sessions++
		id := fmt.Sprintf("s%d", o.sessions)
		o.mu.Unlock()
		if !o.stateless {
			w.Header().Set("Mcp-Session-Id", id)
		}
		var params struct {
			ProtocolVersion string `json:"protocolVersion"`
		}
		_ = json.Unmarshal(m.Params, &params)
		answer(w, m, fmt.Sprintf(`{"protocolVersion":%q,"serverInfo":{"name":"fake"}}`, params.ProtocolVersion))
	case m.ID == nil || m.Method == "":
		w.WriteHeader(http.StatusAccepted)
	default:
		answer(w, m, params(m))
	}
}

func params(m rpc) string {
	if m.Params == nil {
		return "{}"
	}
	return string(m.Params)
}

// answer answers a call with a result in a JSON body.
func answer(w http.ResponseWriter, m rpc, result string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// lose makes the server forget a session.
func (o *fakeServer) lose(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost[id] = true
}

func (o *fakeServer) isLost(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost[id]
}

// log is what the server has seen, in order.
func (o *fakeServer) log() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for _, r := range o.seen {
		list = append(list, r.String())
	}
	return list
}

// count is how many requests of that name, such as "tools/call s1", were seen.
func (o *fakeServer) count(name string) int {
	n := 0
	for _, s := range o.log() {
		if s == name {
			n++
		}
	}
	return n
}

// last is the newest request of that method.
func (o *fakeServer) last(method string) request {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range slices.Backward(o.seen) {
		if r.verb == http.MethodPost && r.Method == method || r.verb == method {
			return r
		}
	}
	o.t.Fatalf("LeadMagic has not seen %s", method)
	return request{}
}

// logFor is what the server has seen. Where want does not have that an editor said initialized, it is left out.
func (o *fakeServer) logFor(want []string) []string {
	isInitialized := func(s string) bool { return strings.HasPrefix(s, "notifications/initialized") }
	if slices.ContainsFunc(want, isInitialized) {
		return o.log()
	}
	return slices.DeleteFunc(o.log(), isInitialized)
}

// wantLog compares what the server has seen.
func (o *fakeServer) wantLog(want ...string) {
	o.t.Helper()
	if got := o.logFor(want); !slices.Equal(got, want) {
		o.t.Errorf("LeadMagic saw\n%q\nwant\n%q", got, want)
	}
}

// wantSeen compares what the server has seen, in any order.
func (o *fakeServer) wantSeen(want ...string) {
	o.t.Helper()
	got := o.logFor(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		o.t.Errorf("LeadMagic saw, in some order,\n%q\nwant\n%q", got, want)
	}
}

// remote is a Client whose other end is the server.
func (o *fakeServer) remote() *streamable.Client {
	u, _ := url.Parse("http://leadmagic.test/mcp")
	return &streamable.Client{URL: u, Dial: o.transport, Log: slog.New(slog.DiscardHandler)}
}

// open opens an editor's session with the server, up to initialized. Only in a bubble.
func (o *fakeServer) open(change ...func(*streamable.Client)) *proxytest.Editor {
	o.t.Helper()
	d := o.initialize(change...)
	d.Write(ready)
	synctest.Wait() // the GET stream was asked for
	return d
}

// initialize is open without initialized.
func (o *fakeServer) initialize(change ...func(*streamable.Client)) *proxytest.Editor {
	o.t.Helper()
	r := o.remote()
	for _, c := range change {
		c(r)
	}
	d := openEditor(o.t, r)
	d.Write(hello)
	d.Want(`"id":0`, `"protocolVersion":"2025-06-18"`)
	synctest.Wait()
	return d
}

// openEditor puts an editor in front of an upstream.
func openEditor(t *testing.T, upstream proxy.Upstream) *proxytest.Editor {
	t.Helper()
	return startEditor(t, proxy.Options{Upstream: upstream})
}

func startEditor(t *testing.T, o proxy.Options) *proxytest.Editor {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	if o.Editor == nil {
		o.Editor = new(proxy.Editor)
	}
	return proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
		o.In, o.Out = in, out
		return proxy.Run(t.Context(), o)
	})
}

// connect is a connection to the server.
func (o *fakeServer) connect(ctx context.Context, _, _ string) (net.Conn, error) {
	if o.dial != nil {
		if err := o.dial(); err != nil {
			return nil, err
		}
	}
	ours, theirs := net.Pipe()
	ours = &frozenConn{Conn: ours, o: o, born: o.ice()}
	select {
	case o.calls <- theirs:
		o.mu.Lock()
		o.conns = append(o.conns, theirs)
		o.mu.Unlock()
		return ours, nil
	case <-o.shut:
	case <-ctx.Done():
	}
	return nil, net.ErrClosed
}

// stream begins an event stream.
func stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flush(w)
}

// send writes an event of these lines.
func send(w http.ResponseWriter, lines ...string) {
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n\n")
	flush(w)
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// on answers the messages of one method in place of the server.
func (o *fakeServer) on(method string, do func(w http.ResponseWriter, r *http.Request, m rpc)) {
	o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
		if m.Method == method {
			do(w, r, m)
		}
		return m.Method == method
	}
}

// delay lets the messages of one method wait before the server answers them.
func (o *fakeServer) delay(method string, wait time.Duration) {
	o.post = func(_ http.ResponseWriter, _ *http.Request, m rpc) bool {
		if m.Method == method {
			<-time.After(wait)
		}
		return false
	}
}

// callIsCut answers a tools/call with a stream that is cut after an event of these lines, and returns where that call
// then is.
func (o *fakeServer) callIsCut(lines ...string) *rpc {
	call := new(rpc)
	o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
		*call = m
		cutStream(w, lines...)
	})
	return call
}

// cutStream is an event stream that is cut after an event of these lines, or at once.
func cutStream(w http.ResponseWriter, lines ...string) {
	stream(w)
	if len(lines) > 0 {
		send(w, lines...)
	}
	abort()
}

// resume answers a GET that asks a stream to go on; the GET stream stays open.
func (o *fakeServer) resume(do http.HandlerFunc) {
	o.get = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-Id") == "" {
			keepsOpen(w, r)
		} else {
			do(w, r)
		}
	}
}

// result is the answer to m as a line.
func result(m rpc, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// abort breaks the connection.
func abort() { panic(http.ErrAbortHandler) }

// untilGone waits until the peer has gone.
func untilGone(r *http.Request) { <-r.Context().Done() }

// toolCall is a call of a paid tool.
func toolCall(id any, more ...string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"tools/call","params":{"name":"find"%s}}`, id, strings.Join(more, ""))
}

func ping(id any) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"ping"}`, id) }

func pong(id any) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"result":{}}`, id) }

// alive fails unless the session still answers.
func alive(d *proxytest.Editor) {
	d.Write(ping(99))
	d.WantLine(pong(99))
}

// inBubble runs a test in time that passes at once.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// hangUp closes all connections at the server's side.
func (o *fakeServer) hangUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.conns {
		_ = c.Close()
	}
	o.conns = nil
}

// freeze makes the connections that there are dead: what is written to them is lost, and nothing comes.
func (o *fakeServer) freeze() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frozen++
}

// A frozenConn is dead if it is older than the last freeze.
type frozenConn struct {
	net.Conn
	o    *fakeServer
	born int
}

func (o *fakeServer) ice() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.frozen
}

func (c *frozenConn) dead() bool { return c.born < c.o.ice() }

func (c *frozenConn) Write(b []byte) (int, error) {
	if c.dead() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

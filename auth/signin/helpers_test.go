package signin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// A keychain in memory, or none at all.
type keychain struct {
	mu     sync.Mutex
	secret string
	err    error
	full   error // of Set alone
	gets   int   // how often it was asked
	sets   int
	wait   chan struct{} // Get answers when it is closed
}

func (k *keychain) Get() (string, error) {
	if k.wait != nil {
		<-k.wait
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gets++
	return k.secret, k.err
}

func (k *keychain) Set(secret string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sets++
	err := cmp.Or(k.err, k.full)
	if err == nil {
		k.secret = secret
	}
	return err
}

func (k *keychain) Delete() error { return k.Set("") }

func (k *keychain) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gets
}

// A counter is a listener that knows how many of its connections are open.
type counter struct {
	net.Listener
	open atomic.Int32
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &counted{Conn: conn, closed: sync.OnceFunc(func() { c.open.Add(-1) })}, nil
}

type counted struct {
	net.Conn
	closed func()
}

func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}

// A person has a home, a browser, and a server to sign in to.
type person struct {
	t      *testing.T
	server *faults.Server
	conns  *counter // to the server
	home   string
	chain  *keychain
	tokens *Tokens

	mu   sync.Mutex
	said []string
	told chan struct{} // has one when something is said
}

func newPerson(t *testing.T, o faults.Options) *person {
	t.Helper()
	o.OAuthOnly = true
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := &counter{Listener: listener}
	server := faults.StartOn(conns, o)
	t.Cleanup(server.Close)
	p := &person{t: t, server: server, conns: conns, home: t.TempDir(), chain: &keychain{err: auth.ErrNoKeychain}, told: make(chan struct{}, 100)}
	p.tokens = p.at(server.URL + "/mcp")
	return p
}

// at is another process of the person, for a server.
func (p *person) at(address string) *Tokens {
	p.t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	dial := &http.Transport{}
	p.t.Cleanup(dial.CloseIdleConnections)
	getenv := func(name string) string {
		return map[string]string{"HOME": p.home, "USERPROFILE": p.home, "XDG_CONFIG_HOME": filepath.Join(p.home, ".config")}[name]
	}
	return &Tokens{Server: server, Getenv: getenv, Keychain: p.chain, Client: NewClient(dial), Redactor: new(auth.Redactor)}
}

func (p *person) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, text)
	p.told <- struct{}{}
}

func (p *person) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

// login is one with the private file, and a browser that follows where it is sent.
func (p *person) login() *Login {
	return &Login{Tokens: p.tokens, Private: true, Dial: &http.Transport{}, Version: "test", Say: p.say, Open: browse}
}

func browse(address string) error {
	res, err := http.Get(address) //nolint:noctx // a browser goes where it is sent
	if err != nil {
		return nil //nolint:nilerr // a browser was opened, whatever it shows
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return err
}

func (p *person) signIn() {
	p.t.Helper()
	if _, err := p.login().Run(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// kept is the file of the sign-in, empty if there is none.
func (p *person) kept() string {
	p.t.Helper()
	return p.tokens.store().Private()
}

// edit changes what is kept.
func (p *person) edit(change func(*grant)) {
	p.t.Helper()
	if err := p.tokens.update(p.t.Context(), func(g *grant) error { change(g); return nil }); err != nil {
		p.t.Fatal(err)
	}
}

// expire lets the access token run out.
func (p *person) expire() {
	p.t.Helper()
	p.edit(func(g *grant) { g.Issued, g.Expires = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour) })
}

// requests are those to the server whose path begins with one, with the query.
func (p *person) requests(path string) []faults.Request {
	return slices.DeleteFunc(p.server.Requests(), func(r faults.Request) bool { return !strings.HasPrefix(r.Path, path) })
}

// use makes a request as a session does, and returns its status.
func (p *person) use(tokens *Tokens) (int, error) {
	p.t.Helper()
	dial := &http.Transport{}
	defer dial.CloseIdleConnections()
	client := NewClient(&auth.Transport{Base: dial, Origin: tokens.Server, Header: "Authorization", Keys: tokens})
	const ping = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, tokens.Server.String(), strings.NewReader(ping))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Body.Close()
}

// forms are the bodies of the requests to the token endpoint with a grant type.
func (p *person) forms(grantType string) []url.Values {
	var all []url.Values
	for _, r := range p.requests("/token") {
		form, err := url.ParseQuery(string(r.Body))
		if err == nil && form.Get("grant_type") == grantType {
			all = append(all, form)
		}
	}
	return all
}

// isLeftAlone waits until no connection to the server is open, after what is named.
func (p *person) isLeftAlone(what string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
	defer cancel()
	await(ctx, p.t, what, func() bool {
		http.DefaultClient.CloseIdleConnections() // those of the browser
		return p.conns.open.Load() == 0
	})
}

// secrets are all that must not be shown.
func (p *person) secrets() []string {
	p.t.Helper()
	var all []string
	for _, form := range p.forms("authorization_code") {
		all = append(all, form.Get("code"), form.Get("code_verifier"))
	}
	for _, form := range p.forms("refresh_token") {
		all = append(all, form.Get("refresh_token"))
	}
	if path := p.kept(); path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		var g grant
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&g); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, g.Access, g.Refresh)
	}
	return all
}

func codeOf(err error) problem.Code {
	if p := problem.As(err); p != nil {
		return p.Code
	}
	return ""
}

// await waits until something holds.
func await(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("never: " + what)
		}
	}
}

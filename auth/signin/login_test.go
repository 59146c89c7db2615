package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestASignIn(t *testing.T) {
	p := newPerson(t, faults.Options{})
	place, err := p.login().Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := p.tokens.Describe()
	host := p.tokens.Server.Host
	switch {
	case place != p.kept() || state.Place != place:
		t.Errorf("it is kept in %q, and %q is told", p.kept(), place)
	case state.Who != "user@sandbox.example in workspace Sandbox Workspace", state.Issuer != p.server.URL, !state.Renewable:
		t.Errorf("got %+v", state)
	case !strings.HasPrefix(p.all(), "sign in at "+host+", for "+host+":\n\n"+p.server.URL+"/authorize?"), len(p.said) != 1:
		t.Errorf("it said %q", p.all())
	}
	if first := p.server.Requests()[0]; first.Method != http.MethodPost || first.Path != "/mcp" || first.Header.Get("Content-Type") != "application/json" ||
		first.Header.Get("Accept") != "application/json, text/event-stream" || !strings.Contains(string(first.Body), `"tools/list"`) {
		t.Errorf("the first request is %s %s %v %s", first.Method, first.Path, first.Header, first.Body)
	}
	for _, r := range p.requests("/.well-known/oauth-protected-resource") {
		if r.Header.Get("Accept") != "application/json" {
			t.Errorf("%s was asked for with %v", r.Path, r.Header)
		}
	}
	info, err := os.Stat(place)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	for dir := filepath.Dir(place); dir != p.home; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
			t.Errorf("the folder is %v, %v", info.Mode(), err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(place)); err != nil || len(left) != 2 { // the file, and the one of the lock
		t.Errorf("%q is left behind", left)
	}
	for _, r := range p.server.Requests() {
		u, err := url.Parse(r.Path)
		if err != nil || r.Header.Get("Authorization") != "" {
			t.Errorf("%s: %v, or it had a header of its own", r.Path, err)
		}
		if q := u.Query(); u.Path == "/authorize" && (q.Get("code_challenge_method") != "S256" || q.Get("resource") != p.server.URL+"/mcp" ||
			q.Get("prompt") != "consent" || !strings.HasPrefix(q.Get("redirect_uri"), "http://127.0.0.1:") || q.Get("scope") != "email offline_access openid profile") {
			t.Errorf("the page was asked with %v", q)
		}
	}
	if forms := p.forms("authorization_code"); len(forms) != 1 || forms[0].Get("resource") != p.server.URL+"/mcp" || forms[0].Has("client_secret") {
		t.Errorf("the tokens were asked for with %d forms", len(forms))
	}
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK {
		t.Errorf("another session got %d, %v", status, err)
	}
	text := strings.Join(p.secrets(), " ")
	if got := p.tokens.Redactor.Redact([]byte(text)); string(got) != "[redacted] [redacted] [redacted] [redacted]" {
		t.Errorf("not all of code, verifier, access and refresh token are masked")
	}
	for _, secret := range p.secrets() {
		if len(secret) < 20 || strings.Contains(p.all(), secret) {
			t.Error("a secret is shown, or is none")
		}
	}
}

// As mcp-remote's users have met them: two at once take each other's port, and a registration that the server has forgotten
// stays in the way.
func TestTwoPeopleSignInAtOnceAndAgain(t *testing.T) {
	p := newPerson(t, faults.Options{})
	ends := make(chan error)
	for range 2 {
		go func() {
			_, err := p.login().Run(t.Context())
			ends <- err
		}()
	}
	if err := errors.Join(<-ends, <-ends); err != nil {
		t.Fatal(err)
	}
	p.edit(func(g *grant) { g.ClientID = "forgotten" })
	p.expire()
	if _, err := p.tokens.Get(t.Context()); codeOf(err) != problem.SignInRequired {
		t.Errorf("got %v, want that the sign-in has run out", err)
	}
	p.signIn()
	if status, err := p.use(p.tokens); status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

func TestAClientThatIsRegistered(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.server.Fault(p.server.OAuthFaults("")["no registration"])
	l := p.login()
	l.ClientID = sandbox.ClientID
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(p.server.Requests(), func(r faults.Request) bool { return strings.HasPrefix(r.Path, "/register") }) {
		t.Error("another one was registered")
	}
	p.expire()
	if status, err := p.use(p.tokens); status != http.StatusOK || p.tokens.Describe().Client != sandbox.ClientID {
		t.Errorf("got %d, %v", status, err)
	}
}

// Each way in which a sign-in fails ends with words of ours, with nothing kept and nothing sent elsewhere.
func TestASignInThatFails(t *testing.T) {
	tests := []struct{ fault, want string }{
		{"no metadata of the server", "says nothing of how to sign in"},
		{"metadata that fails", "cannot be used: bad status 500"},
		{"metadata that redirects", "cannot be used: bad status 307"},
		{"metadata that is a page", "cannot be used: bad content type"},
		{"metadata without end", "cannot be used: unexpected EOF"},
		{"metadata elsewhere", "is that of another server"},
		{"metadata of another resource", "is that of another server"},
		{"metadata of another issuer", "does not match issuer URL"},
		{"no authorization server", "names nobody who signs people in"},
		{"a token endpoint without TLS", "does not use HTTPS"},
		{"no PKCE", "does not implement PKCE"},
		{"no registration", "registers no clients by itself"},
		{"registration refused", "no client could be registered: the authorization server says invalid_client_metadata (not this client)"},
		{"registration refused with a 403", "no client could be registered at"},
		{"a person who declines", "the sign-in was refused: the authorization server says access_denied (the person declined)"},
		{"a hostile redirect", "the sign-in was refused: the authorization server says"},
		{"a foreign issuer", "the answer to the sign-in is not of"},
		{"a redirect without iss", "but of nobody"},
		{"a redirect without code", "has no code in it"},
		{"a code that is refused", "the sign-in was not completed: the authorization server says invalid_grant (no such code)"},
		{"a code that was used", "this code was used before"},
		{"a client that is forgotten", "the authorization server says invalid_client (no such client)"},
		{"a hostile refusal", "the sign-in was not completed: the authorization server says invalid_grant"},
		{"no tokens", "gave a broken answer"},
		{"tokens that are a page", "gave a broken answer"},
		{"tokens without end", "gave a broken answer"},
		{"tokens that fail", "answered with HTTP 500"},
		{"tokens that are cut off", "the connection was closed"},
		{"tokens that are limited", "rate limit is reached"},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			p := newPerson(t, faults.Options{})
			elsewhere := newPerson(t, faults.Options{})
			f, known := p.server.OAuthFaults(elsewhere.server.URL)[tt.fault]
			if !known {
				t.Fatal("there is no such fault")
			}
			p.server.Fault(f)
			_, err := p.login().Run(t.Context())
			switch {
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Fatalf("got %q, want %q", err, tt.want)
			case problem.As(err) == nil || problem.As(err).Fix() == "":
				t.Error("it does not say what to do")
			case strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == '\u202e' }):
				t.Errorf("a terminal would act on %q", err)
			case p.kept() != "":
				t.Error("something is kept")
			}
			for _, r := range elsewhere.server.Requests() {
				if r.Method != http.MethodGet || !strings.HasPrefix(r.Path, "/.well-known/") {
					t.Errorf("%s %s was asked elsewhere", r.Method, r.Path)
				}
			}
			for _, secret := range p.secrets() {
				if secret != "" && strings.Contains(err.Error()+p.all(), secret) {
					t.Error("a secret is shown")
				}
			}
		})
	}
}

// What does not belong to the sign-in neither ends it nor changes it.
func TestAnAnswerOfSomebodyElseIsIgnored(t *testing.T) {
	for _, fault := range []string{"a foreign state", "a redirect without state"} {
		p := newPerson(t, faults.Options{})
		f := p.server.OAuthFaults("")[fault]
		f.Times = 1
		p.server.Fault(f)
		l := p.login()
		l.Open = func(address string) error {
			page, err := url.Parse(address)
			if err != nil {
				return err
			}
			back := page.Query().Get("redirect_uri")
			state := page.Query().Get("state")
			for _, try := range []struct {
				method, address, host string
				want                  int
				page                  string
			}{
				{http.MethodGet, address, "", http.StatusBadRequest, "does not belong to the sign-in that is waiting"}, // with the fault
				{http.MethodPost, back + "?code=x&state=" + state, "", http.StatusNotFound, "There is nothing here."},
				{http.MethodGet, back + "?code=x&state=" + state, "attacker.example", http.StatusNotFound, "There is nothing here."},
				{http.MethodGet, strings.Replace(back, "/callback", "/", 1) + "?code=x&state=" + state, "", http.StatusNotFound, "There is nothing here."},
				{http.MethodGet, back + "?error=access_denied&state=x", "", http.StatusBadRequest, "does not belong to the sign-in that is waiting"},
				{http.MethodGet, address, "", http.StatusOK, "The answer has arrived."},
				{http.MethodGet, back + "?code=x&state=" + state, "", 0, ""}, // the first counts
			} {
				req, err := http.NewRequestWithContext(t.Context(), try.method, try.address, nil)
				if err != nil {
					return err
				}
				req.Host = try.host
				res, err := http.DefaultClient.Do(req)
				if try.want == 0 {
					if err == nil {
						_ = res.Body.Close()
					}
					continue // it is late, or nobody listens any more
				}
				if err != nil {
					t.Error(err)
					continue
				}
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if h := res.Header; res.StatusCode != try.want || !strings.Contains(string(body), try.page) || h.Get("Cache-Control") != "no-store" ||
					h.Get("Content-Security-Policy") != "default-src 'none'" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Errorf("%s %s with host %q: %d %s", try.method, try.address, try.host, res.StatusCode, body)
				}
			}
			return nil
		}
		if _, err := l.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", fault, err)
		}
		if strings.Count(p.all(), "does not belong to this sign-in") != 1 {
			t.Errorf("%s: it said %q", fault, p.all())
		}
	}
}

func TestASecondAnswerIsLate(t *testing.T) {
	p := newPerson(t, faults.Options{})
	answers := make(chan url.Values, 1)
	handler := p.login().callback("127.0.0.1:1", "right", answers)
	for i, want := range []int{http.StatusOK, http.StatusConflict} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/callback?state=right&code=c", nil))
		if w.Code != want {
			t.Errorf("answer %d: got %d, want %d", i, w.Code, want)
		}
	}
}

func TestASignInWithABrowserElsewhere(t *testing.T) {
	p := newPerson(t, faults.Options{})
	typed, keyboard := io.Pipe()
	l := p.login()
	l.Open, l.Pasted = nil, typed
	go func() {
		await(t.Context(), t, "the address is shown", func() bool { return strings.Contains(p.all(), "paste the address") })
		at := strings.Index(p.all(), p.server.URL+"/authorize")
		address, _, _ := strings.Cut(p.all()[at:], "\n")
		client := NewClient(http.DefaultTransport)
		res, err := client.Get(address) //nolint:noctx // it follows nothing
		if err != nil {
			t.Error(err)
			return
		}
		_ = res.Body.Close()
		_, _ = io.WriteString(keyboard, "\nhttps://leadmagic.io/\n"+p.server.URL+"/callback?code=x&state=wrong\n"+
			"?code=%zz\n '"+strings.TrimPrefix(res.Header.Get("Location"), "http://")+"#_=_' \n")
	}()
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(p.all(), "that is not the address"); got != 3 {
		t.Errorf("%d lines were refused, want 3", got)
	}
}

func TestWithoutABrowserTheAddressIsShown(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	ctx, cancel := context.WithCancel(t.Context())
	l.Open = func(string) error { return errors.New("there is no display") }
	ends := make(chan error)
	go func() {
		_, err := l.Run(ctx)
		ends <- err
	}()
	await(t.Context(), t, "it says so", func() bool { return strings.Contains(p.all(), "no browser could be opened") })
	cancel()
	if err := <-ends; !errors.Is(err, context.Canceled) || p.kept() != "" {
		t.Errorf("got %v, and %q is kept", err, p.kept())
	}
	// Nobody listens any more.
	at := strings.Index(p.all(), p.server.URL+"/authorize")
	address, _, _ := strings.Cut(p.all()[at:], "\n")
	page, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.Get(page.Query().Get("redirect_uri")); err == nil { //nolint:noctx // it fails at once
		_ = res.Body.Close()
		t.Error("something still listens")
	}
}

// silent is a listener to which nobody connects.
type silent struct{ closed chan struct{} }

func (s silent) Accept() (net.Conn, error) { <-s.closed; return nil, net.ErrClosed }
func (s silent) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (s silent) Close() error              { close(s.closed); return nil }

func TestAPersonHasTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{told: make(chan struct{}, 100)}
		l := &Login{Tokens: &Tokens{Server: &url.URL{Scheme: "https", Host: "mcp.leadmagic.io"}}, Say: p.say, Open: func(string) error { return nil }}
		start := time.Now()
		_, err := l.authorize(t.Context(), "https://sign-in.example/", silent{make(chan struct{})}, "state", &discovery{server: &oauthex.AuthServerMeta{}})
		if took := time.Since(start); err == nil || err.Error() != "nobody has signed in within 10m0s" || took != 10*time.Minute {
			t.Errorf("got %v after %s", err, took)
		}
		if strings.Contains(p.all(), "no browser") {
			t.Errorf("one was opened, and it said %q", p.all())
		}
	})
}

// Wherever a sign-in is interrupted, the reason is that it was, nothing is kept, and no connection stays open.
func TestASignInThatIsInterrupted(t *testing.T) {
	for _, at := range []string{"/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/register", "/authorize", "/token"} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(faults.Fault{Path: at, Kind: faults.Hang})
		ctx, cancel := context.WithCancel(t.Context())
		l := p.login()
		l.Open = func(address string) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				return err
			}
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
			return nil
		}
		ends := make(chan error)
		go func() {
			_, err := l.Run(ctx)
			ends <- err
		}()
		await(t.Context(), t, at+" is asked", func() bool { return len(p.requests(at)) > 0 })
		cancel()
		if err := <-ends; err != context.Canceled || p.kept() != "" { //nolint:errorlint // no more than that
			t.Errorf("at %s: got %v, and %q is kept", at, err, p.kept())
		}
		p.isLeftAlone("interrupted at " + at)
	}
}

// What cannot be waited for any longer is another session's hold on the sign-in.
func TestASignInThatIsInterruptedBeforeItIsKept(t *testing.T) {
	p := newPerson(t, faults.Options{})
	unlock, err := p.tokens.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ends := make(chan error)
	go func() {
		_, err := p.login().Run(ctx)
		ends <- err
	}()
	await(t.Context(), t, "the tokens are there", func() bool { return len(p.forms("authorization_code")) > 0 })
	cancel()
	if err := <-ends; err != context.Canceled || p.kept() != "" { //nolint:errorlint // no more than that
		t.Errorf("got %v, and %q is kept", err, p.kept())
	}
	unlock()
	p.signIn()
}

// Nothing stays open, whatever the server sends that is not read.
func TestConnectionsAreClosed(t *testing.T) {
	much := strings.Repeat(" ", 2*maxPage)
	for name, f := range map[string]faults.Fault{
		"a refusal":    {Path: "/mcp", Kind: faults.Status, Status: http.StatusUnauthorized, Body: much},
		"a page":       {Path: "/.well-known/oauth-protected-resource", Kind: faults.Status, Status: http.StatusNotFound, Body: much},
		"a revocation": {Path: "/revoke", Kind: faults.Status, Status: http.StatusOK, Body: much},
		"no client":    {Path: "/register", Kind: faults.Status, Status: http.StatusForbidden},
	} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(f)
		if _, err := p.login().Run(t.Context()); (err == nil) != (name != "no client") {
			t.Errorf("%s: got %v", name, err)
		}
		if _, _, err := p.tokens.Logout(t.Context()); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
		p.tokens.Client.CloseIdleConnections()
		p.isLeftAlone(name)
		var client struct {
			RedirectURIs []string `json:"redirect_uris"`
		}
		if err := json.Unmarshal(p.requests("/register")[0].Body, &client); err != nil {
			t.Fatal(err)
		}
		address := strings.TrimSuffix(strings.TrimPrefix(client.RedirectURIs[0], "http://"), "/callback")
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s: the browser's answer is still waited for", name)
		}
		if _, err := p.login().Discover(t.Context()); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
		p.isLeftAlone(name)
	}
}

func TestTheBrowsersConnectionIsClosed(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	conns := make(chan net.Conn, 1)
	l.Open = func(address string) error {
		page, err := url.Parse(address)
		if err != nil {
			return err
		}
		back, err := url.Parse(page.Query().Get("redirect_uri"))
		if err != nil {
			return err
		}
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", back.Host)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(conn, "GET /callback?error=access_denied&iss=%s&state=%s HTTP/1.1\r\nHost: %s\r\n\r\n", p.server.URL, page.Query().Get("state"), back.Host)
		conns <- conn
		return err
	}
	if _, err := l.Run(t.Context()); codeOf(err) != problem.NotAllowed || problem.As(err).Next != "try again: "+Command {
		t.Errorf("got %v", err)
	}
	conn := <-conns
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if page, err := io.ReadAll(conn); err != nil || !strings.Contains(string(page), "The answer has arrived.") {
		t.Errorf("got %q, %v", page, err)
	}
}

// What the server and its authorization server say decides what is asked for.
func TestWhatIsAskedFor(t *testing.T) {
	const server = "/.well-known/oauth-authorization-server"
	set := func(member string, value any) faults.Fault {
		return faults.Fault{Path: server, Kind: faults.Alter, Set: map[string]any{member: value}}
	}
	methods := func(all ...string) faults.Fault { return set("token_endpoint_auth_methods_supported", all) }
	challenge := func(text string) faults.Fault {
		return faults.Fault{Path: "/mcp", Kind: faults.Status, Status: http.StatusUnauthorized, Header: map[string]string{"WWW-Authenticate": text}}
	}
	const usual = "email offline_access openid profile"
	for _, tt := range []struct {
		name          string
		fault         faults.Fault
		scope, method string
	}{
		{"the scopes of the metadata", faults.Fault{Path: "/none", Kind: faults.Hang}, usual, "none"},
		{"those of the challenge before them", challenge(`Bearer scope="search find"`), "find offline_access search", "none"},
		{"those of all its parts", challenge(`Bearer scope="search", Bearer scope="find search"`), "find offline_access search", "none"},
		{"none of another scheme", challenge(`DPoP scope="search", resource_metadata="https://sign-in.example/"`), usual, "none"},
		{"no offline access where there is none", set("scopes_supported", nil), "email openid profile", "none"},
		{"a client without a secret", methods("client_secret_post", "none"), usual, "none"},
		{"a secret in the form", methods("client_secret_basic", "client_secret_post"), usual, "client_secret_post"},
		{"the first method that is offered", methods("client_secret_basic", "private_key_jwt"), usual, "client_secret_basic"},
		{"no method is offered", methods(), usual, "none"},
	} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(tt.fault)
		if _, err := p.login().Run(t.Context()); err != nil && tt.method == "none" {
			t.Errorf("%s: got %v", tt.name, err)
		}
		requests := p.requests("/register")
		if len(requests) != 1 {
			t.Errorf("%s: %d registrations", tt.name, len(requests))
			continue
		}
		var got struct {
			Scope      string   `json:"scope"`
			Method     string   `json:"token_endpoint_auth_method"`
			GrantTypes []string `json:"grant_types"`
			Version    string   `json:"software_version"`
		}
		if err := json.Unmarshal(requests[0].Body, &got); err != nil || got.Scope != tt.scope || got.Method != tt.method || got.Version != "test" ||
			!slices.Equal(got.GrantTypes, []string{"authorization_code", "refresh_token"}) {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
		for _, r := range p.requests("/authorize") {
			if consent := strings.Contains(r.Path, "prompt=consent"); consent != strings.Contains(tt.scope, "offline_access") {
				t.Errorf("%s: a consent is asked for: %v", tt.name, consent)
			}
		}
	}
}

// The metadata that a challenge names come before those at the usual places.
func TestMetadataThatAChallengeNames(t *testing.T) {
	p := newPerson(t, faults.Options{})
	const usual = "/.well-known/oauth-protected-resource"
	p.server.Fault(faults.Fault{Path: "/mcp", Kind: faults.Status, Status: http.StatusUnauthorized, Header: map[string]string{
		"WWW-Authenticate": `Bearer resource_metadata="` + p.server.URL + usual + `?named", Bearer resource_metadata="` + p.server.URL + usual + `?second"`,
	}})
	p.signIn()
	requests := p.requests(usual)
	if len(requests) != 1 || requests[0].Path != usual+"?named" {
		t.Errorf("%d pages were asked for, the first is %q", len(requests), requests[0].Path)
	}
	if audience := p.forms("authorization_code")[0].Get("resource"); audience != p.server.URL {
		t.Errorf("tokens were asked for %q", audience)
	}
}

// A server with metadata has a sign-in, even if its list of tools needs none.
func TestAServerThatListsItsToolsToAnybody(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.server.Fault(faults.Fault{Path: "/mcp", Kind: faults.Status, Status: http.StatusOK, Body: "{}"})
	p.signIn()
}

// An authorization server that does not say that it names itself may do so all the same, and then has to be the right one.
func TestAnIssuerThatIsNotPromised(t *testing.T) {
	for iss, want := range map[string]bool{"": true, "https://elsewhere.example": false} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(faults.Fault{
			Path: "/.well-known/oauth-authorization-server", Kind: faults.Alter,
			Set: map[string]any{"authorization_response_iss_parameter_supported": nil},
		})
		f := faults.Fault{Path: "/authorize", Kind: faults.Alter, Set: map[string]any{"iss": nil}}
		if iss != "" {
			f.Set["iss"] = iss
		}
		p.server.Fault(f)
		if _, err := p.login().Run(t.Context()); (err == nil) != want || err != nil && !strings.Contains(err.Error(), "but of "+iss) {
			t.Errorf("%q: got %v", iss, err)
		}
	}
}

func TestTheZoneOfTheServerBoundsThatOfTheAuthorizationServer(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	if _, err := l.Discover(t.Context()); err != nil || l.nearest.Load() != thisMachine {
		t.Errorf("got %d, %v", l.nearest.Load(), err)
	}
}

func TestASignInIsBoundToItsIssuer(t *testing.T) {
	p, elsewhere := newPerson(t, faults.Options{}), newPerson(t, faults.Options{})
	p.signIn()
	p.edit(func(g *grant) { g.Issuer += "/" }) // which is the same one
	p.signIn()
	before, err := os.ReadFile(p.kept())
	if err != nil {
		t.Fatal(err)
	}
	p.server.Fault(p.server.OAuthFaults(elsewhere.server.URL)["another authorization server"])
	_, err = p.login().Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "names another issuer now: "+elsewhere.server.URL+"; it was not asked") ||
		!strings.Contains(problem.As(err).Fix(), "leadmagic-mcp-proxy logout") {
		t.Errorf("got %v", err)
	}
	if n := len(elsewhere.server.Requests()); n > 0 {
		t.Errorf("the other one was asked %d times", n)
	}
	if after, err := os.ReadFile(p.kept()); err != nil || string(after) != string(before) {
		t.Errorf("the sign-in is not as it was: %v", err)
	}
}

func TestAnotherServerGetsNothing(t *testing.T) {
	p, elsewhere := newPerson(t, faults.Options{}), newPerson(t, faults.Options{})
	p.signIn()
	for _, address := range []string{elsewhere.server.URL + "/mcp", p.server.URL + "/other", p.server.URL + "/mcp?workspace=2", strings.Replace(p.server.URL, "127.0.0.1", "localhost", 1) + "/mcp"} {
		other := p.at(address)
		if _, err := other.Get(t.Context()); codeOf(err) != problem.SignInRequired {
			t.Errorf("%s: got %v", address, err)
		}
		// Not even if somebody puts the file there.
		raw, err := os.ReadFile(p.kept())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(other.store().Files()[0], raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.at(address).Get(t.Context()); codeOf(err) != problem.SignInRequired {
			t.Errorf("%s, with the file of another: got %v", address, err)
		}
	}
}

func TestWhatIsNotAskedOnAServersWord(t *testing.T) {
	l := &Login{Tokens: &Tokens{Server: &url.URL{Scheme: "https", Host: "mcp.leadmagic.io", Path: "/mcp"}}}
	for address, want := range map[string]bool{
		"https://clerk.leadmagic.io/x": true, "http://clerk.leadmagic.io": false, "http://127.0.0.1:80/": false, "http://localhost": false,
		"javascript:alert(1)": false, "file:///etc/passwd": false, "https://a:b@clerk.leadmagic.io": false, "https://": false, "%": false, "": false,
		"https://clerk.leadmagic.io/!a~": true, "https://clerk.leadmagic.io/a b": false, "https://clerk.leadmagic.io/?a=<": false, "https://clerk.leadmagic.io/?a=>": false,
		"https://clerk.leadmagic.io/?`": false, "https://clerk.leadmagic.io/?{}": false, `https://clerk.leadmagic.io/?\`: false, "https:///x": false,
		"https://clerk.leadmagic.io/?^": false, "https://clerk.leadmagic.io/?|": false, `https://clerk.leadmagic.io/?"`: false, "https://clerk.leadmagic.io/#a": false,
		"https://clerk.leadmagic.io/?\u202e": false, "https://cl\u0435rk.leadmagic.io/": false,
	} {
		if got := l.allowed(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
	for resource, want := range map[string]bool{
		"https://mcp.leadmagic.io/mcp": true, "https://mcp.leadmagic.io/mcp/": true, "https://mcp.leadmagic.io/": true, "https://mcp.leadmagic.io": true,
		"https://mcp.leadmagic.io/m": false, "https://mcp.leadmagic.io/mcp/x": false, "https://leadmagic.io/mcp": false, "http://mcp.leadmagic.io/mcp": false,
		"https://mcp.leadmagic.io:444/mcp": false, "https://u@mcp.leadmagic.io/mcp": false, "https://mcp.leadmagic.io/mcp?x": false, "https://mcp.leadmagic.io/mcp#x": false, "%": false,
	} {
		if got := l.describesServer(resource); got != want {
			t.Errorf("%s: got %v", resource, got)
		}
	}
	for address, want := range map[string]int32{
		"127.0.0.1:1": thisMachine, "[::1]:1": thisMachine, "[::ffff:127.0.0.1]:1": thisMachine, "0.0.0.0:1": thisMachine, "what": thisMachine,
		"10.0.0.1:1": private, "192.168.1.1:443": private, "169.254.169.254:80": private, "[fd00::1]:1": private, "100.64.0.1:1": private,
		"100.127.255.255:1": private, "224.0.0.1:1": private, "[fe80::1]:1": private, "[ff02::1]:1": private, "[::]:1": thisMachine, "100.128.0.1:1": public,
		"203.0.113.1:443": public, "[2001:db8::1]:1": public,
	} {
		if got := zoneOf(address); got != want {
			t.Errorf("%s: got %d, want %d", address, got, want)
		}
		for _, from := range []int32{public, private, thisMachine, anywhere} {
			l.nearest.Store(from)
			if got := l.control("", address, nil) == nil; got != (want <= from) {
				t.Errorf("from %d, %s: got %v", from, address, got)
			}
		}
	}
}

// A server that is reached over a network must not have this program ask this machine, whatever name it uses for that.
func TestAnAuthorizationServerThatIsNearerIsNotAsked(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	l.Open = func(address string) error {
		l.nearest.Store(public) // as if the server had been far away
		l.Dial.CloseIdleConnections()
		return browse(address)
	}
	if _, err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in a private network, which was not asked") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutMetadataTheServerSignsInItself(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	for fault, want := range map[string]string{"no metadata": p.server.URL + "/authorize", "no metadata of the resource": p.server.URL + "/authorize"} {
		p.server.ClearFaults()
		p.server.Fault(p.server.OAuthFaults("")[fault])
		l.client, l.Dial = NewClient(l.Dial), &http.Transport{}
		l.nearest.Store(anywhere)
		d, err := l.discover(t.Context())
		if err != nil || d.server.AuthorizationEndpoint != want || d.audience != "" {
			t.Errorf("%s: got %+v, %v", fault, d, err)
		}
	}
}

func TestAServerThatAsksForNoSignIn(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusOK: "asks for no sign-in", http.StatusFound: "points to another", http.StatusInternalServerError: "HTTP 500",
		http.StatusMultipleChoices: "points to another", http.StatusNotFound: "says nothing of how to sign in",
		http.StatusForbidden: "says nothing of how to sign in",
	} {
		p := newPerson(t, faults.Options{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/mcp" {
				status := http.StatusNotFound
				w.WriteHeader(status)
				return
			}
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(status)
		}))
		p.tokens = p.at(server.URL + "/mcp")
		if _, err := p.login().Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: got %v", status, err)
		}
		server.Close()
	}
	p := newPerson(t, faults.Options{})
	p.tokens = p.at("http://127.0.0.1:1/mcp")
	if _, err := p.login().Run(t.Context()); codeOf(err) != problem.Unreachable {
		t.Errorf("nobody there: got %v", err)
	}
}

// Nobody signs in for nothing: whether the keychain is there is asked first.
func TestWithoutAKeychainNobodySignsIn(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	l.Private = false
	if _, err := l.Run(t.Context()); !errors.Is(err, auth.ErrNoKeychain) || p.server.RequestCount() > 0 {
		t.Errorf("got %v after %d requests", err, p.server.RequestCount())
	}
	p.chain.err = nil
	place, err := l.Run(t.Context())
	if err != nil || place != "the keychain of this system" || p.chain.secret == "" || p.kept() != "" {
		t.Fatalf("it is kept in %q, %v", place, err)
	}
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK {
		t.Errorf("another session got %d, %v", status, err)
	}
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || !revoked || err != nil || p.chain.secret != "" {
		t.Errorf("got %q, %v, %v", places, revoked, err)
	}
}

func TestLogout(t *testing.T) {
	for fault, want := range map[string]bool{"": true, "a revocation that fails": false, "a revocation without end": false, "one of two that fails": false} {
		p := newPerson(t, faults.Options{})
		p.signIn()
		other := p.at(p.server.URL + "/mcp")
		if status, err := p.use(other); status != http.StatusOK {
			t.Fatalf("got %d, %v", status, err)
		}
		if fault != "" {
			f, known := p.server.OAuthFaults("")[fault]
			if !known {
				f = faults.Fault{Path: "/revoke", Kind: faults.Status, Status: http.StatusInternalServerError, Times: 1}
			}
			p.server.Fault(f)
			p.tokens.Client.Timeout = 100 * time.Millisecond
		}
		places, revoked, err := p.tokens.Logout(t.Context())
		if len(places) != 1 || revoked != want || err != nil || p.kept() != "" {
			t.Errorf("%s: got %q, %v, %v", fault, places, revoked, err)
		}
		if n := len(p.requests("/revoke")); n != 2 {
			t.Errorf("%s: %d revocations were asked for", fault, n)
		}
		if _, err := other.Get(t.Context()); !other.read.IsZero() && codeOf(err) != problem.SignInRequired {
			t.Errorf("%s: a session that had it got %v", fault, err)
		}
		if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 0 || revoked || err != nil {
			t.Errorf("%s: again: %q, %v, %v", fault, places, revoked, err)
		}
	}
}

// What was not revoked is not said to be, and what could not be removed is said.
func TestALogoutThatIsNotWhole(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.server.Fault(faults.Fault{Path: "/.well-known/oauth-authorization-server", Kind: faults.Alter, Set: map[string]any{"revocation_endpoint": nil}})
	p.signIn()
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || revoked || err != nil {
		t.Errorf("where nothing can be revoked: got %q, %v, %v", places, revoked, err)
	}
	p.server.ClearFaults()

	p.signIn()
	if err := errors.Join(os.Remove(p.tokens.lockPath()), os.Mkdir(p.tokens.lockPath(), 0o700)); err != nil {
		t.Fatal(err)
	}
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || !revoked || err != nil {
		t.Errorf("where it cannot be locked: got %q, %v, %v", places, revoked, err)
	}
	if err := os.Remove(p.tokens.lockPath()); err != nil {
		t.Fatal(err)
	}

	p.signIn()
	p.edit(func(g *grant) { g.Access = "" })
	before := len(p.requests("/revoke"))
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || !revoked || err != nil || len(p.requests("/revoke")) != before+1 {
		t.Errorf("with a refresh token alone: got %q, %v, %v, and %d revocations", places, revoked, err, len(p.requests("/revoke"))-before)
	}

	p.signIn()
	p.edit(func(g *grant) { g.RevokeURL = "https://[" })
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || revoked || err != nil {
		t.Errorf("at an address that is none: got %q, %v, %v", places, revoked, err)
	}

	p.chain.err = nil
	l := p.login()
	l.Private = false
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.chain.full = errors.New("locked")
	before = len(p.requests("/revoke"))
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 0 || revoked || !errors.Is(err, p.chain.full) || len(p.requests("/revoke")) != before {
		t.Errorf("from a keychain that is locked: got %q, %v, %v", places, revoked, err)
	}
	p.chain.full = nil
	if _, _, err := p.tokens.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}

	p.signIn()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, revoked, _ := p.tokens.Logout(ctx); revoked || p.kept() != "" {
		t.Errorf("interrupted: revoked %v, and %q is kept", revoked, p.kept())
	}
}

// A secret is sent with a revocation as it is for tokens. Source: RFC 6749 §2.3.1, where it is encoded first.
func TestARevocationByAClientWithASecret(t *testing.T) {
	for _, inHeader := range []bool{false, true} {
		p := newPerson(t, faults.Options{})
		p.signIn()
		p.edit(func(g *grant) { g.ClientID, g.ClientSecret, g.InHeader = "a b", "c:d", inHeader })
		if _, _, err := p.tokens.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		hints := map[string]bool{}
		for _, r := range p.requests("/revoke") {
			form, err := url.ParseQuery(string(r.Body))
			if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || !form.Has("token") {
				t.Errorf("got %v, %v", r.Header, err)
			}
			hints[form.Get("token_type_hint")] = true
			switch header := r.Header.Get("Authorization"); {
			case inHeader && (header != "Basic "+base64.StdEncoding.EncodeToString([]byte("a+b:c%3Ad")) || form.Has("client_id") || form.Has("client_secret")):
				t.Errorf("in the header: got %q", header)
			case !inHeader && (header != "" || form.Get("client_id") != "a b" || form.Get("client_secret") != "c:d"):
				t.Errorf("in the form: got %q", header)
			}
		}
		if !hints["refresh_token"] || !hints["access_token"] {
			t.Errorf("%v are revoked", hints)
		}
	}
}

// A registration that was given a secret unasked uses it as it was told.
func TestAClientWithASecret(t *testing.T) {
	for _, method := range []string{"client_secret_basic", "client_secret_post", ""} { // the last is the first: RFC 7591 §2
		p := newPerson(t, faults.Options{})
		p.server.Fault(faults.Fault{
			Path: "/register", Kind: faults.Status, Status: http.StatusCreated, ContentType: "application/json",
			Body: `{"client_id":"` + sandbox.ClientID + `","client_secret":"a-secret-of-a-client","token_endpoint_auth_method":"` + method + `"}`,
		})
		_, err := p.login().Run(t.Context()) // the sandbox knows public clients alone
		if err == nil || !strings.Contains(err.Error(), "invalid_client") {
			t.Errorf("%s: got %v", method, err)
		}
		requests := p.server.Requests()
		last := requests[len(requests)-1]
		form, _ := url.ParseQuery(string(last.Body))
		if basic := last.Header.Get("Authorization") != ""; basic != (method != "client_secret_post") || form.Has("client_secret") == basic {
			t.Errorf("%s: the secret was sent otherwise", method)
		}
		if strings.Contains(string(p.tokens.Redactor.Redact([]byte("a-secret-of-a-client"))), "client") {
			t.Errorf("%s: the secret is not masked", method)
		}
	}
}

func TestWhoHasSignedIn(t *testing.T) {
	token := func(members map[string]any) *oauth2.Token { return new(oauth2.Token).WithExtra(members) }
	for want, members := range map[string]map[string]any{
		"":                         {"id_token": "not.a.token", "email": 7},
		"ada@analytical.example":   {"email": "ada@analytical.example"},
		"Ada in workspace Engines": {"id_token": "e30.eyJuYW1lIjoiQWRhIiwib3JnX3NsdWciOiJFbmdpbmVzIn0."},
		"in workspace Engines":     {"workspace": "Engines", "id_token": "x"},
		"beside":                   {"email": "beside", "id_token": ".eyJlbWFpbCI6ImNsYWltIiwibmFtZSI6ImxhdGVyIn0."},
		"later":                    {"email": "\u202e", "id_token": ".eyJuYW1lIjoibGF0ZXIifQ."},
		"a, b":                     {"name": "a,\nb"},
	} {
		if got := who(token(members)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMetadataThatCannotBeUsedSafely(t *testing.T) {
	const resource, server = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"
	set := func(path, member string, value any) faults.Fault {
		return faults.Fault{Path: path, Kind: faults.Alter, Set: map[string]any{member: value}}
	}
	for want, f := range map[string]faults.Fault{
		"does not know PKCE with S256":         set(server, "code_challenge_methods_supported", []string{"plain"}),
		"names no authorization endpoint":      set(server, "authorization_endpoint", nil),
		"names no token endpoint":              set(server, "token_endpoint", nil),
		"the revocation endpoint of":           set(server, "revocation_endpoint", "http://sign-in.example/revoke"),
		"disallowed scheme":                    set(server, "authorization_endpoint", "javascript:alert(1)"),
		"the authorization endpoint of":        set(server, "authorization_endpoint", "https://sign-in.example/\u202e"),
		"is not asked: http://127.0.0.1/\"":    set(server, "authorization_endpoint", `http://127.0.0.1/" -x`),
		"is not asked: http://127.0.0.1/#":     set(server, "authorization_endpoint", "http://127.0.0.1/#sign-in"),
		"successful registration response":     {Path: "/register", Kind: faults.Status, Status: http.StatusCreated, Body: `{"client_secret":"hidden-secret"`},
		"authorization server that is not":     set(resource, "authorization_servers", []string{"http://sign-in.example"}),
		"cannot be read":                       {Path: resource, Kind: faults.Status, Status: http.StatusOK, Body: "{"},
		"HTTP 500":                             {Path: resource, Kind: faults.Status, Status: http.StatusInternalServerError},
		"the registration endpoint of":         set(server, "registration_endpoint", "https://sign-in.example/\u202e"),
		"the connection was closed":            {Path: resource, Kind: faults.Cut},
		"no client could be registered: Lead":  {Path: "/register", Kind: faults.Cut},
		"metadata that is not asked for: http": {Path: "/mcp", Kind: faults.Status, Status: 401, Header: map[string]string{"WWW-Authenticate": `Bearer resource_metadata="http://sign-in.example/x"`}},
	} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(f)
		if _, err := p.login().Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden-secret") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	p := newPerson(t, faults.Options{})
	p.server.Fault(faults.Fault{Path: "/mcp", Kind: faults.Status, Status: 401, Header: map[string]string{"WWW-Authenticate": `"broken`}})
	if issuer, err := p.login().Discover(t.Context()); issuer != p.server.URL || err != nil {
		t.Errorf("with a broken challenge: got %q, %v", issuer, err)
	}
	p.server.Fault(faults.Fault{Path: server, Kind: faults.Hang})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if issuer, err := p.login().Discover(ctx); issuer != "" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: got %q, %v", issuer, err)
	}
}

func TestATokenThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct{ member, value, want string }{
		{"token_type", "DPoP", "a token that cannot be used"},
		{"access_token", "two words", "a token that cannot be used"},
		{"access_token", "two\r\nX-Lines: 2", "a token that cannot be used"},
		{"access_token", "two\x7f", "a token that cannot be used"},
		{"refresh_token", strings.Repeat("long", maxKept/4), "too large to be kept"},
	} {
		p := newPerson(t, faults.Options{})
		p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Alter, Set: map[string]any{tt.member: tt.value}})
		if _, err := p.login().Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) || p.kept() != "" {
			t.Errorf("%s: got %v", tt.member, err)
		}
	}
}

func TestATokenThatEndsBeforeItBegins(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Alter, Set: map[string]any{"expires_in": -1}})
	p.signIn()
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK || len(p.forms("refresh_token")) > 0 {
		t.Errorf("got %d, %v, and %d renewals", status, err, len(p.forms("refresh_token")))
	}
}

// Nobody signs in where no session could keep what comes of it, and whoever has none is not kept from saying so.
func TestASignInWhereTheConfigFolderIsAFile(t *testing.T) {
	p := newPerson(t, faults.Options{})
	for _, name := range []string{".config", "Library", "AppData"} {
		if err := os.WriteFile(filepath.Join(p.home, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, private := range []bool{true, false} {
		l := p.login()
		l.Private = private
		if _, err := l.Run(t.Context()); codeOf(err) != problem.BadSetting || !strings.Contains(err.Error(), "the sign-in cannot be locked") {
			t.Errorf("private %v: got %v", private, err)
		}
	}
	if _, err := p.tokens.lock(t.Context()); codeOf(err) != problem.BadSetting {
		t.Errorf("the lock says %v", err)
	}
	if n := len(p.server.Requests()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// A sign-in ends here even where the authorization server is gone.
func TestLogoutWithoutTheServer(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.server.Close()
	if places, revoked, err := p.tokens.Logout(t.Context()); len(places) != 1 || revoked || err != nil || p.kept() != "" {
		t.Errorf("got %q, %v, %v", places, revoked, err)
	}
}

package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// child has a process of this test be a session of another process: it uses the sign-in of HOME for a server.
const child = "SIGNIN_TEST_SERVER"

func TestMain(m *testing.M) {
	address := os.Getenv(child)
	if address == "" {
		os.Exit(m.Run())
	}
	signal.Ignore(syscall.Signal(25)) // SIGXFSZ: a write beyond a limit of the process has an error then
	t := new(testing.T)
	p := &person{t: t, home: os.Getenv("HOME"), chain: &keychain{err: auth.ErrNoKeychain}}
	tokens := p.at(address)
	if _, err := tokens.Get(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is another process that uses the sign-in.
func (p *person) process() *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+p.server.URL+"/mcp", "HOME="+p.home, "USERPROFILE="+p.home)
	return cmd
}

func TestTenProcessesRenewOnce(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.expire()
	p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Delay, Delay: faults.Duration(100 * time.Millisecond)})
	var work sync.WaitGroup
	for range 10 {
		cmd := p.process()
		work.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	work.Wait()
	if n := len(p.forms("refresh_token")); n != 1 {
		t.Errorf("it was renewed %d times", n)
	}
	if status, err := p.use(p.tokens); status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

// The lock of a process ends with it. What it had asked for was not carried out here, so the sign-in is as good as before.
func TestAProcessThatDiesInTheMiddle(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.expire()
	p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Hold})
	cmd := p.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t.Context(), t, "the process renews", func() bool { return len(p.forms("refresh_token")) == 1 })
	ends := make(chan error)
	go func() {
		_, err := p.tokens.Get(t.Context())
		ends <- err
	}()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	await(t.Context(), t, "the next one renews", func() bool { return len(p.forms("refresh_token")) == 2 })
	p.server.ClearFaults()
	// The first request was held, and is carried out or not: the sandbox takes its token once.
	if err := <-ends; err != nil && codeOf(err) != problem.SignInRequired {
		t.Error(err)
	}
}

// What a write that was cut off has left is no sign-in, and logout removes it.
func TestAWriteThatWasCutOff(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	left := filepath.Join(filepath.Dir(p.kept()), "."+filepath.Base(p.kept())+"-123")
	if err := os.WriteFile(left, []byte(`{"accessToken":"x`), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
	if _, _, err := p.tokens.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
	}
}

func TestARenewalThatFails(t *testing.T) {
	tests := []struct {
		fault string
		want  problem.Code // empty if it works
		text  string
		later bool // the next one works
	}{
		{"a refresh that is refused", problem.SignInRequired, "has run out: the authorization server says invalid_grant (signed out)", false},
		{"a refresh by somebody else", problem.SignInRequired, "this refresh was used before", false},
		{"a refresh whose answer is cut", problem.Unreachable, "could not be renewed yet", false},
		{"a refresh that fails once", problem.Failed, "could not be renewed yet: 127.0.0.1:", true},
		{"a refresh that fails", problem.Failed, "answered with HTTP 500", true},
		{"a refresh that is cut off", problem.Unreachable, "could not be renewed yet: LeadMagic is not reachable", true},
		{"a client that is forgotten", problem.SignInRequired, "invalid_client (no such client)", false},
		{"a hostile refusal", problem.SignInRequired, "the authorization server says invalid_grant", false},
		{"no tokens", problem.BrokenAnswer, "broken answer", false},
		{"tokens that are a page", problem.BrokenAnswer, "broken answer", true},
		{"tokens that are limited", problem.RateLimited, "rate limit", true},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			p := newPerson(t, faults.Options{})
			p.signIn()
			p.expire()
			f, known := p.server.OAuthFaults("")[tt.fault]
			if !known {
				t.Fatal("there is no such fault")
			}
			p.server.Fault(f)
			other := p.at(p.server.URL + "/mcp")
			_, err := other.Get(t.Context())
			if codeOf(err) != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %s %q, want %s %q", codeOf(err), err, tt.want, tt.text)
			}
			if p := problem.As(err); p == nil || p.Outcome != problem.NotSent {
				t.Errorf("got %+v: a call was not sent without a token", p)
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == '\u202e' }) {
				t.Errorf("a terminal would act on %q", err)
			}
			if tt.want == problem.SignInRequired {
				// All others are told without asking again.
				asked := len(p.forms("refresh_token"))
				third := p.at(p.server.URL + "/mcp")
				if _, err := third.Get(t.Context()); codeOf(err) != problem.SignInRequired || len(p.forms("refresh_token")) != asked {
					t.Errorf("the next one got %v", err)
				}
				if !third.Stored(t.Context()) || third.Describe().Over == "" {
					t.Error("nobody is told why")
				}
			}
			p.server.ClearFaults()
			if _, err := p.at(p.server.URL + "/mcp").Get(t.Context()); (err == nil) != tt.later {
				t.Errorf("later: %v", err)
			}
		})
	}
}

// A token that LeadMagic rejects is renewed once, whatever the clock says; one that is rejected again is the person's affair.
func TestARejectedToken(t *testing.T) {
	p := newPerson(t, faults.Options{TokenLife: time.Hour})
	p.signIn()
	p.edit(func(g *grant) { g.Issued = time.Now().Add(-time.Hour) })
	p.server.ExpireTokens()
	for range 3 {
		if status, err := p.use(p.tokens); status != http.StatusOK || len(p.forms("refresh_token")) != 1 {
			t.Errorf("got %d, %v after %d renewals", status, err, len(p.forms("refresh_token")))
		}
	}
	p.server.Fault(p.server.OAuthFaults("")["every token refused"])
	for range 3 {
		if status, err := p.use(p.tokens); status != http.StatusUnauthorized || len(p.forms("refresh_token")) != 1 {
			t.Errorf("got %d, %v after %d renewals", status, err, len(p.forms("refresh_token")))
		}
	}
	if !p.tokens.Describe().Refused {
		t.Error("it is not said that the token was refused")
	}
}

func TestWhenATokenIsUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, tt := range map[string]struct {
			grant grant
			want  bool
		}{
			"none":                           {grant{}, false},
			"none, with an end":              {grant{Issued: now, Expires: now.Add(time.Hour)}, false},
			"without an end":                 {grant{Access: "a"}, true},
			"before its end":                 {grant{Access: "a", Issued: now, Expires: now.Add(time.Hour)}, true},
			"when it is renewed":             {grant{Access: "a", Issued: now.Add(-time.Hour), Expires: now.Add(early)}, false},
			"just before":                    {grant{Access: "a", Issued: now.Add(-time.Hour), Expires: now.Add(early + 1)}, true},
			"after its end":                  {grant{Access: "a", Issued: now.Add(-time.Hour), Expires: now.Add(-time.Second)}, false},
			"a short one at its beginning":   {grant{Access: "a", Issued: now, Expires: now.Add(5 * time.Second)}, true},
			"a short one in its first half":  {grant{Access: "a", Issued: now.Add(-3*time.Second + 1), Expires: now.Add(3*time.Second + 1)}, true},
			"a short one in its second half": {grant{Access: "a", Issued: now.Add(-3 * time.Second), Expires: now.Add(3 * time.Second)}, false},
			"the clock was set back":         {grant{Access: "a", Issued: now.Add(24 * time.Hour), Expires: now.Add(25 * time.Hour)}, true},
			"the clock was set forward":      {grant{Access: "a", Issued: now.Add(-24 * time.Hour), Expires: now.Add(-23 * time.Hour)}, false},
		} {
			if got := tt.grant.usable(early); got != tt.want {
				t.Errorf("%s: got %v", name, got)
			}
		}
	})
}

// A clock that jumps costs a renewal at most, in whichever direction.
func TestAClockThatJumps(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		p := newPerson(t, faults.Options{})
		p.signIn()
		p.edit(func(g *grant) { g.Issued, g.Expires = g.Issued.Add(jump), g.Expires.Add(jump) })
		p.server.ExpireTokens()
		for range 3 {
			if status, err := p.use(p.tokens); status != http.StatusOK {
				t.Errorf("%s: got %d, %v", jump, status, err)
			}
		}
		if n := len(p.forms("refresh_token")); n != 1 {
			t.Errorf("%s: it was renewed %d times", jump, n)
		}
	}
}

// A token that has not quite run out is used when it cannot be renewed.
func TestTheLastSecondsOfAToken(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.edit(func(g *grant) { g.Issued, g.Expires = time.Now().Add(-time.Hour), time.Now().Add(20*time.Second) })
	p.server.Fault(p.server.OAuthFaults("")["a refresh that fails"])
	if status, err := p.use(p.tokens); status != http.StatusOK || len(p.forms("refresh_token")) != 1 {
		t.Errorf("got %d, %v after %d renewals", status, err, len(p.forms("refresh_token")))
	}
	p.edit(func(g *grant) { g.Refresh = "" })
	if status, err := p.use(p.tokens); status != http.StatusOK {
		t.Errorf("without a refresh token: got %d, %v", status, err)
	}
	p.expire()
	if _, err := p.tokens.Get(t.Context()); codeOf(err) != problem.SignInRequired || !strings.HasSuffix(err.Error(), " has run out") {
		t.Errorf("got %v", err)
	}
}

func TestASessionNoticesWhatAnotherProcessDoes(t *testing.T) {
	for _, private := range []bool{true, false} {
		p := newPerson(t, faults.Options{})
		p.chain.err = nil
		session := p.at(p.server.URL + "/mcp")
		if session.Changed() {
			t.Error("something has changed before anything was read")
		}
		if _, err := session.Get(t.Context()); codeOf(err) != problem.SignInRequired || session.Stored(t.Context()) || session.Changed() {
			t.Errorf("got %v", err)
		}
		if err := problem.As(session.missing(nil)); err.Fix() != "run: leadmagic-mcp-proxy login --web" {
			t.Errorf("it says %q", err.Fix())
		}
		l := p.login()
		l.Private = private
		if _, err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !session.Changed() {
			t.Error("the sign-in is not noticed")
		}
		if status, err := p.use(session); status != http.StatusOK || session.Changed() {
			t.Errorf("got %d, %v", status, err)
		}
		if _, _, err := p.tokens.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !session.Changed() {
			t.Error("that somebody has signed out is not noticed")
		}
		if _, err := session.Get(t.Context()); codeOf(err) != problem.SignInRequired {
			t.Errorf("got %v", err)
		}
	}
}

// A call that nobody waits for any more does not cut off what replaces the refresh token.
func TestARenewalGoesOnWithoutItsCall(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.expire()
	p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Delay, Delay: faults.Duration(200 * time.Millisecond)})
	ctx, cancel := context.WithCancel(t.Context())
	ends := make(chan error)
	go func() {
		_, err := p.tokens.Get(ctx)
		ends <- err
	}()
	await(t.Context(), t, "it is renewed", func() bool { return len(p.forms("refresh_token")) == 1 })
	cancel()
	if err := <-ends; !errors.Is(err, context.Canceled) || codeOf(err) != problem.Unreachable {
		t.Errorf("got %v", err)
	}
	p.tokens.Close(time.Nanosecond) // which is too short to wait for it
	p.tokens.Close(time.Minute)
	p.tokens.Close(time.Minute)
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK || len(p.forms("refresh_token")) != 1 {
		t.Errorf("got %d, %v after %d renewals", status, err, len(p.forms("refresh_token")))
	}
}

func TestMoreRightsAreAskedForAtTheNextSignIn(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	f := p.server.OAuthFaults("")["a scope that is missing"]
	p.server.Fault(f)
	for range 2 {
		if status, err := p.use(p.tokens); status != http.StatusForbidden {
			t.Errorf("got %d, %v", status, err)
		}
		await(t.Context(), t, "it is kept", func() bool { return p.tokens.Describe().Lacks == "openid search" })
	}
	if !p.tokens.Describe().Refused {
		t.Error("it is not said that the token was refused")
	}
	p.server.ClearFaults()
	p.signIn()
	requests := p.server.Requests()
	for _, r := range requests[len(requests)-4:] {
		if strings.HasPrefix(r.Path, "/authorize") && !strings.Contains(r.Path, "scope=email+offline_access+openid+profile+search&") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
	if lacks := p.tokens.Describe().Lacks; lacks != "" {
		t.Errorf("it still lacks %q", lacks)
	}
}

func TestWhatIsKeptAndCannotBeUsed(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	path := p.kept()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"no JSON": "no", "empty": "", "half": string(good[:len(good)/2]),
		"of another server":   strings.Replace(string(good), p.server.URL+`/mcp"`, `https://mcp.leadmagic.io/mcp"`, 1),
		"a token in the open": strings.Replace(string(good), p.server.URL+"/token", "http://sign-in.example/token", 1),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.at(p.server.URL + "/mcp").Get(t.Context()); codeOf(err) != problem.SignInRequired {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if runtime.GOOS == "windows" {
		return // where a mode says nothing
	}
	if err := errors.Join(os.WriteFile(path, good, 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	defer func() { // a new sign-in takes its place
		p.signIn()
		if _, err := p.tokens.Get(t.Context()); err != nil {
			t.Errorf("after another sign-in: got %v", err)
		}
	}()
	open := p.at(p.server.URL + "/mcp")
	if _, err := open.Get(t.Context()); codeOf(err) != problem.BadSetting || !strings.Contains(err.Error(), "can be changed by others") || !open.Stored(t.Context()) ||
		problem.As(err).Next != "remove it, then run: "+Command || codeOf(open.Look(t.Context()).Broken) != problem.BadSetting {
		t.Errorf("a file that others may write: got %v", err)
	}
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.expire()
	if err := os.Remove(p.tokens.lockPath()); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() > 0 { // root writes everywhere, and on Windows a mode says nothing
		unlock, err := p.tokens.lock(t.Context()) // so that it is there
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		folder := filepath.Dir(p.tokens.lockPath())
		if err := os.Chmod(folder, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := p.at(p.server.URL + "/mcp").Get(t.Context()); codeOf(err) != problem.BadSetting || !strings.Contains(err.Error(), "cannot be renewed") || len(p.forms("refresh_token")) > 0 {
			t.Errorf("got %v, and %d renewals", err, len(p.forms("refresh_token")))
		}
		if _, err := p.login().Run(t.Context()); err == nil || len(p.forms("authorization_code")) != 1 {
			t.Errorf("got %v: a person signs in for nothing", err)
		}
		if err := errors.Join(os.Chmod(folder, 0o700), os.Remove(p.tokens.lockPath())); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(p.tokens.lockPath(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := p.at(p.server.URL + "/mcp").Get(t.Context()); codeOf(err) != problem.BadSetting || !strings.Contains(err.Error(), "cannot be locked") || len(p.forms("refresh_token")) > 0 {
		t.Errorf("got %v; a token that cannot be kept must not be asked for", err)
	}
}

func TestAKeychainThatIsLockedLater(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.chain.err = nil
	l := p.login()
	l.Private = false
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	session := p.at(p.server.URL + "/mcp")
	if _, err := session.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.expire()
	p.chain.full = errors.New("full")
	for range 2 { // the second time with the refresh token that could not be stored
		if _, err := session.Get(t.Context()); err != nil {
			t.Errorf("with a keychain that is full: got %v", err)
		}
		session.mu.Lock()
		again := *session.grant
		again.Expires = time.Now().Add(-time.Second)
		session.grant = &again
		session.mu.Unlock()
		p.chain.full = nil
	}
	if got := len(p.forms("refresh_token")); got != 2 {
		t.Errorf("%d renewals, want 2", got)
	}
	p.expire()
	p.chain.err = errors.New("locked")
	if _, err := session.Get(t.Context()); codeOf(err) != problem.Unreachable || !strings.Contains(err.Error(), "locked") {
		t.Errorf("got %v", err)
	}
	if !session.Look(t.Context()).Stored {
		t.Error("what was read before is not known any more")
	}
	other := p.at(p.server.URL + "/mcp")
	if state := other.Look(t.Context()); state.Stored || state.Broken != nil {
		t.Errorf("another process says %+v", state)
	}
	if _, err := other.Get(t.Context()); codeOf(err) != problem.SignInRequired {
		t.Errorf("another process got %v", err)
	}
	p.chain.err = nil
	if status, err := p.use(session); status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

// As mcp-remote's users have met it: others could read the tokens. A renewal writes the file anew.
func TestAFileThatOthersCanRead(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	if err := os.Chmod(p.kept(), 0o644); err != nil {
		t.Fatal(err)
	}
	open := os.FileMode(0o644)
	if runtime.GOOS == "windows" {
		open = 0 // where a mode says nothing
	}
	if got := p.tokens.Look(t.Context()).Mode; got != open {
		t.Errorf("got %v", got)
	}
	p.expire()
	if got := p.tokens.Look(t.Context()).Mode; got != 0 {
		t.Errorf("after a renewal: got %v", got)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for mode, want := range map[os.FileMode]os.FileMode{0o640: 0o640, 0o604: 0o604, 0o611: 0} {
		if err := os.Chmod(p.kept(), mode); err != nil {
			t.Fatal(err)
		}
		if got := p.tokens.Look(t.Context()).Mode; got != want {
			t.Errorf("%v: got %v", mode, got)
		}
	}
}

// One line, so that a file of it is read as the key's is; and of a size that the keychains take.
func TestTheFormOfWhatIsKept(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	raw, err := os.ReadFile(p.kept())
	if err != nil || strings.Count(string(raw), "\n") != 1 || len(raw) > 1500 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil || members["resource"] != p.server.URL+"/mcp" || members["issuer"] != p.server.URL {
		t.Errorf("got %v, %v", members["resource"], err)
	}
}

// Who waits for another process does not wait for ever, and does not hold the lock afterwards.
func TestALockThatIsHeld(t *testing.T) {
	p := newPerson(t, faults.Options{})
	unlock, err := p.tokens.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.at(p.server.URL + "/mcp").lock(ctx); codeOf(err) != problem.Unreachable {
		t.Errorf("got %v", err)
	}
	unlock()
	again, err := p.tokens.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// remembered is a person whose sign-in is in a keychain, and for whom each request to the authorization server is answered by
// a function. Nothing of it leaves the process.
func remembered(t *testing.T, g *grant, answer func(url.Values) (string, error)) *person {
	t.Helper()
	p := &person{t: t, home: t.TempDir(), chain: &keychain{}}
	p.tokens = p.at("https://mcp.leadmagic.io/mcp")
	p.tokens.Client = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if err := req.ParseForm(); err != nil {
			return nil, err
		}
		text, err := answer(req.PostForm)
		if err != nil {
			return nil, err
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: req,
		}, nil
	})}
	if g != nil {
		p.remember(g)
	}
	return p
}

// remember puts a sign-in into the keychain, as another process would.
func (p *person) remember(g *grant) {
	p.t.Helper()
	g.Resource, g.Issuer, g.TokenURL, g.ClientID = p.tokens.resource(), "https://sign-in.example", "https://sign-in.example/token", "client"
	raw, err := json.Marshal(g)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.chain.Set(string(raw)); err != nil {
		p.t.Fatal(err)
	}
	p.tokens.signalChange()
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func noRequest(url.Values) (string, error) { return "", errors.New("nobody should ask") }

// A keychain is slow: it is not asked anew for each call.
func TestHowOftenTheKeychainIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := remembered(t, nil, noRequest)
		for i, step := range []struct {
			pause time.Duration
			asked int
		}{{0, 1}, {0, 1}, {missingFor - 1, 1}, {1, 2}, {missingFor - 1, 2}, {1, 3}} {
			<-time.After(step.pause)
			if _, err := p.tokens.Get(t.Context()); codeOf(err) != problem.SignInRequired || err.Error() != "nobody has signed in to mcp.leadmagic.io here" {
				t.Errorf("step %d: got %v", i, err)
			}
			if got := p.chain.asked(); got != step.asked {
				t.Errorf("step %d: it was asked %d times, want %d", i, got, step.asked)
			}
		}
		unlock, err := p.tokens.lock(t.Context()) // which makes the file by which processes tell each other
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		p.remember(&grant{Access: "a"})
		for range 3 {
			if key, err := p.tokens.Get(t.Context()); err != nil || !key.Equal(auth.Token("a")) || p.chain.asked() != 4 {
				t.Errorf("got %v after asking %d times", err, p.chain.asked())
			}
		}
		if state := p.tokens.Describe(); state.Place != "the keychain of this system" || state.Mode != 0 || !state.Stored || state.Renewable || state.Client != "client" {
			t.Errorf("got %+v", state)
		}
	})
}

// A token that was renewed a moment ago and is rejected is not renewed again, and the other way a clock may be set.
func TestHowOftenARejectedTokenIsRenewed(t *testing.T) {
	for _, tt := range []struct {
		name string
		ago  time.Duration
		want bool
	}{
		{"a moment ago", freshFor - 1, false},
		{"a while ago", freshFor, true},
		{"soon", 1 - freshFor, false},
		{"in a while", -freshFor, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			p := remembered(t, &grant{Access: "a", Refresh: "r", Renewed: time.Now().Add(-tt.ago)}, func(form url.Values) (string, error) {
				requests++
				if form.Get("refresh_token") != "r" {
					t.Errorf("got %v", form)
				}
				return `{"access_token":"b","token_type":"Bearer"}`, nil
			})
			key, found := p.tokens.Newer(t.Context(), auth.Token("a"))
			if found != tt.want || found != key.Equal(auth.Token("b")) || (requests == 1) != tt.want {
				t.Errorf("%s: got %v after %d requests", tt.name, found, requests)
			}
			if found && !p.tokens.Describe().Renewable {
				t.Errorf("%s: the refresh token is lost, which was not replaced", tt.name)
			}
		})
	}
}

// A call that is tried again since it could not be sent does not have the authorization server asked each time.
func TestARenewalThatFailsIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		p := remembered(t, &grant{Access: "a", Refresh: "r", Expires: time.Now().Add(-1)}, func(url.Values) (string, error) {
			if requests++; requests > 1 {
				return `{"access_token":"b","token_type":"Bearer"}`, nil
			}
			return "", errors.New("no route")
		})
		for _, pause := range []time.Duration{0, 0, failedFor - 1} {
			<-time.After(pause)
			if _, err := p.tokens.Get(t.Context()); codeOf(err) != problem.Unreachable || requests != 1 {
				t.Errorf("after %s: got %v after %d requests, want the problem of the only one", pause, err, requests)
			}
		}
		<-time.After(1)
		if key, err := p.tokens.Get(t.Context()); err != nil || !key.Equal(auth.Token("b")) || requests != 2 {
			t.Errorf("got %v after %d requests", err, requests)
		}
	})
}

// Whoever waits with others for a reading of theirs may get the token that was rejected, and then has it renewed.
func TestARejectedTokenThatAnotherReadingFinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := remembered(t, &grant{Access: "a", Refresh: "r"}, func(url.Values) (string, error) { return `{"access_token":"b","token_type":"Bearer"}`, nil })
		p.chain.wait = make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			if key, err := p.tokens.renew(t.Context(), auth.Key{}); err != nil || !key.Equal(auth.Token("a")) {
				t.Errorf("got %v", err)
			}
		}()
		synctest.Wait()
		found := make(chan bool)
		go func() {
			key, ok := p.tokens.Newer(t.Context(), auth.Token("a"))
			found <- ok && key.Equal(auth.Token("b"))
		}()
		synctest.Wait()
		close(p.chain.wait)
		<-done
		if !<-found {
			t.Error("there is no other token")
		}
	})
}

// The end of a session waits for a renewal that is under way, but not for ever.
func TestClosingDuringARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := remembered(t, &grant{Access: "a", Refresh: "r", Expires: time.Now()}, func(url.Values) (string, error) {
			<-release
			return `{"access_token":"b","token_type":"Bearer"}`, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ends := make(chan error)
		go func() {
			_, err := p.tokens.Get(ctx)
			ends <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ends; codeOf(err) != problem.Unreachable || !errors.Is(err, context.Canceled) || err.Error() != "the sign-in to LeadMagic is not renewed yet" ||
			problem.As(err).Outcome != problem.NotSent {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		p.tokens.Close(time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it waited for %s", took)
		}
		closed := make(chan struct{})
		go func() {
			p.tokens.Close(time.Second)
			close(closed)
		}()
		synctest.Wait()
		close(release)
		<-closed
		if key, err := p.at("https://mcp.leadmagic.io/mcp").Get(t.Context()); err != nil || !key.Equal(auth.Token("b")) {
			t.Errorf("what was renewed is not there at the end: %v", err)
		}
	})
}

// What another process has done while this one waited for the lock is seen before anything is asked or written.
func TestWhatIsDoneDuringTheWaitForTheLock(t *testing.T) {
	expired := func() *grant { return &grant{Access: "a", Refresh: "r", Expires: time.Now().Add(-time.Hour)} }
	for name, then := range map[string]func(*person){
		"renewed":    func(p *person) { p.remember(&grant{Access: "b", Refresh: "s"}) },
		"run out":    func(p *person) { p.remember(&grant{Refused: "over"}) },
		"signed out": func(p *person) { p.chain.mu.Lock(); p.chain.secret = ""; p.chain.mu.Unlock() },
	} {
		p := remembered(t, expired(), noRequest)
		unlock, err := p.tokens.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends := make(chan error)
		go func() {
			_, err := p.tokens.Get(t.Context())
			ends <- err
		}()
		await(t.Context(), t, "it has read the old one", func() bool { return p.chain.asked() > 0 })
		await(t.Context(), t, "it knows it", func() bool { return p.tokens.Describe().Stored })
		then(p)
		p.chain.mu.Lock()
		sets := p.chain.sets
		p.chain.mu.Unlock()
		unlock()
		if err := <-ends; (err == nil) != (name == "renewed") || err != nil && codeOf(err) != problem.SignInRequired {
			t.Errorf("%s: got %v", name, err)
		}
		if p.chain.sets != sets {
			t.Errorf("%s: it was written anew", name)
		}
	}
}

// A sign-in that could not be kept is used until another one takes its place.
func TestASignInThatIsNotKept(t *testing.T) {
	for name, tt := range map[string]struct {
		then func(*person)
		want string
	}{
		"nothing happens":     {func(*person) {}, "b"},
		"somebody signs in":   {func(p *person) { p.remember(&grant{Access: "c", Issued: time.Now().Add(time.Hour)}) }, "c"},
		"somebody signs out":  {func(p *person) { p.chain.mu.Lock(); p.chain.secret = ""; p.chain.mu.Unlock() }, ""},
		"an older one is put": {func(p *person) { p.remember(&grant{Access: "d", Issued: time.Now().Add(-time.Hour)}) }, "b"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := remembered(t, &grant{Access: "a", Refresh: "r", Issued: time.Now().Add(-time.Hour), Expires: time.Now().Add(-1)},
				func(url.Values) (string, error) { return `{"access_token":"b","token_type":"Bearer"}`, nil })
			p.chain.full = errors.New("full")
			if _, err := p.tokens.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.chain.full = nil
			<-time.After(time.Second)
			tt.then(p)
			p.tokens.signalChange()
			key, err := p.tokens.Get(t.Context())
			if !key.Equal(auth.Token(tt.want)) || (err == nil) != (tt.want != "") {
				t.Errorf("%s: got %v", name, err)
			}
			// In what is kept there is nothing that would come before what is read.
			if tt.want != "c" {
				return
			}
			p.remember(&grant{Access: "e", Issued: time.Now().Add(-time.Hour)})
			<-time.After(time.Second)
			p.tokens.signalChange()
			if _, err := p.tokens.Get(t.Context()); err != nil {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
}

// What LeadMagic says of a token is known until it says something else.
func TestWhatLeadMagicSaysOfAToken(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	for _, tt := range []struct {
		name      string
		status    int
		challenge string
		refused   bool
		lacks     string
	}{
		{"a token that is not taken", http.StatusUnauthorized, `Bearer error="invalid_token"`, true, ""},
		{"one that is", http.StatusOK, "", false, ""},
		{"a right that is missing", http.StatusForbidden, `Bearer error="insufficient_scope", scope="search find"`, true, "find search"},
		{"another", http.StatusForbidden, `Basic realm="x", Bearer error="insufficient_scope", scope="search b"`, true, "b find search"},
		{"something else that is not allowed", http.StatusForbidden, `Bearer error="invalid_token", scope="other"`, false, "b find search"},
		{"another scheme", http.StatusForbidden, `DPoP error="insufficient_scope", scope="other"`, false, "b find search"},
		{"a refusal that is none of rights", http.StatusUnauthorized, `Bearer error="insufficient_scope", scope="other"`, true, "b find search"},
		{"no challenge", http.StatusForbidden, "", false, "b find search"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+"/mcp", nil)
		if err != nil {
			t.Fatal(err)
		}
		res := &http.Response{StatusCode: tt.status, Header: http.Header{}, Request: req}
		if tt.challenge != "" {
			res.Header.Set("Www-Authenticate", tt.challenge)
		}
		if _, err := p.tokens.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.tokens.Answered(res)
		if state := p.tokens.Describe(); state.Refused != tt.refused || state.Lacks != tt.lacks {
			t.Errorf("%s: refused %v, lacks %q", tt.name, state.Refused, state.Lacks)
		}
	}
	if lacks := p.at(p.server.URL + "/mcp").Look(t.Context()).Lacks; lacks != "b find search" {
		t.Errorf("another process is told that it lacks %q", lacks)
	}
}

// What LeadMagic asks for is said to the person where it cannot be stored, too.
func TestRightsThatCannotBeStored(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	lock := p.tokens.lockPath()
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil { // so that nothing can be locked
		t.Fatal(err)
	}
	if _, err := p.tokens.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.server.URL+"/mcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="search"`}}
	p.tokens.Answered(&http.Response{StatusCode: http.StatusForbidden, Header: header, Request: req})
	if state := p.tokens.Describe(); !state.Refused || state.Lacks != "search" {
		t.Errorf("refused %v, lacks %q", state.Refused, state.Lacks)
	}
}

// A response in which nothing is new does not wait for another process.
func TestAResponseThatSaysNothingNew(t *testing.T) {
	p := newPerson(t, faults.Options{})
	answered := func(ctx context.Context, challenge string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.URL+"/mcp", nil)
		if err != nil {
			t.Fatal(err)
		}
		p.tokens.Answered(&http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Www-Authenticate": {challenge}}, Request: req})
	}
	const search = `Bearer error="insufficient_scope", scope="search"`
	for _, signedIn := range []bool{false, true} {
		challenges := []string{search}
		if signedIn {
			p.signIn()
			answered(t.Context(), search)
			challenges = append(challenges, "")
		}
		unlock, err := p.tokens.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, challenge := range challenges {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			answered(ctx, challenge)
			if ctx.Err() != nil {
				t.Errorf("signed in %v: it waited for the lock after %q", signedIn, challenge)
			}
			cancel()
		}
		unlock()
	}
}

// Under other names nobody would find the sign-in that is there already.
func TestWhereASignInIsKept(t *testing.T) {
	p := &person{t: t, home: t.TempDir(), chain: &keychain{err: auth.ErrNoKeychain}}
	for _, address := range []string{"https://mcp.leadmagic.io/mcp", "HTTPS://MCP.LeadMagic.IO/mcp#part"} {
		store := p.at(address).store()
		if store.Account != "sign-in https://mcp.leadmagic.io/mcp" || store.File != "signin-16b54115.json" {
			t.Errorf("%s is kept as %q and in %s", address, store.Account, store.File)
		}
	}
}

// A lock is the same for processes to which an editor passes on different variables.
func TestALockWithOtherVariables(t *testing.T) {
	p := newPerson(t, faults.Options{})
	moved := p.at(p.server.URL + "/mcp")
	moved.Getenv = func(name string) string {
		if name == "XDG_CONFIG_HOME" || name == "APPDATA" {
			return filepath.Join(p.home, "moved")
		}
		return p.tokens.Getenv(name)
	}
	if moved.lockPath() != p.tokens.lockPath() || moved.store().Files()[0] == p.tokens.store().Files()[0] {
		t.Errorf("got %s and %s", moved.lockPath(), p.tokens.lockPath())
	}
}

// A sign-in in a keychain is renewed where no private file could be written.
func TestARenewalInAKeychain(t *testing.T) {
	p := remembered(t, &grant{Access: "a", Refresh: "r", Expires: time.Now().Add(-1)},
		func(url.Values) (string, error) { return `{"access_token":"b","token_type":"Bearer"}`, nil })
	file := filepath.Join(p.home, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	moved := p.at("https://mcp.leadmagic.io/mcp")
	moved.Client = p.tokens.Client
	moved.Getenv = func(name string) string {
		if name == "XDG_CONFIG_HOME" || name == "APPDATA" {
			return filepath.Join(file, "config")
		}
		return p.tokens.Getenv(name)
	}
	if key, err := moved.Get(t.Context()); err != nil || !key.Equal(auth.Token("b")) {
		t.Errorf("got %v", err)
	}
}

// Before somebody signs in it is clear that a lock can be made, and nothing is left of the try.
func TestAFolderWithoutRoomForALock(t *testing.T) {
	p := newPerson(t, faults.Options{})
	l := p.login()
	l.Private = false
	if _, err := l.Run(t.Context()); !errors.Is(err, auth.ErrNoKeychain) {
		t.Errorf("got %v", err)
	}
	folder := filepath.Dir(p.tokens.lockPath())
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	if err := errors.Join(os.Remove(folder), os.Symlink("/proc", folder)); err != nil { // where not even root makes a file
		t.Fatal(err)
	}
	if _, err := p.login().Run(t.Context()); codeOf(err) != problem.BadSetting || !strings.HasPrefix(err.Error(), "the sign-in cannot be locked: ") ||
		problem.As(err).Next != "make the user's config folder writable" || p.server.RequestCount() > 0 {
		t.Errorf("got %v after %d requests", err, p.server.RequestCount())
	}
}

// A disk without room is noticed before a token is used up.
func TestARenewalOnADiskThatIsFull(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // where no process has a limit for its files
	}
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.expire()
	full := p.process()
	full.Args = append([]string{"sh", "-c", `ulimit -f 0; exec "$0"`}, full.Args...)
	full.Path = "/bin/sh"
	out, err := full.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "the sign-in cannot be renewed: writing the private file: ") || len(p.forms("refresh_token")) > 0 {
		t.Errorf("got %v, %q, and %d renewals", err, out, len(p.forms("refresh_token")))
	}
	if status, err := p.use(p.tokens); status != http.StatusOK {
		t.Errorf("with room again: got %d, %v", status, err)
	}
}

// As much is kept as can be read again.
func TestTheLargestSignIn(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.signIn()
	p.edit(func(g *grant) { g.Who = "." })
	info, err := os.Stat(p.kept())
	if err != nil {
		t.Fatal(err)
	}
	room := maxKept - int(info.Size()) + 1 + len("\n")
	p.edit(func(g *grant) { g.Who = strings.Repeat(".", room) })
	if status, err := p.use(p.at(p.server.URL + "/mcp")); status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
	err = p.tokens.update(t.Context(), func(g *grant) error { g.Who = strings.Repeat(".", room+1); return nil })
	if err == nil || err.Error() != "the sign-in is too large to be kept" {
		t.Errorf("got %v", err)
	}
}

// A page of a gateway is none of the authorization server's answers.
func TestAPageInsteadOfTokens(t *testing.T) {
	p := newPerson(t, faults.Options{})
	p.server.Fault(faults.Fault{Path: "/token", Kind: faults.Status, Status: http.StatusBadGateway, ContentType: "text/html", Body: "<html><title>Gateway</title>"})
	if _, err := p.login().Run(t.Context()); codeOf(err) != problem.NotLeadMagic {
		t.Errorf("got %v", err)
	}
}

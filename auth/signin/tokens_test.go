package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
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
			if _, err := other.Get(t.Context()); (err == nil) != tt.later {
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
	now := time.Now()
	for name, tt := range map[string]struct {
		grant grant
		want  bool
	}{
		"none":                         {grant{}, false},
		"without an end":               {grant{Access: "a"}, true},
		"before its end":               {grant{Access: "a", Issued: now, Expires: now.Add(time.Hour)}, true},
		"shortly before its end":       {grant{Access: "a", Issued: now.Add(-time.Hour), Expires: now.Add(10 * time.Second)}, false},
		"after its end":                {grant{Access: "a", Issued: now.Add(-time.Hour), Expires: now.Add(-time.Second)}, false},
		"a short one at its beginning": {grant{Access: "a", Issued: now, Expires: now.Add(5 * time.Second)}, true},
		"a short one later":            {grant{Access: "a", Issued: now.Add(-4 * time.Second), Expires: now.Add(2 * time.Second)}, false},
		"the clock was set back":       {grant{Access: "a", Issued: now.Add(24 * time.Hour), Expires: now.Add(25 * time.Hour)}, true},
		"the clock was set forward":    {grant{Access: "a", Issued: now.Add(-24 * time.Hour), Expires: now.Add(-23 * time.Hour)}, false},
	} {
		if got := tt.grant.usable(early); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
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
	if _, err := p.tokens.Get(t.Context()); codeOf(err) != problem.SignInRequired || !strings.Contains(err.Error(), "has run out") {
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

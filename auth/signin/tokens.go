// Package signin signs a person in to LeadMagic's hosted server with OAuth, and stores the tokens for all sessions of that
// person. One process at a time renews them. Only Login opens a browser. The package sees no message.
package signin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// early is how long before its end an access token is renewed.
	early = 30 * time.Second
	// renewFor bounds one renewal, with the wait for other processes.
	renewFor = 30 * time.Second
	// failedFor is how long after a renewal that did not succeed no other is tried: a call that could not be sent is tried again at once.
	failedFor = 5 * time.Second
	// freshFor is how long after a renewal a token that LeadMagic rejects is not renewed again.
	freshFor = 30 * time.Second
	// missingFor is how long it counts that there is no sign-in, unless a file changes: a keychain is slow.
	missingFor = 30 * time.Second
	// maxKept is more than any sign-in has, and less than is read again.
	maxKept = 32 << 10
)

// Command is what a person runs to sign in.
const Command = "leadmagic-mcp-proxy login --web"

// A grant is a sign-in in the form in which it is stored: one line of JSON, which only this package reads.
type grant struct {
	Resource     string    `json:"resource"`           // the address of the server that it is for, and no other
	Audience     string    `json:"audience,omitempty"` // what that server calls itself: RFC 8707
	Issuer       string    `json:"issuer"`
	TokenURL     string    `json:"tokenEndpoint"`
	RevokeURL    string    `json:"revocationEndpoint,omitempty"`
	ClientID     string    `json:"clientId"`
	ClientSecret string    `json:"clientSecret,omitempty"` // of a registration that was given one unasked
	InHeader     bool      `json:"secretInHeader,omitempty"`
	Scopes       []string  `json:"-"`                      // those that are asked for
	Wanted       []string  `json:"wantedScopes,omitempty"` // those that LeadMagic has asked for since
	Access       string    `json:"accessToken,omitempty"`
	Refresh      string    `json:"refreshToken,omitempty"`
	Issued       time.Time `json:"issued"`
	Expires      time.Time `json:"expires,omitzero"`
	Renewed      time.Time `json:"renewed,omitzero"` // last
	Who          string    `json:"who,omitempty"`
	Refused      string    `json:"refused,omitempty"` // why it could not be renewed
}

// usable reports whether the access token has not run out, with some time left. A clock that was set back makes it usable
// for longer; LeadMagic decides then.
func (g *grant) usable(left time.Duration) bool {
	return g.Access != "" && (g.Expires.IsZero() || time.Until(g.Expires) > min(left, g.Expires.Sub(g.Issued)/2))
}

// key is the access token.
func (g *grant) key() auth.Key { return auth.Token(g.Access) }

// Tokens are the tokens of a sign-in to one server. Nothing is read before the first Get. They are safe for concurrent use;
// the exported fields are set before.
type Tokens struct {
	// Server is the address that the sign-in is for.
	Server *url.URL
	Getenv func(string) string
	// Keychain is where the sign-in may be kept. Nil is that of the system.
	Keychain auth.Keychain
	// Client makes the requests to the authorization server. It follows no redirect.
	Client *http.Client
	// Redactor is told each secret.
	Redactor *auth.Redactor

	mu      sync.Mutex
	grant   *grant // as last read, nil if there is none
	path    string // the private file that it is in, empty for the keychain
	version string // what the files were like then
	read    time.Time
	refused bool // LeadMagic's last answer was that it does not take the token
	unkept  bool // grant could not be stored

	renewals singleflight.Group // one at a time, for all that wait for it
	failure  *problem.Problem   // of the last renewal that did not succeed
	failed   time.Time          // when that was

	places sync.Once // for kept
	kept   *auth.Store
}

// Get implements auth.Credentials.
func (t *Tokens) Get(ctx context.Context) (auth.Key, error) {
	version := t.fileVersions()
	t.mu.Lock()
	g, known := t.grant, version == t.version
	missing := g == nil && known && time.Since(t.read) < missingFor
	t.mu.Unlock()
	switch {
	case g != nil && known && g.usable(early):
		return g.key(), nil
	case missing:
		return auth.Key{}, t.missing(nil)
	}
	return t.renew(ctx, auth.Key{})
}

// Newer implements auth.Credentials.
func (t *Tokens) Newer(ctx context.Context, used auth.Key) (auth.Key, bool) {
	for { // the first may be a renewal that was under way for others
		if key, err := t.renew(ctx, used); err != nil || !key.Equal(used) {
			return key, err == nil
		}
	}
}

// Answered implements auth.Credentials.
func (t *Tokens) Answered(res *http.Response) {
	wanted := wantedScopes(res)
	t.mu.Lock()
	t.refused = res.StatusCode == http.StatusUnauthorized || wanted != nil
	g := t.grant
	t.mu.Unlock()
	if g == nil || !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(g.Wanted, s) }) {
		return
	}
	add := func(g *grant) error {
		g.Wanted = slices.Compact(slices.Sorted(slices.Values(slices.Concat(g.Wanted, wanted))))
		return nil
	}
	// Who signs in next is asked for these too. This process may end as soon as it has the answer.
	if err := t.update(res.Request.Context(), add); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.grant != nil { // what cannot be stored is known here at least
			changed := *t.grant // others may be reading it
			_ = add(&changed)
			t.grant = &changed
		}
	}
}

// wantedScopes are those that a refusal asks for. Source: RFC 6750 §3.1, and the MCP specification, Authorization, Step-Up.
func wantedScopes(res *http.Response) []string {
	if res.StatusCode != http.StatusForbidden {
		return nil
	}
	challenges, _ := oauthex.ParseWWWAuthenticate(res.Header.Values("Www-Authenticate"))
	for _, c := range challenges {
		if c.Scheme == "bearer" && c.Params["error"] == "insufficient_scope" {
			return strings.Fields(c.Params["scope"])
		}
	}
	return nil
}

// Changed reports whether somebody has signed in or out since the last reading. It looks at files alone.
func (t *Tokens) Changed() bool {
	version := t.fileVersions()
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.read.IsZero() && version != t.version
}

// Stored reports whether there is a sign-in, also one that has run out or is in a file that cannot be used.
func (t *Tokens) Stored(ctx context.Context) bool {
	_, err := t.Get(ctx)
	p := problem.As(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	return p == nil || t.grant != nil || p.Code == problem.BadSetting
}

// A State is what is known of a sign-in without asking anybody. It holds no secret.
type State struct {
	// Stored says that there is one, and Place where.
	Stored bool
	Place  string
	// Mode is that of the private file where others can read it, else 0.
	Mode fs.FileMode
	// Broken says why the private file cannot be used. Then nothing else is known.
	Broken error
	// Who has signed in, if the authorization server has said.
	Who    string
	Issuer string
	Client string
	// Refused says that LeadMagic did not take the last token; Over, why it cannot be renewed any more. Lacks are the rights
	// that LeadMagic has asked for and that it does not have.
	Refused     bool
	Over, Lacks string
	// Renewable says that there is a refresh token. Expires is when the access token ends, zero if that is not known.
	Renewable bool
	Expires   time.Time
}

// Look reads the sign-in, and is its state. Nothing is sent for it.
func (t *Tokens) Look(ctx context.Context) State {
	if _, err := t.load(ctx); problem.As(err) != nil && problem.As(err).Code == problem.BadSetting {
		return State{Broken: err}
	}
	return t.Describe() // a keychain that cannot be read has none
}

// Describe is the state as of the last reading.
func (t *Tokens) Describe() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.grant
	if g == nil {
		return State{}
	}
	mode := fs.FileMode(0)
	if info, err := os.Stat(t.path); err == nil && info.Mode().Perm()&0o044 != 0 && runtime.GOOS != "windows" {
		mode = info.Mode().Perm()
	}
	return State{
		Stored: true, Mode: mode, Place: cmp.Or(t.path, "the keychain of this system"), Who: g.Who, Issuer: g.Issuer, Client: problem.PrintableLine(g.ClientID, problem.MaxName), Refused: t.refused, Over: g.Refused,
		Renewable: g.Refresh != "", Expires: g.Expires, Lacks: problem.PrintableLine(strings.Join(g.Wanted, " "), problem.MaxLine),
	}
}

// Close waits for a renewal that is under way, at most for patience: the refresh token that it replaces may be void already.
func (t *Tokens) Close(patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.renewals.DoChan("", func() (any, error) { return nil, notRenewed(context.Canceled) }):
	case <-timer.C:
	}
}

// renew returns an access token that can be used and is not rejected. It goes on when ctx ends.
func (t *Tokens) renew(ctx context.Context, rejected auth.Key) (auth.Key, error) {
	done := t.renewals.DoChan("", func() (any, error) {
		// A session that ends must not cut off what replaces the refresh token.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewFor)
		defer cancel()
		return t.current(ctx, rejected)
	})
	select {
	case r := <-done:
		key, _ := r.Val.(auth.Key)
		return key, r.Err
	case <-ctx.Done():
		return auth.Key{}, notRenewed(ctx.Err())
	}
}

func notRenewed(cause error) error {
	return &problem.Problem{
		Code: problem.Unreachable, Outcome: problem.NotSent, Cause: cause, What: "the sign-in to LeadMagic is not renewed yet",
	}
}

// current reads the sign-in, and renews it if needed: under the lock, and only if no other process has done so before it had
// the lock.
func (t *Tokens) current(ctx context.Context, rejected auth.Key) (auth.Key, error) {
	good := func(g *grant) bool { return g.usable(early) && !g.key().Equal(rejected) }
	g, err := t.load(ctx)
	switch {
	case err != nil:
		return auth.Key{}, err
	case g == nil:
		return auth.Key{}, t.missing(nil)
	case good(g):
		return g.key(), nil
	case g.Refresh != "" && (!g.key().Equal(rejected) || time.Since(g.Renewed).Abs() >= freshFor):
		err = t.update(ctx, func(g *grant) error {
			if good(g) || g.Refresh == "" {
				return nil
			}
			if t.store().Private() != "" { // else a token is used up whose successor cannot be kept
				if err := t.store().Reach(ctx, true); err != nil {
					return problem.New(problem.BadSetting, problem.NotSent, "the sign-in cannot be renewed: "+err.Error(), "make the user's config folder writable, with some room")
				}
			}
			return t.refresh(ctx, g)
		})
		t.mu.Lock()
		g = cmp.Or(t.grant, g)
		t.mu.Unlock()
	}
	if g.usable(0) && !g.key().Equal(rejected) { // until it ends, although it may not be renewed
		return g.key(), nil
	}
	return auth.Key{}, cmp.Or(err, t.missing(g))
}

// missing is the problem of a sign-in that has run out, or of none.
func (t *Tokens) missing(g *grant) error {
	what := "nobody has signed in to " + t.Server.Host + " here"
	if g != nil {
		what = "the sign-in to " + t.Server.Host + " has run out"
		if g.Refused != "" {
			what += ": " + g.Refused
		}
	}
	return problem.New(problem.SignInRequired, problem.NotSent, what, "run: "+Command)
}

// refresh replaces the tokens of g.
func (t *Tokens) refresh(ctx context.Context, g *grant) error {
	if time.Since(t.failed) < failedFor {
		return t.failure
	}
	config := &clientcredentials.Config{
		ClientID: g.ClientID, ClientSecret: g.ClientSecret, TokenURL: g.TokenURL, AuthStyle: g.authStyle(),
		// Of oauth2's requests this is the one that takes all of RFC 6749 §6 and the resource of RFC 8707.
		EndpointParams: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}, "resource": {g.audience()}},
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.Client))
	var refusal *oauth2.RetrieveError
	switch {
	case err == nil:
		g.Renewed = time.Now().Round(0)
		return t.take(g, token)
	case errors.As(err, &refusal) && slices.Contains(final, refusal.ErrorCode):
		g.Access, g.Refresh, g.Refused = "", "", refusalOf(refusal.ErrorCode, refusal.ErrorDescription)
		return nil
	}
	t.failure, t.failed = reason("the sign-in could not be renewed yet: ", err), time.Now()
	t.failure.Outcome = problem.NotSent
	return t.failure
}

// final are the errors of a token endpoint after which another try makes no sense. Source: RFC 6749 §5.2.
var final = []string{"invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target"}

// take copies the tokens of a response into g, if they can be used.
func (t *Tokens) take(g *grant, token *oauth2.Token) error {
	invisible := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if token.Type() != "Bearer" || strings.ContainsFunc(token.AccessToken, invisible) {
		return problem.New(problem.BrokenAnswer, problem.NotSent, "the authorization server gave a token that cannot be used", "")
	}
	g.Access, g.Issued, g.Expires, g.Refused = token.AccessToken, time.Now().Round(0), token.Expiry, ""
	if !g.Expires.After(g.Issued) { // some servers write -1 where it does not expire
		g.Expires = time.Time{}
	}
	g.Refresh = cmp.Or(token.RefreshToken, g.Refresh)
	t.hide(g.ClientSecret, g.Refresh, g.Access)
	return nil
}

// hide has secrets masked in all that is written.
func (t *Tokens) hide(secrets ...string) {
	for _, secret := range secrets {
		t.Redactor.Add(auth.Token(secret))
	}
}

// Logout removes the stored sign-in, and revokes its tokens if the authorization server can. places are where it was stored.
func (t *Tokens) Logout(ctx context.Context) (places []string, revoked bool, err error) {
	unlock, err := t.lock(ctx)
	if err == nil {
		defer unlock()
	}
	g, _ := t.load(ctx) // what cannot be read is removed as well
	places, err = t.store().Remove(ctx)
	t.signalChange()
	if err != nil || g == nil || g.RevokeURL == "" {
		return places, false, err
	}
	revoked = true
	for hint, token := range map[string]string{"refresh_token": g.Refresh, "access_token": g.Access} {
		if token != "" {
			revoked = t.revoke(ctx, g, hint, token) && revoked
		}
	}
	return places, revoked, nil
}

// revoke ends a token, and reports whether it could. Source: RFC 7009 §2.1.
func (t *Tokens) revoke(ctx context.Context, g *grant, hint, token string) bool {
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	if !g.InHeader {
		form.Set("client_id", g.ClientID)
		if g.ClientSecret != "" {
			form.Set("client_secret", g.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.RevokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if g.InHeader {
		req.SetBasicAuth(url.QueryEscape(g.ClientID), url.QueryEscape(g.ClientSecret))
	}
	res, err := t.Client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close() // it is not read
	return res.StatusCode == http.StatusOK
}

// audience is what tokens are asked for.
func (g *grant) audience() string { return cmp.Or(g.Audience, g.Resource) }

func (g *grant) authStyle() oauth2.AuthStyle {
	if g.InHeader {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// reason is the problem that an error of a request to an authorization server stands for, with what was being done in front.
func reason(doing string, err error) *problem.Problem {
	var refusal *oauth2.RetrieveError
	var p problem.Problem
	switch {
	case errors.As(err, &refusal) && refusal.ErrorCode != "":
		p = *problem.New(problem.Failed, problem.Refused, refusalOf(refusal.ErrorCode, refusal.ErrorDescription), "")
	case refusal != nil:
		res := refusal.Response
		p = *unexpected(problem.Answer{Status: res.StatusCode, Header: res.Header, Body: refusal.Body, Asked: res.Request.URL})
	case isNetwork(err), problem.As(err) != nil:
		p = *problem.FromError(err, false)
	default:
		p = *problem.New(problem.BrokenAnswer, problem.Refused, "the authorization server gave a broken answer", "try again later")
	}
	p.What = doing + p.What
	return &p
}

func isNetwork(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// unexpected is the problem of an answer whose form is not that of an authorization server.
func unexpected(a problem.Answer) *problem.Problem {
	p := problem.FromAnswer(a)
	if p.Code == problem.NotLeadMagic || p.Code == problem.RateLimited {
		return p
	}
	return problem.New(problem.Failed, problem.Refused, fmt.Sprintf("%s answered with HTTP %d", a.Asked.Host, a.Status), "try again later")
}

// refusalOf is what an authorization server says of a refusal.
func refusalOf(code, description string) string {
	said := problem.PrintableLine(code, problem.MaxName)
	if description != "" {
		said += " (" + problem.PrintableLine(description, problem.MaxLine) + ")"
	}
	return "the authorization server says " + said
}

// store is where the sign-in is kept: apart for each server, so that none gets what another one's sign-in has given.
func (t *Tokens) store() *auth.Store {
	t.places.Do(func() {
		sum := sha256.Sum256([]byte(t.resource()))
		t.kept = &auth.Store{
			Getenv: t.Getenv, Keychain: t.Keychain, Account: "sign-in " + t.resource(), File: "signin-" + hex.EncodeToString(sum[:4]) + ".json",
		}
	})
	return t.kept
}

// resource is the server's address as an identifier, without what is not part of one. Source: RFC 8707 §2.
func (t *Tokens) resource() string {
	return (&url.URL{Scheme: strings.ToLower(t.Server.Scheme), Host: strings.ToLower(t.Server.Host), Path: t.Server.Path, RawQuery: t.Server.RawQuery}).String()
}

// load reads what is kept, nil if that is no sign-in.
func (t *Tokens) load(ctx context.Context) (*grant, error) {
	version := t.fileVersions()
	t.mu.Lock()
	known := t.grant != nil && t.path == ""
	t.mu.Unlock()
	secret, path, err := t.store().Read(ctx) // an error of a keychain that was never read: it has nothing
	switch {
	case problem.As(err) != nil:
		p := *problem.As(err)
		p.Next = "remove it, then run: " + Command // what helps with the file of a key does not help here
		return nil, &p
	case err != nil && known: // in a keychain that could be read before
		return nil, problem.New(problem.Unreachable, problem.NotSent, "the sign-in cannot be read now: "+err.Error(), "unlock the keychain of this system")
	}
	g := new(grant)
	_ = json.Unmarshal([]byte(secret), g) // what cannot be read is for no server
	// It counts for the server that it was made for, and its secrets go over TLS alone.
	if _, err := auth.CheckOrigin(g.TokenURL); err != nil || g.Resource != t.resource() {
		g = nil
	} else {
		t.hide(g.ClientSecret, g.Refresh, g.Access)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unkept && t.grant != nil && g != nil && t.grant.Issued.After(g.Issued) {
		g = t.grant // what is stored is void
	}
	t.grant, t.path, t.version, t.read = g, path, version, time.Now()
	return g, nil
}

// update changes the stored sign-in under the lock. Without one it does nothing.
func (t *Tokens) update(ctx context.Context, change func(*grant) error) error {
	unlock, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	g, err := t.load(ctx)
	if err != nil || g == nil {
		return err
	}
	changed := *g // others may be reading g
	if err := change(&changed); err != nil || reflect.DeepEqual(changed, *g) {
		return err
	}
	_, err = t.keep(context.WithoutCancel(ctx), &changed, t.store().Private() != "") // what it replaces may be void by now
	return err
}

// keep stores g and returns the place. The lock is held. If that fails, this process goes on with g: the tokens before it
// may be void.
func (t *Tokens) keep(ctx context.Context, g *grant, private bool) (string, error) {
	raw, _ := json.Marshal(g) //nolint:gosec // this is where the secrets are kept
	place, err := "", errors.New("the sign-in is too large to be kept")
	if len(raw) <= maxKept {
		place, err = t.store().Keep(ctx, string(raw), private)
	}
	t.signalChange()
	t.mu.Lock()
	t.grant, t.path, t.version, t.read = g, t.store().Private(), t.fileVersions(), time.Now()
	t.unkept = err != nil
	t.mu.Unlock()
	return place, err
}

// signalChange marks the lock file as changed, so that Changed notices in all processes what was done in a keychain.
func (t *Tokens) signalChange() {
	now := time.Now()
	_ = os.Chtimes(t.lockPath(), now, now)
}

// fileVersions is what the private file and the lock file are like now.
func (t *Tokens) fileVersions() string {
	var said strings.Builder
	for _, path := range []string{t.store().Private(), t.lockPath()} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&said, path, info.ModTime().UnixNano(), info.Size())
		}
	}
	return said.String()
}

// lockPath is in a folder that depends on no XDG_CONFIG_HOME or APPDATA, since an editor may not pass these on.
func (t *Tokens) lockPath() string {
	files := t.store().Files()
	if len(files) == 0 {
		return ""
	}
	return strings.TrimSuffix(files[len(files)-1], ".json") + ".lock"
}

// makeLockFolder makes the folder of the lock.
func (t *Tokens) makeLockFolder() (lock string, err error) {
	if lock = t.lockPath(); lock == "" {
		return "", cannotLock(errors.New("the user's config folder is unknown"))
	}
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		return "", cannotLock(err)
	}
	return lock, nil
}

// lockable says why lock would fail, and leaves no file.
func (t *Tokens) lockable() error {
	path, err := t.makeLockFolder()
	if err != nil {
		return err
	}
	try, err := os.CreateTemp(filepath.Dir(path), "*.lock")
	if err != nil {
		return cannotLock(err)
	}
	return errors.Join(try.Close(), os.Remove(try.Name()))
}

func cannotLock(err error) error {
	return problem.New(problem.BadSetting, problem.NotSent, "the sign-in cannot be locked: "+err.Error(), "make the user's config folder writable")
}

// lock keeps other processes from changing the sign-in, until unlock is called or this process ends.
func (t *Tokens) lock(ctx context.Context) (unlock func(), err error) {
	path, err := t.makeLockFolder()
	if err != nil {
		return nil, err
	}
	locked := make(chan error)
	var release func()
	go func() {
		var err error
		release, err = lockedfile.MutexAt(path).Lock()
		locked <- err
	}()
	select {
	case err := <-locked:
		if err != nil {
			return nil, cannotLock(err)
		}
		return release, nil
	case <-ctx.Done():
		go func() {
			if <-locked == nil {
				release()
			}
		}()
		return nil, problem.New(problem.Unreachable, problem.NotSent, "another session is renewing the sign-in, and has not finished", "")
	}
}

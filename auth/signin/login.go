package signin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	sdkauth "github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// dialFor bounds a connection, requestFor each request to an authorization server, headerFor the browser's request, and
	// signInFor the time that a person has.
	dialFor    = 10 * time.Second
	requestFor = 30 * time.Second
	headerFor  = 10 * time.Second
	signInFor  = 10 * time.Minute
	// maxPage is how many bytes of an answer are read.
	maxPage = 1 << 20
)

// A Login signs a person in.
type Login struct {
	// Tokens are kept by it, in the private file if Private is set, else in the keychain.
	Tokens  *Tokens
	Private bool
	// Dial makes connections. It is changed.
	Dial *http.Transport
	// ClientID is that of a registered public client, empty to register one.
	ClientID string
	// Version of the program.
	Version string
	// Open opens a browser. Nil opens none.
	Open func(address string) error
	// Pasted has the lines that a person types, among them the address at which a browser elsewhere has ended. Nil has none.
	Pasted io.Reader
	// Say tells the person something.
	Say func(text string)

	client  *http.Client
	nearest atomic.Int32 // the innermost zone that may be connected to
}

// Run signs a person in, stores the tokens, and returns the place. The error is a *problem.Problem where the network or a server is the
// reason. When ctx ends, nothing is kept, and nothing left behind but a registration at the authorization server.
func (l *Login) Run(ctx context.Context) (where string, err error) {
	defer endedWith(ctx, &err)
	// What cannot be kept is not asked for: the person would sign in for nothing.
	if err := l.Tokens.lockable(); err != nil {
		return "", err
	}
	if err := l.Tokens.store().Reach(ctx, l.Private); err != nil {
		return "", err
	}
	defer l.Dial.CloseIdleConnections()
	found, err := l.discover(ctx)
	if err != nil {
		return "", err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for the browser's answer: %w", err)
	}
	defer listener.Close() //nolint:errcheck // nothing is written to it
	redirect := "http://" + listener.Addr().String() + "/callback"
	g, err := l.register(ctx, found, redirect)
	if err != nil {
		return "", err
	}
	flow := &oauth2.Config{
		ClientID: g.ClientID, ClientSecret: g.ClientSecret, RedirectURL: redirect, Scopes: g.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: found.server.AuthorizationEndpoint, TokenURL: g.TokenURL, AuthStyle: g.authStyle()},
	}
	verifier, state := oauth2.GenerateVerifier(), rand.Text()
	l.Tokens.hide(verifier)
	resource := oauth2.SetAuthURLParam("resource", g.audience())
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), resource}
	if slices.Contains(g.Scopes, "offline_access") {
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent")) // or it is ignored: OpenID Connect Core §11
	}
	code, err := l.authorize(ctx, flow.AuthCodeURL(state, options...), listener, state, found)
	if err != nil {
		return "", err
	}
	token, err := flow.Exchange(context.WithValue(ctx, oauth2.HTTPClient, l.client), code, oauth2.VerifierOption(verifier), resource)
	if err != nil {
		return "", reason("the sign-in was not completed: ", err)
	}
	if err := l.Tokens.take(g, token); err != nil {
		return "", err
	}
	g.Who = who(token)
	unlock, err := l.Tokens.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return l.Tokens.keep(ctx, g, l.Private)
}

// NewClient makes a client for requests with secrets in them: it follows no redirect.
func NewClient(dial http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     dial,
		Timeout:       requestFor,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// endedWith replaces the error of what ended with ctx by the one of ctx.
func endedWith(ctx context.Context, err *error) {
	if *err != nil && ctx.Err() != nil {
		*err = ctx.Err()
	}
}

// A discovery is what is known of the server and its authorization server.
type discovery struct {
	audience string // what the server calls itself
	server   *oauthex.AuthServerMeta
	scopes   []string
}

// discover finds the authorization server of the server, and reads the metadata of both.
// Source: the MCP specification 2025-11-25, Authorization; without any metadata, that of 2025-03-26.
func (l *Login) discover(ctx context.Context) (*discovery, error) {
	t := l.Tokens
	l.Dial.DialContext = (&net.Dialer{Timeout: dialFor, Control: l.control}).DialContext
	l.client = NewClient(l.Dial)
	l.nearest.Store(anywhere)
	refused, err := l.challenge(ctx)
	if err != nil {
		return nil, reason("", err)
	}
	named := ""
	d := new(discovery)
	challenges, _ := oauthex.ParseWWWAuthenticate(refused.Header.Values("Www-Authenticate")) // without one, what is standard is asked for
	for _, c := range challenges {
		if c.Scheme == "bearer" {
			named = cmp.Or(named, c.Params["resource_metadata"])
			d.scopes = append(d.scopes, strings.Fields(c.Params["scope"])...)
		}
	}
	meta, err := l.resource(ctx, named)
	if err != nil {
		return nil, err
	}
	if meta == nil && refused.Status/100 == 2 {
		return nil, problem.New(problem.Failed, problem.Refused, t.Server.Host+" asks for no sign-in", "use it without one")
	}
	issuer := (&url.URL{Scheme: t.Server.Scheme, Host: t.Server.Host}).String()
	if meta != nil {
		if len(meta.AuthorizationServers) == 0 {
			return nil, unusable(t.Server.Host + " names nobody who signs people in")
		}
		issuer, d.audience = meta.AuthorizationServers[0], meta.Resource
		if len(d.scopes) == 0 {
			d.scopes = meta.ScopesSupported
		}
	}
	if err := l.sameIssuer(ctx, issuer); err != nil {
		return nil, err
	}
	if !l.allowed(issuer) {
		return nil, unusable(t.Server.Host + " names an authorization server that is not asked: " + shown(issuer))
	}
	d.server, err = sdkauth.GetAuthServerMetadata(ctx, issuer, l.client)
	switch {
	case err != nil:
		return nil, unusable("the metadata of " + shown(issuer) + " cannot be used: " + problem.PrintableLine(err.Error(), problem.MaxLine))
	case d.server == nil && (meta != nil || refused.Status != http.StatusUnauthorized):
		return nil, unusable(shown(issuer) + " says nothing of how to sign in")
	case d.server == nil:
		d.server = &oauthex.AuthServerMeta{
			Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token", RegistrationEndpoint: issuer + "/register",
			CodeChallengeMethodsSupported: []string{"S256"},
		}
	}
	return d, l.check(d.server)
}

// Discover returns the issuer of the server's authorization server: what Run does first, and no more.
func (l *Login) Discover(ctx context.Context) (issuer string, err error) {
	defer endedWith(ctx, &err)
	defer l.Dial.CloseIdleConnections()
	d, err := l.discover(ctx)
	if err != nil {
		return "", err
	}
	return d.server.Issuer, nil
}

// unusable is the problem of a server that cannot be signed in to.
func unusable(what string) *problem.Problem {
	return problem.New(problem.Failed, problem.Refused, what, "see whether --mcp-url is right; if it is, this is for LeadMagic's support")
}

// shown is a foreign address for a person.
func shown(address string) string { return problem.PrintableLine(address, problem.MaxLine) }

// check refuses what cannot be used safely of a server's metadata.
func (l *Login) check(m *oauthex.AuthServerMeta) error {
	if !slices.Contains(m.CodeChallengeMethodsSupported, "S256") {
		return unusable(shown(m.Issuer) + " does not know PKCE with S256, which a program on a person's machine needs")
	}
	for _, endpoint := range []struct {
		name, address string
		needed        bool
	}{
		{"authorization", m.AuthorizationEndpoint, true},
		{"token", m.TokenEndpoint, true},
		{"registration", m.RegistrationEndpoint, l.ClientID == ""},
		{"revocation", m.RevocationEndpoint, false},
	} {
		switch {
		case endpoint.address == "" && endpoint.needed && endpoint.name == "registration":
			return problem.New(problem.Failed, problem.Refused, shown(m.Issuer)+" registers no clients by itself",
				"give the id of one that is registered with --oauth-client-id")
		case endpoint.address == "" && endpoint.needed:
			return unusable(shown(m.Issuer) + " names no " + endpoint.name + " endpoint")
		case endpoint.address != "" && !l.allowed(endpoint.address):
			return unusable("the " + endpoint.name + " endpoint of " + shown(m.Issuer) + " is not asked: " + shown(endpoint.address))
		}
	}
	return nil
}

// challenge lists the server's tools without a token, since a refusal says how to sign in: to initialize, some servers need none.
// The zone of the server's address becomes the innermost in which its authorization server may be.
func (l *Login) challenge(ctx context.Context) (problem.Answer, error) {
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { l.nearest.Store(zoneOf(c.Conn.RemoteAddr().String())) }}
	a, err := l.ask(httptrace.WithClientTrace(ctx, trace), http.MethodPost, l.Tokens.Server.String(), list)
	switch {
	case a.Status == 0:
		return a, err
	case a.Status/100 == 3, a.Status >= 500:
		return a, problem.FromAnswer(a)
	}
	return a, nil // the header says all, also where the body is not whole
}

// ask sends a request, with JSON or without a body, and reads the answer. One that is not whole comes with an error.
func (l *Login) ask(ctx context.Context, method, address, content string) (problem.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(content))
	if err != nil {
		return problem.Answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if content != "" {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	}
	res, err := l.client.Do(req)
	if err != nil {
		return problem.Answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	return problem.Answer{Status: res.StatusCode, Header: res.Header, Body: body, Asked: req.URL}, err
}

// resource is the metadata of the server, nil if it has none: where its challenge says, or else at the usual places.
// Source: RFC 9728 §3.
func (l *Login) resource(ctx context.Context, named string) (*oauthex.ProtectedResourceMetadata, error) {
	const known = "/.well-known/oauth-protected-resource"
	at := func(path string) string {
		return (&url.URL{Scheme: l.Tokens.Server.Scheme, Host: l.Tokens.Server.Host, Path: path}).String()
	}
	places := []string{at(known + strings.TrimRight(l.Tokens.Server.Path, "/")), at(known)}
	if named != "" {
		places = slices.Insert(places, 0, named)
	}
	for _, place := range slices.Compact(places) {
		if !l.allowed(place) {
			return nil, unusable(l.Tokens.Server.Host + " names metadata that is not asked for: " + shown(place))
		}
		meta, err := l.fetch(ctx, place)
		if err != nil {
			return nil, reason("", err)
		}
		if meta == nil {
			continue
		}
		if !l.describesServer(meta.Resource) {
			return nil, unusable("the metadata of " + l.Tokens.Server.Host + " is that of another server: " + shown(meta.Resource))
		}
		return meta, nil
	}
	return nil, nil //nolint:nilnil // there is none
}

// fetch reads one page of metadata, which is nil if none is there.
func (l *Login) fetch(ctx context.Context, address string) (*oauthex.ProtectedResourceMetadata, error) {
	a, err := l.ask(ctx, http.MethodGet, address, "")
	switch {
	case err != nil:
		return nil, err
	case a.Status >= 500:
		return nil, unexpected(a)
	case a.Status != http.StatusOK:
		return nil, nil //nolint:nilnil // there is none
	}
	meta := new(oauthex.ProtectedResourceMetadata)
	if err := json.NewDecoder(bytes.NewReader(a.Body)).Decode(meta); err != nil {
		return nil, unusable("the metadata at " + shown(address) + " cannot be read")
	}
	return meta, nil
}

// describesServer reports whether metadata of a resource is that of the server: it is the same, or stands above it. Real
// servers name their origin, or write a / at the end.
func (l *Login) describesServer(resource string) bool {
	u, err := url.Parse(resource)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !auth.SameOrigin(u, l.Tokens.Server) {
		return false
	}
	return strings.HasPrefix(strings.TrimRight(l.Tokens.Server.Path, "/")+"/", strings.TrimRight(u.Path, "/")+"/")
}

// sameIssuer refuses another issuer than the one of the sign-in that is kept, which it is bound to.
func (l *Login) sameIssuer(ctx context.Context, issuer string) error {
	g, _ := l.Tokens.load(ctx) // what cannot be read is replaced
	if g == nil || strings.TrimRight(g.Issuer, "/") == strings.TrimRight(issuer, "/") {
		return nil
	}
	return problem.New(problem.NotAllowed, problem.Refused,
		fmt.Sprintf("the sign-in that is kept is of %s, and %s names another issuer now: %s; it was not asked", shown(g.Issuer), l.Tokens.Server.Host, shown(issuer)),
		"if you know why, remove the old one first: leadmagic-mcp-proxy logout")
}

// register makes the grant of a client: the one whose id is given, or a new one for each sign-in, so that none is stale.
func (l *Login) register(ctx context.Context, d *discovery, redirect string) (*grant, error) {
	m := d.server
	g := &grant{
		Resource: l.Tokens.resource(), Audience: d.audience, Issuer: m.Issuer, TokenURL: m.TokenEndpoint, RevokeURL: m.RevocationEndpoint,
		ClientID: l.ClientID, Scopes: slices.Clone(d.scopes),
	}
	if before, _ := l.Tokens.load(ctx); before != nil {
		g.Scopes = append(g.Scopes, before.Wanted...)
	}
	if slices.Contains(m.ScopesSupported, "offline_access") {
		g.Scopes = append(g.Scopes, "offline_access")
	}
	slices.Sort(g.Scopes)
	g.Scopes = slices.Compact(g.Scopes)
	if l.ClientID != "" {
		return g, nil
	}
	method := "none"
	if offered := m.TokenEndpointAuthMethodsSupported; len(offered) > 0 && !slices.Contains(offered, method) {
		method = offered[0]
		if slices.Contains(offered, "client_secret_post") {
			method = "client_secret_post"
		}
	}
	registered, err := oauthex.RegisterClient(ctx, m.RegistrationEndpoint, &oauthex.ClientRegistrationMetadata{
		RedirectURIs:            []string{redirect},
		TokenEndpointAuthMethod: method,
		GrantTypes:              []string{"authorization_code", "refresh_token"},
		ResponseTypes:           []string{"code"},
		ClientName:              "leadmagic-mcp-proxy (unofficial)",
		Scope:                   strings.Join(g.Scopes, " "),
		SoftwareID:              "leadmagic-mcp-proxy",
		SoftwareVersion:         l.Version,
		ApplicationType:         "native",
	}, l.client)
	var refusal *oauthex.ClientRegistrationError
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		return nil, problem.New(problem.Failed, problem.Refused,
			"no client could be registered: "+refusalOf(refusal.ErrorCode, refusal.ErrorDescription), "give the id of one that is registered with --oauth-client-id")
	case isNetwork(err):
		return nil, reason("no client could be registered: ", err)
	default:
		said, _, _ := strings.Cut(err.Error(), ": ") // the answer follows, with a secret perhaps
		return nil, problem.New(problem.Failed, problem.Refused,
			"no client could be registered at "+shown(m.RegistrationEndpoint)+": "+problem.PrintableLine(said, problem.MaxLine), "try again later")
	}
	g.ClientID, g.ClientSecret = registered.ClientID, registered.ClientSecret
	g.InHeader = g.ClientSecret != "" && cmp.Or(registered.TokenEndpointAuthMethod, "client_secret_basic") == "client_secret_basic"
	l.Tokens.hide(g.ClientSecret)
	return g, nil
}

// authorize sends the person to the authorization page, and returns the code that comes back.
func (l *Login) authorize(ctx context.Context, address string, listener net.Listener, state string, d *discovery) (string, error) {
	page, _ := url.Parse(d.server.AuthorizationEndpoint) // it was checked
	answers := make(chan url.Values, 1)
	server := &http.Server{Handler: l.callback(listener.Addr().String(), state, answers), ReadHeaderTimeout: headerFor}
	go func() { _ = server.Serve(listener) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page that says so
		defer cancel()
		_ = server.Shutdown(ctx)
		_ = server.Close()
	}()
	l.Say(fmt.Sprintf("sign in at %s, for %s:\n\n%s\n", problem.PrintableLine(page.Host, problem.MaxLine), l.Tokens.Server.Host, address))
	if l.Pasted != nil {
		l.Say("then paste the address at which the browser ends, even if it shows an error there:")
		go l.paste(state, answers)
	}
	if l.Open != nil {
		go func() {
			if err := l.Open(address); err != nil {
				l.Say("no browser could be opened: open the address yourself; on another machine, use --no-browser")
			}
		}()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, signInFor, fmt.Errorf("nobody has signed in within %s", signInFor))
	defer cancel()
	var answer url.Values
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	code, issuer := answer.Get("code"), answer.Get("iss")
	l.Tokens.hide(code)
	// An answer of another authorization server may carry a code for that one: RFC 9207 §2.4.
	if required := d.server.AuthorizationResponseIssParameterSupported; issuer != d.server.Issuer && (required || issuer != "") {
		return "", unusable("the answer to the sign-in is not of " + shown(d.server.Issuer) + " but of " + shown(cmp.Or(issuer, "nobody")))
	}
	switch refused := answer.Get("error"); {
	case refused == "" && code == "":
		return "", unusable("the answer to the sign-in has no code in it")
	case refused != "":
		return "", problem.New(problem.NotAllowed, problem.Refused, "the sign-in was refused: "+refusalOf(refused, answer.Get("error_description")), "try again: "+Command)
	}
	return code, nil
}

// callback takes the one answer that belongs to this sign-in. Other requests are ignored: those of web pages that guess, and
// those to another host name that resolves to this machine (DNS rebinding).
func (l *Login) callback(host, state string, answers chan<- url.Values) http.Handler {
	ignored := sync.OnceFunc(func() { l.Say("an answer that does not belong to this sign-in came, and was ignored") })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		status := http.StatusNotFound
		if req.Method == http.MethodGet && req.Host == host && req.URL.Path == "/callback" {
			if status = accept(req.URL.Query(), state, answers); status == http.StatusBadRequest {
				ignored()
			}
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "<!doctype html><html lang=en><title>leadmagic-mcp-proxy</title><p>%s</p></html>\n", pages[status])
	})
}

// pages are what the browser shows, by the status.
var pages = map[int]string{
	http.StatusOK:         "The answer has arrived. You can close this page: the terminal says what came of it.",
	http.StatusBadRequest: "This answer does not belong to the sign-in that is waiting. Start again from the address in the terminal.",
	http.StatusNotFound:   "There is nothing here.",
	http.StatusConflict:   "An answer has arrived before. You can close this page.",
}

// accept takes an answer if it has the state of this sign-in and is the first, and returns the status for it.
func accept(answer url.Values, state string, answers chan<- url.Values) int {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(state)) != 1 {
		return http.StatusBadRequest
	}
	select {
	case answers <- answer:
		return http.StatusOK
	default:
		return http.StatusConflict
	}
}

// paste reads addresses until one is the answer.
func (l *Login) paste(state string, answers chan<- url.Values) {
	lines := bufio.NewScanner(io.LimitReader(l.Pasted, maxPage))
	for lines.Scan() {
		line := strings.Trim(strings.TrimSpace(lines.Text()), `"'<>`)
		if line == "" {
			continue
		}
		_, query, _ := strings.Cut(line, "?") // what is before it may be missing: some browsers do not show http://
		query, _, _ = strings.Cut(query, "#")
		if answer, err := url.ParseQuery(query); err == nil && accept(answer, state, answers) != http.StatusBadRequest {
			return
		}
		l.Say("that is not the address: copy all of it from the browser, as it is when the sign-in is over")
	}
}

// Zones of addresses, from the outermost on. A server may name addresses of its own zone and of those further out.
const (
	public int32 = iota
	private
	thisMachine
	anywhere
)

func zoneOf(address string) int32 {
	at, err := netip.ParseAddrPort(address)
	ip := at.Addr().Unmap()
	switch shared := netip.MustParsePrefix("100.64.0.0/10"); {
	case err != nil, ip.IsLoopback(), ip.IsUnspecified():
		return thisMachine
	case ip.IsPrivate(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), shared.Contains(ip):
		return private
	}
	return public
}

// control refuses connections to a zone further in than that of the server, or of the proxy to it: a server on the internet must
// not make this program send requests into a private network.
func (l *Login) control(_, address string, _ syscall.RawConn) error {
	if zoneOf(address) > l.nearest.Load() {
		return unusable(l.Tokens.Server.Host + " names a server in a private network, which was not asked")
	}
	return nil
}

// allowed reports whether a request may go to an address that a server names: https, or this machine if the server is on it.
// Characters that RFC 3986 does not allow are refused: letters that are not ASCII may look like others, and a quote or a blank
// may end the argument of the program that opens a browser. A fragment would swallow what is added behind it.
func (l *Login) allowed(address string) bool {
	u, err := auth.CheckOrigin(address)
	forbidden := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"#<>\\^`{|}", r) }
	return err == nil && !strings.ContainsFunc(address, forbidden) && (u.Scheme == "https" || l.Tokens.Server.Scheme == "http")
}

// who names the person and the workspace, if the authorization server has: beside the tokens, or in an ID token. The ID token came
// from that server over TLS, and is only shown, so its signature is not checked. Source: OpenID Connect Core §3.1.3.7.
func who(token *oauth2.Token) string {
	claims := map[string]any{}
	if id, ok := token.Extra("id_token").(string); ok {
		if parts := strings.Split(id, "."); len(parts) == 3 {
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(payload, &claims) // what cannot be read says nothing
		}
	}
	first := func(names ...string) string {
		for _, name := range names {
			beside, _ := token.Extra(name).(string)
			claim, _ := claims[name].(string)
			if said := problem.PrintableLine(cmp.Or(beside, claim), problem.MaxName); said != "" {
				return said
			}
		}
		return ""
	}
	person, workspace := first("email", "preferred_username", "name"), first("workspace_name", "workspace", "org_name", "org_slug")
	if workspace != "" {
		person = strings.TrimSpace(person + " in workspace " + workspace)
	}
	return person
}

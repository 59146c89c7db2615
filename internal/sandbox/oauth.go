package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ClientID is a public client that needs no registration.
const ClientID = "sandbox-client"

const (
	scopes       = "openid profile email"
	offlineScope = "offline_access" // without it there is no refresh token; the resource does not name it (SEP-2207)

	codeLife         = time.Minute
	maxOAuthBody     = 64 << 10
	resourceMetadata = "/.well-known/oauth-protected-resource" // before the path of the resource
)

// authServer is the sandbox's authorization server (OAuth 2.1). Its clients are public, its authorization page approves by
// itself, and what it issues is for the MCP endpoint of the same origin.
type authServer struct {
	mu      sync.Mutex
	clients map[string][]string    // their redirect URIs by id; none means any
	issued  map[string]*credential // used ones are kept, so that using one again is noticed
}

func newAuthServer() authServer {
	return authServer{clients: map[string][]string{ClientID: nil}, issued: make(map[string]*credential)}
}

// grant is what a person has approved, and what every credential from one code belongs to.
type grant struct {
	client, resource, scope string
	redirect, challenge     string // of its code
	revoked                 bool
}

// credential is a code, an access token or a refresh token.
type credential struct {
	*grant
	kind    string
	expires time.Time // zero for never
	used    bool
}

func (c *credential) valid() bool {
	return !c.revoked && !c.used && (c.expires.IsZero() || time.Now().Before(c.expires))
}

// issue makes a credential of a grant. mu is held.
func (a *authServer) issue(g *grant, kind string, life time.Duration) string {
	text := "sandbox-" + kind + "-" + rand.Text()
	c := &credential{grant: g, kind: kind}
	if life > 0 {
		c.expires = time.Now().Add(life)
	}
	a.issued[text] = c
	return text
}

// authorizes reports whether a request has a valid access token for its resource.
func (a *authServer) authorizes(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.issued[bearer(r)]
	return c != nil && c.kind == "access" && c.valid() && sameResource(c.resource, origin(r)+r.URL.Path)
}

func sameResource(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// ExpireTokens ends every access token at once, which no client can know. Refresh tokens stay.
func (s *Sandbox) ExpireTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	for _, c := range s.auth.issued {
		c.used = c.used || c.kind == "access"
	}
}

// challenge answers a request to the MCP endpoint that shows no valid token (RFC 6750, RFC 9728).
func challenge(w http.ResponseWriter, r *http.Request, shown bool) {
	text := `Bearer resource_metadata="` + origin(r) + resourceMetadata + r.URL.Path + `"`
	if shown {
		text += `, error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", text)
	refuseOAuth(w, http.StatusUnauthorized, "invalid_token", "sign in to use this server")
}

// refuseOAuth answers with an error of RFC 6749 or RFC 7591.
func refuseOAuth(w http.ResponseWriter, status int, code, why string) {
	writeJSON(w, status, object{"error": code, "error_description": why})
}

// serveOAuth serves the authorization server and the metadata of the resource. It reports false for any other request.
func (s *Sandbox) serveOAuth(w http.ResponseWriter, r *http.Request) bool {
	serve := map[string]http.HandlerFunc{
		"GET " + resourceMetadata:                     serveResourceMetadata,
		"GET " + resourceMetadata + "/":               serveResourceMetadata,
		"GET " + resourceMetadata + "/mcp":            serveResourceMetadata,
		"GET /.well-known/oauth-authorization-server": serveAuthServerMetadata,
		"GET /authorize":                              s.serveAuthorize,
		"POST /register":                              s.serveRegister,
		"POST /token":                                 s.ofClient(s.serveToken),
		"POST /revoke":                                s.ofClient(s.serveRevoke),
	}[r.Method+" "+r.URL.Path]
	if serve == nil {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxOAuthBody)
	serve(w, r)
	return true
}

// serveResourceMetadata serves the document that a challenge points to (RFC 9728).
func serveResourceMetadata(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, object{
		"resource":                 origin(r) + strings.TrimPrefix(r.URL.Path, resourceMetadata),
		"resource_name":            "LeadMagic sandbox (unofficial)",
		"authorization_servers":    []string{origin(r)},
		"bearer_methods_supported": []string{"header"},
		"scopes_supported":         strings.Fields(scopes),
	})
}

// serveAuthServerMetadata serves the metadata of the authorization server (RFC 8414), whose issuer is the sandbox's origin.
func serveAuthServerMetadata(w http.ResponseWriter, r *http.Request) {
	base := origin(r)
	writeJSON(w, http.StatusOK, object{
		"issuer":                 base,
		"authorization_endpoint": base + "/authorize",
		"token_endpoint":         base + "/token",
		"registration_endpoint":  base + "/register",
		"revocation_endpoint":    base + "/revoke",
		"scopes_supported":       strings.Fields(scopes + " " + offlineScope),

		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"revocation_endpoint_auth_methods_supported":     []string{"none"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// redirectURI parses a redirect URI: of a native client, so on loopback (RFC 8252). It returns nil for any other.
func redirectURI(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.User != nil || strings.Contains(text, "#") || !isLoopback(u.Host) {
		return nil
	}
	return u
}

// withoutPort is what two redirect URIs of one client have in common: the port may be any that was free (RFC 8252 §7.3).
func withoutPort(u *url.URL) string { return u.Hostname() + u.EscapedPath() + "?" + u.RawQuery }

// serveRegister registers a public client (RFC 7591).
func (s *Sandbox) serveRegister(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		RedirectURIs []string `json:"redirect_uris"`
		AuthMethod   string   `json:"token_endpoint_auth_method"`
	}
	body, _ := io.ReadAll(r.Body) // half a body is no JSON
	var all object
	switch {
	case json.Unmarshal(body, &all) != nil || json.Unmarshal(body, &asked) != nil || len(asked.RedirectURIs) == 0:
		refuseOAuth(w, http.StatusBadRequest, "invalid_client_metadata", "a JSON object with redirect_uris is needed")
	case asked.AuthMethod != "" && asked.AuthMethod != "none":
		refuseOAuth(w, http.StatusBadRequest, "invalid_client_metadata", "clients are public: token_endpoint_auth_method is none")
	case slices.ContainsFunc(asked.RedirectURIs, func(uri string) bool { return redirectURI(uri) == nil }):
		refuseOAuth(w, http.StatusBadRequest, "invalid_redirect_uri", "redirect URIs are http on loopback")
	default:
		id := ClientID + "-" + rand.Text()
		s.auth.mu.Lock()
		s.auth.clients[id] = asked.RedirectURIs
		s.auth.mu.Unlock()
		maps.Copy(all, object{"client_id": id, "client_id_issued_at": time.Now().Unix(), "token_endpoint_auth_method": "none"})
		writeJSON(w, http.StatusCreated, all)
	}
}

// mayRedirect reports whether an answer to a client may go to u. mu is held.
func (a *authServer) mayRedirect(client string, u *url.URL) bool {
	uris, known := a.clients[client]
	return known && u != nil && (uris == nil || slices.ContainsFunc(uris, func(uri string) bool {
		return withoutPort(redirectURI(uri)) == withoutPort(u)
	}))
}

// serveAuthorize is the page on which a person would approve: it approves at once, and redirects with a code.
func (s *Sandbox) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	q := r.URL.Query()
	back := redirectURI(q.Get("redirect_uri"))
	if !s.auth.mayRedirect(q.Get("client_id"), back) { // so nothing is sent there either
		http.Error(w, "unknown client_id, or not a redirect_uri of that client", http.StatusBadRequest)
		return
	}
	answer := back.Query()
	answer.Set("iss", origin(r)) // RFC 9207
	if q.Has("state") {
		answer.Set("state", q.Get("state"))
	}
	g := &grant{
		client: q.Get("client_id"), resource: q.Get("resource"), scope: q.Get("scope"),
		redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"),
	}
	if g.scope == "" {
		g.scope = scopes
	}
	deny := func(code, why string) { answer.Set("error", code); answer.Set("error_description", why) }
	switch {
	case repeats(q):
		deny("invalid_request", "a parameter comes twice")
	case q.Get("response_type") != "code":
		deny("unsupported_response_type", "response_type is code")
	case q.Get("code_challenge_method") != "S256" || len(g.challenge) != base64.RawURLEncoding.EncodedLen(sha256.Size):
		deny("invalid_request", "PKCE with S256 is needed")
	case !sameResource(g.resource, origin(r)+"/mcp") && !sameResource(g.resource, origin(r)):
		deny("invalid_target", "resource is the address of the MCP server") // RFC 8707
	default:
		answer.Set("code", s.auth.issue(g, "code", codeLife))
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) //nolint:gosec // to loopback, and to a URI of that client
}

// repeats reports whether a parameter comes twice, which OAuth forbids.
func repeats(values url.Values) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(values)), func(all []string) bool { return len(all) > 1 })
}

// ofClient serves a form that a known client sends, with mu held, and refuses any other.
func (s *Sandbox) ofClient(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		s.auth.mu.Lock()
		defer s.auth.mu.Unlock()
		_, known := s.auth.clients[r.PostForm.Get("client_id")]
		switch {
		case err != nil || repeats(r.PostForm):
			refuseOAuth(w, http.StatusBadRequest, "invalid_request", "a form is needed in which each parameter comes once")
		case !known || r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret"):
			refuseOAuth(w, http.StatusUnauthorized, "invalid_client", "a registered public client is needed, by its client_id alone")
		default:
			serve(w, r)
		}
	}
}

// serveToken exchanges a code or a refresh token for tokens. Each is good for one use; a second one revokes all that came of
// the first, since one of the two users has stolen it.
func (s *Sandbox) serveToken(w http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	refuse := func(code, why string) { refuseOAuth(w, http.StatusBadRequest, code, why) }
	kind, text := "code", form.Get("code")
	switch form.Get("grant_type") {
	case "authorization_code":
	case "refresh_token":
		kind, text = "refresh", form.Get("refresh_token")
	default:
		refuse("unsupported_grant_type", "grant_type is authorization_code or refresh_token")
		return
	}
	c := s.auth.issued[text]
	proof := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case c == nil || c.kind != kind || c.client != form.Get("client_id"):
		refuse("invalid_grant", "no such "+kind+" of this client")
	case c.used:
		c.revoked = true
		refuse("invalid_grant", "this "+kind+" was used before: everything that came of it is revoked")
	case !c.valid():
		refuse("invalid_grant", "this "+kind+" has expired or is revoked")
	case kind == "code" && form.Get("redirect_uri") != c.redirect:
		refuse("invalid_grant", "redirect_uri is not the one the code was sent to")
	case kind == "code" && base64.RawURLEncoding.EncodeToString(proof[:]) != c.challenge:
		refuse("invalid_grant", "code_verifier does not match the challenge")
	case (kind == "code" || form.Has("resource")) && !sameResource(form.Get("resource"), c.resource):
		refuse("invalid_target", "resource is not the one that was authorized")
	default:
		c.used = true
		writeJSON(w, http.StatusOK, s.tokens(r, c.grant))
	}
}

// tokens are new tokens of a grant. mu is held.
func (s *Sandbox) tokens(r *http.Request, g *grant) object {
	life, encode := s.opts.TokenLife, base64.RawURLEncoding.EncodeToString
	body := object{
		"access_token": s.auth.issue(g, "access", life), "token_type": "Bearer", "expires_in": int(life.Seconds()), "scope": g.scope,
	}
	scope := " " + g.scope + " "
	if strings.Contains(scope, " "+offlineScope+" ") {
		body["refresh_token"] = s.auth.issue(g, "refresh", 0)
	}
	if strings.Contains(scope, " openid ") {
		now := time.Now()
		claims, _ := json.Marshal(object{ // it holds texts and numbers
			"iss": origin(r), "sub": "user_sandbox", "aud": g.client, "iat": now.Unix(), "exp": now.Add(life).Unix(),
			"name": "Sandbox User", "email": "user@sandbox.example", "org_name": "Sandbox Workspace",
		})
		// It is not signed: the client has it from the token endpoint itself.
		body["id_token"] = encode([]byte(`{"alg":"none"}`)) + "." + encode(claims) + "."
	}
	return body
}

// serveRevoke revokes a token (RFC 7009), and with a refresh token all that came of the same code.
func (s *Sandbox) serveRevoke(_ http.ResponseWriter, r *http.Request) {
	switch c := s.auth.issued[r.PostForm.Get("token")]; {
	case c == nil || c.client != r.PostForm.Get("client_id"): // this client has no such token
	case c.kind == "refresh":
		c.revoked = true
	default:
		c.used = true
	}
}

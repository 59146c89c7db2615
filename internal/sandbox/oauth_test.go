package sandbox_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// The verifier and its challenge are those of RFC 7636, appendix B.
const (
	back      = "http://127.0.0.1:8931/callback"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestASignInWithTheSDK(t *testing.T) {
	for _, version := range []string{withSessions, stateless} {
		s := start(t, faults.Options{OAuthOnly: true, Credits: 5})
		c := client(t)
		handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
			DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
				RedirectURIs: []string{back}, TokenEndpointAuthMethod: "none", ClientName: "test",
			}},
			Client: c,
			AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
				got := redirect(t, c, args.URL)
				return &auth.AuthorizationResult{Code: got.Get("code"), State: got.Get("state"), Iss: got.Get("iss")}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: s.URL + "/mcp", HTTPClient: c, OAuthHandler: handler, MaxRetries: -1,
		}, &mcp.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		if got := call(t, session, "find_work_email", map[string]any{"full_name": "Ada", "domain": "a.example"}); got["email"] == nil {
			t.Errorf("%s: %v", version, got)
		}
		if err := session.Close(); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if s.Balance() != 4 {
			t.Errorf("%s: the balance is %v, want that of the key's account", version, s.Balance())
		}
	}
}

// redirect opens an authorization page, as a browser does, and returns what it sends back.
func redirect(t *testing.T, c *http.Client, address string) url.Values {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	to, err := response.Location()
	if err != nil || !strings.HasPrefix(to.String(), back) {
		t.Fatalf("%d, to %v: %v", response.StatusCode, to, err)
	}
	return to.Query()
}

// changed is the query of a form with some of its values given as name, value, name, value; an empty one is left out.
func changed(form url.Values, changes []string) string {
	values := url.Values{}
	for name := range form {
		values.Set(name, form.Get(name))
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			values.Del(changes[i])
		} else {
			values.Set(changes[i], changes[i+1])
		}
	}
	return values.Encode()
}

// authorize asks for a code, and returns what is sent back.
func authorize(t *testing.T, s *faults.Server, changes ...string) url.Values {
	t.Helper()
	return redirect(t, client(t), s.URL+"/authorize?"+changed(url.Values{
		"response_type": {"code"}, "client_id": {sandbox.ClientID}, "redirect_uri": {back}, "state": {"s t&te"}, "resource": {s.URL + "/mcp"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "scope": {"openid offline_access"},
	}, changes))
}

// post sends a form.
func post(t *testing.T, s *faults.Server, path, form string) reply {
	t.Helper()
	return send(t, s, request{method: "POST", path: path, body: form, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
}

// exchange exchanges a code for tokens.
func exchange(t *testing.T, s *faults.Server, code string, changes ...string) reply {
	t.Helper()
	return post(t, s, "/token", changed(url.Values{
		"grant_type": {"authorization_code"}, "client_id": {sandbox.ClientID}, "redirect_uri": {back}, "resource": {s.URL + "/mcp"},
		"code": {code}, "code_verifier": {verifier},
	}, changes))
}

func refresh(t *testing.T, s *faults.Server, token any, changes ...string) reply {
	t.Helper()
	return post(t, s, "/token", changed(url.Values{
		"grant_type": {"refresh_token"}, "client_id": {sandbox.ClientID}, "refresh_token": {token.(string)},
	}, changes))
}

// tokens signs in.
func tokens(t *testing.T, s *faults.Server) map[string]any {
	t.Helper()
	got := exchange(t, s, authorize(t, s).Get("code"))
	if got.status != 200 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return decode(t, got.body)
}

// ping is the status that a token has at the MCP endpoint.
func ping(t *testing.T, s *faults.Server, token any) int {
	t.Helper()
	return send(t, s, request{
		method: "POST", path: "/mcp", body: `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
		header: map[string]string{"x-leadmagic-key": "", "Authorization": "Bearer " + token.(string)},
	}).status
}

func TestMetadata(t *testing.T) {
	s := start(t, faults.Options{OAuthOnly: true})
	for _, path := range []string{"", "/", "/mcp"} {
		got := decode(t, send(t, s, request{method: "GET", path: "/.well-known/oauth-protected-resource" + path}).body)
		if got["resource"] != s.URL+path || got["authorization_servers"].([]any)[0] != s.URL {
			t.Errorf("of the resource %q: %v", path, got)
		}
	}
	meta, err := oauthex.GetAuthServerMeta(t.Context(), s.URL+"/.well-known/oauth-authorization-server", s.URL, client(t))
	if err != nil || meta.RevocationEndpoint != s.URL+"/revoke" || !meta.AuthorizationResponseIssParameterSupported {
		t.Errorf("of the authorization server: %+v, %v", meta, err)
	}
	for _, q := range []request{{method: "POST", path: "/authorize"}, {method: "GET", path: "/token"}, {method: "GET", path: "/.well-known/oauth-protected-resource/v1"}} {
		if got := send(t, s, q); got.status != 404 {
			t.Errorf("%s %s: %d", q.method, q.path, got.status)
		}
	}
}

func TestRegistration(t *testing.T) {
	s := start(t, faults.Options{})
	for body, want := range map[string]string{
		`{"redirect_uris":["http://127.0.0.1/a","http://localhost:1/b","http://[::1]:2/c"],"client_name":"n"}`: `"client_name":"n"`,
		`{"redirect_uris":["http://127.0.0.1/"],"token_endpoint_auth_method":"none"}`:                          `"token_endpoint_auth_method":"none"`,
		`{"redirect_uris":["http://127.0.0.1/"],"token_endpoint_auth_method":"client_secret_basic"}`:           `invalid_client_metadata`,
		`{"redirect_uris":[]}`:                   `invalid_client_metadata`,
		`{"redirect_uris":["http://127.0.0.1/"]`: `invalid_client_metadata`,
		`{"redirect_uris":"http://127.0.0.1/"}`:  `invalid_client_metadata`,
		`[]`:                                     `invalid_client_metadata`,
		`{"redirect_uris":["http://127.0.0.1/","https://a.example"]}`:                      `invalid_redirect_uri`,
		`{"redirect_uris":["http://127.0.0.1@a.example/"]}`:                                `invalid_redirect_uri`,
		`{"redirect_uris":["http://127.0.0.1.a.example/"]}`:                                `invalid_redirect_uri`,
		`{"redirect_uris":["http://127.0.0.1/#a"]}`:                                        `invalid_redirect_uri`,
		`{"redirect_uris":["javascript://127.0.0.1/"]}`:                                    `invalid_redirect_uri`,
		`{"redirect_uris":["http://127.0.0.1/"],"x":"` + strings.Repeat("x", 1<<17) + `"}`: `invalid_client_metadata`,
	} {
		got := send(t, s, request{method: "POST", path: "/register", body: body})
		status := 201
		if strings.HasPrefix(want, "invalid") {
			status = 400
		}
		if got.status != status || !strings.Contains(got.body, want) {
			t.Errorf("%.100s: %d %s", body, got.status, got.body)
		}
	}
	got := decode(t, send(t, s, request{method: "POST", path: "/register", body: `{"redirect_uris":["http://127.0.0.1:1/callback"]}`}).body)
	id := got["client_id"].(string)
	if code := authorize(t, s, "client_id", id).Get("code"); code == "" {
		t.Error("another port is refused")
	}
	for what, changes := range map[string][]string{
		"another path":     {"client_id", id, "redirect_uri", "http://127.0.0.1:1/other"},
		"another host":     {"client_id", id, "redirect_uri", "http://localhost:1/callback"},
		"not on loopback":  {"redirect_uri", "http://a.example/callback"},
		"no redirect URI":  {"redirect_uri", ""},
		"no such client":   {"client_id", id + "x"},
		"without a client": {"client_id", ""},
	} {
		q := changed(url.Values{"response_type": {"code"}, "client_id": {sandbox.ClientID}, "redirect_uri": {back}}, changes)
		if got := send(t, s, request{method: "GET", path: "/authorize?" + q}); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d, to %q", what, got.status, got.header.Get("Location"))
		}
	}
}

func TestTheAuthorizationPage(t *testing.T) {
	s := start(t, faults.Options{})
	got := authorize(t, s, "redirect_uri", back+"?a=b")
	if got.Get("a") != "b" || got.Get("code") == "" || got.Get("state") != "s t&te" || got.Get("iss") != s.URL {
		t.Errorf("it sends back %v", got)
	}
	if got := authorize(t, s, "state", ""); got.Has("state") {
		t.Errorf("without a state it sends back %v", got)
	}
	for want, changes := range map[string][]string{
		"unsupported_response_type": {"response_type", "token"},
		"invalid_request":           {"code_challenge_method", "plain"},
		"invalid_target":            {"resource", "https://mcp.a.example/mcp"},
	} {
		if got := authorize(t, s, changes...); got.Get("error") != want || got.Has("code") || got.Get("state") == "" || got.Get("iss") == "" {
			t.Errorf("%v: it sends back %v", changes, got)
		}
	}
	for _, changes := range [][]string{{"code_challenge", ""}, {"code_challenge", "short"}, {"resource", ""}} {
		if got := authorize(t, s, changes...); !got.Has("error") || got.Has("code") {
			t.Errorf("%v: it sends back %v", changes, got)
		}
	}
	if got := redirect(t, client(t), s.URL+"/authorize?client_id="+sandbox.ClientID+"&state=a&state=b&redirect_uri="+back); got.Get("error") != "invalid_request" {
		t.Errorf("two states: it sends back %v", got)
	}
}

func TestACodeIsExchanged(t *testing.T) {
	s := start(t, faults.Options{OAuthOnly: true})
	for what, test := range map[string]struct {
		changes []string
		want    string
	}{
		"another verifier":     {[]string{"code_verifier", verifier + "x"}, "invalid_grant"},
		"no verifier":          {[]string{"code_verifier", ""}, "invalid_grant"},
		"another redirect URI": {[]string{"redirect_uri", back + "x"}, "invalid_grant"},
		"another resource":     {[]string{"resource", "https://mcp.a.example/mcp"}, "invalid_target"},
		"no resource":          {[]string{"resource", ""}, "invalid_target"},
		"another code":         {[]string{"code", "x"}, "invalid_grant"},
		"no such client":       {[]string{"client_id", "x"}, "invalid_client"},
		"a client's secret":    {[]string{"client_secret", "x"}, "invalid_client"},
		"another grant type":   {[]string{"grant_type", "password"}, "unsupported_grant_type"},
		"a code as refresh":    {[]string{"grant_type", "refresh_token"}, "invalid_grant"},
	} {
		code := authorize(t, s).Get("code")
		if got := exchange(t, s, code, test.changes...); got.status/100 != 4 || decode(t, got.body)["error"] != test.want {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
		if got := exchange(t, s, code); got.status != 200 {
			t.Errorf("%s, and then the right one: %d %s", what, got.status, got.body)
		}
	}
	if got := post(t, s, "/token", "client_id="+sandbox.ClientID+"&grant_type=refresh_token&grant_type=refresh_token"); !strings.Contains(got.body, "invalid_request") {
		t.Errorf("a parameter that comes twice: %s", got.body)
	}

	got := tokens(t, s)
	if got["token_type"] != "Bearer" || got["expires_in"] != 300.0 || got["scope"] != "openid offline_access" || ping(t, s, got["access_token"]) != 200 {
		t.Errorf("the tokens are %v", got)
	}
	_, claims, _ := strings.Cut(got["id_token"].(string), ".")
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(claims, "."))
	if claim := decode(t, string(text)); err != nil || claim["iss"] != s.URL || claim["aud"] != sandbox.ClientID || claim["email"] != "user@sandbox.example" {
		t.Errorf("the ID token says %s, %v", text, err)
	}
	code := authorize(t, s, "scope", "").Get("code")
	got = decode(t, exchange(t, s, code).body)
	if got["refresh_token"] != nil || ping(t, s, got["access_token"]) != 200 {
		t.Errorf("without offline_access: %v", got)
	}
	if again := exchange(t, s, code); again.status != 400 || ping(t, s, got["access_token"]) != 401 {
		t.Errorf("a code that comes twice: %d %s, and its token stays", again.status, again.body)
	}
}

func TestARefreshTokenIsGoodForOneUse(t *testing.T) {
	s := start(t, faults.Options{OAuthOnly: true})
	first := tokens(t, s)
	if got := refresh(t, s, first["refresh_token"], "resource", s.URL+"/v1"); !strings.Contains(got.body, "invalid_target") {
		t.Errorf("for another resource: %s", got.body)
	}
	other := decode(t, send(t, s, request{method: "POST", path: "/register", body: `{"redirect_uris":["http://127.0.0.1/"]}`}).body)
	if got := refresh(t, s, first["refresh_token"], "client_id", other["client_id"].(string)); !strings.Contains(got.body, "invalid_grant") {
		t.Errorf("by another client: %s", got.body)
	}
	second := decode(t, refresh(t, s, first["refresh_token"], "resource", s.URL+"/mcp").body)
	third := decode(t, refresh(t, s, second["refresh_token"]).body)
	if ping(t, s, first["access_token"]) != 200 || ping(t, s, third["access_token"]) != 200 {
		t.Error("a refresh ends a token before its time, or gives none")
	}
	if got := refresh(t, s, first["refresh_token"]); got.status != 400 || !strings.Contains(got.body, "invalid_grant") {
		t.Errorf("the first once more: %d %s", got.status, got.body)
	}
	if got := refresh(t, s, third["refresh_token"]); got.status != 400 || ping(t, s, third["access_token"]) != 401 {
		t.Errorf("the last after a reuse: %d %s", got.status, got.body)
	}
}

func TestATokenEnds(t *testing.T) {
	s := start(t, faults.Options{OAuthOnly: true, TokenLife: time.Second})
	got := tokens(t, s)
	if got["expires_in"] != 1.0 {
		t.Errorf("it expires in %v", got["expires_in"])
	}
	s.ExpireTokens()
	if ping(t, s, got["access_token"]) != 401 {
		t.Error("an expired token is accepted")
	}
	got = decode(t, refresh(t, s, got["refresh_token"]).body)
	for _, token := range []any{got["refresh_token"], got["id_token"], authorize(t, s).Get("code"), sandbox.Key, "x"} {
		if ping(t, s, token) != 401 {
			t.Errorf("%s is accepted as an access token", token)
		}
	}

	s = start(t, faults.Options{})
	got = tokens(t, s)
	for _, path := range []string{"/", "/v1/credits"} {
		header := map[string]string{"X-API-Key": "", "x-leadmagic-key": "", "Authorization": "Bearer " + got["access_token"].(string)}
		if answer := send(t, s, request{method: "GET", path: path, header: header}); answer.status != 401 {
			t.Errorf("a token is good for %s: %d", path, answer.status)
		}
	}
	if revoked := post(t, s, "/revoke", "client_id="+sandbox.ClientID+"&token="+got["access_token"].(string)); revoked.status != 200 || ping(t, s, got["access_token"]) != 401 {
		t.Errorf("a revoked access token: %d", revoked.status)
	}
	got = decode(t, refresh(t, s, got["refresh_token"]).body)
	for _, token := range []any{"x", got["refresh_token"], got["refresh_token"]} {
		if revoked := post(t, s, "/revoke", "client_id="+sandbox.ClientID+"&token="+token.(string)); revoked.status != 200 {
			t.Errorf("revoking %s: %d", token, revoked.status)
		}
	}
	if again := refresh(t, s, got["refresh_token"]); again.status != 400 || ping(t, s, got["access_token"]) != 401 {
		t.Errorf("a revoked refresh token: %d %s", again.status, again.body)
	}
	if revoked := post(t, s, "/revoke", "token=x"); revoked.status != 401 {
		t.Errorf("revoking without a client: %d", revoked.status)
	}
}

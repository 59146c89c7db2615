package faults_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// signIn signs in with the SDK's client and calls a tool. A token that lives for a second is refreshed for each request.
func signIn(ctx context.Context, t *testing.T, s *faults.Server) error {
	t.Helper()
	c := client(t)
	c.Transport = c.Transport.(keyed).next
	const back = "http://127.0.0.1:8931/callback"
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			RedirectURIs: []string{back}, TokenEndpointAuthMethod: "none",
		}},
		RequestRefreshToken: true,
		Client:              c,
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, args.URL, nil)
			if err != nil {
				return nil, err
			}
			response, err := c.Do(r)
			if err != nil {
				return nil, err
			}
			_ = response.Body.Close()
			to, err := response.Location()
			if err != nil {
				return nil, err
			}
			q := to.Query()
			if q.Has("error") {
				return nil, errors.New(q.Get("error") + ": " + q.Get("error_description"))
			}
			return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil).Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: s.URL + "/mcp", HTTPClient: c, OAuthHandler: handler, MaxRetries: -1,
	}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	_, err = session.CallTool(ctx, &mcp.CallToolParams{Name: "check_credits"})
	return err
}

func TestHowASignInFails(t *testing.T) {
	// What the SDK's client says of each. It signs in once more by itself, when a refresh is refused once.
	const unadvertised = "does not advertise RFC 9207"
	want := map[string]string{
		"no metadata of the resource":     "", // it takes the server for its own authorization server, as the specification once said
		"no metadata of the server":       unadvertised,
		"no metadata":                     unadvertised,
		"metadata that fails":             "bad status 500",
		"metadata that redirects":         "bad status 307",
		"metadata that is a page":         `bad content type "text/html`,
		"metadata without end":            "unexpected EOF",
		"metadata elsewhere":              "Unauthorized",
		"metadata of another resource":    "",
		"metadata of another issuer":      "does not match issuer URL",
		"another authorization server":    "invalid_target",
		"no authorization server":         "has no authorization servers",
		"a token endpoint elsewhere":      "invalid_client",
		"a token endpoint without TLS":    "does not use HTTPS",
		"no PKCE":                         "does not implement PKCE",
		"no registration":                 "no configured client registration",
		"registration refused":            "invalid_client_metadata (not this client)",
		"registration refused with a 403": "403 Forbidden",

		"a person who declines":    "access_denied: the person declined",
		"a hostile redirect":       faults.Hostile,
		"a redirect without state": "state mismatch",
		"a foreign state":          "state mismatch",
		"a foreign issuer":         "does not match expected issuer",
		"a redirect without iss":   "but none was received",
		"a redirect without code":  "no such code",

		"a code that is refused":     `"invalid_grant" "no such code"`,
		"a code that was used":       "this code was used before",
		"a client that is forgotten": `"invalid_client" "no such client"`,
		"a hostile refusal":          `\u202enrut`,
		"no tokens":                  "missing access_token",
		"tokens that are a page":     "invalid character '<'",
		"tokens without end":         "unexpected end of JSON",
		"tokens that fail":           "500 Internal Server Error",
		"tokens that never come":     "context deadline exceeded",
		"tokens that are cut off":    "EOF",
		"tokens that are limited":    "429 Too Many Requests",

		"a refresh that is refused":     `"invalid_grant" "signed out"`,
		"a refresh by somebody else":    "",
		"a refresh whose answer is cut": "",
		"a refresh that fails once":     "",
		"a refresh that fails":          "500 Internal Server Error",
		"a refresh that is cut off":     "EOF",

		"every token refused":      "Unauthorized",
		"a scope that is missing":  "Forbidden",
		"a revocation that fails":  "", // it revokes nothing
		"a revocation without end": "",
	}
	signIns := map[string]int{"a refresh by somebody else": 2, "a refresh whose answer is cut": 2, "a refresh that fails once": 1, "a revocation that fails": 1}
	all := start(t, faults.Options{}).OAuthFaults("")
	for name := range all {
		if _, known := want[name]; !known {
			t.Errorf("nobody tries %q", name)
		}
	}
	for name, want := range want {
		t.Run(name, func(t *testing.T) {
			s, elsewhere := start(t, faults.Options{OAuthOnly: true, TokenLife: time.Second}), start(t, faults.Options{})
			f, known := s.OAuthFaults(elsewhere.URL)[name]
			if !known {
				t.Fatal("there is no such fault")
			}
			s.Fault(f)
			limit := time.Minute
			if f.Kind == faults.Hang && f.Path == "/token" {
				limit = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			switch err := signIn(ctx, t, s); {
			case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %q, want %q", err, want)
			case signIns[name] != 0 && len(slices.DeleteFunc(s.Requests(), notAuthorize)) != signIns[name]:
				t.Errorf("want %d sign-ins", signIns[name])
			}
		})
	}
}

func notAuthorize(r faults.Request) bool { return !strings.HasPrefix(r.Path, "/authorize") }

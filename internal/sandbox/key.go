package sandbox

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// The headers LeadMagic reads keys from: one on the MCP endpoint, the other on the REST API. Both also take a Bearer token.
const (
	mcpKeyHeader  = "X-Leadmagic-Key"
	restKeyHeader = "X-Api-Key"
)

// presented returns the key a request shows in the header or as a Bearer token, and whether it shows any. A header that
// comes twice shows a key that nobody has.
func presented(r *http.Request, header string) (key string, ok bool) {
	if values := r.Header.Values(header); len(values) > 0 {
		if len(values) > 1 {
			return "", true
		}
		return values[0], true
	}
	if scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), true
	}
	return "", false
}

// accepts reports whether key is the one this sandbox takes at the moment.
func (s *Sandbox) accepts(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.key)) == 1
}

// authorizeMCP checks the key of a request to /mcp and answers those it refuses.
func (s *Sandbox) authorizeMCP(w http.ResponseWriter, r *http.Request) bool {
	if s.opts.OAuthOnly {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", resource_metadata="`+origin(r)+`/.well-known/oauth-protected-resource/mcp"`)
		writeJSON(w, http.StatusUnauthorized, object{"error": "invalid_token", "error_description": "sign in to use this server"})
		return false
	}
	key, shown := presented(r, mcpKeyHeader)
	switch {
	case !shown:
		writeJSON(w, http.StatusUnauthorized, object{"error": "Unauthorized", "message": "Missing API key: send it as x-leadmagic-key"})
	case !s.accepts(key):
		writeJSON(w, http.StatusUnauthorized, object{"error": "Unauthorized", "message": "Invalid API key"})
	default:
		return true
	}
	return false
}

// authorizeREST checks the key of a request to the REST API.
func (s *Sandbox) authorizeREST(r *http.Request) *refusal {
	key, shown := presented(r, restKeyHeader)
	switch {
	case !shown:
		return refuse(http.StatusUnauthorized, "missing_authentication", "no API key was sent; send it as X-API-Key")
	case !s.accepts(key):
		return refuse(http.StatusUnauthorized, "invalid_api_key", "the API key is not valid")
	}
	return nil
}

// origin is scheme and host of the sandbox as the caller sees it.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// serveResourceMetadata serves the document that a Bearer challenge points to (RFC 9728). Nothing listens at the
// authorization server it names.
func serveResourceMetadata(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, object{
		"resource":                 origin(r) + "/mcp",
		"authorization_servers":    []string{"https://sign-in.sandbox.invalid"},
		"bearer_methods_supported": []string{"header"},
		"scopes_supported":         []string{"openid", "profile", "email", "offline_access"},
	})
}

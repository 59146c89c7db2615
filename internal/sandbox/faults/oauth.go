package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// alter answers with what the sandbox does, changed.
func alter(w http.ResponseWriter, r *http.Request, f Fault, healthy http.Handler) {
	answer := httptest.NewRecorder()
	healthy.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	body := answer.Body.String()
	if to, err := url.Parse(answer.Header().Get("Location")); err == nil && to.Host != "" {
		query := to.Query()
		for name, value := range f.Set {
			query.Del(name)
			if value != nil {
				query.Set(name, fmt.Sprint(value))
			}
		}
		to.RawQuery = query.Encode()
		w.Header().Set("Location", to.String())
	} else {
		var members map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &members); err != nil {
			panic(err) // a test alters what is no object
		}
		maps.Copy(members, f.Set)
		maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
		text, err := json.Marshal(members)
		if err != nil {
			panic(err)
		}
		body = string(text)
	}
	send(w, answer.Code, "", body)
}

// Hostile is a text that acts on a terminal, hides what follows, and claims to be a line of another program.
const Hostile = "\x1b]0;title\a\x1b[2J\u202enrut\r\nleadmagic-mcp-proxy: signed in"

// OAuthFaults are the ways in which a sign-in fails, by name. Some lead elsewhere, the origin of another server: what goes there is
// for a test to look at.
func (s *Server) OAuthFaults(elsewhere string) map[string]Fault {
	const (
		resource = "/.well-known/oauth-protected-resource"
		server   = "/.well-known/oauth-authorization-server"
		code     = "authorization_code"
		refresh  = "refresh_token"
	)
	refuse := func(status int, code, why string) Fault {
		body, _ := json.Marshal(map[string]string{"error": code, "error_description": why}) // texts are encoded
		return Fault{Kind: Status, Status: status, ContentType: "application/json", Body: string(body)}
	}
	of := func(path, grant string, f Fault) Fault {
		f.Path, f.Grant = path, grant
		return f
	}
	set := func(path string, members map[string]any) Fault { return Fault{Path: path, Kind: Alter, Set: members} }
	challenge := func(status int, challenge string) Fault {
		return Fault{Path: "/mcp", Kind: Status, Status: status, Header: map[string]string{"WWW-Authenticate": "Bearer " + challenge}}
	}
	metadata := `resource_metadata="` + s.URL + resource + `/mcp"`
	return map[string]Fault{
		"no metadata of the resource":     {Path: resource, Kind: Status, Status: http.StatusNotFound},
		"no metadata of the server":       {Path: server, Kind: Status, Status: http.StatusNotFound},
		"no metadata":                     {Path: "/.well-known/", Kind: Status, Status: http.StatusNotFound},
		"metadata that fails":             {Path: server, Kind: Status, Status: http.StatusInternalServerError},
		"metadata that redirects":         {Path: server, Kind: Redirect, Location: elsewhere + server},
		"metadata that is a page":         {Path: server, Kind: HTML},
		"metadata without end":            {Path: server, Kind: Status, Status: http.StatusOK, ContentType: "application/json", Body: `{"issuer":"` + strings.Repeat("x", 2<<20)},
		"metadata elsewhere":              challenge(http.StatusUnauthorized, `resource_metadata="`+elsewhere+resource+`/mcp"`),
		"metadata of another resource":    set(resource, map[string]any{"resource": elsewhere + "/mcp"}),
		"metadata of another issuer":      set(server, map[string]any{"issuer": elsewhere}),
		"another authorization server":    set(resource, map[string]any{"authorization_servers": []string{elsewhere}}),
		"no authorization server":         set(resource, map[string]any{"authorization_servers": nil}),
		"a token endpoint elsewhere":      set(server, map[string]any{"token_endpoint": elsewhere + "/token"}),
		"a token endpoint without TLS":    set(server, map[string]any{"token_endpoint": "http://sign-in.example/token"}), //nolint:gosec // it is an address
		"no PKCE":                         set(server, map[string]any{"code_challenge_methods_supported": nil}),
		"no registration":                 set(server, map[string]any{"registration_endpoint": nil}),
		"registration refused":            of("/register", "", refuse(http.StatusBadRequest, "invalid_client_metadata", "not this client")),
		"registration refused with a 403": of("/register", "", refuse(http.StatusForbidden, "access_denied", "not this client")),

		"a person who declines":    set("/authorize", map[string]any{"code": nil, "error": "access_denied", "error_description": "the person declined"}),
		"a hostile redirect":       set("/authorize", map[string]any{"code": nil, "error": Hostile, "error_description": Hostile}),
		"a redirect without state": set("/authorize", map[string]any{"state": nil}),
		"a foreign state":          set("/authorize", map[string]any{"state": "foreign"}),
		"a foreign issuer":         set("/authorize", map[string]any{"iss": elsewhere}),
		"a redirect without iss":   set("/authorize", map[string]any{"iss": nil}),
		"a redirect without code":  set("/authorize", map[string]any{"code": nil}),

		"a code that is refused":     of("/token", code, refuse(http.StatusBadRequest, "invalid_grant", "no such code")),
		"a code that was used":       {Path: "/token", Grant: code, Kind: Delay, Carried: true},
		"a client that is forgotten": of("/token", "", refuse(http.StatusUnauthorized, "invalid_client", "no such client")),
		"a hostile refusal":          of("/token", "", refuse(http.StatusBadRequest, "invalid_grant", Hostile)),
		"no tokens":                  set("/token", map[string]any{"access_token": nil, "refresh_token": nil}),
		"tokens that are a page":     {Path: "/token", Kind: HTML},
		"tokens without end":         {Path: "/token", Kind: Status, Status: http.StatusOK, ContentType: "application/json", Body: `{"access_token":"` + strings.Repeat("x", 2<<20)},
		"tokens that fail":           {Path: "/token", Kind: Status, Status: http.StatusInternalServerError},
		"tokens that never come":     {Path: "/token", Kind: Hang},
		"tokens that are cut off":    {Path: "/token", Kind: Cut},
		"tokens that are limited":    {Path: "/token", Kind: Status, Status: http.StatusTooManyRequests, RetryAfter: "1"},

		"a refresh that is refused":     of("/token", refresh, refuse(http.StatusBadRequest, "invalid_grant", "signed out")),
		"a refresh by somebody else":    {Path: "/token", Grant: refresh, Kind: Delay, Carried: true, Times: 1},
		"a refresh whose answer is cut": {Path: "/token", Grant: refresh, Kind: Cut, Carried: true, Times: 1},
		"a refresh that fails once":     {Path: "/token", Grant: refresh, Kind: Status, Status: http.StatusInternalServerError, Times: 1},
		"a refresh that fails":          {Path: "/token", Grant: refresh, Kind: Status, Status: http.StatusInternalServerError},
		"a refresh that is cut off":     {Path: "/token", Grant: refresh, Kind: Cut},

		"every token refused":      challenge(http.StatusUnauthorized, metadata+`, error="invalid_token"`),
		"a scope that is missing":  challenge(http.StatusForbidden, metadata+`, error="insufficient_scope", scope="openid search"`),
		"a revocation that fails":  {Path: "/revoke", Kind: Status, Status: http.StatusInternalServerError},
		"a revocation without end": {Path: "/revoke", Kind: Hang},
	}
}

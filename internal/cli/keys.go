package cli

import "github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"

// newKeys looks for the key in all the places that a user may keep it in.
func newKeys(env *Env) *auth.Keys {
	return &auth.Keys{Getenv: env.Getenv, Environ: env.Environ, Stderr: env.Stderr}
}

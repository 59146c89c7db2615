// Package cli is the command line: it reads what a person or an editor has said, joins auth, proxy and
// rest accordingly, and words what comes of it. It carries no messages itself.
package cli

import (
	"io"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
)

// Env is everything a command takes from the process. main fills it in from os; a test as it likes.
type Env struct {
	Getenv  func(string) string
	Environ func() []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string

	redactor *auth.Redactor // knows the keys that must not leave; nil before Run
}

// redacting is env with streams that show no key.
func (env *Env) redacting() *Env {
	own := *env
	own.redactor = &auth.Redactor{}
	own.Stdout, own.Stderr = own.redactor.Writer(env.Stdout), own.redactor.Writer(env.Stderr)
	return &own
}

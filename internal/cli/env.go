// Package cli is the command line: it reads what a person or an editor has said, joins auth, proxy and
// rest accordingly, and words what comes of it. It carries no messages itself.
package cli

import "io"

// Env is everything a command takes from the process. main fills it in from os; a test as it likes.
type Env struct {
	Getenv  func(string) string
	Environ func() []string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string
}

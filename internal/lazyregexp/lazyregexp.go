// Package lazyregexp is regular expressions that are compiled when they are first used, as in the Go tools' own package of
// that name: every open editor starts the program, and a session needs few of them.
package lazyregexp

import (
	"regexp"
	"sync"
)

// A Regexp is a regexp.Regexp that is compiled when it is first used. It is safe for concurrent use.
type Regexp struct {
	expr   string
	once   sync.Once
	regexp *regexp.Regexp
}

// New is the expression expr, which must be valid: whoever uses it panics otherwise. It is so small that the compiler makes
// a variable of a package without running it.
func New(expr string) *Regexp { return &Regexp{expr: expr} }

func (r *Regexp) compiled() *regexp.Regexp {
	r.once.Do(func() { r.regexp = regexp.MustCompile(r.expr) })
	return r.regexp
}

// The methods are those of regexp.Regexp.
//
//revive:disable:exported

func (r *Regexp) String() string                 { return r.compiled().String() }
func (r *Regexp) Match(b []byte) bool            { return r.compiled().Match(b) }
func (r *Regexp) MatchString(s string) bool      { return r.compiled().MatchString(s) }
func (r *Regexp) FindIndex(b []byte) []int       { return r.compiled().FindIndex(b) }
func (r *Regexp) FindSubmatch(b []byte) [][]byte { return r.compiled().FindSubmatch(b) }

func (r *Regexp) FindSubmatchIndex(b []byte) []int { return r.compiled().FindSubmatchIndex(b) }

func (r *Regexp) FindStringSubmatch(s string) []string   { return r.compiled().FindStringSubmatch(s) }
func (r *Regexp) FindAllString(s string, n int) []string { return r.compiled().FindAllString(s, n) }
func (r *Regexp) Split(s string, n int) []string         { return r.compiled().Split(s, n) }

func (r *Regexp) ReplaceAllString(s, with string) string {
	return r.compiled().ReplaceAllString(s, with)
}

func (r *Regexp) ReplaceAllLiteralString(s, with string) string {
	return r.compiled().ReplaceAllLiteralString(s, with)
}

func (r *Regexp) FindAllIndex(b []byte, n int) [][]int { return r.compiled().FindAllIndex(b, n) }
func (r *Regexp) ReplaceAll(b, with []byte) []byte     { return r.compiled().ReplaceAll(b, with) }

func (r *Regexp) ReplaceAllFunc(b []byte, with func([]byte) []byte) []byte {
	return r.compiled().ReplaceAllFunc(b, with)
}

func (r *Regexp) ReplaceAllStringFunc(s string, with func(string) string) string {
	return r.compiled().ReplaceAllStringFunc(s, with)
}

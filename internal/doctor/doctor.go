// Package doctor walks the path that a message takes, with the parts that carry it, and says where the path ends
// and what to do about it. It prints nothing and takes nothing from the process: it is given the machine, the
// settings and the connections, and returns what it found. Nothing that it does costs a credit.
package doctor

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Doctor is what there is to look at. Its fields are set before Examine and not changed after.
type Doctor struct {
	// Version of this program, and the file it was started from.
	Version, Executable string
	// System is the machine, and Environ all variables as NAME=value, as the shell has them.
	System  editor.System
	Environ []string
	// Homes are the paths of the home folder; each is shown as ~.
	Homes []string
	// VersionOf runs a file of this program and returns the version it prints. It is given absolute paths of files that
	// are outside of the current folder and its repository.
	VersionOf func(ctx context.Context, file string) (string, error)

	// Keys is where the key comes from, and Keychain what login keeps it in: nil is that of the system.
	Keys     *auth.Keys
	Keychain auth.Keychain
	// Given are the settings that somebody has given, by the names of their variables; Wanted are all
	// variables that change what the program does, and Carried those of them that install has an entry name.
	Given, Wanted, Carried []string
	// Settings are those that this program would start with if an editor gave it some arguments and variables.
	Settings func(args []string, getenv func(string) string) Settings
	// Stray says of each variable in an environment that begins as those of this program, and means nothing to it, what
	// was probably meant.
	Stray func(environ []string) []string
	// Refusal is why the settings cannot be used. Route is nil then.
	Refusal *problem.Problem
	Route   *Route
	// Offline leaves out what needs the network.
	Offline bool
	// Sandbox says that the key is the sandbox's own, which no editor has.
	Sandbox bool

	// Editors are the editors to be looked at. Named says that somebody has asked for them, so that one
	// without an entry is a fault.
	Editors []editor.Editor
	Named   bool

	// Progress, if not nil, is told what is waited for, from any goroutine.
	Progress func(what string)
}

// A Route is where messages go, as the settings have it.
type Route struct {
	MCP, API *url.URL
	// Upstream is the setting: auto, mcp or rest.
	Upstream string
	// Dial makes a transport with connections of its own, which puts no key on requests.
	Dial func() http.RoundTripper
	// Proxy is the HTTP proxy of a request, nil for none.
	Proxy func(*http.Request) (*url.URL, error)
	// REST makes a client that puts the key on requests to the REST API.
	REST func() *http.Client
	// Open opens a session as an editor would. protocol is the version to ask for; empty is the newest.
	// The error is a *problem.Problem if LeadMagic or the path to it is the reason.
	Open func(ctx context.Context, protocol string) (*Session, error)
}

// hosted and rest say whether the settings let calls go there.
func (r *Route) hosted() bool { return r.Upstream != "rest" }
func (r *Route) rest() bool   { return r.Upstream != "mcp" }

// Examine looks at everything, in the order in which a message meets it. What takes longer goes on side by side;
// ctx ends it early, and what was not finished then is a fault.
func (d *Doctor) Examine(ctx context.Context) *Report {
	checks := d.environment(ctx)
	key, err := d.key(ctx)
	checks = append(checks, key...)
	checks = append(checks, d.origin()...)

	var journey, editors, files []Check
	var work sync.WaitGroup
	work.Go(func() { journey = d.travel(ctx, err == nil) })
	work.Go(func() { editors = d.editors(ctx, err == nil && !d.Sandbox) })
	work.Go(func() { files = d.files(ctx) })
	d.progress("looking at LeadMagic and at the editors")
	work.Wait()

	checks = append(checks, journey...)
	checks = append(checks, editors...)
	checks = append(checks, files...)
	return d.report(checks)
}

func (d *Doctor) progress(what string) {
	if d.Progress != nil {
		d.Progress(what)
	}
}

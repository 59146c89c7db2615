// Package doctor checks everything that a call needs, with the parts that carry it: the program and its settings, the
// key, the network, a session, and what each editor would start. It says what is wrong and what to do about it. It prints
// nothing and takes nothing from the process: it is given the machine, the settings and the connections, and returns
// what it found. Nothing that it does costs a credit.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
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
	// SignIn is that of login --web, nil where none is used.
	SignIn *signin.Tokens
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
	// Balance asks the REST API what is left, with the key.
	Balance func(context.Context) (rest.Usage, error)
	// Open opens a session as an editor would. protocol is the version to ask for; empty is the newest.
	// The error is a *problem.Problem if LeadMagic or the path to it is the reason.
	Open func(ctx context.Context, protocol string) (*Session, error)

	// SignInOnly says that the settings want the sign-in and no key.
	SignInOnly bool
	// Discover asks who signs people in for the hosted server, and SignedIn opens a session there with the sign-in alone.
	Discover func(ctx context.Context) (issuer string, err error)
	SignedIn func(ctx context.Context) error
}

// hosted and rest say whether the settings let calls go there.
func (r *Route) hosted() bool { return r.Upstream != "rest" }
func (r *Route) rest() bool   { return r.Upstream != "mcp" }

// Examine looks at everything, in the order in which a message meets it. What takes longer goes on side by side;
// ctx ends it early, and what was not finished then is a fault.
func (d *Doctor) Examine(ctx context.Context) *Report {
	environment := d.environment(ctx)
	d.progress("looking for the key")
	signedIn := d.signedIn(ctx)
	key, err := d.key(ctx, signedIn)
	var network, editors, files []Check
	var work sync.WaitGroup
	work.Go(func() { network = d.network(ctx, err == nil, signedIn) })
	work.Go(func() { editors = d.editors(ctx, err == nil && !d.Sandbox, signedIn) })
	work.Go(func() { files = d.files(ctx) })
	d.progress("looking at LeadMagic and at the editors")
	work.Wait()
	return d.report(slices.Concat(environment, key, d.origin(), network, editors, files))
}

func (d *Doctor) progress(what string) {
	if d.Progress != nil {
		d.Progress(what)
	}
}

// A Stage is a part of the path.
type Stage string

// The stages, in the order in which a message meets them.
const (
	atEnvironment Stage = "environment" // the program and its settings
	atKey         Stage = "key"         // where the key comes from
	atOrigin      Stage = "origin"      // where it may go
	atNetwork     Stage = "network"     // name, connection and TLS
	atSignIn      Stage = "sign-in"     // of login --web, where there is one
	atAcceptance  Stage = "acceptance"  // whether LeadMagic takes it
	atSession     Stage = "session"     // what an editor gets
	atTools       Stage = "tools"       // what a model gets
	atEditors     Stage = "editors"     // what each editor would start, and with which key
	atFiles       Stage = "files"       // keys where none should stand
)

// A Status is how a check came out.
type Status string

// The outcomes of a check. Only Fail makes a report unhealthy.
const (
	OK      Status = "ok"
	Warn    Status = "warn"    // it works, and something is not right
	Fail    Status = "fail"    // something to fix
	Skipped Status = "skipped" // it was not looked at, or there is nothing to look at
)

// A Check is one thing that was looked at. Detail and Hint are one line each.
type Check struct {
	Stage Stage `json:"stage"`
	// Editor is the id of the editor it is about, empty if none.
	Editor string `json:"editor,omitempty"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	// Hint is what to do about it, empty if nothing.
	Hint string `json:"hint,omitempty"`
}

// notes are the checks of one stage, as they are made.
type notes struct {
	stage  Stage
	editor string
	checks []Check
}

func (n *notes) add(name string, status Status, detail, hint string) {
	n.checks = append(n.checks, Check{Stage: n.stage, Editor: n.editor, Name: name, Status: status, Detail: detail, Hint: hint})
}

func (n *notes) ok(name, format string, args ...any) {
	n.add(name, OK, fmt.Sprintf(format, args...), "")
}

func (n *notes) warn(name, detail, hint string) { n.add(name, Warn, detail, hint) }
func (n *notes) fail(name, detail, hint string) { n.add(name, Fail, detail, hint) }

func (n *notes) skip(why string, names ...string) {
	for _, name := range names {
		n.add(name, Skipped, why, "")
	}
}

// failWith is a fault in the words of the part that met it.
func (n *notes) failWith(name string, err error) {
	detail, hint := describe(err)
	n.fail(name, detail, hint)
}

// describe is what an error says and what to do about it.
func describe(err error) (what, next string) {
	p := problem.As(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && (p == nil || p.Code == problem.Unreachable || p.Code == problem.Cut):
		return fmt.Sprintf("it took longer than %s", within), "try again later"
	case p == nil:
		return err.Error(), ""
	case p.Code == problem.Unreachable && p.Next == "":
		return p.What, "check the network, and whether a firewall or a company proxy is in the way"
	}
	// Who reads this has run doctor.
	what, next = p.What, strings.TrimSuffix(p.Fix(), "; leadmagic-mcp-proxy doctor finds the cause")
	if p.RequestID != "" {
		what += " (request " + p.RequestID + ")"
	}
	return what, next
}

// Package doctor checks everything that a call needs, with the code that a session uses: the program and its settings, the
// key, the network, a session, and what each editor would start. Its report says what is wrong and what to do about it. It
// prints nothing and reads nothing of the process: its caller passes in the machine, the settings and the connections. None
// of its requests costs a credit.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// A Doctor has what the checks need. Its fields are set before Examine and not changed after.
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
	// SignIn reads the sign-in of login --web, nil where none is used.
	SignIn func(context.Context) signin.State
	// Given are the settings that are not left to their defaults, by the names of their variables; Wanted are all
	// variables that change what the program does, and Carried those of them that install writes into an entry.
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

	// Editors are the editors to be checked. Named says that the user has named them, so that one without an
	// entry is a fault.
	Editors []editor.Editor
	Named   bool

	// Progress shows what the doctor is waiting for.
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
	// Balance reads the balance from the REST API, with the key.
	Balance func(context.Context) (rest.Usage, error)
	// Open opens a session as an editor would. protocol is the version to ask for; empty is the newest.
	// The error is a *problem.Problem if LeadMagic or the path to it is the reason.
	Open func(ctx context.Context, protocol string) (*Session, error)

	// SignInOnly says that the settings want the sign-in and no key.
	SignInOnly bool
	// Discover finds the authorization server of the hosted server, and SignedIn opens a session there with the sign-in alone.
	Discover func(ctx context.Context) (issuer string, err error)
	SignedIn func(ctx context.Context) error
}

// hosted and rest say whether the settings let calls go there.
func (r *Route) hosted() bool { return r.Upstream != "rest" }
func (r *Route) rest() bool   { return r.Upstream != "mcp" }

// Examine makes all checks, in the order of the stages. The network, the editors and the files are checked side by side.
// When ctx ends, a check that is not finished is a fault.
func (d *Doctor) Examine(ctx context.Context) *Report {
	n := new(notes)
	d.environment(ctx, n)
	d.Progress("looking for the key …")
	signedIn := d.SignIn != nil && (d.Route == nil || d.Route.hosted()) && d.SignIn(ctx).Stored
	keyed := d.key(ctx, n, signedIn)
	d.origin(n)
	var network, editors, files notes
	var work sync.WaitGroup
	work.Go(func() { d.network(ctx, &network, keyed, signedIn) })
	work.Go(func() { d.editors(ctx, &editors, keyed && !d.Sandbox, signedIn) })
	work.Go(func() { d.files(ctx, &files) })
	d.Progress("looking at LeadMagic and at the editors …")
	work.Wait()
	return d.report(slices.Concat(n.checks, network.checks, editors.checks, files.checks))
}

// A Stage is a group of checks.
type Stage string

// The stages, in the order in which a call passes through them.
const (
	atEnvironment Stage = "environment" // the program and its settings
	atKey         Stage = "key"         // where the key comes from
	atOrigin      Stage = "origin"      // where it may go
	atNetwork     Stage = "network"     // name, connection and TLS
	atSignIn      Stage = "sign-in"     // of login --web, where there is one
	atAcceptance  Stage = "acceptance"  // whether LeadMagic accepts it
	atSession     Stage = "session"     // whether one opens, in each protocol mode
	atTools       Stage = "tools"       // how many the model is offered
	atEditors     Stage = "editors"     // what each editor would start, and with which key
	atFiles       Stage = "files"       // keys in config files
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

// notes collect the checks of a stage and an editor.
type notes struct {
	stage  Stage
	editor string
	named  func(name string) string // what a check is called, nil for its name
	checks []Check
}

func (n *notes) add(name string, status Status, detail, hint string) {
	if n.named != nil {
		name = n.named(name)
	}
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

// problem adds a check with what an error says.
func (n *notes) problem(name string, status Status, err error) {
	detail, hint := describe(err)
	n.add(name, status, detail, hint)
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
	what, next = p.What, strings.TrimSuffix(p.Fix(), problem.RunDoctor)
	if p.RequestID != "" {
		what += " (request " + p.RequestID + ")"
	}
	return what, next
}

// format is the number of the report's JSON form. It changes when a member is renamed, removed or means something
// else; new members, stages and checks do not change it.
const format = 1

// A Report is what was found. Its JSON form is stable. It never holds a key; the home folder is
// shortened to ~, and the current one to a dot.
type Report struct {
	Format  int     `json:"format"`
	Healthy bool    `json:"healthy"` // no check has failed
	Program Program `json:"program"`
	Summary Summary `json:"summary"`
	Checks  []Check `json:"checks"` // in the order of the stages
}

// A Program is what made the report.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// A Summary counts the checks by their outcome.
type Summary struct {
	OK      int `json:"ok"`
	Warn    int `json:"warn"`
	Fail    int `json:"fail"`
	Skipped int `json:"skipped"`
}

func (d *Doctor) report(checks []Check) *Report {
	r := &Report{
		Format:  format,
		Program: Program{Name: editor.Program, Version: d.Version, OS: d.System.GOOS, Arch: runtime.GOARCH},
		Checks:  checks,
	}
	counts := map[Status]int{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if d.System.GOOS == "windows" {
			c.Hint = forPowerShell(c.Hint)
		}
		c.Name, c.Detail, c.Hint = d.tidy(c.Name), d.tidy(c.Detail), d.tidy(c.Hint)
		counts[c.Status]++
	}
	r.Summary = Summary{OK: counts[OK], Warn: counts[Warn], Fail: counts[Fail], Skipped: counts[Skipped]}
	r.Healthy = r.Summary.Fail == 0
	return r
}

// forPowerShell has the variable that a hint ends with set as PowerShell does it.
func forPowerShell(hint string) string {
	before, assignment, found := strings.Cut(hint, "export ")
	if !found {
		return hint
	}
	name, value, _ := strings.Cut(assignment, "=")
	return before + "$env:" + name + "='" + strings.Trim(value, "'") + "'"
}

// maxText keeps what others say to what a person reads.
const maxText = 500

// tidy makes a text one line without control characters, keys and the path of the home folder: a report is passed on, and
// much of its text comes from servers and config files.
func (d *Doctor) tidy(s string) string {
	return problem.PrintableLine(d.shorten(keyscan.Hide(d.Keys.Redact(problem.PrintableLine(s, 0)))), maxText)
}

// shorten writes ~ for the home folder and a dot for the current one, wherever s names them or something in them.
func (d *Doctor) shorten(s string) string {
	folders := append([]string{d.System.Folder}, d.Homes...)
	// The longer path first: one may be part of the other.
	slices.SortStableFunc(folders, func(a, b string) int { return len(b) - len(a) })
	for _, folder := range folders {
		name := "~"
		if folder == d.System.Folder {
			name = "."
		}
		path := strings.TrimRight(slashed(folder), "/")
		if path == "" {
			continue
		}
		for at := 0; ; at++ {
			i := strings.Index(slashed(s[at:]), path)
			if i < 0 {
				break
			}
			at += i
			end := at + len(path)
			before, _ := utf8.DecodeLastRuneInString(s[:at])
			after, _ := utf8.DecodeRuneInString(s[end:])
			if !inName(before) && !inName(after) {
				s = s[:at] + name + s[end:]
			}
		}
	}
	return s
}

// slashed is a text with forward slashes alone.
func slashed(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// inName reports whether the name of a file may go on with r.
func inName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || strings.ContainsRune("._-", r)
}

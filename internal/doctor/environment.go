package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// environment checks the program itself and its settings.
func (d *Doctor) environment(ctx context.Context, n *notes) {
	n.stage = atEnvironment
	d.program(ctx, n)
	switch {
	case d.Refusal != nil:
		n.problem("settings", Fail, d.Refusal)
	case len(d.Given) == 0:
		n.ok("settings", "all at their defaults")
	default:
		n.ok("settings", "given: %s", strings.Join(d.Given, ", "))
	}
	if stray := d.Stray(d.Environ); stray != nil {
		n.warn("variables", strings.Join(stray, "; "), "correct them: a limit that is spelled wrongly limits nothing")
	}
}

// program says which program this is, and whether an entry that names it without a path starts another.
func (d *Doctor) program(ctx context.Context, n *notes) {
	const name = "program"
	first := d.System.Program(editor.Program)
	if first == "" {
		n.warn(name, d.Executable+" is not on the PATH, so an entry that names it without a path, such as a team's, does not start it",
			"put its folder on the PATH")
		return
	}
	version, err := d.version(ctx, first)
	switch {
	case errors.Is(err, errWithin):
		n.warn(name, "the first on the PATH, "+first+", "+err.Error(), "take that folder off the PATH")
	case err != nil:
		n.warn(name, "the first on the PATH, "+first+", does not run: "+err.Error(), "remove it, or put the folder of "+d.Executable+" before it")
	case version != d.Version:
		n.warn(name, "this is version "+d.Version+", and the first on the PATH, "+first+", is version "+version,
			"remove the one that is not wanted, or change the order of the PATH")
	default:
		n.ok(name, "version %s, %s", d.Version, first)
	}
}

// errWithin is why a program is not started: it may have come with a repository that was cloned.
var errWithin = errors.New("lies in this folder or its repository, and was not started")

// version is the version that a program prints. None is started that lies in the current folder, or in a repository that
// holds it, under its own name or behind links; this very program needs no start.
func (d *Doctor) version(ctx context.Context, program string) (string, error) {
	if file.Same(program, d.Executable) {
		return d.Version, nil
	}
	if file.Within(file.Roots(d.System.Folder), program) {
		return "", errWithin
	}
	return d.VersionOf(ctx, program)
}

// key reads the key as a session does, and reports whether there is one.
func (d *Doctor) key(ctx context.Context, n *notes, signedIn bool) bool {
	n.stage = atKey
	if d.Route != nil && d.Route.SignInOnly {
		n.skip("not used: --auth-scheme is oauth", "source")
		return false
	}
	_, err := d.Keys.Get(ctx)
	report := d.Keys.Describe()
	broken := slices.ContainsFunc(report.Sources, func(s auth.Source) bool { return s.State == auth.Broken })
	if err != nil && signedIn && !broken {
		n.skip("none is set, and the sign-in is used instead", "source")
		return false
	}
	if err != nil {
		what, next := describe(err)
		n.fail("source", what, cmp.Or(d.Keys.Advice(auth.Syntax{}), next))
		return false
	}
	n.ok("source", "%s", strings.Join(append([]string{report.Source}, unusedSources(report)...), "; "))
	if report.Odd {
		n.warn("form", "it does not begin with "+auth.Prefix+" as LeadMagic's keys do; it is sent all the same",
			"compare it with the one at app.leadmagic.io, Settings → API")
	} else {
		n.ok("form", "as LeadMagic's keys are")
	}
	for _, s := range report.Sources {
		if s.Warning != "" {
			n.warn("file", s.Name+" "+s.Warning, s.Next)
		}
	}
	return true
}

// unusedSources are the sources with a key or a value that is not used.
func unusedSources(report auth.Report) []string {
	var others []string
	if report.Hidden != "" {
		others = append(others, "the one from "+report.Hidden+" is not used")
	}
	for _, s := range report.Sources {
		if s.State == auth.Unset && s.Note != "" {
			others = append(others, s.Name+" "+s.Note+" and is passed over")
		}
	}
	return others
}

// origin checks where the key may go, and through which HTTP proxy.
func (d *Doctor) origin(n *notes) {
	n.stage = atOrigin
	if d.Route == nil {
		n.skip("the settings cannot be used", "mcp-url", "api-url", "http-proxy")
		return
	}
	d.address(n, "mcp-url", d.Route.MCP, d.Route.hosted())
	d.address(n, "api-url", d.Route.API, d.Route.rest())
	d.proxies(n)
}

// address checks the URL of an upstream. That it is https, or stays on this machine, was checked with the settings.
func (d *Doctor) address(n *notes, name string, u *url.URL, used bool) {
	switch {
	case !used:
		n.skip("not used: --upstream is "+d.Route.Upstream, name)
	case isLeadMagic(u):
		n.ok(name, "%s", displayURL(u))
	case isLoopback(u):
		n.ok(name, "%s, which is on this machine and not LeadMagic itself", displayURL(u))
	default:
		n.warn(name, displayURL(u)+" is not an address of LeadMagic, and the key goes there", "leave out --"+name+" unless you trust it")
	}
}

// proxies names the HTTP proxy of each host. Its user name and password are not shown.
func (d *Doctor) proxies(n *notes) {
	const name = "http-proxy"
	var through []string
	for _, host := range d.Route.hosts() {
		proxy, err := d.Route.Proxy(&http.Request{URL: host.url})
		if err != nil {
			// The text may hold a password.
			n.fail(name, "the HTTP proxy for "+host.url.Host+" is not a URL", "correct HTTPS_PROXY or --http-proxy, as http://host:port")
			return
		}
		if proxy != nil {
			through = append(through, host.url.Host+" through "+proxy.Scheme+"://"+proxy.Host)
		}
	}
	n.ok(name, "%s", cmp.Or(strings.Join(through, ", "), "none"))
}

func isLeadMagic(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return host == "leadmagic.io" || strings.HasSuffix(host, ".leadmagic.io")
}

// isLoopback reports whether u is on this machine.
func isLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && ip.IsLoopback()
}

// displayURL is a URL without what may be secret in it.
func displayURL(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.RawQuery != "" {
		return bare.String() + "?…"
	}
	return bare.String()
}

// mostFindings keeps a report readable; scan lists all.
const mostFindings = 10

// files looks for keys in the files in which editors look for servers: the user's, and those of this folder.
func (d *Doctor) files(ctx context.Context, n *notes) {
	n.stage = atFiles
	const name = "keys in files"
	found, err := editor.Scanner(d.System, d.Environ).Scan(ctx, keyscan.Targets{User: true, Project: true})
	if err != nil {
		n.fail(name, err.Error(), "")
		return
	}
	if d.Named {
		found.Findings = slices.DeleteFunc(found.Findings, func(f keyscan.Finding) bool {
			return !slices.ContainsFunc(d.Editors, func(e editor.Editor) bool { return e.ID == f.Editor })
		})
	}
	for i, f := range found.Findings {
		if i == mostFindings {
			n.fail(name, fmt.Sprintf("%d more", len(found.Findings)-i), editor.Program+" scan lists them all")
			break
		}
		under := ""
		if f.Name != "" {
			under = " under " + f.Name
		}
		n.fail(name, fmt.Sprintf("%s holds a key%s (git: %s)", place(f.Path, f.Line), under, f.Git),
			f.Instead+"; then create a new key at app.leadmagic.io, Settings → API, and delete this one")
	}
	switch {
	case found.Files == 0:
		n.skip("no editor has a file here", name)
	case len(found.Findings) == 0 && d.Named:
		n.ok(name, "none in those of %s", d.Editors[0].Title)
	case len(found.Findings) == 0:
		n.ok(name, "none, of %d files that editors read", found.Files)
	}
	if len(found.Skipped) > 0 {
		n.warn("unread files", unread(found.Skipped), "make them readable, or remove them")
	}
}

// unread names the first of the files that could not be read.
func unread(errs []error) string {
	const most = 3
	var texts []string
	for _, err := range errs[:min(len(errs), most)] {
		texts = append(texts, err.Error())
	}
	if len(errs) > most {
		texts = append(texts, fmt.Sprintf("and %d more", len(errs)-most))
	}
	return strings.Join(texts, "; ")
}

// place is a line of a file.
func place(path string, line int) string { return fmt.Sprintf("%s, line %d", path, line) }

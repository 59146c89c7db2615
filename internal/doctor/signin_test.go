package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestTheSignIn(t *testing.T) {
	const run = "run: leadmagic-mcp-proxy login --web"
	tests := []struct {
		name         string
		spoil        func(*Doctor, *signin.State)
		check        string
		status       Status
		detail, hint string
	}{
		{"nobody knows whose it is", func(_ *Doctor, s *signin.State) { s.Who = "" }, "token", OK, "one in the keychain", ""},
		{"nobody knows how long it lasts", func(_ *Doctor, s *signin.State) { s.Expires = time.Time{} }, "token", OK, "one of ada@analytical.example in the keychain of this system", ""},
		{"its token has run out", func(_ *Doctor, s *signin.State) { s.Expires = time.Now().Add(-time.Minute) }, "token", Warn, "which has run out", "the next session renews it"},
		{"its token runs out now", func(_ *Doctor, s *signin.State) { s.Expires = time.Now() }, "token", Warn, "which has run out", "the next session renews it"},
		{"it lasts less than a second more", func(_ *Doctor, s *signin.State) { s.Expires = time.Now().Add(90*time.Second + 400*time.Millisecond) }, "token", OK, ", for 1m30s", ""},
		{"others can read its file", func(_ *Doctor, s *signin.State) { s.Mode, s.Place = 0o644, "/x/signin.json" }, "token", Warn, "/x/signin.json can be read by others (mode 0644)", "chmod 600 /x/signin.json"},
		{"it is over", func(_ *Doctor, s *signin.State) { s.Over = "it was revoked" }, "token", Fail, "the sign-in of ada@analytical.example has run out: it was revoked", run},
		{"what is over is not renewed", func(_ *Doctor, s *signin.State) { s.Over = "it was revoked" }, "refresh", Skipped, "the sign-in has run out", ""},
		{"the description of the refusal names a client", func(_ *Doctor, s *signin.State) { s.Over = "it says invalid_grant (issued to another client)" }, "registration", OK, "as client client-1", ""},
		{"what is over was registered", func(_ *Doctor, s *signin.State) { s.Over = "it was revoked" }, "registration", OK, "as client client-1", ""},
		{"the client is not known any more", func(_ *Doctor, s *signin.State) { s.Over = "the client is unknown" }, "registration", Fail, "the client is unknown", run},
		{"it cannot be renewed", func(_ *Doctor, s *signin.State) { s.Renewable = false }, "refresh", Warn, "the sign-in ends with its token", run + " then"},
		{"its file cannot be used", func(_ *Doctor, s *signin.State) { s.Broken = errors.New("the file is a folder") }, "token", Fail, "the file is a folder", ""},
		{"nobody has signed in, and nothing else may be used", func(d *Doctor, s *signin.State) { s.Stored, d.Route.SignInOnly = false, true }, "token", Fail, "nobody has signed in here", run},
		{"no key is looked for then", func(d *Doctor, s *signin.State) { s.Stored, d.Route.SignInOnly = false, true }, "source", Skipped, "not used: --auth-scheme is oauth", ""},
		{"who signs people in is not known", func(d *Doctor, _ *signin.State) {
			d.Route.Discover = func(context.Context) (string, error) { return "", errors.New("no answer") }
		}, "discovery", Warn, "no answer", ""},
		{"the server signs nobody in", func(d *Doctor, _ *signin.State) {
			d.Route.Discover = func(context.Context) (string, error) {
				return "", problem.New(problem.NotAllowed, problem.Refused, "it signs nobody in", "")
			}
		}, "discovery", Fail, "it signs nobody in", ""},
		{"the hosted server does not take it", func(d *Doctor, _ *signin.State) {
			d.Route.SignedIn = func(context.Context) error { return errors.New("no longer") }
		}, "resource", Fail, "no longer", ""},
		{"a use of it that renews it", func(d *Doctor, s *signin.State) {
			s.Expires = time.Now().Add(-time.Minute)
			d.Route.SignedIn = func(context.Context) error {
				s.Expires = time.Now().Add(time.Hour)
				return nil
			}
		}, "token", OK, ", for ", ""},
		{"nobody is asked offline", func(d *Doctor, _ *signin.State) { d.Offline = true }, "discovery", Skipped, "--offline", ""},
		{"nor whether it is taken", func(d *Doctor, _ *signin.State) { d.Offline = true }, "resource", Skipped, "--offline", ""},
		{"a host that is not reached", func(d *Doctor, _ *signin.State) { unreachable(d) }, "resource", Skipped, "mcp.leadmagic.io was not reached", ""},
		{"the REST API alone has no use for it", func(d *Doctor, _ *signin.State) { d.Route.Upstream = "rest" }, "discovery", Skipped, "not used: --upstream is rest", ""},
		{"nor does it stand in for a key there", func(d *Doctor, _ *signin.State) { d.Route.Upstream = "rest" }, "source", Fail, "no LeadMagic API key", ""},

		{"a place for a key that cannot be used", func(d *Doctor, _ *signin.State) {
			d.Keys.Getenv = lookup("linux", append(d.Environ, "LEADMAGIC_API_KEY_FILE=/nonexistent"))
		}, "source", Fail, "LEADMAGIC_API_KEY_FILE", ""},
		{"an entry that wants it alone", func(d *Doctor, _ *signin.State) {
			d.write(t, ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\nargs = ['--auth-scheme', 'oauth']\n")
		}, "codex key", OK, "not needed: the sign-in of login --web is used, as --auth-scheme says", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, s := signedIn(t)
				tt.spoil(d, s)
				expect(t, d.Examine(t.Context()).Checks, tt.check, tt.status, tt.detail, tt.hint)
			})
		})
	}
}

// signedIn is a machine with a sign-in and without a key, on which everything works.
func signedIn(t *testing.T) (*Doctor, *signin.State) {
	t.Helper()
	d := newDoctor(t)
	editors := d.Editors
	r := d.route(t)
	d.Editors = editors
	d.installed(t)
	d.write(t, ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\n")
	whole := r.Open
	r.Open = func(ctx context.Context, protocol string) (*Session, error) {
		s, err := whole(ctx, protocol)
		if err == nil {
			s.Upstream = "sign-in"
		}
		return s, err
	}
	r.SignedIn = func(context.Context) error { return nil }
	r.Discover = func(context.Context) (string, error) { return "https://login.example", nil }
	s := &signin.State{
		Stored: true, Place: "the keychain of this system", Who: "ada@analytical.example", Client: "client-1",
		Renewable: true, Expires: time.Now().Add(time.Hour),
	}
	d.SignIn = func(context.Context) signin.State { return *s }
	return d, s
}

func TestASignInThatIsWell(t *testing.T) {
	var checks []Check
	synctest.Test(t, func(t *testing.T) {
		d, _ := signedIn(t)
		checks = d.Examine(t.Context()).Checks
	})
	expect(t, checks, "token", OK, "one of ada@analytical.example in the keychain of this system, for 1h0m0s", "")
	expect(t, checks, "discovery", OK, "https://login.example signs people in for mcp.leadmagic.io", "")
	expect(t, checks, "registration", OK, "as client client-1", "")
	expect(t, checks, "refresh", OK, "each session renews it by itself", "")
	expect(t, checks, "resource", OK, "mcp.leadmagic.io takes the sign-in", "")
	expect(t, checks, "source", Skipped, "none is set, and the sign-in is used instead", "")
	expect(t, checks, "hosted server", OK, "takes the sign-in", "")
	expect(t, checks, "rest api", Skipped, "not asked: it takes a key alone", "")
	expect(t, checks, "upstream", OK, "auto takes the hosted server with the sign-in", "")
	expect(t, checks, "codex key", Skipped, "not needed: the sign-in is used", "")
}

// A key that does not arrive is no fault where calls go on with the sign-in.
func TestAKeyBesideTheSignIn(t *testing.T) {
	d := newDoctor(t, key)
	d.installed(t)
	d.SignIn = func(context.Context) signin.State { return signin.State{Stored: true} }
	d.write(t, ".codex/config.toml", "[mcp_servers.leadmagic]\ncommand = 'leadmagic-mcp-proxy'\n")
	expect(t, d.Examine(t.Context()).Checks, "codex key", Warn, "Codex does not pass LEADMAGIC_API_KEY on", "env_vars")
}

func TestWhoHasNotSignedInIsToldNothingOfIt(t *testing.T) {
	d := newDoctor(t, key)
	d.route(t)
	d.SignIn = func(context.Context) signin.State { return signin.State{} }
	checks := d.Examine(t.Context()).Checks
	if slices.ContainsFunc(checks, func(c Check) bool { return c.Stage == atSignIn }) {
		t.Errorf("got %+v, want nothing of a sign-in", checks)
	}
}

// Checks are in the order of the path, whatever is left out.
func TestTheOrderOfStagesOffline(t *testing.T) {
	d, _ := signedIn(t)
	d.Offline = true
	var got []string
	for _, c := range d.Examine(t.Context()).Checks {
		got = append(got, string(c.Stage))
	}
	want := "environment key origin network sign-in acceptance session tools editors files"
	if got = slices.Compact(got); strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

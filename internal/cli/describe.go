package cli

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/explain"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// describe says of a problem with the key which source it came from, and how the editor wants it given.
func (ss *session) describe(p *problem.Problem, client string) *problem.Problem {
	said := *p
	report := ss.keys.Describe()
	switch p.Code {
	case problem.Unreachable:
		if report.Waiting != "" {
			said.Code = problem.KeyMissing
			said.What = "there is no LeadMagic API key yet: " + report.Waiting + " has not answered"
			said.Next = "answer what it may be asking, then call again"
		}
	case problem.KeyMissing:
		said.Next = cmp.Or(report.Advice(syntaxOf(client)), p.Fix())
		if ss.signIn != nil {
			said.Next += "; without a key, sign in: " + signin.Command
		}
	case problem.SignInRequired:
		if s := ss.signedIn(); s.Refused && p.HTTPStatus != 0 {
			said.What, said.Next = "LeadMagic's hosted server does not take the sign-in"+of(s.Who)+" any more", "run: "+signin.Command
		}
	case problem.NotAllowed:
		if s := ss.signedIn(); s.Refused && s.Lacks != "" {
			said.Next = "sign in again, with the rights that LeadMagic asks for (" + s.Lacks + "): " + signin.Command
		}
	case problem.KeyRejected:
		if report.Source != "" {
			said.What += " from " + report.Source
		}
		if report.Hidden != "" {
			said.What += ", which hides the one from " + report.Hidden
		}
		if report.Odd {
			said.Next = strings.TrimSpace(p.Fix() + "; LeadMagic keys start with lm_, and this one does not")
		}
	}
	return &said
}

// signedIn is what is known of the stored sign-in.
func (ss *session) signedIn() signin.State {
	if ss.signIn == nil {
		return signin.State{}
	}
	return ss.signIn.Describe()
}

func of(who string) string {
	if who == "" {
		return ""
	}
	return " of " + who
}

// syntaxOf is how an editor takes a variable, by what its clientInfo calls it.
func syntaxOf(client string) auth.Syntax {
	e, ok := editor.OfClient(client)
	if !ok {
		return auth.Syntax{}
	}
	return auth.Syntax{Editor: e.Name(), Entry: e.Naming("NAME")}
}

// describeToEditor is describe for the editor of the session.
func (ss *session) describeToEditor(p *problem.Problem) *problem.Problem {
	return ss.describe(p, ss.editor.Name())
}

// state is what the status tool says.
func (ss *session) state() explain.State {
	status, client := ss.status.Report(), ss.editor.Name()
	s := explain.State{
		Problem:   status.Problem,
		Restart:   status.Restart,
		Recovered: status.Recovered,
		Editor:    client,
		Source:    ss.keys.Describe().Source,
		LastTry:   status.LastTry,
	}
	if s.Problem != nil {
		s.Problem = ss.describe(s.Problem, client)
	}
	endpoint, upstream := ss.settings.mcp, "hosted server"
	if status.Upstream == "sign-in" || s.Source == "" && ss.signedIn().Stored {
		s.Source = "the sign-in" + of(ss.signedIn().Who)
	}
	if status.Upstream == "rest" || ss.settings.upstream == "rest" {
		endpoint, upstream = ss.settings.api, "REST API"
	}
	if endpoint != nil { // it is nil when the setting cannot be used
		s.Endpoint, s.Upstream = plainAddress(endpoint), upstream
	}
	return s
}

// plainAddress is an address without what may be a secret in it.
func plainAddress(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A signInCheck is what became of the sign-in of login --web.
type signInCheck struct {
	state  signin.State // as it is kept
	issuer string       // who signs people in for the hosted server now
	err    error        // why that is not known
	used   error        // why the hosted server takes no session with the sign-in
}

// signedIn reports whether there is a sign-in. Nothing is sent for it.
func (d *Doctor) signedIn(ctx context.Context) bool {
	return d.SignIn != nil && d.SignIn.Look(ctx).Stored
}

// askSignIn makes the requests that need the network.
func (d *Doctor) askSignIn(ctx context.Context) *signInCheck {
	c := &signInCheck{}
	c.used = d.Route.SignedIn(ctx) // which renews what has run out
	c.state = d.SignIn.Look(ctx)
	c.issuer, c.err = d.Route.Discover(ctx)
	return c
}

// signIn says how the sign-in is. c is nil where nothing was asked, for a reason. Without a sign-in there is nothing to say,
// unless the settings want one.
func (d *Doctor) signIn(ctx context.Context, c *signInCheck, why string) []Check {
	n := &notes{stage: atSignIn}
	const run = "run: " + signin.Command
	switch {
	case d.SignIn == nil:
		return nil
	case c == nil:
		c = &signInCheck{state: d.SignIn.Look(ctx)}
	}
	s := c.state
	switch {
	case s.Broken != nil:
		n.failWith("token", s.Broken)
		return n.checks
	case !s.Stored && d.Route.SignInOnly:
		n.fail("token", "nobody has signed in here", run)
		return n.checks
	case !s.Stored:
		return nil
	case why != "":
		n.skip(why, "discovery")
	case c.err != nil:
		n.failWith("discovery", c.err)
		if codeOf(c.err) != problem.NotAllowed {
			warnOnly(n.checks) // who has signed in stays so
		}
	default:
		n.ok("discovery", "%s signs people in for %s", problem.PrintableLine(c.issuer, problem.MaxLine), d.Route.MCP.Host)
	}
	if strings.Contains(s.Over, "client") {
		n.fail("registration", s.Over, run)
	} else {
		n.ok("registration", "as client %s", s.Client)
	}
	who := ""
	if s.Who != "" {
		who = " of " + s.Who
	}
	left := time.Until(s.Expires).Round(time.Second)
	switch {
	case s.Over != "":
		n.fail("token", "the sign-in"+who+" has run out: "+s.Over, run)
	case s.Mode != 0:
		n.warn("token", fmt.Sprintf("%s can be read by others (mode %04o)", s.Place, s.Mode), "chmod 600 "+s.Place+"; if somebody may have read it: leadmagic-mcp-proxy logout, then "+signin.Command)
	case s.Expires.IsZero():
		n.ok("token", "one%s in %s", who, s.Place)
	case left > 0:
		n.ok("token", "one%s in %s, for %s", who, s.Place, left)
	default:
		n.warn("token", fmt.Sprintf("one%s in %s, which has run out", who, s.Place), "the next session renews it")
	}
	switch {
	case s.Over != "":
		n.skip("the sign-in has run out", "refresh")
	case !s.Renewable:
		n.warn("refresh", "the authorization server gave no refresh token: the sign-in ends with its token", run+" then")
	default:
		n.ok("refresh", "each session renews it by itself")
	}
	switch {
	case why != "":
		n.skip(why, "resource")
	case c.used != nil:
		n.failWith("resource", c.used)
	default:
		n.ok("resource", "%s takes the sign-in", d.Route.MCP.Host)
	}
	return n.checks
}

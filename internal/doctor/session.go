package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// within bounds all that needs the network, together. With the end of the sessions it stays below ten seconds.
const within = 9 * time.Second

// Versions of the protocol to ask for: the newest with sessions, and the newest there is, which has none.
const (
	withSessions = "2025-11-25"
	newest       = ""
)

// A Session is one through the whole program, on the editor's side.
type Session struct {
	*mcp.ClientSession
	// Upstream answers it: mcp, sign-in or rest. If it is the second choice, Refused is why the first refused.
	Upstream string
	Refused  *problem.Problem
	// Unmatched are the patterns of --tools and --exclude-tools that match nothing, once the tools were listed.
	Unmatched func() []string
	// End ends it in order.
	End func()
}

// A sessionCheck is the result of opening and using a session.
type sessionCheck struct {
	*Session               // nil if there was none
	err      error         // why
	took     time.Duration // until it was open

	tools     []*mcp.Tool
	toolsErr  error
	unmatched []string // patterns that match none of LeadMagic's tools

	free     string // the tool that was called, which costs nothing; empty if none is known to
	freeErr  error
	freeTook time.Duration
	credits  json.Number // the balance that it told, empty if none
}

// worked reports whether an editor could use the session.
func (s *sessionCheck) worked() bool { return s.err == nil && s.toolsErr == nil }

// A connection has the results of all requests that one run of doctor makes.
type connection struct {
	hosts []*networkCheck
	// A session in each mode of the protocol, and the one of them that got further. Without a key all are nil.
	session, stateless, best *sessionCheck
	// Whether the balance was read from the REST API, which is free and proves the key, and the result.
	asked      bool
	usage      rest.Usage
	balanceErr error
	signIn     *signInCheck // nil without one
}

// connect makes all requests side by side: those with the key if keyed, those with the sign-in if signedIn.
func (d *Doctor) connect(ctx context.Context, keyed, signedIn bool) *connection {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	// A host that cannot be reached ends the sessions at once: they would retry for longer.
	open, cancelSessions := context.WithCancel(ctx)
	defer cancelSessions()
	c := &connection{hosts: d.Route.hosts()}
	var work sync.WaitGroup
	for i, host := range c.hosts {
		work.Go(func() {
			if host.run(ctx, d); i == 0 && host.err != nil {
				cancelSessions()
			}
		})
	}
	if signedIn {
		work.Go(func() { c.signIn = d.askSignIn(open) })
	}
	if keyed && d.Route.rest() {
		c.asked = true
		work.Go(func() { c.usage, c.balanceErr = d.Route.Balance(ctx) })
	}
	if keyed || signedIn {
		work.Go(func() { c.session = d.open(open, withSessions) })
		work.Go(func() { c.stateless = d.open(open, newest) })
	}
	work.Wait()
	c.best = c.session
	if c.session != nil && !c.session.worked() && c.stateless.worked() {
		c.best = c.stateless
	}
	return c
}

// fault is why calls do not work, nil if they do.
func (c *connection) fault() error {
	if c.best.err == nil && c.best.Upstream == "rest" {
		return c.balanceErr // that session is opened here: it says nothing of the network
	}
	return c.best.err
}

// network checks the network, whether LeadMagic accepts the key, a session, and its tools. A stage without a check is skipped,
// with the reason.
func (d *Doctor) network(ctx context.Context, n *notes, keyed, signedIn bool) {
	why := d.calls(ctx, n, keyed, signedIn)
	for _, stage := range []Stage{atNetwork, atAcceptance, atSession, atTools} {
		if !slices.ContainsFunc(n.checks, func(c Check) bool { return c.Stage == stage }) {
			n.stage = stage
			n.skip(why, string(stage))
		}
	}
}

// calls makes the checks of network as far as they go, and returns why not all were made.
func (d *Doctor) calls(ctx context.Context, n *notes, keyed, signedIn bool) (why string) {
	n.stage = atNetwork
	switch {
	case d.Route == nil:
		return "the settings cannot be used"
	case d.Offline:
		why = "--offline"
		n.skip(why, string(atNetwork))
		d.signIn(ctx, n, nil, why)
		return why
	}
	c := d.connect(ctx, keyed, signedIn)
	worked := c.best != nil && c.fault() == nil
	for i, host := range c.hosts {
		before := len(n.checks)
		host.report(n, i == 0 && worked)
		for j := range n.checks[before:] {
			if check := &n.checks[before+j]; i > 0 && worked && check.Status == Fail {
				check.Status = Warn // calls work without it
			}
		}
	}
	clock(n, c.hosts)
	first, notReached := c.hosts[0], ""
	if first.err != nil {
		notReached = first.url.Host + " was not reached"
	}
	d.signIn(ctx, n, c.signIn, notReached)
	switch {
	case c.best == nil:
		return "there is no key to go with"
	case !worked && first.err != nil:
		if c.asked && c.balanceErr == nil {
			n.stage = atAcceptance
			n.skip(notReached, "hosted server")
			n.add("rest api", OK, "takes the key", withoutHosted)
		}
		return notReached
	case !worked && first.health != nil && first.health.Code == codeOf(c.fault()):
		return first.url.Host + " answers all else as it answers /health"
	}
	d.acceptance(n, c)
	d.sessions(n, c)
	tools(n, c.best)
	return ""
}

// withoutHosted is what to do if only the REST API can be used.
const withoutHosted = "to do without the hosted server: export LEADMAGIC_UPSTREAM=rest"

// open opens a session, lists its tools, and calls one that is free.
func (d *Doctor) open(ctx context.Context, protocol string) *sessionCheck {
	c := new(sessionCheck)
	start := time.Now()
	c.Session, c.err = d.Route.Open(ctx, protocol)
	c.took = time.Since(start)
	if c.err != nil {
		return c
	}
	defer c.End()
	for tool, err := range c.Tools(ctx, nil) {
		if err != nil {
			c.toolsErr = err
			return c
		}
		c.tools = append(c.tools, tool)
	}
	c.unmatched = c.Unmatched()
	// The name of the tool that tells the balance, which is free, has changed over time.
	free := []string{problem.BalanceTool, problem.OlderBalanceTool}
	if i := slices.IndexFunc(c.tools, func(t *mcp.Tool) bool { return slices.Contains(free, t.Name) }); i >= 0 {
		c.free = c.tools[i].Name
		start = time.Now()
		result, err := c.CallTool(ctx, &mcp.CallToolParams{Name: c.free, Arguments: map[string]any{}})
		c.freeTook = time.Since(start)
		switch {
		case err != nil:
			c.freeErr = err
		case result.IsError:
			c.freeErr = problemIn(texts(result))
		default:
			c.credits = creditsIn(result)
		}
	}
	return c
}

// problemIn is the problem that a result says in words; of our own words, what to do next is taken apart.
func problemIn(text string) error {
	what, rest, _ := strings.Cut(text, "\n")
	if _, next, ours := strings.Cut(rest, "\nnext: "); ours {
		return problem.New(problem.Failed, problem.Refused, what, next)
	}
	return errors.New(text)
}

// texts is what a result says in words.
func texts(result *mcp.CallToolResult) string {
	var all []string
	for _, content := range result.Content {
		if text, ok := content.(*mcp.TextContent); ok {
			all = append(all, text.Text)
		}
	}
	return strings.Join(all, "\n")
}

// creditsIn is the balance in a result, as its structured content or its text has it.
func creditsIn(result *mcp.CallToolResult) json.Number {
	var structured, text struct {
		Credits json.Number `json:"credits"`
	}
	raw, _ := json.Marshal(result.StructuredContent)
	_ = json.Unmarshal(raw, &structured) // what has no balance leaves it empty
	_ = json.Unmarshal([]byte(texts(result)), &text)
	return cmp.Or(structured.Credits, text.Credits)
}

// acceptance checks which upstreams accept the key, and what is left of the account's credits and rate limit.
func (d *Doctor) acceptance(n *notes, c *connection) {
	n.stage = atAcceptance
	const hosted, api = "hosted server", "rest api"
	s := c.best
	switch {
	case !d.Route.hosted():
		n.skip("not asked: --upstream is rest", hosted)
	case s.err != nil:
		n.problem(hosted, Fail, s.err)
	case s.Refused != nil && s.Refused.Code == problem.SignInRequired:
		n.add(hosted, OK, "asks for a sign-in instead of a key, so calls go to the REST API",
			"for the tools that only the hosted server has: "+signin.Command)
	case s.Upstream == "sign-in":
		n.ok(hosted, "takes the sign-in")
	case s.Refused != nil:
		what, _ := describe(s.Refused)
		n.warn(hosted, what+", so calls go to the REST API", "see whether --mcp-url is right")
	default:
		n.ok(hosted, "takes the key")
	}
	switch {
	case !c.asked && d.Route.rest():
		n.skip("not asked: it takes a key alone", api)
	case !c.asked:
		n.skip("not asked: --upstream is mcp", api)
	case c.balanceErr != nil && s.err == nil && s.Upstream != "rest":
		n.problem(api, Warn, c.balanceErr) // calls can do without it
	case c.balanceErr != nil:
		n.problem(api, Fail, c.balanceErr)
	case s.err != nil && codeOf(s.err) != problem.NoCredits:
		n.add(api, OK, "takes the key", withoutHosted)
	default:
		n.ok(api, "takes the key")
	}
	c.credits(n)
	c.rateLimit(n)
}

// lowBalance is a balance at which a person may want to buy more: some look-ups cost 10 credits.
const lowBalance = 50

// credits checks the balance, from the REST API or else from the free tool.
func (c *connection) credits(n *notes) {
	const name, buy = "credits", "buy credits at app.leadmagic.io, Settings → Billing"
	left := cmp.Or(c.usage.CreditsLeft, c.best.credits)
	amount, err := left.Float64()
	switch {
	case err != nil && codeOf(c.best.err) == problem.NoCredits:
		n.fail(name, "none are left", buy)
	case err != nil:
		n.skip("LeadMagic has not said what is left", name)
	case amount <= 0:
		n.fail(name, "none are left: only free tools work", buy)
	case amount < lowBalance:
		n.warn(name, fmt.Sprintf("%s left, and some look-ups cost 10", left), buy)
	default:
		n.ok(name, "%s left", left)
	}
}

// rateLimit checks what is left of the rate limit, which only the REST API says.
func (c *connection) rateLimit(n *notes) {
	const name = "rate limit"
	limit := c.usage.RateLimit
	if limit == nil {
		n.skip("LeadMagic has not said", name)
		return
	}
	detail := limit.Remaining.String() + " of " + limit.Limit.String()
	switch {
	case limit.Limit == "":
		detail = limit.Remaining.String()
	case limit.Remaining == "":
		detail = "at most " + limit.Limit.String()
	}
	detail += " requests left in this minute"
	if limit.RemainingDaily != "" {
		detail += ", " + limit.RemainingDaily.String() + " today"
	}
	used := func(left json.Number) bool {
		n, err := left.Float64()
		return err == nil && n <= 0
	}
	if used(limit.Remaining) || used(limit.RemainingDaily) {
		n.warn(name, detail, "call again in a minute, with fewer calls side by side")
		return
	}
	n.ok(name, "%s", detail)
}

// sessions checks the session in each protocol mode.
func (d *Doctor) sessions(n *notes, c *connection) {
	n.stage = atSession
	best := c.best
	if best.err != nil {
		n.skip("LeadMagic opens none", "upstream", "initialize", "discover", "free call")
		return
	}
	by := map[string]string{"mcp": "the hosted server", "sign-in": "the hosted server with the sign-in", "rest": "the REST API"}[best.Upstream]
	if d.Route.Upstream == "auto" {
		n.ok("upstream", "auto takes %s", by)
	} else {
		n.ok("upstream", "%s, as --upstream says", by)
	}
	if s := c.session; s.err != nil {
		n.problem("initialize", Warn, s.err) // the other mode works
	} else {
		opened, with := s.InitializeResult(), ""
		if info := opened.ServerInfo; info != nil && info.Name != "" {
			with = fmt.Sprintf(" with %s %s", info.Name, info.Version)
		}
		n.ok("initialize", "%s in %s%s", opened.ProtocolVersion, milliseconds(s.took), with)
	}
	switch s := c.stateless; {
	case s.err != nil:
		n.problem("discover", Warn, s.err)
	case s.InitializeResult().ProtocolVersion <= withSessions:
		n.ok("discover", "not offered: editors that ask for it use initialize")
	default:
		n.ok("discover", "%s in %s", s.InitializeResult().ProtocolVersion, milliseconds(s.took))
	}
	switch {
	case best.toolsErr != nil:
		n.skip("the tools could not be listed", "free call")
	case best.free == "":
		n.skip("no tool is known to be free", "free call")
	case best.freeErr != nil:
		n.problem("free call", Fail, best.freeErr)
	default:
		n.ok("free call", "%s answers in %s", best.free, milliseconds(best.freeTook))
	}
}

// windsurfTools is how many tools Windsurf takes of all servers together.
// Source: docs.windsurf.com, Cascade, MCP.
const windsurfTools = 100

// tools checks how many tools a model is offered.
func tools(n *notes, s *sessionCheck) {
	n.stage = atTools
	const name = "list"
	switch count := len(s.tools); {
	case s.err != nil:
		n.skip("LeadMagic opens no session", name)
	case s.toolsErr != nil:
		n.problem(name, Fail, s.toolsErr)
	case count == 0:
		n.fail(name, "there are no tools", "see whether --tools, --exclude-tools or --read-only leave any")
	case count > windsurfTools:
		n.warn(name, fmt.Sprintf("%d tools; Windsurf takes %d at most, of all servers together", count, windsurfTools),
			"offer fewer, such as: export LEADMAGIC_TOOLS='find_*,enrich_*,check_*'")
	default:
		n.ok(name, "%d tools", count)
	}
	if len(s.unmatched) > 0 {
		n.warn("patterns", "no tool of LeadMagic matches "+strings.Join(s.unmatched, ", "), "correct --tools or --exclude-tools")
	}
}

// codeOf is the kind of problem that an error is, empty for any other.
func codeOf(err error) problem.Code {
	if p := problem.As(err); p != nil {
		return p.Code
	}
	return ""
}

// A signInCheck is the result of using the sign-in of login --web.
type signInCheck struct {
	state  signin.State // as it is kept
	issuer string       // who signs people in for the hosted server now
	err    error        // why that is not known
	used   error        // why the hosted server takes no session with the sign-in
}

// askSignIn makes the requests that need the network.
func (d *Doctor) askSignIn(ctx context.Context) *signInCheck {
	c := &signInCheck{}
	c.used = d.Route.SignedIn(ctx) // which renews what has run out
	c.state = d.SignIn(ctx)
	c.issuer, c.err = d.Route.Discover(ctx)
	return c
}

// signIn checks the sign-in. c is nil if no request was made: for the reason why, or else since the settings do not use the
// hosted server. Without a sign-in there are no checks, unless the settings want one.
func (d *Doctor) signIn(ctx context.Context, n *notes, c *signInCheck, why string) {
	n.stage = atSignIn
	const run = "run: " + signin.Command
	switch {
	case d.SignIn == nil:
		return
	case c == nil:
		c, why = &signInCheck{state: d.SignIn(ctx)}, cmp.Or(why, "not used: --upstream is "+d.Route.Upstream)
	}
	s := c.state
	switch {
	case s.Broken != nil:
		n.problem("token", Fail, s.Broken)
		return
	case !s.Stored && d.Route.SignInOnly:
		n.fail("token", "nobody has signed in here", run)
		return
	case !s.Stored:
		return
	case why != "":
		n.skip(why, "discovery")
	case codeOf(c.err) == problem.NotAllowed:
		n.problem("discovery", Fail, c.err)
	case c.err != nil:
		n.problem("discovery", Warn, c.err) // the stored sign-in stays valid
	default:
		n.ok("discovery", "%s signs people in for %s", c.issuer, d.Route.MCP.Host)
	}
	if code, _, _ := strings.Cut(s.Over, " ("); strings.Contains(code, "client") { // such as invalid_client; a description may say anything
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
		n.problem("resource", Fail, c.used)
	default:
		n.ok("resource", "%s takes the sign-in", d.Route.MCP.Host)
	}
}

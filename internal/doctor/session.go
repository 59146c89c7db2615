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

// A Session is one through the whole program, seen from where an editor sits.
type Session struct {
	*mcp.ClientSession
	// Upstream carries it: mcp or rest. If it is the second choice, Refused is why the first refused.
	Upstream string
	Refused  *problem.Problem
	// Unmatched are the patterns of --tools and --exclude-tools that match nothing, once the tools were listed.
	Unmatched func() []string
	// End ends it in order.
	End func()
}

// A sessionCheck is what an editor would get of a session.
type sessionCheck struct {
	err      error // why there was none
	upstream string
	refused  *problem.Problem
	opened   *mcp.InitializeResult
	took     time.Duration // until it was open

	tools     []*mcp.Tool
	toolsErr  error
	unmatched []string  // patterns that match none of LeadMagic's tools
	call      *freeCall // nil if there is no tool that is known to be free
}

// worked reports whether an editor could use the session.
func (s *sessionCheck) worked() bool { return s.err == nil && s.toolsErr == nil }

// A freeCall is a call that costs nothing.
type freeCall struct {
	tool    string
	err     error
	took    time.Duration
	credits json.Number // the balance that it told, empty if none
}

// A balance is what the REST API says of the account, for free, which proves the key.
type balance struct {
	asked bool
	err   error
	usage rest.Usage
}

// A connection is what became of the requests that one run of doctor makes.
type connection struct {
	hosts []*networkCheck
	// What an editor gets in each mode of the protocol, and the one of them that got further. Without a key all are nil.
	session, stateless, best *sessionCheck
	balance                  balance
	signIn                   *signInCheck // nil without one
}

// connect makes all requests side by side. keyed and signedIn say what there is to make them with.
func (d *Doctor) connect(ctx context.Context, keyed, signedIn bool) *connection {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	// What cannot be reached needs no sessions, which would try for longer.
	open, giveUp := context.WithCancel(ctx)
	defer giveUp()
	c := &connection{hosts: d.Route.hosts()}
	var work sync.WaitGroup
	for i, host := range c.hosts {
		work.Go(func() {
			if host.run(ctx, d); i == 0 && host.err != nil {
				giveUp()
			}
		})
	}
	if signedIn {
		work.Go(func() { c.signIn = d.askSignIn(open) })
	}
	if keyed && d.Route.rest() {
		c.balance.asked = true
		work.Go(func() { c.balance.usage, c.balance.err = d.Route.Balance(ctx) })
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
	if c.best.err == nil && c.best.upstream == "rest" {
		return c.balance.err // that session is opened here: it says nothing of the network
	}
	return c.best.err
}

// network checks the network, whether LeadMagic takes the key, a session, and its tools.
func (d *Doctor) network(ctx context.Context, keyed, signedIn bool) []Check {
	switch {
	case d.Route == nil:
		return skipStages("the settings cannot be used", atNetwork, atAcceptance, atSession, atTools)
	case d.Offline:
		const why = "--offline"
		return slices.Concat(skipStages(why, atNetwork), d.signIn(ctx, nil, why), skipStages(why, atAcceptance, atSession, atTools))
	}
	signedIn = signedIn && d.Route.hosted()
	c := d.connect(ctx, keyed, signedIn)
	worked := c.best != nil && c.fault() == nil
	n := &notes{stage: atNetwork}
	for i, host := range c.hosts {
		before := len(n.checks)
		host.report(n, i == 0 && worked)
		if i > 0 && worked {
			warnOnly(n.checks[before:]) // calls can do without it
		}
	}
	clock(n, c.hosts)
	first := c.hosts[0]
	notReached := ""
	if first.err != nil {
		notReached = first.url.Host + " was not reached"
	}
	n.checks = append(n.checks, d.signIn(ctx, c.signIn, notReached)...)
	switch {
	case c.best == nil:
		return append(n.checks, skipStages("there is no key to go with", atAcceptance, atSession, atTools)...)
	case !worked && first.err != nil:
		why := notReached
		if !c.balance.asked || c.balance.err != nil {
			return append(n.checks, skipStages(why, atAcceptance, atSession, atTools)...)
		}
		a := &notes{stage: atAcceptance}
		a.skip(why, "hosted server")
		a.add("rest api", OK, "takes the key", withoutHosted)
		return slices.Concat(n.checks, a.checks, skipStages(why, atSession, atTools))
	case !worked && first.health != nil && first.health.Code == codeOf(c.fault()):
		return append(n.checks, skipStages(first.url.Host+" answers all else as it answers /health", atAcceptance, atSession, atTools)...)
	}
	return slices.Concat(n.checks, d.acceptance(c), d.sessions(c), tools(c.best))
}

// withoutHosted is what to do if only the REST API can be used.
const withoutHosted = "to do without the hosted server: export LEADMAGIC_UPSTREAM=rest"

// open opens a session, lists its tools, and calls one that is free.
func (d *Doctor) open(ctx context.Context, protocol string) *sessionCheck {
	c := new(sessionCheck)
	start := time.Now()
	s, err := d.Route.Open(ctx, protocol)
	c.took = time.Since(start)
	if err != nil {
		c.err = err
		return c
	}
	defer s.End()
	c.upstream, c.refused, c.opened = s.Upstream, s.Refused, s.InitializeResult()
	for tool, err := range s.Tools(ctx, nil) {
		if err != nil {
			c.toolsErr = err
			return c
		}
		c.tools = append(c.tools, tool)
	}
	c.unmatched = s.Unmatched()
	// The name of the tool that tells the balance, which is free, has changed over time.
	free := []string{problem.BalanceTool, problem.OlderBalanceTool}
	if i := slices.IndexFunc(c.tools, func(t *mcp.Tool) bool { return slices.Contains(free, t.Name) }); i >= 0 {
		c.call = call(ctx, s, c.tools[i].Name)
	}
	return c
}

// call calls a free tool.
func call(ctx context.Context, s *Session, tool string) *freeCall {
	c := &freeCall{tool: tool}
	start := time.Now()
	result, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
	c.took = time.Since(start)
	switch {
	case err != nil:
		c.err = err
	case result.IsError:
		c.err = toldProblem(texts(result))
	default:
		c.credits = creditsIn(result)
	}
	return c
}

// toldProblem is the fault that a result tells an agent of: what is wrong and, if the words are our own, what to do next.
func toldProblem(text string) error {
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
	if raw, err := json.Marshal(result.StructuredContent); err == nil {
		_ = json.Unmarshal(raw, &structured)
	}
	_ = json.Unmarshal([]byte(texts(result)), &text)
	return cmp.Or(structured.Credits, text.Credits)
}

// acceptance says who takes the key, and what the account has.
func (d *Doctor) acceptance(c *connection) []Check {
	n := &notes{stage: atAcceptance}
	const hosted, api = "hosted server", "rest api"
	s, b := c.best, c.balance
	switch {
	case !d.Route.hosted():
		n.skip("not asked: --upstream is rest", hosted)
	case s.err != nil:
		n.failWith(hosted, s.err)
	case s.refused != nil && s.refused.Code == problem.SignInRequired:
		n.add(hosted, OK, "asks for a sign-in instead of a key, so calls go to the REST API",
			"for the tools that only the hosted server has: "+signin.Command)
	case s.upstream == "sign-in":
		n.ok(hosted, "takes the sign-in")
	case s.refused != nil:
		what, _ := describe(s.refused)
		n.warn(hosted, what+", so calls go to the REST API", "see whether --mcp-url is right")
	default:
		n.ok(hosted, "takes the key")
	}
	switch {
	case !b.asked && d.Route.rest():
		n.skip("not asked: it takes a key alone", api)
	case !b.asked:
		n.skip("not asked: --upstream is mcp", api)
	case b.err != nil:
		n.failWith(api, b.err)
		if s.err == nil && s.upstream != "rest" {
			warnOnly(n.checks[len(n.checks)-1:]) // calls can do without it
		}
	case s.err != nil && codeOf(s.err) != problem.NoCredits:
		n.add(api, OK, "takes the key", withoutHosted)
	default:
		n.ok(api, "takes the key")
	}
	c.credits(n)
	b.rateLimit(n)
	return n.checks
}

// low is a balance at which a person may want to buy more: some look-ups cost 10 credits.
const low = 50

// credits says what is left, as the REST API or else the free tool has told.
func (c *connection) credits(n *notes) {
	const name, buy = "credits", "buy credits at app.leadmagic.io, Settings → Billing"
	left := c.balance.usage.CreditsLeft
	if left == "" && c.best.call != nil {
		left = c.best.call.credits
	}
	amount, err := left.Float64()
	switch {
	case err != nil && codeOf(c.best.err) == problem.NoCredits:
		n.fail(name, "none are left", buy)
	case err != nil:
		n.skip("LeadMagic has not said what is left", name)
	case amount <= 0:
		n.fail(name, "none are left: only free tools work", buy)
	case amount < low:
		n.warn(name, fmt.Sprintf("%s left, and some look-ups cost 10", left), buy)
	default:
		n.ok(name, "%s left", left)
	}
}

// rateLimit says what LeadMagic has told of its limits. Only the REST API does.
func (b balance) rateLimit(n *notes) {
	const name = "rate limit"
	limit := b.usage.RateLimit
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

// sessions says what an editor gets in both modes of the protocol.
func (d *Doctor) sessions(c *connection) []Check {
	n := &notes{stage: atSession}
	best := c.best
	if best.err != nil {
		n.skip("LeadMagic opens none", "upstream", "initialize", "discover", "free call")
		return n.checks
	}
	by := map[string]string{"mcp": "the hosted server", "sign-in": "the hosted server with the sign-in", "rest": "the REST API"}[best.upstream]
	if d.Route.Upstream == "auto" {
		n.ok("upstream", "auto takes %s", by)
	} else {
		n.ok("upstream", "%s, as --upstream says", by)
	}
	if s := c.session; s.err != nil {
		n.failWith("initialize", s.err)
		warnOnly(n.checks[len(n.checks)-1:]) // the other mode works
	} else {
		with := ""
		if info := s.opened.ServerInfo; info != nil && info.Name != "" {
			with = fmt.Sprintf(" with %s %s", info.Name, info.Version)
		}
		n.ok("initialize", "%s in %s%s", s.opened.ProtocolVersion, milliseconds(s.took), with)
	}
	switch s := c.stateless; {
	case s.err != nil:
		n.failWith("discover", s.err)
		warnOnly(n.checks[len(n.checks)-1:])
	case s.opened.ProtocolVersion <= withSessions:
		n.ok("discover", "not offered: editors that ask for it use initialize")
	default:
		n.ok("discover", "%s in %s", s.opened.ProtocolVersion, milliseconds(s.took))
	}
	switch call := best.call; {
	case best.toolsErr != nil:
		n.skip("the tools could not be listed", "free call")
	case call == nil:
		n.skip("no tool is known to be free", "free call")
	case call.err != nil:
		n.failWith("free call", call.err)
	default:
		n.ok("free call", "%s answers in %s", call.tool, milliseconds(call.took))
	}
	return n.checks
}

// windsurfTools is how many tools Windsurf takes of all servers together.
// Source: docs.windsurf.com, Cascade, MCP.
const windsurfTools = 100

// tools says how many tools a model is shown.
func tools(s *sessionCheck) []Check {
	n := &notes{stage: atTools}
	const name = "list"
	switch count := len(s.tools); {
	case s.err != nil:
		n.skip("LeadMagic opens no session", name)
	case s.toolsErr != nil:
		n.failWith(name, s.toolsErr)
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
	return n.checks
}

// skipStages are the checks of stages that were not looked at.
func skipStages(why string, stages ...Stage) []Check {
	var checks []Check
	for _, stage := range stages {
		n := notes{stage: stage}
		n.skip(why, string(stage))
		checks = append(checks, n.checks...)
	}
	return checks
}

// warnOnly makes warnings of faults.
func warnOnly(checks []Check) {
	for i := range checks {
		if checks[i].Status == Fail {
			checks[i].Status = Warn
		}
	}
}

// codeOf is the kind of problem that an error is, empty for any other.
func codeOf(err error) problem.Code {
	if p := problem.As(err); p != nil {
		return p.Code
	}
	return ""
}

package doctor

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// low is a balance at which a person may want to buy more: some look-ups cost 10 credits.
const low = 50

// A balance is what the REST API says of the account, for free.
type balance struct {
	asked bool
	err   error
	usage rest.Usage
}

// balance asks the REST API for the balance, which proves the key.
func (d *Doctor) balance(ctx context.Context) balance {
	client := d.Route.REST()
	defer client.CloseIdleConnections()
	usage, err := rest.Credits(ctx, client, d.Route.API.String())
	return balance{asked: true, err: err, usage: usage}
}

// acceptance says who takes the key, and what the account has.
func (d *Doctor) acceptance(v *visit, b balance) []Check {
	n := &notes{stage: atAcceptance}
	d.hostedKey(n, v)
	switch {
	case !b.asked:
		n.skip("not asked: --upstream is mcp", "rest api")
	case b.err != nil:
		n.blame("rest api", b.err)
		if v.err == nil && v.upstream == "mcp" {
			soften(n.checks[len(n.checks)-1:]) // calls can do without it
		}
	case v.err != nil && codeOf(v.err) != problem.NoCredits:
		n.add("rest api", OK, "takes the key", withoutHosted)
	default:
		n.ok("rest api", "takes the key")
	}
	credits(n, v, b)
	rateLimit(n, b)
	return n.checks
}

// hostedKey says whether the hosted server takes the key.
func (d *Doctor) hostedKey(n *notes, v *visit) {
	const name = "hosted server"
	switch {
	case !d.Route.hosted():
		n.skip("not asked: --upstream is rest", name)
	case v.err != nil:
		n.blame(name, v.err)
	case v.refused != nil && v.refused.Code == problem.SignInRequired:
		n.ok(name, "asks for a sign-in instead of a key, so calls go to the REST API")
	case v.refused != nil:
		what, _ := words(v.refused)
		n.warn(name, what+", so calls go to the REST API", "see whether --mcp-url is right")
	default:
		n.ok(name, "takes the key")
	}
}

// credits says what is left, as the REST API or else the free tool has told.
func credits(n *notes, v *visit, b balance) {
	const name, buy = "credits", "buy credits at app.leadmagic.io, Settings → Billing"
	left := b.usage.CreditsLeft
	if left == "" && v.call != nil {
		left = v.call.credits
	}
	amount, err := left.Float64()
	switch {
	case left == "" || err != nil:
		if v.err != nil && codeOf(v.err) == problem.NoCredits {
			n.fail(name, "none are left", buy)
			return
		}
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
func rateLimit(n *notes, b balance) {
	const name = "rate limit"
	limit := b.usage.RateLimit
	if limit == nil {
		n.skip("LeadMagic has not said", name)
		return
	}
	detail := of(limit.Remaining, limit.Limit) + " requests left in this minute"
	if limit.RemainingDaily != "" {
		detail += ", " + limit.RemainingDaily.String() + " today"
	}
	if used(limit.Remaining) || used(limit.RemainingDaily) {
		n.warn(name, detail, "call again in a minute, with fewer calls side by side")
		return
	}
	n.ok(name, "%s", detail)
}

// of is so many of so many, as far as they are known.
func of(left, limit json.Number) string {
	switch {
	case limit == "":
		return left.String()
	case left == "":
		return "at most " + limit.String()
	}
	return left.String() + " of " + limit.String()
}

// used reports whether a number is known and nothing is left of it.
func used(left json.Number) bool {
	n, err := left.Float64()
	return err == nil && n <= 0
}

// codeOf is the kind of problem that an error is, empty for any other.
func codeOf(err error) problem.Code {
	if p := problem.As(err); p != nil {
		return p.Code
	}
	return ""
}

// Package problem says what went wrong with a call: to the agent that made it, to the person behind
// the agent, and to a program that reads the fields. It does not decide what to do about it, and it
// holds no secret: whoever fills a Problem in has removed the key first.
package problem

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// Names that several packages use.
const (
	// Source is the `data.source` of every JSON-RPC error that is ours and not LeadMagic's.
	Source = "leadmagic-mcp-proxy"
	// ServerName and ServerTitle are what an MCP server of ours says it is. They are the same of all of them, since
	// editors make names for tools out of them, and people allow tools by these names.
	ServerName  = "leadmagic-mcp-proxy"
	ServerTitle = "LeadMagic (unofficial)"
	// StatusTool is the local tool that says how the session is. A tool of LeadMagic's that has this name is not offered.
	StatusTool = "leadmagic_status"
	// BalanceTool is LeadMagic's free tool that shows the balance, and OlderBalanceTool what older servers call it.
	BalanceTool      = "check_credits"
	OlderBalanceTool = "check_credit_balance"
	// UsageKey is the member of a result's _meta that says what the call used: {"creditsUsed": 1, "creditsLeft": 99,
	// "requestId": "…"}, each where it is known.
	UsageKey = "io.github.leadmagic-mcp-proxy/usage"
)

// Code names a kind of problem. Codes are stable: they stand in JSON-RPC error data and in reports.
type Code string

// The kinds of problem, in the order in which a call meets them.
const (
	BadSetting     Code = "bad_setting"      // a flag or variable of ours cannot be used
	KeyMissing     Code = "key_missing"      // no source holds a key
	KeyMalformed   Code = "key_malformed"    // a source holds something that cannot be a key
	Unreachable    Code = "unreachable"      // DNS, connect or TLS did not succeed
	Untrusted      Code = "untrusted"        // reached, but not through TLS that can be trusted, or not past a proxy
	KeyRejected    Code = "key_rejected"     // HTTP 401
	SignInRequired Code = "sign_in_required" // HTTP 401 with a Bearer challenge
	NoCredits      Code = "no_credits"       // HTTP 402, or 403 that speaks of credits
	NotAllowed     Code = "not_allowed"      // HTTP 403 otherwise
	NotFound       Code = "not_found"        // HTTP 404 and 410
	BadRequest     Code = "bad_request"      // 4xx about what was sent, and arguments refused here
	RateLimited    Code = "rate_limited"     // HTTP 429
	Redirected     Code = "redirected"       // HTTP 3xx
	Failed         Code = "upstream_failed"  // HTTP 5xx, and 4xx that other arguments do not change
	NotLeadMagic   Code = "not_leadmagic"    // HTML where JSON was due
	BrokenAnswer   Code = "broken_answer"    // a 200 that cannot be read
	Cut            Code = "cut"              // the connection broke while an answer was due
	TimedOut       Code = "timed_out"        // --tool-timeout passed
	OverBudget     Code = "over_budget"      // --max-credits would be passed
	Hidden         Code = "tool_hidden"      // --tools, --exclude-tools or --read-only forbid it
)

// Outcome is what became of the call.
type Outcome int

const (
	// NotSent means that nothing of the call reached LeadMagic: no credit was used.
	NotSent Outcome = iota
	// Refused means that LeadMagic answered and did not carry the call out: no credit was used.
	Refused
	// Unknown means that the call may have been carried out, and credits may have been used.
	Unknown
)

// A Problem is why a call was not answered by LeadMagic, or not with what was asked.
// It is an error. Fields other than Code and What may be zero.
type Problem struct {
	Code    Code
	Outcome Outcome
	// What is the problem in one line, lower-case and without a full stop.
	What string
	// Next is what to do about it, likewise. Empty stands for the default of Code.
	Next string

	HTTPStatus int    // of the answer that caused it, 0 if there was none
	Upstream   string // LeadMagic's own code, such as "insufficient_credits"
	RequestID  string // LeadMagic's id of the request
	Docs       string // LeadMagic's page about it
	// RetryAfter is how long LeadMagic asked to wait, 0 if it did not say.
	RetryAfter time.Duration
	// Cause is the Go error underneath, for the log. It is never shown to an agent.
	Cause error
}

// New is a Problem of one kind. An empty next stands for the default of the kind.
func New(code Code, outcome Outcome, what, next string) *Problem {
	return &Problem{Code: code, Outcome: outcome, What: what, Next: next}
}

// ErrSessionEnded is the cause of a request's context when the session ends before the response.
var ErrSessionEnded = errors.New("the session ended")

// NeverSent is why a call was not sent before its context ended.
func NeverSent(ctx context.Context) *Problem {
	what := "the call was cancelled before it was sent"
	if errors.Is(context.Cause(ctx), ErrSessionEnded) {
		what = "the session ended before the call was sent"
	}
	return New(Unreachable, NotSent, what, "")
}

// As returns the Problem in err's tree, or nil.
func As(err error) *Problem {
	p, _ := errors.AsType[*Problem](err)
	return p
}

func (p *Problem) Error() string { return p.What }

func (p *Problem) Unwrap() error { return p.Cause }

// Fix is what to do next: what the problem itself says, or the default of its kind.
func (p *Problem) Fix() string {
	switch line := advice[p.Code].next; {
	case p.Next != "":
		return p.Next
	case line == recheck && p.Outcome != Unknown:
		return retry
	default:
		return line
	}
}

// Line is the problem and its fix in one line, for a log or a JSON-RPC error message.
func (p *Problem) Line() string {
	return fmt.Sprintf("%s (fix: %s)", p.What, p.Fix())
}

// Text is what an agent is told in a tool result, in three lines: the problem, whether the agent can
// fix it, and what to do next. hasTool says whether a tool stands in the session's last list; a text
// names no tool for which it is false. A nil hasTool knows of none.
func (p *Problem) Text(hasTool func(string) bool) string {
	what := p.What
	next := p.Fix()
	if p.Outcome == Unknown {
		what += "; the outcome is unknown, credits may have been used"
		if tool := BalanceToolIn(hasTool); tool != "" {
			next += "; " + tool + " shows the balance, for free"
		}
	}
	what += p.reference()
	if p.Docs != "" {
		next += "; see " + p.Docs
	}
	return Scrub(what) + "\n" + p.agent() + "\n" + Scrub("next: "+next)
}

// reference is what LeadMagic calls the problem and the request, for who asks its support.
func (p *Problem) reference() string {
	var parts []string
	if p.Upstream != "" {
		parts = append(parts, p.Upstream)
	}
	if p.RequestID != "" {
		parts = append(parts, "request "+p.RequestID)
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Data is the `data` member of a JSON-RPC error. RetryAfter is in seconds, rounded up.
func (p *Problem) Data() json.RawMessage {
	raw, _ := json.Marshal(struct {
		Source     string `json:"source"`
		HTTPStatus int    `json:"httpStatus,omitempty"`
		Code       string `json:"code"`
		RequestID  string `json:"requestId,omitempty"`
		RetryAfter int    `json:"retryAfter,omitempty"`
	}{Source, p.HTTPStatus, cmp.Or(p.Upstream, string(p.Code)), p.RequestID, int(math.Ceil(p.RetryAfter.Seconds()))})
	return raw
}

// BalanceToolIn is the name of the balance tool in the list of tools that has reports on, or "". A nil has is an
// empty list.
func BalanceToolIn(has func(string) bool) string {
	for _, name := range []string{BalanceTool, OlderBalanceTool} {
		if has != nil && has(name) {
			return name
		}
	}
	return ""
}

// oauthTriggers are words that some editors take in a tool result for a request to sign in with OAuth. A number
// that only has these digits in it, such as a port or the id of a request, is none.
var oauthTriggers = []struct {
	word *lazyregexp.Regexp
	ours string
}{
	{lazyregexp.New(`(?i)\b(?:HTTP[ _]?)?401\b`), "a refusal"},
	{lazyregexp.New(`(?i)unauthorized`), "not accepted"},
	{lazyregexp.New(`(?i)auth required`), "a key is needed"},
}

// Scrub removes the words that make some editors start an OAuth sign-in when a tool result has them.
func Scrub(s string) string {
	for _, t := range oauthTriggers {
		s = t.word.ReplaceAllLiteralString(s, t.ours)
	}
	return s
}

// RunDoctor ends the advice where doctor may find out more.
const RunDoctor = "; leadmagic-mcp-proxy doctor finds the cause"

// advice is the second and the default third line for each kind of problem: whether the agent can fix
// it, and what to do next.
var advice = map[Code]struct{ agent, next string }{
	BadSetting: {person, "correct the setting in the editor's configuration and restart the leadmagic server"},
	KeyMissing: {
		person,
		"set LEADMAGIC_API_KEY where the editor is started, or run: leadmagic-mcp-proxy login; a key comes from app.leadmagic.io, Settings → API",
	},
	KeyMalformed: {person, "copy the key again, completely, from app.leadmagic.io, Settings → API; LeadMagic keys start with lm_"},
	Unreachable:  {"the agent can try again: nothing was sent, no credits were used", "check the network, then call again" + RunDoctor},
	Untrusted:    {person, "check the network and the clock of this machine" + RunDoctor},
	KeyRejected:  {person, "create the key or copy it again at app.leadmagic.io, Settings → API"},
	SignInRequired: {
		person,
		"run: leadmagic-mcp-proxy login --web; or start leadmagic-mcp-proxy with --upstream rest (or LEADMAGIC_UPSTREAM=rest): LeadMagic's REST API still takes keys",
	},
	NoCredits:    {person, "buy credits or check the balance at app.leadmagic.io, Settings → Billing"},
	NotAllowed:   {person, "check what the plan includes at app.leadmagic.io"},
	NotFound:     {"the agent can fix this if the call named something that does not exist; no credits were used", "check the name or id in the call"},
	BadRequest:   {"the agent can fix this: change the arguments and call again; no credits were used", "correct the arguments and call again"},
	RateLimited:  {"the agent can fix this by waiting; no credits were used", "wait a minute, then call again with fewer calls side by side"},
	Redirected:   {person, "set --mcp-url (or LEADMAGIC_MCP_URL) to the new address if you trust it"},
	Failed:       {"the agent cannot fix this: it is on LeadMagic's side", "try again later; if it stays, give LeadMagic's support the request id"},
	NotLeadMagic: {person, "open a web page to sign in to the network, or ask who runs the company proxy" + RunDoctor},
	BrokenAnswer: {uncertain, recheck},
	Cut:          {uncertain, recheck},
	TimedOut:     {uncertain, "raise --tool-timeout (LEADMAGIC_TOOL_TIMEOUT) if such calls need longer"},
	OverBudget:   {"the agent cannot fix this: the limit is set by a person", "ask the person to raise --max-credits (LEADMAGIC_MAX_CREDITS), or use free tools"},
	Hidden:       {"the agent cannot fix this: a person has limited the tools of this session", "use one of the listed tools"},
}

const (
	person    = "the agent cannot fix this; a person has to"
	uncertain = "the agent cannot tell whether the call was carried out, so it was not repeated"
	recheck   = "check whether the result is still needed before calling again"
	harmless  = "the agent can try again: no credits were used"
	retry     = "try again later; if it stays, leadmagic-mcp-proxy doctor finds the cause"
)

// agent is whether the agent can fix the problem. What is uncertain of a paid call is not so of others.
func (p *Problem) agent() string {
	line := advice[p.Code].agent
	if p.temporary() {
		line = uncertain
	}
	if line != uncertain || p.Outcome == Unknown {
		return line
	}
	return harmless
}

// Credits is an amount of LeadMagic's credits in millionths, so that 0.05 adds up.
type Credits int64

const (
	// Credit is one credit.
	Credit Credits = 1e6
	// MaxCredits bounds what one amount can be, so that no sum of them overflows. Nobody has so many.
	MaxCredits = 1e9 * Credit
)

// ToCredits is f credits. Some never become none.
func ToCredits(f float64) Credits {
	c := Credits(math.Round(min(f, MaxCredits.Float()) * float64(Credit)))
	if c == 0 && f > 0 {
		return 1
	}
	return c
}

// Float is c as a number of credits.
func (c Credits) Float() float64 { return float64(c) / float64(Credit) }

// String is c as a decimal number of credits.
func (c Credits) String() string { return strconv.FormatFloat(c.Float(), 'f', -1, 64) }

// Words is c with its unit.
func (c Credits) Words() string {
	if c == Credit {
		return "1 credit"
	}
	return c.String() + " credits"
}

package problem

// advice is the second and the default third line for each kind of problem: whether the agent can fix
// it, and what to do next.
var advice = map[Code]struct{ agent, next string }{
	BadSetting: {person, "correct the setting in the editor's configuration and restart the leadmagic server"},
	KeyMissing: {
		person,
		"set LEADMAGIC_API_KEY where the editor is started, or run: leadmagic-mcp-proxy login; a key comes from app.leadmagic.io, Settings → API",
	},
	KeyMalformed: {person, "copy the key again, completely, from app.leadmagic.io, Settings → API; LeadMagic keys start with lm_"},
	Unreachable:  {"the agent can try again: nothing was sent, no credits were used", "check the network, then call again; leadmagic-mcp-proxy doctor finds the cause"},
	Untrusted:    {person, "check the network and the clock of this machine; leadmagic-mcp-proxy doctor finds the cause"},
	KeyRejected:  {person, "create the key or copy it again at app.leadmagic.io, Settings → API"},
	SignInRequired: {
		person,
		"start leadmagic-mcp-proxy with --upstream rest (or LEADMAGIC_UPSTREAM=rest): LeadMagic's REST API still takes keys",
	},
	NoCredits:    {person, "buy credits or check the balance at app.leadmagic.io, Settings → Billing"},
	NotAllowed:   {person, "check what the plan includes at app.leadmagic.io"},
	NotFound:     {"the agent can fix this if the call named something that does not exist; no credits were used", "check the name or id in the call"},
	BadRequest:   {"the agent can fix this: change the arguments and call again; no credits were used", "correct the arguments and call again"},
	RateLimited:  {"the agent can fix this by waiting; no credits were used", "wait a minute, then call again with fewer calls side by side"},
	Redirected:   {person, "set --mcp-url (or LEADMAGIC_MCP_URL) to the new address if you trust it"},
	Failed:       {"the agent cannot fix this: it is on LeadMagic's side", "try again later; if it stays, give LeadMagic's support the request id"},
	NotLeadMagic: {person, "open a web page to sign in to the network, or ask who runs the company proxy; leadmagic-mcp-proxy doctor finds the cause"},
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
	if p.mayPass() {
		line = uncertain
	}
	if line != uncertain || p.Fate == Unknown {
		return line
	}
	return harmless
}

// next is what to do about the problem where it does not say that itself.
func (p *Problem) next() string {
	if line := advice[p.Code].next; line != recheck || p.Fate == Unknown {
		return line
	}
	return retry
}

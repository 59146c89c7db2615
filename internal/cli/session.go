package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth/signin"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/explain"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// A session joins what the settings name: the key, the upstreams it goes to, and the proxy between them and
// an editor.
type session struct {
	env      *Env
	settings *settings
	keys     *auth.Keys
	signIn   *signin.Tokens // nil where no sign-in may stand in for the key
	base     *baseTransport
	log      *slog.Logger
	sandbox  *sandbox.Sandbox

	// What several pieces of the message path need to know of each other.
	editor        proxy.Editor
	failover      *proxy.Failover
	refusal       *problem.Problem                // why LeadMagic cannot be called at all, nil if it can
	hostedRefusal atomic.Pointer[problem.Problem] // why the REST API is used instead of the hosted server
	filter        *proxy.Filter                   // nil if nothing is limited
	serves        bool                            // an editor, whose log has a line when the session begins without LeadMagic
}

// newSession makes a session of the settings. Settings that cannot be used make one that is refused, and explains why.
func newSession(env *Env, s *settings) *session {
	refusal := s.read(env.Getenv)
	ss := &session{env: env, settings: s, keys: newKeys(env), log: newLog(env, s)} // the log may be a variable's
	if refusal == nil {
		refusal = ss.prepare()
	}
	ss.refusal = refusal
	return ss
}

// withSettings is another session that shares the key and the connections. It is usable until ss is closed.
func (ss *session) withSettings(s *settings) *session {
	return &session{env: ss.env, settings: s, keys: ss.keys, signIn: ss.signIn, base: ss.base, log: ss.log}
}

// upstream joins what answers the editor's requests: Filter → Budget → Failover → LeadMagic's hosted server or its REST
// API. The first two are there only if a setting needs them.
func (ss *session) upstream() proxy.Upstream {
	s := ss.settings
	ss.failover = &proxy.Failover{
		Refusal:    ss.refusal,
		Fallback:   &proxy.InProcess{Serve: (&explain.Server{Version: ss.env.Version, State: ss.state}).Serve, Log: ss.log},
		KeyChanged: ss.changed,
		Explained:  ss.reportFallback,
		Log:        ss.log,
	}
	if ss.refusal != nil {
		return ss.failover
	}
	ss.failover.Candidates = ss.candidates()
	upstream := proxy.Upstream(ss.failover)
	if s.maxCredits > 0 || s.logFile != "" {
		costs := rest.Costs()
		budget := &proxy.Budget{Next: upstream, Limit: problem.ToCredits(s.maxCredits), Price: func(tool string, arguments []byte) (problem.Credits, bool) {
			// The hosted server has the same tools, but may take other arguments. Until the upstream is known, it is taken for
			// that one, of whose costs less is known.
			hosted := s.upstream != "rest" && ss.failover.Status().Upstream != "rest"
			return costs(tool, arguments, hosted)
		}}
		if s.logFile != "" {
			budget.Spent = ss.logSpent
		}
		upstream = budget
	}
	if len(s.tools) > 0 || len(s.exclude) > 0 || s.readOnly || s.maxCredits > 0 {
		ss.filter = &proxy.Filter{Next: upstream, Tools: s.tools, Exclude: s.exclude, ReadOnly: s.readOnly, Log: ss.log}
		upstream = ss.filter
	}
	return upstream
}

// prepare makes the transport, the sign-in and the sandbox.
func (ss *session) prepare() (refusal *problem.Problem) {
	if ss.base, refusal = newBaseTransport(ss.settings, ss.env.Getenv); refusal != nil {
		return refusal
	}
	if ss.settings.sandbox {
		if err := ss.startSandbox(); err != nil {
			return badSetting(err.Error(), "")
		}
		return nil
	}
	ss.signIn = &signin.Tokens{
		Server: ss.settings.mcp, Getenv: ss.env.Getenv, Client: signin.NewClient(ss.base.dial()), Redactor: ss.env.redactor,
	}
	return nil
}

// startSandbox starts the embedded stand-in for LeadMagic, and points the settings and the key at it.
func (ss *session) startSandbox() error {
	key, err := auth.Parse(sandbox.Key)
	if err != nil {
		return err
	}
	server, err := sandbox.Start(sandbox.Options{Logger: ss.log})
	if err != nil {
		return err
	}
	api := &url.URL{Scheme: "http", Host: strings.TrimPrefix(server.URL, "http://"), Path: "/"}
	ss.sandbox = server
	ss.settings.api, ss.settings.mcp = api, api.JoinPath("mcp")
	ss.keys = auth.Only(key, "the sandbox's own key")
	ss.keys.Redactor = ss.env.redactor
	return nil
}

// candidates are the upstreams of the settings, in order.
func (ss *session) candidates() (list []*proxy.Candidate) {
	s := ss.settings
	if s.upstream == "rest" {
		return []*proxy.Candidate{{Name: "rest", Upstream: &proxy.InProcess{Serve: ss.serveREST, Ready: ss.hasKey, Log: ss.log}}}
	}
	if s.authScheme != "oauth" {
		list = append(list, &proxy.Candidate{Name: "mcp", Upstream: ss.hosted("x-leadmagic-key", ss.keys)})
	}
	if ss.signIn != nil {
		list = append(list, &proxy.Candidate{Name: "sign-in", Upstream: ss.hosted("Authorization", ss.signIn), Instead: ss.signInInstead})
	}
	if s.upstream == "auto" {
		list = append(list, &proxy.Candidate{Name: "rest", Upstream: &proxy.InProcess{Serve: ss.serveREST, Log: ss.log}, Instead: ss.restInstead})
	}
	return list
}

// hosted is LeadMagic's hosted server.
func (ss *session) hosted(header string, credentials auth.Credentials) proxy.Upstream {
	return &streamable.Client{
		URL:               ss.settings.mcp,
		Dial:              func() http.RoundTripper { return ss.transport(ss.settings.mcp, header, credentials) },
		ToolTimeout:       ss.settings.toolTimeout,
		ForwardClientMeta: ss.settings.forwardClientMeta,
		Log:               ss.log,
	}
}

// transport makes connections of its own, and puts the key or the sign-in on requests to origin.
func (ss *session) transport(origin *url.URL, header string, credentials auth.Credentials) http.RoundTripper {
	if ss.settings.authScheme == "bearer" {
		header = "Authorization"
	}
	return &auth.Transport{
		Base:      ss.base.dial(),
		Origin:    origin,
		Header:    header,
		Keys:      credentials,
		UserAgent: "leadmagic-mcp-proxy/" + ss.env.Version,
	}
}

// changed reports whether there may be another key, or another sign-in, than at the last attempt.
func (ss *session) changed() bool {
	key := ss.keys.Changed()
	return ss.signIn != nil && ss.signIn.Changed() || key
}

// apiClient calls the REST API, and follows no redirect.
func (ss *session) apiClient() *http.Client {
	return &http.Client{
		Transport:     ss.transport(ss.settings.api, "X-API-Key", ss.keys),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// balance reads the balance from the REST API, which is free and proves the key.
func (ss *session) balance(ctx context.Context) (rest.Usage, error) {
	client := ss.apiClient()
	defer client.CloseIdleConnections()
	return rest.Credits(ctx, client, ss.settings.api.String())
}

// signInInstead returns nil if the stored sign-in can be used after p: the hosted server wants a sign-in, or there is no key. A
// source of the key that cannot be used is reported instead.
func (ss *session) signInInstead(ctx context.Context, p *problem.Problem) *problem.Problem {
	broken := func(s auth.Source) bool { return s.State == auth.Broken }
	wanted := p.Code == problem.SignInRequired || p.Code == problem.KeyMissing && !slices.ContainsFunc(ss.keys.Describe().Sources, broken)
	if !wanted || !ss.signIn.Stored(ctx) {
		return p
	}
	return nil
}

// restInstead returns nil if the REST API can be used instead of a hosted server that refused with p: if that wants a sign-in
// or is not there, and the REST API accepts the key. Else it returns the problem to report.
func (ss *session) restInstead(ctx context.Context, p *problem.Problem) *problem.Problem {
	gone := p.HTTPStatus == http.StatusNotFound || p.HTTPStatus == http.StatusGone // in words of LeadMagic's, or as a page
	if p.Code != problem.SignInRequired && !gone {
		return p
	}
	if _, err := ss.balance(ctx); err != nil {
		ss.log.Debug("the REST API cannot stand in for the hosted server", "refusal", p.What, "reason", err)
		if why := problem.As(err); why.Code != problem.KeyMissing {
			return why // the REST API is what is left to use, so its problem is the one to solve
		}
		return p // without a key, only the sign-in is in use
	}
	ss.hostedRefusal.Store(ss.describe(p))
	return nil
}

// hasKey says why there is no key, for an upstream that opens its session without a request to LeadMagic.
func (ss *session) hasKey(ctx context.Context) *problem.Problem {
	_, err := ss.keys.Get(ctx)
	return problem.As(err)
}

// serveREST runs a session of the REST API's tools.
func (ss *session) serveREST(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	instructions := ""
	if p := ss.hostedRefusal.Load(); p != nil {
		instructions = p.What + ", so these tools call LeadMagic's REST API"
	}
	client := ss.apiClient()
	defer client.CloseIdleConnections()
	return rest.Serve(ctx, rest.Options{
		BaseURL:      ss.settings.api.String(),
		Client:       client,
		Version:      ss.env.Version,
		Instructions: instructions,
		ToolTimeout:  ss.settings.toolTimeout,
		Describe:     ss.describe,
		HasTool:      ss.editor.HasTool,
		Logger:       ss.log,
	}, in, out)
}

// run carries messages between an editor and LeadMagic until either ends.
func (ss *session) run(ctx context.Context, in io.Reader, out io.Writer) error {
	o := proxy.Options{In: in, Out: out, Upstream: ss.upstream(), Editor: &ss.editor, Describe: ss.describe, Log: ss.log}
	if ss.log.Enabled(ctx, levelTrace) {
		o.Trace = func(from string, line []byte) {
			ss.log.Log(ctx, levelTrace, "message", "from", from, "line", string(line))
		}
	}
	return proxy.Run(ctx, o)
}

// close ends what all sessions of the same settings share.
func (ss *session) close() {
	ss.keys.Close()
	if ss.signIn != nil {
		ss.signIn.Close(renewalFor)
	}
	if ss.sandbox != nil {
		ss.sandbox.Close()
	}
}

// renewalFor is how long the end of a session waits for tokens that are being renewed.
const renewalFor = 2 * time.Second

// reportFallback prints the one line on stderr about an editor's session that begins without LeadMagic.
func (ss *session) reportFallback(p *problem.Problem) {
	if !ss.serves {
		return
	}
	fmt.Fprintln(ss.env.Stderr, "leadmagic-mcp-proxy: "+problem.PrintableLine(ss.describe(p).Line(), 0))
}

// newKeys looks for the key in all the places that a user may keep it in.
func newKeys(env *Env) *auth.Keys {
	if key, err := auth.Parse(env.Getenv("LEADMAGIC_API_KEY")); err == nil {
		env.redactor.Add(key) // before it is used
	}
	return &auth.Keys{Getenv: env.Getenv, Environ: env.Environ, Stderr: env.Stderr, Redactor: env.redactor}
}

// describe adds to a problem with the key which source it is from, and how the editor's configuration names it.
func (ss *session) describe(p *problem.Problem) *problem.Problem {
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
		said.Next = cmp.Or(ss.keys.Advice(syntaxOf(ss.editor.Name())), p.Fix())
		if ss.signIn != nil {
			said.Next += "; without a key, sign in: " + signin.Command
		}
	case problem.SignInRequired:
		if s := ss.signedIn(); s.Refused && p.HTTPStatus != 0 {
			said.What, said.Next = "LeadMagic's hosted server does not take the sign-in"+ofUser(s.Who)+" any more", "run: "+signin.Command
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

func ofUser(who string) string {
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

// state is what the status tool reports.
func (ss *session) state() explain.State {
	status := ss.failover.Status()
	s := explain.State{
		Problem:   status.Problem,
		Recovered: status.Recovered,
		Editor:    ss.editor.Name(),
		Source:    ss.keys.Describe().Source,
		LastTry:   status.LastTry,
	}
	if s.Problem != nil {
		s.Problem = ss.describe(s.Problem)
	}
	endpoint, upstream := ss.settings.mcp, "hosted server"
	if status.Upstream == "sign-in" || s.Source == "" && ss.signedIn().Stored {
		s.Source = "the sign-in" + ofUser(ss.signedIn().Who)
	}
	if status.Upstream == "rest" || ss.settings.upstream == "rest" {
		endpoint, upstream = ss.settings.api, "REST API"
	}
	if endpoint != nil { // it is nil when the setting cannot be used
		plain := url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: endpoint.Path} // the rest may be a secret
		s.Endpoint, s.Upstream = plain.String(), upstream
	}
	return s
}

// logSpent writes a line for a paid call, whatever the level: a log file has them all.
func (ss *session) logSpent(s proxy.SpentCall) {
	r := slog.NewRecord(s.Time, slog.LevelInfo, "paid call", 0)
	r.AddAttrs(slog.String("tool", s.Tool))
	if s.Basis != proxy.Unknown {
		r.AddAttrs(slog.Float64("credits", s.Credits.Float()))
	}
	r.AddAttrs(slog.String("basis", string(s.Basis)))
	if s.Balance != nil {
		r.AddAttrs(slog.Float64("balance", s.Balance.Float()))
	}
	if s.RequestID != "" {
		r.AddAttrs(slog.String("request", s.RequestID))
	}
	// A log that cannot be written must not end the session.
	_ = ss.log.Handler().Handle(context.Background(), r)
}

// unmatched are the tool patterns that match nothing, once the tools were listed.
func (ss *session) unmatched() []string {
	if ss.filter == nil {
		return nil
	}
	return ss.filter.Unmatched()
}

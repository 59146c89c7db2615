package cli

import (
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
	editor  *proxy.Editor
	status  *proxy.Status
	refusal *problem.Problem                // why LeadMagic cannot be called at all, nil if it can
	passed  atomic.Pointer[problem.Problem] // why the hosted server was passed over for the REST API
	filter  *proxy.Filter                   // nil if nothing is limited
	// explained is told when the session begins without LeadMagic.
	explained func(*problem.Problem)
}

// newSession makes a session of the settings. Settings that cannot be used make one that explains why; the
// problem is returned beside it, for commands that a person types.
func newSession(env *Env, s *settings) (*session, *problem.Problem) {
	refusal := s.fill(env.Getenv)
	ss := newParts(env, s)
	ss.log, ss.keys = newLog(env, s), newKeys(env) // the log may be a variable's
	if refusal == nil {
		refusal = ss.prepare()
	}
	ss.refusal = refusal
	return ss, refusal
}

func newParts(env *Env, s *settings) *session {
	return &session{env: env, settings: s, editor: new(proxy.Editor), status: new(proxy.Status), explained: func(*problem.Problem) {}}
}

// again is another session with the same settings, key and LeadMagic. It is usable until ss is closed.
func (ss *session) again() *session {
	other := newParts(ss.env, ss.settings)
	other.keys, other.signIn, other.base, other.log = ss.keys, ss.signIn, ss.base, ss.log
	return other
}

// upstream joins what answers the editor's requests: Filter → Budget → Failover → LeadMagic's hosted server or its REST
// API. The first two are there only if there is a limit, or a log file that keeps account.
func (ss *session) upstream() proxy.Upstream {
	s := ss.settings
	failover := &proxy.Failover{
		Refusal:    ss.refusal,
		Fallback:   &proxy.InProcess{Serve: (&explain.Server{Version: ss.env.Version, State: ss.state}).Serve, Log: ss.log},
		KeyChanged: ss.changed,
		Explained:  ss.explained,
		Editor:     ss.editor,
		Status:     ss.status,
		Log:        ss.log,
	}
	if ss.refusal != nil {
		return failover
	}
	failover.Candidates = ss.candidates()
	upstream := proxy.Upstream(failover)
	if s.maxCredits > 0 || s.logFile != "" {
		budget := &proxy.Budget{Next: upstream, Limit: problem.ToCredits(s.maxCredits), Price: ss.prices()}
		if s.logFile != "" {
			budget.Spent = ss.logSpent
		}
		upstream = budget
	}
	if s.limits() {
		ss.filter = &proxy.Filter{Next: upstream, Tools: s.tools, Exclude: s.exclude, ReadOnly: s.readOnly, Log: ss.log}
		upstream = ss.filter
	}
	return upstream
}

// prepare checks the settings and makes what calls go over.
func (ss *session) prepare() *problem.Problem {
	s := ss.settings
	if err := s.check(); err != nil {
		return problem.As(err)
	}
	var err error
	if ss.base, err = newBaseTransport(s, ss.env.Getenv); err != nil {
		return problem.As(err)
	}
	if !s.sandbox {
		ss.signIn = &signin.Tokens{
			Server: s.mcp, Getenv: ss.env.Getenv, Client: signin.NewClient(ss.base.dial()), Redactor: ss.env.redactor,
		}
	} else {
		if err := ss.startSandbox(); err != nil {
			return badSetting(err.Error(), "")
		}
	}
	return nil
}

// startSandbox makes an embedded LeadMagic the one that calls go to, with its own key.
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
func (ss *session) candidates() []proxy.Candidate {
	s := ss.settings
	api := proxy.Candidate{Name: "rest", Upstream: &proxy.InProcess{Serve: ss.serveREST, Log: ss.log}, Instead: ss.restInstead}
	if s.upstream == "rest" {
		return []proxy.Candidate{{Name: "rest", Upstream: &proxy.InProcess{Serve: ss.serveREST, Ready: ss.hasKey, Log: ss.log}}}
	}
	var list []proxy.Candidate
	if s.authScheme != "oauth" {
		list = append(list, proxy.Candidate{Name: "mcp", Upstream: ss.hosted(func() http.RoundTripper { return ss.transport(s.mcp, "x-leadmagic-key") })})
	}
	if ss.signIn != nil {
		list = append(list, proxy.Candidate{Name: "sign-in", Instead: ss.signInInstead, Upstream: ss.hosted(func() http.RoundTripper {
			return ss.transportWith(s.mcp, "Authorization", ss.signIn)
		})})
	}
	if s.upstream == "auto" {
		list = append(list, api)
	}
	return list
}

// hosted is LeadMagic's hosted server.
func (ss *session) hosted(dial func() http.RoundTripper) proxy.Upstream {
	return &streamable.Client{
		URL:               ss.settings.mcp,
		Dial:              dial,
		ToolTimeout:       ss.settings.toolTimeout,
		ForwardClientMeta: ss.settings.forwardClientMeta,
		Log:               ss.log,
	}
}

// transport makes connections of its own, and puts the key on requests to origin.
func (ss *session) transport(origin *url.URL, header string) http.RoundTripper {
	if ss.settings.authScheme == "bearer" {
		header = "Authorization"
	}
	return ss.transportWith(origin, header, ss.keys)
}

func (ss *session) transportWith(origin *url.URL, header string, credentials auth.Credentials) http.RoundTripper {
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
		Transport:     ss.transport(ss.settings.api, "X-API-Key"),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// signInInstead says whether the stored sign-in can be used where p is what became of the key: it was not what the server
// wants, or there is none. A place for the key that cannot be used is not passed over.
func (ss *session) signInInstead(ctx context.Context, p *problem.Problem) *problem.Problem {
	broken := func(s auth.Source) bool { return s.State == auth.Broken }
	wanted := p.Code == problem.SignInRequired || p.Code == problem.KeyMissing && !slices.ContainsFunc(ss.keys.Describe().Sources, broken)
	if !wanted || !ss.signIn.Stored(ctx) {
		return p
	}
	return nil
}

// restInstead says whether the REST API can stand in for a hosted server that refused with p: if that wants a
// sign-in or is not there, and a free look at the balance proves the key good.
func (ss *session) restInstead(ctx context.Context, p *problem.Problem) *problem.Problem {
	gone := p.HTTPStatus == http.StatusNotFound || p.HTTPStatus == http.StatusGone // in words of LeadMagic's, or as a page
	if p.Code != problem.SignInRequired && !gone {
		return p
	}
	client := ss.apiClient()
	defer client.CloseIdleConnections()
	if _, err := rest.Credits(ctx, client, ss.settings.api.String()); err != nil {
		ss.log.Debug("the REST API cannot stand in for the hosted server", "refusal", p.What, "reason", err)
		if why := problem.As(err); why.Code != problem.KeyMissing {
			// It is the way in that is left, so what is in its way is what there is to mend.
			return why
		}
		return p // the sign-in is the way that was taken
	}
	ss.passed.Store(ss.describe(p, ""))
	return nil
}

// hasKey says why there is no key, for an upstream that opens its session without asking LeadMagic.
func (ss *session) hasKey(ctx context.Context) *problem.Problem {
	_, err := ss.keys.Get(ctx)
	return problem.As(err)
}

// serveREST runs a session of the REST API's tools.
func (ss *session) serveREST(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
	instructions := ""
	if p := ss.passed.Load(); p != nil {
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
		Describe:     ss.describeToEditor,
		HasTool:      ss.editor.HasTool,
		Logger:       ss.log,
	}, in, out)
}

// run carries messages between an editor and LeadMagic until either ends.
func (ss *session) run(ctx context.Context, in io.Reader, out io.Writer) error {
	o := proxy.Options{In: in, Out: out, Upstream: ss.upstream(), Editor: ss.editor, Describe: ss.describeToEditor, Log: ss.log}
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

// sayExplained says the one line that stderr gets for a session that begins without LeadMagic.
func (ss *session) sayExplained(p *problem.Problem) {
	fmt.Fprintln(ss.env.Stderr, "leadmagic-mcp-proxy: "+problem.PrintableLine(ss.describeToEditor(p).Line(), 0))
}

// newKeys looks for the key in all the places that a user may keep it in.
func newKeys(env *Env) *auth.Keys {
	if key, err := auth.Parse(env.Getenv("LEADMAGIC_API_KEY")); err == nil {
		env.redactor.Add(key) // before anything asks for it
	}
	return &auth.Keys{Getenv: env.Getenv, Environ: env.Environ, Stderr: env.Stderr, Redactor: env.redactor}
}

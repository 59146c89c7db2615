package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

func TestWhenAllWorks(t *testing.T) {
	d := newDoctor(t, key)
	d.route(t)
	d.installed(t)
	report := d.Examine(t.Context())
	expect(t, report.Checks, "mcp-url", OK, "https://mcp.leadmagic.io/mcp", "")
	expect(t, report.Checks, "api health", OK, "/health answers 200", "")
	expect(t, report.Checks, "hosted server", OK, "takes the key", "")
	expect(t, report.Checks, "rest api", OK, "takes the key", "")
	expect(t, report.Checks, "credits", OK, "500 left", "")
	expect(t, report.Checks, "rate limit", OK, "599 of 600 requests left", "")
	expect(t, report.Checks, "upstream", OK, "auto takes the hosted server", "")
	expect(t, report.Checks, "initialize", OK, "2025-11-25 in ", "")
	expect(t, report.Checks, "discover", OK, "2026-07-28 in ", "")
	expect(t, report.Checks, "free call", OK, "check_credits answers in ", "")
	expect(t, report.Checks, "list", OK, "3 tools", "")
	var got []string
	for _, c := range report.Checks {
		got = append(got, fmt.Sprintf("%s %s: %s", c.Stage, c.Name, c.Status))
		if c.Status == OK && c.Hint != "" {
			t.Errorf("%s: got hint %q, want none where all is well", c.Name, c.Hint)
		}
	}
	want := []string{
		"environment program: ok", "environment settings: ok", "key source: ok", "key form: ok", "origin mcp-url: ok", "origin api-url: ok", "origin http-proxy: ok",
		"network mcp name: ok", "network mcp connection: ok", "network mcp tls: ok", "network mcp health: ok",
		"network api name: ok", "network api connection: ok", "network api tls: ok", "network api health: ok", "network clock: skipped",
		"acceptance hosted server: ok", "acceptance rest api: ok", "acceptance credits: ok", "acceptance rate limit: ok",
		"session upstream: ok", "session initialize: ok", "session discover: ok", "session free call: ok", "tools list: ok",
		"editors editors: skipped", "files keys in files: skipped",
	}
	if !slices.Equal(got, want) || !report.Healthy {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatGoesWrong(t *testing.T) {
	refused := func(p *problem.Problem) func(*Route) {
		return func(r *Route) {
			r.Open = func(context.Context, string) (*Session, error) { return nil, p }
		}
	}
	passed := func(code problem.Code) func(*Route) {
		return func(r *Route) {
			whole := r.Open
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				s, err := whole(ctx, protocol)
				if err == nil {
					s.Upstream, s.Refused = "rest", problem.New(code, problem.Refused, "the first choice said no", "")
				}
				return s, err
			}
		}
	}
	tools := func(count int) func(*Route) {
		return func(r *Route) {
			r.Open = func(ctx context.Context, protocol string) (*Session, error) { return open(ctx, protocol, count) }
		}
	}
	credits := func(body string, header ...string) func(*Route) {
		return func(r *Route) {
			r.Balance = balanceFrom(func(req *http.Request) (*http.Response, error) {
				return answer(req, 200, body, header...), nil
			})
		}
	}
	health := func(status int, body string, header ...string) func(*Route) {
		return func(r *Route) {
			r.Dial = dialled(func(req *http.Request) (*http.Response, error) { return answer(req, status, body, header...), nil })
		}
	}
	restAlone := func(status int, body string, header ...string) func(*Route) {
		return func(r *Route) {
			passed("")(r)
			health(status, body, header...)(r)
			r.Upstream = "rest"
			r.Balance = balanceFrom(func(req *http.Request) (*http.Response, error) {
				return answer(req, status, body, header...), nil
			})
		}
	}
	failing := func(method string, result mcp.CallToolResult, err error) func(*Route) {
		return func(r *Route) {
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				return open(ctx, protocol, 3, func(next mcp.MethodHandler) mcp.MethodHandler {
					return func(ctx context.Context, asked string, req mcp.Request) (mcp.Result, error) {
						if asked == method {
							own := result // since the server writes into it
							return &own, err
						}
						return next(ctx, asked, req)
					}
				})
			}
		}
	}
	both := func(spoils ...func(*Route)) func(*Route) {
		return func(r *Route) {
			for _, spoil := range spoils {
				spoil(r)
			}
		}
	}
	upstream := func(name string) func(*Route) {
		return func(r *Route) {
			r.Upstream = name
			whole := r.Open
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				s, err := whole(ctx, protocol)
				if err == nil {
					s.Upstream = name
				}
				return s, err
			}
		}
	}
	down := problem.New(problem.Failed, problem.Refused, "LeadMagic failed", "")
	noBalance := func(r *Route) {
		r.Balance = func(context.Context) (rest.Usage, error) { return rest.Usage{}, down }
	}
	told := mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "first\nline\nnext: do this"}, &mcp.TextContent{Text: "more"}}}
	fromNow := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name         string
		spoil        func(*Route)
		check        string
		status       Status
		detail, hint string
	}{
		{"an address that is not LeadMagic's", func(r *Route) { r.MCP, _ = url.Parse("https://gateway.example/mcp?token=x") }, "mcp-url", Warn, "https://gateway.example/mcp?… is not an address of LeadMagic", "--mcp-url"},
		{"a proxy that is no URL", func(r *Route) {
			r.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("parse http://me:pass@") }
		}, "http-proxy", Fail, "the HTTP proxy for mcp.leadmagic.io is not a URL", "HTTPS_PROXY"},
		{"a proxy is named without its login", func(r *Route) {
			r.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://me:pass@p.example:8080") }
		}, "http-proxy", OK, "mcp.leadmagic.io through http://p.example:8080, api.leadmagic.io through http://p.example:8080", ""},

		{"a clock that is well", health(200, "", "Date", fromNow(20*time.Second)), "clock", OK, "as that of mcp.leadmagic.io", ""},
		{"a clock that is some minutes behind", health(200, "", "Date", fromNow(5*time.Minute)), "clock", Warn, "behind that of mcp.leadmagic.io", "set the clock"},
		{"a clock that is a day ahead", health(200, "", "Date", fromNow(-24*time.Hour)), "clock", Fail, "ahead of that of mcp.leadmagic.io", "set the clock"},
		{"an old answer says nothing of the clock", health(200, "", "Date", fromNow(-24*time.Hour), "Age", "86400"), "clock", Skipped, "", ""},
		{"a health page does not matter if calls work", health(200, "<html>", "Content-Type", "text/html"), "mcp health", OK, "answers 200", ""},
		{"nor does a missing one", health(404, ""), "mcp health", Warn, "calls work all the same", ""},
		{"nor does one that is elsewhere", health(300, ""), "mcp health", Warn, "calls work all the same", ""},
		{"the REST API need not have one", health(404, ""), "api health", OK, "api.leadmagic.io answers", ""},

		{"the key is rejected", refused(problem.New(problem.KeyRejected, problem.Refused, "LeadMagic rejected the API key", "")), "hosted server", Fail, "rejected the API key", "Settings → API"},
		{"there is no session then", refused(problem.New(problem.KeyRejected, problem.Refused, "LeadMagic rejected the API key", "")), "initialize", Skipped, "LeadMagic opens none", ""},
		{"no credits are left, says the hosted server", func(r *Route) {
			refused(problem.New(problem.NoCredits, problem.Refused, "no credits", ""))(r)
			credits(`{}`)(r)
		}, "credits", Fail, "none are left", "buy credits"},
		{"the hosted server wants a sign-in", passed(problem.SignInRequired), "hosted server", OK, "asks for a sign-in instead of a key, so calls go to the REST API", ""},
		{"the hosted server is not there", passed(problem.NotFound), "hosted server", Warn, "the first choice said no, so calls go to the REST API", "--mcp-url"},
		{"auto takes the REST API then", passed(problem.SignInRequired), "upstream", OK, "auto takes the REST API", ""},

		{"the hosted server fails, and the REST API does not", refused(problem.New(problem.Failed, problem.Refused, "LeadMagic failed", "")), "rest api", OK, "takes the key", "export LEADMAGIC_UPSTREAM=rest"},
		{"only the REST API does not answer", func(r *Route) {
			r.Dial = dialled(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host == r.API.Host {
					return nil, errors.New("closed")
				}
				return answer(req, 200, "{}"), nil
			})
		}, "api health", Warn, "api.leadmagic.io accepts the connection and ends it without an answer", "firewall"},
		{"the REST API alone points elsewhere", restAlone(302, "", "Location", "https://portal.example/"), "api health", Fail, "points to another origin, https://portal.example/", "--api-url"},
		{"a web page comes instead of the REST API alone", restAlone(200, "<html>", "Content-Type", "text/html"), "api health", Fail, "a web page came", "sign in to the network"},
		{"a session with the REST API says nothing of the network", restAlone(503, ""), "session", Skipped, "answers all else as it answers /health", ""},

		{"the balance is known from the free tool alone", credits(`{}`), "credits", OK, "400 left", ""},
		{"little is left", credits(`{"credits":49.5}`), "credits", Warn, "49.5 left", "buy credits"},
		{"enough is left", credits(`{"credits":"50"}`), "credits", OK, "50 left", ""},
		{"nothing is left", credits(`{"credits":0}`), "credits", Fail, "only free tools work", "buy credits"},
		{"the rate limit is used up", credits(`{}`, "RateLimit-Limit", "600", "RateLimit-Remaining", "0"), "rate limit", Warn, "0 of 600", "call again in a minute"},
		{"so is that of the day", credits(`{}`, "RateLimit-Remaining", "5", "X-RateLimit-Remaining-Daily", "0"), "rate limit", Warn, "5 requests left in this minute, 0 today", "call again"},
		{"the rate limit is not told", credits(`{"credits":500}`), "rate limit", Skipped, "", ""},

		{"only the limit is told", credits(`{}`, "RateLimit-Limit", "600"), "rate limit", OK, "at most 600 requests left in this minute", ""},
		{"the limit is not told", credits(`{}`, "RateLimit-Remaining", "5"), "rate limit", OK, "5 requests left in this minute", ""},
		{"nobody tells the balance", both(tools(0), credits(`{}`)), "credits", Skipped, "LeadMagic has not said what is left", ""},
		{"the balance as part of a result", both(credits(`{}`), failing("tools/call", mcp.CallToolResult{StructuredContent: map[string]any{"credits": 300}, Content: []mcp.Content{&mcp.TextContent{Text: `{"credits":1}`}}}, nil)), "credits", OK, "300 left", ""},

		{"only the REST API is to be used", upstream("rest"), "hosted server", Skipped, "not asked: --upstream is rest", ""},
		{"as the setting says", upstream("rest"), "upstream", OK, "the REST API, as --upstream says", ""},
		{"the hosted server's address does not matter then", upstream("rest"), "mcp-url", Skipped, "not used: --upstream is rest", ""},
		{"only the hosted server is to be used", upstream("mcp"), "rest api", Skipped, "not asked: --upstream is mcp", ""},
		{"it does not tell limits", upstream("mcp"), "rate limit", Skipped, "LeadMagic has not said", ""},
		{"the REST API fails, which calls can do without", noBalance, "rest api", Warn, "LeadMagic failed", ""},
		{"the REST API fails, which carries the calls", both(upstream("rest"), noBalance), "rest api", Fail, "LeadMagic failed", ""},
		{"both fail", both(refused(down), noBalance), "rest api", Fail, "LeadMagic failed", ""},
		{"no credits are left, but the REST API takes the key", refused(problem.New(problem.NoCredits, problem.Refused, "no credits", "")), "rest api", OK, "takes the key", ""},
		{"an address on this machine", func(r *Route) { r.MCP, _ = url.Parse("http://127.0.0.1:9/mcp") }, "mcp-url", OK, "http://127.0.0.1:9/mcp, which is on this machine and not LeadMagic itself", ""},
		{"many addresses", func(*Route) {}, "mcp name", OK, "mcp.leadmagic.io is 192.0.2.1, 192.0.2.2 and more (", ""},
		{"an answer that breaks off", both(refused(down), func(r *Route) {
			r.Dial = dialled(func(req *http.Request) (*http.Response, error) {
				res := answer(req, 200, "")
				res.Body = io.NopCloser(iotest.ErrReader(errors.New("broken")))
				return res, nil
			})
		}), "mcp health", Fail, "broke before the answer was complete", ""},

		{"a server without a name", func(r *Route) {
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				return open(ctx, protocol, 3, func(next mcp.MethodHandler) mcp.MethodHandler {
					return func(ctx context.Context, asked string, req mcp.Request) (mcp.Result, error) {
						result, err := next(ctx, asked, req)
						if opened, ok := result.(*mcp.InitializeResult); ok {
							opened.ServerInfo = nil
						}
						return result, err
					}
				})
			}
		}, "initialize", OK, "2025-11-25 in ", ""},
		{"a server with a name", func(*Route) {}, "initialize", OK, " with stand-in 1", ""},
		{"tools that cannot be listed", failing("tools/list", mcp.CallToolResult{}, errors.New("no list")), "list", Fail, "no list", ""},
		{"none is called then", failing("tools/list", mcp.CallToolResult{}, errors.New("no list")), "free call", Skipped, "the tools could not be listed", ""},
		{"a free call that fails", failing("tools/call", mcp.CallToolResult{}, errors.New("no call")), "free call", Fail, "no call", ""},
		{"a free call that is refused", failing("tools/call", told, nil), "free call", Fail, "first", "do this more"},
		{"there are no tools without a session", refused(down), "list", Skipped, "LeadMagic opens no session", ""},
		{"as many tools as Windsurf takes", tools(100), "list", OK, "100 tools", ""},
		{"more tools than Windsurf takes", tools(101), "list", Warn, "101 tools; Windsurf takes 100 at most", "LEADMAGIC_TOOLS"},
		{"no tools", tools(0), "list", Fail, "there are no tools", "--read-only"},
		{"a pattern that matches nothing", func(r *Route) {
			whole := r.Open
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				s, err := whole(ctx, protocol)
				if err == nil {
					s.Unmatched = func() []string { return []string{"finds_*"} }
				}
				return s, err
			}
		}, "patterns", Warn, "no tool of LeadMagic matches finds_*", "--tools"},
		{"no tool that is free", tools(0), "free call", Skipped, "no tool is known to be free", ""},
		{"only the mode with sessions", func(r *Route) {
			whole := r.Open
			r.Open = func(ctx context.Context, _ string) (*Session, error) { return whole(ctx, withSessions) }
		}, "discover", OK, "not offered", ""},
		{"only the mode with sessions works", func(r *Route) {
			whole := r.Open
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				if protocol == newest {
					return nil, down
				}
				return whole(ctx, protocol)
			}
		}, "discover", Warn, "LeadMagic failed", ""},
		{"only the stateless mode", func(r *Route) {
			whole := r.Open
			r.Open = func(ctx context.Context, protocol string) (*Session, error) {
				if protocol == withSessions {
					return nil, problem.New(problem.BadRequest, problem.Refused, "not that version", "")
				}
				return whole(ctx, protocol)
			}
		}, "initialize", Warn, "not that version", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoctor(t, key)
			tt.spoil(d.route(t))
			report := d.Examine(t.Context())
			expect(t, report.Checks, tt.check, tt.status, tt.detail, tt.hint)
		})
	}
}

// unreachable takes the network away, but for the REST API.
func unreachable(d *Doctor) {
	answers := d.Route.Dial
	d.Route.Dial = func() http.RoundTripper {
		return transport(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == d.Route.API.Host {
				return answers().RoundTrip(req)
			}
			return nil, errors.New("no route")
		})
	}
	d.Route.Open = func(ctx context.Context, _ string) (*Session, error) { return nil, block(ctx) }
}

// block waits as a request does that nobody answers.
func block(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestWhatIsWaitedForIsSaid(t *testing.T) {
	d := newDoctor(t, key)
	var said []string
	d.Progress = func(what string) { said = append(said, what) }
	d.Examine(t.Context())
	if want := []string{"looking for the key …", "looking at LeadMagic and at the editors …"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestNothingIsWaitedForLongerThanTenSeconds(t *testing.T) {
	silent := func(r *Route) {
		r.Dial = dialled(func(req *http.Request) (*http.Response, error) { return nil, block(req.Context()) })
		r.Balance = balanceFrom(func(req *http.Request) (*http.Response, error) { return nil, block(req.Context()) })
		r.Open = func(ctx context.Context, _ string) (*Session, error) { return nil, block(ctx) }
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		silent(d.route(t))
		start := time.Now()
		report := d.Examine(t.Context())
		if took := time.Since(start); took != within {
			t.Errorf("got a report after %s, want one after %s", took, within)
		}
		if report.Healthy {
			t.Error("got a healthy report")
		}
		expect(t, report.Checks, "mcp connection", OK, "to mcp.leadmagic.io", "")
		expect(t, report.Checks, "mcp health", Fail, "accepts the connection and does not answer", "firewall")
		expect(t, report.Checks, "acceptance", Skipped, "mcp.leadmagic.io was not reached", "")
	})
}

func TestWhatCannotBeReachedIsNotTriedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		d.route(t)
		unreachable(d)
		start := time.Now()
		report := d.Examine(t.Context())
		if took := time.Since(start); took != 0 {
			t.Errorf("got a report after %s, want one at once", took)
		}
		expect(t, report.Checks, "mcp name", Fail, "no connection could be made", "")
		expect(t, report.Checks, "session", Skipped, "mcp.leadmagic.io was not reached", "")
		expect(t, report.Checks, "rest api", OK, "takes the key", "export LEADMAGIC_UPSTREAM=rest")
	})
}

func TestSessionsGoOnWithoutTheRESTAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		r := d.route(t)
		r.Dial = dialled(func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == r.API.Host {
				return nil, errors.New("closed")
			}
			return answer(req, 200, "{}"), nil
		})
		whole := r.Open
		r.Open = func(ctx context.Context, protocol string) (*Session, error) {
			pause(100)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return whole(ctx, protocol)
		}
		expect(t, d.Examine(t.Context()).Checks, "initialize", OK, "in 100ms", "")
	})
}

func TestDescribe(t *testing.T) {
	rejected := problem.New(problem.KeyRejected, problem.Refused, "LeadMagic rejected the API key", "")
	for _, tt := range []struct {
		name       string
		err        error
		what, next string
	}{
		{"a problem", rejected, "LeadMagic rejected the API key", "create the key or copy it again at app.leadmagic.io, Settings → API"},
		{"one that an agent is told of", problemIn(rejected.Text(nil)), "LeadMagic rejected the API key", "create the key or copy it again at app.leadmagic.io, Settings → API"},
		{"what LeadMagic tells an agent", problemIn("it broke\nsomewhere"), "it broke\nsomewhere", ""},
		{"one that LeadMagic has a number for", &problem.Problem{Code: problem.Failed, What: "it broke", RequestID: "r-1"}, "it broke (request r-1)", "try again later; if it stays, give LeadMagic's support the request id"},
		{"a host that is not reached", problem.FromError(errors.New("no route"), false), "LeadMagic is not reachable: no connection could be made", "check the network, and whether a firewall or a company proxy is in the way"},
		{"one with its own words of what to do", problem.New(problem.Unreachable, problem.NotSent, "it is not there", "go there"), "it is not there", "go there"},
		{"one for which doctor is the usual advice", problem.New(problem.Unreachable, problem.NotSent, "it is not there", "look; leadmagic-mcp-proxy doctor finds the cause"), "it is not there", "look"},
		{"no answer in time", context.DeadlineExceeded, "it took longer than 9s", "try again later"},
		{"no connection in time", problem.FromError(context.DeadlineExceeded, false), "it took longer than 9s", "try again later"},
		{"an answer that came late", &problem.Problem{Code: problem.KeyRejected, What: "no", Next: "another", Cause: context.DeadlineExceeded}, "no", "another"},
		{"an answer that was waited for too long", problem.FromError(context.DeadlineExceeded, true), "it took longer than 9s", "try again later"},
	} {
		if what, next := describe(tt.err); what != tt.what || next != tt.next {
			t.Errorf("%s: got %q, hint %q; want %q, hint %q", tt.name, what, next, tt.what, tt.next)
		}
	}
}

func TestWithoutAKeyNothingIsOpened(t *testing.T) {
	d := newDoctor(t)
	r := d.route(t)
	r.Open = func(context.Context, string) (*Session, error) {
		t.Error("a session is opened")
		return nil, errors.New("no key")
	}
	r.Balance = func(context.Context) (rest.Usage, error) {
		t.Error("the balance is asked for")
		return rest.Usage{}, errors.New("no key")
	}
	checks := d.Examine(t.Context()).Checks
	expect(t, checks, "mcp health", OK, "/health answers 200", "")
	for _, stage := range []string{"acceptance", "session", "tools"} {
		expect(t, checks, stage, Skipped, "there is no key to go with", "")
	}
}

func TestAConnectionThatIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		d.route(t)
		unreachable(d)
		d.Route.Dial = func() http.RoundTripper {
			return transport(func(req *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(req.Context()).ConnectStart("tcp", "192.0.2.1:443")
				return nil, block(req.Context())
			})
		}
		checks := d.Examine(t.Context()).Checks
		expect(t, checks, "mcp connection", Fail, "no connection to mcp.leadmagic.io in time", "firewall")
		if slices.ContainsFunc(checks, func(c Check) bool { return c.Name == "mcp tls" }) {
			t.Error("TLS is spoken of without a connection")
		}
	})
}

func TestACallThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoctor(t, key)
		r := d.route(t)
		r.Open = func(ctx context.Context, _ string) (*Session, error) { return nil, block(ctx) }
		report := d.Examine(t.Context())
		expect(t, report.Checks, "mcp health", OK, "/health answers 200", "")
		expect(t, report.Checks, "hosted server", Fail, "it took longer than 9s", "try again later")
	})
}

// A name may be empty, as that of a server that says nothing of itself.
func TestAServerWithAnEmptyName(t *testing.T) {
	d := newDoctor(t, key)
	d.route(t)
	d.Route.Open = func(ctx context.Context, protocol string) (*Session, error) {
		return open(ctx, protocol, 3, func(next mcp.MethodHandler) mcp.MethodHandler {
			return func(ctx context.Context, asked string, req mcp.Request) (mcp.Result, error) {
				result, err := next(ctx, asked, req)
				if opened, ok := result.(*mcp.InitializeResult); ok {
					opened.ServerInfo = &mcp.Implementation{}
				}
				return result, err
			}
		})
	}
	for _, c := range d.Examine(t.Context()).Checks {
		if c.Name == "initialize" && (c.Status != OK || strings.Contains(c.Detail, "with")) {
			t.Errorf("got %s, %q", c.Status, c.Detail)
		}
	}
}

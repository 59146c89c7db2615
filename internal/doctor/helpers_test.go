package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/pflag"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

const canary = "lm_canary_5f1c0e9a7b3d2468"

// chain is a keychain that counts how often it is asked.
type chain struct {
	secret string
	asked  int
}

func (c *chain) Get() (string, error) {
	c.asked++
	return c.secret, nil
}
func (c *chain) Set(string) error { return errors.ErrUnsupported }
func (c *chain) Delete() error    { return errors.ErrUnsupported }

// newDoctor looks at a machine with an empty home folder and the variables given. Nothing runs there, and there is
// no network.
func newDoctor(t *testing.T, environ ...string) *Doctor {
	t.Helper()
	home := t.TempDir()
	environ = append([]string{"HOME=" + home, "USERPROFILE=" + home, "PATH=" + filepath.Join(home, "bin")}, environ...)
	getenv := lookup("linux", environ)
	keychain := &chain{}
	d := &Doctor{
		Version:    "1.2.3",
		Executable: "/opt/leadmagic-mcp-proxy",
		System:     editor.System{GOOS: "linux", Getenv: getenv, Folder: t.TempDir()},
		Environ:    environ,
		Homes:      []string{home},
		VersionOf:  func(context.Context, string) (string, error) { return "", errors.New("nothing runs here") },
		Keys:       &auth.Keys{Getenv: getenv, Environ: func() []string { return environ }, Keychain: keychain, Redactor: new(auth.Redactor)},
		Keychain:   keychain,
		Settings:   readSettings,
		Stray: func(environ []string) []string {
			if slices.Contains(environ, "LEADMAGIC_READONLY=1") {
				return []string{"LEADMAGIC_READONLY is set and means nothing to this program; did you mean LEADMAGIC_READ_ONLY?"}
			}
			return nil
		},
		Progress: func(string) {},
		Offline:  true,
		Editors:  editor.All(),
	}
	t.Cleanup(d.Keys.Close)
	return d
}

// readSettings has a few of the program's settings, which go by the same rules.
func readSettings(args []string, getenv func(string) string) Settings {
	s := Settings{From: map[string]string{}, Value: map[string]string{}}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range []string{"mcp-url", "api-url", "http-proxy", "ca-file", "log-file", "upstream", "auth-scheme"} {
		flags.String(name, "", "")
	}
	flags.BoolVar(&s.Sandbox, "sandbox", false, "")
	err := flags.Parse(args)
	flags.VisitAll(func(f *pflag.Flag) {
		s.From[f.Name], s.Value[f.Name] = "--"+f.Name, f.Value.String()
		if !f.Changed {
			variable := "LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			s.From[f.Name], s.Value[f.Name] = variable, strings.TrimSpace(getenv(variable))
		}
		if s.Value[f.Name] == "" {
			delete(s.From, f.Name)
		}
	})
	if err != nil {
		s.Refusal = problem.New(problem.BadSetting, problem.NotSent, err.Error(), "")
		return s
	}
	if flags.NArg() > 0 {
		s.Command = flags.Arg(0)
	}
	if !s.Sandbox {
		s.MCP, _ = url.Parse(cmp.Or(s.Value["mcp-url"], "https://mcp.leadmagic.io/mcp"))
		s.API, _ = url.Parse(cmp.Or(s.Value["api-url"], "https://api.leadmagic.io"))
	}
	return s
}

// root is what an absolute path begins with.
var root = map[bool]string{true: "C:"}[filepath.Separator == '\\']

// write puts a file into the home folder, or into the current one if its name begins with a dot and a slash.
func (d *Doctor) write(t *testing.T, name, text string) string {
	t.Helper()
	folder := d.Homes[0]
	if rest, ok := strings.CutPrefix(name, "./"); ok {
		folder, name = d.System.Folder, rest
	}
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// installed puts a program on the PATH whose version is 1.2.3.
func (d *Doctor) installed(t *testing.T) {
	t.Helper()
	path := d.write(t, "bin/leadmagic-mcp-proxy", "")
	d.VersionOf = func(_ context.Context, file string) (string, error) {
		if file == path {
			return "1.2.3", nil
		}
		return "", errors.New("no such file or directory")
	}
}

// A transport answers requests itself.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// dialled answers requests as f does, behind a connection that was made for them.
func dialled(f transport) func() http.RoundTripper {
	return func() http.RoundTripper {
		return transport(func(req *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(req.Context())
			trace.DNSStart(httptrace.DNSStartInfo{Host: req.URL.Hostname()})
			trace.DNSDone(httptrace.DNSDoneInfo{Addrs: []net.IPAddr{{IP: net.IPv4(192, 0, 2, 1)}, {IP: net.IPv4(192, 0, 2, 2)}, {IP: net.IPv4(192, 0, 2, 3)}}})
			trace.ConnectStart("tcp", "192.0.2.1:443")
			trace.ConnectDone("tcp", "192.0.2.2:443", errors.New("no route"))
			trace.ConnectDone("tcp", "192.0.2.1:443", nil)
			trace.ConnectDone("tcp", "192.0.2.3:443", errors.New("no route"))
			trace.TLSHandshakeStart()
			trace.TLSHandshakeDone(tls.ConnectionState{Version: tls.VersionTLS13}, nil)
			here, there := net.Pipe()
			_ = there.Close()
			trace.GotConn(httptrace.GotConnInfo{Conn: here})
			return f(req)
		})
	}
}

// balanceFrom asks a REST API for the balance, which answers as f does.
func balanceFrom(f transport) func(context.Context) (rest.Usage, error) {
	return func(ctx context.Context) (rest.Usage, error) {
		return rest.Credits(ctx, &http.Client{Transport: f}, "https://api.leadmagic.io")
	}
}

// answer is a whole answer.
func answer(req *http.Request, status int, body string, header ...string) *http.Response {
	res := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

// route gives a doctor a route on which everything works, and returns it to be changed.
func (d *Doctor) route(t *testing.T) *Route {
	t.Helper()
	d.Offline, d.Editors = false, nil
	mcpURL, _ := url.Parse("https://mcp.leadmagic.io/mcp")
	apiURL, _ := url.Parse("https://api.leadmagic.io")
	d.Route = &Route{
		MCP: mcpURL, API: apiURL, Upstream: "auto",
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
		Dial:  dialled(func(req *http.Request) (*http.Response, error) { return answer(req, 200, `{}`), nil }),
		Balance: balanceFrom(func(req *http.Request) (*http.Response, error) {
			return answer(req, 200, `{"credits":500}`, "RateLimit-Limit", "600", "RateLimit-Remaining", "599"), nil
		}),
		Open: func(ctx context.Context, protocol string) (*Session, error) { return open(ctx, protocol, 3) },
	}
	return d.Route
}

// open opens a session with a server that has so many tools, the first of which tells the balance, and that answers as between
// has it.
func open(ctx context.Context, protocol string, tools int, between ...mcp.Middleware) (*Session, error) {
	server := mcp.NewServer(&mcp.Implementation{Name: "stand-in", Version: "1"}, nil)
	for i := range tools {
		name := "tool_" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		if i == 0 {
			name = problem.BalanceTool
		}
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: `{"credits": 400}`}}}, nil
			})
	}
	server.AddReceivingMiddleware(between...)
	here, there := mcp.NewInMemoryTransports()
	running, err := server.Connect(ctx, there, nil)
	if err != nil {
		return nil, err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(ctx, here, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		return nil, err
	}
	return &Session{
		ClientSession: session, Upstream: "mcp",
		Unmatched: func() []string { return nil },
		End:       func() { _ = session.Close(); _ = running.Wait() },
	}, nil
}

// checksOf are the checks that something makes.
func checksOf(make func(*notes)) []Check {
	n := new(notes)
	make(n)
	return n.checks
}

// examineEditors makes the checks of one editor alone.
func (d *Doctor) examineEditors(t *testing.T, id string) []Check {
	t.Helper()
	e, ok := editor.Lookup(id)
	if !ok {
		t.Fatalf("there is no editor %q", id)
	}
	d.Editors = []editor.Editor{e}
	_, err := d.Keys.Get(t.Context())
	return d.report(checksOf(func(n *notes) { d.editors(t.Context(), n, err == nil, false) })).Checks
}

// find is the check of that name, with the editor before it if it has one.
func find(t *testing.T, checks []Check, name string) Check {
	t.Helper()
	for _, c := range checks {
		if strings.TrimSpace(c.Editor+" "+c.Name) == name {
			return c
		}
	}
	t.Fatalf("there is no check %q in %+v", name, checks)
	return Check{}
}

// expect compares a check with its status and with what its detail and hint contain. Paths have slashes there.
func expect(t *testing.T, checks []Check, name string, status Status, detail, hint string) {
	t.Helper()
	c := find(t, checks, name)
	c.Detail, c.Hint = filepath.ToSlash(c.Detail), filepath.ToSlash(c.Hint)
	if c.Status != status || !strings.Contains(c.Detail, detail) || !strings.Contains(c.Hint, hint) {
		t.Errorf("%s: got %s, %q, hint %q; want %s, %q, hint %q", name, c.Status, c.Detail, c.Hint, status, detail, hint)
	}
}

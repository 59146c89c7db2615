package soak

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// outsider is a name that leads nowhere but through the tunnel.
const outsider = "leadmagic.invalid"

// TestOnlyTrustedCertificates has a private authority, as a company that reads TLS has one.
func TestOnlyTrustedCertificates(t *testing.T) {
	tests := []struct {
		name  string
		leaf  faults.Leaf
		trust bool   // --ca-file names the authority
		want  string // part of why it cannot be used; empty if it can
	}{
		{"one of an authority in --ca-file is taken", faults.Leaf{}, true, ""},
		{"one of an unknown authority is not", faults.Leaf{}, false, "certificate"},
		{"one that has expired is not", faults.Leaf{Expires: time.Now().Add(-time.Hour)}, true, "expired"},
		{"one for another name is not", faults.Leaf{Hosts: []string{"leadmagic.example"}}, true, "certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startTLSWith(t, tt.leaf)
			var args []string
			if tt.trust {
				args = []string{"--ca-file", caFile(t, s.Authority)}
			}
			e := openEditor(t, start(t, at(s), args...), withSessions)
			if tt.want == "" {
				works(t, e, s)
			} else {
				explains(t, e, s, tt.want)
			}
		})
	}
}

func startTLSWith(t *testing.T, leaf faults.Leaf) *faults.Server {
	t.Helper()
	s, err := faults.Start(faults.Options{Key: canary, AnyHost: true, TLS: &leaf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// works ends a session that is carried by s.
func works(t *testing.T, e *editor, s *faults.Server) {
	t.Helper()
	a, err := e.await(t.Context(), e.call(lookup(0).tool(), lookup(0).arguments()))
	if o, _, wrong := lookup(0).classify(a); err != nil || wrong != nil || o != succeeded {
		t.Errorf("a call fails: %v %v %s", err, wrong, a.text())
	}
	e.close()
	if got := s.CallCount(); got != 1 {
		t.Errorf("%d calls were carried out", got)
	}
	if said := e.stderr.String(); said != "" {
		t.Errorf("a healthy session prints nothing, and this one said %s", said)
	}
}

// explains ends a session that says why it cannot use s, to which nothing has come.
func explains(t *testing.T, e *editor, s *faults.Server, want string) {
	t.Helper()
	a, err := e.await(t.Context(), e.call(lookup(0).tool(), lookup(0).arguments()))
	if err != nil || !a.Result.IsError || !strings.Contains(a.text(), want) {
		t.Errorf("got %v %q, want a refusal that speaks of %q", err, a.text(), want)
	}
	e.close()
	if said := e.stderr.String(); !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
		t.Errorf("the program has said %q, want one line about %q", said, want)
	}
	if got := s.RequestCount(); got != 0 {
		t.Errorf("%d requests came through", got)
	}
}

// TestThroughACompanyProxy goes where only an HTTP proxy leads.
func TestThroughACompanyProxy(t *testing.T) {
	const login, password = "ada:s3cret-of-hers", "s3cret-of-hers"
	tests := []struct {
		name    string
		login   string                 // that the tunnel asks for
		host    string                 // in the URL of LeadMagic; default outsider
		setting func(*tunnel) []string // flags and variables, the latter as NAME=value
		direct  bool                   // the tunnel is not used
		waits   bool                   // until the session opens without LeadMagic
		want    string                 // part of why it does not work; empty if it does
	}{
		{name: "named by --http-proxy", setting: func(d *tunnel) []string { return []string{"--http-proxy", "http://" + d.address} }},
		{name: "named by LEADMAGIC_HTTP_PROXY", setting: func(d *tunnel) []string { return []string{"LEADMAGIC_HTTP_PROXY=http://" + d.address} }},
		{name: "named by HTTPS_PROXY", setting: func(d *tunnel) []string { return []string{"HTTPS_PROXY=http://" + d.address} }},
		{name: "named by https_proxy", setting: func(d *tunnel) []string { return []string{"https_proxy=http://" + d.address} }},
		{
			name: "--http-proxy wins over HTTPS_PROXY",
			setting: func(d *tunnel) []string {
				return []string{"HTTPS_PROXY=http://127.0.0.1:1", "--http-proxy", "http://" + d.address}
			},
		},
		{
			name: "with a login", login: login,
			setting: func(d *tunnel) []string { return []string{"--http-proxy", "http://" + login + "@" + d.address} },
		},
		{
			name: "with a login in HTTPS_PROXY", login: login,
			setting: func(d *tunnel) []string { return []string{"HTTPS_PROXY=http://" + login + "@" + d.address} },
		},
		{
			name: "without the login that it asks for", login: login, want: "proxy",
			setting: func(d *tunnel) []string { return []string{"--http-proxy", "http://" + d.address} },
		},
		{
			name: "with a wrong login", login: "someone:else", want: "proxy",
			setting: func(d *tunnel) []string { return []string{"--http-proxy", "http://" + login + "@" + d.address} },
		},
		{
			name: "which is not there", want: "refused",
			setting: func(*tunnel) []string { return []string{"--http-proxy", "http://127.0.0.1:1"} }, direct: true, waits: true,
		},
		{
			// This address leads to this machine, and yet is none of those that never go through a proxy.
			name: "for an address as well", host: "0.0.0.0",
			setting: func(d *tunnel) []string { return []string{"HTTPS_PROXY=http://" + d.address} },
		},
		{
			name: "unless NO_PROXY names the host", host: "0.0.0.0", direct: true,
			setting: func(d *tunnel) []string { return []string{"HTTPS_PROXY=http://" + d.address, "NO_PROXY=0.0.0.0"} },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.waits && !*long {
				t.Skip("it waits for four seconds: -long") //nolint:forbidigo // .ci/nightly runs it
			}
			host := tt.host
			if host == "" {
				host = outsider
			}
			s := startTLSWith(t, faults.Leaf{Hosts: []string{host}})
			at, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			d := startTunnel(t, at.Host, tt.login)
			env := []string{"LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=https://" + host + ":" + at.Port() + "/mcp"}
			args := []string{"--ca-file", caFile(t, s.Authority)}
			for _, setting := range tt.setting(d) {
				if name, _, variable := strings.Cut(setting, "="); variable && !strings.HasPrefix(name, "-") {
					env = append(env, setting)
				} else {
					args = append(args, setting)
				}
			}
			e := openEditor(t, start(t, env, args...), withSessions)
			if tt.want == "" {
				works(t, e, s)
			} else {
				explains(t, e, s, tt.want)
			}
			hosts, headers := d.seen()
			if used := slices.Contains(hosts, host+":"+at.Port()); used == tt.direct {
				t.Errorf("the proxy was asked for %q", hosts)
			}
			for _, header := range headers {
				if strings.Contains(header, canary) {
					t.Error("the proxy was shown the key")
				}
			}
			if strings.Contains(e.stderr.String(), password) {
				t.Error("the program has printed the password")
			}
		})
	}
}

// TestWhatIsNotHTTPSGoesThroughNoProxy which could read the key: it stays on this machine, however that is written.
func TestWhatIsNotHTTPSGoesThroughNoProxy(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST"} {
		for _, setting := range []string{"HTTP_PROXY", "http_proxy", "LEADMAGIC_HTTP_PROXY"} {
			t.Run(setting+" for "+host, func(t *testing.T) {
				s := startSandbox(t, faults.Options{AnyHost: true})
				d := startTunnel(t, strings.TrimPrefix(s.URL, "http://"), "")
				endpoint := strings.Replace(s.URL, "127.0.0.1", host, 1) + "/mcp"
				works(t, openEditor(t, start(t, []string{"LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=" + endpoint, setting + "=http://" + d.address}), withSessions), s)
				if hosts, _ := d.seen(); len(hosts) > 0 {
					t.Errorf("the proxy was asked for %q", hosts)
				}
			})
		}
	}
}

// TestACAFileThatIsNone is named in the session, since an editor shows nothing of a program that ends at once.
func TestACAFileThatIsNone(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(t.TempDir(), "missing.pem")} {
		s := startTLSWith(t, faults.Leaf{})
		explains(t, openEditor(t, start(t, at(s), "--ca-file", file), withSessions), s, "--ca-file")
	}
}

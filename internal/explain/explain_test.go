package explain_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/explain"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// open connects a client that speaks that protocol version to a server of that state.
func open(t *testing.T, version string, state func() explain.State) *mcp.ClientSession {
	t.Helper()
	serverIn, clientOut := io.Pipe()
	clientIn, serverOut := io.Pipe()
	served := make(chan struct{})
	s := &explain.Server{Version: "1.2.3", State: state}
	go func() {
		defer close(served)
		_ = s.Serve(context.Background(), serverIn, serverOut)
		_ = serverOut.Close()
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: clientIn, Writer: clientOut},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close()
		<-served
	})
	return session
}

var noKey = problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")

func TestInitializeEchoesTheVersionAndNamesTheFix(t *testing.T) {
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run(version, func(t *testing.T) {
			got := open(t, version, func() explain.State { return explain.State{Problem: noKey} }).InitializeResult()
			if got.ProtocolVersion != version {
				t.Errorf("got version %s, want %s", got.ProtocolVersion, version)
			}
			want := "at start LeadMagic could not be used: no key is set (fix: set one); this may have changed: call leadmagic_status first"
			if got.Instructions != want {
				t.Errorf("got instructions %q, want %q", got.Instructions, want)
			}
			c := got.Capabilities
			if c.Tools == nil || !c.Tools.ListChanged || c.Resources == nil || !c.Resources.ListChanged || !c.Resources.Subscribe ||
				c.Prompts == nil || !c.Prompts.ListChanged || c.Logging == nil || c.Completions == nil {
				t.Errorf("got capabilities %+v, want all that the real session may have", c)
			}
		})
	}
}

func TestTheOneToolIsFreeToCall(t *testing.T) {
	session := open(t, "2025-11-25", func() explain.State { return explain.State{Problem: noKey} })
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Tools) != 1 || list.Tools[0].Name != problem.StatusTool {
		t.Errorf("got %+v, want leadmagic_status alone", list.Tools)
	}
	if a := list.Tools[0].Annotations; !a.ReadOnlyHint || !a.IdempotentHint || *a.DestructiveHint || *a.OpenWorldHint {
		t.Errorf("got %+v, want a tool that changes nothing and calls nobody", a)
	}
	if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "leadmagic://docs"}); err != nil {
		t.Errorf("a subscription that the real session will have: %v", err)
	}
}

func TestStatusSaysHowTheSessionIs(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		state    explain.State
		usable   bool
		want     []string
		unwanted []string
	}{
		"a problem, with its fix and all that helps to find it": {
			state: explain.State{
				Problem: noKey, Source: "LEADMAGIC_API_KEY", Endpoint: "https://mcp.leadmagic.io/mcp", Upstream: "hosted server", LastTry: at,
			},
			want: []string{
				"problem: no key is set", "fix: set one", "key source: LEADMAGIC_API_KEY", "endpoint: https://mcp.leadmagic.io/mcp",
				"upstream: hosted server", "last attempt: 2026-11-23T12:00:00Z", "version: leadmagic-mcp-proxy 1.2.3 (unofficial)",
			},
		},
		"a session that has gone over": {
			state: explain.State{Recovered: true, Editor: "Z\x1b[31med\u202e"}, usable: true,
			want:     []string{"LeadMagic can be used", "fix: if the tools of LeadMagic are not listed, restart leadmagic in Zed"},
			unwanted: []string{"problem"},
		},
		"a session that has gone over, in an editor without a name": {
			state: explain.State{Recovered: true}, usable: true,
			want:     []string{"LeadMagic can be used", "restart leadmagic in the editor"},
			unwanted: []string{"problem"},
		},
		"a session like any other": {
			state: explain.State{}, usable: true, want: []string{"LeadMagic can be used"}, unwanted: []string{"fix", "last attempt"},
		},
		"words that start an OAuth sign-in in some editors": {
			state:    explain.State{Problem: problem.New(problem.KeyRejected, problem.Refused, "HTTP 401 Unauthorized", "x")},
			want:     []string{"problem: a refusal not accepted"},
			unwanted: []string{"401"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := open(t, "2025-11-25", func() explain.State { return test.state }).
				CallTool(t.Context(), &mcp.CallToolParams{Name: problem.StatusTool})
			if err != nil {
				t.Fatal(err)
			}
			text := result.Content[0].(*mcp.TextContent).Text
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("got\n%s\nwant it to have %q", text, want)
				}
			}
			for _, unwanted := range test.unwanted {
				if strings.Contains(text, unwanted) {
					t.Errorf("got\n%s\nwant no %q", text, unwanted)
				}
			}
			raw, _ := json.Marshal(result.StructuredContent)
			var report struct{ Usable bool }
			if err := json.Unmarshal(raw, &report); err != nil || report.Usable != test.usable || result.IsError {
				t.Errorf("got %s, want usable %v", raw, test.usable)
			}
		})
	}
}

package streamable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

const (
	session2025   = "2025-11-25"
	stateless2026 = "2026-07-28"
)

// TestDirectAndProxied has an editor do the same things twice: at LeadMagic itself, over the SDK's own HTTP transport,
// and through the proxy. What it learns, hears and is asked must be the same: a forwarder must not be noticed.
func TestDirectAndProxied(t *testing.T) {
	tool := func(name string, arguments any) func(*editor) error {
		return func(e *editor) error {
			e.note(e.CallTool(e.t.Context(), &mcp.CallToolParams{Name: name, Arguments: arguments}))
			return nil
		}
	}
	type args = map[string]any
	tests := []struct {
		name string
		do   func(*editor) error
	}{
		{"the handshake", func(e *editor) error {
			e.note(e.InitializeResult(), nil)
			if e.version == session2025 {
				return e.Ping(e.t.Context(), nil)
			}
			return nil
		}},
		{"all tools", func(e *editor) error { e.note(e.ListTools(e.t.Context(), nil)); return nil }},
		{"a hit", tool("find_work_email", args{"full_name": "Ada Lovelace", "domain": "analytical.example"})},
		{"a miss", tool("find_work_email", args{"full_name": "Nobody", "domain": "analytical.invalid"})},
		{"the balance", tool("check_credit_balance", nil)},
		{"every kind of content", tool("contents", nil)},
		{"a tool that does not succeed", tool("fail", args{"how": "tool"})},
		{"an error of the protocol with data", tool("fail", args{"how": "protocol"})},
		{"a tool that is not there", tool("no_such_tool", nil)},
		{"arguments that are wrong", tool("find_work_email", args{"domain": 7})},
		{"arguments in headers", func(e *editor) error {
			e.note(e.ListTools(e.t.Context(), nil)) // says which
			e.note(e.CallTool(e.t.Context(), &mcp.CallToolParams{
				Name: "regional", Arguments: args{"region": " Köln\n", "tier": 3, "dry": true, "note": "no header"},
			}))
			return nil
		}},
		{"sampling", tool("ask", args{"what": "sampling"})},
		{"elicitation", tool("ask", args{"what": "elicitation"})},
		{"roots", tool("ask", args{"what": "roots"})},
		{"resources", func(e *editor) error {
			e.note(e.ListResources(e.t.Context(), nil))
			e.note(e.ListResourceTemplates(e.t.Context(), nil))
			for _, uri := range []string{"leadmagic://docs", "leadmagic://company/acme.example", "leadmagic://nothing"} {
				e.note(e.ReadResource(e.t.Context(), &mcp.ReadResourceParams{URI: uri}))
			}
			return nil
		}},
		{"prompts", func(e *editor) error {
			e.note(e.ListPrompts(e.t.Context(), nil))
			e.note(e.GetPrompt(e.t.Context(), &mcp.GetPromptParams{Name: "contact_lookup", Arguments: map[string]string{"name": "Ada", "company": "acme.example"}}))
			e.note(e.GetPrompt(e.t.Context(), &mcp.GetPromptParams{Name: "no_such_prompt"}))
			return nil
		}},
		{"completion", func(e *editor) error {
			e.note(e.Complete(e.t.Context(), &mcp.CompleteParams{
				Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "contact_lookup"}, Argument: mcp.CompleteParamsArgument{Name: "company", Value: "a"},
			}))
			return nil
		}},
		{"progress and log", func(e *editor) error {
			params := &mcp.CallToolParams{Name: "slow_report", Arguments: args{"steps": 3, "step_ms": 1}}
			params.SetProgressToken("token")
			if e.version == session2025 {
				if err := e.SetLoggingLevel(e.t.Context(), &mcp.SetLoggingLevelParams{Level: "info"}); err != nil {
					return err
				}
			} else {
				params.Meta["io.modelcontextprotocol/logLevel"] = "info"
			}
			e.note(e.CallTool(e.t.Context(), params))
			e.hears(6)
			return nil
		}},
		{"lists that change, and a resource", func(e *editor) error {
			if err := e.Subscribe(e.t.Context(), &mcp.SubscribeParams{URI: "leadmagic://ticker"}); err != nil {
				return err
			}
			for _, what := range []string{"tools", "prompts", "resources", "ticker"} {
				e.note(e.CallTool(e.t.Context(), &mcp.CallToolParams{Name: "announce", Arguments: args{"what": what}}))
				e.hearsOf(what)
			}
			return nil
		}},
		{"a call that is cancelled", func(e *editor) error {
			ctx, stop := context.WithCancel(e.t.Context())
			done := make(chan error)
			go func() {
				_, err := e.CallTool(ctx, &mcp.CallToolParams{Name: "slow_report", Arguments: args{"steps": 1000, "step_ms": 1000}})
				done <- err
			}()
			e.until(func() bool { return e.leadMagic.CallCount() == 1 })
			stop()
			e.note(nil, <-done)
			e.until(func() bool { return e.leadMagic.Calls()[0].Cancelled })
			return nil
		}},
	}
	for _, version := range []string{session2025, stateless2026} {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				direct := sit(t, version, reached)
				proxied := sit(t, version, carried)
				for _, e := range []*editor{direct, proxied} {
					if err := tt.do(e); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := proxied.learned(), direct.learned(); got != want {
					t.Errorf("through the proxy\n%s\ndirect\n%s", got, want)
				}
				if got, want := proxied.account(), direct.account(); got != want {
					t.Errorf("through the proxy LeadMagic carried out %s, direct %s", got, want)
				}
			})
		}
	}
	for _, what := range []string{"sampling", "elicitation", "roots"} {
		t.Run("on the GET stream "+what, func(t *testing.T) {
			t.Parallel()
			var learned []string
			for _, way := range []way{reached, carried} {
				e := sit(t, session2025, way)
				if err := tool("ask", args{"what": what, "via": "session"})(e); err != nil {
					t.Fatal(err)
				}
				learned = append(learned, e.learned())
			}
			if learned[0] != learned[1] {
				t.Errorf("through the proxy\n%s\ndirect\n%s", learned[1], learned[0])
			}
		})
	}
}

// An editor is an MCP client that writes down what it learns. It has a LeadMagic of its own.
type editor struct {
	*mcp.ClientSession
	t         *testing.T
	version   string
	leadMagic *faults.Server
	lines     []string
	heard     chan string
}

// A way is how an editor's messages come to LeadMagic.
type way func(t *testing.T, s *faults.Server) mcp.Transport

// reached is the way without anything between.
func reached(t *testing.T, s *faults.Server) mcp.Transport {
	t.Helper()
	return &mcp.StreamableClientTransport{Endpoint: s.URL + "/mcp", HTTPClient: &http.Client{Transport: keyed(t)}, MaxRetries: -1}
}

// carried is the way through the proxy.
func carried(t *testing.T, s *faults.Server) mcp.Transport {
	t.Helper()
	endpoint, err := url.Parse(s.URL + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	in, toProxy := io.Pipe()
	fromProxy, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := proxy.Run(context.Background(), proxy.Options{
			In: in, Out: out, Log: log,
			Upstream: &streamable.Client{URL: endpoint, Dial: func() http.RoundTripper { return keyed(t) }, Log: log},
		})
		_ = in.CloseWithError(err)
		_ = out.CloseWithError(err)
	}()
	t.Cleanup(func() {
		_ = toProxy.Close()
		<-ended
	})
	return &mcp.IOTransport{Reader: fromProxy, Writer: toProxy, MaxLineLength: -1}
}

// keyed is an HTTP client that puts the sandbox's key on each request.
func keyed(t *testing.T) http.RoundTripper {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return header{transport}
}

type header struct{ base http.RoundTripper }

func (h header) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-leadmagic-key", sandbox.Key)
	return h.base.RoundTrip(r)
}

// sit opens a session of an editor.
func sit(t *testing.T, version string, way way) *editor {
	t.Helper()
	s, err := faults.Start(faults.Options{TestTools: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e := &editor{t: t, version: version, leadMagic: s, heard: make(chan string, 100)}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, &mcp.ClientOptions{
		CreateMessageHandler: func(_ context.Context, r *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Role: "assistant", Model: "none", Content: &mcp.TextContent{Text: encode(r.Params)}}, nil
		},
		ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"company": encode(r.Params)}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { e.hear("progress", r.Params) },
		LoggingMessageHandler:       func(_ context.Context, r *mcp.LoggingMessageRequest) { e.hear("log", r.Params) },
		ToolListChangedHandler:      func(_ context.Context, r *mcp.ToolListChangedRequest) { e.hear("tools", r.Params) },
		PromptListChangedHandler:    func(_ context.Context, r *mcp.PromptListChangedRequest) { e.hear("prompts", r.Params) },
		ResourceListChangedHandler:  func(_ context.Context, r *mcp.ResourceListChangedRequest) { e.hear("resources", r.Params) },
		ResourceUpdatedHandler:      func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { e.hear("ticker", r.Params) },
	})
	client.AddRoots(&mcp.Root{URI: "file:///work", Name: "work"})
	e.ClientSession, err = client.Connect(t.Context(), way(t, s), &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// note writes down what came of a request.
func (e *editor) note(result any, err error) {
	if wire, ok := errors.AsType[*jsonrpc.Error](err); ok {
		e.lines = append(e.lines, fmt.Sprintf("error %d %s %s", wire.Code, wire.Message, wire.Data))
		return
	}
	if err != nil {
		e.lines = append(e.lines, err.Error())
		return
	}
	e.lines = append(e.lines, encode(result))
}

func (e *editor) hear(what string, params any) { e.heard <- what + " " + encode(params) }

// hears waits for so many notifications and writes them down.
func (e *editor) hears(n int) {
	for range n {
		e.lines = append(e.lines, <-e.heard)
	}
}

// hearsOf waits for a notification of that kind and writes it down. A server may say twice that a list has changed.
func (e *editor) hearsOf(what string) {
	for line := range e.heard {
		if strings.HasPrefix(line, what+" ") {
			e.lines = append(e.lines, line)
			return
		}
	}
}

// until waits for what LeadMagic does beside the answers.
func (e *editor) until(happened func() bool) {
	e.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-e.t.Context().Done():
			e.t.Fatal("it has not happened")
		}
	}
}

func (e *editor) learned() string { return strings.Join(e.lines, "\n") }

// account is what LeadMagic has carried out.
func (e *editor) account() string {
	return fmt.Sprintf("%d calls for %v credits", e.leadMagic.CallCount(), e.leadMagic.Charged())
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

package faults_test

import (
	"context"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

func TestAsk(t *testing.T) {
	c := newClient(&mcp.ClientOptions{
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Role: "assistant", Model: "none", Content: &mcp.TextContent{Text: "a purple spreadsheet"}}, nil
		},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"company": "Acme"}}, nil
		},
	})
	c.AddRoots(&mcp.Root{URI: "file:///work"})
	modes(t, func(t *testing.T, version string) {
		session := connect(t, start(t, faults.Options{TestTools: true}), version, c)
		for what, want := range map[string]string{"sampling": "a purple spreadsheet", "elicitation": "Acme", "roots": "file:///work"} {
			for _, via := range []string{"call", "session"} {
				if via == "session" && version == stateless {
					continue
				}
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "ask", Arguments: map[string]any{"what": what, "via": via}})
				if err != nil || !strings.Contains(text(result), want) {
					t.Errorf("%s via %s: got %q %v, want %q in it", what, via, text(result), err, want)
				}
			}
		}
	})
}

func TestCompletion(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		got, err := connect(t, start(t, faults.Options{}), version, newClient(nil)).Complete(t.Context(), &mcp.CompleteParams{
			Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "contact_lookup"}, Argument: mcp.CompleteParamsArgument{Name: "full_name", Value: "A"},
		})
		if err != nil || len(got.Completion.Values) != 1 || got.Completion.Values[0] != "Ada Lovelace" {
			t.Errorf("completion: %v %v", got, err)
		}
	})
}

func TestSlowReportTellsItsProgress(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		progress, logs := make(chan string, 10), make(chan any, 10)
		session := connect(t, start(t, faults.Options{TestTools: true}), version, newClient(&mcp.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress <- r.Params.Message },
			LoggingMessageHandler:       func(_ context.Context, r *mcp.LoggingMessageRequest) { logs <- r.Params.Data },
		}))
		params := &mcp.CallToolParams{Name: "slow_report", Arguments: map[string]any{"steps": 2, "step_ms": 1}}
		params.SetProgressToken("token")
		if version == withSessions {
			if err := session.SetLoggingLevel(t.Context(), &mcp.SetLoggingLevelParams{Level: "info"}); err != nil {
				t.Fatal(err)
			}
		} else {
			params.Meta["io.modelcontextprotocol/logLevel"] = "info"
		}
		result, err := session.CallTool(t.Context(), params)
		if err != nil || !strings.HasPrefix(text(result), "2 steps done") {
			t.Fatalf("%v %v", result, err)
		}
		for _, want := range []string{"step 1", "step 2"} {
			if got := <-progress; got != want {
				t.Errorf("progress %q, want %q", got, want)
			}
			if got := <-logs; got != want {
				t.Errorf("log %v, want %q", got, want)
			}
		}
	})
}

func TestACancelledCallIsRecorded(t *testing.T) {
	for tool, args := range map[string]map[string]any{"slow_report": {"steps": 1000, "step_ms": 1000}, "echo": {"delay_ms": 1_000_000}} {
		modes(t, func(t *testing.T, version string) {
			s := start(t, faults.Options{TestTools: true})
			session := connect(t, s, version, newClient(nil))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			go func() {
				_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
				done <- err
			}()
			until(t, func() bool { return s.CallCount() == 1 })
			cancel()
			if err := <-done; err == nil {
				t.Error("a cancelled call succeeds")
			}
			until(t, func() bool { return s.Calls()[0].Cancelled })
		})
	}
}

func TestAnnouncements(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		received := make(chan string, 10)
		session := connect(t, start(t, faults.Options{TestTools: true}), version, newClient(&mcp.ClientOptions{
			ToolListChangedHandler:     func(context.Context, *mcp.ToolListChangedRequest) { received <- "tools" },
			PromptListChangedHandler:   func(context.Context, *mcp.PromptListChangedRequest) { received <- "prompts" },
			ResourceListChangedHandler: func(context.Context, *mcp.ResourceListChangedRequest) { received <- "resources" },
			ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
				received <- r.Params.URI
			},
		}))
		if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "leadmagic://ticker"}); err != nil {
			t.Fatal(err)
		}
		announce := func(what string) error {
			_, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "announce", Arguments: map[string]any{"what": what}})
			return err
		}
		for what, want := range map[string]string{"tools": "tools", "prompts": "prompts", "resources": "resources", "ticker": "leadmagic://ticker"} {
			if err := announce(what); err != nil {
				t.Fatal(err)
			}
			if got := <-received; got != want {
				t.Errorf("announcing %s: received %s", what, got)
			}
		}
		if announce("weather") == nil {
			t.Error("the weather is announced")
		}
	})
}

func TestEveryOtherTool(t *testing.T) {
	modes(t, func(t *testing.T, version string) {
		session := connect(t, start(t, faults.Options{TestTools: true}), version, newClient(nil))
		call := func(tool string, args map[string]any) (*mcp.CallToolResult, error) {
			return session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
		}
		if result, err := call("fail", nil); err != nil || !result.IsError {
			t.Errorf("as a tool: %v %v", result, err)
		}
		if _, err := call("fail", map[string]any{"how": "protocol"}); err == nil || !strings.Contains(err.Error(), "failed as asked") {
			t.Errorf("as a protocol error: %v", err)
		}
		if result, err := call("contents", nil); err != nil || len(result.Content) != 5 {
			t.Errorf("contents: %v %v", result, err)
		}
		result, err := call("echo", map[string]any{"size": 100_000, "mark": "here"})
		if err != nil || len(text(result)) != 100_000 || result.StructuredContent.(map[string]any)["mark"] != "here" {
			t.Errorf("echo: %d bytes, %v, %v", len(text(result)), result.StructuredContent, err)
		}
		if _, err := session.ListTools(t.Context(), nil); err != nil { // says which arguments are in headers
			t.Fatal(err)
		}
		if result, err := call("regional", map[string]any{"region": "eu"}); err != nil || version == stateless && !strings.Contains(text(result), `"Mcp-Param-Region":["eu"]`) {
			t.Errorf("regional: %v %v", text(result), err)
		}
		templates, err := session.ListResourceTemplates(t.Context(), nil)
		if err != nil || len(templates.ResourceTemplates) != 1 {
			t.Errorf("%v %v", templates, err)
		}
		read, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "leadmagic://company/acme.example"})
		if err != nil || read.Contents[0].URI != "leadmagic://company/acme.example" {
			t.Errorf("%v %v", read, err)
		}
	})
}

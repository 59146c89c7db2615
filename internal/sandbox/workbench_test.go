package sandbox_test

import (
	"bufio"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

func TestAsk(t *testing.T) {
	opts := &mcp.ClientOptions{
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Role: "assistant", Model: "none", Content: &mcp.TextContent{Text: "a purple spreadsheet"}}, nil
		},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"company": "Acme"}}, nil
		},
	}
	for _, test := range []struct{ version, what, via, want string }{
		{legacy, "sampling", "call", "a purple spreadsheet"},
		{legacy, "sampling", "session", "a purple spreadsheet"},
		{legacy, "elicitation", "call", "Acme"},
		{legacy, "elicitation", "session", "Acme"},
		{legacy, "roots", "call", "file:///work"},
		{legacy, "roots", "session", "file:///work"},
		{modern, "sampling", "call", "a purple spreadsheet"},
		{modern, "elicitation", "call", "Acme"},
		{modern, "roots", "call", "file:///work"},
	} {
		t.Run(strings.Join([]string{test.version, test.what, test.via}, " "), func(t *testing.T) {
			s := start(t, sandbox.Options{Workbench: true})
			c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, opts)
			c.AddRoots(&mcp.Root{URI: "file:///work"})
			session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: s.URL + "/mcp", HTTPClient: keyedClient(t), MaxRetries: -1,
			}, &mcp.ClientSessionOptions{ProtocolVersion: test.version})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = session.Close() }()
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "ask", Arguments: map[string]any{"what": test.what, "via": test.via}})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(result); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

func TestSlowReportTellsItsProgress(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		s := start(t, sandbox.Options{Workbench: true})
		progress, logs := make(chan string, 10), make(chan any, 10)
		session := connect(t, s, version, &mcp.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { progress <- r.Params.Message },
			LoggingMessageHandler:       func(_ context.Context, r *mcp.LoggingMessageRequest) { logs <- r.Params.Data },
		})
		params := &mcp.CallToolParams{Name: "slow_report", Arguments: map[string]any{"steps": 2, "step_ms": 1}}
		params.SetProgressToken("token")
		if version == legacy {
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

func TestACancelledReportIsWrittenDown(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		s := start(t, sandbox.Options{Workbench: true})
		session := connect(t, s, version, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() {
			_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "slow_report", Arguments: map[string]any{"steps": 1000, "step_ms": 1000}})
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

func TestAnnouncements(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		s := start(t, sandbox.Options{Workbench: true})
		heard := make(chan string, 10)
		session := connect(t, s, version, &mcp.ClientOptions{
			ToolListChangedHandler:     func(context.Context, *mcp.ToolListChangedRequest) { heard <- "tools" },
			PromptListChangedHandler:   func(context.Context, *mcp.PromptListChangedRequest) { heard <- "prompts" },
			ResourceListChangedHandler: func(context.Context, *mcp.ResourceListChangedRequest) { heard <- "resources" },
			ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
				heard <- r.Params.URI
			},
		})
		if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "leadmagic://ticker"}); err != nil {
			t.Fatal(err)
		}
		for what, want := range map[string]string{"tools": "tools", "prompts": "prompts", "resources": "resources", "ticker": "leadmagic://ticker"} {
			if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "announce", Arguments: map[string]any{"what": what}}); err != nil {
				t.Fatal(err)
			}
			if got := <-heard; got != want {
				t.Errorf("announcing %s: heard %s", what, got)
			}
		}
		if err := s.Announce("weather"); err == nil {
			t.Error("the weather is announced")
		}
	})
}

func TestFailuresAndContents(t *testing.T) {
	session := connect(t, start(t, sandbox.Options{Workbench: true}), legacy, nil)
	if result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "fail"}); err != nil || !result.IsError {
		t.Errorf("as a tool: %v %v", result, err)
	}
	_, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "fail", Arguments: map[string]any{"how": "protocol"}})
	if err == nil || !strings.Contains(err.Error(), "failed as asked") {
		t.Errorf("as a protocol error: %v", err)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "contents"})
	if err != nil || len(result.Content) != 5 {
		t.Errorf("contents: %v %v", result, err)
	}
}

func TestTemplates(t *testing.T) {
	session := connect(t, start(t, sandbox.Options{Workbench: true}), legacy, nil)
	templates, err := session.ListResourceTemplates(t.Context(), nil)
	if err != nil || len(templates.ResourceTemplates) != 1 {
		t.Fatalf("%v %v", templates, err)
	}
	read, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "leadmagic://company/acme.example"})
	if err != nil || read.Contents[0].URI != "leadmagic://company/acme.example" {
		t.Errorf("%v %v", read, err)
	}
}

func TestGreetingsNeedTheStandingStream(t *testing.T) {
	s := start(t, sandbox.Options{Workbench: true})
	open(t, s) // says that it is initialized, and has no stream
	until(t, func() bool { sent, _ := s.Greetings(); return sent == 1 })

	session := send(t, s, initialize).header.Get("Mcp-Session-Id")
	lines, initialized := make(chan string), make(chan struct{})
	q := request{method: "GET", path: "/mcp", header: map[string]string{"Mcp-Session-Id": session, "Mcp-Protocol-Version": legacy}}.build(t, t.Context(), s)
	c := client(t)
	go func() {
		defer close(lines)
		response, err := c.Do(q)
		close(initialized)
		if err != nil {
			return
		}
		defer func() { _ = response.Body.Close() }()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			if data, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
				lines <- data
			}
		}
	}()
	<-initialized
	if got := send(t, s, inSession(session, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)); got.status != 202 {
		t.Fatalf("initialized: %d", got.status)
	}
	ping := decode(t, <-lines)
	if ping["method"] != "ping" {
		t.Fatalf("on the stream: %v", ping)
	}
	if got := send(t, s, inSession(session, `{"jsonrpc":"2.0","id":`+mustMarshal(t, ping["id"])+`,"result":{}}`)); got.status != 202 {
		t.Fatalf("the answer: %d", got.status)
	}
	until(t, func() bool { sent, answered := s.Greetings(); return sent == 2 && answered == 1 })
	s.DropSessions()
	for range lines { // what else comes is of no interest
	}
}

func TestEcho(t *testing.T) {
	eras(t, func(t *testing.T, version string) {
		s := start(t, sandbox.Options{Bench: true})
		session := connect(t, s, version, nil)
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"size": 100_000, "mark": "here"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := text(result); len(got) != 100_000 || strings.Trim(got, "x") != "" {
			t.Errorf("%d bytes", len(got))
		}
		if got := result.StructuredContent.(map[string]any)["mark"]; got != "here" {
			t.Errorf("mark = %v", got)
		}
		if got := s.Calls(); len(got) != 1 || got[0].Tool != "echo" {
			t.Errorf("calls = %+v", got)
		}
		if got := len(s.Requests()); got != 0 || s.RequestCount() == 0 {
			t.Errorf("%d requests kept of %d", got, s.RequestCount())
		}
	})
}

func TestEchoKeepsIDsAndArgumentsByteForByte(t *testing.T) {
	for _, jsonAnswers := range []bool{false, true} {
		s := start(t, sandbox.Options{Workbench: true, JSON: jsonAnswers})
		session := open(t, s)
		for _, id := range []string{"9007199254740993", "1.5", `"a\u0062"`, "-0"} {
			const args = `{"n":1e400,"b":9007199254740993,"a":"\u0041"}`
			got := send(t, s, inSession(session, `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{"name":"echo","arguments":`+args+`}}`))
			if got.status != 200 || !strings.Contains(got.body, `"id":`+id+`,`) || !strings.Contains(got.body, args) {
				t.Errorf("id %s: %d %q", id, got.status, got.body)
			}
		}
		if got := send(t, s, toolCall("lost", "echo", `{}`)); got.status != 404 {
			t.Errorf("a lost session: %d", got.status)
		}
		got := send(t, s, toolCall(session, "echo", "{\n\"a\":\n1}"))
		if answer := got.answer(t)["result"].(map[string]any)["structuredContent"]; mustMarshal(t, answer) != `{"a":1}` {
			t.Errorf("line breaks: %q", got.body)
		}
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	s := start(t, sandbox.Options{})
	session := connect(t, s, legacy, nil)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "find_work_email", Arguments: map[string]any{"full_name": "Ada", "domain": "a.example"}}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if s.CallCount() != 50 || s.Balance() != 950 || s.Charged() != 50 {
		t.Errorf("%d calls, balance %v, charged %v", s.CallCount(), s.Balance(), s.Charged())
	}
	if len(s.Requests()) == 0 {
		t.Error("no requests kept")
	}
}

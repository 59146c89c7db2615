package proxy

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestInternalInASessionWithoutLeadMagicSaysWhatIsWrong(t *testing.T) {
	missing := problem.New(problem.KeyMissing, problem.NotSent, "no API key was found", "")
	for _, g := range []*limits{{ReadOnly: true}, {Exclude: []string{"nothing"}}, {MaxCredits: 5}} {
		var called []string
		standby := toolbox(func() string { return `{"name":"` + problem.StatusTool + `"}` }, &called)
		up := &Failover{
			Refusal: missing, Fallback: standby, KeyChanged: func() bool { return false }, Explained: func(*problem.Problem) {},
			Log: slog.New(slog.DiscardHandler),
		}
		a := newClient(t, "session", up, g)
		for _, tool := range []string{"find_work_email", "nobody_knows_this"} {
			if got := a.call(tool, "{}"); !got.refused || !strings.Contains(got.text, "no API key was found") {
				t.Errorf("%s: got %q", tool, got.text)
			}
		}
		if got := a.call(problem.StatusTool, "{}"); got.refused {
			t.Errorf("the status tool: got %q", got.text)
		}
		if names := toolNames(t, a.ask("tools/list", "{}")); !slices.Equal(names, []string{problem.StatusTool}) {
			t.Errorf("listed are %q", names)
		}
		if want := []string{problem.StatusTool}; !slices.Equal(called, want) {
			t.Errorf("called %q, want %q", called, want)
		}
		if len(a.spent()) > 0 {
			t.Errorf("spent %q", a.spent())
		}
	}
}

// The list of a session that only explains is not LeadMagic's. A call finds out whether there is one by now.
func TestInternalListsAgainWhenLeadMagicCanBeUsed(t *testing.T) {
	var called []string
	up := toolbox(func() string {
		if len(called) == 0 {
			return `{"name":"` + problem.StatusTool + `"}`
		}
		return `{"name":"check_credits"},{"name":"reads","annotations":{"readOnlyHint":true}}`
	}, &called)
	a := newClient(t, "session", up, &limits{ReadOnly: true})
	if got := a.call("reads", "{}"); got.refused {
		t.Errorf("got %q", got.text)
	}
	if want := []string{"check_credits", "reads"}; !slices.Equal(called, want) {
		t.Errorf("called %q, want %q", called, want)
	}
}

func TestInternalCountsNothingForCallsOfASessionThatOnlyExplains(t *testing.T) {
	// What became of the try to open the session says nothing of the calls in it.
	for _, code := range []problem.Code{problem.Cut, problem.TimedOut, problem.BrokenAnswer, problem.Failed} {
		t.Run(string(code), func(t *testing.T) {
			fails := problem.New(code, problem.Unknown, "the opening went wrong", "")
			up := &Failover{
				Candidates: []*Candidate{{Upstream: &scripted{answer: refuses(fails)}}},
				Fallback:   &scripted{answer: says("standby", "2025-11-25")},
				KeyChanged: func() bool { return false }, Explained: func(*problem.Problem) {},
				Log: slog.New(slog.DiscardHandler),
			}
			a := newClient(t, "session", up, &limits{MaxCredits: 5})
			got := a.call("find_mobile_number", "{}")
			if !got.refused || !strings.Contains(got.text, "the opening went wrong") || strings.Contains(got.text, "credits may have been used") {
				t.Errorf("got %q, want what went wrong, and no doubt about credits", got.text)
			}
			if len(a.spent()) > 0 {
				t.Errorf("spent %q", a.spent())
			}
		})
	}
}

func TestInternalDoesNotJudgeWithoutAList(t *testing.T) {
	tests := []struct {
		name   string
		answer func(*jsonrpc.Message) *jsonrpc.Message
		why    string
	}{
		{"LeadMagic cannot be reached", refuses(problem.New(problem.Unreachable, problem.NotSent, "LeadMagic is not reachable", "")), "LeadMagic is not reachable"},
		{"the connection breaks", refuses(problem.FromError(context.Canceled, true)), "the connection to LeadMagic broke"},
		{"LeadMagic refuses to list", func(m *jsonrpc.Message) *jsonrpc.Message {
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"error":{"code":-32601,"message":"no"}}`)
		}, "LeadMagic does not list its tools"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, mode string) {
				for _, l := range []*limits{{ReadOnly: true}, {MaxCredits: 5}} { // which tools only read, and which one shows the balance
					up := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
						if m.Method == "tools/list" {
							return tt.answer(m)
						}
						return says("LeadMagic", "2025-11-25")(m)
					}}
					a := newClient(t, mode, up, l)
					got := a.call("odd", "{}")
					why := tt.why
					if l.MaxCredits > 0 && why == "LeadMagic does not list its tools" {
						why = "LeadMagic lists no tool that shows the balance"
					}
					if !got.refused || !strings.Contains(got.text, why) || strings.Contains(got.text, "outcome is unknown") {
						t.Errorf("got %q, want %q", got.text, why)
					}
					if slices.ContainsFunc(up.methods(), func(method string) bool { return strings.HasPrefix(method, "tools/call") }) {
						t.Errorf("LeadMagic got %q", up.methods())
					}
				}
			})
		})
	}
}

// What became of a request of our own is said of the call that needed it, of which nothing was sent.
func TestInternalSaysOfACallThatItWasNotSent(t *testing.T) {
	const advice = "do this"
	tests := []struct {
		code, want problem.Code
		next       string // of the two advices, what is left of this one
	}{
		{problem.Cut, problem.Unreachable, ""},
		{problem.TimedOut, problem.Unreachable, ""},
		{problem.BrokenAnswer, problem.Unreachable, ""},
		{problem.NotFound, problem.BadSetting, advice},
		{problem.BadRequest, problem.Failed, advice},
		{problem.KeyRejected, problem.KeyRejected, advice},
	}
	for _, tt := range tests {
		p := problem.New(tt.code, problem.Unknown, "it did not work", advice)
		got := notSent(p, "the call was not sent: ")
		if got.Code != tt.want || got.Outcome != problem.NotSent || got.Next != tt.next || got.What != "the call was not sent: it did not work" {
			t.Errorf("of %+v: got %+v", p, got)
		}
		if got := notSent(p, ""); got.Code != tt.want || got.Outcome != problem.NotSent {
			t.Errorf("of %+v without more to say: got %+v", p, got)
		}
	}
	unsent := problem.New(problem.NotFound, problem.NotSent, "it is not there", advice)
	if got := notSent(unsent, ""); got != unsent {
		t.Errorf("of what was not sent itself: got %+v", got)
	}
}

func TestInternalSendsNothingForWhatIsOver(t *testing.T) {
	up := &scripted{answer: says("LeadMagic", version)}
	l := &toolLists{Upstream: up}
	l.Start(func(*jsonrpc.Message) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p := problemOf(l.callInternal(ctx, compose(find1), "tools/list")); p == nil || p.Outcome != problem.NotSent {
		t.Errorf("got %v, want that it was not sent", p)
	}
	if got := up.methods(); len(got) > 0 {
		t.Errorf("LeadMagic got %q", got)
	}
}

func TestInternalAsksInTheEraOfTheCall(t *testing.T) {
	var questions []*jsonrpc.Message
	up := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
		if strings.HasPrefix(string(m.ID), `"leadmagic-mcp-proxy `) {
			questions = append(questions, m)
		}
		if m.Method == "tools/list" {
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"tools":[{"name":"check_credit_balance"}]}}`)
		}
		return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"protocolVersion":"2025-11-25","structuredContent":{"credits":5}}}`)
	}}
	eachMode(t, func(t *testing.T, mode string) {
		questions = nil
		a := newClient(t, mode, up, &limits{MaxCredits: 1})
		a.call("odd", "{}")
		a.leave()
		var got []string
		for _, q := range questions {
			got = append(got, q.Method+" "+q.Param("name"))
			if stateless := q.Stateless(); stateless != (mode == "stateless") {
				t.Errorf("of another mode: %s", q.Raw)
			}
			if q.ProgressToken != nil {
				t.Errorf("with a progress token that is another call's: %s", q.Raw)
			}
		}
		if want := []string{"tools/list ", "tools/call check_credit_balance", "tools/call check_credit_balance"}; !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
	})
}

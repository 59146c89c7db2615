package proxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestFailoverDecidesTheStatelessModeWithItsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{answer: refuses(signIn)}, &scripted{answer: says("second", version)}
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{
				{Upstream: first},
				{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem { return nil }},
			},
			Fallback: &scripted{answer: says("standby", version)},
		})
		d.Write(probe4)
		d.Want(`"id":4`, `"from":"second"`)
		d.Write(statelessList)
		d.Want(`"id":3`, `"from":"second"`)
		d.Write(hello) // whoever goes on with a session has it from the same
		d.Want(`"id":0`, `"from":"second"`)
		d.End()
		if got, want := first.methods(), []string{"server/discover"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q, want %q", got, want)
		}
	})
}

func TestFailoverAsksNoSecondThatMayNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &scripted{answer: says("second", version)}
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{
				{Upstream: &scripted{answer: refuses(signIn)}},
				{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem { return noKey }},
			},
			Fallback: &scripted{answer: silent},
		})
		d.Write(statelessList)
		d.Want(`"id":3`, noKey.What)
		d.End()
		if got := second.methods(); len(got) > 0 {
			t.Errorf("the second got %q, want nothing", got)
		}
	})
}

func TestFailoverDeliversWhatComesBeforeTheFirstStatelessAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			go func() {
				up.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`))
				up.deliver(says("up", version)(m))
			}()
			return nil
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: silent}})
		d.Write(statelessList)
		d.Want("notifications/progress")
		d.Want(`"id":3`, `"from":"up"`)
		d.End()
	})
}

func TestFailoverPassesOnTheCancellationOfAStatelessCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{answer: silent}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: silent}})
		d.Write(statelessList)
		synctest.Wait()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
		d.End()
		if got, want := up.methods(), []string{"tools/list", "notifications/cancelled"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

func TestFailoverCallsAStatelessCallOffWhereItIs(t *testing.T) {
	const off3 = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`
	tests := []struct {
		name  string
		asks  time.Duration // how long it takes to find out whether the second can stand in
		wants []string      // what the second gets
	}{
		{"on its way to the second", time.Minute, nil},
		{"with the second", 0, []string{"tools/list", "notifications/cancelled"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &scripted{answer: refuses(signIn)}, &scripted{answer: silent}
				d := newEditor(t, &Failover{
					Candidates: []*Candidate{
						{Upstream: first},
						{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem {
							<-time.After(tt.asks)
							return nil
						}},
					},
					Fallback: &scripted{answer: silent},
				})
				d.Write(statelessList)
				pass(time.Second)
				d.Write(off3)
				pass(time.Hour)
				d.End()
				if got := second.methods(); !slices.Equal(got, tt.wants) {
					t.Errorf("the second got %q, want %q", got, tt.wants)
				}
				if got, want := first.methods(), []string{"tools/list"}; !slices.Equal(got, want) {
					t.Errorf("the first got %q, want %q", got, want)
				}
			})
		})
	}
}

// Several calls may be under way when the first answer decides who answers them all.
func TestFailoverKeepsWhoHasAnsweredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{answer: silent}, &scripted{answer: says("second", version)}
		c := &Failover{
			Candidates: []*Candidate{
				{Name: "first", Upstream: first},
				{Name: "second", Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem { return nil }},
			},
			Fallback: &scripted{answer: silent},
		}
		d := newEditor(t, c)
		list := func(id int) *jsonrpc.Message {
			return compose(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/list","params":{`+metaOf+`}}`, id))
		}
		for id := range 3 {
			d.Write(string(list(id).Raw))
		}
		synctest.Wait()
		first.deliver(says("first", version)(list(0)))
		d.Want(`"id":0`, `"from":"first"`)
		first.deliver(refuses(signIn)(list(1)))
		d.Want(`"id":1`, `"from":"second"`)
		second.answer = refuses(problem.New(problem.Failed, problem.Refused, "it failed", ""))
		first.deliver(refuses(signIn)(list(2)))
		d.Want(`"id":2`, "it failed")
		first.answer = says("first", version)
		d.Write(statelessList)
		d.Want(`"id":3`, `"from":"first"`)
		if s := c.Status(); s.Upstream != "first" || s.Problem != nil {
			t.Errorf("got %+v, want the first, and no problem", s)
		}
		d.End()
	})
}

// What an editor says besides requests goes to whoever answers these.
func TestFailoverPassesOnNotifications(t *testing.T) {
	const outside, inside = `{"jsonrpc":"2.0","method":"notifications/a","params":{` + metaOf + `}}`, `{"jsonrpc":"2.0","method":"notifications/b"}`
	tests := []struct {
		name  string
		lines []string // from the editor, each after the response to the one before
		first []string // what the candidates get besides requests
		second,
		fallback []string
	}{
		{"before anything is decided, to the first", []string{outside, inside}, []string{"notifications/a", "notifications/b"}, nil, nil},
		{"to whoever answers what has no session", []string{statelessList, outside, inside}, nil, []string{"notifications/a", "notifications/b"}, nil},
		{"of a session, to whoever has it", []string{hello, ready, inside}, nil, []string{"notifications/initialized", "notifications/b"}, nil},
		{"without one, though there is one", []string{hello, outside}, []string{"notifications/a"}, nil, nil},
		{"of an explained session, to the fallback server", []string{strings.Replace(hello, "editor", "refused", 1), ready, outside}, []string{"notifications/a"}, nil, []string{"notifications/initialized"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, fallback := &scripted{answer: refuses(signIn)}, &scripted{answer: says("standby", version)}
				second := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
					if m.EditorName() == "refused" {
						return jsonrpc.Failed(m, noKey)
					}
					return says("second", version)(m)
				}}
				d := newEditor(t, &Failover{
					Candidates: []*Candidate{
						{Upstream: first},
						{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem { return nil }},
					},
					Fallback: fallback,
				})
				for _, line := range tt.lines {
					d.Write(line)
					if strings.Contains(line, `"id"`) {
						d.Next()
					}
					synctest.Wait()
				}
				d.End()
				for i, want := range [][]string{tt.first, tt.second, tt.fallback} {
					got := slices.DeleteFunc([]*scripted{first, second, fallback}[i].methods(), func(method string) bool {
						return !strings.HasPrefix(method, "notifications/")
					})
					if !slices.Equal(got, want) {
						t.Errorf("number %d got %q, want %q", i, got, want)
					}
				}
			})
		})
	}
	t.Run("to nobody where there is nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newEditor(t, &Failover{Refusal: noKey, Fallback: &scripted{answer: silent}})
			d.Write(inside)
			d.End()
		})
	})
}

// A call without a session is answered, if only with why it cannot be.
func TestFailoverPassesOnACallBeforeInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{answer: says("up", version)}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(`{"jsonrpc":"2.0","id":4,"method":"server/discover"}`)
		d.Want(`"id":4`, `"from":"up"`)
		d.Write(ask2)
		d.Want(`"id":2`, `"from":"standby"`)
		d.Write(hello)
		d.Want(`"id":0`, `"from":"up"`)
		d.End()
	})
	synctest.Test(t, func(t *testing.T) {
		bad := problem.New(problem.BadSetting, problem.NotSent, "--mcp-url is no URL", "write one")
		d := newEditor(t, &Failover{Refusal: bad, Fallback: &scripted{answer: silent}})
		d.Write(`{"jsonrpc":"2.0","id":7,"method":"prompts/list"}`)
		d.Want(`"id":7`, `"code":-32603`, "--mcp-url is no URL")
		d.End()
	})
}

func TestFailoverKnowsWhyStatelessCallsAreRefused(t *testing.T) {
	inBadShape := problem.New(problem.BadRequest, problem.Refused, "an email was due", "")
	busy := problem.New(problem.RateLimited, problem.Refused, "too many calls", "")
	synctest.Test(t, func(t *testing.T) {
		var p atomic.Pointer[problem.Problem]
		up := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
			if p := p.Load(); p != nil {
				return jsonrpc.Failed(m, p)
			}
			return says("up", version)(m)
		}}
		c := &Failover{Candidates: []*Candidate{{Name: "mcp", Upstream: up}}, Fallback: &scripted{answer: silent}}
		d := newEditor(t, c)
		for _, step := range []struct{ is, want *problem.Problem }{{inBadShape, nil}, {busy, busy}, {inBadShape, busy}, {noKey, noKey}, {down, down}, {inBadShape, down}, {nil, nil}, {noKey, noKey}} {
			p.Store(step.is)
			d.Write(statelessList)
			d.Want(`"id":3`)
			if s := c.Status(); s.Problem != step.want {
				t.Errorf("after %v the problem is %v, want %v", step.is, s.Problem, step.want)
			}
		}
		d.End()
	})
	synctest.Test(t, func(t *testing.T) {
		c := &Failover{Refusal: noKey, Fallback: &scripted{answer: silent}}
		d := newEditor(t, c)
		synctest.Wait()
		if s := c.Status(); s.Problem != noKey {
			t.Errorf("without candidates the problem is %v, want %v", s.Problem, noKey)
		}
		d.End()
	})
}

package proxy

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestFailoverHealsWhenALateAnswerComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &scripted{}
		late.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" {
				time.AfterFunc(10*time.Second, func() { late.deliver(says("late", version)(m)) })
				return nil
			}
			return says("late", version)(m)
		}
		c := &Failover{Candidates: []*Candidate{{Name: "mcp", Upstream: late}}, Fallback: &scripted{answer: says("standby", version)}}
		d := newEditor(t, c)
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(ready)
		d.Write(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		d.Want(`"id":9`)
		for _, kind := range []string{"tools", "resources", "prompts"} {
			d.Want("notifications/" + kind + "/list_changed")
		}
		d.Write(find1)
		d.Want(`"id":1`, `"from":"late"`)
		if s := c.Status(); s.Problem != nil || !s.Recovered || s.Upstream != "mcp" {
			t.Errorf("got %+v, want a healed session on mcp", s)
		}
		d.End()
		want := []string{"initialize", "notifications/initialized", "logging/setLevel", "tools/call find"}
		if got := late.methods(); !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

// An editor that begins anew while LeadMagic takes the session over has the new one.
func TestFailoverForgetsASessionThatIsTakenOverTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &scripted{}
		late.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			first := len(late.methods()) == 1
			switch {
			case m.Method == "logging/setLevel":
				return nil // the takeover waits for it
			case first:
				time.AfterFunc(10*time.Second, func() { late.deliver(says("late", version)(m)) })
				return nil
			}
			return says("late", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: late}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		d.Want(`"id":9`)
		pass(10 * time.Second)
		d.Write(hello)
		d.Want(`"id":0`, `"from":"late"`)
		d.Write(find1)
		d.Want(`"id":1`, `"from":"late"`)
		d.End() // and nothing was said of other tools
	})
}

func TestFailoverTriedWaitsForTheTryUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &scripted{}
		late.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			time.AfterFunc(6*time.Second, func() { late.deliver(says("late", version)(m)) })
			return nil
		}
		c := &Failover{Candidates: []*Candidate{{Upstream: late}}, Fallback: &scripted{answer: says("standby", version)}}
		start := time.Now()
		d := newEditor(t, c)
		d.Write(hello)
		d.Want(`"from":"standby"`)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Wait(impatient)
		if waited := time.Since(start); waited != 5*time.Second || c.Status().Problem == nil {
			t.Errorf("after %v: got %+v, want the problem after 5s", waited, c.Status())
		}
		c.Wait(t.Context())
		c.Wait(t.Context())
		if waited := time.Since(start); waited != 6*time.Second || c.Status().Problem != nil {
			t.Errorf("after %v: got %+v, want no problem after 6s", waited, c.Status())
		}
		for _, kind := range []string{"tools", "resources", "prompts"} {
			d.Want("notifications/" + kind + "/list_changed")
		}
		d.End()
	})
}

func TestFailoverAsksForARestartWhereTheVersionDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var usable atomic.Bool
		other := &scripted{}
		other.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if !usable.Load() {
				return jsonrpc.Failed(m, noKey)
			}
			return says("other", "2024-11-05")(m)
		}
		explained := 0
		c := &Failover{
			Candidates: []*Candidate{{Upstream: other}},
			Fallback:   &scripted{answer: says("standby", version)},
			Explained:  func(*problem.Problem) { explained++ },
		}
		d := newEditor(t, c)
		d.Write(hello)
		d.Want(`"from":"standby"`)
		usable.Store(true)
		d.Write(find1)
		d.Want(`"id":1`, "began without it", "restart leadmagic in editor", `"isError":true`)
		pass(2 * openFor)
		if s := c.Status(); s.Problem == nil || s.Problem.Fix() != "restart leadmagic in editor" || explained != 1 {
			t.Errorf("got %+v, explained %d times, want a restart to be asked for, and one explanation", s, explained)
		}
		d.End()
	})
}

func TestFailoverTriesAgainWhatMayPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		flaky := &scripted{}
		flaky.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method != "initialize" {
				return says("flaky", version)(m)
			}
			if tries++; tries < 4 {
				return jsonrpc.Failed(m, down)
			}
			return says("flaky", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: flaky}}, Fallback: &scripted{answer: says("standby", version)}})
		start := time.Now()
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Want("tools/list_changed")
		d.Want("resources/list_changed")
		d.Want("prompts/list_changed")
		// One, two and four seconds, and a tenth at most.
		if waited := time.Since(start); waited < 7*time.Second || waited > 8*time.Second {
			t.Errorf("healed after %v, want 7 to 8 s", waited)
		}
		d.End()
	})
}

func TestFailoverSaysThatLeadMagicOpensNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Bool
		up := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
			if answers.Load() {
				return jsonrpc.NewError(m.ID, -32600, "not you", nil)
			}
			return jsonrpc.Failed(m, down)
		}}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(find1)
		d.Want(`"id":1`, "nobody is there")
		answers.Store(true)
		d.Write(find1)
		d.Want(`"id":1`, "LeadMagic does not open a session for this editor", `"isError":true`)
		d.End()
	})
}

// LeadMagic may accept the session while the fallback server is about to open it.
func TestFailoverTakesNothingOverBeforeTheSessionIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func(u *scripted, delay time.Duration, answer func(*jsonrpc.Message) *jsonrpc.Message) func(*jsonrpc.Message) *jsonrpc.Message {
			return func(m *jsonrpc.Message) *jsonrpc.Message {
				time.AfterFunc(delay, func() { u.deliver(answer(m)) })
				return nil
			}
		}
		late, slow := &scripted{}, &scripted{}
		late.answer, slow.answer = after(late, openFor+time.Second, says("late", version)), after(slow, 2*time.Second, says("standby", version))
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: late}}, Fallback: slow})
		d.Write(hello)
		d.Want(`"id":0`, `"from":"standby"`)
		for _, kind := range []string{"tools", "resources", "prompts"} {
			d.Want("notifications/" + kind + "/list_changed")
		}
		d.Write(find1)
		d.Want(`"id":1`, `"from":"late"`)
		d.End()
	})
}

func TestFailoverTriesAgainForEver(t *testing.T) {
	tests := []struct {
		name        string
		p           *problem.Problem
		least, most int // attempts in an hour: after pauses of half a minute, and a tenth more at most, which is 114 on average
	}{
		{"what may pass", down, 112, 117},
		{"not what only a person can mend", problem.New(problem.NoCredits, problem.Refused, "no credits are left", ""), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &scripted{answer: refuses(tt.p)}
				d := newEditor(t, &Failover{
					Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)},
					KeyChanged: func() bool { return true },
				})
				d.Write(hello)
				d.Want(`"from":"standby"`)
				pass(time.Hour)
				before := len(up.methods())
				pass(time.Hour)
				if n := len(up.methods()) - before; n < tt.least || n > tt.most {
					t.Errorf("%d attempts in an hour, want %d to %d", n, tt.least, tt.most)
				}
				d.End()
			})
		})
	}
}

func TestFailoverTriesAgainWhenTheKeyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changed atomic.Bool
		var tries atomic.Int32
		keyed := &scripted{}
		keyed.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" {
				tries.Add(1)
			}
			if !changed.Load() {
				return jsonrpc.Failed(m, noKey)
			}
			return says("keyed", version)(m)
		}
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{{Upstream: keyed}},
			Fallback:   &scripted{answer: says("standby", version)},
			KeyChanged: func() bool { return changed.Load() },
		})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		pass(time.Minute)
		if n := tries.Load(); n != 1 {
			t.Errorf("LeadMagic was tried %d times without a new key, want once", n)
		}
		changed.Store(true)
		start := time.Now()
		d.Want("tools/list_changed")
		if waited := time.Since(start); waited > 6*time.Second {
			t.Errorf("the new key was found after %v, want at most 6 s", waited)
		}
		d.Want("resources/list_changed")
		d.Want("prompts/list_changed")
		d.End()
	})
}

// However often an editor begins anew, there is one look at the key at a time.
func TestFailoverLooksForAKeyForTheLastSessionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		d := newEditor(t, &Failover{
			Refusal: noKey, Fallback: &scripted{answer: says("standby", version)},
			KeyChanged: func() bool { looks.Add(1); return false },
		})
		for range 10 {
			d.Write(hello)
			d.Want(`"from":"standby"`)
		}
		pass(time.Minute)
		looks.Store(0)
		pass(time.Hour)
		// Every five seconds, and a tenth more at most.
		if n := looks.Load(); n < 3600*10/55 || n > 3600/5 {
			t.Errorf("the key was looked at %d times in an hour", n)
		}
		d.End()
	})
}

func TestFailoverTriesAgainForACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var usable atomic.Bool
		up := &scripted{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if !usable.Load() {
				return jsonrpc.Failed(m, noKey)
			}
			return says("up", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(ready)
		usable.Store(true)
		d.Write(find1)
		d.Want("tools/list_changed")
		d.Want("resources/list_changed")
		d.Want("prompts/list_changed")
		d.Want(`"id":1`, `"from":"up"`)
		d.End()
	})
}

func TestFailoverAnswersACallWhileATryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: &scripted{answer: silent}}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		start := time.Now()
		d.Write(find1)
		d.Want(`"id":1`, "LeadMagic has not answered yet", `"isError":true`)
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("answered after %v, want 2 s", waited)
		}
		d.End()
	})
}

func TestFailoverDoesNotSendACallThatWasCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" && len(up.methods()) == 2 {
				time.AfterFunc(time.Second, func() { up.deliver(says("up", version)(m)) })
				return nil
			}
			return jsonrpc.Failed(m, noKey)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(find1)
		synctest.Wait() // LeadMagic is being tried for it
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		d.Want("tools/list_changed")
		d.Want("resources/list_changed")
		d.Want("prompts/list_changed")
		d.End()
		if got, want := up.methods(), []string{"initialize", "initialize"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

// The session of a candidate that refuses the next one may still ask something. Its response would go to another.
func TestFailoverAsksNothingForACandidateThatLostTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{}, &scripted{answer: says("second", version)}
		first.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if len(first.methods()) > 1 {
				return refuses(signIn)(m)
			}
			return says("first", version)(m)
		}
		willing := func(context.Context, *problem.Problem) *problem.Problem { return nil }
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{{Upstream: first}, {Upstream: second, Instead: willing}}, Fallback: &scripted{answer: says("standby", version)},
		})
		const asks = `{"jsonrpc":"2.0","id":"s","method":"elicitation/create"}`
		d.Write(hello)
		d.Want(`"from":"first"`)
		first.deliver(jsonrpc.Compose([]byte(asks)))
		d.WantLine(asks)
		d.Write(hello)
		d.Want(`"from":"second"`)
		first.deliver(jsonrpc.Compose([]byte(asks)))
		second.deliver(jsonrpc.Compose([]byte(asks)))
		d.WantLine(asks)
		d.End() // and it was asked once
	})
}

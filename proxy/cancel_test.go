package proxy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

const cancel1 = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`

// A cancellation names the editor's request, which LeadMagic does not know while a request of our own comes before it.
func TestCancelWhileTheBalanceIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &recorder{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			switch {
			case m.Method == "tools/list":
				return jsonrpc.NewResult(m, []byte(`{"tools":[{"name":"check_credits"}]}`))
			case m.Method == "tools/call" && m.Param("name") == problem.BalanceTool:
				return nil
			}
			return says("up", version)(m)
		}
		b := &Budget{Next: up, Limit: problem.Credit}
		b.Start(func(*jsonrpc.Message) {})
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan *jsonrpc.Message, 1)
		go func() { done <- b.Call(ctx, jsonrpc.NewRequest([]byte("1"), "tools/call", []byte(`{"name":"find"}`))) }()
		synctest.Wait()
		start := time.Now()
		notification, _ := jsonrpc.Parse([]byte(cancel1))
		cancel(&jsonrpc.Cancelled{Notification: notification})
		if p := problemOf(<-done); p == nil || p.Outcome != problem.NotSent || time.Since(start) != 0 {
			t.Errorf("after %v: got %v, want that it was not sent, at once", time.Since(start), p)
		}
		if cause := up.causes; len(cause) != 1 || strings.Contains(cause[0].Error(), "the editor") {
			t.Errorf("the request for the balance ended with %v", cause)
		}
		if got, want := up.methods(), []string{"tools/list", "tools/call check_credits", "notifications/cancelled"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
		b.Close(t.Context())
	})
}

// The time that an editor has spent on other requests does not count against an initialize that comes later.
func TestInitializeAgainWaitsAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{answer: says("up", version)}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"up"`)
		pass(time.Minute)
		up.answer = silent
		start := time.Now()
		d.Write(hello)
		d.Want(`"from":"standby"`)
		if took := time.Since(start); took != openFor {
			t.Errorf("it took %v, want %v", took, openFor)
		}
		d.End()
	})
}

// A recorder is a scripted upstream that keeps why its calls ended.
type recorder struct {
	scripted
	causes []error
}

func (r *recorder) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	response := r.scripted.Call(ctx, m)
	if ctx.Err() != nil {
		r.causes = append(r.causes, context.Cause(ctx))
	}
	return response
}

// That a call was cancelled says nothing of LeadMagic.
func TestCancelIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &unsent{scripted: scripted{answer: says("up", version)}}
		f := &Failover{Candidates: []*Candidate{{Name: "mcp", Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}}
		d := newEditor(t, f)
		d.Write(hello)
		d.Want(`"from":"up"`)
		d.Write(find1)
		synctest.Wait()
		d.Write(cancel1)
		synctest.Wait()
		if r := f.Status(); r.Problem != nil {
			t.Errorf("after a cancellation LeadMagic cannot be used: %v", r.Problem)
		}
		d.End()
	})
}

// unsent keeps tools/call waiting before it is sent.
type unsent struct{ scripted }

func (u *unsent) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	if m.Method == "tools/call" {
		<-ctx.Done()
		return jsonrpc.Failed(m, problem.NeverSent(ctx))
	}
	return u.scripted.Call(ctx, m)
}

// An editor must not cancel initialize; one that does so gets its response all the same, and the session goes on.
func TestCancelInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: &scripted{answer: silent}}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		synctest.Wait()
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}`)
		d.Write(find1)
		d.Want(`"id":0`, `"from":"standby"`)
		d.Want(`"id":1`, "LeadMagic has not answered yet")
		d.End()
	})
}

// What LeadMagic asks when it is told initialized belongs to the session that the editor has, though the takeover is not
// complete.
func TestTakeoverKeepsRequestsOfLeadMagic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		late := true
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			switch {
			case m.Method == "initialize" && late:
				late = false
				return jsonrpc.Failed(m, down)
			case m.Method == "logging/setLevel": // before the takeover is complete
				up.deliver(compose(`{"jsonrpc":"2.0","id":7,"method":"roots/list"}`))
				time.AfterFunc(time.Second, func() { up.deliver(says("up", version)(m)) })
				return nil
			}
			return says("up", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(ready)
		d.Write(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		d.Want(`"id":9`, `"from":"standby"`)
		d.Want(`"method":"roots/list"`)
		d.Write(`{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}`)
		wantListChanged(d)
		d.End()
		want := []string{"initialize", "initialize", "notifications/initialized", "logging/setLevel", ""}
		if got := up.methods(); !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

func wantListChanged(d *proxytest.Editor) {
	for _, kind := range []string{"tools", "resources", "prompts"} {
		d.Want("notifications/" + kind + "/list_changed")
	}
}

// A request that the fallback server answers while LeadMagic takes over must reach LeadMagic too.
func TestTakeoverWhileTheFallbackServerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		late := true
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" && late {
				late = false
				return jsonrpc.Failed(m, down)
			}
			return says("up", version)(m)
		}
		slow := &scripted{}
		slow.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" {
				return says("standby", version)(m)
			}
			time.AfterFunc(2*firstPause, func() { slow.deliver(says("standby", version)(m)) })
			return nil
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: slow})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		wantListChanged(d)
		d.Want(`"id":9`, `"from":"up"`)
		d.End()
		if got, want := up.methods(), []string{"initialize", "initialize", "logging/setLevel"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

// A takeover needs the responses to what it tells LeadMagic only until they are there.
func TestTakeoverEndsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &contexts{}
		late := true
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" && late {
				late = false
				return jsonrpc.Failed(m, down)
			}
			return says("up", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Want(`"from":"standby"`)
		d.Write(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		d.Want(`"id":9`)
		wantListChanged(d)
		synctest.Wait()
		for i, ctx := range up.list {
			if ctx.Err() == nil {
				t.Errorf("the context of call %d has not ended", i)
			}
		}
		if len(up.list) != 3 {
			t.Errorf("LeadMagic got %q", up.methods())
		}
		d.End()
	})
}

// contexts is a scripted upstream that keeps the contexts of its calls.
type contexts struct {
	scripted
	list []context.Context
}

func (c *contexts) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	c.list = append(c.list, ctx)
	return c.scripted.Call(ctx, m)
}

// The other messages of a batch have their responses though a subscription in it never has one.
func TestBatchWithASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.IsSubscription() {
				return nil
			}
			return says("up", batchVersion)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: silent}})
		d.Write(hello)
		d.Want(`"from":"up"`)
		d.Write(`[` + find1 + `,{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen"}]`)
		synctest.Wait()
		d.Close()
		d.Want(`[{"jsonrpc":"2.0","id":1,`)
		if err := d.Wait(); err != nil {
			t.Error(err)
		}
	})
}

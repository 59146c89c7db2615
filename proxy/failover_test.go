package proxy

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

func TestFailoverTakesTheFirstThatOpensTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, standby := &scripted{answer: says("first", version)}, &scripted{answer: says("second", version)}, &scripted{answer: silent}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Name: "a", Upstream: first}, {Name: "b", Upstream: second}}, Fallback: standby})
		d.Write(hello)
		d.Write(ready) // an editor may write on before initialize is answered
		d.Write(find1)
		d.Want(`"id":0`, `"from":"first"`)
		d.Want(`"id":1`, `"from":"first"`)
		d.Write(`{"jsonrpc":"2.0","id":"s","result":{}}`) // to a request of LeadMagic's
		d.End()
		if got, want := first.methods(), []string{"initialize", "notifications/initialized", "tools/call find", ""}; !slices.Equal(got, want) {
			t.Errorf("the first got %q, want %q", got, want)
		}
		if got := append(second.methods(), standby.methods()...); len(got) > 0 {
			t.Errorf("the others got %q, want nothing", got)
		}
	})
}

func TestFailoverTakesTheSecondWhereTheFirstWantsASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{answer: refuses(signIn)}, &scripted{answer: says("second", version)}
		var asked *problem.Problem
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{
				{Name: "a", Upstream: first},
				{Name: "b", Upstream: second, Instead: func(_ context.Context, p *problem.Problem) *problem.Problem {
					asked = p
					return nil
				}},
			},
			Fallback: &scripted{answer: silent},
		})
		d.Write(hello)
		d.Want(`"id":0`, `"from":"second"`)
		d.Write(find1)
		d.Want(`"id":1`, `"from":"second"`)
		d.Write(hello) // and so it stays, however often the editor begins anew
		d.Want(`"id":0`, `"from":"second"`)
		d.End()
		if got, want := first.methods(), []string{"initialize"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q, want %q", got, want)
		}
		if asked != signIn {
			t.Errorf("the second was asked about %v, want %v", asked, signIn)
		}
	})
}

// Nothing says that an editor which asks before it opens a session will open one.
func TestFailoverWaitsForNoInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{{Upstream: &scripted{answer: says("hosted", version)}}},
			Fallback:   &scripted{answer: says("standby", version)},
		})
		d.Write(find1)
		d.Want(`"id":1`, `"from":"hosted"`)
		d.Write(ping(2))
		d.Want(`"id":2`, `"from":"standby"`)
		d.Write(hello)
		d.Want(`"id":0`, `"from":"hosted"`)
		d.Write(ping(3))
		d.Want(`"id":3`, `"from":"hosted"`)
		d.End()

		d = newEditor(t, &Failover{Refusal: noKey, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(find1)
		d.Want(`"id":1`, "no key is set", `"isError":true`)
		d.End()
	})
}

func TestFailoverAnswersAnInitializeBehindWhichAnotherCame(t *testing.T) {
	for name, first := range map[string]func(*jsonrpc.Message) *jsonrpc.Message{"it succeeds": says("first", version), "it does not": refuses(noKey)} {
		for _, id := range []string{"9", "0"} {
			t.Run(name+", before "+id, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hosted := &scripted{}
					hosted.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
						if len(hosted.methods()) > 1 {
							return says("hosted", version)(m)
						}
						time.AfterFunc(time.Second, func() {
							answer := first(m)
							hosted.deliver(answer)
						})
						return nil
					}
					d := newEditor(t, &Failover{
						Candidates: []*Candidate{{Upstream: hosted}},
						Fallback:   &scripted{answer: says("standby", version)},
					})
					d.Write(hello)
					synctest.Wait()
					d.Write(strings.Replace(hello, `"id":0`, `"id":`+id, 1))
					d.Want(`"id":0`)
					d.Want(`"id":`+id, `"from":"hosted"`)
					d.Write(find1)
					d.Want(`"id":1`, `"from":"hosted"`)
					d.End()
				})
			})
		}
	}
}

func TestFailoverExplainsARefusalAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []*problem.Problem
		start := time.Now()
		d := newEditor(t, &Failover{
			Candidates: []*Candidate{{Upstream: &scripted{answer: refuses(noKey)}}},
			Fallback:   &scripted{answer: says("standby", version)},
			Explained:  func(p *problem.Problem) { told = append(told, p) },
		})
		d.Write(hello)
		d.Want(`"id":0`, `"from":"standby"`)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the session was explained after %v, want at once", waited)
		}
		d.Write(ready)
		d.Write(find1)
		d.Want(`"id":1`, "no key is set", "set one", `"isError":true`)
		d.Write(ask2)
		d.Want(`"id":2`, `"from":"standby"`)
		d.End()
		if !slices.Equal(told, []*problem.Problem{noKey}) {
			t.Errorf("told %v, want %v one time", told, noKey)
		}
	})
}

// What became of initialize says nothing of the calls that could not be made for it.
// What the fallback server can say by itself waits for no attempt at LeadMagic.
func TestFailoverExplainsWithoutLeadMagic(t *testing.T) {
	for _, method := range []string{
		"ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "logging/setLevel", "resources/subscribe", "resources/unsubscribe",
	} {
		synctest.Test(t, func(t *testing.T) {
			hosted := &scripted{answer: refuses(noKey)}
			d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: hosted}}, Fallback: &scripted{answer: says("standby", version)}})
			d.Write(hello)
			d.Want(`"id":0`, `"from":"standby"`)
			d.Write(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
			d.Want(`"id":1`, `"from":"standby"`)
			if got, want := hosted.methods(), []string{"initialize"}; !slices.Equal(got, want) {
				t.Errorf("at %s LeadMagic got %q, want %q", method, got, want)
			}
			d.End()
		})
	}
}

func TestFailoverExplainsACallThatWasNotSent(t *testing.T) {
	for _, opening := range []*problem.Problem{
		problem.New(problem.Cut, problem.Unknown, "it broke", ""),
		problem.New(problem.NotFound, problem.Refused, "it is not there", "check the address"),
		problem.New(problem.Failed, problem.Refused, "it failed", ""),
	} {
		t.Run(string(opening.Code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newEditor(t, &Failover{
					Candidates: []*Candidate{{Upstream: &scripted{answer: refuses(opening)}}},
					Fallback:   &scripted{answer: says("standby", version)},
				})
				d.Write(hello)
				d.Want(`"id":0`, `"from":"standby"`)
				d.Write(find1)
				line := d.Next()
				wantParts(t, line, `"id":1`, opening.What, `"isError":true`)
				if opening.Code == problem.NotFound {
					wantParts(t, line, "a person has to", "check the address")
				}
				for _, part := range []string{isUnknown, "still needed", "the call named"} {
					if strings.Contains(line, part) {
						t.Errorf("got %s, but the call was not sent", line)
					}
				}
				d.End()
			})
		})
	}
}

func TestFailoverExplainsSilenceAfterFourSecondsFromTheFirstRequest(t *testing.T) {
	for name, probe := range map[string]bool{"initialize is the first request": false, "a probe came before": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				d := newEditor(t, &Failover{
					Candidates: []*Candidate{{Upstream: &scripted{answer: silent}}},
					Fallback:   &scripted{answer: says("standby", version)},
				})
				if probe {
					d.Write(probe4)
					d.Want(`"id":4`, `"code":-32601`)
				}
				d.Write(hello)
				d.Want(`"id":0`, `"from":"standby"`)
				if waited := time.Since(start); waited != 4*time.Second {
					t.Errorf("the session was explained after %v, want 4s", waited)
				}
				d.End()
			})
		})
	}
}

// What nobody has sent has cost nothing, and does not use up a budget.
func TestFailoverAccountsForACallThatWasCalledOff(t *testing.T) {
	signIn := problem.New(problem.SignInRequired, problem.Refused, "it asks for a sign-in", "")
	for _, tt := range []struct {
		name, mode string
		choose     func(up *scripted) *Failover
	}{
		{"while LeadMagic is tried", "session", func(up *scripted) *Failover {
			up.answer = silent
			return &Failover{Candidates: []*Candidate{{Upstream: up}}}
		}},
		{"between two candidates", "stateless", func(up *scripted) *Failover {
			up.answer = refuses(signIn)
			return &Failover{Candidates: []*Candidate{{Upstream: up}, {Upstream: &scripted{}, Instead: func(context.Context, *problem.Problem) *problem.Problem {
				<-time.After(time.Second)
				return nil
			}}}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &scripted{}
				c := tt.choose(up)
				c.Fallback, c.Log = &scripted{answer: says("standby", "2025-11-25")}, slog.New(slog.DiscardHandler)
				c.KeyChanged, c.Explained = func() bool { return false }, func(*problem.Problem) {}
				l := &limits{MaxCredits: 2}
				a := newClient(t, tt.mode, c, l)
				id := a.beginCall("priced", "{}")
				synctest.Wait()
				a.cancel(id)
				<-time.After(recoverFor)
				synctest.Wait()
				l.budget.mu.Lock()
				if l.budget.held > 0 {
					t.Errorf("%v credits are still held", l.budget.held)
				}
				l.budget.mu.Unlock()
				a.leave()
				wantSpent(t, a)
			})
		})
	}
}

func TestFailoverAnswersStatusInAHealthySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, standby := &scripted{answer: says("up", version)}, &scripted{answer: says("standby", version)}
		c := &Failover{Candidates: []*Candidate{{Name: "mcp", Upstream: up}}, Fallback: standby}
		d := newEditor(t, c)
		opened := time.Now()
		d.Write(hello)
		d.Want(`"from":"up"`)
		d.Write(ready)
		pass(time.Minute)
		if got, want := c.Status(), (Status{Upstream: "mcp", LastTry: opened}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for range 2 {
			d.Write(ask2)
			d.Want(`"id":2`, `"from":"standby"`)
		}
		d.End()
		want := []string{"initialize", "notifications/initialized", "tools/call leadmagic_status", "tools/call leadmagic_status"}
		if got := standby.methods(); !slices.Equal(got, want) {
			t.Errorf("the standby got %q, want %q", got, want)
		}
		<-up.closed
		<-standby.closed
	})
}

func TestFailoverKnowsWhenLeadMagicIsLostInAHealthySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Pointer[func(*jsonrpc.Message) *jsonrpc.Message]
		use := func(answer func(*jsonrpc.Message) *jsonrpc.Message) { answers.Store(&answer) }
		only := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message { return (*answers.Load())(m) }}
		c := &Failover{Candidates: []*Candidate{{Upstream: only}}, Fallback: &scripted{answer: says("standby", version)}}
		d := newEditor(t, c)
		use(says("only", version))
		d.Write(hello)
		d.Want(`"from":"only"`)
		for _, step := range []struct {
			name   string
			answer func(*jsonrpc.Message) *jsonrpc.Message
			want   *problem.Problem
		}{
			{"a key that is rejected", refuses(noKey), noKey},
			{"a call that is refused says nothing of others", refuses(problem.New(problem.BadRequest, problem.Refused, "no such name", "")), noKey},
			{"an answer", says("only", version), nil},
			{"no connection", refuses(down), down},
		} {
			use(step.answer)
			d.Write(find1)
			d.Want(`"id":1`)
			d.Write(ask2)
			d.Want(`"from":"standby"`)
			if s := c.Status(); s.Problem != step.want {
				t.Errorf("%s: got %+v, want %v", step.name, s, step.want)
			}
		}
		d.End()
	})
}

func TestFailoverWithoutCandidatesSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := problem.New(problem.BadSetting, problem.NotSent, "--mcp-url is no URL", "write one")
		d := newEditor(t, &Failover{Refusal: bad, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(probe4)
		d.Want(`"id":4`, `"code":-32601`, "--mcp-url is no URL")
		d.Write(hello)
		d.Want(`"id":0`, `"from":"standby"`)
		d.Write(find1)
		d.Want(`"id":1`, "--mcp-url is no URL", "write one")
		d.End()
	})
}

func TestFailoverDoesNotSendWhatIsCalledOffWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method == "initialize" {
				time.AfterFunc(time.Second, func() { up.deliver(says("up", version)(m)) })
				return nil
			}
			return says("up", version)(m)
		}
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: up}}, Fallback: &scripted{answer: silent}})
		d.Write(hello)
		d.Write(find1)
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		d.Write(`{"jsonrpc":"2.0","id":5,"method":"ping"}`)
		d.Want(`"id":0`)
		d.Want(`"id":5`)
		d.End()
		if got, want := up.methods(), []string{"initialize", "ping"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

// A session that ends before LeadMagic has answered is not one that LeadMagic cannot be used in.
func TestFailoverExplainsNothingToASessionThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		f := &Failover{
			Candidates: []*Candidate{{Upstream: &scripted{answer: silent}}}, Fallback: &scripted{answer: silent}, Log: slog.New(slog.DiscardHandler),
			KeyChanged: func() bool { return false }, Explained: func(p *problem.Problem) { t.Errorf("explained: %v", p) },
		}
		d := proxytest.NewEditor(t, func(in io.Reader, out io.Writer) error {
			return Run(ctx, Options{In: in, Out: out, Upstream: f, Log: f.Log})
		})
		d.Write(hello)
		synctest.Wait()
		stop()
		d.Want(`"id":0`, "the session ended before the call was sent")
		if err := d.Wait(); err != nil {
			t.Error(err)
		}
		d.Close()
	})
}

func TestFailoverBeginsAnewWithEachInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: &scripted{answer: says("up", version)}}}, Fallback: &scripted{answer: silent}})
		for range 3 {
			d.Write(hello)
			d.Want(`"id":0`, `"from":"up"`)
			pass(time.Minute)
		}
		d.End()
	})
}

// A call of the session before may come while the next one is not open yet.
func TestFailoverAnswersACallThatMeetsTheNextInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newEditor(t, &Failover{Candidates: []*Candidate{{Upstream: &scripted{answer: silent}}}, Fallback: &scripted{answer: says("standby", version)}})
		d.Write(hello)
		d.Write(find1)
		d.Write(strings.Replace(hello, `"id":0`, `"id":9`, 1))
		d.Want(`"id":0`, `"from":"standby"`)
		d.Want(`"id":1`, "nothing was sent", `"isError":true`) // why depends on which of the two comes first
		d.Want(`"id":9`, `"from":"standby"`)
		d.End()
	})
}

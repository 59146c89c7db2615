package proxy

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestChooseTakesTheFirstThatOpensTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, standby := &scripted{answer: says("first", version)}, &scripted{answer: says("second", version)}, &scripted{answer: silent}
		d := sit(t, &Choose{Candidates: []Candidate{{Name: "a", Upstream: first}, {Name: "b", Upstream: second}}, Standby: standby})
		d.say(hello)
		d.say(ready) // an editor may write on before initialize is answered
		d.say(find1)
		d.hear(`"id":0`, `"from":"first"`)
		d.hear(`"id":1`, `"from":"first"`)
		d.leave()
		if got, want := first.methods(), []string{"initialize", "notifications/initialized", "tools/call find"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q, want %q", got, want)
		}
		if got := append(second.methods(), standby.methods()...); len(got) > 0 {
			t.Errorf("the others got %q, want nothing", got)
		}
	})
}

func TestChooseTakesTheSecondWhereTheFirstWantsASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &scripted{answer: says("second", version)}
		var asked *problem.Problem
		d := sit(t, &Choose{
			Candidates: []Candidate{
				{Name: "a", Upstream: &scripted{answer: refuses(signIn)}},
				{Name: "b", Upstream: second, Instead: func(_ context.Context, p *problem.Problem) *problem.Problem {
					asked = p
					return nil
				}},
			},
			Standby: &scripted{answer: silent},
		})
		d.say(hello)
		d.hear(`"id":0`, `"from":"second"`)
		d.say(find1)
		d.hear(`"id":1`, `"from":"second"`)
		d.leave()
		if asked != signIn {
			t.Errorf("the second was asked about %v, want %v", asked, signIn)
		}
	})
}

// Nothing says that an editor which asks before it opens a session will open one.
func TestChooseWaitsForNoInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, &Choose{
			Candidates: []Candidate{{Upstream: &scripted{answer: says("hosted", version)}}},
			Standby:    &scripted{answer: says("standby", version)},
		})
		d.say(find1)
		d.hear(`"id":1`, `"from":"hosted"`)
		d.say(ping(2))
		d.hear(`"id":2`, `"from":"standby"`)
		d.say(hello)
		d.hear(`"id":0`, `"from":"hosted"`)
		d.say(ping(3))
		d.hear(`"id":3`, `"from":"hosted"`)
		d.leave()

		d = sit(t, &Choose{Refusal: noKey, Standby: &scripted{answer: says("standby", version)}})
		d.say(find1)
		d.hear(`"id":1`, "no key is set", `"isError":true`)
		d.leave()
	})
}

func TestChooseAnswersAnInitializeBehindWhichAnotherCame(t *testing.T) {
	for name, first := range map[string]func(*Message) *Message{"it succeeds": says("first", version), "it does not": refuses(noKey)} {
		for _, id := range []string{"9", "0"} {
			t.Run(name+", before "+id, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hosted := &scripted{}
					hosted.answer = func(m *Message) *Message {
						if len(hosted.methods()) > 1 {
							return says("hosted", version)(m)
						}
						time.AfterFunc(time.Second, func() {
							answer := first(m)
							answer.call = m
							hosted.deliver(answer)
						})
						return nil
					}
					d := sit(t, &Choose{
						Candidates: []Candidate{{Upstream: hosted}},
						Standby:    &scripted{answer: says("standby", version)},
					})
					d.say(hello)
					synctest.Wait()
					d.say(strings.Replace(hello, `"id":0`, `"id":`+id, 1))
					d.hear(`"id":`+id, `"from":"hosted"`)
					d.hear(`"id":0`)
					d.say(find1)
					d.hear(`"id":1`, `"from":"hosted"`)
					d.leave()
				})
			})
		}
	}
}

// A server may log before it answers initialize, and right behind that.
func TestChooseKeepsTheOrderAroundTheAnswerToInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosted := &scripted{}
		hosted.answer = func(m *Message) *Message {
			hosted.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"before"}}`))
			hosted.deliver(says("hosted", version)(m))
			hosted.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"behind"}}`))
			return nil
		}
		d := sit(t, &Choose{
			Candidates: []Candidate{{Upstream: hosted}},
			Standby:    &scripted{answer: says("standby", version)},
		})
		d.say(hello)
		d.hear(`"data":"before"`)
		d.hear(`"id":0`, `"from":"hosted"`)
		d.hear(`"data":"behind"`)
		d.leave()
	})
}

func TestChooseExplainsARefusalAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []*problem.Problem
		start := time.Now()
		d := sit(t, &Choose{
			Candidates: []Candidate{{Upstream: &scripted{answer: refuses(noKey)}}},
			Standby:    &scripted{answer: says("standby", version)},
			Explained:  func(p *problem.Problem) { told = append(told, p) },
		})
		d.say(hello)
		d.hear(`"id":0`, `"from":"standby"`)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the session was explained after %v, want at once", waited)
		}
		d.say(ready)
		d.say(find1)
		d.hear(`"id":1`, "no key is set", "set one", `"isError":true`)
		d.say(ask2)
		d.hear(`"id":2`, `"from":"standby"`)
		d.leave()
		if !slices.Equal(told, []*problem.Problem{noKey}) {
			t.Errorf("told %v, want %v one time", told, noKey)
		}
	})
}

// What became of initialize says nothing of the calls that could not be made for it.
func TestChooseExplainsACallThatWasNotSent(t *testing.T) {
	for _, opening := range []*problem.Problem{
		problem.New(problem.Cut, problem.Unknown, "it broke", ""),
		problem.New(problem.NotFound, problem.Refused, "it is not there", "check the address"),
		problem.New(problem.Failed, problem.Refused, "it failed", ""),
	} {
		t.Run(string(opening.Code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := sit(t, &Choose{
					Candidates: []Candidate{{Upstream: &scripted{answer: refuses(opening)}}},
					Standby:    &scripted{answer: says("standby", version)},
				})
				d.say(hello)
				d.hear(`"id":0`, `"from":"standby"`)
				d.say(find1)
				line := <-d.lines
				wantParts(t, line, `"id":1`, opening.What, `"isError":true`)
				if opening.Code == problem.NotFound {
					wantParts(t, line, "a person has to", "check the address")
				}
				for _, part := range []string{isUnknown, "still needed", "the call named"} {
					if strings.Contains(line, part) {
						t.Errorf("got %s, but the call was not sent", line)
					}
				}
				d.leave()
			})
		})
	}
}

func TestChooseExplainsSilenceAfterFourSecondsFromTheFirstRequest(t *testing.T) {
	for name, probe := range map[string]bool{"initialize is the first request": false, "a probe came before": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				d := sit(t, &Choose{
					Candidates: []Candidate{{Upstream: &scripted{answer: silent}}},
					Standby:    &scripted{answer: says("standby", version)},
				})
				if probe {
					d.say(probe4)
					d.hear(`"id":4`, `"code":-32601`)
				}
				d.say(hello)
				d.hear(`"id":0`, `"from":"standby"`)
				if waited := time.Since(start); waited != 4*time.Second {
					t.Errorf("the session was explained after %v, want 4s", waited)
				}
				d.leave()
			})
		})
	}
}

// What nobody has sent has cost nothing, and does not use up a budget.
func TestChooseAccountsForACallThatWasCalledOff(t *testing.T) {
	signIn := problem.New(problem.SignInRequired, problem.Refused, "it asks for a sign-in", "")
	for _, tt := range []struct {
		name, era string
		choose    func(up *scripted) *Choose
	}{
		{"while LeadMagic is tried", "legacy", func(up *scripted) *Choose {
			up.answer = silent
			return &Choose{Candidates: []Candidate{{Upstream: up}}}
		}},
		{"between two candidates", "modern", func(up *scripted) *Choose {
			up.answer = refuses(signIn)
			return &Choose{Candidates: []Candidate{{Upstream: up}, {Upstream: &scripted{}, Instead: func(context.Context, *problem.Problem) *problem.Problem {
				<-time.After(time.Second)
				return nil
			}}}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := &scripted{}
				c := tt.choose(up)
				c.Standby, c.Log = &scripted{answer: says("standby", "2025-11-25")}, slog.New(slog.DiscardHandler)
				c.KeyChanged, c.Explained = func() bool { return false }, func(*problem.Problem) {}
				a := employ(t, tt.era, c, &Guard{MaxCredits: 2})
				id := a.beginCall("priced", "{}")
				synctest.Wait()
				a.cancel(id)
				<-time.After(callFor)
				synctest.Wait()
				if held := a.guard.budget.unsettled(); len(held) > 0 {
					t.Errorf("credits are still held for %d calls", len(held))
				}
				a.leave()
				wantSpent(t, a)
			})
		})
	}
}

func TestChooseAnswersStatusInAHealthySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, standby := &scripted{answer: says("up", version)}, &scripted{answer: says("standby", version)}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: standby})
		d.say(hello)
		d.hear(`"from":"up"`)
		d.say(ready)
		for range 2 {
			d.say(ask2)
			d.hear(`"id":2`, `"from":"standby"`)
		}
		d.leave()
		want := []string{"initialize", "notifications/initialized", "tools/call leadmagic_status", "tools/call leadmagic_status"}
		if got := standby.methods(); !slices.Equal(got, want) {
			t.Errorf("the standby got %q, want %q", got, want)
		}
	})
}

func TestChooseKnowsWhenLeadMagicIsLostInAHealthySession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Pointer[func(*Message) *Message]
		use := func(answer func(*Message) *Message) { answers.Store(&answer) }
		only := &scripted{answer: func(m *Message) *Message { return (*answers.Load())(m) }}
		c := &Choose{Candidates: []Candidate{{Upstream: only}}, Standby: &scripted{answer: says("standby", version)}}
		d := sit(t, c)
		use(says("only", version))
		d.say(hello)
		d.hear(`"from":"only"`)
		for _, step := range []struct {
			name   string
			answer func(*Message) *Message
			want   *problem.Problem
		}{
			{"a key that is rejected", refuses(noKey), noKey},
			{"a call that is refused says nothing of others", refuses(problem.New(problem.BadRequest, problem.Refused, "no such name", "")), noKey},
			{"an answer", says("only", version), nil},
		} {
			use(step.answer)
			d.say(find1)
			d.hear(`"id":1`)
			d.say(ask2)
			d.hear(`"from":"standby"`)
			if s := c.Status(); s.Problem != step.want {
				t.Errorf("%s: got %+v, want %v", step.name, s, step.want)
			}
		}
		d.leave()
	})
}

func TestChooseWithoutCandidatesSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := problem.New(problem.BadSetting, problem.NotSent, "--mcp-url is no URL", "write one")
		d := sit(t, &Choose{Refusal: bad, Standby: &scripted{answer: says("standby", version)}})
		d.say(probe4)
		d.hear(`"id":4`, `"code":-32601`, "--mcp-url is no URL")
		d.say(hello)
		d.hear(`"id":0`, `"from":"standby"`)
		d.say(find1)
		d.hear(`"id":1`, "--mcp-url is no URL", "write one")
		d.leave()
	})
}

func TestChooseDoesNotSendWhatIsCalledOffWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *Message) *Message {
			if m.Method == "initialize" {
				time.AfterFunc(time.Second, func() { up.deliver(says("up", version)(m)) })
				return nil
			}
			return says("up", version)(m)
		}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: silent}})
		d.say(hello)
		d.say(find1)
		d.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		d.say(`{"jsonrpc":"2.0","id":5,"method":"ping"}`)
		d.hear(`"id":0`)
		d.hear(`"id":5`)
		d.leave()
		if got, want := up.methods(), []string{"initialize", "ping"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

func TestChooseBeginsAnewWithEachInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: &scripted{answer: says("up", version)}}}, Standby: &scripted{answer: silent}})
		for range 3 {
			d.say(hello)
			d.hear(`"id":0`, `"from":"up"`)
			pass(time.Minute)
		}
		d.leave()
	})
}

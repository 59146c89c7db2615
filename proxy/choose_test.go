package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// scripted is an upstream that answers as it is told: a nil answer leaves the call open.
type scripted struct {
	answer func(m *Message) *Message

	deliver func(*Message)
	mu      sync.Mutex
	seen    []string
}

func (s *scripted) Open(_ *Handshake, deliver func(*Message)) { s.deliver = deliver }
func (s *scripted) Close(context.Context)                     {}

func (s *scripted) Send(m *Message) {
	what := m.Method
	if what == "tools/call" {
		what += " " + m.Param("name")
	}
	s.mu.Lock()
	s.seen = append(s.seen, what)
	s.mu.Unlock()
	if m.Kind != Call {
		return
	}
	if a := s.answer(m); a != nil {
		a.call = m
		go s.deliver(a)
	}
}

func (s *scripted) methods() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// says answers each call with a result that names who gave it, and initialize with a protocol version.
func says(name, version string) func(*Message) *Message {
	return func(m *Message) *Message {
		result := fmt.Sprintf(`{"from":%q}`, name)
		if m.Method == "initialize" {
			result = fmt.Sprintf(`{"from":%q,"protocolVersion":%q}`, name, version)
		}
		return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`)
	}
}

func refuses(p *problem.Problem) func(*Message) *Message {
	return func(m *Message) *Message { return m.failed(p) }
}

func silent(*Message) *Message { return nil }

// desk is an editor in front of a Choose.
type desk struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	ended chan error
}

func sit(t *testing.T, c *Choose) *desk {
	t.Helper()
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	d := &desk{t: t, in: in, lines: make(chan string, 100), ended: make(chan error, 1)}
	c.Log = slog.New(slog.DiscardHandler)
	if c.Explained == nil {
		c.Explained = func(*problem.Problem) {}
	}
	if c.KeyChanged == nil {
		c.KeyChanged = func() bool { return false }
	}
	go func() {
		err := Run(t.Context(), Options{In: inRead, Out: outWrite, Upstream: c, Log: c.Log})
		_ = outWrite.Close()
		d.ended <- err
	}()
	go func() {
		defer close(d.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			d.lines <- scanner.Text()
		}
	}()
	return d
}

func (d *desk) say(line string) {
	d.t.Helper()
	if _, err := io.WriteString(d.in, line+"\n"); err != nil {
		d.t.Fatal(err)
	}
}

// hear is the next line, which must have all parts.
func (d *desk) hear(parts ...string) {
	d.t.Helper()
	line, open := <-d.lines
	if !open {
		d.t.Fatalf("the session ended before %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(line, part) {
			d.t.Fatalf("got %s\nwant it to have %s", line, part)
		}
	}
}

// leave closes the editor's side; nothing more may come.
func (d *desk) leave() {
	d.t.Helper()
	_ = d.in.Close()
	if line, open := <-d.lines; open {
		d.t.Errorf("got %s\nwant nothing more", line)
	}
	if err := <-d.ended; err != nil {
		d.t.Errorf("Run: %v", err)
	}
}

// pass lets time go by in a synctest bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

const (
	hello   = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"desk"}}}`
	ready   = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	find1   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}`
	ask2    = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"leadmagic_status"}}`
	metaOf  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	modern3 = `{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`
	probe4  = `{"jsonrpc":"2.0","id":4,"method":"server/discover","params":{` + metaOf + `}}`
)

var (
	noKey   = problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")
	down    = problem.New(problem.Unreachable, problem.NotSent, "nobody is there", "wait")
	signIn  = problem.New(problem.SignInRequired, problem.Refused, "a sign-in is asked for", "use rest")
	version = "2025-06-18"
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

func TestChooseHealsWhenALateAnswerComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &scripted{}
		late.answer = func(m *Message) *Message {
			if m.Method == "initialize" {
				time.AfterFunc(10*time.Second, func() { late.deliver(says("late", version)(m)) })
				return nil
			}
			return says("late", version)(m)
		}
		c := &Choose{Candidates: []Candidate{{Name: "mcp", Upstream: late}}, Standby: &scripted{answer: says("standby", version)}}
		d := sit(t, c)
		d.say(hello)
		d.hear(`"from":"standby"`)
		d.say(ready)
		d.say(`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"info"}}`)
		d.hear(`"id":9`)
		for _, kind := range []string{"tools", "resources", "prompts"} {
			d.hear("notifications/" + kind + "/list_changed")
		}
		d.say(find1)
		d.hear(`"id":1`, `"from":"late"`)
		if s := c.Status(); s.Problem != nil || !s.Healed || s.Upstream != "mcp" {
			t.Errorf("got %+v, want a healed session on mcp", s)
		}
		d.leave()
		want := []string{"initialize", "notifications/initialized", "logging/setLevel", "tools/call find"}
		if got := late.methods(); !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

func TestChooseTriedWaitsForTheTryUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := &scripted{}
		late.answer = func(m *Message) *Message {
			time.AfterFunc(6*time.Second, func() { late.deliver(says("late", version)(m)) })
			return nil
		}
		c := &Choose{Candidates: []Candidate{{Upstream: late}}, Standby: &scripted{answer: says("standby", version)}}
		start := time.Now()
		d := sit(t, c)
		d.say(hello)
		d.hear(`"from":"standby"`)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Tried(impatient)
		if waited := time.Since(start); waited != 5*time.Second || c.Status().Problem == nil {
			t.Errorf("after %v: got %+v, want the problem after 5s", waited, c.Status())
		}
		c.Tried(t.Context())
		c.Tried(t.Context())
		if waited := time.Since(start); waited != 6*time.Second || c.Status().Problem != nil {
			t.Errorf("after %v: got %+v, want no problem after 6s", waited, c.Status())
		}
		for _, kind := range []string{"tools", "resources", "prompts"} {
			d.hear("notifications/" + kind + "/list_changed")
		}
		d.leave()
	})
}

func TestChooseAsksForARestartWhereTheVersionDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var usable atomic.Bool
		other := &scripted{}
		other.answer = func(m *Message) *Message {
			if !usable.Load() {
				return m.failed(noKey)
			}
			return says("other", "2024-11-05")(m)
		}
		explained := 0
		c := &Choose{
			Candidates: []Candidate{{Upstream: other}},
			Standby:    &scripted{answer: says("standby", version)},
			Explained:  func(*problem.Problem) { explained++ },
		}
		d := sit(t, c)
		d.say(hello)
		d.hear(`"from":"standby"`)
		usable.Store(true)
		d.say(find1)
		d.hear(`"id":1`, "began without it", "restart leadmagic in desk", `"isError":true`)
		pass(2 * openFor)
		if s := c.Status(); !s.Restart || s.Problem != nil || explained != 1 {
			t.Errorf("got %+v, explained %d times, want a restart to be asked for, and one explanation", s, explained)
		}
		d.leave()
	})
}

func TestChooseTriesAgainWhatMayPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		flaky := &scripted{}
		flaky.answer = func(m *Message) *Message {
			if m.Method != "initialize" {
				return says("flaky", version)(m)
			}
			if tries++; tries < 4 {
				return m.failed(down)
			}
			return says("flaky", version)(m)
		}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: flaky}}, Standby: &scripted{answer: says("standby", version)}})
		start := time.Now()
		d.say(hello)
		d.hear(`"from":"standby"`)
		d.hear("tools/list_changed")
		d.hear("resources/list_changed")
		d.hear("prompts/list_changed")
		// One, two and four seconds, and a tenth at most.
		if waited := time.Since(start); waited < 7*time.Second || waited > 8*time.Second {
			t.Errorf("healed after %v, want 7 to 8 s", waited)
		}
		d.leave()
	})
}

func TestChooseTriesAgainWhenTheKeyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changed atomic.Bool
		var tries atomic.Int32
		keyed := &scripted{}
		keyed.answer = func(m *Message) *Message {
			if m.Method == "initialize" {
				tries.Add(1)
			}
			if !changed.Load() {
				return m.failed(noKey)
			}
			return says("keyed", version)(m)
		}
		d := sit(t, &Choose{
			Candidates: []Candidate{{Upstream: keyed}},
			Standby:    &scripted{answer: says("standby", version)},
			KeyChanged: func() bool { return changed.Load() },
		})
		d.say(hello)
		d.hear(`"from":"standby"`)
		pass(time.Minute)
		if n := tries.Load(); n != 1 {
			t.Errorf("LeadMagic was tried %d times without a new key, want once", n)
		}
		changed.Store(true)
		start := time.Now()
		d.hear("tools/list_changed")
		if waited := time.Since(start); waited > 6*time.Second {
			t.Errorf("the new key was found after %v, want at most 6 s", waited)
		}
		d.hear("resources/list_changed")
		d.hear("prompts/list_changed")
		d.leave()
	})
}

// However often an editor begins anew, there is one look at the key at a time.
func TestChooseLooksForAKeyForTheLastSessionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		d := sit(t, &Choose{
			Refusal: noKey, Standby: &scripted{answer: says("standby", version)},
			KeyChanged: func() bool { looks.Add(1); return false },
		})
		for range 10 {
			d.say(hello)
			d.hear(`"from":"standby"`)
		}
		pass(2 * keyPause)
		looks.Store(0)
		pass(20 * keyPause)
		if n := looks.Load(); n < 15 || n > 20 {
			t.Errorf("the key was looked at %d times, want about 19", n)
		}
		d.leave()
	})
}

func TestChooseTriesAgainForACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var usable atomic.Bool
		up := &scripted{}
		up.answer = func(m *Message) *Message {
			if !usable.Load() {
				return m.failed(noKey)
			}
			return says("up", version)(m)
		}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: says("standby", version)}})
		d.say(hello)
		d.hear(`"from":"standby"`)
		d.say(ready)
		usable.Store(true)
		d.say(find1)
		d.hear("tools/list_changed")
		d.hear("resources/list_changed")
		d.hear("prompts/list_changed")
		d.hear(`"id":1`, `"from":"up"`)
		d.leave()
	})
}

func TestChooseAnswersACallWhileATryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: &scripted{answer: silent}}}, Standby: &scripted{answer: says("standby", version)}})
		d.say(hello)
		d.hear(`"from":"standby"`)
		start := time.Now()
		d.say(find1)
		d.hear(`"id":1`, "LeadMagic has not answered yet", `"isError":true`)
		if waited := time.Since(start); waited != callFor {
			t.Errorf("answered after %v, want %v", waited, callFor)
		}
		d.leave()
	})
}

func TestChooseDoesNotSendACallThatWasCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *Message) *Message {
			if m.Method == "initialize" && len(up.methods()) == 2 {
				time.AfterFunc(time.Second, func() { up.deliver(says("up", version)(m)) })
				return nil
			}
			return m.failed(noKey)
		}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: says("standby", version)}})
		d.say(hello)
		d.hear(`"from":"standby"`)
		d.say(find1)
		synctest.Wait() // LeadMagic is being tried for it
		d.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		d.hear("tools/list_changed")
		d.hear("resources/list_changed")
		d.hear("prompts/list_changed")
		d.leave()
		if got, want := up.methods(), []string{"initialize", "initialize"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
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
				if held := a.guard.budget.open(); len(held) > 0 {
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

func TestChooseDecidesTheModernEraWithItsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{answer: refuses(signIn)}, &scripted{answer: says("second", version)}
		d := sit(t, &Choose{
			Candidates: []Candidate{
				{Upstream: first},
				{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem { return nil }},
			},
			Standby: &scripted{answer: says("standby", version)},
		})
		d.say(probe4)
		d.hear(`"id":4`, `"from":"second"`)
		d.say(modern3)
		d.hear(`"id":3`, `"from":"second"`)
		d.say(hello) // whoever goes on with a session has it from the same
		d.hear(`"id":0`, `"from":"second"`)
		d.leave()
		if got, want := first.methods(), []string{"server/discover"}; !slices.Equal(got, want) {
			t.Errorf("the first got %q, want %q", got, want)
		}
	})
}

func TestChooseDeliversWhatComesBeforeTheFirstModernAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{}
		up.answer = func(m *Message) *Message {
			go func() {
				up.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`))
				up.deliver(says("up", version)(m))
			}()
			return nil
		}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: silent}})
		d.say(modern3)
		d.hear("notifications/progress")
		d.hear(`"id":3`, `"from":"up"`)
		d.leave()
	})
}

func TestChoosePassesOnTheCancellationOfAModernCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{answer: silent}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: silent}})
		d.say(modern3)
		d.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
		d.leave()
		if got, want := up.methods(), []string{"tools/list", "notifications/cancelled"}; !slices.Equal(got, want) {
			t.Errorf("LeadMagic got %q, want %q", got, want)
		}
	})
}

func TestChooseCallsAModernCallOffWhereItIs(t *testing.T) {
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
				d := sit(t, &Choose{
					Candidates: []Candidate{
						{Upstream: first},
						{Upstream: second, Instead: func(context.Context, *problem.Problem) *problem.Problem {
							<-time.After(tt.asks)
							return nil
						}},
					},
					Standby: &scripted{answer: silent},
				})
				d.say(modern3)
				pass(time.Second)
				d.say(off3)
				pass(time.Hour)
				d.leave()
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

// A call without a session is answered, if only with why it cannot be.
func TestChoosePassesOnACallBeforeInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &scripted{answer: says("up", version)}
		d := sit(t, &Choose{Candidates: []Candidate{{Upstream: up}}, Standby: &scripted{answer: says("standby", version)}})
		d.say(`{"jsonrpc":"2.0","id":4,"method":"server/discover"}`)
		d.hear(`"id":4`, `"from":"up"`)
		d.say(ask2)
		d.hear(`"id":2`, `"from":"standby"`)
		d.say(hello)
		d.hear(`"id":0`, `"from":"up"`)
		d.leave()
	})
	synctest.Test(t, func(t *testing.T) {
		bad := problem.New(problem.BadSetting, problem.NotSent, "--mcp-url is no URL", "write one")
		d := sit(t, &Choose{Refusal: bad, Standby: &scripted{answer: silent}})
		d.say(`{"jsonrpc":"2.0","id":7,"method":"prompts/list"}`)
		d.hear(`"id":7`, `"code":-32603`, "--mcp-url is no URL")
		d.leave()
	})
}

func TestChooseKnowsWhyModernCallsAreRefused(t *testing.T) {
	inBadShape := problem.New(problem.BadRequest, problem.Refused, "an email was due", "")
	synctest.Test(t, func(t *testing.T) {
		var p atomic.Pointer[problem.Problem]
		up := &scripted{answer: func(m *Message) *Message {
			if p := p.Load(); p != nil {
				return m.failed(p)
			}
			return says("up", version)(m)
		}}
		c := &Choose{Candidates: []Candidate{{Name: "mcp", Upstream: up}}, Standby: &scripted{answer: silent}}
		d := sit(t, c)
		for _, step := range []struct{ is, want *problem.Problem }{{inBadShape, nil}, {noKey, noKey}, {down, down}, {inBadShape, down}, {nil, nil}, {noKey, noKey}} {
			p.Store(step.is)
			d.say(modern3)
			d.hear(`"id":3`)
			if s := c.Status(); s.Problem != step.want {
				t.Errorf("after %v the problem is %v, want %v", step.is, s.Problem, step.want)
			}
		}
		d.leave()
	})
	synctest.Test(t, func(t *testing.T) {
		c := &Choose{Refusal: noKey, Standby: &scripted{answer: silent}}
		d := sit(t, c)
		synctest.Wait()
		if s := c.Status(); s.Problem != noKey {
			t.Errorf("without candidates the problem is %v, want %v", s.Problem, noKey)
		}
		d.leave()
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

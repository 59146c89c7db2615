package proxy

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A bank is an upstream with a balance. It answers what is free at once, and other calls when the test says so.
type bank struct {
	names   []string         // of the tools it lists
	trouble *problem.Problem // what keeps the balance from being read, nil if nothing does
	silent  bool             // the balance is never told

	deliver func(*Message)
	mu      sync.Mutex
	balance string
	open    map[string][]*Message // by tool
	log     []string
}

func newBank(balance string) *bank {
	return &bank{balance: balance, names: []string{"check_credits"}, open: make(map[string][]*Message)}
}

func (b *bank) Open(_ *Handshake, deliver func(*Message)) { b.deliver = deliver }
func (b *bank) Close(context.Context)                     {}

func (b *bank) Send(m *Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what := m.Method
	if what == "tools/call" {
		what = m.Param("name")
	}
	b.log = append(b.log, what)
	result := "{}"
	switch {
	case m.Kind != Call:
		return
	case m.Method == "initialize":
		result = `{"protocolVersion":"2025-11-25"}`
	case m.Method == "tools/list":
		result = `{"tools":[{"name":"` + strings.Join(b.names, `"},{"name":"`) + `"}]}`
	case what == "check_credits" && b.silent:
		return
	case what == "check_credits" && b.trouble != nil:
		go b.deliver(m.failed(b.trouble))
		return
	case what == "check_credits":
		result = `{"structuredContent":{"credits":` + b.balance + `}}`
	case m.Method == "tools/call":
		b.open[what] = append(b.open[what], m)
		return
	}
	go b.deliver(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`))
}

// pays answers the oldest call of a tool, after which the balance is another.
func (b *bank) pays(tool, result, balance string) {
	b.mu.Lock()
	m := b.open[tool][0]
	b.open[tool] = b.open[tool][1:]
	b.balance = balance
	b.mu.Unlock()
	b.deliver(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`))
	synctest.Wait()
}

// becomes changes the bank.
func (b *bank) becomes(change func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// seen is what has come since the last time, without what opens a session.
func (b *bank) seen() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(b.log, func(what string) bool {
		return what == "initialize" || what == "notifications/initialized" || what == "tools/list"
	})
	b.log = nil
	return strings.Join(list, " ")
}

// bankSession runs a test in both eras on a clock of its own.
func bankSession(t *testing.T, limit float64, test func(t *testing.T, b *bank, a *agent)) {
	t.Helper()
	eachEra(t, func(t *testing.T, era string) {
		synctest.Test(t, func(t *testing.T) {
			b := newBank("100")
			a := employ(t, era, b, &Guard{MaxCredits: limit})
			test(t, b, a)
			a.leave()
		})
	})
}

func wantSeen(t *testing.T, b *bank, want string) {
	t.Helper()
	if got := b.seen(); got != want {
		t.Errorf("LeadMagic saw %q, want %q", got, want)
	}
}

func wantSpent(t *testing.T, a *agent, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := a.spent(); !slices.Equal(got, want) {
		t.Errorf("spent %q, want %q", got, want)
	}
}

// allowed fails unless a call was answered by LeadMagic.
func allowed(t *testing.T, a *agent, id string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); got.refused {
		t.Errorf("refused with %q", got.text)
	}
}

// denied fails unless a call was refused for a reason.
func denied(t *testing.T, a *agent, id, why string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); !got.refused || !strings.Contains(got.text, why) || strings.Contains(got.text, "outcome is unknown") {
		t.Errorf("got %q, want %q", got.text, why)
	}
}

const said1 = `{"structuredContent":{"credits_consumed":1}}`

func TestGuardRunsACallOfUnknownCostAlone(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		first := a.beginCall("priced", "{}")
		odd := a.beginCall("odd", "{}")
		second := a.beginCall("priced", "{}")
		odder := a.beginCall("odd", "{}")
		wantSeen(t, b, "priced")
		if got := a.call("check_credits", "{}"); got.refused {
			t.Errorf("a free tool waits for nothing: %q", got.text)
		}
		a.ask("ping", "{}")
		wantSeen(t, b, "check_credits ping")

		b.pays("priced", said1, "99")
		allowed(t, a, first)
		wantSeen(t, b, "check_credits odd")

		b.pays("odd", `{"content":[]}`, "96.5")
		allowed(t, a, odd)
		wantSeen(t, b, "check_credits priced")

		b.pays("priced", said1, "95.5")
		allowed(t, a, second)
		wantSeen(t, b, "check_credits odd")
		b.pays("odd", `{"content":[]}`, "85.5")
		allowed(t, a, odder)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "priced 1 stated", "odd 2.5 measured", "priced 1 stated", "odd 10 measured")
		if last := a.ledger[3]; !last.BalanceKnown || last.Balance != 85.5 {
			t.Errorf("the last balance is %v", last.Balance)
		}

		denied(t, a, a.beginCall("odd", "{}"), "14.5 credits spent, since a call of unknown cost may pass the limit")
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 0 of the 10 that`)
		wantSeen(t, b, "")
	})
}

func TestGuardMeasuresWhatTheBalanceTells(t *testing.T) {
	tests := []struct {
		name          string
		result, after string
		want          string
	}{
		{"the balance went down", `{"content":[]}`, "97.5", "odd 2.5 measured"},
		{"the balance stayed", `{"content":[]}`, "100", "odd 0 measured"},
		{"the balance rose, since somebody bought credits", `{"content":[]}`, "1100", "odd 0 measured"},
		{"the answer says more than the balance", `{"structuredContent":{"credits_consumed":"3"}}`, "99", "odd 3 stated"},
		{"the balance says more than the answer", `{"structuredContent":{"credits_consumed":1}}`, "93", "odd 7 measured"},
		{"the tool refused, and it cost nothing", `{"isError":true,"content":[{"type":"text","text":"no"}]}`, "100", "odd 0 refused"},
		{"the tool refused, and it cost something", `{"isError":true,"content":[{"type":"text","text":"no"}]}`, "98", "odd 2 measured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
				id := a.beginCall("odd", "{}")
				synctest.Wait()
				b.pays("odd", tt.result, tt.after)
				<-a.answer(id)
				wantSpent(t, a, tt.want)
				wantSeen(t, b, "check_credits odd check_credits")
			})
		})
	}
}

func TestGuardSendsNoCallOfUnknownCostWithoutABalance(t *testing.T) {
	broken := problem.FromError(context.Canceled, true)
	tests := []struct {
		name  string
		spoil func(*bank)
		why   string
		took  time.Duration
	}{
		{"the connection breaks", func(b *bank) { b.trouble = broken }, `what "odd" costs is not known, and the balance before it cannot be read: the connection to LeadMagic broke`, 0},
		{"the answer has none", func(b *bank) { b.balance = `"plenty"` }, "the balance before it cannot be read: LeadMagic's answer has no balance in it", 0},
		{"LeadMagic says nothing", func(b *bank) { b.silent = true }, "the balance before it cannot be read: LeadMagic has not answered in time", askFor},
		{"there is no balance tool", func(b *bank) { b.names = []string{"odd"} }, "LeadMagic lists no tool that shows the balance", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
				b.becomes(tt.spoil)
				start := time.Now()
				denied(t, a, a.beginCall("odd", "{}"), tt.why)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				priced := a.beginCall("priced", "{}")
				synctest.Wait()
				b.pays("priced", said1, "99")
				allowed(t, a, priced)
				if seen := b.seen(); strings.Contains(seen, "odd") {
					t.Errorf("LeadMagic saw %q", seen)
				}
				wantSpent(t, a, "priced 1 stated")
			})
		})
	}
}

func TestGuardReadsTheBalanceUntilItCan(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		odd := a.beginCall("odd", "{}")
		wantSeen(t, b, "check_credits odd")
		gone := problem.New(problem.Unreachable, problem.NotSent, "LeadMagic is not reachable", "")
		b.becomes(func(b *bank) { b.trouble = gone })
		b.pays("odd", `{"content":[]}`, "91")
		allowed(t, a, odd)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a)

		for range 2 {
			denied(t, a, a.beginCall("priced", "{}"), "what the call before has cost is not known, and the balance cannot be read: LeadMagic is not reachable")
			wantSeen(t, b, "check_credits")
		}
		b.becomes(func(b *bank) { b.trouble = nil })
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 10 that`)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "odd 9 measured")
	})
}

func TestGuardForgetsACancelledCallThatWaits(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		first := a.beginCall("priced", "{}")
		odd := a.beginCall("odd", "{}")
		second := a.beginCall("priced", "{}")
		wantSeen(t, b, "priced")
		a.cancel(odd)
		wantSeen(t, b, "priced") // what waited behind it
		b.pays("priced", said1, "99")
		b.pays("priced", said1, "98")
		allowed(t, a, first)
		allowed(t, a, second)
		wantSeen(t, b, "")
		wantSpent(t, a, "priced 1 stated", "priced 1 stated")
	})
}

func TestGuardForgetsACancelledCallWhoseBalanceIsRead(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		b.becomes(func(b *bank) { b.silent = true })
		odd := a.beginCall("odd", "{}")
		priced := a.beginCall("priced", "{}")
		wantSeen(t, b, "check_credits")
		a.cancel(odd)
		time.Sleep(askFor)
		wantSeen(t, b, "notifications/cancelled priced")
		b.pays("priced", said1, "99")
		allowed(t, a, priced)
		wantSpent(t, a, "priced 1 stated")
	})
}

func TestGuardSettlesACancelledCallWhenItsOutcomeIsKnown(t *testing.T) {
	bankSession(t, 3, func(t *testing.T, b *bank, a *agent) {
		id := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(id)
		wantSeen(t, b, "priced notifications/cancelled")
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 3 that this session may use are left (0 credits spent, 2 credits held for calls under way)`)
		wantSpent(t, a)

		b.pays("priced", `{"structuredContent":{"credits_consumed":0}}`, "100")
		wantSpent(t, a, "priced 0 stated")
		again := a.beginCall("priced", "{}")
		synctest.Wait()
		b.pays("priced", said1, "99")
		allowed(t, a, again)
		select {
		case line := <-a.answer(id):
			t.Errorf("the cancelled call was answered: %s", line)
		default:
		}
	})
}

func TestGuardCountsACancelledCallThatIsNeverAnswered(t *testing.T) {
	bankSession(t, 3, func(t *testing.T, b *bank, a *agent) {
		a.cancel(a.beginCall("priced", "{}"))
		time.Sleep(lateFor - time.Nanosecond)
		wantSpent(t, a)
		time.Sleep(time.Nanosecond)
		wantSpent(t, a, "priced 2 worst case")
		b.pays("priced", said1, "99") // later still: it was counted
		wantSpent(t, a, "priced 2 worst case")

		odd := a.beginCall("odd", "{}")
		wantSeen(t, b, "priced notifications/cancelled check_credits odd")
		a.cancel(odd)
		wantSeen(t, b, "notifications/cancelled")
		b.becomes(func(b *bank) { b.balance = "97" })
		time.Sleep(lateFor)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "priced 2 worst case", "odd 2 measured")
	})
}

func TestGuardReadsTheBalanceBeforeASessionEnds(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		odd := a.beginCall("odd", "{}")
		waits := a.beginCall("priced", "{}")
		synctest.Wait()
		_ = a.in.Close()
		b.pays("odd", `{"content":[]}`, "96")
		allowed(t, a, odd)
		b.pays("priced", said1, "95")
		allowed(t, a, waits)
		a.leave()
		wantSpent(t, a, "odd 4 measured", "priced 1 stated")
	})
}

func TestGuardAnswersAndCountsWhatASessionLeavesBehind(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		sent := a.beginCall("priced", "{}")
		cancelled := a.beginCall("priced", "{}")
		waits := a.beginCall("odd", "{}")
		behind := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(cancelled)
		synctest.Wait()
		_ = a.in.Close()
		time.Sleep(drainFor)
		got := readOutcome(t, <-a.answer(sent))
		if !got.refused || !strings.Contains(got.text, "the session ended before LeadMagic answered; the outcome is unknown") {
			t.Errorf("the call under way: %q", got.text)
		}
		denied(t, a, waits, "the session ended before the call was sent")
		denied(t, a, behind, "the session ended before the call was sent")
		a.leave()
		wantSpent(t, a, "priced 2 worst case", "priced 2 worst case")
		wantSeen(t, b, "priced priced notifications/cancelled")
	})
}

func TestGuardReportsAnUnknownCostAtTheEnd(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		a.beginCall("odd", "{}")
		synctest.Wait()
		_ = a.in.Close()
		time.Sleep(drainFor)
		a.leave()
		wantSpent(t, a, "odd 0 unknown")
		wantSeen(t, b, "check_credits odd")
	})
}

func TestGuardAsksInTheEraOfTheCall(t *testing.T) {
	var questions []*Message
	up := &scripted{answer: func(m *Message) *Message {
		if strings.HasPrefix(string(m.ID), `"leadmagic-mcp-proxy `) {
			questions = append(questions, m)
		}
		if m.Method == "tools/list" {
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"tools":[{"name":"check_credit_balance"}]}}`)
		}
		return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"protocolVersion":"2025-11-25","structuredContent":{"credits":5}}}`)
	}}
	eachEra(t, func(t *testing.T, era string) {
		questions = nil
		a := employ(t, era, up, &Guard{MaxCredits: 1})
		a.call("odd", "{}")
		a.leave()
		var got []string
		for _, q := range questions {
			got = append(got, q.Method+" "+q.Param("name"))
			if modern := q.Modern(); modern != (era == "modern") {
				t.Errorf("of another era: %s", q.Raw)
			}
			if q.meta.progressToken != nil {
				t.Errorf("with a progress token that is another call's: %s", q.Raw)
			}
		}
		if want := []string{"tools/list ", "tools/call check_credit_balance", "tools/call check_credit_balance"}; !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
	})
}

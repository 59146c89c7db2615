package proxy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestBudgetRunsACallOfUnknownCostAlone(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
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
		if last := a.ledger[3]; last.Balance == nil || last.Balance.String() != "85.5" {
			t.Errorf("the last balance is %v", last.Balance)
		}

		denied(t, a, a.beginCall("odd", "{}"), "14.5 credits spent, since a call of unknown cost may pass the limit")
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 0 of the 10 that`)
		wantSeen(t, b, "")
	})
}

func TestBudgetMeasuresWhatTheBalanceTells(t *testing.T) {
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
			accountSession(t, 10, func(t *testing.T, b *account, a *client) {
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

func TestBudgetNeedNotMeasureARefusal(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		for _, outcome := range []problem.Outcome{problem.NotSent, problem.Refused} {
			id := a.beginCall("odd", "{}")
			wantSeen(t, b, "check_credits odd")
			b.refuses("odd", problem.New(problem.BadRequest, outcome, "LeadMagic did not accept the call", ""))
			denied(t, a, id, "LeadMagic did not accept the call")
			wantSeen(t, b, "")
		}
		wantSpent(t, a, "odd 0 refused") // the other one was not even sent

		id := a.beginCall("odd", "{}")
		wantSeen(t, b, "check_credits odd")
		b.refuses("odd", problem.New(problem.Cut, problem.Unknown, "the connection broke", ""))
		<-a.answer(id)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "odd 0 refused", "odd 0 measured")
	})
}

func TestBudgetNeedNotMeasureWhatLeadMagicsAccountSays(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		id := a.beginCall("odd", "{}")
		synctest.Wait()
		b.pays("odd", `{"_meta":{"`+problem.UsageKey+`":{"creditsUsed":3}}}`, "90")
		allowed(t, a, id)
		wantSeen(t, b, "check_credits odd")
		wantSpent(t, a, "odd 3 stated")
	})
}

func TestBudgetCountsAFreeToolThatLeadMagicCharges(t *testing.T) {
	tests := []struct {
		name   string
		result string
		want   []string
		much   bool // so that a call of 2 does not fit into 4 any more
	}{
		{"LeadMagic's account of the request counts", `{"_meta":{"` + problem.UsageKey + `":{"creditsUsed":"3"}}}`, []string{"get_account_analytics 3 stated"}, true},
		{"however little that is", `{"_meta":{"` + problem.UsageKey + `":{"creditsUsed":0.000001}}}`, []string{"get_account_analytics 0.000001 stated"}, false},
		{"what the account says of nothing is no cost", `{"_meta":{"` + problem.UsageKey + `":{"creditsUsed":0}}}`, nil, false},
		{"what a report speaks of is no cost", `{"structuredContent":{"days":[{"credits_consumed":700}]}}`, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			accountSession(t, 4, func(t *testing.T, b *account, a *client) {
				free := a.beginCall("get_account_analytics", "{}")
				synctest.Wait()
				b.pays("get_account_analytics", tt.result, "100")
				allowed(t, a, free)
				wantSpent(t, a, tt.want...)
				priced := a.beginCall("priced", "{}")
				if tt.much {
					denied(t, a, priced, "1 of the 4 that this session may use are left (3 credits spent)")
				}
			})
		})
	}
}

func TestBudgetSendsNoCallOfUnknownCostWithoutABalance(t *testing.T) {
	broken := problem.FromError(context.Canceled, true)
	tests := []struct {
		name  string
		spoil func(*account)
		why   string
		took  time.Duration
	}{
		{"the connection breaks", func(b *account) { b.trouble = broken }, `what "odd" costs is not known, and the balance before it cannot be read: the connection to LeadMagic broke`, 0},
		{"the answer has none", func(b *account) { b.balance = `"plenty"` }, "the balance before it cannot be read: LeadMagic's answer has no balance in it", 0},
		{"LeadMagic says nothing", func(b *account) { b.silent = true }, "the balance before it cannot be read: LeadMagic has not answered in time", 30 * time.Second},
		{"there is no balance tool", func(b *account) { b.names = []string{"odd"} }, "LeadMagic lists no tool that shows the balance", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			accountSession(t, 10, func(t *testing.T, b *account, a *client) {
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

func TestBudgetNeedsNoBalanceAfterACallThatStatesItsCost(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		odd := a.beginCall("odd", "{}")
		synctest.Wait()
		b.becomes(func(b *account) {
			b.trouble = problem.New(problem.Unreachable, problem.NotSent, "LeadMagic is not reachable", "")
		})
		b.pays("odd", said1, "99")
		allowed(t, a, odd)
		wantSpent(t, a, "odd 1 stated")
		priced := a.beginCall("priced", "{}")
		wantSeen(t, b, "check_credits odd check_credits priced")
		b.pays("priced", said1, "98")
		allowed(t, a, priced)
	})
}

func TestBudgetReadsTheBalanceUntilItCan(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		odd := a.beginCall("odd", "{}")
		wantSeen(t, b, "check_credits odd")
		gone := problem.New(problem.Unreachable, problem.NotSent, "LeadMagic is not reachable", "")
		b.becomes(func(b *account) { b.trouble = gone })
		b.pays("odd", `{"content":[]}`, "91")
		allowed(t, a, odd)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a)

		for range 2 {
			denied(t, a, a.beginCall("priced", "{}"), "what the call before has cost is not known, and the balance cannot be read: LeadMagic is not reachable")
			wantSeen(t, b, "check_credits")
		}
		b.becomes(func(b *account) { b.trouble = nil })
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 10 that`)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "odd 9 measured")
	})
}

// The editor's own list says which tool shows the balance, until the tools change.
func TestBudgetListsToolsOnlyWhereTheEditorHasNot(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		lists := func() (n int) {
			b.becomes(func(b *account) {
				for _, what := range b.log {
					if what == "tools/list" {
						n++
					}
				}
				b.log = nil
			})
			return n
		}
		call := func() {
			id := a.beginCall("odd", "{}")
			synctest.Wait()
			b.pays("odd", `{"content":[]}`, "100")
			<-a.answer(id)
		}
		a.ask("tools/list", "{}")
		if call(); lists() != 1 {
			t.Error("the tools were listed again, though the editor had listed them")
		}
		b.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`))
		<-a.rest
		if call(); lists() != 1 {
			t.Error("the tools were not listed, though they had changed")
		}
		if call(); lists() != 0 {
			t.Error("the tools were listed again, though a list was there")
		}
	})
}

func TestBudgetRefusesWhenExactlyNothingIsLeft(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		id := a.beginCall("odd", "{}")
		synctest.Wait()
		b.pays("odd", `{"content":[]}`, "90")
		<-a.answer(id)
		wantSpent(t, a, "odd 10 measured")
		denied(t, a, a.beginCall("odd", "{}"), "nothing is left of the 10 credits that this session may use (10 credits spent); the call was not sent")
		denied(t, a, a.beginCall("priced", "{}"), "0 of the 10 that this session may use are left (10 credits spent); the call was not sent")
	})
}

package proxy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

func TestBudgetForgetsACancelledCallThatWaits(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
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

func TestBudgetForgetsACancelledCallWhoseBalanceIsRead(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		b.becomes(func(b *account) { b.silent = true })
		odd := a.beginCall("odd", "{}")
		priced := a.beginCall("priced", "{}")
		wantSeen(t, b, "check_credits")
		a.cancel(odd)
		wantSeen(t, b, "notifications/cancelled priced") // at once; it is the request for the balance that is cancelled
		b.pays("priced", said1, "99")
		allowed(t, a, priced)
		wantSpent(t, a, "priced 1 stated")
	})
}

func TestBudgetSettlesACancelledCallWhenItsOutcomeIsKnown(t *testing.T) {
	accountSession(t, 3, func(t *testing.T, b *account, a *client) {
		id := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(id)
		wantSeen(t, b, "priced notifications/cancelled")
		again := a.beginCall("priced", "{}")
		wantSeen(t, b, "") // the first may give back what this one needs
		wantSpent(t, a)

		b.pays("priced", `{"structuredContent":{"credits_consumed":0}}`, "100")
		wantSpent(t, a, "priced 0 stated")
		wantSeen(t, b, "priced")
		b.pays("priced", said1, "99")
		allowed(t, a, again)
		select {
		case line := <-a.answer(id):
			t.Errorf("the cancelled call was answered: %s", line)
		default:
		}
	})
}

func TestBudgetCountsACancelledCallThatIsNeverAnswered(t *testing.T) {
	accountSession(t, 3, func(t *testing.T, b *account, a *client) {
		a.cancel(a.beginCall("priced", "{}"))
		pass(lateFor - time.Nanosecond)
		wantSpent(t, a)
		pass(time.Nanosecond)
		wantSpent(t, a, "priced 2 worst case")
		b.pays("priced", said1, "99") // later still: it was counted
		wantSpent(t, a, "priced 2 worst case")

		odd := a.beginCall("odd", "{}")
		wantSeen(t, b, "priced notifications/cancelled check_credits odd")
		a.cancel(odd)
		wantSeen(t, b, "notifications/cancelled")
		b.becomes(func(b *account) { b.balance = "97" })
		pass(lateFor)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "priced 2 worst case", "odd 2 measured")
	})
}

// What the calls under way may give back can be exactly what another one needs.
func TestBudgetWaitsForAllThatIsHeld(t *testing.T) {
	accountSession(t, 2, func(t *testing.T, b *account, a *client) {
		first := a.beginCall("priced", "{}")
		second := a.beginCall("priced", "{}")
		wantSeen(t, b, "priced")
		b.pays("priced", `{"structuredContent":{"credits_consumed":0}}`, "100")
		allowed(t, a, first)
		wantSeen(t, b, "priced")
		b.pays("priced", said1, "99")
		allowed(t, a, second)
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 2 that`)
	})
}

func TestBudgetReadsTheBalanceBeforeASessionEnds(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
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

func TestBudgetAnswersAndCountsWhatASessionLeavesBehind(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		sent := a.beginCall("priced", "{}")
		cancelled := a.beginCall("priced", "{}")
		waits := a.beginCall("odd", "{}")
		behind := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(cancelled)
		synctest.Wait()
		_ = a.in.Close()
		pass(drainFor)
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

func TestBudgetReportsAnUnknownCostAtTheEnd(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		a.beginCall("odd", "{}")
		synctest.Wait()
		_ = a.in.Close()
		pass(drainFor)
		a.leave()
		wantSpent(t, a, "odd 0 unknown")
		wantSeen(t, b, "check_credits odd")
	})
}

// The contexts of calls end one after the other when a session ends, and calls give back then what they have held.
func TestBudgetSendsNothingOnceASessionHasEnded(t *testing.T) {
	costs := map[string]problem.Credits{"two": 2, "four": 4, "five": 5, "one": 1}
	tests := []struct {
		name  string
		calls []string // of which the last but one ends first, and the last waits for it
		want  string   // what LeadMagic sees
	}{
		{"while LeadMagic carries a call out", []string{"two", "four"}, "two"},
		{"while it carries a call of unknown cost out", []string{"odd", "one"}, "check_credits odd"},
		{"while the balance is read", []string{"odd", "one"}, "check_credits"},
		{"while a call waits for another", []string{"four", "five", "one"}, "four"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := newAccount("100")
				up.silent = tt.want == "check_credits"
				b := &Budget{Next: up, Limit: 5 * problem.Credit, Price: func(tool string, _ []byte) (problem.Credits, bool) {
					return costs[tool] * problem.Credit, tool != "odd"
				}}
				b.Start(func(*jsonrpc.Message) {})
				last := make(chan *jsonrpc.Message, 1)
				ends := make([]context.CancelCauseFunc, len(tt.calls))
				for i, tool := range tt.calls {
					var ctx context.Context
					ctx, ends[i] = context.WithCancelCause(t.Context())
					go func() {
						response := b.Call(ctx, compose(`{"jsonrpc":"2.0","id":"`+tool+`","method":"tools/call","params":{"name":"`+tool+`"}}`))
						if i == len(tt.calls)-1 {
							last <- response
						}
					}()
					synctest.Wait()
				}
				ends[len(ends)-2](problem.ErrSessionEnded)
				if p := problemOf(<-last); p == nil || p.What != "the session ended before the call was sent" {
					t.Errorf("the last call was answered %v", p)
				}
				wantSeen(t, up, tt.want)
				for _, end := range ends {
					end(problem.ErrSessionEnded)
				}
				b.Close(t.Context())
			})
		})
	}
}

func TestBudgetIsClosedWhileTheBalanceIsRead(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*account) // what keeps the balance after the call from being read
		reads string
		took  time.Duration
	}{
		{"it has half of the time", func(a *account) { a.silent = true }, "check_credits odd check_credits", time.Second},
		{"it could not be read before", func(a *account) { a.trouble = down }, "check_credits odd check_credits", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := newAccount("100")
				var spent []SpentCall
				b := &Budget{Next: up, Limit: 5 * problem.Credit, Spent: func(s SpentCall) { spent = append(spent, s) }}
				b.Start(func(*jsonrpc.Message) {})
				responded := make(chan struct{})
				go func() {
					defer close(responded)
					b.Call(t.Context(), compose(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd"}}`))
				}()
				synctest.Wait()
				up.becomes(tt.spoil)
				up.pays("odd", `{"content":[]}`, "99")
				<-responded
				start := time.Now()
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
				defer stop()
				b.Close(ctx)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				if len(spent) != 1 || spent[0].Basis != Unknown || spent[0].Tool != "odd" {
					t.Errorf("reported are %+v, want an unknown cost", spent)
				}
				wantSeen(t, up, tt.reads)
				select {
				case <-up.closed:
				default:
					t.Error("LeadMagic's session was not closed")
				}
			})
		})
	}
}

func TestBudgetAtASignalSendsNothingMore(t *testing.T) {
	accountSession(t, 10, func(t *testing.T, b *account, a *client) {
		b.becomes(func(b *account) { b.silent = true })
		odd := a.beginCall("odd", "{}")
		waits := a.beginCall("priced", "{}")
		wantSeen(t, b, "check_credits")
		a.stop()
		denied(t, a, odd, "the session ended before the call was sent")
		denied(t, a, waits, "the session ended before the call was sent")
		a.leave()
		wantSeen(t, b, "")
		wantSpent(t, a)
	})
}

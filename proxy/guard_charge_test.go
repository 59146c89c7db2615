package proxy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
		pass(askFor)
		wantSeen(t, b, "notifications/cancelled priced")
		b.pays("priced", said1, "99")
		allowed(t, a, priced)
		wantSpent(t, a, "priced 1 stated")
	})
}

func TestGuardSettlesACancelledCallWhenItsOutcomeIsKnown(t *testing.T) {
	bankSessionIn(t, "legacy", 3, func(t *testing.T, b *bank, a *agent) {
		id := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(id)
		wantSeen(t, b, "priced notifications/cancelled")
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 3 that this session may use are left (0 credits spent, 2 credits held for calls under way)`)
		wantSpent(t, a)

		b.pays("priced", `{"structuredContent":{"credits_consumed":0}}`, "100")
		wantSpent(t, a, "priced 0 stated")
		again := a.beginCall("priced", "{}")
		b.pays("priced", said1, "99")
		allowed(t, a, again)
		select {
		case line := <-a.answer(id):
			t.Errorf("the cancelled call was answered: %s", line)
		default:
		}
	})
}

// The end of a stream is what cancels a call of the stateless mode: nothing more is learnt of it.
func TestGuardCountsACancelledCallOfTheStatelessMode(t *testing.T) {
	bankSessionIn(t, "modern", 3, func(t *testing.T, b *bank, a *agent) {
		id := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(id)
		wantSeen(t, b, "priced notifications/cancelled")
		wantSpent(t, a, "priced 2 worst case")
		denied(t, a, a.beginCall("priced", "{}"), `"priced" may cost 2 credits, and 1 of the 3 that this session may use are left (2 credits spent)`)
	})
}

func TestGuardCountsACancelledCallThatIsNeverAnswered(t *testing.T) {
	bankSessionIn(t, "legacy", 3, func(t *testing.T, b *bank, a *agent) {
		id := a.beginCall("priced", "{}")
		synctest.Wait()
		a.cancel(id)
		pass(lateAnswer - time.Nanosecond)
		wantSpent(t, a)
		pass(lateFor - lateAnswer)
		wantSpent(t, a, "priced 2 worst case")

		odd := a.beginCall("odd", "{}")
		wantSeen(t, b, "priced notifications/cancelled check_credits odd")
		a.cancel(odd)
		wantSeen(t, b, "notifications/cancelled")
		b.becomes(func(b *bank) { b.balance = "97" })
		pass(lateFor)
		wantSeen(t, b, "check_credits")
		wantSpent(t, a, "priced 2 worst case", "odd 3 measured")
	})
}

func TestGuardReadsTheBalanceBeforeASessionEnds(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		odd := a.beginCall("odd", "{}")
		waits := a.beginCall("priced", "{}")
		synctest.Wait()
		b.closes()
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
		b.closes()
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

func TestGuardReportsAnUnknownCostAtTheEnd(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		a.beginCall("odd", "{}")
		synctest.Wait()
		b.closes()
		_ = a.in.Close()
		pass(drainFor)
		a.leave()
		wantSpent(t, a, "odd 0 unknown")
		wantSeen(t, b, "check_credits odd")
	})
}

func TestGuardAtASignalSendsNothingMore(t *testing.T) {
	bankSession(t, 10, func(t *testing.T, b *bank, a *agent) {
		b.becomes(func(b *bank) { b.silent = true })
		odd := a.beginCall("odd", "{}")
		waits := a.beginCall("priced", "{}")
		wantSeen(t, b, "check_credits")
		b.closes()
		a.stop()
		denied(t, a, odd, "the session ended before the call was sent")
		denied(t, a, waits, "the session ended before the call was sent")
		a.leave()
		wantSeen(t, b, "")
		wantSpent(t, a)
	})
}

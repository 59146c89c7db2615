package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// lookups are calls of tools that the sandbox finds something for, and nothing.
const (
	funded  = `{"company_domain":"acme.example"}`
	missing = `{"full_name":"Nobody","domain":"none.invalid"}`
	valid1  = `{"email":"ada@analytical.example"}`
)

func TestBudgetKeepsTheLimitForCallsAtOnce(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 50})
		const calls = 200
		var ids []string
		for i := range calls {
			ids = append(ids, a.beginCall("find_work_email", fmt.Sprintf(`{"full_name":"Ada Lovelace %d","domain":"analytical.example"}`, i)))
		}
		refused := 0
		for _, id := range ids {
			got := readOutcome(t, <-a.answer(id))
			if !got.refused {
				continue
			}
			refused++
			if !strings.Contains(got.text, "of the 50 that this session may use are left") {
				t.Errorf("refused with %q", got.text)
			}
		}
		a.leave()
		if s.Charged() > 50 {
			t.Errorf("%v credits were used", s.Charged())
		}
		if s.CallCount()+refused != calls || s.CallCount() < 50 {
			t.Errorf("%d calls were carried out and %d refused", s.CallCount(), refused)
		}
		if a.total() != s.Charged() || len(a.spent()) != s.CallCount() {
			t.Errorf("%v credits of %d calls were reported, %v of %d were used", a.total(), len(a.spent()), s.Charged(), s.CallCount())
		}
	})
}

func TestBudgetRefusesWhatWouldPassTheLimit(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 5.5})
		if got := a.call("find_company_funding", funded); got.refused {
			t.Fatalf("the first call: %q", got.text)
		}
		got := a.call("find_personal_email", `{"profile_url":"ada"}`)
		want := `"find_personal_email" may cost 2 credits, and 1.5 of the 5.5 that this session may use are left (4 credits spent); the call was not sent` + "\n" +
			"the agent cannot fix this: the limit is set by a person\n" +
			"next: ask the person to raise --max-credits (LEADMAGIC_MAX_CREDITS), or use free tools"
		if !got.refused || got.text != want {
			t.Errorf("got %q\nwant %q", got.text, want)
		}
		for _, tool := range []string{"check_credits", "get_account_analytics"} {
			if got := a.call(tool, "{}"); got.refused {
				t.Errorf("%s is free: %q", tool, got.text)
			}
		}
		if got := a.call("find_work_email", ada); got.refused {
			t.Errorf("a call that the rest is enough for: %q", got.text)
		}
		if got, want := a.spent(), []string{"find_company_funding 4 stated", "find_work_email 1 stated"}; !slices.Equal(got, want) {
			t.Errorf("spent %q, want %q", got, want)
		}
		if reached(s, "personal") > 0 {
			t.Error("the refused call was sent")
		}
	})
}

func TestBudgetSaysWhatCallsUnderWayHold(t *testing.T) {
	accountSession(t, 6, func(t *testing.T, b *account, a *client) {
		first := a.beginCall("priced", "{}")
		synctest.Wait()
		b.pays("priced", said1, "99")
		allowed(t, a, first)
		held := a.beginCall("priced", "{}")
		// It cannot be enough, whatever the other call gives back, nor does it wait for that.
		denied(t, a, a.beginCall("six", "{}"), `"six" may cost 6 credits, and 3 of the 6 that this session may use are left (1 credit spent, 2 credits held for calls under way)`)
		b.pays("priced", said1, "98")
		allowed(t, a, held)
	})
}

func TestBudgetGivesBackWhatACallDidNotCost(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 1})
		for range 5 {
			if got := a.call("find_work_email", missing); got.refused {
				t.Fatalf("a miss is free: %q", got.text)
			}
			if got := a.call("find_work_email", `{"full_name":"Ada Lovelace"}`); !got.refused || strings.Contains(got.text, "credits, and") {
				t.Fatalf("LeadMagic refuses half a question: %q", got.text)
			}
		}
		if got := a.call("find_work_email", ada); got.refused {
			t.Errorf("the whole limit was left: %q", got.text)
		}
		if got := a.call("find_work_email", ada); !got.refused {
			t.Error("a call went past the limit")
		}
	})
}

func TestBudgetHoldsFractionsExactly(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 0.75})
		for i := range 5 {
			if got := a.call("validate_work_email", valid1); got.refused != (i >= 3) {
				t.Errorf("call %d: refused is %v: %q", i+1, got.refused, got.text)
			}
		}
		if s.Charged() != 0.75 || a.total() != 0.75 {
			t.Errorf("%v were charged, %v reported", s.Charged(), a.total())
		}
	})
}

func TestBudgetReportsBalanceAndRequest(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		s := startSandbox(t, faults.Options{Credits: 100})
		a := newClient(t, mode, upstreamTo(t, way{mode, "rest"}, s), &limits{})
		a.call("find_work_email", ada)
		a.call("check_credits", "{}")
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.ledger) != 1 {
			t.Fatalf("reported: %+v", a.ledger)
		}
		got := a.ledger[0]
		if got.Tool != "find_work_email" || got.Credits != problem.Credit || got.Balance == nil || *got.Balance != 99*problem.Credit || !strings.HasPrefix(got.RequestID, "req_sandbox_") || got.Time.IsZero() {
			t.Errorf("reported: %+v", got)
		}
	})
}

func TestBudgetSettlesEachFailure(t *testing.T) {
	tests := []struct {
		name  string
		fault faults.Fault
		want  []string
	}{
		{"no credits", faults.Fault{Kind: faults.Problem, Status: 402}, []string{"find_mobile_number 0 refused"}},
		{"bad arguments", faults.Fault{Kind: faults.Problem, Status: 400}, []string{"find_mobile_number 0 refused"}},
		{"not allowed", faults.Fault{Kind: faults.Problem, Status: 403, Code: "insufficient_permissions"}, []string{"find_mobile_number 0 refused"}},
		{"LeadMagic fails", faults.Fault{Kind: faults.Problem, Status: 500}, []string{"find_mobile_number 5 worst case"}},
		{"the connection breaks", faults.Fault{Kind: faults.Cut}, []string{"find_mobile_number 5 worst case"}},
		{"the answer is cut", faults.Fault{Kind: faults.CutStream}, []string{"find_mobile_number 5 worst case"}},
		{"a captive portal answers", faults.Fault{Kind: faults.HTML}, []string{"find_mobile_number 5 worst case"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				s := startSandbox(t, faults.Options{})
				a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 9})
				fault := tt.fault
				if w.upstream == "rest" {
					fault.Path = "/v1/people/mobile-finder"
				} else {
					fault.Tool = "find_mobile_number"
				}
				fault.Times = 1
				s.Fault(fault)
				if got := a.call("find_mobile_number", `{"profile_url":"ada"}`); !got.refused {
					t.Fatalf("the call went well: %s", got.line)
				}
				want := slices.Clone(tt.want)
				if w.upstream == "rest" {
					want[0] = strings.Replace(want[0], "refused", "stated", 1)
				}
				if got := a.spent(); !slices.Equal(got, want) {
					t.Errorf("spent %q, want %q", got, want)
				}
				again := a.call("find_mobile_number", `{"profile_url":"ada"}`)
				if again.refused != strings.Contains(want[0], " 5 ") {
					t.Errorf("the next call: refused is %v: %q", again.refused, again.text)
				}
			})
		})
	}
}

func TestBudgetCountsNothingThatWasNotSent(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 1})
		if got := a.call("find_personal_email", `{"profile_url":"ada"}`); !got.refused {
			t.Errorf("got %s", got.line)
		}
		if len(a.spent()) > 0 {
			t.Errorf("spent %q", a.spent())
		}
		if got := a.call("find_work_email", ada); got.refused {
			t.Errorf("the limit is still there: %q", got.text)
		}
	})
}

func TestBudgetWithoutALimitOnlyCounts(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{TestTools: w.upstream == "mcp"})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{})
		a.call("find_work_email", ada)
		a.call("find_company_employees", `{"company_domain":"acme.example","limit":3}`)
		a.call("check_credits", "{}")
		if got := a.spent(); len(got) != 2 || got[0] != "find_work_email 1 stated" || !strings.HasSuffix(got[1], " stated") || a.total() != s.Charged() {
			t.Errorf("spent %q, charged %v", got, s.Charged())
		}
		if w.upstream == "mcp" {
			a.call("contents", "{}")
			if got := a.spent(); len(got) != 3 || got[2] != "contents 0 unknown" {
				t.Errorf("spent %q", got)
			}
		}
		if n := reached(s, `check_credits`); w.upstream == "mcp" && n != 1 {
			t.Errorf("the balance was read %d times, nobody but the agent asked", n)
		}
	})
}

func TestBudgetMeasuresACallOfUnknownCost(t *testing.T) {
	unpriced := func(tool string, args []byte) (problem.Credits, bool) {
		if tool == "find_company_funding" {
			return 0, false
		}
		return prices(tool, args)
	}
	eachWay(t, func(t *testing.T, w way) {
		s := startSandbox(t, faults.Options{Credits: 100})
		a := newClient(t, w.mode, upstreamTo(t, w, s), &limits{MaxCredits: 6, Cost: unpriced})
		for i, want := range []bool{false, false, true} {
			if got := a.call("find_company_funding", funded); got.refused != want {
				t.Fatalf("call %d: refused is %v: %q", i+1, got.refused, got.text)
			} else if want && !strings.Contains(got.text, `what "find_company_funding" costs is not known, and nothing is left of the 6 credits `+
				"that this session may use (8 credits spent, since a call of unknown cost may pass the limit)") {
				t.Errorf("refused with %q", got.text)
			}
		}
		if got := a.call("find_work_email", ada); !got.refused || !strings.Contains(got.text, "0 of the 6 that") {
			t.Errorf("behind the limit: %q", got.text)
		}
		if s.Charged() != 8 || a.total() != 8 {
			t.Errorf("%v were charged, %v reported: %q", s.Charged(), a.total(), a.spent())
		}
	})
}

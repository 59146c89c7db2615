package sandbox

import "testing"

func TestCentsAddUp(t *testing.T) {
	a := &account{left: toCents(1)}
	for range 20 {
		if !a.charge(0.05) {
			t.Fatal("refused")
		}
	}
	calls, charged := a.totals()
	if a.charge(0.05) || a.balance() != 0 || charged != 1 || calls != 20 {
		t.Errorf("balance %v, charged %v, %d calls", a.balance(), charged, calls)
	}
}

package sandbox

import "testing"

func TestCentsAddUp(t *testing.T) {
	a := &account{left: toCents(1)}
	for range 20 {
		if !a.charge(0.05) {
			t.Fatal("refused")
		}
	}
	if a.charge(0.05) || a.Balance() != 0 || a.Charged() != 1 || a.calls.Load() != 20 {
		t.Errorf("balance %v, charged %v, %d calls", a.Balance(), a.Charged(), a.calls.Load())
	}
}

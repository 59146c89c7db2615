package sandbox

import (
	"reflect"
	"testing"
)

func TestRingKeepsTheNewest(t *testing.T) {
	for _, test := range []struct {
		what    string
		limit   int
		weights []int
		want    []int
	}{
		{"all while there is room", 3, []int{1, 2}, []int{1, 2}},
		{"the newest by number", 2, []int{1, 2, 3}, []int{2, 3}},
		{"the newest by weight", 9, []int{maxRingBytes, 1, maxRingBytes - 1}, []int{1, maxRingBytes - 1}},
		{"one that is too heavy alone", 9, []int{1, maxRingBytes + 1}, []int{maxRingBytes + 1}},
		{"none when none are kept", -1, []int{1, 2}, nil},
	} {
		r := newRing(test.limit, func(n int) int { return n })
		for _, n := range test.weights {
			r.push(n)
		}
		if got := r.all(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
		if r.count() != len(test.weights) {
			t.Errorf("%s: counted %d", test.what, r.count())
		}
	}
}

func TestRingUpdatesWhatIsStillThere(t *testing.T) {
	r := newRing(2, func(int) int { return 1 })
	first, second := r.push(10), r.push(20)
	r.push(30)
	r.update(first, func(n *int) { *n = 11 })
	r.update(second, func(n *int) { *n = 21 })
	if got, want := r.all(), []int{21, 30}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCentsAddUp(t *testing.T) {
	a := newAccount(1, 10)
	for range 20 {
		if _, ok := a.charge(Call{Credits: 0.05}); !ok {
			t.Fatal("refused")
		}
	}
	if _, ok := a.charge(Call{Credits: 0.05}); ok || a.balance() != 0 || a.charged() != 1 || a.count() != 20 {
		t.Errorf("balance %v, charged %v, %d calls", a.balance(), a.charged(), a.count())
	}
}

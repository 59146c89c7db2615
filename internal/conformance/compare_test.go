package main

import (
	"slices"
	"strings"
	"testing"
)

func TestCompareFindsWhatIsWorseWithTheProxy(t *testing.T) {
	c := check{"ping", "ping-answered"}
	tests := []struct {
		name            string
		direct, proxied []string // statuses of the one check
		baseline        string
		want            string // in the complaint; empty for none
	}{
		{"what passes on both sides is fine", []string{"SUCCESS"}, []string{"SUCCESS"}, "", ""},
		{"a failure with the proxy is not", []string{"SUCCESS"}, []string{"FAILURE"}, "", "ping ping-answered: 1 passed"},
		{"a failure on both sides has to be excused too", []string{"FAILURE"}, []string{"FAILURE"}, "", "ping ping-answered"},
		{"one failure among several counts", []string{"SUCCESS", "SUCCESS"}, []string{"SUCCESS", "FAILURE"}, "", "1, 1, 0 with it"},
		{"a check that was not reached is no pass", []string{"SUCCESS"}, nil, "", "0, 0, 0 with it"},
		{"information in place of a pass is none", []string{"SUCCESS"}, []string{"INFO"}, "", "0, 0, 0 with it"},
		{"a failure that only the proxy has counts", nil, []string{"FAILURE"}, "", "0, 1, 0 with it"},
		{"a warning on both sides is the server's", []string{"WARNING"}, []string{"WARNING"}, "", ""},
		{"a warning that only the proxy has counts", []string{"SUCCESS"}, []string{"SUCCESS", "WARNING"}, "", "1, 0, 1 with it"},
		{"an excuse is taken", []string{"SUCCESS"}, []string{"FAILURE"}, "2026-07-28 ping ping-answered 1: it rains", ""},
		{"an excuse for a warning is taken", []string{"SUCCESS"}, []string{"WARNING"}, "2026-07-28 ping ping-answered 1: it rains", ""},
		{"an excuse for what is not reached is taken", []string{"SUCCESS", "SUCCESS"}, []string{"SUCCESS"}, "2026-07-28 ping ping-answered 1: it rains", ""},
		{"an excuse for another check is not", []string{"SUCCESS"}, []string{"FAILURE"}, "2026-07-28 ping other 1: it rains", "ping ping-answered"},
		{"an excuse for another revision is not", []string{"SUCCESS"}, []string{"FAILURE"}, "2025-11-25 ping ping-answered 1: it rains", "ping ping-answered"},
		{"an excuse covers no second failure", []string{"SUCCESS", "SUCCESS"}, []string{"FAILURE", "FAILURE"}, "2026-07-28 ping ping-answered 1: it rains", "0, 2, 0 with it, of which 1 are excused"},
		{"an excuse for two is too much for one", []string{"SUCCESS", "SUCCESS"}, []string{"SUCCESS", "FAILURE"}, "2026-07-28 ping ping-answered 2: it rains", "1, 1, 0 with it, of which 2 are excused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			excused, err := parseBaseline("baseline", tt.baseline)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(compare("2026-07-28", tallied(c, tt.direct), tallied(c, tt.proxied), excused), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func tallied(c check, statuses []string) results {
	r := make(results)
	for _, status := range statuses {
		r.note(c, status, "")
	}
	return r
}

func TestBaselineNamesExcusesThatNothingNeeds(t *testing.T) {
	b, err := parseBaseline("baseline", "# why\n\n2026-07-28 a one 1: rain\n2026-07-28 a two 3: snow\n2025-11-25 a one 1: hail\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.take(judged{"2026-07-28", check{"a", "one"}}); got != 1 {
		t.Errorf("it is excused %d times, want 1", got)
	}
	want := []string{"baseline excuses 2025-11-25 a one, which passes", "baseline excuses 2026-07-28 a two, which passes"}
	if got := b.unused(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBaselineWantsRevisionTimesAndReason(t *testing.T) {
	for _, text := range []string{
		"2026-07-28 a one 1", "2026-07-28 a one 1:", "2026-07-28 a one 1: ", "a one 1: rain", "2026-07-28 a one: rain",
		"2026-07-28 a one 0: rain", "2026-07-28 a one two: rain", "2026-07-28 a one two 1: rain",
		"2026-07-28 a one 1: rain\n2026-07-28 a one 1: rain",
	} {
		if _, err := parseBaseline("baseline", text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

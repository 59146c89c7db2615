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
		{"an excuse is taken", []string{"SUCCESS"}, []string{"FAILURE"}, "ping ping-answered: it rains", ""},
		{"an excuse for another check is not", []string{"SUCCESS"}, []string{"FAILURE"}, "ping other: it rains", "ping ping-answered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			excused, err := parseBaseline("baseline", tt.baseline)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(compare(tallied(c, tt.direct), tallied(c, tt.proxied), excused), "\n")
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
	b, err := parseBaseline("baseline", "# why\n\na one: rain\na two: snow\n")
	if err != nil {
		t.Fatal(err)
	}
	if !b.takes(check{"a", "one"}) {
		t.Error("the excuse was not taken")
	}
	want := []string{"baseline excuses a two, which passes"}
	if got := b.unused(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBaselineWantsAReason(t *testing.T) {
	for _, text := range []string{"a one", "a one:", "a one: ", "a: rain", "a one two: rain"} {
		if _, err := parseBaseline("baseline", text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

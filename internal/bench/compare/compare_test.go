package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAnIDIsFoundWithoutReadingTheAnswer(t *testing.T) {
	filler := strings.Repeat("x", 10_000)
	tests := []struct {
		name, line string
		want       int
		found      bool
	}{
		{"before the result", `{"jsonrpc":"2.0","id":7,"result":{"text":"` + filler + `"}}`, 7, true},
		{"behind the result", `{"result":{"text":"` + filler + `"},"jsonrpc":"2.0","id":42}`, 42, true},
		{"a notification has none", `{"jsonrpc":"2.0","method":"notifications/progress"}`, 0, false},
		{"a text is no id of ours", `{"jsonrpc":"2.0","id":"a","method":"ping"}`, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, found := idOf([]byte(tt.line)); got != tt.want || found != tt.found {
				t.Errorf("got %d, %t, want %d, %t", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestNumbersAreMediansOfRounds(t *testing.T) {
	got := medians([]Numbers{{Start: 9, P50: 1}, {Start: 1, P50: 3}, {Start: 5, P50: 2}})
	if want := (Numbers{Start: 5, P50: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Every number has its median: one that is forgotten would be 0.
	var all Numbers
	text := `{"start_ms":1,"call_p50_ms":1,"call_p99_ms":1,"cpu_per_call_ms":1,"calls_per_second_64_in_flight":1,"result_16_mib_ms":1,` +
		`"resident_idle_mb":1,"resident_mb":1,"resident_after_16_mib_mb":1}`
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	if got := medians([]Numbers{all}); got != all {
		t.Errorf("got %+v, want %+v", got, all)
	}
}

func TestAQuantileIsOneOfTheTimes(t *testing.T) {
	times := []time.Duration{5, 1, 4, 2, 3}
	for part, want := range map[float64]time.Duration{0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(times, part); got != want {
			t.Errorf("quantile %v: got %d, want %d", part, got, want)
		}
	}
}

func TestWhatTheEditorIsToldIsTheText(t *testing.T) {
	tests := []struct {
		name, answer, want string
		err                error
	}{
		{name: "a tool's text", answer: `{"result":{"content":[{"type":"text","text":"no credits"}],"isError":true}}`, want: "the editor is told: no credits"},
		{name: "an error's message", answer: `{"error":{"code":-32000,"message":"closed"}}`, want: "the editor is told: closed"},
		{name: "silence", err: context.DeadlineExceeded, want: "no answer in 15 s"},
		{name: "an end", err: errEnded, want: "the program ends without an answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := told([]byte(tt.answer), tt.err); got != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestAPackageIsFoundWithItsProgram(t *testing.T) {
	folder := t.TempDir()
	dir := filepath.Join(folder, "node_modules", "other")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"version":"1.2.3","bin":{"other":"dist/main.js"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	script, version, err := installed(folder, "other")
	if want := filepath.Join(dir, "dist", "main.js"); script != want || version != "1.2.3" || err != nil {
		t.Errorf("got %s, %s, %v, want %s", script, version, err, want)
	}
	if _, _, err := installed(folder, "missing"); err == nil {
		t.Error("a package that is not there was found")
	}
}

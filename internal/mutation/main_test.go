package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMutantsOfAPackage(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/sign\n\ngo 1.26\n",
		"sign.go": `package sign

// Sign is -1, 0 or 1.
func Sign(n int) (sign int) {
	if n < 0 {
		return -1
	}
	if n > 0 {
		sign = 1
	}
	return sign
}

func wait(done chan bool) {
	for i := range 3 {
		done <- i == 2
	}
}
`,
		"sign_test.go": `package sign

import "testing"

func TestSign(t *testing.T) {
	if Sign(-5) != -1 || Sign(5) != 1 {
		t.Error("another sign")
	}
	done := make(chan bool)
	go wait(done)
	for range 3 {
		<-done
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out strings.Builder
	r := &run{out: &out, within: time.Minute, workers: 1}
	score, err := r.test(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, survivor := range []string{
		"sign.go:5: Sign: if n < 0 {: n < 0 → n <= 0\n",
		"sign.go:8: Sign: if n > 0 {: n > 0 → n >= 0\n",
		"sign.go:16: wait: done <- i == 2: i == 2 → i != 2\n",
	} {
		if !strings.Contains(got, survivor) {
			t.Errorf("got no line %q in\n%s", survivor, got)
		}
	}
	for _, dead := range []string{"n < 0 → n >= 0", "-1 → 1", "sign = → _ =", "(n > 0) && false"} {
		if strings.Contains(got, dead) {
			t.Errorf("got %q as what tests do not notice in\n%s", dead, got)
		}
	}
	if score < 50 || score > 80 || !strings.Contains(got, "(1 more do not compile, 0 were not tried)") {
		t.Errorf("got a score of %g, and\n%s", score, got)
	}
}

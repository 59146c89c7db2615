//go:build unix

package auth

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestADiskThatIsFullKeepsNothing(t *testing.T) {
	if !alone(t) { // no file of that process can have a byte
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // so that a write beyond the limit has an error
	m := newMachine(t)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	_, kept := m.Keep(t.Context(), mustParse(t, canary), true)
	reached := m.store().Reach(t.Context(), true)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{kept, reached} {
		if err == nil || !strings.HasPrefix(err.Error(), "writing the private file: ") {
			t.Errorf("got %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(m.store().Files()[0])); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

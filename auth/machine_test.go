package auth

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeChain is a keychain in memory.
type fakeChain struct {
	secret  string
	err     error         // of every method
	blocked chan struct{} // not nil: Get waits until it is closed
	asked   atomic.Int32
}

func (f *fakeChain) Get() (string, error) {
	f.asked.Add(1)
	if f.blocked != nil {
		<-f.blocked
	}
	return f.secret, f.err
}

func (f *fakeChain) Set(secret string) error {
	if f.err == nil {
		f.secret = secret
	}
	return f.err
}

func (f *fakeChain) Delete() error {
	f.secret = ""
	return f.err
}

// time30 lets so much time pass that a command and the keychain may be asked again.
func time30(t *testing.T) {
	t.Helper()
	after(t, slowPause)
}

// after lets time pass, in a bubble.
func after(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
	synctest.Wait()
}

// a user's machine, with everything that Keys looks at.
type machine struct {
	*Keys
	values map[string]string
	chain  *fakeChain
	runs   int
	print  func(context.Context) (string, error) // what the command prints
	dir    string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{chain: &fakeChain{}, dir: t.TempDir()}
	_ = os.Chmod(m.dir, 0o700) // whatever the umask is
	m.values = map[string]string{"HOME": m.dir, "USERPROFILE": m.dir}
	m.Keys = &Keys{
		Getenv: environment(m.values),
		Environ: func() []string {
			var all []string
			for name, value := range m.values {
				all = append(all, name+"="+value)
			}
			return all
		},
		Keychain: m.chain,
		Redactor: new(Redactor),
		Run: func(ctx context.Context, _ []string, _ io.Writer) ([]byte, error) {
			m.runs++
			out, err := m.print(ctx)
			return []byte(out), err
		},
	}
	t.Cleanup(m.Close)
	return m
}

// file writes a key file and returns its name.
func (m *machine) file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(m.dir, "key.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *machine) command(prints func(context.Context) (string, error)) {
	m.values[commandVariable], m.print = "tool get key", prints
}

func says(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

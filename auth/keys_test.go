package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const newer = "lm_newer_5f1c0e9a7b3d2468"

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

func TestTheFirstSourceWithAKeyWins(t *testing.T) {
	const fromFile, fromCommand, fromPrivate, fromChain = "lm_from_file_012345", "lm_from_command_0123", "lm_from_private_0123", "lm_from_chain_012345"
	tests := []struct {
		name                 string
		set                  map[string]string
		file, private, chain string
		printed              string
		want, source, hidden string
		runs, asked          int
	}{
		{
			name: "the variable, before everything", set: map[string]string{variable: canary},
			file: fromFile, printed: fromCommand, private: fromPrivate, chain: fromChain,
			want: canary, source: variable, hidden: fileVariable,
		},
		{
			name: "the file, before the command", file: fromFile, printed: fromCommand, private: fromPrivate, chain: fromChain,
			want: fromFile, source: fileVariable, hidden: commandVariable,
		},
		{
			name: "the command, before what login keeps", printed: fromCommand, private: fromPrivate, chain: fromChain,
			want: fromCommand, source: commandVariable, hidden: privateName, runs: 1,
		},
		{
			name: "the private file, and the keychain is not asked", private: fromPrivate, chain: fromChain,
			want: fromPrivate, source: privateName,
		},
		{name: "the keychain at last", chain: fromChain, want: fromChain, source: keychainName, asked: 1},
		{
			name: "behind references that nobody filled in", chain: fromChain,
			set:  map[string]string{variable: "${LEADMAGIC_API_KEY}", fileVariable: "${env:LEADMAGIC_API_KEY_FILE}", commandVariable: "$LEADMAGIC_API_KEY_COMMAND"},
			want: fromChain, source: keychainName, asked: 1,
		},
		{name: "behind a sample", set: map[string]string{variable: "lm_your_api_key_here"}, file: fromFile, want: fromFile, source: fileVariable},
		{name: "behind an empty file", file: "\n", chain: fromChain, want: fromChain, source: keychainName, asked: 1},
		{name: "behind a command that prints nothing", printed: "\n", chain: fromChain, want: fromChain, source: keychainName, runs: 1, asked: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			maps.Copy(m.values, tt.set)
			if tt.file != "" {
				m.values[fileVariable] = m.file(t, tt.file)
			}
			if tt.printed != "" {
				m.command(says(tt.printed))
			}
			if tt.private != "" {
				if _, err := m.writePrivate(mustParse(t, tt.private)); err != nil {
					t.Fatal(err)
				}
			}
			m.chain.secret = tt.chain
			if before := m.Describe(); before.Source != "" || before.Sources != nil || before.Advice("codex") != "" {
				t.Errorf("something was read before it was asked for: %+v", before)
			}
			key, err := m.Get(t.Context())
			if err != nil || key.value() != tt.want {
				t.Fatalf("the key of another source came, or %v", err)
			}
			if again, err := m.Get(t.Context()); err != nil || !again.Equal(key) {
				t.Errorf("the second time another key came, or %v", err)
			}
			got := m.Describe()
			if got.Source != tt.source || got.Hidden != tt.hidden || got.Odd || got.Advice("codex") != "" {
				t.Errorf("from %q, hiding %q; want %q, hiding %q", got.Source, got.Hidden, tt.source, tt.hidden)
			}
			if m.runs != tt.runs || int(m.chain.asked.Load()) != tt.asked {
				t.Errorf("the command ran %d times, the keychain was asked %d times; want %d and %d", m.runs, m.chain.asked.Load(), tt.runs, tt.asked)
			}
			if leaks(fmt.Sprintf("%+v %#v", got, got)) {
				t.Error("the report shows the key")
			}
		})
	}
}

func TestOneKeyAlone(t *testing.T) {
	for name, keys := range map[string]*Keys{"only": Only(mustParse(t, canary), "the sandbox"), "fixed": Fixed(canary, "the sandbox")} {
		key, err := keys.Get(t.Context())
		if err != nil || key.value() != canary {
			t.Errorf("%s: the key is another one, or %v", name, err)
		}
		if _, found := keys.Newer(t.Context(), key); found || keys.Changed() {
			t.Errorf("%s: there is another key", name)
		}
		if got := keys.Describe(); got.Source != "the sandbox" || len(got.Sources) != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := Fixed("a b", "a test").Get(t.Context()); problem.As(err) == nil || problem.As(err).Code != problem.KeyMalformed {
		t.Errorf("got %v, want a malformed key", err)
	}
}

func TestAFileThatIsRewrittenCountsAtTheNextCall(t *testing.T) {
	m := newMachine(t)
	m.values[fileVariable] = m.file(t, "lm_cut off")
	_, err := m.Get(t.Context())
	if p := problem.As(err); p == nil || p.What != "the API key from LEADMAGIC_API_KEY_FILE has a blank inside (copied completely?)" {
		t.Fatalf("got %v, want what is wrong with the key and where it is from", err)
	}
	if got := m.Describe(); got.Source != "" || got.Advice("codex") != "" {
		t.Errorf("%+v: the problem itself says what to do", got)
	}
	m.file(t, canary)
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("the new key is not taken: %v", err)
	}
}

func TestACommandIsNotRunAgainForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.command(func(context.Context) (string, error) { return "", errors.New("locked") })
		for range 3 {
			if _, err := m.Get(t.Context()); problem.As(err) == nil || problem.As(err).Code != problem.KeyMissing {
				t.Fatalf("got %v, want a missing key", err)
			}
		}
		if m.runs != 1 || m.chain.asked.Load() != 0 {
			t.Errorf("the command ran %d times, the keychain was asked %d times; want 1 and 0", m.runs, m.chain.asked.Load())
		}
		m.print = says(canary)
		after(t, slowPause-time.Second)
		if _, err := m.Get(t.Context()); err == nil || m.runs != 1 {
			t.Errorf("%v after %d runs, want the same problem without another", err, m.runs)
		}
		after(t, time.Second)
		if key, err := m.Get(t.Context()); err != nil || key.value() != canary || m.runs != 2 {
			t.Errorf("%v after %d runs, want the key after two", err, m.runs)
		}
	})
}

func TestACommandThatHangsIsWaitedForBehindTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		answer := make(chan string)
		m.command(func(ctx context.Context) (string, error) {
			select {
			case text := <-answer:
				return text, nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
		defer stop()
		start := time.Now()
		_, err := m.Get(ctx)
		p := problem.As(err)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 4*time.Second || p == nil ||
			p.What != "there is no LeadMagic API key yet: LEADMAGIC_API_KEY_COMMAND has not answered" {
			t.Fatalf("got %v after %v, want what is waited for after 4 s", err, time.Since(start))
		}
		if got := m.Describe().Waiting; got != commandVariable {
			t.Errorf("waiting for %q, want %q", got, commandVariable)
		}
		if m.Changed() {
			t.Error("changed, while it is not known yet")
		}
		answer <- canary
		synctest.Wait()
		if key, err := m.Get(t.Context()); err != nil || key.value() != canary || m.runs != 1 || m.Describe().Waiting != "" {
			t.Errorf("%v after %d runs, want the key that came late", err, m.runs)
		}
	})
}

func TestACommandIsEndedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		hang := func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		m.command(hang)
		start := time.Now()
		_, err := m.Get(t.Context())
		if p := problem.As(err); p == nil || !strings.Contains(p.What, "gave no answer in 60 s and was ended") || time.Since(start) != commandFor {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		time30(t)
		got := make(chan error)
		go func() {
			_, err := m.Get(t.Context())
			got <- err
		}()
		synctest.Wait()
		m.Close()
		if err := <-got; err == nil || !strings.Contains(err.Error(), "was ended with the session") {
			t.Errorf("got %v, want that the session ended", err)
		}
	})
}

func TestACallerThatIsGoneReadsNothing(t *testing.T) {
	m := newMachine(t)
	m.values[variable] = canary
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if m.Describe().Sources != nil {
		t.Error("the sources were read")
	}
	if _, found := m.Newer(ctx, Key{}); found {
		t.Error("a key was found")
	}
}

func TestAKeychainThatBlocksIsNotThereAndItsLateAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.chain.blocked = make(chan struct{})
		m.chain.secret = canary
		start := time.Now()
		_, err := m.Get(t.Context())
		p := problem.As(err)
		if p == nil || p.What != "no LeadMagic API key is set: the keychain of this system has not answered" || time.Since(start) != keychainFor {
			t.Fatalf("got %v after %v", err, time.Since(start))
		}
		if _, err := m.Get(t.Context()); err == nil || time.Since(start) != keychainFor {
			t.Errorf("%v after %v: it was waited for again", err, time.Since(start))
		}
		after(t, pollPause)
		if m.Changed() {
			t.Error("changed, while the keychain is silent")
		}
		close(m.chain.blocked)
		synctest.Wait()
		for range 2 { // it is one until it is taken
			if !m.Changed() {
				t.Error("the late answer is not a change")
			}
		}
		if key, err := m.Get(t.Context()); err != nil || key.value() != canary || m.chain.asked.Load() != 1 {
			t.Errorf("%v, asked %d times; want the late answer", err, m.chain.asked.Load())
		}
		after(t, pollPause)
		if m.Changed() {
			t.Error("changed once more")
		}
	})
}

func TestClosingDoesNotWaitForAKeychain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.chain.blocked = make(chan struct{})
		defer close(m.chain.blocked)
		go func() { _, _ = m.Get(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		m.Close()
		if passed := time.Since(start); passed != 0 {
			t.Errorf("it took %v", passed)
		}
	})
}

func TestNewerFindsAKeyThatWasReplaced(t *testing.T) {
	m := newMachine(t)
	m.values[fileVariable] = m.file(t, canary)
	used, err := m.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, found := m.Newer(t.Context(), used); found {
		t.Error("the same key is taken for a newer one")
	}
	m.file(t, newer)
	key, found := m.Newer(t.Context(), used)
	if !found || key.value() != newer {
		t.Fatal("the new key is not found")
	}
	m.file(t, "lm_third_0123456789")
	if again, found := m.Newer(t.Context(), used); !found || !again.Equal(key) {
		t.Error("who comes later with the old key does not get the one that is in use")
	}
	if now, err := m.Get(t.Context()); err != nil || !now.Equal(key) {
		t.Errorf("the new key is not in use: %v", err)
	}
}

func TestAFileThatIsBeingWrittenDoesNotTakeTheKeyAway(t *testing.T) {
	m := newMachine(t)
	path := m.file(t, canary)
	m.values[fileVariable] = path
	used, err := m.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, found := m.Newer(t.Context(), used); found {
		t.Error("a key is found in no file")
	}
	if key, err := m.Get(t.Context()); err != nil || !key.Equal(used) {
		t.Errorf("the key is gone: %v", err)
	}
}

func TestNewerAsksSeldomAndTellsWhatIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.values[variable] = canary
		m.chain.secret = newer
		used, err := m.Get(t.Context())
		if err != nil || m.chain.asked.Load() != 0 {
			t.Fatalf("%v, the keychain was asked %d times; want none", err, m.chain.asked.Load())
		}
		for range 3 {
			if _, found := m.Newer(t.Context(), used); found {
				t.Error("a source that is hidden gave a key")
			}
		}
		if got := m.Describe(); got.Source != variable || got.Hidden != keychainName || m.chain.asked.Load() != 1 {
			t.Errorf("from %q, hiding %q, the keychain was asked %d times", got.Source, got.Hidden, m.chain.asked.Load())
		}
	})
}

func TestChangedLooksAtFilesEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.values[fileVariable] = m.file(t, "")
		if m.Changed() {
			t.Error("changed before anything was read")
		}
		if _, err := m.Get(t.Context()); err == nil {
			t.Fatal("an empty file has a key")
		}
		after(t, pollPause)
		if m.Changed() {
			t.Error("nothing has changed")
		}
		m.file(t, canary)
		if m.Changed() {
			t.Error("the file was looked at again at once")
		}
		after(t, pollPause)
		if !m.Changed() || m.chain.asked.Load() != 1 {
			t.Error("the change is not seen, or somebody was asked")
		}
		if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
			t.Fatalf("the key is not taken: %v", err)
		}
		m.file(t, newer) // the first was rejected, say
		after(t, pollPause)
		if !m.Changed() {
			t.Error("the second change is not seen")
		}
		if key, err := m.Get(t.Context()); err != nil || key.value() != newer {
			t.Errorf("the second key is not taken: %v", err)
		}
	})
}

func TestRedactTakesOutWhatWasFound(t *testing.T) {
	m := newMachine(t)
	m.values[variable] = canary
	if got := m.Redact("nothing yet"); got != "nothing yet" {
		t.Errorf("got %q before there was a key", got)
	}
	if _, err := m.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := m.Redact("a "+canary+" b"), "a [redacted] b"; got != want {
		t.Errorf("the text is not %q", want)
	}
}

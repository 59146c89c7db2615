package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const newer = "lm_newer_5f1c0e9a7b3d2468"

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
			set:  map[string]string{variable: "${LEADMAGIC_API_KEY}", fileVariable: `"${env:LEADMAGIC_API_KEY_FILE}"`, commandVariable: " $LEADMAGIC_API_KEY_COMMAND"},
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
				if _, err := m.store().Keep(t.Context(), tt.private, true); err != nil {
					t.Fatal(err)
				}
			}
			m.chain.secret = tt.chain
			if before := m.Describe(); before.Source != "" || before.Sources != nil || m.Advice(cursor) != "" {
				t.Errorf("something was read before it was asked for: %+v", before)
			}
			if got, want := m.AtHand(), tt.runs+tt.asked == 0; got != want {
				t.Errorf("at hand: %v, want %v", got, want)
			}
			key, err := m.Get(t.Context())
			if err != nil || key.value() != tt.want {
				t.Fatalf("the key of another source came, or %v", err)
			}
			if again, err := m.Get(t.Context()); err != nil || !again.Equal(key) {
				t.Errorf("the second time another key came, or %v", err)
			}
			got := m.Describe()
			if got.Source != tt.source || got.Hidden != tt.hidden || got.Odd || m.Advice(cursor) != "" {
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
	keys := Only(mustParse(t, canary), "the sandbox")
	key, err := keys.Get(t.Context())
	if err != nil || key.value() != canary {
		t.Errorf("the key is another one, or %v", err)
	}
	if _, found := keys.Newer(t.Context(), key); found || keys.Changed() || !keys.AtHand() {
		t.Error("there is another key, or none at hand")
	}
	if got := keys.Describe(); got.Source != "the sandbox" || len(got.Sources) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestAFileThatIsRewrittenCountsAtTheNextCall(t *testing.T) {
	m := newMachine(t)
	m.values[fileVariable] = m.file(t, "lm_cut off")
	_, err := m.Get(t.Context())
	if p := problem.As(err); p == nil || p.What != "the API key from LEADMAGIC_API_KEY_FILE has a blank inside (copied completely?)" {
		t.Fatalf("got %v, want what is wrong with the key and where it is from", err)
	}
	if got := m.Describe(); got.Source != "" || m.Advice(cursor) != "" {
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

func TestWhatTheKeychainHoldsAndIsNoKey(t *testing.T) {
	for secret, want := range map[string]string{
		"lm_a b":               "the API key from the keychain of this system has a blank inside (copied completely?)",
		"lm_your_api_key_here": "no LeadMagic API key is set: the keychain of this system holds a text that is a sample, not a key",
	} {
		m := newMachine(t)
		m.chain.secret = secret
		if _, err := m.Get(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestACommandThatCannotBeRunForAnyOtherReason(t *testing.T) {
	m := newMachine(t)
	m.command(func(context.Context) (string, error) { return "", errors.New("no room") })
	_, err := m.Get(t.Context())
	if p := problem.As(err); p == nil || p.What != "there is no LeadMagic API key: LEADMAGIC_API_KEY_COMMAND cannot be run" || p.Next != "try it in a terminal" {
		t.Errorf("got %+v", p)
	}
}

package auth

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
)

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

func TestWhoWaitsForANewerKeyCanStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		ctx, cancel := context.WithCancel(t.Context())
		asked := make(chan struct{})
		m.command(func(ctx context.Context) (string, error) {
			close(asked)
			<-ctx.Done()
			return "", ctx.Err()
		})
		go func() {
			<-asked
			cancel()
		}()
		if _, found := m.Newer(ctx, mustParse(t, canary)); found {
			t.Error("a key was found that nobody has given")
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
		after(t, pollPause-1)
		if m.Changed() {
			t.Error("the file was looked at again too early")
		}
		after(t, 1)
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

// Who has rejected the key, and who has seen that its file is gone, agree that there is none.
func TestAKeyWhoseFileIsGoneIsTakenAwayWhenThatIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		path := m.file(t, canary)
		m.values[fileVariable] = path
		used, err := m.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		after(t, pollPause)
		if !m.Changed() {
			t.Error("it is not seen")
		}
		if _, found := m.Newer(t.Context(), used); found {
			t.Error("a key is found in no file")
		}
		if _, err := m.Get(t.Context()); err == nil || m.Describe().Source != "" {
			t.Errorf("got %v, and the key of %q", err, m.Describe().Source)
		}
	})
}

// To see whether something has changed nobody is asked, and what is not known is no change.
func TestACommandIsNotRunToSeeWhetherItsKeyHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.command(says(canary))
		if _, err := m.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		after(t, pollPause)
		if m.Changed() || m.runs != 1 {
			t.Errorf("it has changed, after %d runs", m.runs)
		}
	})
}

// What a reading is about to find is no change yet.
func TestNothingHasChangedDuringAReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.command(says(canary))
		used, err := m.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time30(t)
		answer := make(chan string)
		m.print = func(context.Context) (string, error) { return <-answer, nil }
		found := make(chan bool)
		go func() {
			_, ok := m.Newer(t.Context(), used)
			found <- ok
		}()
		synctest.Wait()
		path := m.file(t, newer)
		m.values[fileVariable] = path
		if m.Changed() {
			t.Error("it has changed, while it is read")
		}
		answer <- canary
		if <-found {
			t.Error("the same key is taken for a newer one")
		}
		if !m.Changed() {
			t.Error("it has not changed afterwards")
		}
	})
}

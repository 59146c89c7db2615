package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zalando/go-keyring"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestAKeyIsKeptWhereASessionFindsIt(t *testing.T) {
	for _, private := range []bool{true, false} {
		m := newMachine(t)
		place, err := m.Keep(t.Context(), mustParse(t, canary), private)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
			t.Errorf("in %s: it is not found: %v", place, err)
		}
		want := keychainName
		if private {
			want = m.store().Files()[0]
			windows := runtime.GOOS == "windows" // where a mode says nothing
			info, err := os.Stat(place)
			if err != nil || info.Mode().Perm() != 0o600 && !windows {
				t.Errorf("the file is %v, %v; want that this user alone can read it", info.Mode(), err)
			}
			if folder, err := os.Stat(filepath.Dir(place)); err != nil || folder.Mode().Perm() != 0o700 && !windows {
				t.Errorf("the folder is %v, %v; want that this user alone can read it", folder.Mode(), err)
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(place), ".key-*")); err != nil || len(left) > 0 {
				t.Errorf("%q is left behind", left)
			}
		}
		if place != want {
			t.Errorf("the place is %q, want %q", place, want)
		}
	}
}

func TestTheLastLoginCounts(t *testing.T) {
	m := newMachine(t)
	for i, key := range []string{canary, newer, "lm_third_0123456789", "lm_fourth_0123456789"} {
		if _, err := m.Keep(t.Context(), mustParse(t, key), i%2 == 0); err != nil {
			t.Fatal(err)
		}
		again := &Keys{Getenv: m.Getenv, Keychain: m.chain}
		if got, err := again.Get(t.Context()); err != nil || got.value() != key {
			t.Errorf("after login %d the key of another is found, or %v", i+1, err)
		}
	}
}

func TestAKeyThatCannotBeKeptSaysWhy(t *testing.T) {
	tests := []struct {
		name    string
		private bool
		spoil   func(t *testing.T, m *machine)
		want    string
	}{
		{"no keychain", false, func(_ *testing.T, m *machine) { m.chain.err = ErrNoKeychain }, "no keychain runs here"},
		{"a keychain that forgets", false, func(_ *testing.T, m *machine) { m.Keychain = forgetful{} }, "does not give back"},
		{"a keychain that cannot read", false, func(_ *testing.T, m *machine) { m.Keychain = unreadable{} }, "reading it back from the keychain: locked"},
		{"a keychain that breaks", false, func(_ *testing.T, m *machine) { m.Keychain = crashing{} }, "broken answer"},
		{"a file where the folder should be", true, func(t *testing.T, m *machine) {
			config := filepath.Dir(filepath.Dir(m.store().Files()[0]))
			if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(config, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "making the config folder"},
		{"a folder where the file should be", true, func(t *testing.T, m *machine) {
			if err := os.MkdirAll(filepath.Join(m.store().Files()[0], "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "writing the private file"},
		{"an older private file that stays", false, func(t *testing.T, m *machine) {
			if err := os.MkdirAll(filepath.Join(m.store().Files()[0], "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "an older one comes before it"},
	}
	if runtime.GOOS == "linux" {
		tests = append(tests, struct {
			name    string
			private bool
			spoil   func(t *testing.T, m *machine)
			want    string
		}{"a folder in which not even root makes a file", true, func(t *testing.T, m *machine) {
			folder := filepath.Dir(m.store().Files()[0])
			if err := errors.Join(os.MkdirAll(filepath.Dir(folder), 0o700), os.Symlink("/proc", folder)); err != nil {
				t.Fatal(err)
			}
		}, "writing the private file"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.spoil(t, m)
			place, err := m.Keep(t.Context(), mustParse(t, canary), tt.private)
			if err == nil || place != "" || !strings.Contains(err.Error(), tt.want) || leaks(err.Error()) {
				t.Errorf("kept in %q, %v; want %q", place, err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(m.store().Files()[0]), ".key-*")); len(left) > 0 {
				t.Errorf("%q is left behind", left)
			}
		})
	}
}

// forgetful takes a secret and does not keep it.
type forgetful struct{}

func (forgetful) Get() (string, error) { return "", nil }
func (forgetful) Set(string) error     { return nil }
func (forgetful) Delete() error        { return nil }

// unreadable gives nothing back, and cannot be emptied.
type unreadable struct{}

func (unreadable) Get() (string, error) { return "", errors.New("locked") }
func (unreadable) Set(string) error     { return nil }
func (unreadable) Delete() error        { return errors.New("locked") }

// crashing is a library that trusts a bus too much.
type crashing struct{}

func (crashing) Get() (string, error) { panic("not a path") }
func (crashing) Set(string) error     { panic("not a path") }
func (crashing) Delete() error        { panic("not a path") }

func TestAKeychainThatBreaksIsOneThatIsNotThere(t *testing.T) {
	for _, chain := range []Keychain{crashing{}, unreadable{}, &fakeChain{err: ErrNoKeychain}} {
		m := newMachine(t)
		m.Keychain = chain
		if _, err := m.Get(t.Context()); err == nil || err.Error() != "no LeadMagic API key is set: the keychain of this system cannot be reached" {
			t.Errorf("%T: %v", chain, err)
		}
	}
}

func TestForgetRemovesFromBothPlaces(t *testing.T) {
	m := newMachine(t)
	if places, err := m.Remove(t.Context()); err != nil || len(places) != 0 {
		t.Errorf("from %q, %v; there was nothing", places, err)
	}
	if _, err := m.Keep(t.Context(), mustParse(t, canary), true); err != nil {
		t.Fatal(err)
	}
	m.chain.secret = newer
	places, err := m.Remove(t.Context())
	if want := []string{privateName, keychainName}; err != nil || !slices.Equal(places, want) {
		t.Errorf("from %q, %v; want %q", places, err, want)
	}
	if _, err := m.Get(t.Context()); err == nil || m.chain.secret != "" {
		t.Error("a key is still found")
	}
	m.Keychain = unreadable{}
	if places, err := m.Remove(t.Context()); err != nil || len(places) != 0 {
		t.Errorf("from %q, %v; what cannot be reached has nothing", places, err)
	}
}

func TestForgetSaysWhatStays(t *testing.T) {
	m := newMachine(t)
	m.Keychain = stubborn{}
	if _, err := m.Remove(t.Context()); err == nil || !strings.Contains(err.Error(), "removing it from the keychain: locked") {
		t.Errorf("got %v, want that the keychain keeps it", err)
	}
	if err := os.MkdirAll(filepath.Join(m.store().Files()[0], "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Remove(t.Context()); err == nil || !strings.Contains(err.Error(), "removing the private file") {
		t.Errorf("got %v, want that the file stays", err)
	}
}

// stubborn has a secret and keeps it.
type stubborn struct{ unreadable }

func (stubborn) Get() (string, error) { return canary, nil }

func TestAKeychainThatBlocksIsGivenUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		defer m.Close()
		m.chain.blocked = make(chan struct{})
		defer close(m.chain.blocked)
		if _, err := m.Keep(t.Context(), mustParse(t, canary), false); err == nil || !strings.Contains(err.Error(), "has not answered") {
			t.Errorf("got %v, want that it has not answered", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.Remove(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was interrupted", err)
		}
	})
}

func TestAboveNamesWhatComesBeforeAKeptKey(t *testing.T) {
	m := newMachine(t)
	m.values[fileVariable] = "<a file>"
	if got := m.Above(); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
	m.values[variable] = canary
	m.command(func(context.Context) (string, error) {
		t.Error("the command was run")
		return "", nil
	})
	if got, want := m.Above(), []string{variable, commandVariable}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheSystemsKeychainIsNotLookedForWithoutABus(t *testing.T) {
	none := environment(nil)
	if !runs("darwin", none) || !runs("windows", none) {
		t.Error("a keychain that needs no bus is not asked")
	}
	usual := runtime.GOOS == "darwin" || runtime.GOOS == "windows"
	for _, name := range []string{"bus", "dbus-session"} {
		_, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name))
		usual = usual || err == nil
	}
	for address, want := range map[string]bool{"unix:path=/nonexistent": true, "autolaunch:": usual, "": usual} {
		getenv := environment(map[string]string{"DBUS_SESSION_BUS_ADDRESS": address})
		if got := runs(runtime.GOOS, getenv); got != want {
			t.Errorf("%s: the keychain of the system is asked: %v, want %v", address, got, want)
		}
		if want {
			continue // it is a user's own
		}
		s := (&Keys{Getenv: getenv}).store()
		for _, do := range []func(Keychain) (string, error){
			Keychain.Get, func(k Keychain) (string, error) { return "", k.Set(canary) }, func(k Keychain) (string, error) { return "", k.Delete() },
		} {
			if _, err := s.use(do); !errors.Is(err, ErrNoKeychain) {
				t.Errorf("got %v where there is none", err)
			}
		}
	}
}

func TestAStoreIsReadAndReached(t *testing.T) {
	m := newMachine(t)
	s := m.store()
	locked := errors.New("locked")
	for _, tt := range []struct {
		name        string
		secret      string
		err         error
		wantErr     error // of Read
		unreachable error // of Reach
	}{
		{"nothing", "", nil, nil, nil},
		{"a keychain that has it", canary, nil, nil, nil},
		{"no keychain", "", ErrNoKeychain, nil, ErrNoKeychain},
		{"a keychain that is locked", "", locked, locked, locked},
	} {
		m.chain.secret, m.chain.err = tt.secret, tt.err
		if secret, path, err := s.Read(t.Context()); secret != tt.secret || path != "" || !errors.Is(err, tt.wantErr) || err != nil && err.Error() != "reading the keychain: locked" {
			t.Errorf("%s: read from %q, %v", tt.name, path, err)
		}
		if err := s.Reach(t.Context(), false); !errors.Is(err, tt.unreachable) {
			t.Errorf("%s: reached with %v", tt.name, err)
		}
		if err := s.Reach(t.Context(), true); err != nil {
			t.Errorf("%s: the private file is reached with %v", tt.name, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(s.Files()[0])); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
	place, err := s.Keep(t.Context(), canary, true)
	if err != nil {
		t.Fatal(err)
	}
	if secret, path, err := s.Read(t.Context()); secret != canary || path != place || err != nil {
		t.Errorf("read from %q, %v; want it from %q", path, err, place)
	}
	if err := os.WriteFile(place, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, path, err := s.Read(t.Context())
	if p := problem.As(err); secret != "" || path != "" || p == nil || p.Code != problem.BadSetting || p.What != place+" is too large to be a key alone" || p.Next == "" {
		t.Errorf("a file that cannot be used: read from %q, %v", path, err)
	}
}

func TestASecretThatIsNotGivenBackIsNotKept(t *testing.T) {
	m := newMachine(t)
	_, err := m.store().Keep(t.Context(), " "+canary, true)
	if err == nil || err.Error() != "the private file cannot be read back: it holds something else" {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(m.store().Files()[0])); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

// The variable that moves the config folder may have been set or not when the key was kept, and a write may have been cut off.
func TestForgetRemovesFromAllFolders(t *testing.T) {
	m := newMachine(t)
	if _, err := m.Keep(t.Context(), mustParse(t, canary), true); err != nil {
		t.Fatal(err)
	}
	name := "XDG_CONFIG_HOME"
	if runtime.GOOS == "windows" {
		name = "APPDATA"
	}
	m.values[name] = filepath.Join(m.dir, "moved")
	files := m.store().Files()
	if runtime.GOOS == "darwin" {
		return // where none moves it
	}
	if err := os.MkdirAll(filepath.Dir(files[0]), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(files[1]), ".key-123")
	if err := errors.Join(os.WriteFile(files[0], []byte(newer), 0o600), os.WriteFile(left, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if places, err := m.Remove(t.Context()); err != nil || !slices.Equal(places, []string{privateName}) {
		t.Errorf("from %q, %v", places, err)
	}
	for _, path := range append(files, left) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

// alone runs the test that calls it again, in a process of its own.
func alone(t *testing.T) (isAlone bool) {
	t.Helper()
	const name = "AUTH_TEST_ALONE"
	if os.Getenv(name) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), name+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return false
}

func TestASystemKeychainWithoutAnEntry(t *testing.T) {
	if !alone(t) { // what takes the keychain's place stays there
		return
	}
	keyring.MockInit()
	s := systemKeychain{variable}
	if secret, err := s.Get(); secret != "" || err != nil {
		t.Errorf("Get: got %v", err)
	}
	if err := s.Delete(); err != nil {
		t.Errorf("Delete: got %v", err)
	}
	if err := s.Set(canary); err != nil {
		t.Fatal(err)
	}
	if secret, err := s.Get(); secret != canary || err != nil {
		t.Errorf("Get: it is not there, %v", err)
	}
	if secret, err := (systemKeychain{"another"}).Get(); secret != "" || err != nil {
		t.Errorf("Get: another account has it, or %v", err)
	}
	if err := s.Delete(); err != nil {
		t.Errorf("Delete: got %v", err)
	}
	if secret, err := s.Get(); secret != "" || err != nil {
		t.Errorf("Get: it is still there, or %v", err)
	}
	keyring.MockInitWithError(errors.New("locked"))
	if err := s.Delete(); err == nil {
		t.Error("Delete: nothing was removed")
	}
}

package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/zalando/go-keyring"
)

// service is the name under which all secrets of this program stand in a keychain.
const service = "leadmagic-mcp-proxy"

// keychainFor is how long a reading waits for the keychain. It is less than a session waits before it explains
// itself, so that the explanation can say more than that something takes long. An answer that comes later
// counts for the next reading.
const keychainFor = 3 * time.Second

// A Keychain keeps one secret for the user. Any of its methods may block: it may ask a person.
type Keychain interface {
	// Get returns the secret, or an empty text if there is none.
	Get() (string, error)
	Set(secret string) error
	// Delete removes the secret. That there is none is no error.
	Delete() error
}

// ErrNoKeychain says that this system has nothing that keeps secrets.
var ErrNoKeychain = errors.New("no keychain runs here")

// readKeychain asks the keychain, unless that was done a short while ago. One that cannot be reached is one
// that has no key.
func (k *Keys) readKeychain(ctx context.Context, ask bool) result {
	if !ask {
		return unread(keychainName, "")
	}
	r, answered := k.await(ctx, &k.keychain, keychainName, cmp.Or(k.patience, keychainFor), func() result {
		secret, err := guarded(k.store().chain().Get)
		switch {
		case err != nil:
			return unset(keychainName, "cannot be reached")
		case secret == "":
			return unset(keychainName, "")
		}
		return examine(keychainName, "holds a text that ", secret)
	})
	if !answered {
		return unread(keychainName, "has not answered")
	}
	return r
}

// guarded is get, where a panic is an error: the library trusts what a bus answers.
func guarded(get func() (string, error)) (secret string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New("the keychain gave a broken answer")
		}
	}()
	return get()
}

func (s *Store) chain() Keychain {
	switch {
	case s.Keychain != nil:
		return s.Keychain
	case !runs(s.Getenv):
		return noKeychain{}
	}
	return systemKeychain{s.Account}
}

// noKeychain is where nothing keeps secrets.
type noKeychain struct{}

// Get implements Keychain.
func (noKeychain) Get() (string, error) { return "", ErrNoKeychain }

// Set implements Keychain.
func (noKeychain) Set(string) error { return ErrNoKeychain }

// Delete implements Keychain.
func (noKeychain) Delete() error { return ErrNoKeychain }

// systemKeychain is that of macOS, the Credential Manager of Windows, or the Secret Service elsewhere.
type systemKeychain struct{ account string }

// Get implements Keychain.
func (s systemKeychain) Get() (string, error) {
	secret, err := keyring.Get(service, s.account)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return secret, err
}

// Set implements Keychain.
func (s systemKeychain) Set(secret string) error { return keyring.Set(service, s.account, secret) }

// Delete implements Keychain.
func (s systemKeychain) Delete() error {
	if err := keyring.Delete(service, s.account); !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

// needsBus reports whether the keychain of a system is reached over D-Bus.
func needsBus(goos string) bool { return goos != "darwin" && goos != "windows" }

// runs reports whether there is a bus on which the Secret Service could be. Without one the library would
// start a bus, which takes long and stays behind.
func runs(getenv func(string) string) bool {
	if !needsBus(runtime.GOOS) {
		return true
	}
	if address := getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return true
	}
	dir := "/run/user/" + strconv.Itoa(os.Getuid())
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			return true
		}
	}
	return false
}

// bounded waits for what may block. What is not done in time goes on behind, and may yet be done.
func bounded(ctx context.Context, what string, do func() (string, error)) (string, error) {
	type result struct {
		secret string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		secret, err := guarded(do)
		done <- result{secret, err}
	}()
	timer := time.NewTimer(commandFor)
	defer timer.Stop()
	select {
	case r := <-done:
		if r.err != nil {
			return "", fmt.Errorf("%s: %w", what, r.err)
		}
		return r.secret, nil
	case <-timer.C:
		return "", fmt.Errorf("%s: the keychain has not answered", what)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

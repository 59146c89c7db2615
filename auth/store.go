package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Store keeps one secret of a user for later sessions: in the keychain of the system, or in a private file in the user's
// config folder.
type Store struct {
	Getenv func(string) string
	// Keychain is where the secret is kept. Nil is the keychain of the system.
	Keychain Keychain
	// File is the name of the private file, and Account that of the secret in the keychain.
	File, Account string
}

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

// Keep keeps a secret of one line for later sessions, in the keychain or in the private file, reads it back, and returns the
// place in words. One that was kept in the other place before is no longer found there first.
func (s *Store) Keep(ctx context.Context, secret string, private bool) (string, error) {
	if private {
		temporary, path, err := s.writeBeside(secret)
		if err != nil {
			return "", err
		}
		if err := os.Rename(temporary, path); err != nil {
			return "", errors.Join(fmt.Errorf("writing the private file: %w", err), os.Remove(temporary))
		}
		return path, nil
	}
	if _, err := s.ask(ctx, "writing to the keychain", func(k Keychain) (string, error) { return "", k.Set(secret) }); err != nil {
		return "", err
	}
	again, err := s.ask(ctx, "reading it back from the keychain", Keychain.Get)
	if err != nil {
		return "", err
	}
	if again != secret {
		return "", errors.New("the keychain does not give back what was put into it")
	}
	if _, err := s.removePrivate(); err != nil {
		return "", fmt.Errorf("the keychain has it, but an older one comes before it: %w", err)
	}
	return keychainName, nil
}

// Read returns the secret, and the private file that it is in unless that is the keychain. It is empty if there is none.
func (s *Store) Read(ctx context.Context) (secret, path string, err error) {
	if path := s.Private(); path != "" {
		secret, _, why, fix := readSecret(path)
		if why != "" {
			return "", "", problem.New(problem.BadSetting, problem.NotSent, path+" "+why, fix)
		}
		return strings.TrimSpace(secret), path, nil
	}
	secret, err = s.ask(ctx, "reading the keychain", Keychain.Get)
	if errors.Is(err, ErrNoKeychain) {
		err = nil
	}
	return secret, "", err
}

// Reach says why a secret cannot be kept in the keychain or the private file, nil if it can.
func (s *Store) Reach(ctx context.Context, private bool) error {
	if private {
		temporary, _, err := s.writeBeside(strings.Repeat("-", maxFile-1)) // or a full disk would not be noticed
		if err != nil {
			return err
		}
		return os.Remove(temporary)
	}
	_, err := s.ask(ctx, "reading the keychain", Keychain.Get)
	return err
}

// Remove removes what Keep has kept, and returns the places that had something. A keychain that cannot be
// reached has nothing.
func (s *Store) Remove(ctx context.Context) ([]string, error) {
	var places []string
	removed, err := s.removePrivate()
	if removed {
		places = append(places, privateName)
	}
	if err != nil {
		return places, err
	}
	secret, err := s.ask(ctx, "reading the keychain", Keychain.Get)
	if ctx.Err() != nil {
		return places, ctx.Err()
	}
	if err != nil || secret == "" {
		return places, nil //nolint:nilerr // what is not there needs no removing
	}
	if _, err := s.ask(ctx, "removing it from the keychain", func(k Keychain) (string, error) { return "", k.Delete() }); err != nil {
		return places, err
	}
	return append(places, keychainName), nil
}

// Private is the private file, or empty if there is none.
func (s *Store) Private() string {
	for _, path := range s.Files() {
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// Files are the places of the private file. The first is where it is written; the others are looked at
// because an editor may not pass on the variable that moves the user's config folder.
func (s *Store) Files() []string {
	dirs := configFolders(runtime.GOOS, s.Getenv, file.Home(s.Getenv))
	for i, dir := range dirs {
		dirs[i] = filepath.Join(dir, "leadmagic-mcp-proxy", s.File)
	}
	return dirs
}

// configFolders are where a system keeps a user's settings. Editors pass on few variables, so none has to be
// set.
func configFolders(goos string, getenv func(string) string, home string) []string {
	moved, usual := getenv("XDG_CONFIG_HOME"), ".config"
	switch goos {
	case "windows":
		moved, usual = getenv("APPDATA"), "AppData/Roaming"
	case "darwin":
		moved, usual = "", "Library/Application Support"
	}
	var dirs []string
	if filepath.IsAbs(moved) {
		dirs = append(dirs, moved)
	}
	if home != "" {
		dirs = append(dirs, filepath.Join(home, usual))
	}
	return dirs
}

// writeBeside writes a temporary file into the folder where the private file is or should be, and reads it back. It is complete
// or not there at all, and never readable by others.
func (s *Store) writeBeside(secret string) (temporary, path string, err error) {
	paths := s.Files()
	if len(paths) == 0 {
		return "", "", errors.New("the user's config folder is unknown: set HOME")
	}
	path = cmp.Or(s.Private(), paths[0])
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("making the config folder: %w", err)
	}
	file, err := os.CreateTemp(dir, "."+s.File+"-*") // 0600
	if err != nil {
		return "", "", fmt.Errorf("writing the private file: %w", err)
	}
	_, err = file.WriteString(secret + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		err = fmt.Errorf("writing the private file: %w", err)
	} else {
		err = readBack(file.Name(), secret)
	}
	if err != nil {
		return "", "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), path, nil
}

// readBack says why a private file that was written cannot be used, nil if it can.
func readBack(path, secret string) error {
	again, _, why, fix := readSecret(path)
	if why == "" && strings.TrimSpace(again) == secret {
		return nil
	}
	why = cmp.Or(why, "holds something else")
	if fix != "" {
		why += " (fix: " + fix + ")"
	}
	return errors.New("the private file cannot be read back: it " + why)
}

// removePrivate removes the private file from wherever it may be, with what a process that died has left of one, and says
// whether there was one.
func (s *Store) removePrivate() (bool, error) {
	removed := false
	for _, path := range s.Files() {
		left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+s.File+"-*"))
		for _, name := range left {
			_ = os.Remove(name)
		}
		switch err := os.Remove(path); {
		case err == nil:
			removed = true
		case !errors.Is(err, fs.ErrNotExist):
			return removed, fmt.Errorf("removing the private file: %w", err)
		}
	}
	return removed, nil
}

// ask has something done with the keychain, and waits for it for a while. What is not done in time goes on behind, and may
// yet be done.
func (s *Store) ask(ctx context.Context, what string, do func(Keychain) (string, error)) (string, error) {
	type result struct {
		secret string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		secret, err := s.use(do)
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

// use does something with the keychain, where a panic is an error: the library trusts what a bus answers.
func (s *Store) use(do func(Keychain) (string, error)) (secret string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New("the keychain gave a broken answer")
		}
	}()
	switch {
	case s.Keychain != nil:
		return do(s.Keychain)
	case !runs(runtime.GOOS, s.Getenv):
		return "", ErrNoKeychain
	}
	return do(systemKeychain{s.Account})
}

// service is the name under which all secrets of this program stand in a keychain.
const service = "leadmagic-mcp-proxy"

// systemKeychain is that of macOS, the Credential Manager of Windows, or the Secret Service elsewhere.
type systemKeychain struct{ account string }

func (s systemKeychain) Get() (string, error) {
	secret, err := keyring.Get(service, s.account)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return secret, err
}

func (s systemKeychain) Set(secret string) error { return keyring.Set(service, s.account, secret) }

func (s systemKeychain) Delete() error {
	if err := keyring.Delete(service, s.account); !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

// runs reports whether a system has a keychain: macOS and Windows do, and elsewhere there has to be a bus on which the Secret
// Service could be. Without one the library would start a bus, which takes long and stays behind.
func runs(goos string, getenv func(string) string) bool {
	if goos == "darwin" || goos == "windows" {
		return true
	}
	if address := getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return true
	}
	return slices.ContainsFunc([]string{"bus", "dbus-session"}, func(name string) bool {
		_, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/" + name)
		return err == nil
	})
}

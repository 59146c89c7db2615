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
	"strings"

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

// store is where login keeps the key.
func (k *Keys) store() *Store { return &Store{k.Getenv, k.Keychain, "key", variable} }

// Keep keeps a key for later sessions, in the keychain or in the private file, reads it back, and returns the
// place in words. A key that was kept in the other place before is no longer found there first.
func (k *Keys) Keep(ctx context.Context, key Key, private bool) (string, error) {
	return k.store().Keep(ctx, key.value(), private)
}

// Remove removes what Keep has kept, and returns the places that had something. A keychain that cannot be
// reached has nothing.
func (k *Keys) Remove(ctx context.Context) ([]string, error) { return k.store().Remove(ctx) }

// Keep is Keys.Keep for any secret of one line.
func (s *Store) Keep(ctx context.Context, secret string, private bool) (string, error) {
	if private {
		path, err := s.writePrivate(secret)
		if err == nil {
			err = readBack(path, secret)
		}
		if err != nil {
			return "", err
		}
		return path, nil
	}
	if _, err := bounded(ctx, "writing to the keychain", func() (string, error) { return "", s.chain().Set(secret) }); err != nil {
		return "", err
	}
	again, err := bounded(ctx, "reading it back from the keychain", s.chain().Get)
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

// Read returns the secret, and the private file that it is in unless that is the keychain. It is empty if there is none.
func (s *Store) Read(ctx context.Context) (secret, path string, err error) {
	if path := s.Private(); path != "" {
		secret, _, why, fix := readSecret(path)
		if why != "" {
			return "", "", problem.New(problem.BadSetting, problem.NotSent, path+" "+why, fix)
		}
		return strings.TrimSpace(secret), path, nil
	}
	secret, err = bounded(ctx, "reading the keychain", s.chain().Get)
	if errors.Is(err, ErrNoKeychain) {
		err = nil
	}
	return secret, "", err
}

// Reach says why a secret cannot be kept in the keychain or the private file, nil if it can.
func (s *Store) Reach(ctx context.Context, private bool) error {
	if private {
		content := strings.Repeat("-", maxFile) // or a full disk would not be noticed
		temporary, _, err := s.writeBeside(content)
		if err != nil {
			return err
		}
		return errors.Join(readBack(temporary, content), os.Remove(temporary))
	}
	_, err := bounded(ctx, "reading the keychain", s.chain().Get)
	return err
}

// Remove is Keys.Remove for any secret.
func (s *Store) Remove(ctx context.Context) ([]string, error) {
	var places []string
	removed, err := s.removePrivate()
	if removed {
		places = append(places, privateName)
	}
	if err != nil {
		return places, err
	}
	secret, err := bounded(ctx, "reading the keychain", s.chain().Get)
	if ctx.Err() != nil {
		return places, ctx.Err()
	}
	if err != nil || secret == "" {
		return places, nil //nolint:nilerr // what is not there needs no removing
	}
	if _, err := bounded(ctx, "removing it from the keychain", func() (string, error) { return "", s.chain().Delete() }); err != nil {
		return places, err
	}
	return append(places, keychainName), nil
}

// Above names the sources that come before what Keep keeps and are set: a session takes the first of them. No
// command is run.
func (k *Keys) Above() []string {
	var names []string
	for _, r := range k.look(context.Background(), false, false) {
		if r.Name == privateName {
			break
		}
		if r.State != Unset {
			names = append(names, r.Name)
		}
	}
	return names
}

// readPrivate reads the file that login --file has written.
func (k *Keys) readPrivate(context.Context, bool) result {
	if path := k.store().Private(); path != "" {
		return readFile(privateName, "", path)
	}
	return unset(privateName, "")
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
	moved, usual := "XDG_CONFIG_HOME", []string{".config"}
	switch goos {
	case "windows":
		moved, usual = "APPDATA", []string{"AppData", "Roaming"}
	case "darwin":
		moved, usual = "", []string{"Library", "Application Support"}
	}
	var dirs []string
	if moved != "" {
		if dir := getenv(moved); filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	if home != "" {
		dirs = append(dirs, filepath.Join(append([]string{home}, usual...)...))
	}
	return dirs
}

// writePrivate writes the private file where it is or should be, and returns that. It is complete or not there at all, and
// never readable by others.
func (s *Store) writePrivate(secret string) (string, error) {
	temporary, path, err := s.writeBeside(secret + "\n")
	if err != nil {
		return "", err
	}
	if err := os.Rename(temporary, path); err != nil {
		return "", errors.Join(fmt.Errorf("writing the private file: %w", err), os.Remove(temporary))
	}
	return path, nil
}

// writeBeside writes a temporary file into the folder where the private file is or should be.
func (s *Store) writeBeside(content string) (temporary, path string, err error) {
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
	_, err = file.WriteString(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", "", errors.Join(fmt.Errorf("writing the private file: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), path, nil
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

package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// Keep keeps a key for later sessions, in the keychain or in the private file, reads it back, and returns the
// place in words. A key that was kept in the other place before is no longer found there first.
func (k *Keys) Keep(ctx context.Context, key Key, private bool) (string, error) {
	if private {
		path, err := k.writePrivate(key)
		if err != nil {
			return "", err
		}
		if r := readFile(privateName, "", path); !r.key.Equal(key) {
			why := "the private file cannot be read back: it " + r.Note
			if r.problem != nil {
				why += " (fix: " + r.problem.Fix() + ")"
			}
			return "", errors.New(why)
		}
		return path, nil
	}
	if _, err := bounded(ctx, "writing to the keychain", func() (string, error) { return "", k.chain().Set(key.value()) }); err != nil {
		return "", err
	}
	secret, err := bounded(ctx, "reading it back from the keychain", k.chain().Get)
	if err != nil {
		return "", err
	}
	if !examine(keychainName, "", secret).key.Equal(key) {
		return "", errors.New("the keychain does not give back what was put into it")
	}
	if _, err := k.removePrivate(); err != nil {
		return "", fmt.Errorf("the keychain has the key, but an older one comes before it: %w", err)
	}
	return keychainName, nil
}

// Remove removes what Keep has kept, and returns the places that had something. A keychain that cannot be
// reached has nothing.
func (k *Keys) Remove(ctx context.Context) ([]string, error) {
	var places []string
	removed, err := k.removePrivate()
	if removed {
		places = append(places, privateName)
	}
	if err != nil {
		return places, err
	}
	secret, err := bounded(ctx, "reading the keychain", k.chain().Get)
	if ctx.Err() != nil {
		return places, ctx.Err()
	}
	if err != nil || secret == "" {
		return places, nil //nolint:nilerr // what is not there needs no removing
	}
	if _, err := bounded(ctx, "removing it from the keychain", func() (string, error) { return "", k.chain().Delete() }); err != nil {
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
	for _, path := range k.privateFiles() {
		if _, err := os.Lstat(path); err == nil {
			return readFile(privateName, "", path)
		}
	}
	return unset(privateName, "")
}

// privateFiles are the places of the private file. The first is where it is written; the others are looked at
// because an editor may not pass on the variable that moves the user's config folder.
func (k *Keys) privateFiles() []string {
	dirs := configFolders(runtime.GOOS, k.Getenv, file.Home(k.Getenv))
	for i, dir := range dirs {
		dirs[i] = filepath.Join(dir, "leadmagic-mcp-proxy", "key")
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

// writePrivate writes the private file and returns where it is. It is complete or not there at all, and never
// readable by others.
func (k *Keys) writePrivate(key Key) (string, error) {
	paths := k.privateFiles()
	if len(paths) == 0 {
		return "", errors.New("the user's config folder is unknown: set HOME")
	}
	path := paths[0]
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the config folder: %w", err)
	}
	file, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return "", fmt.Errorf("writing the private file: %w", err)
	}
	_, err = file.WriteString(key.value() + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing the private file: %w", err), os.Remove(file.Name()))
	}
	return path, nil
}

// removePrivate removes the private file from wherever it may be, and says whether there was one.
func (k *Keys) removePrivate() (bool, error) {
	removed := false
	for _, path := range k.privateFiles() {
		switch err := os.Remove(path); {
		case err == nil:
			removed = true
		case !errors.Is(err, fs.ErrNotExist):
			return removed, fmt.Errorf("removing the private file: %w", err)
		}
	}
	return removed, nil
}

package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// readPrivate reads the file that login --file has written.
func (k *Keys) readPrivate() reading {
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

package editor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// backupSign is part of the name of every backup: <file>.leadmagic-2006-01-02.bak
const backupSign = ".leadmagic-"

// backups are the backups beside a file, oldest first.
func (f *configFile) backups() []string {
	entries, err := os.ReadDir(filepath.Dir(f.real))
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(f.real)+backupSign) && strings.HasSuffix(e.Name(), ".bak") {
			paths = append(paths, filepath.Join(filepath.Dir(f.real), e.Name()))
		}
	}
	slices.Sort(paths) // the date sorts as text
	return paths
}

// before is the file as it was when install first changed it; ok is false if there was none, or if the
// backup is gone.
func (f *configFile) before() (data []byte, ok bool) {
	paths := f.backups()
	if len(paths) == 0 {
		return nil, false
	}
	data, _, err := readRegular(paths[0])
	return data, err == nil
}

// backUp copies the file once, beside it, and returns the copy's path. Keys of LeadMagic are left out of
// it: a leaked key needs no second home.
func (f *configFile) backUp(now time.Time) (path string, err error) {
	if f.info == nil || len(f.backups()) > 0 {
		return "", nil
	}
	path = f.real + backupSign + now.Format(time.DateOnly) + ".bak"
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("making a backup of %s: %w", f.path, bare(err))
	}
	if err := f.fill(file, withoutKeys(f.data), f.info.Mode().Perm()); err != nil {
		return "", errors.Join(fmt.Errorf("making a backup of %s: %w", f.path, bare(err)), discard(path))
	}
	return path, nil
}

// dropBackups removes the backups that say nothing any more: those equal to the file as it is now.
func (f *configFile) dropBackups(now []byte) error {
	for _, path := range f.backups() {
		data, _, err := readRegular(path)
		if err != nil || !bytes.Equal(data, now) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s: %w", path, bare(err))
		}
	}
	return nil
}

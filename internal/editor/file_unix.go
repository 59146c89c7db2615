//go:build unix

package editor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file the owner and group of the one it replaces.
func keepOwner(file *os.File, old fs.FileInfo) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	have, want := info.Sys().(*syscall.Stat_t), old.Sys().(*syscall.Stat_t)
	if have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	if err := file.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return fmt.Errorf("it belongs to another user or group (%d:%d): %w", want.Uid, want.Gid, errors.Unwrap(err))
	}
	return nil
}

// links is how many names the file has: more than one are hard links.
func (f *configFile) links() int {
	return int(f.info.Sys().(*syscall.Stat_t).Nlink) //nolint:gosec,unconvert // its type differs from system to system
}

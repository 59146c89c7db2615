// Package file reads files that a configuration names, whatever stands there instead: nothing that blocks, has no end, or
// does something when it is opened. It does not judge what is in them.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// ErrNotRegular says that a name leads to a folder, a pipe, a socket or a device.
var ErrNotRegular = errors.New("it is not a regular file")

// A TooLargeError says that a file is larger than what it should hold.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	const kib, mib = 1 << 10, 1 << 20
	switch {
	case e.Limit >= mib:
		return fmt.Sprintf("it is larger than %d MiB", e.Limit/mib)
	case e.Limit >= kib:
		return fmt.Sprintf("it is larger than %d KiB", e.Limit/kib)
	}
	return fmt.Sprintf("it is larger than %d bytes", e.Limit)
}

// patience bounds reading what says that it is a regular file and blocks all the same, as some files of /proc do.
const patience = 5 * time.Second

// Read returns the content of a regular file of at most limit bytes, and what the file was when it was read. Symbolic
// links are followed. The error is ErrNotRegular, a *TooLargeError, or one of os.
func Read(name string, limit int64) ([]byte, fs.FileInfo, error) {
	// A device may do something when it is opened, so it is not.
	if info, err := os.Stat(name); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	// Something else may stand there by now: opening a pipe must not block, a terminal must not become this process's own (Windows
	// knows neither flag), and what was opened is looked at again.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, ErrNotRegular
	case info.Size() > limit:
		return nil, nil, &TooLargeError{limit}
	}
	_ = f.SetReadDeadline(time.Now().Add(patience)) // most files know none, and need none
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(data)) > limit: // the size that a file states may be too small
		return nil, nil, &TooLargeError{limit}
	}
	return data, info, nil
}

// Bare is an error without the operation and the paths that os puts in front.
func Bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// Home is the user's home folder, from the variable of the system or else as the system knows it. It is empty if neither
// says.
func Home(getenv func(string) string) string {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return ""
}

// BelowHome is a path with the home folder in place of the ~ it may begin with: no shell stands between a configuration
// and this program. The homes of others (~name) are not known.
func BelowHome(path string, getenv func(string) string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path
	}
	if home := Home(getenv); home != "" {
		return filepath.Join(home, rest)
	}
	return path
}

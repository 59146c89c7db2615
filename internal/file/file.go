// Package file reads files that a configuration names: regular files of bounded size only, so that no read blocks or goes
// on without end, and no device is opened. It does not judge what is in them.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNotRegular says that a name leads to a folder, a pipe, a socket or a device.
var ErrNotRegular = errors.New("it is not a regular file")

// A TooLargeError says that a file is larger than a limit, which is a multiple of 1 KiB.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	if e.Limit >= 1<<20 {
		return fmt.Sprintf("it is larger than %d MiB", e.Limit>>20)
	}
	return fmt.Sprintf("it is larger than %d KiB", e.Limit>>10)
}

// readTimeout bounds reading a file that claims to be regular and blocks all the same, as some files of /proc do.
const readTimeout = 5 * time.Second

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
	// knows neither flag), and what was opened is checked again.
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
	}
	_ = f.SetReadDeadline(time.Now().Add(readTimeout)) // most files know none, and need none
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(data)) > limit: // whatever size the file states
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

// Above are a path and the folders above it, up to the root.
func Above(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dir := path; yield(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		}
	}
}

// Roots are the folder of a person, and the outermost repository that holds it, each also under the name it has without
// links: the author of the folder may have written all of its repository.
func Roots(folder string) []string {
	if folder == "" {
		return nil
	}
	var roots []string
	for _, folder := range []string{folder, Real(folder)} {
		root := folder
		for dir := range Above(folder) {
			if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
				root = dir
			}
		}
		roots = append(roots, root, Real(root))
	}
	return roots
}

// Within says whether a path, or what its links lead to, is in one of some folders, whatever these are called on the
// way: their case may differ.
func Within(folders []string, path string) bool {
	for _, path := range []string{path, Real(path)} {
		for dir := range Above(filepath.Dir(path)) {
			if slices.ContainsFunc(folders, func(folder string) bool { return Same(dir, folder) }) {
				return true
			}
		}
	}
	return false
}

// Real is a path without links, if there is such a file.
func Real(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Same says whether two paths lead to one file.
func Same(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// OnNetwork says whether Windows would ask another machine for a path, and sign in there.
func OnNetwork(path string) bool { return strings.HasPrefix(strings.ReplaceAll(path, `\`, "/"), "//") }

// OnPath are the files with some names in the folders of a PATH, in its order. A relative folder depends on
// where a program is started, and is left out.
func OnPath(path string, names ...string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, dir := range filepath.SplitList(path) {
			for _, name := range names {
				program := filepath.Join(dir, name)
				if info, err := os.Stat(program); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && !yield(program) {
					return
				}
			}
		}
	}
}

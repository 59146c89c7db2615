package editor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// maxFile is the most a config file may hold; Claude Code keeps its history in the same file.
const maxFile = 64 << 20

// errChanged says that a file is not what was read any more.
var errChanged = errors.New("another program changed the file in the meantime")

// A configFile is a config file as it was read.
type configFile struct {
	path string // as it was named
	real string // what a symbolic link leads to
	data []byte
	info fs.FileInfo // nil: there is no file yet

	write func(*os.File, []byte) error
}

// readConfig reads a file that may be missing. Symbolic links are followed; one that leads nowhere is an
// error, since a file put in its place would cut the link.
func (s System) readConfig(path string) (*configFile, error) {
	f := &configFile{path: path, real: path, write: s.write}
	if f.write == nil {
		f.write = writeAll
	}
	real, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, dangling(path)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", path, bare(err))
	}
	f.real = real
	f.data, f.info, err = readRegular(real)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, bare(err))
	}
	return f, nil
}

// dangling is the error that a path which does not exist, or a folder above it, is a symbolic link that leads
// nowhere.
func dangling(path string) error {
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		if !exists(path) {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			target, _ := os.Readlink(path)
			return fmt.Errorf("%s is a symbolic link to %s, which does not exist", path, target)
		}
		break
	}
	return nil
}

// linked says whether the file is reached by a symbolic link of its own: whoever made that wants to keep it.
func (f *configFile) linked() bool {
	info, err := os.Lstat(f.path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// readRegular reads a regular file of reasonable size. Anything else could block for ever.
func readRegular(path string) ([]byte, fs.FileInfo, error) { return file.Read(path, maxFile) }

// bare is an error without the operation and path that os puts in front.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// writable says beforehand why a file will not be replaced. A rename would not mind a read-only file, but
// whoever made it one does.
func (f *configFile) writable() error {
	const write = 0o222
	if f.info != nil && f.info.Mode().Perm()&write == 0 {
		return fmt.Errorf("%s is read-only", f.path)
	}
	dir := filepath.Dir(f.real)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it will be made
	case err != nil:
		return fmt.Errorf("writing %s: %w", f.path, bare(err))
	case !info.IsDir():
		return fmt.Errorf("writing %s: %s is not a folder", f.path, dir)
	case info.Mode().Perm()&write == 0:
		return fmt.Errorf("writing %s: the folder %s is read-only", f.path, dir)
	}
	return nil
}

// replace puts data in place of the file in one step: whoever reads it meanwhile sees the old file or the
// new one. Mode and owner stay; a new file gets the mode given. If the file is not what was read any more,
// nothing is written and the error is errChanged.
func (f *configFile) replace(data []byte, mode fs.FileMode) (err error) {
	if f.info != nil {
		mode = f.info.Mode().Perm()
	}
	dirMode := fs.FileMode(0o700)
	if mode&0o004 != 0 {
		dirMode = 0o755
	}
	dir := filepath.Dir(f.real)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("making the folder %s: %w", dir, bare(err))
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(f.real)+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, bare(err))
	}
	defer func() { err = errors.Join(err, discard(temp.Name())) }()
	if err := f.fill(temp, data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, bare(err))
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	if f.info == nil {
		// A link, unlike a rename, fails if a file has come into being.
		if err := os.Link(temp.Name(), f.real); err == nil || errors.Is(err, fs.ErrExist) {
			return changedIf(errors.Is(err, fs.ErrExist))
		}
	}
	if err := os.Rename(temp.Name(), f.real); err != nil {
		return fmt.Errorf("replacing %s: %w", f.path, bare(err))
	}
	return nil
}

func changedIf(changed bool) error {
	if changed {
		return errChanged
	}
	return nil
}

// discard removes a temporary file, if it is still there.
func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, bare(err))
	}
	return nil
}

// fill writes a temporary file to the disk, with the mode and owner of the file it is to replace.
func (f *configFile) fill(temp *os.File, data []byte, mode fs.FileMode) error {
	err := f.write(temp, data)
	if err == nil {
		err = temp.Chmod(mode)
	}
	if err == nil && f.info != nil {
		err = keepOwner(temp, f.info)
	}
	if err == nil {
		err = temp.Sync()
	}
	return errors.Join(err, temp.Close())
}

func writeAll(file *os.File, data []byte) error {
	_, err := file.Write(data)
	return err
}

// unchanged compares the file with what was read.
func (f *configFile) unchanged() error {
	data, err := os.ReadFile(f.real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return changedIf(f.info != nil)
	case err != nil:
		return fmt.Errorf("reading %s again: %w", f.path, bare(err))
	}
	return changedIf(f.info == nil || !bytes.Equal(data, f.data))
}

// remove takes the file away, and the editor's own folders above it that are empty then.
func (f *configFile) remove(own string) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	if err := os.Remove(f.real); err != nil {
		return fmt.Errorf("removing %s: %w", f.path, bare(err))
	}
	for dir := filepath.Dir(f.path); own != "" && strings.HasPrefix(dir, own); dir = filepath.Dir(dir) {
		if !removeEmpty(dir) {
			break
		}
	}
	return nil
}

// removeEmpty removes a folder that holds nothing, if it is one and not a link to one.
func removeEmpty(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && os.Remove(dir) == nil
}

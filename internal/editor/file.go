package editor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
)

// maxFile is the most a config file may hold; Claude Code keeps its history in the same file.
const maxFile = 64 << 20

// errChanged says that a file is not what was read any more.
var errChanged = errors.New("another program keeps changing the file: close it, or try again")

// A configFile is a config file as it was read.
type configFile struct {
	path string // as it was named
	real string // what symbolic links lead to, also where there is no file yet
	data []byte
	info fs.FileInfo // nil: there is no file yet

	write  func(*os.File, []byte) error
	rename func(from, to string) error
}

// readConfig reads a file that may be missing. Symbolic links are followed; one that leads nowhere is an
// error, since a file put in its place would cut the link.
func (s System) readConfig(path string) (*configFile, error) {
	f := &configFile{path: path, real: realPath(path), write: s.write, rename: s.rename}
	if f.write == nil {
		f.write = writeAll
	}
	if f.rename == nil {
		f.rename = os.Rename
	}
	var err error
	f.data, f.info, err = file.Read(f.real, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, dangling(path)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", path, file.Bare(err))
	}
	return f, nil
}

const (
	// settleTime is how long a file has to stay the same before it counts as complete.
	settleTime = time.Second
	// pollInterval is the time between two reads of a file.
	pollInterval = settleTime / 10
	// settleTimeout bounds the wait for a file that other programs keep changing.
	settleTimeout = 5 * settleTime
)

// settled is a file as it is when nobody is writing it. A program that truncates its file and writes it anew leaves a
// moment in which the file is empty, or half of it is there. So a file that is empty or was changed within the last
// second is read again, until all reads of a second are the same.
func (s System) settled(f *configFile) (*configFile, error) {
	if f.info == nil || !blank(f.data) && time.Since(f.info.ModTime()) >= settleTime {
		return f, nil
	}
	start := time.Now()
	for same := start; time.Since(same) < settleTime; {
		if time.Since(start) >= settleTimeout {
			return nil, fmt.Errorf("%s: %w", f.path, errChanged)
		}
		<-time.After(pollInterval)
		next, err := s.readConfig(f.path)
		if err != nil {
			return nil, err
		}
		if f.differs(next.data, next.info) {
			same = time.Now()
		}
		f = next
	}
	return f, nil
}

// realPath is a path without symbolic links, as far as it exists.
func realPath(path string) string {
	for dir := range file.Above(path) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, path[len(dir):])
		}
	}
	return path
}

// within says whether a path is a folder's own, or below it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// dangling is the error that a path which does not exist, or a folder above it, is a symbolic link that leads
// nowhere.
func dangling(path string) error {
	for path := range file.Above(path) {
		if !exists(path) {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			target, _ := os.Readlink(path)
			return fmt.Errorf("%s is a symbolic link to %s, which does not exist", path, target)
		}
		return nil
	}
	return nil
}

// linked says whether a path is a symbolic link, or a junction of Windows, which the user has made and keeps.
func linked(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0
}

// writable says beforehand why a file will not be replaced: a rename would also replace a file that the user has made
// read-only.
func (f *configFile) writable() error {
	const write = 0o222
	if f.info != nil && f.info.Mode().Perm()&write == 0 {
		return fmt.Errorf("%s is read-only", f.path)
	}
	dir := filepath.Dir(f.real) // if it is not there, it will be made
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&write == 0 {
		return fmt.Errorf("writing %s: the folder %s is read-only", f.path, dir)
	}
	return nil
}

// replace puts data in place of the file in one step: a reader sees the old file or the new
// one. Mode and owner stay; a new file gets the mode given. If the file is not what was read any more,
// nothing is written and the error is errChanged.
func (f *configFile) replace(data []byte, mode fs.FileMode) (err error) {
	if f.info != nil {
		mode = f.info.Mode().Perm()
	}
	dir := filepath.Dir(f.real)
	if err := os.MkdirAll(dir, mode|mode>>2&0o111); err != nil { // who may read the file may look into the folder
		return fmt.Errorf("making the folder %s: %w", dir, file.Bare(err))
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(f.real)+".*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, file.Bare(err))
	}
	defer func() { err = errors.Join(err, discard(temp.Name())) }()
	if err := f.fill(temp, data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, file.Bare(err))
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	if f.info != nil && f.links() > 1 {
		return f.overwrite(data)
	}
	switch err := f.rename(temp.Name(), f.real); {
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EXDEV): // a mount point
		return f.overwrite(data)
	case err != nil:
		return fmt.Errorf("replacing %s: %w", f.path, file.Bare(err))
	}
	return nil
}

// overwrite writes data into the file itself, for one that must not be replaced: a mount point, or a file that has
// other names (hard links). Meanwhile a temporary file with the same data stands beside it. If it fails, the file gets
// back what it held.
func (f *configFile) overwrite(data []byte) error {
	target, err := os.OpenFile(f.real, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, file.Bare(err))
	}
	err = setContent(target, data, f.write)
	if err != nil {
		err = errors.Join(fmt.Errorf("writing %s: %w", f.path, file.Bare(err)), setContent(target, f.data, writeAll))
	}
	return errors.Join(err, target.Close())
}

// setContent makes data the whole content of a file, and writes it to the disk.
func setContent(file *os.File, data []byte, write func(*os.File, []byte) error) error {
	_, err := file.Seek(0, io.SeekStart)
	return errors.Join(err, write(file, data), file.Truncate(int64(len(data))), file.Sync())
}

// discard removes a temporary file, if it is still there.
func discard(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, file.Bare(err))
	}
	return nil
}

// fill writes a temporary file to the disk, with the mode and owner of the file it is to replace.
func (f *configFile) fill(temp *os.File, data []byte, mode fs.FileMode) error {
	err := errors.Join(f.write(temp, data), temp.Chmod(mode))
	if f.info != nil {
		err = errors.Join(err, keepOwner(temp, f.info))
	}
	return errors.Join(err, temp.Sync(), temp.Close())
}

func writeAll(file *os.File, data []byte) error {
	_, err := file.Write(data)
	return err
}

// unchanged compares the file with what was read.
func (f *configFile) unchanged() error {
	data, info, _ := file.Read(f.real, maxFile)
	if f.differs(data, info) {
		return errChanged
	}
	return nil
}

// differs compares what was read with what was read at another time.
func (f *configFile) differs(data []byte, info fs.FileInfo) bool {
	return (info == nil) != (f.info == nil) || !bytes.Equal(data, f.data)
}

// remove takes the file away, and the editor's own folders above it that are empty then.
func (f *configFile) remove(own string) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	if err := os.Remove(f.real); err != nil {
		return fmt.Errorf("removing %s: %w", f.path, file.Bare(err))
	}
	for dir := filepath.Dir(f.path); own != "" && strings.HasPrefix(dir, own) && !linked(dir); dir = filepath.Dir(dir) {
		_ = os.Remove(dir) // it is not empty, or gone
	}
	return nil
}

// backupSign is part of the name of every backup: <file>.leadmagic-2006-01-02.bak
const backupSign = ".leadmagic-"

// backups are the backups beside a file, oldest first: the date sorts as text, and os.ReadDir sorts.
func backups(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+backupSign) && strings.HasSuffix(e.Name(), ".bak") {
			paths = append(paths, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return paths
}

// before is the file as it was when install first changed it; ok is false if there was none, or if the
// backup is gone.
func (f *configFile) before() (data []byte, ok bool) {
	paths := backups(f.real)
	if len(paths) == 0 {
		return nil, false
	}
	data, _, err := file.Read(paths[0], maxFile)
	return data, err == nil
}

// backUp copies the file once, beside it, and returns the copy's path. Keys of LeadMagic are left out, so
// that a leaked key is not copied.
func (f *configFile) backUp(now time.Time) (path string, err error) {
	if f.info == nil || len(backups(f.real)) > 0 {
		return "", nil
	}
	path = f.real + backupSign + now.Format(time.DateOnly) + ".bak"
	target, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("making a backup of %s: %w", f.path, file.Bare(err))
	}
	if err := f.fill(target, keyscan.Replace(f.data, "removed-by-"+Program), f.info.Mode().Perm()); err != nil {
		return "", errors.Join(fmt.Errorf("making a backup of %s: %w", f.path, file.Bare(err)), discard(path))
	}
	return path, nil
}

// dropBackups removes the backups that are equal to the file as it is now.
func (f *configFile) dropBackups(now []byte) (err error) {
	for _, path := range backups(f.real) {
		if data, info, _ := file.Read(path, maxFile); info != nil && bytes.Equal(data, now) {
			err = errors.Join(err, discard(path))
		}
	}
	return err
}

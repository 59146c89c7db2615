package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// errWithin says that a program is not started, since whoever wrote what is in the current folder may have written it.
var errWithin = errors.New("lies in this folder or its repository, and was not started")

// version is the version that a program prints. None is started that lies in the current folder, or in a repository that
// holds it, under its own name or behind links; this very program needs no start.
func (d *Doctor) version(ctx context.Context, program string) (string, error) {
	if sameFile(program, d.Executable) {
		return d.Version, nil
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		real = program // VersionOf says what is wrong with it
	}
	for _, root := range d.roots() {
		if inside(root, program) || inside(root, real) {
			return "", errWithin
		}
	}
	return d.VersionOf(ctx, program)
}

// roots are the current folder and the outermost repository that holds it, each under all names that it has.
func (d *Doctor) roots() []string {
	var roots []string
	for _, folder := range []string{d.System.Folder, realPath(d.System.Folder)} {
		if folder == "" {
			continue
		}
		root := folder
		for dir := folder; ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
				root = dir
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		roots = append(roots, root, realPath(root))
	}
	return roots
}

// inside reports whether a path is in a folder, whatever the folder is called on the way: its case may differ.
func inside(folder, path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if dir == folder || sameFile(dir, folder) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// realPath is path without links, as far as it exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// onNetwork reports whether Windows would ask another machine for a path, and sign in there.
func onNetwork(path string) bool {
	path = strings.ReplaceAll(path, `\`, "/")
	return strings.HasPrefix(path, "//")
}

package file

import (
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Roots are the folder of a person, and the outermost repository that holds it, each also under the name it has without
// links: whoever wrote what is in the one may have written all of the other.
func Roots(folder string) []string {
	if folder == "" {
		return nil
	}
	var roots []string
	for _, folder := range []string{folder, Real(folder)} {
		root := folder
		for dir := folder; ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
				root = dir
			}
			if dir == filepath.Dir(dir) {
				break
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
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			for _, folder := range folders {
				if dir == folder || Same(dir, folder) {
					return true
				}
			}
			if dir == filepath.Dir(dir) {
				break
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

// OnPath are the files with some names in the folders of a PATH, in its order. A folder that is not absolute is another one
// for whoever starts a program elsewhere, and is left out.
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

package editor

import (
	"os"
	"path/filepath"
	"strings"
)

// StablePath is the path by which a program is best started for years: not the one of a version that the
// next upgrade removes. Homebrew keeps versions in Cellar and Caskroom and links the newest in bin; Scoop
// has one link per program. Of the folders on the PATH, one that leads to the same program is preferred.
// exe is absolute.
func (s System) StablePath(exe string) string {
	for _, candidate := range s.stable(exe) {
		if sameFile(candidate, exe) {
			return candidate
		}
	}
	return exe
}

// stable are the paths to try, best first.
func (s System) stable(exe string) []string {
	var paths []string
	base := filepath.Base(exe)
	parts := strings.Split(filepath.ToSlash(exe), "/")
	for i, part := range parts {
		prefix := filepath.FromSlash(strings.Join(parts[:i], "/"))
		switch {
		case part == "Cellar" || part == "Caskroom":
			paths = append(paths, filepath.Join(prefix, "bin", base))
		case part == "apps" && i+2 < len(parts)-1: // Scoop: apps/NAME/VERSION/NAME.exe
			rest := append([]string{prefix, part, parts[i+1], "current"}, parts[i+3:]...)
			paths = append(paths, filepath.Join(rest...))
		}
	}
	for _, dir := range filepath.SplitList(s.Getenv("PATH")) {
		if filepath.IsAbs(dir) && !strings.Contains(dir, "Cellar") && !strings.Contains(dir, "Caskroom") {
			paths = append(paths, filepath.Join(dir, base))
		}
	}
	return paths
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

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
	if kept := KeptPath(exe); kept != "" {
		return kept
	}
	for _, dir := range filepath.SplitList(s.Getenv("PATH")) {
		candidate := filepath.Join(dir, filepath.Base(exe))
		if filepath.IsAbs(dir) && !strings.Contains(dir, "Cellar") && !strings.Contains(dir, "Caskroom") && sameFile(candidate, exe) {
			return candidate
		}
	}
	return exe
}

// KeptPath is the path that a package manager keeps for a program in the folder of one version, empty if exe is
// not in such a folder, or another is in use.
func KeptPath(exe string) string {
	base := filepath.Base(exe)
	parts := strings.Split(filepath.ToSlash(exe), "/")
	for i, part := range parts {
		prefix := filepath.FromSlash(strings.Join(parts[:i], "/"))
		kept := ""
		switch {
		case part == "Cellar" || part == "Caskroom":
			kept = filepath.Join(prefix, "bin", base)
		case part == "apps" && i+2 < len(parts)-1: // Scoop: apps/NAME/VERSION/NAME.exe
			rest := append([]string{prefix, part, parts[i+1], "current"}, parts[i+3:]...)
			kept = filepath.Join(rest...)
		}
		if kept != "" && kept != exe && sameFile(kept, exe) {
			return kept
		}
	}
	return ""
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

package editor

import (
	"path/filepath"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// temporary are folders whose content is deleted by other programs: caches, and the files of one version of a program,
// which the next upgrade deletes. Each is found in a path with slashes. Where a package runner has put the program there,
// runner is its command.
var temporary = []struct {
	what   string
	folder *lazyregexp.Regexp
	runner string
}{
	{"Go's build cache", lazyregexp.New(`/go-build[^/]*/`), ""},
	{"npm's cache", lazyregexp.New(`/(_npx|_cacache|npm-cache)/`), "npx -y"},
	{"pnpm's cache", lazyregexp.New(`(?i)/pnpm(-cache)?/dlx\b`), "pnpm dlx"},
	{"pnpm's cache", lazyregexp.New(`(?i)/pnpm(-cache)?/store\b|/\.pnpm-store/`), ""},
	{"Yarn's cache", lazyregexp.New(`/(xfs|dlx)-[^/]+/|/\.yarn/(berry/)?cache/`), "yarn dlx"},
	{"Bun's cache", lazyregexp.New(`/bunx-[^/]+/|/\.bun/install/cache/`), "bunx"},
	{"uv's cache", lazyregexp.New(`/uv/(cache/)?(archive|builds|environments)-v\d+/`), ""},
	{"Homebrew's folder of one version", lazyregexp.New(`/(Cellar|Caskroom)/`), ""},
	{"mise's folder of one version", lazyregexp.New(`/(mise|rtx)/installs/`), ""},
	{"asdf's folder of one version", lazyregexp.New(`/\.?asdf(-data)?/installs/`), ""},
	{"fnm's folder of one shell", lazyregexp.New(`/fnm_multishells/`), ""},
	{"the Nix store", lazyregexp.New(`/nix/store/`), ""},
	{"the Guix store", lazyregexp.New(`/gnu/store/`), ""},
	{"a snap's folder of one version", lazyregexp.New(`/snap/[^/]+/x?\d+/`), ""},
	{"a copy that macOS has made of a download", lazyregexp.New(`/AppTranslocation/`), ""},
	{"an AppImage", lazyregexp.New(`/\.mount_[^/]+/`), ""},
	{"the folder of one version", lazyregexp.New(`/([^/]*[-_@])?v?\d+\.\d+[^/]*/`), ""},
}

// Temporary says which folder with temporary content a path leads through; empty if there is none.
func Temporary(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	for _, p := range temporary {
		if p.folder.MatchString(path) {
			return p.what
		}
	}
	return ""
}

// Runner is the command with which a runner of packages, such as npx, starts a package like the one that exe is in: one in
// its cache, or among the packages of the current folder. It is nil for any other program.
func (s System) Runner(exe string) []string {
	path := strings.ReplaceAll(exe, `\`, "/")
	for _, p := range temporary {
		if p.runner != "" && p.folder.MatchString(path) {
			return strings.Fields(p.runner)
		}
	}
	if s.Folder != "" && within(exe, filepath.Join(file.Real(s.Folder), "node_modules")) {
		return []string{"npx", "-y"}
	}
	return nil
}

// StablePath is the path by which a program is best started for years: the one that its package manager keeps, or one
// in a folder of the PATH that leads to it. For a program that will be gone, it may be another of the same name there.
// exe is absolute.
func (s System) StablePath(exe string) string {
	if kept := KeptPath(exe); kept != "" {
		return kept
	}
	other := ""
	for candidate := range file.OnPath(s.Getenv("PATH"), filepath.Base(exe)) {
		if Temporary(candidate) != "" {
			continue
		}
		if file.Same(candidate, exe) {
			return candidate
		}
		// A program that lies in the project is not trusted.
		if other == "" && (s.Folder == "" || !within(candidate, s.Folder)) {
			other = candidate
		}
	}
	if other != "" && Temporary(exe) != "" {
		return other
	}
	return exe
}

// KeptPath is the path that a package manager keeps for a program in the folder of one version, empty if exe is
// not in such a folder, or another is in use.
func KeptPath(exe string) string {
	versions := map[string]string{
		"apps":     "current", // Scoop: apps/NAME/VERSION/NAME.exe
		"installs": "latest",  // mise: installs/NAME/VERSION/…
	}
	parts := strings.Split(filepath.ToSlash(exe), "/")
	for i, part := range parts {
		prefix := filepath.FromSlash(strings.Join(parts[:i], "/"))
		kept := ""
		switch {
		case part == "Cellar" || part == "Caskroom":
			kept = filepath.Join(prefix, "bin", filepath.Base(exe))
		case versions[part] != "" && i+2 < len(parts)-1:
			kept = filepath.Join(append([]string{prefix, part, parts[i+1], versions[part]}, parts[i+3:]...)...)
		}
		if kept != "" && kept != exe && file.Same(kept, exe) {
			return kept
		}
	}
	return ""
}

package editor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A System is what the rules need to know of a machine. Everything is a field, so that the rules of
// macOS and Windows can be looked at on Linux.
type System struct {
	GOOS   string
	Getenv func(string) string
	// Folder is where the command was started: project files stand in it.
	Folder string

	// write is how bytes reach a file, and rename how a new file takes the place of another; nil is the usual way. Tests
	// put faults here.
	write  func(*os.File, []byte) error
	rename func(from, to string) error
}

// A MissingError says that a file cannot be located, since a variable is not set.
type MissingError struct{ What, Variable string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is unknown: %s is not set", e.What, e.Variable)
}

// realFolder is Folder as a program that starts in it sees it.
func (s System) realFolder() string {
	if folder, err := filepath.EvalSymlinks(s.Folder); err == nil {
		return folder
	}
	return s.Folder
}

// home is the user's home folder. Windows sets USERPROFILE; HOME is what shells there add.
func (s System) home() (string, error) {
	if s.GOOS != "windows" {
		return s.variable("HOME", "the home folder")
	}
	if dir, err := s.variable("USERPROFILE", "the home folder"); err == nil {
		return dir, nil
	}
	if drive, path := s.Getenv("HOMEDRIVE"), s.Getenv("HOMEPATH"); drive != "" && path != "" {
		return drive + path, nil
	}
	if dir, err := s.variable("HOME", "the home folder"); err == nil {
		return dir, nil
	}
	return "", &MissingError{What: "the home folder", Variable: "USERPROFILE"}
}

// variable is the folder that a variable names.
func (s System) variable(name, what string) (string, error) {
	dir := s.Getenv(name)
	switch {
	case dir == "":
		return "", &MissingError{What: what, Variable: name}
	case !s.absolute(dir):
		return "", fmt.Errorf("%s is unknown: %s is not an absolute path", what, name)
	}
	return filepath.Clean(dir), nil
}

// absolute knows the paths of both worlds, whichever this program was built for.
func (s System) absolute(path string) bool {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "/") {
		return true
	}
	return s.GOOS == "windows" && (strings.HasPrefix(path, `\\`) || len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/'))
}

// A folder is a place on some system, such as the home folder.
type folder func(System) (string, error)

func home(s System) (string, error) { return s.home() }

// appData is where desktop programs keep their settings: Electron's appData.
func appData(s System) (string, error) {
	switch s.GOOS {
	case "windows":
		if dir, err := s.variable("APPDATA", "the settings folder"); err == nil {
			return dir, nil
		}
		// Some editors clear the environment; Windows itself puts the folder here.
		return below(home, "AppData", "Roaming")(s)
	case "darwin":
		return below(home, "Library", "Application Support")(s)
	default:
		return xdgConfig(s)
	}
}

// xdgConfig is XDG_CONFIG_HOME, which must be absolute to count, or ~/.config.
func xdgConfig(s System) (string, error) {
	if dir, err := s.variable("XDG_CONFIG_HOME", "the settings folder"); err == nil {
		return dir, nil
	}
	return below(home, ".config")(s)
}

// zedConfig differs on each system: Zed takes XDG_CONFIG_HOME on Linux alone.
func zedConfig(s System) (string, error) {
	switch s.GOOS {
	case "windows":
		return below(appData, "Zed")(s)
	case "darwin":
		return below(home, ".config", "zed")(s)
	default:
		return below(xdgConfig, "zed")(s)
	}
}

// localAppData is where programs of Windows keep what stays on this machine.
func localAppData(s System) (string, error) {
	if dir, err := s.variable("LOCALAPPDATA", "the settings folder"); err == nil {
		return dir, nil
	}
	return below(home, "AppData", "Local")(s)
}

// flatpak is where a program that was installed as a Flatpak keeps its settings.
func flatpak(id string) func(System) []string {
	return on("linux", each(below(home, ".var", "app"), id))
}

// each are the folders in a folder whose names match a pattern.
func each(f folder, pattern string, below ...string) func(System) []string {
	return func(s System) []string {
		dir, err := f(s)
		if err != nil {
			return nil
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil
		}
		var out []string
		for _, entry := range entries {
			path := filepath.Join(append([]string{dir, entry.Name()}, below...)...)
			info, err := os.Stat(path)
			if match, _ := filepath.Match(pattern, entry.Name()); match && err == nil && info.IsDir() {
				out = append(out, path)
			}
		}
		return out
	}
}

// on are the folders that there are on one system alone.
func on(goos string, folders func(System) []string) func(System) []string {
	return func(s System) []string {
		if s.GOOS != goos {
			return nil
		}
		return folders(s)
	}
}

// below is a folder further down.
func below(f folder, names ...string) folder {
	return func(s System) (string, error) {
		dir, err := f(s)
		if err != nil {
			return "", err
		}
		return filepath.Join(append([]string{dir}, names...)...), nil
	}
}

// either is the folder that a variable names, relative to where the command was started, or else f.
func either(variable string, f folder) folder {
	return func(s System) (string, error) {
		dir := s.Getenv(variable)
		switch {
		case dir == "":
			return f(s)
		case s.absolute(dir):
			return filepath.Clean(dir), nil
		}
		return filepath.Join(s.Folder, dir), nil
	}
}

// first is the first of some files that exists, or else the last: the one that would be made.
func first(f folder, names ...string) folder {
	return func(s System) (string, error) {
		dir, err := f(s)
		if err != nil {
			return "", err
		}
		path := ""
		for _, name := range names {
			path = filepath.Join(dir, filepath.FromSlash(name))
			if exists(path) {
				break
			}
		}
		return path, nil
	}
}

// exists says whether anything stands at path, a dangling symlink included.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

// Program is the path of a program on the PATH, or empty.
func (s System) Program(name string) string {
	names := []string{name}
	if s.GOOS == "windows" {
		names = []string{name + ".exe", name + ".cmd", name + ".bat"}
	}
	for _, dir := range filepath.SplitList(s.Getenv("PATH")) {
		for _, n := range names {
			path := filepath.Join(dir, n)
			if info, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() {
				return path
			}
		}
	}
	return ""
}

package editor

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// A System is what the rules need to know of a machine. Everything is a field, so that the rules of
// macOS and Windows can be tested on Linux.
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

// A MissingError says that the home folder is unknown, since a variable is not set.
type MissingError struct{ Variable string }

func (e *MissingError) Error() string {
	return "the home folder is unknown: " + e.Variable + " is not set"
}

// home is the user's home folder. Windows sets USERPROFILE; HOME is what shells there add.
func (s System) home() (string, error) {
	windows, name := s.GOOS == "windows", "HOME"
	if windows {
		name = "USERPROFILE"
	}
	drive, path := s.Getenv("HOMEDRIVE"), s.Getenv("HOMEPATH")
	switch dir := s.Getenv(name); {
	case s.absolute(dir):
		return filepath.Clean(dir), nil
	case windows && drive != "" && path != "":
		return drive + path, nil
	case windows && s.absolute(s.Getenv("HOME")):
		return filepath.Clean(s.Getenv("HOME")), nil
	case dir == "":
		return "", &MissingError{name}
	}
	return "", fmt.Errorf("the home folder is unknown: %s is not an absolute path", name)
}

// absolute accepts the absolute paths of Unix on every system: the tests of Windows run in a folder of Linux too.
func (s System) absolute(path string) bool {
	return filepath.IsAbs(path) || strings.HasPrefix(path, "/") ||
		s.GOOS == "windows" && (strings.HasPrefix(path, `\\`) || len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/'))
}

// locate is the path that the table of editors writes as ~/…, ./… (from the current folder), {appData}/…, {localAppData}/…,
// {config}/… or ${NAME:-…}/…: the folder that a variable names, as seen from the current one, or else another of these.
func (s System) locate(template string) (string, error) {
	if choice, ok := strings.CutPrefix(template, "${"); ok {
		end := strings.LastIndexByte(choice, '}')
		rest := choice[end+1:]
		name, usual, _ := strings.Cut(choice[:end], ":-")
		switch dir := s.Getenv(name); {
		case dir == "":
			return s.locate(usual + rest)
		case s.absolute(dir):
			return filepath.Join(dir, filepath.FromSlash(rest)), nil
		default:
			return filepath.Join(s.Folder, dir, filepath.FromSlash(rest)), nil
		}
	}
	if s.absolute(template) {
		return filepath.Clean(template), nil
	}
	root, rest, _ := strings.Cut(template, "/")
	dir, err := s.Folder, error(nil)
	switch root {
	case "~":
		dir, err = s.home()
	case "{config}":
		dir, err = s.settings("XDG_CONFIG_HOME", ".config")
	case "{localAppData}":
		dir, err = s.settings("LOCALAPPDATA", "AppData/Local")
	case "{appData}": // where desktop programs keep their settings: Electron's appData
		switch s.GOOS {
		case "windows":
			// Some editors clear the environment; Windows itself puts the folder here.
			dir, err = s.settings("APPDATA", "AppData/Roaming")
		case "darwin":
			dir, err = s.locate("~/Library/Application Support")
		default:
			dir, err = s.locate("{config}")
		}
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(rest)), nil
}

// settings is the folder of settings that a variable names, which must be absolute to count, or the usual one below the
// home folder.
func (s System) settings(variable, usual string) (string, error) {
	if dir := s.Getenv(variable); s.absolute(dir) {
		return filepath.Clean(dir), nil
	}
	return s.locate("~/" + usual)
}

// first is the first of some files that exists, or else the last: the one that would be made. They are templates,
// separated by bars.
func (s System) first(templates string) (path string, err error) {
	for template := range strings.SplitSeq(templates, "|") {
		if path, err = s.locate(template); err != nil || exists(path) {
			break
		}
	}
	return path, err
}

// folders are those that a template leads to. Its last name may have a *, which stands for any characters.
func (s System) folders(template string) []string {
	head, pattern := path.Split(template)
	if !strings.Contains(pattern, "*") {
		head, pattern = template, ""
	}
	dir, err := s.locate(head)
	if err != nil {
		return nil
	}
	paths := []string{dir}
	if pattern != "" {
		paths = matches(filepath.Join(dir, pattern))
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	})
}

// mostMatches bounds how many files of one kind are read: a cloned project may hold any number.
const mostMatches = 20

// matches are the paths of a name whose last part may have a *, if they are there.
func matches(name string) []string {
	dir, pattern := filepath.Split(name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, entry := range entries {
		if match, _ := path.Match(pattern, entry.Name()); match && len(out) < mostMatches {
			out = append(out, filepath.Join(dir, entry.Name()))
		}
	}
	return out
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
	for path := range file.OnPath(s.Getenv("PATH"), names...) {
		return path
	}
	return ""
}

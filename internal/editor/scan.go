package editor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf16"
)

// A Finding is a key that stands in a file. It says where, never what.
type Finding struct {
	Path         string
	Line, Column int // from 1
	// Name is the variable or header the key stands under; empty: it has none.
	Name string
	// Editor is the id of the editor whose config file it is, or empty.
	Editor string
	Git    GitStatus
	// Instead says what to do.
	Instead string
}

// Targets are the files to be scanned. Without any, nothing is.
type Targets struct {
	// User scans the config files of this user's editors.
	User bool
	// Project scans the files of the current folder in which editors look for servers and variables.
	Project bool
	// Paths are files, scanned whatever they are, and folders, whose config files are scanned all the way
	// down. Symbolic links inside of folders are not followed; what git ignores is left out.
	Paths []string
	// Staged scans what the next commit would hold, below Paths if there are any.
	Staged bool
}

// A Scanner finds keys of LeadMagic in files.
type Scanner struct {
	System System
	Git    Git
}

// A Report is what a scan found.
type Report struct {
	Findings []Finding
	Files    int // how many were read
	// Skipped says which files could not be read, and why.
	Skipped []error
}

// maxConfig is how large a file may be that is looked at on the way, without being named and without being an
// editor's.
const maxConfig = 8 << 20

// errLarge says that a file is larger.
var errLarge = fmt.Errorf("it is larger than %d MiB", maxConfig>>20)

// Scan reads the targets. An error means that a target cannot be scanned at all; a file on the way that
// cannot be read is in the report.
func (s Scanner) Scan(ctx context.Context, t Targets) (Report, error) {
	var rep Report
	if t.Staged {
		err := s.staged(ctx, t.Paths, &rep)
		return rep, err
	}
	seen := map[string]bool{}
	if t.User {
		for _, src := range s.userFiles() {
			s.read(ctx, src, &rep, seen)
		}
	}
	if t.Project {
		for _, src := range s.projectFiles() {
			s.read(ctx, src, &rep, seen)
		}
	}
	for _, path := range t.Paths {
		path = s.System.from(path)
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return rep, fmt.Errorf("scanning %s: %w", path, bare(err))
		case !info.IsDir():
			if _, _, err := readRegular(path); err != nil {
				return rep, fmt.Errorf("scanning %s: %w", path, bare(err))
			}
			s.read(ctx, s.named(path), &rep, seen)
			continue
		}
		files, err := s.tree(ctx, path)
		if err != nil {
			return rep, err
		}
		for _, file := range files {
			if src := s.classify(file); src.degree != inCode {
				s.read(ctx, src, &rep, seen)
			}
		}
	}
	return rep, ctx.Err()
}

// from is a path as seen from where the command was started.
func (s System) from(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.Folder, path)
}

// userFiles are the config files of this user's editors that exist, with their backups.
func (s Scanner) userFiles() []source {
	var out []source
	for _, e := range Here(s.System) {
		path, err := e.file(s.System)
		if err != nil {
			continue // there is no such place on this machine
		}
		paths := []string{path}
		for _, name := range elsewhere {
			if name.editor == e.ID && name.user {
				if dir, err := home(s.System); err == nil {
					paths = append(paths, filepath.Join(dir, filepath.FromSlash(name.path)))
				}
			}
		}
		paths = append(paths, (&configFile{real: path}).backups()...)
		for _, path := range paths {
			if exists(path) {
				out = append(out, source{path: path, editor: &e, scope: User})
			}
		}
	}
	return out
}

// read looks at one file, once.
func (s Scanner) read(ctx context.Context, src source, rep *Report, seen map[string]bool) {
	real, err := filepath.EvalSymlinks(src.path)
	if err != nil {
		real = src.path
	}
	if seen[real] {
		return
	}
	seen[real] = true
	data, info, err := readRegular(real)
	switch {
	case errors.Is(err, fs.ErrNotExist): // in the index, but not in the folder
	case err == nil && !src.pointed && src.degree == inConfig && info.Size() > maxConfig:
		rep.Skipped = append(rep.Skipped, fmt.Errorf("%s: %w", src.path, errLarge))
	case err != nil:
		rep.Skipped = append(rep.Skipped, fmt.Errorf("%s: %w", src.path, bare(err)))
	default:
		s.look(ctx, src, data, rep)
	}
}

// look finds the keys in one text.
func (s Scanner) look(ctx context.Context, src source, data []byte, rep *Report) {
	text, ok := readable(data)
	if !ok {
		return
	}
	rep.Files++
	found := hits(text, src.degree)
	if len(found) == 0 {
		return
	}
	status := GitStaged
	if !src.staged {
		status = s.Git.Status(ctx, src.path)
	}
	for _, h := range found {
		f := Finding{Path: src.path, Name: h.name, Git: status, Instead: src.instead(h)}
		f.Line, f.Column = position(text, h.from)
		if src.editor != nil {
			f.Editor = src.editor.ID
		}
		rep.Findings = append(rep.Findings, f)
	}
}

// readable is data as UTF-8 text, if it is a text. PowerShell writes UTF-16.
func readable(data []byte) ([]byte, bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return data, !bytes.ContainsRune(data[:min(len(data), 8000)], 0)
	}
	var units []uint16
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units))), true
}

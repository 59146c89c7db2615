// Package keyscan finds keys of LeadMagic in files, and says where they are, never what. It changes no file and starts no
// program but git, in a way that runs nothing of a repository.
package keyscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

const program = "leadmagic-mcp-proxy"

// A Place is where an editor looks for servers and variables.
type Place struct {
	// Path is that of a file, or the last elements of one, with slashes. There, * is any name.
	Path string
	// Editor is its id, or empty.
	Editor string
	// Instead says what to do about a key under a name, or under none.
	Instead func(name string) string
}

// A Scanner finds keys of LeadMagic in files.
type Scanner struct {
	Folder  string   // where the command was started
	Environ []string // NAME=value, as the shell has them
	// User are the files of this user's editors that exist, and Project the ends of paths below a project.
	User, Project []Place
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

// A Report is what a scan found.
type Report struct {
	Findings []Finding
	Files    int // how many were read
	// Allowed is how many keys were passed over, since their line says so.
	Allowed int
	// Skipped says which files were not looked at, and why.
	Skipped []error
	// Notes say what else the reader of the report has to know.
	Notes []string
}

// A Finding is a key that is in a file. Its JSON form is stable.
type Finding struct {
	Path   string `json:"file"`
	Line   int    `json:"line"` // from 1, as Column
	Column int    `json:"column"`
	// Name is the variable or header the key is the value of; empty: it has none.
	Name string `json:"name,omitempty"`
	// Editor is the id of the editor whose config file it is, or empty.
	Editor string `json:"editor,omitempty"`
	Git    Status `json:"git"`
	// Instead says what to do.
	Instead string `json:"instead"`
}

// maxConfig is how large a file may be that is looked at on the way, and maxFile one that is named or an editor's: Claude
// Code keeps its history in the same file.
const (
	maxConfig = 8 << 20
	maxFile   = 64 << 20
)

// errLarge says that a file is larger.
var errLarge error = &file.TooLargeError{Limit: maxConfig}

// A source is one text to look at.
type source struct {
	path   string
	place  Place
	degree suspicion
	git    Status // empty: not known yet
	// pointed says that somebody named this very file.
	pointed bool
}

// configEndings are the names of config files in general.
var configEndings = []string{
	".json", ".jsonc", ".json5", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".config", ".properties",
	".env", ".envrc", ".npmrc", ".netrc", ".plist", ".xml", ".tfvars",
	".profile", ".bashrc", ".bash_profile", ".zshrc", ".zshenv", ".zprofile", ".fish", "dockerfile",
}

// codeEndings are the names of files that hold other people's names.
var codeEndings = []string{
	".c", ".cc", ".cpp", ".cs", ".css", ".dart", ".ex", ".go", ".h", ".hpp", ".html", ".ipynb", ".java", ".js", ".jsx",
	".kt", ".lua", ".m", ".md", ".mdx", ".mjs", ".php", ".pl", ".py", ".r", ".rb", ".rs", ".rst", ".scala", ".sh",
	".sql", ".svelte", ".swift", ".ts", ".tsx", ".vue", ".zig",
}

// named is a file that somebody has pointed to: what is not code is then taken for a config file.
func (s Scanner) named(path string) source {
	src := s.classify(path)
	src.pointed = true
	if src.degree == inCode && !ends(path, codeEndings) {
		src.degree = inConfig
	}
	return src
}

// ends says whether a file's name has one of some endings.
func ends(path string, endings []string) bool {
	base := strings.ToLower(filepath.Base(path))
	return slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(base, end) })
}

// classify says what kind of file a path names: an editor's, another config file, or something else.
func (s Scanner) classify(name string) source {
	for _, p := range s.User {
		if p.Path == name {
			return source{path: name, place: p}
		}
	}
	for _, p := range s.Project {
		if endsWith(filepath.ToSlash(name), p.Path) {
			return source{path: name, place: p}
		}
	}
	src := source{path: name, place: Place{Instead: Instead}, degree: inCode}
	if ends(name, configEndings) || strings.HasPrefix(filepath.Base(name), ".env") {
		src.degree = inConfig
	}
	return src
}

// endsWith says whether the last elements of a path are those of a pattern.
func endsWith(slashed, pattern string) bool {
	elements := strings.Split(slashed, "/")
	n := strings.Count(pattern, "/") + 1
	ok, err := path.Match(pattern, strings.Join(elements[max(0, len(elements)-n):], "/"))
	return err == nil && ok
}

// Instead says what to do about a key in a file that is no editor's.
func Instead(string) string {
	return "name the variable LEADMAGIC_API_KEY instead, or keep the key with: " + program + " login"
}

// A scan is one run of a Scanner.
type scan struct {
	Scanner
	git  git
	rep  Report
	seen map[string]bool // by the path without links
}

// Scan reads the targets. An error means that a target cannot be scanned at all; a file on the way that
// cannot be read is in the report.
func (s Scanner) Scan(ctx context.Context, t Targets) (Report, error) {
	folders := []string{s.Folder}
	for _, path := range t.Paths {
		path = from(s.Folder, path)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			path = filepath.Dir(path)
		}
		folders = append(folders, path)
	}
	r := scan{Scanner: s, git: newGit(s.Environ, folders), seen: map[string]bool{}}
	if t.Staged {
		err := r.staged(ctx, t.Paths)
		return r.rep, err
	}
	if t.User {
		for _, p := range s.User {
			r.readOrSkip(ctx, source{path: p.Path, place: p})
		}
	}
	if t.Project {
		names := []string{".env", ".envrc"}
		for _, p := range s.Project {
			names = append(names, p.Path)
		}
		for _, name := range names {
			found, _ := fs.Glob(os.DirFS(s.Folder), name)
			for _, name := range found {
				r.readOrSkip(ctx, s.classify(from(s.Folder, name)))
			}
		}
	}
	for _, path := range t.Paths {
		path = from(s.Folder, path)
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			err = r.tree(ctx, path)
		} else {
			err = r.read(ctx, s.named(path))
		}
		if err != nil {
			return r.rep, fmt.Errorf("scanning %s: %w", path, file.Bare(err))
		}
	}
	return r.rep, ctx.Err()
}

// skip notes that a file was not looked at.
func (r *scan) skip(path string, err error) {
	r.rep.Skipped = append(r.rep.Skipped, fmt.Errorf("%s: %w", path, file.Bare(err)))
}

// tree looks at the config files below a folder that git does not ignore.
func (r *scan) tree(ctx context.Context, named string) error {
	root := file.Real(named)
	ignored := map[string]bool{}
	ask := func(repo repository, dir string) {
		more, err := r.git.ignored(ctx, repo, dir)
		if err != nil && ctx.Err() == nil && (repo.dir != "" || !errors.Is(err, errNoGit)) {
			r.rep.Notes = append(r.rep.Notes, fmt.Sprintf("what git ignores in %s was looked at too, since %v", dir, err))
		}
		maps.Copy(ignored, more)
	}
	ask(findRepository(root), root)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case path == root:
			return err
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			r.skip(path, err)
			return nil
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || ignored[path]):
			return fs.SkipDir
		case ignored[path]:
			return nil
		case d.IsDir():
			if gitDir(path) != "" { // a repository inside of this one
				ask(findRepository(path), path)
			}
			return nil
		}
		src := r.classify(filepath.Join(named, strings.TrimPrefix(path, root)))
		switch {
		case src.degree == inCode:
		case d.Type()&fs.ModeSymlink != 0:
			// What it leads to is looked at by its own name, if it is below this folder.
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !file.Within([]string{root}, file.Real(path)) {
				r.skip(src.path, errLink)
			}
		default:
			r.readOrSkip(ctx, src)
		}
		return nil
	})
}

var errLink = errors.New("it is a symbolic link that leads out of the folder")

// staged looks at what the next commit would hold: the texts come from the index, not from the folder.
func (r *scan) staged(ctx context.Context, paths []string) error {
	const doing = "reading what is staged: %w"
	if r.git.program == "" {
		return fmt.Errorf(doing, errNoGit)
	}
	folder := file.Real(r.Folder)
	repo := findRepository(folder)
	if dir := r.git.hook["GIT_DIR"]; dir != "" {
		repo = openRepository(from(folder, cmp.Or(r.git.hook["GIT_WORK_TREE"], repo.top)), from(folder, dir))
	}
	if index := r.git.hook["GIT_INDEX_FILE"]; index != "" {
		repo.setIndex(from(repo.top, index))
	}
	if repo.dir == "" {
		return fmt.Errorf(doing, errors.New("this folder is in no git repository"))
	}
	var below []string
	for _, path := range paths {
		rel, err := filepath.Rel(repo.top, file.Real(from(folder, path)))
		if err != nil {
			return fmt.Errorf(doing, err)
		}
		below = append(below, filepath.ToSlash(rel))
	}
	top := repo.top // as seen from the current folder, whose own name may hold links
	if rel, err := filepath.Rel(folder, top); err == nil {
		top = from(r.Folder, rel)
	}
	blobs, err := r.git.staged(ctx, repo, below)
	if err == nil {
		err = r.git.read(ctx, repo, blobs, maxConfig, func(b blob, text string, err error) {
			src := r.named(filepath.Join(top, filepath.FromSlash(b.name)))
			src.git = Staged
			if err != nil {
				r.skip(src.path, err)
				return
			}
			r.look(ctx, src, []byte(text))
		})
	}
	if err != nil {
		return fmt.Errorf(doing, err)
	}
	return ctx.Err()
}

// read looks at one file, once.
func (r *scan) read(ctx context.Context, src source) error {
	real := file.Real(src.path)
	if r.seen[real] {
		return nil
	}
	r.seen[real] = true
	limit := int64(maxFile)
	if !src.pointed && src.degree == inConfig {
		limit = maxConfig
	}
	data, _, err := file.Read(real, limit)
	if err == nil {
		r.look(ctx, src, data)
	}
	return err
}

// readOrSkip looks at a file that is on the way.
func (r *scan) readOrSkip(ctx context.Context, src source) {
	if err := r.read(ctx, src); err != nil && !errors.Is(err, fs.ErrNotExist) { // or it was removed meanwhile
		r.skip(src.path, err)
	}
}

// look finds the keys in the content of a file.
func (r *scan) look(ctx context.Context, src source, data []byte) {
	r.rep.Files++
	for _, k := range keysIn(data, src.degree) {
		if k.allowed {
			r.rep.Allowed++
			continue
		}
		if src.git == "" {
			src.git = r.git.status(ctx, src.path)
		}
		f := Finding{Path: src.path, Line: k.line, Column: k.column, Name: k.name, Editor: src.place.Editor, Git: src.git, Instead: src.place.Instead(k.name)}
		r.rep.Findings = append(r.rep.Findings, f)
	}
}

package editor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Git is the git command. The zero value is a machine without it.
type Git struct {
	Path    string   // of the program
	Environ []string // NAME=value
}

// FindGit looks for git on the PATH.
func FindGit(s System, environ []string) Git { return Git{Path: s.Program("git"), Environ: environ} }

// A GitStatus is what git would do with a file.
type GitStatus string

const (
	// GitTracked means that the file is in the repository.
	GitTracked GitStatus = "tracked"
	// GitStaged means that the text is what the next commit would hold.
	GitStaged GitStatus = "staged"
	// GitUntracked means that the file is not ignored: the next git add takes it.
	GitUntracked GitStatus = "untracked"
	// GitIgnored means that git leaves the file alone.
	GitIgnored GitStatus = "ignored"
	// GitOutside means that the file is in no repository.
	GitOutside GitStatus = "outside"
	// GitUnknown means that git is missing, or refuses to look.
	GitUnknown GitStatus = "unknown"
)

// Status asks git about one file.
func (g Git) Status(ctx context.Context, path string) GitStatus {
	dir, name := filepath.Split(path)
	if g.Path == "" {
		return GitUnknown
	}
	if _, err := g.outside(ctx, dir, "--literal-pathspecs", "ls-files", "--error-unmatch", "--", name); err == nil {
		return GitTracked
	}
	_, err := g.outside(ctx, dir, "check-ignore", "-q", "--", name)
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return GitIgnored
	case ended && exit.ExitCode() == 1:
		return GitUntracked
	case ended && bytes.Contains(exit.Stderr, []byte("not a git repository")):
		return GitOutside
	default:
		return GitUnknown
	}
}

// repository are the variables that tie git to one repository: a hook has them.
var repository = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
}

// outside runs git in a folder, whatever repository this program was started by.
func (g Git) outside(ctx context.Context, dir string, args ...string) ([]byte, error) {
	g.Environ = slices.DeleteFunc(slices.Clone(g.Environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(repository, name)
	})
	return g.run(ctx, dir, args...)
}

// run runs git in a folder and returns its output. A repository's own settings may name a program to be
// started (core.fsmonitor): not for us.
func (g Git) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	if g.Path == "" {
		return nil, errors.New("git was not found")
	}
	cmd := exec.CommandContext(ctx, g.Path, append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(slices.Clone(g.Environ), func(kv string) bool { return strings.HasPrefix(kv, KeyVariable+"=") })
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	return cmd.Output()
}

// names0 are the names in an output that ends each with a zero byte.
func names0(out []byte) []string {
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

// tree are the files below a folder that git does not ignore, links left out. Without git, or outside of
// a repository, the .gitignore files are read here.
func (s Scanner) tree(ctx context.Context, dir string) ([]string, error) {
	out, err := s.Git.outside(ctx, dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return walk(ctx, dir)
	}
	var files []string
	for _, name := range names0(out) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Lstat(path)
		switch {
		case err != nil: // in the index alone
		case info.Mode().IsRegular():
			files = append(files, path)
		case info.IsDir(): // a repository inside of this one
			below, err := s.tree(ctx, path)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		}
	}
	return files, ctx.Err()
}

// staged looks at what the next commit would hold: the texts come from the index, not from the folder.
func (s Scanner) staged(ctx context.Context, paths []string, rep *Report) error {
	top, err := s.Git.run(ctx, s.System.Folder, "rev-parse", "--show-toplevel")
	if err != nil {
		return stagedError(err)
	}
	root := strings.TrimSuffix(string(top), "\n")
	args := []string{"--literal-pathspecs", "diff", "--cached", "--name-only", "--no-ext-diff", "--no-renames", "--no-relative", "--diff-filter=ACMT", "-z", "--"}
	out, err := s.Git.run(ctx, s.System.Folder, append(args, paths...)...)
	if err != nil {
		return stagedError(err)
	}
	for _, name := range names0(out) {
		path := filepath.Join(root, filepath.FromSlash(name))
		text, err := s.Git.run(ctx, s.System.Folder, "cat-file", "-s", ":"+name)
		if err != nil {
			continue // a submodule
		}
		if size, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || size > maxConfig {
			if s.classify(path).degree != inCode {
				rep.Skipped = append(rep.Skipped, fmt.Errorf("%s: %w", path, errLarge))
			}
			continue
		}
		data, err := s.Git.run(ctx, s.System.Folder, "cat-file", "blob", ":"+name)
		if err != nil {
			return stagedError(err)
		}
		src := s.named(path)
		src.staged = true
		s.look(ctx, src, data, rep)
	}
	return ctx.Err()
}

// stagedError is a failure of git, in its own first line.
func stagedError(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		line, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return fmt.Errorf("reading what is staged: git says: %s", line)
	}
	return fmt.Errorf("reading what is staged: %w", err)
}

//go:build unix

package keyscan

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// trap is a repository whose own programs leave a mark when one of them runs.
type trap struct {
	environ           []string
	folder, mark, arm string
}

// trapped is a repository from an archive: whoever made it has written all that is in .git.
func trapped(t *testing.T, s Scanner) trap {
	t.Helper()
	tr := trap{environ: gitFor(t), folder: s.Folder, mark: filepath.Join(t.TempDir(), "mark")}
	tr.arm = filepath.Join(s.Folder, "arm")
	put(t, tr.arm, "#!/bin/sh\necho \"$0 $*\" >> '"+tr.mark+"'\n")
	if err := os.Chmod(tr.arm, 0o755); err != nil {
		t.Fatal(err)
	}
	runGit(t, tr.environ, s.Folder, "init", "-q")
	return tr
}

// config is a configuration in which everything that can be a program is one.
func (tr trap) config() string {
	return `[core]
	repositoryformatversion = 1
	bare = false
	fsmonitor = ARM
	hooksPath = HOOKS
	sshCommand = ARM
	gitProxy = ARM
	askPass = ARM
	editor = ARM
	pager = ARM
	alternateRefsCommand = ARM
[extensions]
	partialClone = origin
[remote "origin"]
	url = ssh://127.0.0.1/x
	promisor = true
	partialclonefilter = blob:none
	uploadpack = ARM
	proxy = ARM
[credential]
	helper = !ARM
[diff]
	external = ARM
[diff "x"]
	textconv = ARM
	command = ARM
[filter "x"]
	clean = ARM
	smudge = ARM
	process = ARM
	required = true
[pager]
	ls-files = ARM
	diff-index = ARM
[alias]
	ls-files = !ARM
	rev-parse = !ARM
[interactive]
	diffFilter = ARM
[gpg]
	program = ARM
[include]
	path = more
[protocol]
	allow = always
[protocol "ext"]
	allow = always
`
}

func (tr trap) set(t *testing.T, path, config string) {
	t.Helper()
	hooks := filepath.Join(tr.folder, "hooks")
	for _, name := range []string{"post-index-change", "pre-commit", "reference-transaction"} {
		put(t, filepath.Join(hooks, name), "#!/bin/sh\n'"+tr.arm+"'\n")
		if err := os.Chmod(filepath.Join(hooks, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, path, strings.NewReplacer("ARM", filepath.ToSlash(tr.arm), "HOOKS", filepath.ToSlash(hooks)).Replace(config))
}

func (tr trap) sprung() string {
	text, _ := os.ReadFile(tr.mark)
	return string(text)
}

func TestNothingThatARepositoryNamesIsRun(t *testing.T) {
	const tree = "HEAD^{tree}"
	for _, tt := range []struct {
		name string
		make func(t *testing.T, tr trap)
		// fires is a command of git that shows what the repository would do; empty: in today's git, none does.
		fires []string
	}{
		{"a configuration", func(t *testing.T, tr trap) {
			tr.set(t, filepath.Join(tr.folder, ".git", "more"), "[core]\n\tfsmonitor = ARM\n")
			tr.set(t, filepath.Join(tr.folder, ".git", "config"), tr.config())
			put(t, filepath.Join(tr.folder, ".gitattributes"), "* filter=x diff=x\n")
		}, []string{"ls-files"}},
		{"a configuration that is included", func(t *testing.T, tr trap) {
			tr.set(t, filepath.Join(tr.folder, ".git", "more"), strings.Replace(tr.config(), "path = more", "path = none", 1))
			tr.set(t, filepath.Join(tr.folder, ".git", "config"), "[include]\n\tpath = more\n")
		}, []string{"ls-files"}},
		{"a configuration of one work tree", func(t *testing.T, tr trap) {
			tr.set(t, filepath.Join(tr.folder, ".git", "config.worktree"), tr.config())
			tr.set(t, filepath.Join(tr.folder, ".git", "config"), "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tworktreeConfig = true\n")
		}, []string{"ls-files"}},
		{"a last commit that has to be fetched", func(t *testing.T, tr trap) {
			tr.set(t, filepath.Join(tr.folder, ".git", "config"), tr.config())
			put(t, filepath.Join(tr.folder, ".git", "HEAD"), strings.Repeat("1", 40)+"\n")
		}, []string{"-c", "core.fsmonitor=false", "rev-parse", "--verify", tree}},
		{"what is staged and has to be fetched", func(t *testing.T, tr trap) {
			put(t, filepath.Join(tr.folder, "gone.json"), leak+leak)
			runGit(t, tr.environ, tr.folder, "add", "gone.json")
			runGit(t, tr.environ, tr.folder, "add", ".gitignore")
			runGit(t, tr.environ, tr.folder, "update-index", "--skip-worktree", ".gitignore")
			for _, name := range []string{".gitignore", "gone.json"} {
				id := strings.TrimSpace(runGit(t, tr.environ, tr.folder, "hash-object", name))
				if err := os.Remove(filepath.Join(tr.folder, ".git", "objects", id[:2], id[2:])); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(filepath.Join(tr.folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			tr.set(t, filepath.Join(tr.folder, ".git", "config"), tr.config())
		}, []string{"-c", "core.fsmonitor=false", "ls-files", "--others", "--exclude-standard"}},
		{"a repository within, that is a folder of the first", func(t *testing.T, tr trap) {
			dir := filepath.Join(tr.folder, ".vscode")
			for _, name := range []string{"objects", "refs"} {
				put(t, filepath.Join(dir, name, "keep"), "")
			}
			put(t, filepath.Join(dir, "HEAD"), "ref: refs/heads/main\n")
			tr.set(t, filepath.Join(dir, "config"), tr.config()+"[core]\n\tworktree = .\n")
		}, []string{"-C", ".vscode", "ls-files"}},
		{"a repository within", func(t *testing.T, tr trap) {
			runGit(t, tr.environ, tr.folder, "init", "-q", ".vscode")
			tr.set(t, filepath.Join(tr.folder, ".vscode", ".git", "config"), tr.config())
		}, []string{"-C", ".vscode", "ls-files"}},
		{"a file in place of .git", func(t *testing.T, tr trap) {
			if err := os.Rename(filepath.Join(tr.folder, ".git"), filepath.Join(tr.folder, "other")); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(tr.folder, ".git"), "gitdir: other\n")
			tr.set(t, filepath.Join(tr.folder, "other", "config"), tr.config())
		}, []string{"ls-files"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := machine(t)
			tr := trapped(t, s)
			put(t, filepath.Join(s.Folder, ".gitignore"), "ignored.json\n")
			for _, name := range []string{".vscode/mcp.json", "tracked.json", "ignored.json"} {
				put(t, filepath.Join(s.Folder, name), leak)
			}
			runGit(t, tr.environ, s.Folder, "add", "tracked.json")
			tt.make(t, tr)
			for _, targets := range []Targets{
				{Paths: []string{"."}}, {Paths: []string{".vscode"}}, {Paths: []string{".vscode/mcp.json"}}, {Project: true}, {Staged: true},
			} {
				rep, err := s.with(tr.environ).Scan(t.Context(), targets)
				if err != nil && !targets.Staged {
					t.Error(err)
				}
				if targets.Staged && strings.HasPrefix(tt.name, "what is staged") && (err != nil || len(rep.Skipped) != 2) {
					t.Errorf("skipped: %v (%v)", rep.Skipped, err)
				}
				got := strings.Join(told(s, rep), "\n")
				want := ".vscode/mcp.json vscode LEADMAGIC_API_KEY untracked"
				if targets.Staged {
					want = "tracked.json  LEADMAGIC_API_KEY staged"
				}
				if !strings.Contains(got, want) || strings.Contains(got, "ignored.json") && !strings.Contains(tt.name, "fetched") {
					t.Errorf("%+v: got\n%s\n%v %v", targets, got, err, rep.Skipped)
				}
			}
			if ran := tr.sprung(); ran != "" {
				t.Errorf("was run: %s", ran)
			}
			cmd := exec.CommandContext(t.Context(), "git", tt.fires...)
			cmd.Dir, cmd.Env = s.Folder, tr.environ
			if out, err := cmd.CombinedOutput(); tr.sprung() == "" {
				t.Errorf("git %v runs nothing either: %s (%v)", tt.fires, out, err)
			}
		})
	}
}

// A folder on the PATH may be one of the project: npm puts node_modules/.bin there.
func TestGitOfTheProjectIsNotRun(t *testing.T) {
	s, _ := machine(t)
	tr := trapped(t, s)
	put(t, filepath.Join(s.Folder, "sub", ".mcp.json"), leak)
	bin := filepath.Join(s.Folder, "node_modules", ".bin")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{filepath.Join(bin, "git"): tr.arm, link: bin} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []string{bin, link, "", ".", "node_modules/.bin"} {
		environ := slices.Clone(tr.environ)
		for i, kv := range environ {
			if path, ok := strings.CutPrefix(kv, "PATH="); ok {
				environ[i] = "PATH=" + first + string(filepath.ListSeparator) + path
			}
		}
		for _, folder := range []string{s.Folder, filepath.Join(s.Folder, "sub"), t.TempDir()} {
			there := s
			there.Folder = folder
			sub, err := filepath.Rel(folder, filepath.Join(s.Folder, "sub"))
			if err != nil {
				t.Fatal(err)
			}
			rep, err := there.with(environ).Scan(t.Context(), Targets{Paths: []string{sub}})
			if err != nil || len(rep.Findings) != 1 || rep.Findings[0].Git != Untracked {
				t.Errorf("%s: got %+v (%v)", first, rep, err)
			}
		}
	}
	// Nor is one beside a file that is named, in whatever folder that is.
	named := filepath.Join(t.TempDir(), "x.env")
	put(t, named, leak)
	if err := os.Symlink(tr.arm, filepath.Join(filepath.Dir(named), "git")); err != nil {
		t.Fatal(err)
	}
	runGit(t, tr.environ, filepath.Dir(named), "init", "-q", "within")
	rep, err := Scanner{Folder: t.TempDir(), Environ: []string{"PATH=" + filepath.Dir(named)}}.Scan(t.Context(), Targets{Paths: []string{named, filepath.Join(filepath.Dir(named), "within")}})
	if err != nil || len(rep.Findings) != 1 {
		t.Errorf("got %+v (%v)", rep, err)
	}
	if ran := tr.sprung(); ran != "" {
		t.Errorf("was run: %s", ran)
	}
}

// fakeGit is an environment whose git is a script.
func fakeGit(t *testing.T, script string) []string {
	t.Helper()
	bin := t.TempDir()
	put(t, filepath.Join(bin, "git"), "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(bin, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
}

func TestWhereGitIsStarted(t *testing.T) {
	s, _ := machine(t)
	environ := gitFor(t)
	runGit(t, environ, s.Folder, "init", "-q")
	for _, dir := range []string{"sub/inner", "sub/.vscode"} {
		runGit(t, environ, s.Folder, "init", "-q", dir)
		put(t, filepath.Join(s.Folder, dir, "mcp.json"), leak)
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	environ = fakeGit(t, "pwd -P >> '"+log+"'\nexec '"+real+"' \"$@\"\n")
	for _, folder := range []string{s.Folder, filepath.Join(s.Folder, "sub")} {
		here := s.with(environ)
		here.Folder = folder
		for _, targets := range []Targets{{Paths: []string{"."}}, {Staged: true}} {
			if rep, err := here.Scan(t.Context(), targets); err != nil || rep.Notes != nil || !targets.Staged && len(rep.Findings) != 2 {
				t.Errorf("got %+v (%v)", rep, err)
			}
		}
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if got, want := strings.TrimSpace(line), file.Real(s.Folder); got != want {
			t.Errorf("git was started in %s, want %s", got, want)
		}
	}
}

func TestAGitThatFails(t *testing.T) {
	for name, tt := range map[string]struct{ script, note, staged string }{
		"says why":     {"echo 'fatal: no' >&2; exit 128", "git says: fatal: no", "git says: fatal: no"},
		"says nothing": {"exit 3", "git says: exit status 3", "git says: exit status 3"},
		"lists what it does not have": {`case "$*" in
			*diff-index*) printf ':000000 100644 0 1 A\000a.env\000:000000 100644 0 2 A\000b.env\000' ;;
			*cat-file*) printf '1 blob 1000\nshort' ;;
			*) exit 1 ;;
		esac`, "git says: exit status 1", "reading from git: "},
		"lists half of a pair": {`case "$*" in
			*diff-index*) printf ':000000 100644 0 1 A\000a.env\000:000000 100644 0 2 A\000' ;;
			*) exit 1 ;;
		esac`, "git says: exit status 1", "git says: exit status 1"},
		"lists nothing": {`case "$*" in
			*diff-index*) echo no >&2; exit 1 ;;
			*cat-file*) ;;
			*) exit 1 ;;
		esac`, "git says: exit status 1", "git says: no"},
		"leaves out the end": {`case "$*" in
			*diff-index*) printf ':000000 100644 0 1 A\000a.env\000' ;;
			*cat-file*) printf '1 blob 5\nshort' ;;
			*) exit 1 ;;
		esac`, "git says: exit status 1", "reading from git: "},
		"has not all": {`case "$*" in
			*diff-index*) printf ':000000 100644 0 1 A\000a.env\000:000000 100644 0 2 A\000b.env\000' ;;
			*cat-file*) printf '1 missing\n2 blob x\n' ;;
			*) exit 1 ;;
		esac`, "git says: exit status 1", "reading from git: "},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := machine(t)
			s.Environ = fakeGit(t, tt.script)
			runGit(t, gitFor(t), s.Folder, "init", "-q")
			put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
			rep, err := s.Scan(t.Context(), Targets{Paths: []string{"."}})
			if got := told(s, rep); err != nil || len(got) != 1 || !strings.HasSuffix(got[0], " unknown") {
				t.Errorf("got %q (%v)", got, err)
			}
			if len(rep.Notes) != 1 || !strings.HasSuffix(rep.Notes[0], " was looked at too, since "+tt.note) {
				t.Errorf("got %q", rep.Notes)
			}
			if _, err := s.Scan(t.Context(), Targets{Staged: true}); err == nil || !strings.Contains(err.Error(), tt.staged) {
				t.Errorf("what is staged: got %v, want %s", err, tt.staged)
			}
		})
	}
}

// A program that starts git may end before it.
func TestAGitThatDoesNotEnd(t *testing.T) {
	s, _ := machine(t)
	s.Environ = fakeGit(t, "sleep 50\n:\n")
	runGit(t, gitFor(t), s.Folder, "init", "-q")
	for _, targets := range []Targets{{Paths: []string{"."}}, {Staged: true}} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		_, err := s.Scan(ctx, targets)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 30*time.Second {
			t.Errorf("%+v: got %v after %v", targets, err, took)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := newGit(s.Environ, nil).run(ctx, findRepository(s.Folder), s.Folder, nil, "", "version")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "git did not answer: ") {
		t.Errorf("got %v", err)
	}
}

func TestAGitThatCannotBeStarted(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	runGit(t, gitFor(t), s.Folder, "init", "-q")
	bin := t.TempDir()
	put(t, filepath.Join(bin, "git"), "") // no program
	rep, err := s.with([]string{"PATH=" + bin}).Scan(t.Context(), Targets{Paths: []string{"."}})
	if err != nil || len(rep.Findings) != 1 || rep.Findings[0].Git != Unknown || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "since starting git: ") {
		t.Errorf("got %+v (%v)", rep, err)
	}
}

// Without git, nothing is known of a repository; outside of one, nothing is missed.
func TestNoGit(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	for _, want := range []string{"", "what git ignores in " + file.Real(s.Folder) + " was looked at too, since git was not found"} {
		rep, err := s.Scan(t.Context(), Targets{Paths: []string{"."}})
		if err != nil || strings.Join(rep.Notes, "\n") != want || len(rep.Findings) != 1 {
			t.Errorf("got %+v (%v)", rep, err)
		}
		runGit(t, gitFor(t), s.Folder, "init", "-q")
	}
}

// The key and what ties git to another repository are not for git.
func TestTheEnvironmentOfGit(t *testing.T) {
	g := newGit([]string{"PATH=/usr/bin", "LEADMAGIC_API_KEY=" + canary, "GIT_DIR=x", "GIT_SSH_COMMAND=x", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_GLOBAL=x", "HOME=/h"}, nil)
	if want := []string{"PATH=/usr/bin", "GIT_CONFIG_GLOBAL=x", "HOME=/h"}; !slices.Equal(g.environ, want) {
		t.Errorf("got %q, want %q", g.environ, want)
	}
}

// A hook is told which repository and which index it is for.
func TestStagedInAHook(t *testing.T) {
	environ := gitFor(t)
	s, _ := machine(t)
	runGit(t, environ, s.Folder, "init", "-q", "main")
	top := filepath.Join(s.Folder, "main")
	runGit(t, environ, top, "commit", "-q", "--allow-empty", "-m", "x")
	runGit(t, environ, top, "worktree", "add", "-q", "../second")
	second := filepath.Join(s.Folder, "second")
	for _, dir := range []string{top, second} {
		put(t, filepath.Join(dir, "all.env"), leak)
		put(t, filepath.Join(dir, "one.env"), leak)
		runGit(t, environ, dir, "add", "one.env")
	}
	for name, tt := range map[string]struct {
		folder string
		set    []string
		want   []string
	}{
		"a second work tree":      {second, nil, []string{"one.env"}},
		"a commit of one file":    {top, []string{"GIT_INDEX_FILE=other"}, []string{"all.env"}},
		"no index":                {top, []string{"GIT_INDEX_FILE=none"}, nil},
		"a work tree of its own":  {s.Folder, []string{"GIT_DIR=main/.git", "GIT_WORK_TREE=main"}, []string{"one.env"}},
		"a work tree as git says": {second, []string{"GIT_DIR=" + filepath.Join(top, ".git", "worktrees", "second")}, []string{"one.env"}},
	} {
		t.Run(name, func(t *testing.T) {
			other := append(slices.Clone(environ), "GIT_INDEX_FILE="+filepath.Join(top, "other"))
			runGit(t, other, top, "add", "all.env")
			here := s.with(append(slices.Clone(environ), tt.set...))
			here.Folder = tt.folder
			rep, err := here.Scan(t.Context(), Targets{Staged: true})
			var got []string
			for _, f := range rep.Findings {
				got = append(got, filepath.Base(f.Path))
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

// Whatever names objects by SHA-256, or has an index in two files, is read like any other.
func TestRepositoriesOfOtherForms(t *testing.T) {
	for name, args := range map[string][]string{"sha256": {"init", "-q", "--object-format=sha256"}, "a split index": {"-c", "core.splitIndex=true", "init", "-q"}} {
		t.Run(name, func(t *testing.T) {
			environ := gitFor(t)
			s, _ := machine(t)
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			runGit(t, environ, s.Folder, args...)
			put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
			put(t, filepath.Join(s.Folder, "x.env"), leak)
			put(t, filepath.Join(s.Folder, ".gitignore"), "*.env\n")
			runGit(t, environ, s.Folder, "add", ".mcp.json")
			if name != "sha256" {
				runGit(t, environ, s.Folder, "update-index", "--split-index")
				own, err := findRepository(s.Folder).stripped()
				if err != nil {
					t.Fatal(err)
				}
				// There it is for a git that does not look beside the index.
				if shared, err := filepath.Glob(filepath.Join(own, "sharedindex.*")); err != nil || len(shared) == 0 {
					t.Errorf("got no shared part (%v)", err)
				}
				if err := os.RemoveAll(own); err != nil {
					t.Fatal(err)
				}
			}
			for _, targets := range []Targets{{Staged: true}, {Paths: []string{"."}}} {
				rep, err := s.with(environ).Scan(t.Context(), targets)
				if err != nil || rep.Notes != nil || len(rep.Findings) != 1 || rep.Findings[0].Git != Staged && rep.Findings[0].Git != Tracked {
					t.Errorf("%+v: got %+v (%v)", targets, rep, err)
				}
			}
			runGit(t, environ, s.Folder, "commit", "-q", "-m", "x")
			rep, err := s.with(environ).Scan(t.Context(), Targets{Staged: true})
			if err != nil || len(rep.Findings) != 0 {
				t.Errorf("after the commit: got %+v (%v)", rep, err)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
			t.Setenv("TMPDIR", filepath.Join(temporary, "none"))
			if rep, err := s.with(environ).Scan(t.Context(), Targets{Paths: []string{"."}}); err != nil || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0], "making a folder for git: ") {
				t.Errorf("without a folder for what is temporary: got %+v (%v)", rep, err)
			}
		})
	}
}

// What blocks whoever opens it is not opened, and does not hold the rest up.
func TestSpecialFilesAreNotOpened(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	for _, name := range []string{".env", "x.json", "plain"} {
		if err := syscall.Mkfifo(filepath.Join(s.Folder, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := gitFor(t)
	runGit(t, environ, s.Folder, "init", "-q")
	runGit(t, environ, s.Folder, "add", ".mcp.json")
	for _, name := range []string{"index", "config", "info/exclude", "commondir"} {
		path := filepath.Join(s.Folder, ".git", filepath.FromSlash(name))
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := s.with(environ).Scan(t.Context(), Targets{Paths: []string{"."}})
	if err != nil || rep.Notes != nil || len(rep.Findings) != 1 || rep.Findings[0].Git != Untracked || len(rep.Skipped) != 2 || !errors.Is(rep.Skipped[0], file.ErrNotRegular) {
		t.Errorf("got %+v (%v)", rep, err)
	}
	if _, err := s.Scan(t.Context(), Targets{Paths: []string{"plain"}}); !errors.Is(err, file.ErrNotRegular) {
		t.Errorf("one that is named: got %v", err)
	}
}

func TestWhatIsNotLookedAtIsSaid(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, "closed", "x.env"), leak)
	put(t, filepath.Join(s.Folder, "x.env"), leak)
	for _, mode := range []string{"closed", "x.env"} {
		if err := os.Chmod(filepath.Join(s.Folder, mode), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(s.Folder, "closed"), 0o700) }) //nolint:errcheck // so that it can be removed
	put(t, filepath.Join(s.Folder, "large.json"), strings.Repeat(" ", maxConfig+1))
	outside := filepath.Join(t.TempDir(), "x.env")
	put(t, outside, "")
	put(t, filepath.Join(s.Folder, "here.env"), "")
	for link, target := range map[string]string{"out.env": outside, "in.env": "here.env", "none.env": "none", "folder.env": t.TempDir()} {
		if err := os.Symlink(target, filepath.Join(s.Folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := s.Scan(t.Context(), Targets{Paths: []string{"."}})
	var got []string
	for _, skipped := range rep.Skipped {
		got = append(got, strings.TrimPrefix(skipped.Error(), s.Folder+string(filepath.Separator)))
	}
	want := []string{"large.json: it is larger than 8 MiB", "out.env: it is a symbolic link that leads out of the folder"}
	if os.Geteuid() != 0 { // root reads everything
		want = append([]string{"closed: permission denied"}, append(want, "x.env: permission denied")...)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
}

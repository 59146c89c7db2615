package keyscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// A Status is what git would do with a file.
type Status string

const (
	// Tracked means that the file is in the repository.
	Tracked Status = "tracked"
	// Staged means that the text is what the next commit would hold.
	Staged Status = "staged"
	// Untracked means that the file is not ignored: the next git add takes it.
	Untracked Status = "untracked"
	// Ignored means that git leaves the file alone.
	Ignored Status = "ignored"
	// Outside means that the file is in no repository.
	Outside Status = "outside"
	// Unknown means that git is missing, or does not answer.
	Unknown Status = "unknown"
)

// patience is how long git may take. A special file among those that it reads, which an archive can hold, would block it
// for ever.
const patience = 30 * time.Second

var errNoGit = errors.New("git was not found")

// git is the git command, as it is started for repositories that somebody else has made: their configuration is not
// read. What it does for an answer is done in an empty repository of ours, which it is given together with their work
// tree, their index and their objects. Only the name of the last commit is asked of the repository itself.
type git struct {
	program string            // its path; empty: there is none
	environ []string          // NAME=value
	hook    map[string]string // the variables that tie git to one repository, which a hook has; git itself is not told
}

// newGit finds git on the PATH, but none that lies in the folders to be scanned, or in their repositories.
func newGit(environ, folders []string) git {
	g := git{hook: map[string]string{}}
	path := ""
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch upper := strings.ToUpper(name); {
		case upper == "PATH":
			path = value
		case strings.HasPrefix(upper, "LEADMAGIC_API_KEY"):
			continue
		case strings.HasPrefix(upper, "GIT_") && !slices.Contains([]string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"}, upper):
			g.hook[upper] = value
			continue
		}
		g.environ = append(g.environ, kv)
	}
	name := "git"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	var roots []string
	for _, folder := range folders {
		roots = append(roots, file.Roots(folder)...)
	}
	for program := range file.OnPath(path, name) {
		if !file.Within(roots, program) {
			g.program = program
			break
		}
	}
	return g
}

// hardened are the variables with which git runs nothing, asks nobody and fetches nothing, whatever a repository says.
var hardened = []string{
	"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=",
	"GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_PAGER=cat", "GIT_EDITOR=false", "LC_ALL=C",
}

// run returns what git says to some arguments, started at the top of a repository, with a git folder that holds the
// configuration and with more variables.
func (g git) run(ctx context.Context, r repository, gitDir string, variables []string, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.program, append([]string{
		"--no-pager", "--literal-pathspecs", "--git-dir=" + gitDir, "--work-tree=" + r.top,
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.untrackedCache=false", "-c", "core.sshCommand=false",
		"-c", "core.askPass=", "-c", "credential.helper=", "-c", "protocol.allow=never", "-c", "safe.bareRepository=explicit",
	}, args...)...)
	cmd.Dir = r.start
	cmd.Env = slices.Concat(g.environ, hardened, variables)
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("git did not answer: %w", ctx.Err())
	case ended:
		line, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		err = fmt.Errorf("%w: %s", errEnded, cmp.Or(line, err.Error()))
	default:
		err = fmt.Errorf("starting git: %w", err)
	}
	return string(out), err
}

// ask returns what git says in an empty repository with the work tree, the index and the objects of another.
func (g git) ask(ctx context.Context, r repository, stdin string, args ...string) (string, error) {
	if g.program == "" {
		return "", errNoGit
	}
	own, err := r.stripped()
	defer os.RemoveAll(own) //nolint:errcheck // it is in the folder for what is temporary
	if err != nil {
		return "", err
	}
	variables := []string{"GIT_INDEX_FILE=" + cmp.Or(r.index, filepath.Join(own, "index"))}
	if r.common != "" {
		variables = append(variables, "GIT_OBJECT_DIRECTORY="+filepath.Join(r.common, "objects"))
	}
	return g.run(ctx, r, own, variables, stdin, args...)
}

// errEnded says that git has ended and done nothing.
var errEnded = errors.New("git says")

// words are what git lists, each ended by a zero byte.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == 0 })
}

// status says what git would do with a file.
func (g git) status(ctx context.Context, path string) Status {
	path = file.Real(path)
	r := findRepository(filepath.Dir(path))
	if r.dir == "" {
		return Outside
	}
	rel, err := filepath.Rel(r.top, path)
	if err != nil {
		return Unknown
	}
	list, err := g.ask(ctx, r, "", "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", filepath.ToSlash(rel))
	switch {
	case err != nil:
		return Unknown
	case list == "":
		return Ignored
	case strings.HasPrefix(list, "? "):
		return Untracked
	}
	return Tracked
}

// ignored are the files, and the folders with all that is below them, that git ignores in a folder of a work tree. A
// folder in no repository has a .gitignore file all the same.
func (g git) ignored(ctx context.Context, r repository, dir string) (map[string]bool, error) {
	rel, err := filepath.Rel(r.top, dir)
	if err != nil {
		return nil, err
	}
	list, err := g.ask(ctx, r, "", "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--", filepath.ToSlash(rel))
	out := map[string]bool{}
	for _, name := range words(list) {
		out[filepath.Join(r.top, filepath.FromSlash(name))] = true
	}
	return out, err
}

// A blob is a file that the next commit would hold.
type blob struct {
	name, id string
	size     int // where it is known
}

// staged lists what differs between the last commit and the index, below some paths, if there are any.
func (g git) staged(ctx context.Context, r repository, paths []string) ([]blob, error) {
	tree, err := g.run(ctx, r, r.dir, nil, "", "rev-parse", "--verify", "--quiet", "HEAD^{tree}")
	switch {
	case errors.Is(err, errEnded) && r.sha256(): // without a commit, it is the empty tree
		tree = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
	case errors.Is(err, errEnded):
		tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	case err != nil:
		return nil, err
	}
	list, err := g.ask(ctx, r, "", append([]string{
		"diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative", "--no-ext-diff", "--no-textconv", "--diff-filter=ACMT",
		strings.TrimSpace(tree), "--",
	}, paths...)...)
	var out []blob
	for pair := range slices.Chunk(words(list), 2) {
		// :100644 100644 3e757656… 12fde632… M
		fields := strings.Fields(pair[0])
		const file = "100"
		if len(pair) == 2 && len(fields) == 5 && strings.HasPrefix(fields[1], file) {
			out = append(out, blob{name: pair[1], id: fields[3]})
		}
	}
	return out, err
}

// read hands on the content of blobs, or why there is none. One beyond a limit is passed over.
func (g git) read(ctx context.Context, r repository, blobs []blob, limit int, each func(blob, string, error)) error {
	heads, err := g.ask(ctx, r, ids(blobs), "cat-file", "--batch-check")
	var wanted []blob
	for _, b := range blobs {
		head, rest, _ := strings.Cut(heads, "\n")
		heads = rest
		fields := strings.Fields(head) // 12fde632… blob 1234
		if err == nil && len(fields) == 3 {
			b.size, err = strconv.Atoi(fields[2])
		}
		switch {
		case err != nil:
			return fmt.Errorf("reading from git: %w", err)
		case len(fields) != 3: // "… missing"
			each(b, "", errors.New("git does not have its content"))
		case b.size > limit:
			each(b, "", errLarge)
		default:
			wanted = append(wanted, b)
		}
	}
	for len(wanted) > 0 {
		n := 0
		for size := 0; n < len(wanted) && size < maxFile; n++ { // what is asked for at once is held in memory
			size += wanted[n].size
		}
		text, err := g.ask(ctx, r, ids(wanted[:n]), "cat-file", "--batch")
		for _, b := range wanted[:n] {
			_, text, _ = strings.Cut(text, "\n") // its head
			if err == nil && len(text) <= b.size {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("reading from git: %w", err)
			}
			each(b, text[:b.size], nil)
			text = text[b.size+1:]
		}
		wanted = wanted[n:]
	}
	return nil
}

// ids are the names of blobs, one a line.
func ids(blobs []blob) string {
	var out strings.Builder
	for _, b := range blobs {
		fmt.Fprintln(&out, b.id)
	}
	return out.String()
}

// A repository is a work tree and what git keeps of it.
type repository struct {
	start  string // where git is started
	top    string // of the work tree
	dir    string // .git, or what it leads to; empty: the folder is in no repository
	common string // what work trees of one repository share
	index  string // empty: there is none
}

// findRepository finds the repository that holds a folder. As with git, a folder that is itself a git folder counts
// only as what .git leads to. Of repositories within others, git is started at the top of the outermost.
func findRepository(folder string) repository {
	r := repository{start: folder, top: folder}
	for top := range file.Above(folder) {
		if dir := gitDir(top); dir != "" {
			if r.dir == "" {
				r = openRepository(top, dir)
			}
			r.start = top
		}
	}
	return r
}

// gitDir is the git folder of a work tree, or empty.
func gitDir(top string) string {
	dir := filepath.Join(top, ".git")
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return ""
	case !info.IsDir():
		// A work tree besides the first, or a submodule
		target, ok := strings.CutPrefix(line(dir), "gitdir: ")
		if dir = from(top, target); !ok || file.OnNetwork(dir) {
			return ""
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return ""
	}
	return dir
}

func openRepository(top, dir string) repository {
	r := repository{start: top, top: top, dir: dir, common: dir}
	if other := line(filepath.Join(dir, "commondir")); other != "" && !file.OnNetwork(from(dir, other)) {
		r.common = from(dir, other)
	}
	r.setIndex(filepath.Join(dir, "index"))
	return r
}

func (r *repository) setIndex(path string) {
	r.index = ""
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		r.index = path
	}
}

// line is what a file of git's holds.
func line(path string) string {
	text, _, err := file.Read(path, 64<<10)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(text), "\r\n")
}

// from is a path as seen from a folder.
func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

var sha256 = lazyregexp.New(`(?im)^\s*objectformat\s*=\s*"?sha256`)

// sha256 says whether the repository names its objects by SHA-256.
func (r repository) sha256() bool {
	text, _, err := file.Read(filepath.Join(r.common, "config"), 1<<20)
	return r.common != "" && err == nil && sha256.Match(text)
}

// stripped makes an empty git folder with no configuration but what tells how to read the index of a repository, and
// the patterns of info/exclude.
func (r repository) stripped() (string, error) {
	own, err := os.MkdirTemp("", program+"-*.git")
	if err != nil {
		return "", fmt.Errorf("making a folder for git: %w", err)
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		config += "\tignorecase = true\n\tprecomposeunicode = true\n\tlongpaths = true\n"
	}
	if r.sha256() {
		config = strings.Replace(config, "= 0", "= 1", 1) + "[extensions]\n\tobjectformat = sha256\n"
	}
	files := map[string]string{"HEAD": "ref: refs/heads/none\n", "config": config}
	if r.common != "" {
		if text, _, err := file.Read(filepath.Join(r.common, "info", "exclude"), 1<<20); err == nil {
			files["info/exclude"] = string(text)
		}
		// An index may be split. Before 2.34, git looks for the shared part in the git folder alone, not beside the index.
		shared, _ := filepath.Glob(filepath.Join(filepath.Dir(r.index), "sharedindex.*"))
		for _, path := range shared {
			if text, _, err := file.Read(path, maxFile); err == nil {
				files[filepath.Base(path)] = string(text)
			}
		}
	}
	for _, dir := range []string{"objects", "refs", "info"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(own, dir), 0o700))
	}
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(own, filepath.FromSlash(name)), []byte(text), 0o600))
	}
	if err != nil {
		return own, fmt.Errorf("making a folder for git: %w", err)
	}
	return own, nil
}

package keyscan

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

const canary = "lm_canary_5f1c0e9a7b3d2468"

const leak = `{"env": {"LEADMAGIC_API_KEY": "` + canary + `"}}` + "\n"

// gitFor is an environment with git and an empty configuration.
func gitFor(t *testing.T) []string {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "PATH=" + filepath.Dir(path), "LEADMAGIC_API_KEY=" + canary,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
	}
}

// runGit runs a command in the repository of a test.
func runGit(t *testing.T, environ []string, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return string(out)
}

// machine is a scanner in an empty folder, and a home folder.
func machine(t *testing.T) (Scanner, string) {
	t.Helper()
	s := Scanner{Folder: t.TempDir()}
	for _, p := range [][2]string{
		{".mcp.json", "claude-code"},
		{".cursor/mcp.json", "cursor"},
		{".vscode/mcp.json", "vscode"},
		{"User/profiles/*/mcp.json", "vscode"},
		{"*.code-workspace", "vscode"},
		{"mcp.json", ""},
	} {
		s.Project = append(s.Project, Place{Path: p[0], Editor: p[1], Instead: Instead})
	}
	return s, t.TempDir()
}

func (s Scanner) with(environ []string) Scanner {
	s.Environ = environ
	return s
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// told are the findings as "path:line name git", paths below the project.
func told(s Scanner, rep Report) []string {
	var out []string
	for _, f := range rep.Findings {
		path := strings.TrimPrefix(filepath.ToSlash(f.Path), filepath.ToSlash(s.Folder)+"/")
		out = append(out, strings.TrimSpace(strings.Join([]string{path, f.Editor, f.Name, string(f.Git)}, " ")))
	}
	slices.Sort(out)
	return out
}

func TestScanOfATreeRespectsWhatGitIgnores(t *testing.T) {
	git := gitFor(t)
	for name, g := range map[string][]string{"with git": git, "without git": nil} {
		t.Run(name, func(t *testing.T) {
			s, _ := machine(t)
			outside := filepath.Join(t.TempDir(), "mcp.json")
			put(t, outside, leak)
			for _, name := range []string{
				".mcp.json", "a/b/.cursor/mcp.json", "build/.mcp.json", "a/secret.env", "app.env", "model.py", "sub/.vscode/mcp.json",
				"sub/kept/.mcp.json", "sub/dropped/.mcp.json", "image.json", "node_modules/x/.mcp.json",
			} {
				put(t, filepath.Join(s.Folder, name), leak)
			}
			put(t, filepath.Join(s.Folder, "image.json"), "\x00"+leak)
			put(t, filepath.Join(s.Folder, "data.json"), strings.Repeat(" ", maxConfig)+leak)
			put(t, filepath.Join(s.Folder, ".gitignore"), "/build\n*.env\n!app.env\n")
			put(t, filepath.Join(s.Folder, "sub", ".gitignore"), "dropped/\n")
			if err := os.Symlink(outside, filepath.Join(s.Folder, "mcp.json")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Dir(outside), filepath.Join(s.Folder, "link")); err != nil {
				t.Fatal(err)
			}
			if g != nil {
				runGit(t, g, s.Folder, "init", "-q")
				runGit(t, g, s.Folder, "add", ".mcp.json", "sub/kept/.mcp.json")
				put(t, filepath.Join(s.Folder, ".git", "x.env"), leak)
				put(t, filepath.Join(s.Folder, "nested", ".mcp.json"), leak)
				put(t, filepath.Join(s.Folder, "nested", "own.env"), leak)
				put(t, filepath.Join(s.Folder, "nested", ".gitignore"), "own.env\n")
				runGit(t, g, filepath.Join(s.Folder, "nested"), "init", "-q")
			}
			rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"."}})
			if err != nil || rep.Notes != nil {
				t.Fatal(err, rep.Notes)
			}
			if len(rep.Skipped) != 2 || !strings.HasSuffix(rep.Skipped[0].Error(), "data.json: it is larger than 8 MiB") || !errors.Is(rep.Skipped[1], errLink) {
				t.Errorf("skipped: %v", rep.Skipped)
			}
			want := []string{
				".mcp.json claude-code LEADMAGIC_API_KEY tracked",
				"a/b/.cursor/mcp.json cursor LEADMAGIC_API_KEY untracked",
				"app.env  LEADMAGIC_API_KEY untracked",
				"image.json  LEADMAGIC_API_KEY untracked",
				"nested/.mcp.json claude-code LEADMAGIC_API_KEY untracked",
				"sub/.vscode/mcp.json vscode LEADMAGIC_API_KEY untracked",
				"sub/kept/.mcp.json claude-code LEADMAGIC_API_KEY tracked",
			}
			if g == nil { // nobody says what is ignored
				want = []string{
					".mcp.json claude-code LEADMAGIC_API_KEY outside",
					"a/b/.cursor/mcp.json cursor LEADMAGIC_API_KEY outside",
					"a/secret.env  LEADMAGIC_API_KEY outside",
					"app.env  LEADMAGIC_API_KEY outside",
					"build/.mcp.json claude-code LEADMAGIC_API_KEY outside",
					"image.json  LEADMAGIC_API_KEY outside",
					"sub/.vscode/mcp.json vscode LEADMAGIC_API_KEY outside",
					"sub/dropped/.mcp.json claude-code LEADMAGIC_API_KEY outside",
					"sub/kept/.mcp.json claude-code LEADMAGIC_API_KEY outside",
				}
			}
			if got := told(s, rep); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"node_modules"}}); err != nil || len(rep.Findings) != 1 {
				t.Errorf("a folder that is named: got %+v (%v)", rep, err)
			}
		})
	}
}

func TestFilesThatAreNamedAreScannedWhateverTheyAre(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t)
	runGit(t, g, s.Folder, "init", "-q")
	put(t, filepath.Join(s.Folder, ".gitignore"), "*.env\n")
	put(t, filepath.Join(s.Folder, "x.env"), "\nA=1\nLEADMAGIC_API_KEY="+canary+"\n")
	put(t, filepath.Join(s.Folder, "model.py"), "lm_head_projection_weight\n")
	put(t, filepath.Join(s.Folder, "notes"), "the key is "+canary+"\n")
	units := utf16.Encode([]rune("\ufeff" + leak))
	var wide strings.Builder
	for _, u := range units {
		wide.Write([]byte{byte(u), byte(u >> 8)})
	}
	put(t, filepath.Join(s.Folder, "wide.json"), wide.String())
	if err := os.Symlink("notes", filepath.Join(s.Folder, "link")); err != nil {
		t.Fatal(err)
	}
	rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"x.env", "model.py", "notes", "wide.json", "link"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"notes   untracked", "wide.json  LEADMAGIC_API_KEY untracked", "x.env  LEADMAGIC_API_KEY ignored"}
	if got := told(s, rep); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if f := rep.Findings[0]; f.Line != 3 || f.Column != len("LEADMAGIC_API_KEY=")+1 {
		t.Errorf("x.env: the key is at %d:%d", f.Line, f.Column)
	}
	if _, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"gone.json"}}); err == nil || !strings.Contains(err.Error(), "gone.json") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAFolderThatIsNamedMayBeALink(t *testing.T) {
	for name, g := range map[string][]string{"with git": gitFor(t), "without git": nil} {
		s, _ := machine(t)
		put(t, filepath.Join(s.Folder, "real", "a", ".mcp.json"), leak)
		put(t, filepath.Join(s.Folder, "real", ".zshrc"), "export LEADMAGIC_API_KEY="+canary+"\n")
		if err := os.Symlink("real", filepath.Join(s.Folder, "link")); err != nil {
			t.Fatal(err)
		}
		status := "outside"
		if g != nil {
			runGit(t, g, s.Folder, "init", "-q")
			status = "untracked"
		}
		rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"link"}})
		want := []string{"link/.zshrc  LEADMAGIC_API_KEY " + status, "link/a/.mcp.json claude-code LEADMAGIC_API_KEY " + status}
		if got := told(s, rep); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q (%v)", name, got, want, err)
		}
	}
}

func TestAFileOutsideOfARepository(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{".mcp.json"}})
	if got := told(s, rep); err != nil || !slices.Equal(got, []string{".mcp.json claude-code LEADMAGIC_API_KEY outside"}) {
		t.Errorf("got %q (%v)", got, err)
	}
	// A file in place of .git leads to a folder with "gitdir: " alone, and a folder without HEAD is no repository.
	put(t, filepath.Join(s.Folder, "other", "HEAD"), "ref: refs/heads/main\n")
	for name, text := range map[string]string{".git": "other\n", ".git/keep": ""} {
		put(t, filepath.Join(s.Folder, name), text)
		if rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{".mcp.json"}}); err != nil || rep.Findings[0].Git != Outside {
			t.Errorf("beside %s: got %+v (%v)", name, rep, err)
		}
		if err := os.RemoveAll(filepath.Join(s.Folder, ".git")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStagedTakesTheTextFromTheIndex(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t)
	scan := func(paths ...string) []string {
		t.Helper()
		rep, err := s.with(g).Scan(t.Context(), Targets{Staged: true, Paths: paths})
		if err != nil {
			t.Fatal(err)
		}
		return told(s, rep)
	}
	runGit(t, g, s.Folder, "init", "-q")
	if got := scan(); got != nil {
		t.Errorf("an empty index holds %q", got)
	}
	for _, name := range []string{".mcp.json", "a b.py", "sub/c.env", "clean.json"} {
		put(t, filepath.Join(s.Folder, name), leak)
	}
	put(t, filepath.Join(s.Folder, "clean.json"), "{}")
	runGit(t, g, s.Folder, "add", ".")
	put(t, filepath.Join(s.Folder, ".mcp.json"), "{}")
	put(t, filepath.Join(s.Folder, "clean.json"), leak)
	want := []string{".mcp.json claude-code LEADMAGIC_API_KEY staged", "a b.py  LEADMAGIC_API_KEY staged", "sub/c.env  LEADMAGIC_API_KEY staged"}
	if got := scan(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := scan("sub"); !slices.Equal(got, want[2:]) {
		t.Errorf("below sub: got %q", got)
	}
	runGit(t, g, s.Folder, "commit", "-q", "-m", "x")
	if got := scan(); got != nil {
		t.Errorf("what is committed is not staged: %q", got)
	}
	top := s.Folder
	put(t, filepath.Join(top, "d.env"), leak)
	runGit(t, g, top, "add", "d.env")
	s.Folder = filepath.Join(top, "sub")
	if got := scan(); len(got) != 1 || !strings.Contains(got[0], "d.env") {
		t.Errorf("from below: got %q", got)
	}
	s.Folder = filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(top, s.Folder); err != nil {
		t.Fatal(err)
	}
	if got := scan(); !slices.Equal(got, []string{"d.env  LEADMAGIC_API_KEY staged"}) {
		t.Errorf("where the folder is a link: got %q", got)
	}
}

// What git is told beside the repository's files: its own list of patterns, and the user's.
func TestOtherListsOfWhatGitIgnores(t *testing.T) {
	g := gitFor(t)
	s, home := machine(t)
	runGit(t, g, s.Folder, "init", "-q")
	g = append(g, "HOME="+home)
	put(t, filepath.Join(home, ".config", "git", "ignore"), "mine.env\n")
	put(t, filepath.Join(s.Folder, ".git", "info", "exclude"), "ours.env\nfolder/\n")
	if runtime.GOOS == "linux" { // where case matters
		put(t, filepath.Join(s.Folder, ".gitignore"), "OTHER.env\n")
	}
	for _, name := range []string{"mine.env", "ours.env", "other.env", "folder/a.env"} {
		put(t, filepath.Join(s.Folder, name), leak)
	}
	rep, err := s.with(g).Scan(t.Context(), Targets{Paths: []string{"."}})
	if got := told(s, rep); err != nil || !slices.Equal(got, []string{"other.env  LEADMAGIC_API_KEY untracked"}) {
		t.Errorf("got %q (%v)", got, err)
	}
	// Somebody who names a folder wants to know of what is in it.
	rep, err = s.with(g).Scan(t.Context(), Targets{Paths: []string{"folder"}})
	if got := told(s, rep); err != nil || !slices.Equal(got, []string{"folder/a.env  LEADMAGIC_API_KEY ignored"}) {
		t.Errorf("got %q (%v)", got, err)
	}
}

func TestWhatALineAllowsIsCounted(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, ".env"), "A="+canary+" # "+Allow+"\nB="+canary+"\nC="+canary+" # "+Allow+"\n")
	put(t, filepath.Join(s.Folder, "notes"), "LEADMAGIC_API_KEY=8f3a77\n")
	rep, err := s.Scan(t.Context(), Targets{Project: true})
	if err != nil || rep.Allowed != 2 || len(rep.Findings) != 1 || rep.Findings[0].Line != 2 {
		t.Errorf("got %+v (%v)", rep, err)
	}
	for _, name := range []string{"notes", "./notes", filepath.Join(s.Folder, "notes")} {
		if rep, err := s.Scan(t.Context(), Targets{Paths: []string{name}}); err != nil || len(rep.Findings) != 1 {
			t.Errorf("%s: got %+v (%v)", name, rep, err)
		}
	}
}

func TestFindingsAreInOrder(t *testing.T) {
	for _, text := range []string{strings.Repeat(canary+" "+canary+"\n", 20), wide(strings.Repeat(canary+" "+canary+"\n", 20), binary.BigEndian, 2)} {
		got := keysIn([]byte(text), inConfig)
		if len(got) != 40 {
			t.Fatalf("got %d keys", len(got))
		}
		for i, k := range got {
			if k.line != i/2+1 || k.column != 1+i%2*(len(canary)+1) {
				t.Errorf("the key %d is at %d:%d", i, k.line, k.column)
			}
		}
	}
}

func TestFilesOfTheUser(t *testing.T) {
	s, home := machine(t)
	path := filepath.Join(home, ".claude.json")
	put(t, path, strings.Repeat(" ", maxConfig)+`"lm_head_projection_weight"`)
	s.User = []Place{{Path: path, Editor: "claude-code", Instead: func(name string) string { return "remove " + name }}, {Path: path + ".gone"}}
	for _, targets := range []Targets{{User: true}, {Paths: []string{path}}} {
		rep, err := s.Scan(t.Context(), targets)
		if err != nil || rep.Skipped != nil || len(rep.Findings) != 1 || rep.Findings[0].Editor != "claude-code" || rep.Findings[0].Instead != "remove " {
			t.Errorf("%+v: got %+v (%v)", targets, rep, err)
		}
	}
	if rep, err := s.Scan(t.Context(), Targets{Project: true}); err != nil || rep.Files != 0 {
		t.Errorf("got %+v (%v)", rep, err)
	}
	put(t, filepath.Join(s.Folder, "other.json"), `"lm_head_projection_weight"`)
	if rep, err := s.Scan(t.Context(), Targets{Paths: []string{"."}}); err != nil || rep.Files != 1 || rep.Findings != nil {
		t.Errorf("another file: got %+v (%v)", rep, err)
	}
}

// A submodule and a link are no files of the commit.
func TestWhatIsStagedAndNoFile(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t)
	runGit(t, g, s.Folder, "init", "-q")
	runGit(t, g, s.Folder, "init", "-q", "sub")
	runGit(t, g, filepath.Join(s.Folder, "sub"), "commit", "-q", "--allow-empty", "-m", "x")
	put(t, filepath.Join(s.Folder, "last.env"), leak)
	runGit(t, g, s.Folder, "add", ".")
	id := strings.TrimSpace(runGit(t, g, s.Folder, "hash-object", "-w", "last.env"))
	runGit(t, g, s.Folder, "update-index", "--add", "--cacheinfo", "120000,"+id+",link.env")
	rep, err := s.with(g).Scan(t.Context(), Targets{Staged: true})
	if got := told(s, rep); err != nil || rep.Skipped != nil || !slices.Equal(got, []string{"last.env  LEADMAGIC_API_KEY staged"}) {
		t.Errorf("got %q, %v (%v)", got, rep.Skipped, err)
	}
}

func TestWhatIsTooLargeToBeLookedAtIsSaid(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t)
	runGit(t, g, s.Folder, "init", "-q")
	for _, name := range []string{"data.json", "film.mp4"} {
		put(t, filepath.Join(s.Folder, name), strings.Repeat(" ", maxConfig)+leak)
	}
	put(t, filepath.Join(s.Folder, "most.json"), strings.Repeat(" ", maxConfig-len(leak))+leak)
	runGit(t, g, s.Folder, "add", ".")
	rep, err := s.with(g).Scan(t.Context(), Targets{Staged: true})
	if err != nil || len(rep.Findings) != 1 || len(rep.Skipped) != 2 || !strings.Contains(rep.Skipped[0].Error(), "data.json: it is larger than 8 MiB") {
		t.Errorf("skipped: %v (%v)", rep.Skipped, err)
	}
	if rep, err := s.Scan(t.Context(), Targets{Paths: []string{"data.json"}}); err != nil || len(rep.Findings) != 1 {
		t.Errorf("a file that is named: got %+v (%v)", rep, err)
	}
}

func TestStagedNeedsGit(t *testing.T) {
	s, _ := machine(t)
	if _, err := s.Scan(t.Context(), Targets{Staged: true}); err == nil || !strings.Contains(err.Error(), "git was not found") {
		t.Errorf("without git: %v", err)
	}
	g := gitFor(t)
	if _, err := s.with(g).Scan(t.Context(), Targets{Staged: true}); err == nil || !strings.Contains(err.Error(), "in no git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
}

func TestScanEndsWhenItIsCancelled(t *testing.T) {
	s, _ := machine(t)
	put(t, filepath.Join(s.Folder, "a", ".mcp.json"), leak)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Scan(ctx, Targets{Paths: []string{"."}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

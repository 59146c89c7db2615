package editor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

const leak = `{"env": {"LEADMAGIC_API_KEY": "` + canary + `"}}` + "\n"

// gitFor is git with an empty configuration.
func gitFor(t *testing.T) Git {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return Git{Path: path, Environ: []string{
		"HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "PATH=" + filepath.Dir(path), "LEADMAGIC_API_KEY=" + canary,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
	}}
}

// git runs a command in the repository of a test.
func (g Git) must(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := g.run(t.Context(), dir, args...); err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
}

// told are the findings as "path:line name git", paths below the project.
func told(s System, rep Report) []string {
	var out []string
	for _, f := range rep.Findings {
		path := strings.TrimPrefix(filepath.ToSlash(f.Path), filepath.ToSlash(s.Folder)+"/")
		out = append(out, strings.TrimSpace(strings.Join([]string{path, f.Editor, f.Name, string(f.Git)}, " ")))
	}
	slices.Sort(out)
	return out
}

func TestScanLooksWhereEditorsKeepTheirServers(t *testing.T) {
	s, home := machine(t, "linux")
	for _, name := range []string{
		".claude.json", ".claude/settings.json", ".cursor/mcp.json", ".config/Code/User/mcp.json", ".gemini/.env",
		".codex/config.toml.leadmagic-2026-01-01.bak", "unknown.json",
	} {
		put(t, filepath.Join(home, name), leak)
	}
	put(t, filepath.Join(home, ".codex", "config.toml"), "[mcp_servers.leadmagic]\n# broken\ncommand = \nX-API-Key = '8f3a'\n")
	rep, err := Scanner{System: s}.Scan(t.Context(), Targets{User: true})
	if err != nil || rep.Files != 7 {
		t.Fatalf("%d files (%v)", rep.Files, err)
	}
	var got []string
	for _, f := range rep.Findings {
		rel, _ := filepath.Rel(home, f.Path)
		got = append(got, filepath.ToSlash(rel)+" "+f.Editor+" "+f.Instead)
	}
	want := []string{
		`.claude.json claude-code put "${LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install claude-code --force`,
		`.claude/settings.json claude-code put "${LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install claude-code --force`,
		`.cursor/mcp.json cursor put "${env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install cursor --force`,
		`.config/Code/User/mcp.json vscode put "${env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install vscode --force`,
		`.gemini/.env gemini put "$LEADMAGIC_API_KEY" there, or run: leadmagic-mcp-proxy install gemini --force`,
		`.codex/config.toml codex remove it and run: leadmagic-mcp-proxy install codex --force`,
		`.codex/config.toml.leadmagic-2026-01-01.bak codex put env_vars = ["LEADMAGIC_API_KEY"] there, or run: leadmagic-mcp-proxy install codex --force`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatToPutInsteadOfAKey(t *testing.T) {
	for id, want := range map[string]string{
		"zed":            "leave it out, since Zed passes the variable on; or run: leadmagic-mcp-proxy install zed --force",
		"claude-desktop": "leave it out, keep the key with leadmagic-mcp-proxy login, and run: leadmagic-mcp-proxy install claude-desktop --force",
		"opencode":       `put "{env:LEADMAGIC_API_KEY}" there, or run: leadmagic-mcp-proxy install opencode --project --force`,
	} {
		e := lookup(t, id)
		if got := (source{editor: &e, scope: Project}).instead(hit{name: "leadmagic_api_key"}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestScanOfATreeRespectsWhatGitIgnores(t *testing.T) {
	git := gitFor(t)
	for name, g := range map[string]Git{"with git": git, "without git": {}} {
		t.Run(name, func(t *testing.T) {
			s, _ := machine(t, "linux")
			outside := filepath.Join(t.TempDir(), "mcp.json")
			put(t, outside, leak)
			for _, name := range []string{
				".mcp.json", "a/b/.cursor/mcp.json", "build/.mcp.json", "a/secret.env", "app.env", "model.py", "sub/.vscode/mcp.json",
				"sub/kept/.mcp.json", "sub/dropped/.mcp.json", "image.json",
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
			status := "unknown"
			if g.Path != "" {
				git.must(t, s.Folder, "init", "-q")
				git.must(t, s.Folder, "add", ".mcp.json", "sub/kept/.mcp.json")
				put(t, filepath.Join(s.Folder, "nested", ".mcp.json"), leak)
				git.must(t, filepath.Join(s.Folder, "nested"), "init", "-q")
				status = "untracked"
			}
			rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Paths: []string{"."}})
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Skipped) != 1 || !errors.Is(rep.Skipped[0], errLarge) {
				t.Errorf("skipped: %v", rep.Skipped)
			}
			want := []string{
				".mcp.json claude-code LEADMAGIC_API_KEY tracked",
				"a/b/.cursor/mcp.json cursor LEADMAGIC_API_KEY untracked",
				"app.env  LEADMAGIC_API_KEY untracked",
				"nested/.mcp.json claude-code LEADMAGIC_API_KEY untracked",
				"sub/.vscode/mcp.json vscode LEADMAGIC_API_KEY untracked",
				"sub/kept/.mcp.json claude-code LEADMAGIC_API_KEY tracked",
			}
			if g.Path == "" {
				want = slices.Delete(want, 3, 4)
				for i := range want {
					want[i] = want[i][:strings.LastIndex(want[i], " ")+1] + status
				}
			}
			if got := told(s, rep); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestFilesThatAreNamedAreScannedWhateverTheyAre(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t, "linux")
	g.must(t, s.Folder, "init", "-q")
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
	rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Paths: []string{"x.env", "model.py", "notes", "wide.json", "link"}})
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
	if _, err := (Scanner{System: s, Git: g}).Scan(t.Context(), Targets{Paths: []string{"gone.json"}}); err == nil || !strings.Contains(err.Error(), "gone.json") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAFolderThatIsNamedMayBeALink(t *testing.T) {
	for name, g := range map[string]Git{"with git": gitFor(t), "without git": {}} {
		s, _ := machine(t, "linux")
		put(t, filepath.Join(s.Folder, "real", "a", ".mcp.json"), leak)
		put(t, filepath.Join(s.Folder, "real", ".zshrc"), "export LEADMAGIC_API_KEY="+canary+"\n")
		if err := os.Symlink("real", filepath.Join(s.Folder, "link")); err != nil {
			t.Fatal(err)
		}
		rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Paths: []string{"link"}})
		if got := told(s, rep); err != nil || len(got) != 2 || !strings.HasPrefix(got[0], "link/.zshrc ") || !strings.HasPrefix(got[1], "link/a/.mcp.json ") {
			t.Errorf("%s: got %q (%v)", name, got, err)
		}
	}
}

func TestAFileOutsideOfARepository(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t, "linux")
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	g.Environ = append(g.Environ, "GIT_CEILING_DIRECTORIES="+filepath.Dir(s.Folder))
	rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Paths: []string{".mcp.json"}})
	if got := told(s, rep); err != nil || !slices.Equal(got, []string{".mcp.json claude-code LEADMAGIC_API_KEY outside"}) {
		t.Errorf("got %q (%v)", got, err)
	}
}

func TestStagedTakesTheTextFromTheIndex(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t, "linux")
	scan := func(paths ...string) []string {
		t.Helper()
		rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Staged: true, Paths: paths})
		if err != nil {
			t.Fatal(err)
		}
		return told(s, rep)
	}
	g.must(t, s.Folder, "init", "-q")
	if got := scan(); got != nil {
		t.Errorf("an empty index holds %q", got)
	}
	for _, name := range []string{".mcp.json", "a b.py", "sub/c.env", "clean.json"} {
		put(t, filepath.Join(s.Folder, name), leak)
	}
	put(t, filepath.Join(s.Folder, "clean.json"), "{}")
	g.must(t, s.Folder, "add", ".")
	put(t, filepath.Join(s.Folder, ".mcp.json"), "{}")
	put(t, filepath.Join(s.Folder, "clean.json"), leak)
	want := []string{".mcp.json claude-code LEADMAGIC_API_KEY staged", "a b.py  LEADMAGIC_API_KEY staged", "sub/c.env  LEADMAGIC_API_KEY staged"}
	if got := scan(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := scan("sub"); !slices.Equal(got, want[2:]) {
		t.Errorf("below sub: got %q", got)
	}
	g.must(t, s.Folder, "commit", "-q", "-m", "x")
	if got := scan(); got != nil {
		t.Errorf("what is committed is not staged: %q", got)
	}
	top := s.Folder
	put(t, filepath.Join(top, "d.env"), leak)
	g.must(t, top, "add", "d.env")
	s.Folder = filepath.Join(top, "sub")
	if got := scan(); len(got) != 1 || !strings.Contains(got[0], "d.env") {
		t.Errorf("from below: got %q", got)
	}
}

func TestWhatIsTooLargeToBeLookedAtIsSaid(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t, "linux")
	g.must(t, s.Folder, "init", "-q")
	for _, name := range []string{"data.json", "film.mp4"} {
		put(t, filepath.Join(s.Folder, name), strings.Repeat(" ", maxConfig)+leak)
	}
	g.must(t, s.Folder, "add", ".")
	rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Staged: true})
	if err != nil || len(rep.Skipped) != 1 || !strings.Contains(rep.Skipped[0].Error(), "data.json: it is larger than 8 MiB") {
		t.Errorf("skipped: %v (%v)", rep.Skipped, err)
	}
}

func TestStagedNeedsGit(t *testing.T) {
	s, _ := machine(t, "linux")
	if _, err := (Scanner{System: s}).Scan(t.Context(), Targets{Staged: true}); err == nil || !strings.Contains(err.Error(), "git was not found") {
		t.Errorf("without git: %v", err)
	}
	g := gitFor(t)
	g.Environ = append(g.Environ, "GIT_CEILING_DIRECTORIES="+filepath.Dir(s.Folder))
	if _, err := (Scanner{System: s, Git: g}).Scan(t.Context(), Targets{Staged: true}); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
}

func TestScanEndsWhenItIsCancelled(t *testing.T) {
	s, _ := machine(t, "linux")
	put(t, filepath.Join(s.Folder, "a", ".mcp.json"), leak)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Scanner{System: s}).Scan(ctx, Targets{Paths: []string{"."}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestARepositoryCannotStartPrograms(t *testing.T) {
	g := gitFor(t)
	s, _ := machine(t, "linux")
	g.must(t, s.Folder, "init", "-q")
	trap := filepath.Join(t.TempDir(), "sprung")
	g.must(t, s.Folder, "config", "core.fsmonitor", "touch "+trap+"; false")
	put(t, filepath.Join(s.Folder, ".mcp.json"), leak)
	rep, err := Scanner{System: s, Git: g}.Scan(t.Context(), Targets{Paths: []string{"."}})
	if err != nil || len(rep.Findings) != 1 {
		t.Errorf("%d findings (%v)", len(rep.Findings), err)
	}
	if exists(trap) {
		t.Error("the repository's own program was started")
	}
}

// What git itself ignores is the measure of what is ignored without it.
func TestIgnoreRulesAreThoseOfGit(t *testing.T) {
	g := gitFor(t)
	names := []string{
		"a.env", "x/a.env", "build/f", "x/build/f", "doc/frotz/f", "x/doc/frotz/f", "foo/bar", "foo/x/bar", "foo/x/y/bar", "abc/f",
		"abc/d/e", "#hash", "!bang", "sp ace", "t1", "tz", "t-", "keep/no", "keep/yes", "x/y/deep/z", "deep/z", "star.a/b", "end/", "q1x", "back\\slash",
	}
	for _, rules := range []string{
		"*.env", "build/", "/build", "doc/frotz/", "foo/**/bar", "abc/**", "**/deep", "**/build/f", "\\#hash", "\\!bang", "sp ace  ", "t[0-9]", "t[!0-9]",
		"keep/*\n!keep/yes", "*.env\n!a.env\nx/*.env", "star.*/b", "q?x", "# comment\n\n  \n", "foo/*/bar", "/*\n!/foo", "t[a-z]\r\n", "a**v", "*",
	} {
		dir := t.TempDir()
		g.must(t, dir, "init", "-q")
		put(t, filepath.Join(dir, ".gitignore"), rules)
		for _, name := range names {
			if !strings.HasSuffix(name, "/") {
				put(t, filepath.Join(dir, name), "")
			}
		}
		s := Scanner{System: system("linux", nil), Git: g}
		want, err := s.tree(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := walk(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%q: got\n%s\nwant\n%s", rules, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

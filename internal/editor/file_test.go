package editor

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// A writer rewrites a file as many editors do: it truncates it, and writes it in pieces.
func rewrite(t *testing.T, path, text string, rnd *rand.Rand, most time.Duration) {
	t.Helper()
	wait := func() { <-time.After(time.Duration(rnd.Int64N(int64(most)))) }
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	wait()
	half := strings.LastIndexByte(text[:len(text)/2+1], '\n') + 1 // TOML can be read up to here
	for _, part := range []string{text[:half], text[half:]} {
		if _, err := f.WriteString(part); err != nil {
			t.Error(err)
		}
		wait()
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsRewrittenMeanwhileLosesNothing(t *testing.T) {
	tests := []struct{ editor, text string }{
		{"cursor", "{\n  \"first\": %d,\n  \"mcpServers\": {\"other\": {\"command\": \"x\"}},\n  \"last\": %[1]d\n}\n"},
		{"codex", "first = %d\n\n[mcp_servers.other]\ncommand = 'x'\n\n[last]\nlast = %[1]d\n"},
	}
	for _, tt := range tests {
		t.Run(tt.editor, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := machine(t, "linux")
				e := lookup(t, tt.editor)
				path, err := e.Path(s, User)
				if err != nil {
					t.Fatal(err)
				}
				put(t, path, fmt.Sprintf(tt.text, 0))
				whole := func(name string) {
					text, err := os.ReadFile(name)
					if err != nil || !strings.Contains(string(text), "first") || !strings.Contains(string(text), "last") || !strings.Contains(string(text), "other") {
						t.Errorf("%s has lost something (%v):\n%s", name, err, text)
					}
				}
				done := make(chan bool)
				go func() {
					defer close(done)
					rnd := rand.New(rand.NewPCG(1, 2))
					for i := 1; i < 200; i++ {
						rewrite(t, path, fmt.Sprintf(tt.text, i), rnd, 300*time.Millisecond)
						whole(path)
						<-time.After(time.Duration(rnd.Int64N(int64(3 * time.Second))))
					}
				}()
				written, refused := 0, 0
				for running := true; running; {
					select {
					case <-done:
						running = false
					default:
					}
					res, err := e.Install(s, request())
					switch {
					case errors.Is(err, errChanged):
						refused++
					case err != nil:
						t.Error(err)
					case res.Outcome == Added:
						written++
					}
					if res.Backup != "" {
						whole(res.Backup)
					}
					<-time.After(50 * time.Millisecond)
				}
				whole(path)
				if written < 10 {
					t.Errorf("it was written %d times and refused %d times", written, refused)
				}
			})
		})
	}
}

func TestAFileThatNeverRestsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, home := machine(t, "linux")
		path := filepath.Join(home, ".cursor", "mcp.json")
		put(t, path, "{\"turn\": 0}")
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for turn := 0; ; turn++ {
				select {
				case <-stop:
					return
				case <-time.After(300 * time.Millisecond):
					put(t, path, fmt.Sprintf("{\"turn\": %d}", turn))
				}
			}
		}()
		start := time.Now()
		_, err := lookup(t, "cursor").Install(s, request())
		if took := time.Since(start); !errors.Is(err, errChanged) || !strings.Contains(err.Error(), path) || took > 2*settleTimeout {
			t.Errorf("got %v after %v", err, took)
		}
		close(stop)
		<-stopped
		if text := files(t, home)[".cursor/mcp.json"]; !strings.HasPrefix(text, "{\"turn\": ") || len(files(t, home)) != 2 {
			t.Errorf("got %s among %v", text, files(t, home))
		}
	})
}

func TestOnlyWhatMayBeChangingIsWaitedFor(t *testing.T) {
	const ours = `{"mcpServers": {"leadmagic": {"command": "/opt/bin/leadmagic-mcp-proxy", "type": "stdio", "env": {"LEADMAGIC_API_KEY": "${env:LEADMAGIC_API_KEY}"}}}}`
	tests := []struct {
		name, text string
		age, want  time.Duration
	}{
		{"a file that is written just now", `{"a": 1}`, 0, settleTime},
		{"a file from the future", `{"a": 1}`, -time.Hour, settleTime},
		{"an old file", `{"a": 1}`, 2 * settleTime, 0},
		{"a file that is just old enough", `{"a": 1}`, settleTime, 0},
		{"an empty file, whatever its time", "\n", time.Hour, settleTime},
		{"no file", "-", 0, 0},
		{"an entry that is there", ours, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, home := machine(t, "linux")
				path := filepath.Join(home, ".cursor", "mcp.json")
				start := time.Now()
				if tt.text != "-" {
					put(t, path, tt.text)
					if err := os.Chtimes(path, start, start.Add(-tt.age)); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := lookup(t, "cursor").Install(s, request()); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < tt.want || took > tt.want+pollInterval {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestAnEntryThatIsOverwrittenAtOnceIsWrittenAgain(t *testing.T) {
	s, home := machine(t, "linux")
	path := filepath.Join(home, ".cursor", "mcp.json")
	put(t, path, `{"a": 1}`)
	times := 0
	s.rename = func(from, to string) error {
		err := os.Rename(from, to)
		if times++; times == 1 {
			put(t, path, `{"a": 2}`) // by an editor that had read it before
		}
		return err
	}
	res, err := install(t, lookup(t, "cursor"), s, request())
	if err != nil || res.Outcome != Added || res.Backup == "" || times != 2 {
		t.Errorf("got %+v, %v, after %d times", res, err, times)
	}
	if text := files(t, home)[".cursor/mcp.json"]; !strings.Contains(text, `"a": 2`) || !strings.Contains(text, Program) {
		t.Errorf("got %s", text)
	}
}

func TestAnEntryThatWasOnlyHiddenIsNotWrittenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, home := machine(t, "linux")
		path := filepath.Join(home, ".cursor", "mcp.json")
		put(t, path, `{"a": 1}`)
		s.rename = func(from, to string) error {
			err := os.Rename(from, to)
			written := files(t, home)[".cursor/mcp.json"]
			put(t, path, "") // an editor has read it by now, and writes it anew
			time.AfterFunc(3*pollInterval, func() { put(t, path, written) })
			return err
		}
		res, err := lookup(t, "cursor").Install(s, request())
		if err != nil || res.Outcome != Added || res.Path != path || res.Backup == "" {
			t.Errorf("got %+v, %v", res, err)
		}
	})
}

// What happens to a file while an edit waits for it.
func TestAFileThatSettles(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration
		times int
		act   func(t *testing.T, path string, i int)
		want  time.Duration // 0: it is given up
	}{
		{"text comes late", 5 * pollInterval, 1, func(t *testing.T, path string, _ int) { put(t, path, `{"a": 1}`) }, 5*pollInterval + settleTime},
		{"it is removed", 5 * pollInterval, 1, func(t *testing.T, path string, _ int) { _ = os.Remove(path) }, 5*pollInterval + settleTime},
		{"it changes as long as it may", 9 * pollInterval, 4, func(t *testing.T, path string, i int) { put(t, path, fmt.Sprintf(`{"a": %d}`, i)) }, 4*9*pollInterval + settleTime},
		{"it changes longer", 9 * pollInterval, 5, func(t *testing.T, path string, i int) { put(t, path, fmt.Sprintf(`{"a": %d}`, i)) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, home := machine(t, "linux")
				path := filepath.Join(home, ".cursor", "mcp.json")
				put(t, path, "")
				f, err := s.readConfig(path)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					for i := range tt.times {
						<-time.After(tt.every)
						tt.act(t, path, i)
					}
				}()
				start := time.Now()
				f, err = s.settled(f)
				took := time.Since(start)
				if tt.want == 0 {
					if !errors.Is(err, errChanged) || took != settleTimeout {
						t.Errorf("got %v after %v", err, took)
					}
				} else if err != nil || took < tt.want || took > tt.want+2*pollInterval {
					t.Errorf("got %v after %v, want %v", err, took, tt.want)
				} else if text, _ := os.ReadFile(path); string(f.data) != string(text) {
					t.Errorf("got %s, want %s", f.data, text)
				}
			})
		})
	}
}

func TestAFileThatBecomesAFolderMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, home := machine(t, "linux")
		path := filepath.Join(home, ".cursor", "mcp.json")
		put(t, path, "")
		f, err := s.readConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(5 * pollInterval)
			_ = os.Remove(path)
			_ = os.Mkdir(path, 0o700)
		}()
		if _, err := s.settled(f); !errors.Is(err, file.ErrNotRegular) {
			t.Errorf("got %v, want %v", err, file.ErrNotRegular)
		}
	})
}

func TestAFileThatCannotBeReplaced(t *testing.T) {
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".cursor", "mcp.json"), "{}")
	before := files(t, home)
	s.rename = func(from, to string) error {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EPERM}
	}
	res, err := install(t, lookup(t, "cursor"), s, request())
	if err == nil || !strings.HasPrefix(err.Error(), "replacing "+res.Path+": ") || strings.Contains(err.Error(), "rename") || res.Backup != "" {
		t.Errorf("got %+v, %v", res, err)
	}
	same(t, "after the failure", files(t, home), before)
}

// Where a file is lost, its backup is not.
func TestTheBackupOfAFileThatCannotBePutBackStays(t *testing.T) {
	s, home := machine(t, "linux")
	s.rename = func(string, string) error { return syscall.EXDEV }
	path := filepath.Join(home, ".cursor", "mcp.json")
	put(t, path, `{"a": 1}`)
	s.write = func(f *os.File, b []byte) error {
		if f.Name() != path {
			return writeAll(f, b)
		}
		_, _ = f.WriteString("!")
		return errors.Join(f.Close(), &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC})
	}
	res, err := install(t, lookup(t, "cursor"), s, request())
	if !errors.Is(err, syscall.ENOSPC) || res.Backup == "" {
		t.Fatalf("got %+v, %v", res, err)
	}
	if text, err := os.ReadFile(res.Backup); err != nil || string(text) != `{"a": 1}` {
		t.Errorf("the backup is %s (%v)", text, err)
	}
}

func TestALinkThatAppearsMeanwhile(t *testing.T) {
	symlink(t, "elsewhere", filepath.Join(t.TempDir(), "link")) // or skip
	synctest.Test(t, func(t *testing.T) {
		s, home := machine(t, "linux")
		path, outside := filepath.Join(s.Folder, ".cursor", "mcp.json"), filepath.Join(home, "outside.json")
		put(t, path, "{}")
		put(t, outside, "{}")
		time.AfterFunc(3*pollInterval, func() {
			if err := errors.Join(os.Remove(path), os.Symlink(outside, path)); err != nil {
				t.Error(err)
			}
		})
		r := request()
		r.Scope = Project
		_, err := lookup(t, "cursor").Install(s, r)
		if _, ok := errors.AsType[*OutsideError](err); !ok {
			t.Errorf("got %v", err)
		}
		same(t, "outside", files(t, home), map[string]string{"outside.json": "{}"})
	})
}

func TestAMountPointIsWrittenInPlace(t *testing.T) {
	for _, refusal := range []error{syscall.EBUSY, syscall.EXDEV} {
		s, home := machine(t, "linux")
		s.rename = func(from, to string) error { return &os.LinkError{Op: "rename", Old: from, New: to, Err: refusal} }
		path := filepath.Join(home, ".claude.json")
		const text = "{\n  \"projects\": {}\n}\n"
		put(t, path, text)
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		e := lookup(t, "claude-code")
		res, err := install(t, e, s, request())
		if err != nil || res.Outcome != Added {
			t.Fatalf("%v: got %+v, %v", refusal, res, err)
		}
		if backup, err := os.ReadFile(res.Backup); string(backup) != text {
			t.Errorf("the backup is %q (%v)", backup, err)
		}
		after, err := os.Stat(path)
		if err != nil || !os.SameFile(before, after) || !strings.Contains(files(t, home)[".claude.json"], Program) {
			t.Errorf("the file is another, or not written: %v", err)
		}
		// A shorter text leaves nothing of a longer one behind.
		if res, err := uninstall(t, e, s, request()); err != nil || res.Outcome != Removed {
			t.Fatal(res, err)
		}
		same(t, "after uninstall", files(t, home), map[string]string{".claude.json": text})
	}
}

func TestAFailureInPlaceGivesBackWhatWasThere(t *testing.T) {
	s, home := machine(t, "linux")
	s.rename = func(string, string) error { return syscall.EBUSY }
	const text = "{\n  \"projects\": {}\n}\n"
	path := filepath.Join(home, ".claude.json")
	put(t, path, text)
	s.write = func(f *os.File, b []byte) error {
		if f.Name() != path {
			return writeAll(f, b)
		}
		_, _ = f.Write(b[:len(b)-3])
		return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	}
	if res, err := install(t, lookup(t, "claude-code"), s, request()); !errors.Is(err, syscall.ENOSPC) || err.Error() != "writing "+path+": no space left on device" || res.Backup != "" {
		t.Errorf("got %+v, %v", res, err)
	}
	same(t, "after the failure", files(t, home), map[string]string{".claude.json": text})
}

func TestAHardLinkStays(t *testing.T) {
	for _, text := range []string{"{\"a\": 1}\n", "-"} { // "-": nothing but the entry
		s, home := machine(t, "linux")
		e := lookup(t, "cursor")
		path, other := filepath.Join(home, ".cursor", "mcp.json"), filepath.Join(home, "dotfiles.json")
		if text != "-" {
			put(t, path, text)
		} else if _, err := install(t, e, s, request()); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(path, other); err != nil {
			t.Skip(err) //nolint:forbidigo // not every file system has hard links
		}
		both := func(want string) {
			t.Helper()
			for _, name := range []string{path, other} {
				if got, err := os.ReadFile(name); err != nil || strings.Contains(string(got), Program) != (want == Program) {
					t.Errorf("%s is %s (%v)", name, got, err)
				}
			}
			if f, err := s.readConfig(path); err != nil || f.links() != 2 {
				t.Error("they are not the same file any more")
			}
		}
		if _, err := install(t, e, s, request()); err != nil {
			t.Fatal(err)
		}
		both(Program)
		if res, err := uninstall(t, e, s, request()); err != nil || res.Gone {
			t.Fatal(res, err)
		}
		both("")
	}
}

func TestALinkThatLeadsOutOfTheProject(t *testing.T) {
	tests := []struct {
		name, link, target string // below a scratch folder; the project is project
		real               string // of .cursor/mcp.json; empty: it is inside
	}{
		{"the file", "project/.cursor/mcp.json", "elsewhere/mcp.json", "elsewhere/mcp.json"},
		{"its folder", "project/.cursor", "elsewhere", "elsewhere/mcp.json"},
		{"its folder, which is empty", "project/.cursor", "empty", "empty/mcp.json"},
		{"a folder beside that has a longer name", "project/.cursor", "project-2", "project-2/mcp.json"},
		{"a file of the project", "project/.cursor/mcp.json", "project/shared.json", ""},
		{"the project itself", "link", "project", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := machine(t, "linux")
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			below := func(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
			for _, name := range []string{"elsewhere/mcp.json", "project-2/mcp.json", "project/shared.json"} {
				put(t, below(name), "{}")
			}
			if err := os.Mkdir(below("empty"), 0o755); err != nil {
				t.Fatal(err)
			}
			symlink(t, below(tt.target), below(tt.link))
			before := files(t, root)
			s.Folder = below("project")
			if tt.link == "link" {
				s.Folder = below("link")
			}
			r := request()
			r.Scope = Project
			for _, act := range []func(*testing.T, Editor, System, Request) (Result, error){install, uninstall} {
				_, err := act(t, lookup(t, "cursor"), s, r)
				outside, ok := errors.AsType[*OutsideError](err)
				switch {
				case tt.real == "" && err != nil:
					t.Error(err)
				case tt.real != "" && (!ok || outside.Real != below(tt.real)):
					t.Errorf("got %v, want a word on %s", err, below(tt.real))
				}
			}
			if tt.real == "" {
				return
			}
			same(t, "after the refusals", files(t, root), before)
			r.Force = true
			if _, err := install(t, lookup(t, "cursor"), s, r); err != nil || !strings.Contains(files(t, root)[tt.real], Program) {
				t.Errorf("with force: %v, %v", err, files(t, root))
			}
		})
	}
}

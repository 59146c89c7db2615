//go:build unix

package auth

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestWhoMayReplaceAKeyFile has the ways in which somebody else can put a key where this user's is read.
func TestWhoMayReplaceAKeyFile(t *testing.T) {
	const stranger = 4711
	tests := []struct {
		name string
		make func(t *testing.T, dir string) string // returns the path that is given
		want string                                // DIR stands for the folder; empty if nobody may
	}{
		{"a file of one's own", func(t *testing.T, dir string) string { return touch(t, dir, "key") }, ""},
		{"one that others can only read", func(t *testing.T, dir string) string { return chmod(t, touch(t, dir, "key"), 0o644) }, ""},
		{"one that others can run", func(t *testing.T, dir string) string { return chmod(t, touch(t, dir, "key"), 0o755) }, ""},
		{"one that a group can write", func(t *testing.T, dir string) string { return chmod(t, touch(t, dir, "key"), 0o620) }, "can be changed by others (mode 0620)"},
		{"one that all can write", func(t *testing.T, dir string) string { return chmod(t, touch(t, dir, "key"), 0o602) }, "can be changed by others (mode 0602)"},
		{"in a folder that all can write", func(t *testing.T, dir string) string {
			return filepath.Join(chmod(t, dir, 0o777), filepath.Base(touch(t, dir, "key")))
		}, "lies in a folder that others can write to (DIR, mode 0777)"},
		{"in a folder that a group can write", func(t *testing.T, dir string) string {
			chmod(t, dir, 0o770)
			return touch(t, dir, "key")
		}, "lies in a folder that others can write to (DIR, mode 0770)"},
		{"in a sticky folder", func(t *testing.T, dir string) string {
			chmod(t, dir, 0o777|os.ModeSticky)
			return touch(t, dir, "key")
		}, ""},
		{"below a folder that all can write", func(t *testing.T, dir string) string {
			path := touch(t, dir, "a/b/key")
			chmod(t, filepath.Join(dir, "a"), 0o777)
			return path
		}, "lies in a folder that others can write to (DIR/a, mode 0777)"},
		{"through a link", func(t *testing.T, dir string) string { return link(t, dir, touch(t, dir, "a/key"), "to") }, ""},
		{"through a link to a folder, and up from there", func(t *testing.T, dir string) string {
			touch(t, dir, "a/b/other")
			chmod(t, touch(t, dir, "a/key"), 0o666)
			touch(t, dir, "key")
			return link(t, dir, filepath.Join(dir, "a", "b"), "to") + "/../key"
		}, "can be changed by others (mode 0666)"},
		{"through a link into a folder that all can write", func(t *testing.T, dir string) string {
			path := touch(t, dir, "a/key")
			chmod(t, filepath.Dir(path), 0o777)
			return link(t, dir, "a/key", "to")
		}, "lies in a folder that others can write to (DIR/a, mode 0777)"},
		{"through a link in a folder that all can write", func(t *testing.T, dir string) string {
			path := touch(t, dir, "safe/key")
			touch(t, dir, "a/other")
			chmod(t, filepath.Join(dir, "a"), 0o777)
			return link(t, dir, path, "a/to")
		}, "lies in a folder that others can write to (DIR/a, mode 0777)"},
		{"through a link in the middle", func(t *testing.T, dir string) string {
			touch(t, dir, "open/key")
			chmod(t, filepath.Join(dir, "open"), 0o777)
			link(t, dir, "open", "first")
			return link(t, dir, "first", "second") + "/key"
		}, "lies in a folder that others can write to (DIR/open, mode 0777)"},
		{"through links in a circle", func(t *testing.T, dir string) string {
			link(t, dir, "b", "a")
			return link(t, dir, "a", "b")
		}, ""},
		{"through as many links as a system follows", func(t *testing.T, dir string) string {
			chmod(t, touch(t, dir, "key"), 0o666)
			path := "key"
			for i := range maxLinks {
				path = filepath.Base(link(t, dir, path, strconv.Itoa(i)))
			}
			return filepath.Join(dir, path)
		}, "can be changed by others (mode 0666)"},
		{"nowhere", func(_ *testing.T, dir string) string { return filepath.Join(dir, "no") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := ownFolder(t)
			path := tt.make(t, dir)
			why, fix := distrust(path, trusted())
			if want := strings.ReplaceAll(tt.want, "DIR", dir); why != want || (fix == "") != (want == "") {
				t.Errorf("got %q (fix: %s), want %q", why, fix, want)
			}
		})
	}
	t.Run("another user's", func(t *testing.T) {
		dir := ownFolder(t)
		path := touch(t, dir, "key")
		uid, want := stranger, "lies behind " // for all others, it is this user who is the stranger
		if os.Geteuid() == 0 {
			uid, want = 0, "belongs to another user"
			if err := os.Chown(path, stranger, -1); err != nil {
				t.Fatal(err)
			}
		}
		if why, fix := distrust(path, []int{0, uid}); !strings.HasPrefix(why, want) || !strings.HasSuffix(why, "belongs to another user") || fix == "" {
			t.Errorf("got %q (fix: %s), want that it is another's", why, fix)
		}
	})
	if os.Geteuid() == 0 { // who alone can give a file away
		for name, make := range map[string]func(dir string) (given, path string){
			"another user's folder": func(dir string) (given, path string) {
				path = touch(t, dir, "theirs/key")
				return filepath.Dir(path), path
			},
			"another user's link": func(dir string) (given, path string) {
				path = link(t, dir, touch(t, dir, "key"), "theirs")
				return path, path
			},
		} {
			given, path := make(ownFolder(t))
			if err := os.Lchown(given, stranger, -1); err != nil {
				t.Fatal(err)
			}
			if why, _ := distrust(path, []int{0}); why != "lies behind "+given+", which belongs to another user" {
				t.Errorf("%s: got %q", name, why)
			}
		}
	}
	t.Run("root's", func(t *testing.T) {
		if why, _ := distrust("/", []int{0, stranger}); why != "" {
			t.Errorf("got %q, want that root's are good for anybody", why)
		}
	})
}

func TestAPrivateFileThatOthersCouldReplaceIsNotKept(t *testing.T) {
	m := newMachine(t)
	config := filepath.Join(m.dir, ".config")
	m.values["XDG_CONFIG_HOME"] = config
	if err := os.Mkdir(config, 0o700); err != nil {
		t.Fatal(err)
	}
	chmod(t, config, 0o775)
	_, err := m.Keep(t.Context(), mustParse(t, canary), true)
	if err == nil || !strings.Contains(err.Error(), "others can write to") || !strings.Contains(err.Error(), "(fix: chmod go-w ") || leaks(err.Error()) {
		t.Errorf("got %v, want why and what to do", err)
	}
}

func TestAContainerMayKnowNoRoot(t *testing.T) {
	usual, nobody := []int{0, os.Geteuid()}, []int{0, os.Geteuid(), 65534}
	for ids, want := range map[string][]int{
		"         0          0 4294967295\n":                         usual,  // no container
		"         0       1000          1\n":                         usual,  // the user is root inside
		"      1000       1000          1\n":                         nobody, // Flatpak
		"        10       1000          1\n":                         nobody,
		"         1     100000      65535\n         0   1000    1\n": usual,
		"": usual, // another system
	} {
		if got := owners(ids); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", ids, got, want)
		}
	}
	if users := trusted(); users[0] != 0 || users[1] != os.Geteuid() {
		t.Errorf("got %v, want root and this user", users)
	}
}

// ownFolder is an empty folder, by its real path, that nobody else can write to.
func ownFolder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return chmod(t, dir, 0o755)
}

func touch(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func link(t *testing.T, dir, target, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAKeyFileThatOthersMayHaveWrittenSaysWhy(t *testing.T) {
	cannotBeUsed(t, []fileTest{
		{"a device without an end", func(*testing.T, *machine) string { return "/dev/zero" }, "names a file that is not a regular file", commandVariable},
		{"one that others can change", func(t *testing.T, m *machine) string { return chmod(t, m.file(t, canary), 0o606) }, "names a file that can be changed by others (mode 0606)", "chmod 600 /"},
		{"one that a group can change", func(t *testing.T, m *machine) string { return chmod(t, m.file(t, canary), 0o660) }, "can be changed by others (mode 0660)", "chmod 600 /"},
	})
}

func chmod(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAKeyFileInTheFolderOfTheSessionIsLookedAtLikeAnyOther(t *testing.T) {
	m := newMachine(t)
	t.Chdir(m.dir)
	m.values[fileVariable] = filepath.Base(m.file(t, canary))
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("it is not taken: %v", err)
	}
	chmod(t, m.file(t, newer), 0o666)
	if got := m.readKeyFile(t.Context()); got.State != Broken || got.Note != "names a file that can be changed by others (mode 0666)" {
		t.Errorf("got %+v, want that others can change it", got)
	}
}

func TestAKeyFileThatOthersCanReadIsTakenWithAWarning(t *testing.T) {
	m := newMachine(t)
	m.values[fileVariable] = chmod(t, m.file(t, canary), 0o644)
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Fatalf("it is not taken: %v", err)
	}
	want := Source{fileVariable, Found, "", "names a file that can be read by others (mode 0644)", "chmod 600 " + m.values[fileVariable]}
	if got := m.Describe().Sources[1]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for mode, want := range map[os.FileMode]bool{0o640: true, 0o604: true, 0o711: false} { // to run it is not to read it
		m := newMachine(t)
		m.values[fileVariable] = chmod(t, m.file(t, canary), mode)
		if _, err := m.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.Describe().Sources[1].Warning; (got != "") != want {
			t.Errorf("%v: got %q, want a warning: %v", mode, got, want)
		}
	}
}

// What cannot be trusted afterwards is not left there, and what was there before stays.
func TestAPrivateFileInAFolderOfOthersIsNotWritten(t *testing.T) {
	m := newMachine(t)
	path, err := m.Keep(t.Context(), mustParse(t, canary), true)
	if err != nil {
		t.Fatal(err)
	}
	chmod(t, filepath.Dir(path), 0o777)
	for _, err := range []error{
		m.store().Reach(t.Context(), true),
		func() error { _, err := m.Keep(t.Context(), mustParse(t, newer), true); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "the private file cannot be read back: it lies in a folder that others can write to") || leaks(err.Error()) {
			t.Errorf("got %v", err)
		}
	}
	chmod(t, filepath.Dir(path), 0o700)
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("the key before is gone: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); err != nil || len(left) > 0 {
		t.Errorf("%q is left behind", left)
	}
}

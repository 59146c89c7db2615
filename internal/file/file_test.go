package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestARegularFileIsRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := name + ".link"
	_ = os.Symlink(name, link)
	if _, err := os.Stat(link); err != nil {
		link = name // Windows lets few people make one
	}
	for _, name := range []string{name, link} {
		data, info, err := Read(name, 5)
		if err != nil || string(data) != "12345" || info.Size() != 5 {
			t.Errorf("%s: got %q, %v, %v", name, data, info, err)
		}
	}
}

func TestALargerFileIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(name, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{
		7: "it is larger than 7 bytes", 64 << 10: "it is larger than 64 KiB", 2 << 20: "it is larger than 2 MiB",
	} {
		data, _, err := Read(name, limit)
		if large, ok := errors.AsType[*TooLargeError](err); !ok || large.Limit != limit || err.Error() != want || data != nil {
			t.Errorf("limit %d: got %d bytes, %v; want %q", limit, len(data), err, want)
		}
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	if _, _, err := Read(t.TempDir(), 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: got %v", err)
	}
	if _, _, err := Read(filepath.Join(t.TempDir(), "none"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: got %v", err)
	}
}

func TestAPathBelowTheHomeFolder(t *testing.T) {
	home := t.TempDir()
	getenv := func(name string) string {
		if name == "HOME" || name == "USERPROFILE" {
			return home
		}
		return ""
	}
	for path, want := range map[string]string{
		"~/key": filepath.Join(home, "key"), "~": home, "~/": home, "~/a/../key": filepath.Join(home, "key"),
		"~ada/key": "~ada/key", "key": "key", "a/~/key": "a/~/key", "": "",
	} {
		if got := BelowHome(path, getenv); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if got := Home(func(string) string { return "" }); !filepath.IsAbs(got) {
		t.Errorf("without a variable: got %q, want what the system says", got)
	}
	if got := Home(func(string) string { return "relative" }); !filepath.IsAbs(got) {
		t.Errorf("with a variable that does not count: got %q, want what the system says", got)
	}
}

func TestPathsOnOtherMachines(t *testing.T) {
	for path, want := range map[string]bool{
		`\\host\share\x`: true, "//host/share/x": true, `\/host/x`: true, `C:\x`: false, "/x": false, "x": false, "": false,
	} {
		if got := OnNetwork(path); got != want {
			t.Errorf("%q: got %v, want %v", path, got, want)
		}
	}
}

func TestProgramsOnAPath(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, name := range []string{filepath.Join(first, "b"), filepath.Join(second, "a"), filepath.Join(second, "b")} {
		if err := os.WriteFile(name, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(first, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(second)
	path := strings.Join([]string{"", ".", first, filepath.Join(first, "none"), second}, string(filepath.ListSeparator))
	got := slices.Collect(OnPath(path, "a", "b"))
	if want := []string{filepath.Join(first, "b"), filepath.Join(second, "a"), filepath.Join(second, "b")}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnErrorIsToldWithoutItsPath(t *testing.T) {
	_, missing := os.Open(filepath.Join(t.TempDir(), "none"))
	linked := os.Link(filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "other"))
	for _, err := range []error{missing, linked} {
		if bare := Bare(err); bare == nil || bare == err || !errors.Is(bare, fs.ErrNotExist) { //nolint:errorlint // it must be another
			t.Errorf("%v became %v", err, bare)
		}
	}
	if err := errors.New("x"); Bare(err) != err { //nolint:errorlint // it must be the same
		t.Error("another error is changed")
	}
}

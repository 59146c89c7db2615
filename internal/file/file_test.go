package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

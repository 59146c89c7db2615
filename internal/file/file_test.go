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
		1 << 10: "it is larger than 1 KiB", 1023 << 10: "it is larger than 1023 KiB", 1 << 20: "it is larger than 1 MiB", 64 << 10: "it is larger than 64 KiB", 2 << 20: "it is larger than 2 MiB",
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

func TestWhatIsInAFolder(t *testing.T) {
	top := Real(t.TempDir())
	for _, dir := range []string{"repo/.git", "repo/sub/.git", "repo/sub/deep", "other", "repo-2"} {
		if err := os.MkdirAll(filepath.Join(top, filepath.FromSlash(dir)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	below := func(path string) string { return filepath.Join(top, filepath.FromSlash(path)) }
	if err := os.WriteFile(below("repo/sub/deep/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	links := os.Symlink(below("repo/sub"), below("other/link")) == nil // Windows lets few people make one
	if links && os.Symlink(below("repo/sub/deep/file"), below("other/file")) != nil {
		t.Fatal("there is no second link")
	}
	for folder, want := range map[string][]string{
		"repo/sub/deep":   {"repo", "repo", "repo", "repo"}, // the outermost repository
		"repo":            {"repo", "repo", "repo", "repo"},
		"other":           {"other", "other", "other", "other"},
		"none":            {"none", "none", "none", "none"},
		"other/link/deep": {"other/link", "repo/sub", "repo", "repo"},
	} {
		if !links && strings.Contains(folder, "link") {
			continue
		}
		got := Roots(below(folder))
		for i := range want {
			want[i] = below(want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("the roots of %s are %q, want %q", folder, got, want)
		}
	}
	if got := Roots(""); got != nil {
		t.Errorf("the roots of nothing are %q", got)
	}
	for path, want := range map[string]bool{
		"repo/sub/deep/file": true, "repo/x": true, "repo/none/x": true, "repo": false, "other/x": false, "repo-2/x": false, "x": false,
		"other/link/deep/file": links, "other/file": links, "other/link": links,
	} {
		if got := Within([]string{below("none"), below("repo")}, below(path)); got != want {
			t.Errorf("%s is within: %v, want %v", path, got, want)
		}
	}
	if links && !Within([]string{below("other/link")}, below("repo/sub/x")) {
		t.Error("a folder by another name is another one")
	}
	if Within(nil, below("repo")) {
		t.Error("something is in no folder")
	}
	for _, pair := range []struct {
		a, b string
		want bool
	}{
		{"repo/sub/deep/file", "other/file", links},
		{"repo/sub", "other/link", links},
		{"repo", "repo", true},
		{"repo", "other", false},
		{"none", "none", false},
		{"repo", "none", false},
		{"none", "repo", false},
	} {
		if got := Same(below(pair.a), below(pair.b)); got != pair.want {
			t.Errorf("%s and %s are the same: %v, want %v", pair.a, pair.b, got, pair.want)
		}
	}
	if links && Real(below("other/file")) != below("repo/sub/deep/file") || Real(below("none")) != below("none") {
		t.Error("links are followed where there are some")
	}
	if got := slices.Collect(Above(below("repo"))); len(got) < 3 || got[0] != below("repo") || got[1] != top || got[len(got)-1] != filepath.Dir(got[len(got)-1]) {
		t.Errorf("above is %q", got)
	}
	for dir := range Above(below("repo")) {
		if dir != below("repo") {
			t.Errorf("it does not stop: %s", dir)
		}
		break
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
	for program := range OnPath(path, "a", "b") {
		if program != filepath.Join(first, "b") {
			t.Errorf("it does not stop: %s", program)
		}
		break
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

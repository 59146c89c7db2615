//go:build unix

package editor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Neither is a thing of Windows.
func TestModeAndLinksAreKept(t *testing.T) {
	s, home := machine(t, "linux")
	real := filepath.Join(home, "dotfiles", "cursor.json")
	put(t, real, "{}")
	if err := errors.Join(os.Chmod(real, 0o664), os.Mkdir(filepath.Join(home, ".cursor"), 0o755),
		os.Symlink("../dotfiles/cursor.json", filepath.Join(home, ".cursor", "mcp.json"))); err != nil {
		t.Fatal(err)
	}
	e := lookup(t, "cursor")
	if _, err := install(t, e, s, request()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(real)
	if err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("the mode is %v (%v)", info.Mode(), err)
	}
	if target, err := os.Readlink(filepath.Join(home, ".cursor", "mcp.json")); target != "../dotfiles/cursor.json" {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
	if text, _ := os.ReadFile(real); !strings.Contains(string(text), "leadmagic") {
		t.Errorf("the file behind the link holds %q", text)
	}
	if _, err := install(t, lookup(t, "zed"), s, request()); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(filepath.Join(home, ".config", "zed", "settings.json")); info.Mode().Perm() != 0o600 {
		t.Errorf("a new file of the user's has mode %v", info.Mode())
	}
	if info, _ := os.Stat(filepath.Join(home, ".config", "zed")); info.Mode().Perm() != 0o700 {
		t.Errorf("a new folder of the user's has mode %v", info.Mode())
	}
	r := request()
	r.Scope = Project
	if _, err := install(t, e, s, r); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(filepath.Join(s.Folder, ".cursor", "mcp.json")); info.Mode().Perm() != 0o644 {
		t.Errorf("a new file of a team's has mode %v", info.Mode())
	}
	if info, _ := os.Stat(filepath.Join(s.Folder, ".cursor")); info.Mode().Perm() != 0o755 {
		t.Errorf("a new folder of a team's has mode %v", info.Mode())
	}
}

func TestTheOwnerStays(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away") //nolint:forbidigo // .ci/run says so
	}
	for _, owner := range [][2]int{{1234, 2345}, {os.Getuid(), 2345}, {1234, os.Getgid()}} {
		s, home := machine(t, "linux")
		path := filepath.Join(home, ".cursor", "mcp.json")
		put(t, path, "{}")
		if err := os.Chown(path, owner[0], owner[1]); err != nil {
			t.Fatal(err)
		}
		res, err := install(t, lookup(t, "cursor"), s, request())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, res.Backup} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if stat := info.Sys().(*syscall.Stat_t); int(stat.Uid) != owner[0] || int(stat.Gid) != owner[1] {
				t.Errorf("%s belongs to %d:%d, want %d", name, stat.Uid, stat.Gid, owner)
			}
		}
	}
}

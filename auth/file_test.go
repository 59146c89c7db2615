package auth

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestAKeyFileIsReadAsPeopleWriteIt(t *testing.T) {
	for name, content := range map[string]string{
		"a line": canary + "\n", "no line end": canary, "Windows": canary + "\r\n", "a byte order mark": "\ufeff" + canary + "\r\n",
		"quotes": `"` + canary + `"`, "blank lines": "\n\n" + canary + "\n\n",
	} {
		m := newMachine(t)
		m.values[fileVariable] = m.file(t, content)
		if got := m.readKeyFile(t.Context()); got.State != Found || got.key.value() != canary || got.Warning != "" {
			t.Errorf("%s: %+v", name, got.Source)
		}
	}
	m := newMachine(t)
	m.file(t, canary)
	m.values[fileVariable] = "~/key.txt"
	if got := m.readKeyFile(t.Context()); got.State != Found {
		t.Errorf("in the home folder: %+v", got.Source)
	}
}

// A fileTest is a key file that is not used, and what is said of it.
type fileTest struct {
	name       string
	path       func(t *testing.T, m *machine) string
	note, next string
}

func cannotBeUsed(t *testing.T, tests []fileTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.values[fileVariable] = tt.path(t, m)
			m.chain.secret = newer // nothing that is set is passed over
			_, err := m.Get(t.Context())
			p := problem.As(err)
			if p == nil {
				t.Fatal("the key is taken")
			}
			got := m.Describe().Sources[1]
			if got.State != Broken || !strings.Contains(got.Note, tt.note) || !strings.Contains(p.Fix(), tt.next) {
				t.Errorf("got %q (fix: %s), want %q (fix: %s)", got.Note, p.Fix(), tt.note, tt.next)
			}
			if !strings.Contains(p.What, fileVariable) || leaks(p.Line()+got.Note) {
				t.Error("the problem does not name the source, or shows the key")
			}
		})
	}
}

func TestAKeyFileThatCannotBeUsedSaysWhy(t *testing.T) {
	tests := []fileTest{
		{"one that is not there", func(_ *testing.T, m *machine) string { return filepath.Join(m.dir, "no") }, "names a file that is not there", "correct the name"},
		{"a folder", func(_ *testing.T, m *machine) string { return m.dir }, "names a file that is a folder", "name the file in it"},
		{"a path through a file", func(t *testing.T, m *machine) string { return filepath.Join(m.file(t, canary), "no") }, "names a file that is not there", "or correct the name"},
		{"a gigabyte", func(t *testing.T, m *machine) string {
			path := m.file(t, canary)
			if err := os.Truncate(path, 1<<30); err != nil { // a hole takes no space
				t.Fatal(err)
			}
			return path
		}, "names a file that is too large to be a key alone", "the key alone"},
		{"a name without a folder", func(*testing.T, *machine) string { return "key.txt" }, "names a file that is not there", "whole path"},
		{"a key in the wrong place", func(*testing.T, *machine) string { return canary }, "holds a key and not the name of a file", "put the key into a file"},
		{"another's key in the wrong place", func(*testing.T, *machine) string { return "sk-" + canary }, "holds a key and not the name of a file", "put the key into a file"},
		{"two keys", func(t *testing.T, m *machine) string { return m.file(t, canary+"\n"+canary) }, "has a line break inside (copied completely?)", "copy the key again"},
	}
	cannotBeUsed(t, tests)
}

func TestConfigFoldersNeedNoVariable(t *testing.T) {
	abs := func(path string) string {
		path, err := filepath.Abs(filepath.FromSlash(path)) // with a drive, where there are some
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	h := abs("/h")
	moved := environment(map[string]string{"XDG_CONFIG_HOME": abs("/moved"), "APPDATA": abs("/roaming")})
	none, relative := environment(nil), environment(map[string]string{"XDG_CONFIG_HOME": "moved", "APPDATA": "roaming"})
	tests := []struct {
		name, goos string
		getenv     func(string) string
		home       string
		want       []string
	}{
		{"Linux", "linux", none, h, []string{"/h/.config"}},
		{"Linux with a moved folder", "linux", moved, h, []string{"/moved", "/h/.config"}},
		{"Linux with a folder that does not count", "linux", relative, h, []string{"/h/.config"}},
		{"Linux without a home", "linux", none, "", nil},
		{"macOS", "darwin", moved, h, []string{"/h/Library/Application Support"}},
		{"Windows", "windows", moved, h, []string{"/roaming", "/h/AppData/Roaming"}},
		{"Windows without APPDATA", "windows", none, h, []string{"/h/AppData/Roaming"}},
	}
	for _, tt := range tests {
		for i := range tt.want {
			tt.want[i] = abs(tt.want[i])
		}
		if got := configFolders(tt.goos, tt.getenv, tt.home); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTheHomeFolderNeedsNoVariable(t *testing.T) {
	k := &Keys{Getenv: environment(nil)}
	if len(k.store().Files()) == 0 {
		t.Error("there is no place for the private file")
	}
}

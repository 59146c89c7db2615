package editor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestThePathThatOutlivesAnUpgrade(t *testing.T) {
	tests := []struct {
		name      string
		exe, link string // below a scratch folder; link leads to exe
		path      string // the PATH
		want      string
	}{
		{"a formula of Homebrew", "brew/Cellar/p/1.2.3/bin/p", "brew/bin/p", "", "brew/bin/p"},
		{"a cask of Homebrew", "brew/Caskroom/p/1.2.3/p", "brew/bin/p", "", "brew/bin/p"},
		{"a cask whose link is another program", "brew/Caskroom/p/1.2.3/p", "", "", "brew/Caskroom/p/1.2.3/p"},
		{"Scoop", "scoop/apps/p/1.2.3/p", "scoop/apps/p/current/p", "", "scoop/apps/p/current/p"},
		{"a link on the PATH", "opt/p-1.2.3/p", "bin/p", "bin", "bin/p"},
		{"another program on the PATH", "opt/p-1.2.3/p", "", "other", "opt/p-1.2.3/p"},
		{"a version on the PATH does not count", "brew/Cellar/p/1.2.3/bin/p", "brew/bin/p", "brew/Cellar/p/1.2.3/bin", "brew/bin/p"},
		{"no link at all", "home/bin/p", "", "", "home/bin/p"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, filepath.Join(root, "other", "p"), "another")
			put(t, filepath.Join(root, tt.exe), "program")
			if tt.link != "" {
				link := filepath.Join(root, tt.link)
				if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(filepath.Join(root, tt.exe), link); err != nil {
					t.Fatal(err)
				}
			}
			s := system("linux", map[string]string{"PATH": filepath.Join(root, tt.path)})
			if tt.path == "" {
				s = system("linux", nil)
			}
			got := s.StablePath(filepath.Join(root, tt.exe))
			if got = strings.TrimPrefix(got, root+string(filepath.Separator)); filepath.ToSlash(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

package editor

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
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
		{"Scoop, with the archive's folder", "scoop/apps/p/1.2.3/p/p", "scoop/apps/p/current/p/p", "", "scoop/apps/p/current/p/p"},
		{"mise", "mise/installs/p/1.2.3/bin/p", "mise/installs/p/latest/bin/p", "other", "mise/installs/p/latest/bin/p"},
		{"a link on the PATH", "opt/p-1.2.3/p", "bin/p", "bin", "bin/p"},
		{"another program on the PATH", "opt/p/p", "", "other", "opt/p/p"},
		{"another program on the PATH, where this one will be gone", "opt/p-1.2.3/p", "", "other", "other/p"},
		{"Go's build cache", ".cache/go-build/ab/abcd-d/p", "", "other", "other/p"},
		{"a temporary build of go run", "tmp/go-build123/b001/exe/p", "", "other", "other/p"},
		{"npx", ".npm/_npx/5f1c0e9a/node_modules/.bin/p", "", ".npm/_npx/5f1c0e9a/node_modules/.bin", ".npm/_npx/5f1c0e9a/node_modules/.bin/p"},
		{"a shim of mise", "share/mise/installs/p/latest/p", "", "share/mise/installs/p/latest:other", "other/p"},
		{"asdf", ".asdf/installs/p/1/bin/p", "", "other", "other/p"},
		{"nvm", ".nvm/versions/node/v20.1.0/lib/node_modules/p/bin/p", ".nvm/versions/node/v20.1.0/bin/p", ".nvm/versions/node/v20.1.0/bin", ".nvm/versions/node/v20.1.0/lib/node_modules/p/bin/p"},
		{"a program that the project brings along", "opt/p-1.2.3/p", "", "project/bin", "opt/p-1.2.3/p"},
		{"a link in the project", "opt/p-1.2.3/p", "project/link/p", "project/link", "project/link/p"},
		{"no folder of the PATH has it", "opt/p-1.2.3/p", "", "nowhere", "opt/p-1.2.3/p"},
		{"a version on the PATH does not count", "brew/Cellar/p/1.2.3/bin/p", "brew/bin/p", "brew/Cellar/p/1.2.3/bin", "brew/bin/p"},
		{"no link at all", "home/bin/p", "", "", "home/bin/p"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, filepath.Join(root, "other", "p"), "another")
			put(t, filepath.Join(root, "project", "bin", "p"), "another")
			put(t, filepath.Join(root, tt.exe), "program")
			if tt.link != "" {
				symlink(t, filepath.Join(root, tt.exe), filepath.Join(root, tt.link))
			}
			var dirs []string
			for _, dir := range strings.FieldsFunc(tt.path, func(r rune) bool { return r == ':' }) {
				dirs = append(dirs, filepath.Join(root, dir))
			}
			s := system("linux", map[string]string{"PATH": strings.Join(dirs, string(filepath.ListSeparator))})
			s.Folder = filepath.Join(root, "project")
			got := s.StablePath(filepath.Join(root, tt.exe))
			if got = strings.TrimPrefix(got, root+string(filepath.Separator)); filepath.ToSlash(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestARunnerOfPackagesStartsWhatItHasStarted(t *testing.T) {
	const node = "node_modules/leadmagic-mcp-proxy/node_modules/@leadmagic-mcp-proxy/linux-x64/bin/leadmagic-mcp-proxy"
	root := t.TempDir()
	s := system("linux", nil)
	s.Folder = filepath.Join(root, "project")
	put(t, filepath.Join(s.Folder, "x"), "")
	for exe, want := range map[string]string{
		"/home/ada/.npm/_npx/4f1c/" + node:                                                "npx -y",
		`C:\Users\ada\AppData\Local\npm-cache\_npx\4f\node_modules\p\bin\p.exe`:           "npx -y",
		"/home/ada/.cache/pnpm/dlx/4f1c/1a/" + node:                                       "pnpm dlx",
		"/tmp/xfs-4f1c/dlx-123/" + node:                                                   "yarn dlx",
		"/tmp/bunx-1000-p@latest/" + node:                                                 "bunx",
		filepath.Join(file.Real(s.Folder), filepath.FromSlash(node)):                      "npx -y",
		filepath.Join(root, filepath.FromSlash(node)):                                     "",
		"/usr/local/lib/" + node:                                                          "",
		`C:\Users\ada\AppData\Roaming\npm\` + strings.ReplaceAll(node, "/", `\`) + ".exe": "",
		"/home/ada/.local/share/pnpm/global/5/.pnpm/p@1.2.3/" + node:                      "",
		"/usr/bin/leadmagic-mcp-proxy":                                                    "",
	} {
		if got := strings.Join(s.Runner(exe), " "); got != want {
			t.Errorf("%s: got %q, want %q", exe, got, want)
		}
	}
}

func TestPathsThatEndEarlyAreKeptByNobody(t *testing.T) {
	for _, path := range []string{"", "/", "p", "/Cellar", "/apps", "/apps/p", "/apps/p/1.2.3", "/installs", "/installs/p", "/installs/p/1.2.3", "installs"} {
		if got := KeptPath(filepath.FromSlash(path)); got != "" {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func TestPathsThatWillBeGone(t *testing.T) {
	for path, want := range map[string]string{
		"/home/ada/.cache/go-build/4f/4f1c-d/p":                  "Go's build cache",
		"/tmp/go-build2386/b001/exe/p":                           "Go's build cache",
		"/home/ada/.npm/_npx/4f1c/node_modules/p/bin/p":          "npm's cache",
		`C:\Users\ada\AppData\Local\npm-cache\_npx\4f\p.exe`:     "npm's cache",
		"/home/ada/.cache/pnpm/dlx/4f1c/node_modules/p":          "pnpm's cache",
		"/Users/ada/Library/pnpm/store/v10/links/p":              "pnpm's cache",
		"/tmp/bunx-1000-p@latest/node_modules/.bin/p":            "Bun's cache",
		"/tmp/xfs-4f1c/dlx-123/node_modules/.bin/p":              "Yarn's cache",
		"/home/ada/.cache/uv/archive-v0/4f1c/bin/p":              "uv's cache",
		"/opt/homebrew/Caskroom/p/1.2.3/p":                       "Homebrew's folder of one version",
		"/home/linuxbrew/.linuxbrew/Cellar/p/1.2.3/bin/p":        "Homebrew's folder of one version",
		"/home/ada/.local/share/mise/installs/p/latest/p":        "mise's folder of one version",
		"/home/ada/.asdf/installs/p/3/bin/p":                     "asdf's folder of one version",
		"/run/user/1000/fnm_multishells/12_34/bin/p":             "fnm's folder of one shell",
		"/nix/store/4f1c-p-1.2.3/bin/p":                          "the Nix store",
		"/gnu/store/4f1c-p/bin/p":                                "the Guix store",
		"/snap/p/42/bin/p":                                       "a snap's folder of one version",
		"/private/var/folders/4f/T/AppTranslocation/1/d/P.app/p": "a copy that macOS has made of a download",
		"/tmp/.mount_p4f1c/usr/bin/p":                            "an AppImage",
		"/home/ada/.nvm/versions/node/v20.1.0/bin/p":             "the folder of one version",
		"/home/ada/.volta/tools/image/packages/p/1.2/bin/p":      "the folder of one version",
		`C:\Users\ada\scoop\apps\p\1.2.3\p.exe`:                  "the folder of one version",
		"/home/ada/p_1.2.3_linux_amd64/p":                        "the folder of one version",
		"/home/ada/.local/share/mise/shims/p":                    "",
		"/home/ada/.asdf/shims/p":                                "",
		"/snap/bin/p":                                            "",
		"/snap/p/current/p":                                      "",
		"/home/ada/go/bin/p":                                     "",
		"/usr/local/bin/p-1.2.3":                                 "",
		"/home/ada/.nix-profile/bin/p":                           "",
		`C:\Users\ada\scoop\apps\p\current\p.exe`:                "",
		"/opt/python3.11/bin/p":                                  "",
		"/usr/bin/p":                                             "",
		"p":                                                      "",
		"":                                                       "",
	} {
		if got := Temporary(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

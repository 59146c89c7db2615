package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pictures are those of a terminal, made from what the program really prints.
var pictures = []struct {
	name, title string
	options     map[string]string
	commands    []string
}{
	{
		name: "doctor", title: "leadmagic-mcp-proxy doctor walks the path of a call and finds two editors in which the key would not arrive",
		options:  map[string]string{"home": "editors"},
		commands: []string{"leadmagic-mcp-proxy doctor"},
	},
	{
		name: "install", title: "leadmagic-mcp-proxy install adds an entry to the configuration of each editor named, and says how the key will arrive",
		commands: []string{
			"leadmagic-mcp-proxy install claude-code cursor codex",
			"leadmagic-mcp-proxy install --print codex",
		},
	},
}

// TestPicturesAreCurrent compares the pictures with what the program prints, except for times. Paths in them are those of
// Linux, so only there they are compared.
func TestPicturesAreCurrent(t *testing.T) {
	for _, p := range pictures {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, p.options)
			var lines []string
			for i, line := range p.commands {
				if i > 0 {
					lines = append(lines, "")
				}
				all, err := words(line)
				if err != nil {
					t.Fatal(err)
				}
				output, _ := s.run(t, binary(t), all[1:]...)
				lines = append(lines, "$ "+line)
				lines = append(lines, strings.Split(strings.TrimRight(output, "\n"), "\n")...)
			}
			comparePicture(t, "docs/pictures/"+p.name+".svg", terminal(p.title, lines))
		})
	}
}

func comparePicture(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	switch {
	case err == nil && (steady(string(got)) == steady(want) || !ownSystem):
	case *update:
		write(t, name, want)
	case err != nil:
		t.Error(err)
	default:
		t.Errorf("%s is not current: %s (go test ./internal/docs -update)", name, difference(steady(string(got)), steady(want)))
	}
}

// TestPicturesReadOnLightAndDark looks at every picture: its colours follow the reader's, and it says in words what it
// shows.
func TestPicturesReadOnLightAndDark(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "pictures", "*.svg"))
	if err != nil || len(files) < len(pictures) {
		t.Fatalf("found %d pictures, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"prefers-color-scheme: dark", "<title", "viewBox=", `role="img"`} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no %s", filepath.Base(file), part)
			}
		}
	}
}

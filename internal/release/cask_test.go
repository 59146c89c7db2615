package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed testdata/cask.txtar
var caskText []byte

// caskCase is a cask as GoReleaser writes it, and the same in Homebrew's order.
func caskCase() (goreleaser, homebrew string) {
	archive := txtar.Parse(caskText)
	return string(archive.Files[0].Data), string(archive.Files[1].Data)
}

func TestACaskInHomebrewsOrder(t *testing.T) {
	written, want := caskCase()
	for name, cask := range map[string]string{"as GoReleaser writes it": written, "in order already": want} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cask.rb")
			write(t, file, cask)
			if err := arrangeCask(file); err != nil {
				t.Fatal(err)
			}
			if got := string(read(t, file)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestACaskThatIsNotUnderstood(t *testing.T) {
	written, _ := caskCase()
	for name, cask := range map[string]string{
		"a stanza of no known place":            strings.Replace(written, "  livecheck do", "  lookout do", 1),
		"a stanza of no known place in a block": strings.Replace(written, "      sha256", "      sha1", 1),
		"no cask":                               "nothing\n",
		"something behind the cask":             written + "more\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "cask.rb")
			write(t, file, cask)
			if err := arrangeCask(file); err == nil {
				t.Errorf("it was arranged: %s", read(t, file))
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != cask {
				t.Errorf("it was changed: %v %s", err, got)
			}
		})
	}
}

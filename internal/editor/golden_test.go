package editor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// language is what an editor's config file is written in.
func language(e Editor) string {
	switch e.format.(type) {
	case tomlFormat:
		return "toml"
	case yamlFormat:
		return "yaml"
	}
	return "json"
}

// systemOf is a system that an editor is made for.
func systemOf(e Editor) string {
	if _, _, err := e.on(system("linux", nil)); err != nil {
		return "windows"
	}
	return "linux"
}

// filesOf are the files of an editor on each system, and the team's.
func filesOf(e Editor) string {
	var b strings.Builder
	for _, goos := range []string{"linux", "darwin", "windows"} {
		s := system(goos, map[string]string{"HOME": "/h", "USERPROFILE": "/h", "APPDATA": "/r", "LOCALAPPDATA": "/l"})
		path, err := e.Path(s, User)
		if err != nil {
			path = err.Error()
		}
		fmt.Fprintf(&b, "%s %s\n", goos, filepath.ToSlash(path))
		for _, path := range e.Elsewhere(s) {
			fmt.Fprintf(&b, "%s or %s\n", goos, filepath.ToSlash(path))
		}
	}
	s := system("linux", map[string]string{"HOME": "/h"})
	if path, err := e.Path(s, Project); err == nil {
		fmt.Fprintf(&b, "team %s\n", strings.TrimPrefix(filepath.ToSlash(path), s.Folder+"/"))
	}
	return b.String()
}

// TestWhatInstallWrites holds, for each editor, where its files are, and what one becomes in which there was nothing, other
// settings, or comments and another server. The golden file of a new editor is made with -update, and read.
func TestWhatInstallWrites(t *testing.T) {
	docs := map[string][]struct{ name, text string }{
		"json": {
			{"missing", ""},
			{"other settings", "{\n\t\"theme\": \"dark\"\n}\n"},
			{"comments", "{\n    // of the team\n    \"KEY\": {\n        \"other\": {\"command\": \"other-server\"}, // stays\n        /* the last word */\n    },\n}\n"},
		},
		"yaml": {
			{"missing", ""},
			{"other settings", "GOOSE_MODEL: m\n"},
			{"comments", "# of the team\nKEY: # all of them\n  OTHER # stays\n    command: other-server\n\n  # the last word\n\nmodels: []\n"},
		},
		"toml": {
			{"missing", ""},
			{"other settings", "model = \"gpt\"\n"},
			{"comments", "# of the team\nmodel = \"gpt\" # stays\n\n[KEY.other] # another\ncommand = \"other-server\"\n\n# the last word\n"},
		},
	}
	golden := map[string]bool{}
	for _, e := range All() {
		t.Run(e.ID, func(t *testing.T) {
			other := "other:"
			if f, _ := e.format.(yamlFormat); f.list {
				other = "- name: other"
			}
			got := txtar.Archive{Files: []txtar.File{{Name: "files", Data: []byte(filesOf(e))}}}
			scopes := []Scope{User}
			if e.HasProject() {
				scopes = append(scopes, Project)
			}
			for _, scope := range scopes {
				for _, doc := range docs[language(e)] {
					s, _ := machine(t, systemOf(e))
					path, err := e.Path(s, scope)
					if err != nil {
						t.Fatal(err)
					}
					if doc.text != "" {
						put(t, path, strings.NewReplacer("KEY", e.Key, "OTHER", other).Replace(doc.text))
					}
					r := request()
					if r.Scope = scope; scope == Project {
						r.Command.Path = Program
					}
					if _, err := install(t, e, s, r); err != nil {
						t.Fatal(err)
					}
					text, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					whose := map[Scope]string{User: "user", Project: "team"}[scope]
					got.Files = append(got.Files, txtar.File{Name: whose + ", " + doc.name, Data: text})
				}
			}
			name := filepath.Join("testdata", e.ID+".txtar")
			golden[name] = true
			if *update {
				put(t, name, string(txtar.Format(&got)))
			}
			want, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if string(txtar.Format(&got)) != string(txtar.Format(want)) {
				t.Errorf("got\n%s\nwant\n%s", txtar.Format(&got), txtar.Format(want))
			}
		})
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !golden[name] {
			t.Errorf("%s is of no editor", name)
		}
	}
}

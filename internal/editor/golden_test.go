package editor

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWhatInstallWrites holds, for each editor, what a file becomes in which there was nothing, other settings, or comments and
// another server. The golden file of a new editor is made with -update, and read.
func TestWhatInstallWrites(t *testing.T) {
	docs := map[string][]struct{ name, text string }{
		"json": {
			{"missing", ""},
			{"other settings", "{\n\t\"theme\": \"dark\"\n}\n"},
			{"comments", "{\n    // of the team\n    \"KEY\": {\n        \"other\": {\"command\": \"other-server\"}, // stays\n        /* the last word */\n    },\n}\n"},
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
			kind := "json"
			if _, ok := e.format.(tomlFormat); ok {
				kind = "toml"
			}
			var got txtar.Archive
			scopes := []Scope{User}
			if e.HasProject() {
				scopes = append(scopes, Project)
			}
			for _, scope := range scopes {
				for _, doc := range docs[kind] {
					s, _ := machine(t, "linux")
					path, err := e.Path(s, scope)
					if err != nil {
						t.Fatal(err)
					}
					if doc.text != "" {
						put(t, path, strings.ReplaceAll(doc.text, "KEY", e.Key))
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

package editor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// variables are those that an editor may pass on or not, each with a value that is no reason not to.
func variables() []string {
	var environ []string
	for name := range strings.FieldsSeq(`
		HOME LOGNAME PATH SHELL TERM USER LANG LC_ALL TMPDIR TZ __CF_USER_TEXT_ENCODING
		APPDATA HOMEDRIVE HOMEPATH LOCALAPPDATA PROCESSOR_ARCHITECTURE SYSTEMDRIVE SYSTEMROOT TEMP TMP USERNAME USERPROFILE USERDOMAIN
		PATHEXT COMSPEC PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 PROGRAMDATA POWERSHELL PWSH
		SSL_CERT_FILE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE REQUESTS_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT HTTPS_PROXY NO_PROXY
		GEMINI_CLI_TOKEN GIT_CONFIG_KEY_0 DESCRIPTION GITHUB_TOKEN A_SECRET A_PASSWORD A_PASSWD AUTHOR A_CREDENTIAL A_CREDS PRIVATE_x monkey
		OTEL_X LEADMAGIC_API_KEY LEADMAGIC_MCP_URL`) {
		environ = append(environ, name+"=x")
	}
	return append(environ, "FUNCTION=() { :; }", "HTTP_PROXY=http://me:secret@p", "DESCRIPTION_OF=ftp://me:secret@p")
}

// rowOf is what else is said of an editor, and what it passes on.
func rowOf(e Editor) string {
	var b strings.Builder
	c := Command{Vars: []string{KeyVariable}}
	for _, line := range [][2]string{
		{"name", e.Name()},
		{"waits", e.Waits},
		{"from", e.Facts},
		{"naming", e.Naming(KeyVariable)},
		{"delivery", e.Delivery(c)},
		{"remedy", e.Remedy(KeyVariable, e.Replace(User))},
		{"in place of a key", e.instead(Project, KeyVariable)},
		{"notes", strings.Join(e.Notes(User), "; ")},
		{"notes of a team", strings.Join(e.Notes(Project), "; ")},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	fmt.Fprintf(&b, "asks for the key: %v\nstarted from a dock: %v\nreads the folders above: %v\n", e.Prompts, e.Dock, e.upwards)
	for _, goos := range []string{"linux", "windows"} {
		given := variables()
		passed := e.Environment(Server{}, Process{GOOS: goos, Environ: given}).Environ
		what := "passes on"
		if len(passed) > len(given)/2 {
			what = "keeps back, or adds, on"
			passed = slices.DeleteFunc(append(slices.Clone(passed), given...), func(kv string) bool { return slices.Contains(passed, kv) && slices.Contains(given, kv) })
		}
		fmt.Fprintf(&b, "%s %s:", what, goos)
		for _, kv := range passed {
			name, _, _ := strings.Cut(kv, "=")
			b.WriteString(" " + name)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestWhatInstallWrites holds, for each editor, what its row says, where its files are, and what one becomes in which there
// was nothing, other settings, or comments and another server. The golden file of a new editor is made with -update, and read.
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
			got := txtar.Archive{Files: []txtar.File{{Name: "row", Data: []byte(rowOf(e))}, {Name: "files", Data: []byte(filesOf(e))}}}
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

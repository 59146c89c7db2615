package editor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const canary = "lm_canary_5f1c0e9a7b3d2468"

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func request() Request {
	return Request{Name: Name, Command: Command{Path: "/opt/bin/leadmagic-mcp-proxy", Vars: []string{KeyVariable}}, Now: today}
}

// install and uninstall run with a clock of their own: they wait for files that have just been written.
func install(t *testing.T, e Editor, s System, r Request) (res Result, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { res, err = e.Install(s, r) })
	return res, err
}

func uninstall(t *testing.T, e Editor, s System, r Request) (res Result, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { res, err = e.Uninstall(s, r) })
	return res, err
}

// files are all files below a folder, by their path in it.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			out[filepath.ToSlash(rel)+"/"] = ""
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			out[filepath.ToSlash(rel)] = "-> " + target
			return err
		}
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if have, ok := got[name]; !ok {
			t.Errorf("%s: %s is gone", what, name)
		} else if have != text {
			t.Errorf("%s: %s is\n%s\nwant\n%s", what, name, have, text)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is new", what, name)
		}
	}
}

func TestUninstallAfterInstallLeavesNoTrace(t *testing.T) {
	jsonDocs := map[string]string{
		"missing": "-", "empty": "", "braces": "{}", "braces and a line end": "{}\n", "a line end": "\n", "a comment": "// mine\n",
		"no servers": "{\n\t\"a\": 1 // c\n}\n", "empty servers": "{\"KEY\": {}}", "empty servers in two lines": "{\n  \"KEY\": {\n  }\n}\n",
		"other servers": "{\r\n  \"KEY\": {\r\n    \"other\": {\"command\": \"x\"}, // c\r\n  },\r\n}\r\n", "one line": `{"KEY":{"other":{}},"a":[1,2]}`,
		"a byte order mark": "\xef\xbb\xbf{ }",
	}
	tomlDocs := map[string]string{
		"missing": "-", "empty": "", "other tables": "# mine\nmodel = \"x\"\n\n[mcp_servers.other]\ncommand = \"x\" # c", "Windows": "a = 1\r\n[b]\r\nc = 2\r\n",
		"an empty table": "[mcp_servers]\n", "blank lines": "\n\n",
	}
	yamlDocs := map[string]string{
		"missing": "-", "empty": "", "other settings": "a: 1 # mine\n", "a comment": "# mine\n", "no value": "KEY:\na: 1\n", "an empty value": "KEY: {} # none\r\na: 1\r\n",
	}
	for _, e := range All() {
		docs := map[string]map[string]string{"json": jsonDocs, "toml": tomlDocs, "yaml": yamlDocs}[language(e)]
		thorough := slices.Contains([]string{"cursor", "vscode", "codex", "goose", "continue"}, e.ID)
		for name, doc := range docs {
			if !thorough && name != "missing" && !strings.HasPrefix(name, "other") {
				continue
			}
			for _, scope := range []Scope{User, Project} {
				if scope == Project && !e.HasProject() {
					continue
				}
				for _, prompt := range []bool{false, e.Prompts} {
					t.Run(e.ID+"/"+name, func(t *testing.T) {
						s, home := machine(t, systemOf(e))
						r := request()
						r.Scope, r.Command.Prompt = scope, prompt
						path, err := e.Path(s, scope)
						if err != nil {
							t.Fatal(err)
						}
						if doc != "-" {
							put(t, path, strings.ReplaceAll(doc, "KEY", e.Key))
						} else if own, err := e.own(s); err != nil || os.MkdirAll(filepath.Dir(own), 0o755) != nil {
							t.Fatal(own, err) // what is above the editor's own folder stays
						}
						homeBefore, projectBefore := files(t, home), files(t, s.Folder)
						roundTrip(t, e, s, r)
						same(t, "home", files(t, home), homeBefore)
						same(t, "project", files(t, s.Folder), projectBefore)
					})
				}
			}
		}
	}
}

// roundTrip installs twice and uninstalls twice.
func roundTrip(t *testing.T, e Editor, s System, r Request) {
	t.Helper()
	for i, want := range []Outcome{Added, Unchanged} {
		res, err := install(t, e, s, r)
		if err != nil || res.Outcome != want || res.Path == "" {
			t.Fatalf("install %d: %+v, %v", i, res, err)
		}
	}
	lists := e.Lists(s)
	i := slices.IndexFunc(lists, func(l List) bool { return l.Scope == r.Scope })
	entries, err := lists[i].Entries(s, func(Server) bool { return false })
	if err != nil || len(entries) != 1 || !entries[0].ours("") {
		t.Fatalf("the entries are %+v (%v)", entries, err)
	}
	for i, want := range []Outcome{Removed, Unchanged} {
		res, err := uninstall(t, e, s, r)
		if err != nil || res.Outcome != want {
			t.Fatalf("uninstall %d: %v, %v", i, res.Outcome, err)
		}
	}
}

func TestADryRunShowsTheDifferenceAndWritesNothing(t *testing.T) {
	s, home := machine(t, "linux")
	path := filepath.Join(home, ".cursor", "mcp.json")
	put(t, path, "{\n  \"mcpServers\": {\n    \"other\": {\n      \"env\": {\"OTHER_TOKEN\": \"abc\", \"X-API-Key\": \""+canary+"\"}\n    }\n  }\n}\n")
	before := files(t, home)
	r := request()
	r.DryRun = true
	res, err := install(t, lookup(t, "cursor"), s, r)
	if err != nil || res.Outcome != Added {
		t.Fatal(res, err)
	}
	same(t, "after the dry run", files(t, home), before)
	want := "--- PATH\n+++ PATH\n@@ -2,6 +2,13 @@\n" +
		"   \"mcpServers\": {\n     \"other\": {\n       \"env\": {\"OTHER_TOKEN\": \"<hidden>\", \"X-API-Key\": \"<hidden>\"}\n" +
		"+    },\n+    \"leadmagic\": {\n+      \"type\": \"stdio\",\n+      \"command\": \"/opt/bin/leadmagic-mcp-proxy\",\n" +
		"+      \"env\": {\n+        \"LEADMAGIC_API_KEY\": \"${env:LEADMAGIC_API_KEY}\"\n+      }\n     }\n   }\n }\n"
	if want = strings.ReplaceAll(want, "PATH", path); res.Diff != want {
		t.Errorf("got\n%s\nwant\n%s", res.Diff, want)
	}
	put(t, filepath.Join(home, ".codeium", "windsurf", "mcp_config.json"), `{"mcpServers":{"leadmagic":{"command":"leadmagic-mcp-proxy"}}}`)
	if res, err = uninstall(t, lookup(t, "windsurf"), s, r); err != nil || !res.Gone || !strings.Contains(res.Diff, "+++ /dev/null\n@@ -1,1 +0,0 @@\n-{") {
		t.Errorf("a file that goes: got\n%s(%v)", res.Diff, err)
	}
	if res, err = install(t, lookup(t, "zed"), s, r); err != nil || !strings.HasPrefix(res.Diff, "--- /dev/null\n+++ "+home) {
		t.Errorf("a new file: got\n%s(%v)", res.Diff, err)
	}
}

func TestAnotherEntryIsShownAndReplacedOnlyWithForce(t *testing.T) {
	s, home := machine(t, "linux")
	path := filepath.Join(home, ".cursor", "mcp.json")
	original := "{\n  \"mcpServers\": {\n    \"leadmagic\": {\"url\": \"https://mcp.leadmagic.io/mcp\", \"headers\": {\"x-leadmagic-key\": \"" + canary + "\"}}\n  }\n}\n"
	put(t, path, original)
	e, r := lookup(t, "cursor"), request()
	var different *DifferentError
	for _, act := range []func(*testing.T, Editor, System, Request) (Result, error){install, uninstall} {
		_, err := act(t, e, s, r)
		if !errors.As(err, &different) || different.Line != 3 || different.Key != "x-leadmagic-key" {
			t.Fatalf("got %v (%+v)", err, different)
		}
		if strings.Contains(err.Error()+different.Entry, "lm_") || !strings.Contains(different.Entry, "mcp.leadmagic.io") {
			t.Errorf("shown is %s", different.Entry)
		}
	}
	if got := files(t, home)[".cursor/mcp.json"]; got != original {
		t.Errorf("the file was changed to %s", got)
	}
	r.Force = true
	res, err := install(t, e, s, r)
	if err != nil || res.Outcome != Replaced || !res.HeldKey {
		t.Fatalf("got %+v (%v)", res, err)
	}
	for name, text := range files(t, home) {
		if strings.Contains(text, canary) {
			t.Errorf("the key stands in %s", name)
		}
	}
	backup, err := os.ReadFile(res.Backup)
	if want := strings.ReplaceAll(original, canary, "removed-by-leadmagic-mcp-proxy"); string(backup) != want || err != nil {
		t.Errorf("the backup is %s (%v)", backup, err)
	}
}

func TestTheBackupIsMadeOnce(t *testing.T) {
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".codex", "config.toml"), "a = 1\n")
	e, r := lookup(t, "codex"), request()
	first, err := install(t, e, s, r)
	if want := filepath.Join(home, ".codex", "config.toml.leadmagic-2026-11-23.bak"); err != nil || first.Backup != want {
		t.Fatalf("got %s (%v), want %s", first.Backup, err, want)
	}
	r.Name, r.Now = "second", today.AddDate(0, 0, 1)
	second, err := install(t, e, s, r)
	if err != nil || second.Backup != "" {
		t.Errorf("a second backup %s (%v)", second.Backup, err)
	}
	if got, _ := os.ReadFile(first.Backup); string(got) != "a = 1\n" {
		t.Errorf("the backup is %q", got)
	}
}

func TestAFileThatIsNowhere(t *testing.T) {
	r := request()
	_, err := install(t, lookup(t, "cursor"), system("linux", nil), r)
	if err == nil || err.Error() != "the home folder is unknown: HOME is not set" {
		t.Errorf("got %v", err)
	}
	r.Scope = Project
	if _, err := install(t, lookup(t, "windsurf"), system("linux", nil), r); err == nil || err.Error() != "Windsurf has no project file" {
		t.Errorf("got %v", err)
	}
}

func TestUninstallMakesNoBackup(t *testing.T) {
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".cursor", "mcp.json"), `{"mcpServers": {"other": {}, "leadmagic": {"command": "leadmagic-mcp-proxy"}}}`)
	res, err := uninstall(t, lookup(t, "cursor"), s, request())
	if err != nil || res.Outcome != Removed || res.Backup != "" {
		t.Errorf("got %+v, %v", res, err)
	}
	same(t, "after uninstall", files(t, home), map[string]string{".cursor/": "", ".cursor/mcp.json": `{"mcpServers": {"other": {}}}`})
}

// A file that somebody has put elsewhere leaves the folders there.
func TestOnlyTheEditorsOwnFoldersGo(t *testing.T) {
	for _, vars := range []map[string]string{{}, {"HOME": t.TempDir()}} {
		dir := filepath.Join(t.TempDir(), "mine")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		vars["AMP_SETTINGS_FILE"] = filepath.Join(dir, "settings.json")
		s := system("linux", vars)
		e := lookup(t, "amp")
		if _, err := install(t, e, s, request()); err != nil {
			t.Fatal(err)
		}
		if res, err := uninstall(t, e, s, request()); err != nil || !res.Gone {
			t.Errorf("got %+v, %v", res, err)
		}
		if got := files(t, filepath.Dir(dir)); len(got) != 1 {
			t.Errorf("what is left is %v", got)
		}
	}
}

// The folder of a copy of an editor, such as a Flatpak, was there before: only what is below it goes.
func TestTheFolderOfACopyStays(t *testing.T) {
	s, home := machine(t, "linux")
	dir := filepath.Join(home, ".var", "app", "dev.zed.Zed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e := lookup(t, "zed").Forms(s)[0]
	if _, err := install(t, e, s, request()); err != nil || !exists(filepath.Join(dir, "config", "zed", "settings.json")) {
		t.Fatalf("nothing is installed: %v", err)
	}
	res, err := uninstall(t, e, s, request())
	left, _ := os.ReadDir(dir)
	if err != nil || !res.Gone || !exists(dir) || len(left) != 0 {
		t.Errorf("got %+v, %v; %v is left", res, err, left)
	}
}

func TestHowAnotherEntryIsShown(t *testing.T) {
	for _, tt := range []struct{ id, name, text, want string }{
		{"cursor", ".cursor/mcp.json", `{"mcpServers": {"leadmagic": {"url": "https://x/?a=1&b=<c>", "api_key": "s3cret"}}}`, "{\n  \"api_key\": \"<hidden>\",\n  \"url\": \"https://x/?a=1&b=<c>\"\n}"},
		{"codex", ".codex/config.toml", "[mcp_servers.leadmagic]\nport = 5\n", "{\n  \"port\": 5\n}"},
		{"codex", ".codex/config.toml", "[mcp_servers.leadmagic]\nport = nan\n", ""}, // JSON has none
	} {
		s, home := machine(t, "linux")
		put(t, filepath.Join(home, filepath.FromSlash(tt.name)), tt.text)
		_, err := install(t, lookup(t, tt.id), s, request())
		if different, ok := errors.AsType[*DifferentError](err); !ok || different.Entry != tt.want {
			t.Errorf("%s: got %v, %+v", tt.text, err, different)
		}
	}
}

// symlink makes a symbolic link. Windows may have none, and wine says that it has.
func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	err := os.Symlink(target, link)
	if _, lost := os.Readlink(link); err == nil {
		err = lost
	}
	switch {
	case err != nil && runtime.GOOS == "windows":
		t.Skip("there are no symbolic links here: ", err) //nolint:forbidigo // Windows lets few make them
	case err != nil:
		t.Fatal(err)
	}
}

func TestUninstallLeavesNoLinkToNowhere(t *testing.T) {
	s, home := machine(t, "linux")
	real, link := filepath.Join(home, "dotfiles", "cursor.json"), filepath.Join(home, ".cursor", "mcp.json")
	put(t, real, `{"mcpServers": {"leadmagic": {"command": "leadmagic-mcp-proxy"}}}`)
	symlink(t, real, link)
	e := lookup(t, "cursor")
	if res, err := uninstall(t, e, s, request()); err != nil || res.Gone {
		t.Fatalf("gone: %v (%v)", res.Gone, err)
	}
	if _, err := os.Stat(link); err != nil {
		t.Error(err)
	}
	roundTrip(t, e, s, request())
}

func TestTheFolderOfAnEditorMayBeALink(t *testing.T) {
	s, home := machine(t, "linux")
	real, link := filepath.Join(home, "dotfiles"), filepath.Join(home, ".cursor")
	if err := os.Mkdir(real, 0o755); err != nil {
		t.Fatal(err)
	}
	symlink(t, "dotfiles", link)
	roundTrip(t, lookup(t, "cursor"), s, request())
	if target, err := os.Readlink(link); target != "dotfiles" || !exists(real) {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
}

func TestFilesThatWillNotBeWritten(t *testing.T) {
	link := func(t *testing.T, path, target string) error {
		err := os.RemoveAll(path)
		symlink(t, target, path)
		return err
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, path string) error
		want    string
	}{
		{"a read-only file", func(_ *testing.T, p string) error { return os.Chmod(p, 0o444) }, "PATH is read-only"},
		{"a read-only folder", func(t *testing.T, p string) error {
			if runtime.GOOS == "windows" {
				t.Skip("files can be made in such a folder") //nolint:forbidigo // on Windows
			}
			return os.Chmod(filepath.Dir(p), 0o555)
		}, "writing PATH: the folder DIR is read-only"},
		{"a folder in its place", func(_ *testing.T, p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, "reading PATH: it is not a regular file"},
		{"a link that leads nowhere", func(t *testing.T, p string) error { return link(t, p, "gone") }, "PATH is a symbolic link to gone, which does not exist"},
		{"a folder that is a link that leads nowhere", func(t *testing.T, p string) error { return link(t, filepath.Dir(p), "gone") }, "DIR is a symbolic link to gone, which does not exist"},
		{"a link to itself", func(t *testing.T, p string) error { return link(t, p, p) }, "reading PATH: "},
		{"broken JSON", func(_ *testing.T, p string) error { return os.WriteFile(p, []byte("{\n  \"a\": ,\n}"), 0o600) }, "PATH is left as it was: line 2, column 8: invalid character ','"},
		{"a file larger than any", func(_ *testing.T, p string) error { return os.Truncate(p, maxFile+1) }, "reading PATH: it is larger than 64 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, home := machine(t, "linux")
			path := filepath.Join(home, ".cursor", "mcp.json")
			put(t, path, "{}")
			if err := tt.prepare(t, path); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
			before, _ := os.ReadDir(filepath.Dir(path))
			_, err := install(t, lookup(t, "cursor"), s, request())
			want := strings.NewReplacer("PATH", path, "DIR", filepath.Dir(path)).Replace(tt.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if after, _ := os.ReadDir(filepath.Dir(path)); len(after) != len(before) {
				t.Errorf("there are new files: %v", after)
			}
		})
	}
}

func TestAFileInTheWayOfAFolder(t *testing.T) {
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".cursor"), "")
	if _, err := install(t, lookup(t, "cursor"), s, request()); err == nil || !strings.Contains(err.Error(), ".cursor") {
		t.Errorf("got %v", err)
	}
}

func TestAFullDiskLeavesTheFileAsItWas(t *testing.T) {
	s, home := machine(t, "linux")
	put(t, filepath.Join(home, ".cursor", "mcp.json"), "{}")
	before := files(t, home)
	full := func(f *os.File, b []byte) error {
		_, _ = f.Write(b[:len(b)/2])
		return &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	// The first write is the backup's.
	for _, fails := range [][]int{{1, 2}, {2}, {1}} {
		writes := 0
		s.write = func(f *os.File, b []byte) error {
			if writes++; slices.Contains(fails, writes) {
				return full(f, b)
			}
			return writeAll(f, b)
		}
		_, err := install(t, lookup(t, "cursor"), s, request())
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("got %v", err)
		}
		same(t, "after the failure", files(t, home), before)
	}
}

func TestAFileThatChangesMeanwhileIsReadAgain(t *testing.T) {
	s, home := machine(t, "linux")
	path := filepath.Join(home, ".claude.json")
	put(t, path, "{\"turns\": 0}\n")
	e, turns := lookup(t, "claude-code"), 0
	s.write = func(f *os.File, b []byte) error {
		if turns < 3 && !strings.HasSuffix(f.Name(), ".bak") {
			turns++
			put(t, path, strings.Repeat(" ", turns)+"{\"turns\": 1}\n")
		}
		return writeAll(f, b)
	}
	if _, err := install(t, e, s, request()); err != nil {
		t.Fatal(err)
	}
	if text := files(t, home)[".claude.json"]; !strings.HasPrefix(text, "   {\"turns\": 1, ") || !strings.Contains(text, "leadmagic") {
		t.Errorf("the other program's words are lost: %s", text)
	}

	put(t, path, "{}")
	s.write = func(f *os.File, b []byte) error {
		turns++
		put(t, path, strings.Repeat(" ", turns)+"{}")
		return writeAll(f, b)
	}
	_, err := install(t, e, s, request())
	if !errors.Is(err, errChanged) {
		t.Errorf("got %v, want %v", err, errChanged)
	}
	if text := files(t, home)[".claude.json"]; strings.Contains(text, "leadmagic") {
		t.Errorf("it was written after all: %s", text)
	}
}

func TestAFileThatAppearsMeanwhileIsNotOverwritten(t *testing.T) {
	s, home := machine(t, "linux")
	path := filepath.Join(home, ".cursor", "mcp.json")
	once := true
	s.write = func(f *os.File, b []byte) error {
		if once {
			once = false
			put(t, path, `{"mine":1}`)
		}
		return writeAll(f, b)
	}
	if _, err := install(t, lookup(t, "cursor"), s, request()); err != nil {
		t.Fatal(err)
	}
	if text := files(t, home)[".cursor/mcp.json"]; !strings.Contains(text, `"mine":1`) || !strings.Contains(text, "leadmagic") {
		t.Errorf("got %s", text)
	}
}

func TestUninstallKeepsWhatOthersHaveAddedSince(t *testing.T) {
	s, home := machine(t, "linux")
	e := lookup(t, "vscode")
	r := request()
	r.Command.Prompt = true
	if _, err := install(t, e, s, r); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, ".config", "Code", "User", "mcp.json")
	text := files(t, home)[".config/Code/User/mcp.json"]
	text = strings.Replace(text, "\"servers\": {", "\"servers\": {\n    \"other\": {\"env\": {\"A\": \"${input:leadmagic-key}\"}},", 1)
	put(t, path, text)
	res, err := uninstall(t, e, s, r)
	if err != nil || res.Gone {
		t.Fatal(res, err)
	}
	got := files(t, home)[".config/Code/User/mcp.json"]
	want := "{\n  \"inputs\": [{\n    \"type\": \"promptString\",\n    \"id\": \"leadmagic-key\",\n    \"description\": \"LeadMagic API key\",\n    \"password\": true\n  }],\n" +
		"  \"servers\": {\n    \"other\": {\"env\": {\"A\": \"${input:leadmagic-key}\"}}\n  }\n}\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

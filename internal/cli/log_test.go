package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestALogFileThatIsMovedAwayIsBegunAnew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	var stderr bytes.Buffer
	log := newLog(&Env{Stderr: &stderr}, &settings{logFile: name})
	if _, err := os.Stat(name); err == nil {
		t.Error("the file is there before anything was logged")
	}
	for _, line := range []string{"first", "second"} {
		log.Warn("something", "nth", line)
		if err := os.Rename(name, name+"."+line); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name + "." + line); err != nil || strings.Count(string(got), "\n") != 1 || !strings.Contains(string(got), "nth="+line) {
			t.Errorf("got %q, %v; want one line, %s", got, err, line)
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr has %q", stderr.String())
	}
}

func TestALogIsAddedTo(t *testing.T) {
	name := filepath.Join(t.TempDir(), ".hidden.log")
	for _, level := range []slog.Level{levelTrace, slog.LevelDebug, slog.LevelError, slog.LevelInfo + 1} {
		var stderr bytes.Buffer // of another session each time
		newLog(&Env{Stderr: &stderr}, &settings{logFile: name, logLevel: "trace"}).Log(t.Context(), level, "a line", "long", strings.Repeat("long ", 100))
		if stderr.Len() > 0 {
			t.Fatalf("stderr has %q", stderr.String())
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(string(content), "\n")
		if !strings.HasPrefix(first, "time=") {
			t.Fatalf("the first line is %q", first)
		}
		if err := os.WriteFile(name, []byte(rest), 0o600); rest != "" && err != nil {
			t.Fatal(err)
		}
	}
}

// TestALogThatCannotBeWrittenIsNamedOnce has what a file's name can lead to that somebody else has written into a configuration.
func TestALogThatCannotBeWrittenIsNamedOnce(t *testing.T) {
	type test struct {
		name string
		make func(t *testing.T, dir string) string
		want string
	}
	tests := []test{
		{"a folder", func(_ *testing.T, dir string) string { return dir }, " is not a regular file"},
		{"a folder that is not there", func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "log") }, "open "},
		{"a shell's profile", func(t *testing.T, dir string) string { return written(t, dir, "profile", "alias ll='ls -l'\n") }, "is there and is no log of this program"},
		{"a file of one letter", func(t *testing.T, dir string) string { return written(t, dir, "log", "t") }, "is there and is no log of this program"},
		{"a log of others", func(t *testing.T, dir string) string { return written(t, dir, "log", "time=now level=INFO msg=x\n") }, "is there and is no log of this program"},
		{"a profile that is not there yet", func(_ *testing.T, dir string) string { return filepath.Join(dir, ".zshenv") }, "would be a hidden file"},
	}
	links := []test{
		{"a link to a profile", func(t *testing.T, dir string) string {
			return linked(t, written(t, dir, "profile", "alias ll='ls -l'\n"), filepath.Join(dir, "log"))
		}, "is there and is no log of this program"},
		{"a link to a profile that is not there yet", func(t *testing.T, dir string) string {
			return linked(t, filepath.Join(dir, ".zshenv"), filepath.Join(dir, "log"))
		}, "is a link to nothing"},
	}
	if runtime.GOOS != "windows" { // where few people may make a link
		tests = append(tests, links...)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			name := tt.make(t, dir)
			before := contents(t, dir)
			var stderr bytes.Buffer
			log := newLog(&Env{Stderr: &stderr}, &settings{logFile: name})
			log.Warn("first")
			log.Warn("second")
			if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "leadmagic-mcp-proxy: the log cannot be written: ") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want one line that says %q", got, tt.want)
			}
			if after := contents(t, dir); after != before {
				t.Errorf("the folder had %q and has %q", before, after)
			}
		})
	}
}

func written(t *testing.T, dir, name, content string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func linked(t *testing.T, target, name string) string {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// contents are the names and texts of all files of a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, entry := range entries {
		text, _ := os.ReadFile(filepath.Join(dir, entry.Name()))
		fmt.Fprintf(&all, "%s: %s\n", entry.Name(), text)
	}
	return all.String()
}

func TestNamesOfToolsInTheLog(t *testing.T) {
	for tool, want := range map[string]string{
		"find_work_email": "tool=find_work_email\n",
		"a.b-c":           "tool=a.b-c\n",
		"a;id":            `tool="\"a;id\""` + "\n",
		"a\nb":            `tool="\"a\\nb\""` + "\n",
		"$(id)":           `tool="\"$(id)\""` + "\n",
		"":                `tool="\"\""` + "\n",
	} {
		var stderr bytes.Buffer
		newLog(&Env{Stderr: &stderr}, &settings{}).Warn("called", "tool", tool)
		if got := stderr.String(); !strings.HasSuffix(got, want) {
			t.Errorf("%q is logged as %q, want %q", tool, got, want)
		}
	}
}

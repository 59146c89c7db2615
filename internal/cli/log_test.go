package cli

import (
	"bytes"
	"os"
	"path/filepath"
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

func TestALogThatCannotBeWrittenIsNamedOnce(t *testing.T) {
	var stderr bytes.Buffer
	log := newLog(&Env{Stderr: &stderr}, &settings{logFile: t.TempDir()})
	log.Warn("first")
	log.Warn("second")
	if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "leadmagic-mcp-proxy: the log cannot be written: open ") {
		t.Errorf("got %q, want one line that names the log", got)
	}
}

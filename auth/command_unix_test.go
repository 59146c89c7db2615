//go:build unix

package auth

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// real is a machine whose commands are run.
func real(t *testing.T, line string) (*machine, *bytes.Buffer) {
	t.Helper()
	m, said := newMachine(t), &bytes.Buffer{}
	m.Run, m.Stderr = nil, said
	m.values[commandVariable] = line
	return m, said
}

func TestACommandPrintsTheKey(t *testing.T) {
	m, said := real(t, `sh -c 'read line; echo "unlock, please: [$line]" >&2; printf "%s\r\n" "`+canary+`"'`)
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("it is not taken: %v", err)
	}
	if got := said.String(); got != "unlock, please: []\n" {
		t.Errorf("stderr is %q, want what the command says there, without an answer on its stdin", got)
	}
}

func TestAKeyThatACommandTracesIsHidden(t *testing.T) {
	m, said := real(t, `sh -xc 'echo `+canary+`'`)
	if key, err := m.Get(t.Context()); err != nil || key.value() != canary {
		t.Errorf("it is not taken: %v", err)
	}
	if got := said.String(); got != "+ echo [redacted]\n" {
		t.Errorf("stderr is %q, want the trace without the key", strings.ReplaceAll(got, canary, "KEY"))
	}
}

func TestAShellIsAdvisedWhereNothingIsPrinted(t *testing.T) {
	m, _ := real(t, `true | head -1`)
	if _, err := m.Get(t.Context()); err == nil {
		t.Fatal("there is a key")
	}
	if got, want := m.Advice(Syntax{}), "make it print the key alone, in one line; it runs without a shell: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatACommandSaysMayBeLost(t *testing.T) {
	full := errors.New("full")
	if n, err := (keyHider{failing{full}}).Write([]byte("x")); n != 0 || !errors.Is(err, full) {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestAShellIsNotAdvisedWhereThereIsOne(t *testing.T) {
	m, _ := real(t, `sh -c 'cat ~/no-such-key | head -1; exit 1'`)
	_, err := m.Get(t.Context())
	if p := problem.As(err); p == nil || strings.Contains(p.Fix(), "sh -c") {
		t.Errorf("got %v, want a fix that names no shell", err)
	}
}

func TestACommandWithoutAKeySaysWhy(t *testing.T) {
	folder := t.TempDir()
	locked := filepath.Join(folder, "locked")
	if err := os.WriteFile(locked, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, line string
		code       problem.Code
		what, next string
	}{
		{"two lines", `printf '` + canary + `\nnotes\n'`, problem.KeyMissing, "prints 2 lines", "in one line"},
		{"an exit code", `sh -c 'echo ` + canary + `; exit 3'`, problem.KeyMissing, "ended with exit code 3", "the editor's log"},
		{"a signal", `sh -c 'kill -9 $$'`, problem.KeyMissing, "was killed before it had answered", "try it in a terminal"},
		{"no such program", "no-such-program-" + canary, problem.KeyMissing, "names a program that is not there", "whole path"},
		{"no such program, with its path", folder + "/" + canary, problem.KeyMissing, "names a program that is not there", "whole path"},
		{"a file that is no program", locked, problem.KeyMissing, "names a program that may not be run", "executable"},
		{"a flood", `sh -c 'yes ` + canary + `'`, problem.KeyMissing, "prints more than a key", "in one line"},
		{"a pipe without a shell", `cat /nonexistent | head -1`, problem.KeyMissing, "ended with exit code", "write sh -c '…'"},
		{"a home folder without a shell", `cat ~/no-such-key`, problem.KeyMissing, "ended with exit code", "and ~ write sh -c '…'"},
		{"a pipe that is printed", `echo ` + canary + ` | head`, problem.KeyMalformed, "has a blank inside", "write sh -c '…'"},
		{"an open quote", `sh -c 'echo`, problem.KeyMissing, "has a quote that is not closed", "close its quotes"},
		{"an empty name", `'' x`, problem.KeyMissing, "names no program", "begin it with the name of a program"},
		{"a line that goes on and ends", "\\\n", problem.KeyMissing, "names no program", "begin it with the name of a program"},
		{"as much as is read", `sh -c 'head -c 65536 /dev/zero | tr "\0" a'`, problem.KeyMalformed, "is longer than any key", ""},
		{"one byte more", `sh -c 'head -c 65537 /dev/zero | tr "\0" a'`, problem.KeyMissing, "prints more than a key", "in one line"},
		{"a key that cannot be one", `echo lm_a b`, problem.KeyMalformed, "has a blank inside (copied completely?)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := real(t, tt.line)
			_, err := m.Get(t.Context())
			p := problem.As(err)
			if p == nil || p.Code != tt.code || !strings.Contains(p.What, tt.what) || !strings.Contains(p.Fix(), tt.next) {
				t.Fatalf("got %v, want %q with the fix %q", err, tt.what, tt.next)
			}
			if !strings.Contains(p.What, commandVariable) || leaks(p.Line()) {
				t.Error("the problem does not name the source, or shows the key")
			}
		})
	}
}

func TestWhatACommandHasStartedEndsWithIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pidFile := filepath.Join(t.TempDir(), "pid")
	ended := make(chan error, 1)
	go func() {
		_, err := runCommand(ctx, []string{"sh", "-c", `sleep 600 & echo $! >"$0.new"; mv "$0.new" "$0"; wait`, pidFile}, &bytes.Buffer{})
		ended <- err
	}()
	var pid int
	for pid == 0 {
		if content, err := os.ReadFile(pidFile); err == nil {
			if pid, err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a command that was ended is taken for one that answered")
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if gone(pid) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("what the command had started still runs")
		}
	}
}

// gone reports whether a process has ended. One that nobody has waited for yet has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestADaemonThatACommandLeavesBehindIsNotWaitedFor(t *testing.T) {
	t.Parallel() // it takes as long as such a daemon is given
	start := time.Now()
	out, err := runCommand(t.Context(), []string{"sh", "-c", "sleep 30 & echo " + canary}, &bytes.Buffer{})
	if err != nil || strings.TrimSpace(string(out)) != canary || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v, want the key at once", err, time.Since(start))
	}
}

func TestWordsAreSplitAsAShellDoes(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"blanks of all kinds", "  a\tb \r\n c  ", []string{"a", "b", "c"}},
		{"nothing", "  ", nil},
		{"an empty word", `a '' ""`, []string{"a", "", ""}},
		{"single quotes keep everything", `sh -c 'a "b" $C \d'`, []string{"sh", "-c", `a "b" $C \d`}},
		{"in double quotes a backslash escapes few", `"a\"b" "\$c" "\\d" "\n"`, []string{`a"b`, "$c", `\d`, `\n`}},
		{"a single quote in double ones", `"it's"`, []string{"it's"}},
		{"a backslash outside of quotes", `a\ b \'c \#`, []string{"a b", "'c", "#"}},
		{"quotes in the middle of a word", `--name='my key'"s"`, []string{"--name=my keys"}},
		{"a line that goes on", "a\\\nb \"c\\\nd\"", []string{"ab", "cd"}},
		{"what a shell would act on stays", `a | b > c $D # e`, []string{"a", "|", "b", ">", "c", "$D", "#", "e"}},
		{"letters of any alphabet", `öp läs`, []string{"öp", "läs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := splitCommand(tt.line); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	const open = "has a quote that is not closed"
	for line, want := range map[string]string{`a 'b`: open, `a "b`: open, `a \`: "ends in a backslash", `"a\`: open} {
		if got, err := splitCommand(line); err == nil || err.Error() != want {
			t.Errorf("%q is split into %q, %v; want %q", line, got, err, want)
		}
	}
}

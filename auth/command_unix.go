//go:build unix

package auth

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// asGroup makes the end of a command the end of all that it has started.
func asGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// shellAdvice is for a command that looks as if a shell should run it.
const shellAdvice = "it runs without a shell: for pipes, variables and ~ write sh -c '…'"

var (
	// wordPart is what a command begins with: blanks, an escaped character or line end, a text in quotes, or one without.
	wordPart = lazyregexp.New(`(?s)^(?:[ \t\r\n]+|\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"|([^ \t\r\n\\'"]+))`)
	// quotedEscape is an escape that double quotes leave one.
	quotedEscape = lazyregexp.New("(?s)\\\\(?:\n|([$`\"\\\\]))")
)

// splitCommand splits a command into words as a POSIX shell would, and does nothing else that a shell does: no
// variables, no patterns, no pipes. Source: POSIX.1-2024, Shell Command Language, 2.2 Quoting.
func splitCommand(line string) (words []string, err error) {
	for inWord := false; line != ""; {
		m := wordPart.FindStringSubmatch(line)
		switch {
		case m == nil && line == `\`:
			return nil, errors.New("ends in a backslash")
		case m == nil:
			return nil, errors.New("has a quote that is not closed")
		case strings.TrimLeft(m[0], " \t\r\n") == "":
			inWord = false
		case m[1] != "\n": // else a line that goes on
			if !inWord {
				words, inWord = append(words, ""), true
			}
			words[len(words)-1] += m[1] + m[2] + quotedEscape.ReplaceAllString(m[3], "$1") + m[4]
		}
		line = line[len(m[0]):]
	}
	return words, nil
}

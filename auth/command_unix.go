//go:build unix

package auth

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
)

// asGroup makes the end of a command the end of all that it has started.
func asGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// shellAdvice is for a command that looks as if a shell should run it.
const shellAdvice = "it runs without a shell: for pipes, variables and ~ write sh -c '…'"

// splitCommand splits a command into words as a POSIX shell would, and does nothing else that a shell does: no
// variables, no patterns, no pipes. Source: POSIX.1-2024, Shell Command Language, 2.2 Quoting.
func splitCommand(line string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
		quote  rune // the quote that is open, or 0
	)
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote == '\'' && r != '\'', quote == '"' && r != '"' && r != '\\':
			word.WriteRune(r)
		case r == quote:
			quote = 0
		case r == '\\':
			if i++; i == len(runes) {
				return nil, errors.New("ends in a backslash")
			}
			switch {
			case runes[i] == '\n': // a line that goes on
				continue
			case quote == '"' && !strings.ContainsRune("$`\"\\", runes[i]):
				word.WriteRune('\\')
			}
			word.WriteRune(runes[i])
			inWord = true
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("has a quote that is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

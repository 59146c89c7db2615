//go:build unix

package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// maxLinks is how many symbolic links may lead to a file, as on Linux.
const maxLinks = 40

// trusted are the users who may own a key file.
func trusted() []int {
	ids, _ := os.ReadFile("/proc/self/uid_map") // Linux alone has it
	return owners(string(ids))
}

// owners are this user and root. Where a container knows no root, as Flatpak's do not, what is root's seems to be nobody's there.
// Each line of ids, if there are any, is the first id inside, the first outside, and how many there are.
// Source: user_namespaces(7).
func owners(ids string) []int {
	users := []int{0, os.Geteuid()}
	for line := range strings.Lines(ids) {
		if strings.HasPrefix(strings.TrimSpace(line)+" ", "0 ") {
			return users
		}
	}
	if ids != "" {
		const nobody = 65534
		users = append(users, nobody)
	}
	return users
}

// distrust says why somebody else may have put there what path leads to, and what to do about it; both are empty if nobody
// may. As for ssh, the file has to belong to one of users, as does each folder and link on the way, and nobody else may
// write to them; the group counts as others. A folder may be sticky instead, as /tmp is, where nobody can replace what is
// another's. What cannot be looked at is for who reads it to find. Source: OpenSSH, safe_path in misc.c.
func distrust(path string, users []int) (why, fix string) {
	at, rest := "/", strings.Split(path, "/")
	for links := 0; links <= maxLinks; {
		info, err := os.Lstat(at)
		if err != nil {
			return "", ""
		}
		mode := info.Mode()
		open := mode.Perm()&0o022 != 0
		stat, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case ok && !slices.Contains(users, int(stat.Uid)):
			why = "belongs to another user"
			if mode.IsDir() || mode&fs.ModeSymlink != 0 {
				why = "lies behind " + at + ", which belongs to another user"
			}
			return why, "keep the key in a file of this user's, below folders of this user or root"
		case mode&fs.ModeSymlink != 0:
			target, _ := os.Readlink(at) // none if it is gone by now
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(at), target) // of which no part is a link any more
			}
			at, rest = "/", append(strings.Split(target, "/"), rest...)
			links++
			continue
		case open && mode.IsDir() && mode&fs.ModeSticky == 0:
			return fmt.Sprintf("lies in a folder that others can write to (%s, mode %04o)", at, mode.Perm()), "chmod go-w " + at
		case open && !mode.IsDir():
			return fmt.Sprintf("can be changed by others (mode %04o)", mode.Perm()), "chmod 600 " + at
		}
		if len(rest) == 0 {
			return "", ""
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:] // "..", too, is followed where no link is left
	}
	return "", ""
}

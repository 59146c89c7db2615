package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const (
	// commandFor bounds how long a key command may take: it may ask a person.
	commandFor = 60 * time.Second
	// daemonFor is how long the output of what a command leaves behind is waited for.
	daemonFor = 2 * time.Second
)

// errTooMuch ends a command that prints more than any key.
var errTooMuch = errors.New("too much output")

// readCommand runs LEADMAGIC_API_KEY_COMMAND, unless that was done a short while ago. None of its words is ever
// shown, since they may hold a secret, nor is what it prints.
func (k *Keys) readCommand(ctx context.Context) result {
	line := k.Getenv(commandVariable)
	switch {
	case isUnset(line):
		return k.examineVariable(commandVariable)
	case !k.command.counts():
		k.command = answer{k.askCommand(ctx, line), time.Now()}
	}
	return k.command.result
}

func (k *Keys) askCommand(ctx context.Context, line string) result {
	words, err := splitCommand(line)
	if err != nil {
		return broken(err.Error(), "close its quotes; "+shellAdvice)
	}
	if len(words) == 0 || words[0] == "" {
		return broken("names no program", "begin it with the name of a program")
	}
	ctx, stop := context.WithTimeout(ctx, commandFor)
	defer stop()
	run := k.Run
	if run == nil {
		run = runCommand
	}
	out, err := run(ctx, words, keyHider{cmp.Or(k.Stderr, io.Discard)})
	r := readOutput(problem.UTF8(out))
	if err != nil {
		r = describeFailure(ctx, err)
	}
	if r.State != Found && slices.ContainsFunc(words, isForShell) {
		r.Next = cmp.Or(r.Next, r.problem().Fix()) + "; " + shellAdvice
	}
	return r
}

// isForShell reports whether a word looks as if a shell should have read it. One with a blank was quoted, so
// that the shell it is for stands before it.
func isForShell(word string) bool {
	return (strings.HasPrefix(word, "~") || strings.ContainsAny(word, "|&;<>$`*")) && !strings.ContainsAny(word, " \t\n")
}

// readOutput is what a command printed, read as a key.
func readOutput(out string) result {
	out = strings.TrimFunc(out, around)
	if lines := strings.Count(out, "\n") + 1; lines > 1 {
		return broken(fmt.Sprintf("prints %d lines", lines), "make it print the key alone, in one line")
	}
	r := unset("prints nothing")
	if out != "" {
		r = examine("prints a text that ", out)
	}
	if r.State == Unset {
		r.Next = "make it print the key alone, in one line"
	}
	return r
}

// describeFailure says why a command gave no key.
func describeFailure(ctx context.Context, err error) result {
	var exit *exec.ExitError
	note, fix := "cannot be run", "try it in a terminal"
	switch {
	case errors.Is(err, errTooMuch):
		note, fix = "prints more than a key", "make it print the key alone, in one line"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		note, fix = fmt.Sprintf("gave no answer in %d s and was ended", int(commandFor.Seconds())),
			"use a command that needs no person, or run: leadmagic-mcp-proxy login"
	case ctx.Err() != nil:
		note = "was ended with the session"
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		note, fix = "names a program that is not there", "give its whole path: an editor may pass on another PATH than a terminal has"
	case errors.Is(err, fs.ErrPermission):
		note, fix = "names a program that may not be run", "make it executable, or name another"
	case errors.As(err, &exit) && exit.Exited():
		note, fix = fmt.Sprintf("ended with exit code %d", exit.ExitCode()), "try it in a terminal; what it said stands in the editor's log"
	case errors.As(err, &exit):
		note = "was killed before it had answered"
	}
	return broken(note, fix)
}

// A keyHider hides what looks like a key in what a command says to a person: a shell that traces would show it.
type keyHider struct{ io.Writer }

var keyLike = lazyregexp.New(`\b` + Prefix + `[0-9A-Za-z_-]{8,}`)

// Write implements io.Writer. It holds nothing back, since what has no line end may be a question.
func (h keyHider) Write(p []byte) (int, error) {
	if _, err := h.Writer.Write(keyLike.ReplaceAll(p, []byte(Redacted))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// runCommand runs a program without a shell and returns what it prints.
func runCommand(ctx context.Context, words []string, stderr io.Writer) ([]byte, error) {
	var out limited
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout = &out
	// Not the file itself: a daemon that the command leaves behind would keep the editor's pipe open.
	cmd.Stderr = struct{ io.Writer }{stderr}
	cmd.WaitDelay = daemonFor
	asGroup(cmd)
	release := bind(cmd)
	err := cmd.Run()
	release()
	if out.over {
		return nil, errTooMuch
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return nil, err
	}
	return out.text, nil
}

// A limited buffer takes maxFile bytes and refuses more. It has no other way in than Write: the ReadFrom of a
// bytes.Buffer would take all there is.
type limited struct {
	text []byte
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.text)+len(p) > maxFile {
		l.over = true
		return 0, errTooMuch
	}
	l.text = append(l.text, p...)
	return len(p), nil
}

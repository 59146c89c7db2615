package cli

import (
	"errors"
	"io/fs"
	"runtime"
	"syscall"
)

// Exit codes: 0 is done, 1 is failed or found, 2 is misuse.
const (
	exitFailed = 1
	exitMisuse = 2
)

// An exitError ends a command with a code of its own. Without an error inside, what there was to say has
// been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misuse is an error of who typed the command.
func misuse(err error) error { return &exitError{code: exitMisuse, err: err} }

// A hintError says what to do about an error, in a line of its own.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }

func (e *hintError) Unwrap() error { return e.err }

// readerGone reports whether a command ended since nobody reads its output any more, such as head. Connections to LeadMagic
// have errors of another type.
func readerGone(err error) bool {
	write, ok := errors.AsType[*fs.PathError](err)
	if !ok || write.Op != "write" {
		return false
	}
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // of Windows: winerror.h
	return errors.Is(err, syscall.EPIPE) || runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}

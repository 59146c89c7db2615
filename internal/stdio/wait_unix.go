//go:build unix

package stdio

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	readable = unix.POLLIN
	writable = unix.POLLOUT
)

// wait returns when f is ready, closed or broken, or without a reason: the caller tries again, and is told.
func wait(f *os.File, events int16) {
	fd := int(f.Fd())
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}} //nolint:gosec // a file descriptor fits
	if _, err := unix.Poll(fds, -1); err != nil || fds[0].Revents&unix.POLLNVAL != 0 {
		// A signal came, or this is macOS, which does not poll devices: look again in a while.
		_, _ = unix.Poll(nil, 10)
	}
}

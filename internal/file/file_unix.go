//go:build unix

package file

import "syscall"

// neverBlock opens a pipe that nobody writes to, and a terminal without making it this process's own.
const neverBlock = syscall.O_NONBLOCK | syscall.O_NOCTTY

package auth

import (
	"os/exec"
	"runtime"
	"syscall"
)

// bind has a command end with this program, even if that is killed. The kernel watches the thread that starts the command, so
// the thread has to be there until the command has ended, which is when release is called.
func bind(cmd *exec.Cmd) (release func()) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

//go:build unix

package file

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func TestTheHomeFolderOfUnix(t *testing.T) {
	if got := Home(func(name string) string { return "/" + name }); got != "/HOME" {
		t.Errorf("got %s", got)
	}
}

// Each of these would hold a reader up, or never end.
func TestWhatBlocksOrNeverEndsIsNotRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)                                // the path of a socket may not be long
	socket, err := net.Listen("unix", "socket") //nolint:noctx // it is closed with the test
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, target := range []string{pipe, "socket", "/dev/zero", "/dev/tty", "/dev", "."} {
		link := filepath.Join(dir, "link")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{target, link} {
			_, _, err := Read(name, 1<<20)
			if !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s: got %v, want that it is not a regular file", name, err)
			}
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFileThatStatesNoSize(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's") //nolint:forbidigo // .ci/run says so
	}
	data, info, err := Read("/proc/self/stat", 1<<20)
	if err != nil || len(data) == 0 || info.Size() != 0 {
		t.Fatalf("got %d bytes, %v, %v", len(data), info, err)
	}
	if data, _, err := Read("/proc/self/mem", 1<<20); !errors.Is(err, syscall.EIO) || data != nil {
		t.Errorf("a file that cannot be read: got %d bytes, %v", len(data), err)
	}
	_, _, err = Read("/proc/self/stat", int64(len(data)/2))
	if _, ok := errors.AsType[*TooLargeError](err); !ok {
		t.Errorf("got %v, want that it is too large", err)
	}
}

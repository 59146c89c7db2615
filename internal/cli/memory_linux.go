package cli

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
)

// releaseStartup gives back the memory that only the start has needed: the heap of it, and the pages of the
// program file, most of which initialization touches once. What is used again comes back from the page cache.
// If any of it cannot be done, nothing is lost.
func releaseStartup() {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()     //nolint:errcheck // only read
	var from, size uintptr // of the part of the program that cannot be written, 0 for any other mapping
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		var begin, end uintptr
		var mode, anonymous string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &mode); n == 3 {
			from, size = begin, 0
			if mode[1] == '-' && strings.HasSuffix(line, " "+program) {
				size = end - begin
			}
		}
		// What the loader has relocated is not as in the file, though it cannot be written any more.
		if n, _ := fmt.Sscanf(line, "Anonymous: %s", &anonymous); n == 1 && anonymous == "0" && size > 0 {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, size, syscall.MADV_DONTNEED)
		}
	}
}

package soak

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// memory is what belongs to the process alone now, in bytes. The text of the program is shared by all that run it.
func memory(t *testing.T, pid int) int { return sizeOf(t, pid, "RssAnon:") }

// peak is the most memory that the process ever had.
func peak(t *testing.T, pid int) int { return sizeOf(t, pid, "VmHWM:") }

// sizeOf is a field of the process's status, in bytes.
func sizeOf(t *testing.T, pid int, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if rest, found := bytes.CutPrefix(line, []byte(field)); found {
			kilobytes, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("process %d has no memory", pid)
	return 0
}

// descriptors is how many files and connections the process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func megabytes(bytes int) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

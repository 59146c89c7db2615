package soak

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestTheStartInitializesLittle: every open editor starts the program, so that a session does without tables and regular
// expressions of other commands. Memory stands for time here, which depends on the machine.
func TestTheStartInitializesLittle(t *testing.T) {
	const (
		mostOfOurs = 16 << 10 // bytes that one of our packages may take
		mostOfAll  = 384 << 10
	)
	cmd := exec.CommandContext(t.Context(), built, "version")
	cmd.Env = append(scratch(t.TempDir()), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	all, packages := 0, 0
	for line := range strings.Lines(trace.String()) {
		var name string
		var at, took float64
		var size int
		if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes", &name, &at, &took, &size); n != 4 {
			continue
		}
		packages++
		all += size
		if strings.Contains(name, "leadmagic-mcp-proxy") && size > mostOfOurs {
			t.Errorf("%s takes %d bytes at the start, more than %d", name, size, mostOfOurs)
		}
	}
	if packages < 10 {
		t.Fatalf("the trace is\n%s", trace.String())
	}
	if all > mostOfAll {
		t.Errorf("all packages take %d bytes at the start, more than %d:\n%s", all, mostOfAll, trace.String())
	}
}

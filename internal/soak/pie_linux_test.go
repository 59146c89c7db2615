package soak

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestAPositionIndependentBuild runs the program as distributions build it: what the loader has relocated must not be
// given back to the system with the memory of the start.
func TestAPositionIndependentBuild(t *testing.T) {
	if !*long {
		t.Skip("it builds the standard library once more: -long") //nolint:forbidigo // .ci/nightly runs it
	}
	pie := filepath.Join(t.TempDir(), "pie")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildmode=pie", "-o", pie, "../..").CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	s := startSandbox(t, faults.Options{})
	p := prepare(t, at(s))
	p.cmd.Path = pie
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	e := openEditor(t, p, withSessions)
	before := memory(t, p.cmd.Process.Pid)
	eventually(t, "the memory of the start is given back", func() bool { return memory(t, p.cmd.Process.Pid) < before*3/4 })
	works(t, e, s)
}

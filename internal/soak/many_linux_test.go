package soak

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestFiftySideBySide has as many sessions as a team's machine may have windows.
func TestFiftySideBySide(t *testing.T) {
	const programs, calls = 50, 20
	s := startSandbox(t, faults.Options{})
	editors := make([]*editor, programs)
	begun := time.Now()
	var starts sync.WaitGroup
	for i := range editors {
		p := start(t, at(s))
		starts.Go(func() { editors[i] = openEditor(t, p, []string{withSessions, stateless}[i%2]) })
	}
	starts.Wait()
	ready := time.Since(begun)
	if t.Failed() {
		return
	}
	var work sync.WaitGroup
	for i, e := range editors {
		work.Go(func() {
			for j := range calls {
				l := lookup(i*calls + j)
				a, err := e.await(t.Context(), e.call(l.tool(), l.arguments()))
				if err != nil {
					t.Errorf("call %d: %v", l, err)
				} else if o, _, err := l.classify(a); o != succeeded || err != nil {
					t.Errorf("call %d: %v %s", l, err, a.text())
				}
			}
		})
	}
	work.Wait()
	resident := 0
	for _, e := range editors {
		resident += memory(t, e.cmd.Process.Pid)
	}
	for _, e := range editors {
		e.close()
	}
	record := newLedger()
	if err := record.add(s.Calls()); err != nil {
		t.Fatal(err)
	}
	for i := range programs * calls {
		if got := record.times[lookup(i).domain()]; got != 1 {
			t.Errorf("call %d was carried out %d times", i, got)
		}
	}
	if left := s.Sessions(); left != 0 {
		t.Errorf("LeadMagic still keeps %d sessions", left)
	}
	t.Logf("%d sessions open after %.1f s; %d calls; memory %s each", programs, ready.Seconds(), programs*calls, megabytes(resident/programs))
}

// TestAKillAtAnyMomentOfTheStart starts the program again and again and kills it after a random time: editors do.
// Neither a file may be left of it nor a process, of which one in four has a key command that would last for minutes.
func TestAKillAtAnyMomentOfTheStart(t *testing.T) {
	chosen := *seed
	if chosen == 0 {
		chosen = rand.Uint64()
	}
	t.Logf("repeat it with %s", command(t, chosen))
	random := rand.New(rand.NewPCG(chosen, 0))
	s := startSandbox(t, faults.Options{})
	ends := make(map[string]int)
	for i := range pick(40, 100) {
		with := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}[random.IntN(4)]
		home := t.TempDir()
		p := prepare(t, at(s))
		p.cmd.Env = append(scratch(home), at(s)...)
		if i%4 == 3 {
			p.cmd.Env = append(scratch(home), at(s)[1:]...)
			command := "sleep 300"
			if with != syscall.SIGKILL { // who is killed takes the command along, but nothing that the command has started
				command = "sh -c 'sleep 300; exit'"
			}
			p.cmd.Env = append(p.cmd.Env, "LEADMAGIC_API_KEY_COMMAND="+command)
		}
		p.cmd.Dir = home
		// All that the program starts holds the write end too; the read end is at its end when none of them is left.
		living, held, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p.cmd.ExtraFiles = []*os.File{held}
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = held.Close()
		t.Cleanup(func() { _ = p.cmd.Process.Kill() })
		if _, err := io.WriteString(p.stdin, hello); err != nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(time.Duration(random.IntN(40_000)) * time.Microsecond):
		case <-t.Context().Done():
		}
		if err := p.cmd.Process.Signal(with); err != nil {
			t.Fatal(err)
		}
		hangs := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
		_, _ = io.Copy(io.Discard, p.lines)
		p.wait()
		p.awaitEnd()
		if !hangs.Stop() {
			t.Fatalf("%v does not end it", with)
		}
		ends[p.cmd.ProcessState.String()]++
		if err := living.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, living); err != nil {
			t.Fatalf("a process outlives the program after %v: %v", with, err)
		}
		_ = living.Close()
		if left := files(t, home); len(left) > 0 {
			t.Errorf("the start has left %v behind", left)
		}
	}
	t.Logf("how they ended: %v", ends)
	// LeadMagic is none the worse for it.
	e := openEditor(t, start(t, at(s)), withSessions)
	if a, err := e.await(t.Context(), e.call(lookup(0).tool(), lookup(0).arguments())); err != nil || a.failed() {
		t.Errorf("after that a call fails: %v %s", err, a.text())
	}
	e.close()
}

// files are those below a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

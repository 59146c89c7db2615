package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestMemoryStaysFlat makes many calls, and looks at memory and descriptors after each fortieth of them.
func TestMemoryStaysFlat(t *testing.T) {
	calls := pick(6000, 100_000)
	for _, version := range []string{withSessions, stateless} {
		t.Run(version, func(t *testing.T) {
			s := startSandbox(t, faults.Options{TestTools: true})
			e := openEditor(t, start(t, at(s)), version)
			pid := e.cmd.Process.Pid
			before := descriptors(t, pid)
			const side, steps = 16, 40
			var resident, open []int
			begun := time.Now()
			for step := range steps {
				echo(t, e, side, step*calls/steps, calls/steps)
				resident = append(resident, memory(t, pid))
				open = append(open, descriptors(t, pid))
			}
			took := time.Since(begun)
			// One look may fall into a dip behind a collection, so that a fifth of the calls is the highest of five looks around.
			settled := slices.Max(resident[steps/5-3 : steps/5+2])
			high := slices.Max(resident[steps/5+2:])
			if float64(high) > 1.1*float64(settled)+2e6 {
				t.Errorf("memory grew from %s after a fifth of the calls to %s; it was %v", megabytes(settled), megabytes(high), resident)
			}
			// A call is answered before its connection is free, so that the next one side by side may need another, or some more on a
			// busy machine.
			if most := slices.Max(open); most > before+4*side {
				t.Errorf("%d descriptors are open, %d were", most, before)
			}
			if got := s.CallCount(); got != calls {
				t.Errorf("%d calls were carried out, want %d", got, calls)
			}
			if *long {
				// Idle connections live for half a minute.
				eventually(t, "idle connections are closed", func() bool { return descriptors(t, pid) <= before+1 })
			}
			e.close()
			t.Logf("%d calls, %d side by side, in %.1f s: memory %s after a fifth, %s at most since; %d descriptors at first, %d at most",
				calls, side, took.Seconds(), megabytes(settled), megabytes(high), before, slices.Max(open))
		})
	}
}

// TestMemoryOfLargeResultsIsGivenBack: what large results have needed is the system's again soon after the last of them. Many
// side by side are all answered, and need no more than a few.
func TestMemoryOfLargeResultsIsGivenBack(t *testing.T) {
	const sideBySide = 100 // the first id of those calls, whose results are twice as large
	text := strings.Repeat("x", 32<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		if m.ID == nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		result := `{"protocolVersion":"2025-06-18","capabilities":{}}`
		if m.Method == "tools/call" {
			size := 16 << 20
			if id, _ := strconv.Atoi(string(m.ID)); id >= sideBySide {
				size = 32 << 20
			}
			result = `{"content":[{"type":"text","text":"` + text[:size] + `"}]}`
		}
		_, _ = fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", m.ID, result)
	}))
	t.Cleanup(server.Close)
	p := start(t, []string{"LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=" + server.URL})
	say := func(id int, method, params string) {
		t.Helper()
		if _, err := fmt.Fprintf(p.stdin, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params); err != nil {
			t.Fatal(err)
		}
	}
	answer := func() (length int) {
		t.Helper()
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return len(line)
	}
	say(0, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"0"}}`)
	answer()
	const call = `{"name":"find_work_email","arguments":{}}`
	for id := range 11 {
		say(id+1, "tools/call", call)
		answer()
	}
	const most = 24 << 20
	eventually(t, "the memory is given back", func() bool { return memory(t, p.cmd.Process.Pid) <= most })
	for id := range 30 {
		say(sideBySide+id, "tools/call", call)
	}
	for range 30 {
		if got := answer(); got < len(text) {
			t.Errorf("got an answer of %d bytes", got)
		}
	}
	if got := peak(t, p.cmd.Process.Pid); got > 900<<20 {
		t.Errorf("got a peak of %s", megabytes(got))
	}
	_ = p.stdin.Close()
	p.wait()
}

// echo makes calls numbered from first on, some side by side, and checks that each has its own answer.
func echo(t *testing.T, e *editor, side, first, calls int) {
	t.Helper()
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range side {
		workers.Go(func() {
			for number := range numbers {
				a, err := e.await(t.Context(), e.call("echo", fmt.Sprintf(`{"n":%d}`, number)))
				var got struct{ N int }
				if err == nil {
					err = json.Unmarshal(a.Result.Structured, &got)
				}
				if err != nil || got.N != number {
					t.Errorf("call %d: %v, answered with that of %d: %s", number, err, got.N, a.text())
				}
			}
		})
	}
	for number := first; number < first+calls && !t.Failed(); number++ {
		numbers <- number
	}
	close(numbers)
	workers.Wait()
}

// TestNothingRunsOn has the whole program in this process, so that what it leaves running can be counted.
func TestNothingRunsOn(t *testing.T) {
	for _, version := range []string{withSessions, stateless} {
		t.Run(version, func(t *testing.T) {
			s := startSandbox(t, faults.Options{TestTools: true})
			before := runtime.NumGoroutine()
			descriptorsBefore := descriptors(t, os.Getpid())
			e := openEditor(t, inside(t, s), version)
			echo(t, e, 8, 0, 200)
			// What the first have started is what all others get along with.
			early := runtime.NumGoroutine()
			echo(t, e, 8, 200, pick(800, 99_800))
			eventually(t, "no goroutine is left of any call", func() bool { return runtime.NumGoroutine() <= early+8 })
			e.close()
			s.Close()
			eventually(t, "no goroutine is left of the session", func() bool { return runtime.NumGoroutine() <= before })
			eventually(t, "no descriptor is left of the session", func() bool { return descriptors(t, os.Getpid()) <= descriptorsBefore })
		})
	}
}

// inside runs the program in this process, over pipes.
func inside(t *testing.T, s *faults.Server) *program {
	t.Helper()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	variables := at(s)
	env := &cli.Env{
		Getenv: func(name string) string {
			for _, v := range variables {
				if value, found := strings.CutPrefix(v, name+"="); found {
					return value
				}
			}
			return ""
		},
		Environ: func() []string { return variables },
		Stdin:   in, Stdout: out, Stderr: io.Discard,
		Version: "test",
	}
	p := inProcess(t, stdin, stdout)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		if code := cli.Run(ctx, env, []string{}); code != 0 {
			p.err = fmt.Errorf("exit code %d", code)
		}
		_ = out.Close()
		_ = in.Close()
	}()
	return p
}

package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A weather is a LeadMagic to which things happen: a sandbox in a process of its own, at one address through all its lives.
type weather struct {
	t       *testing.T
	draw    *rand.Rand
	begun   time.Time
	address string
	book    *ledger
	counts  map[string]int // of what has happened
	lives   int
	balance float64 // left in all lives together

	cmd    *exec.Cmd // of the present life
	stdout *bufio.Reader
}

func startWeather(t *testing.T, draw *rand.Rand) *weather {
	t.Helper()
	w := &weather{t: t, draw: draw, begun: time.Now(), address: "127.0.0.1:0", book: newLedger(), counts: make(map[string]int)}
	w.rise()
	return w
}

func (w *weather) env() []string {
	return []string{"LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=http://" + w.address + "/mcp"}
}

// rise starts a life.
func (w *weather) rise() {
	w.t.Helper()
	w.cmd = exec.Command(os.Args[0]) //nolint:noctx // set ends it
	w.cmd.Env = append(scratch(w.t.TempDir()), roleVariable+"=sandbox", partVariable+"="+w.address)
	w.cmd.Stderr = os.Stderr
	stdout, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	process := w.cmd.Process
	w.t.Cleanup(func() { _ = process.Kill() })
	w.stdout = bufio.NewReader(stdout)
	line, err := w.stdout.ReadString('\n')
	if err != nil {
		w.t.Fatalf("starting a sandbox: %v", err)
	}
	w.address = strings.TrimSpace(line)
	w.lives++
}

// set ends a life in order, and enters what it has carried out into the book.
func (w *weather) set() {
	w.t.Helper()
	w.signal(syscall.SIGTERM)
	text, err := io.ReadAll(w.stdout)
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil {
		err = w.book.add(r.Calls, r.Count, r.Charged)
	}
	if err == nil {
		err = w.cmd.Wait()
	}
	if err != nil {
		w.t.Fatalf("ending a sandbox: %v", err)
	}
	w.balance += r.Balance
}

func (w *weather) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// happen has one thing happen, drawn by lot.
func (w *weather) happen() {
	w.t.Helper()
	fault := func(name, format string, args ...any) {
		w.note(name)
		w.control(http.MethodPost, "faults", fmt.Sprintf(format, args...))
	}
	times := 1 + w.draw.IntN(5)
	carried := w.draw.IntN(2) == 0
	switch w.draw.IntN(12) {
	case 0:
		down := w.upTo(1500)
		w.note("restart", down)
		w.set()
		w.pass(down)
		w.rise()
	case 1, 2:
		frozen := w.upTo(3000)
		w.note("freeze", frozen)
		w.signal(syscall.SIGSTOP)
		w.pass(frozen)
		w.signal(syscall.SIGCONT)
	case 3, 4:
		w.note("lose sessions")
		w.control(http.MethodDelete, "sessions", "")
	case 5:
		fault("lose sessions with 400", `{"kind":"lost-session","rpc":"tools/call","status":400,"times":1}`)
	case 6:
		fault("rate limit", `{"kind":"status","rpc":"tools/call","status":429,"retry_after":"1","times":%d}`, times)
	case 7:
		fault("unavailable", `{"kind":"status","rpc":"tools/call","status":503,"times":%d,"carried":%t}`, times, carried)
	case 8:
		fault("cut before the answer", `{"kind":"cut","rpc":"tools/call","times":%d,"carried":%t}`, times, carried)
	case 9:
		fault("cut in the answer", `{"kind":"cut-stream","rpc":"tools/call","times":%d}`, times)
	case 10:
		fault("cut in an answer that goes on", `{"kind":"cut-stream","rpc":"tools/call","times":%d,"ids":true,"retry":"50ms","cuts":%d}`, times, 1+w.draw.IntN(3))
	case 11:
		fault("half an answer", `{"kind":"truncate","rpc":"tools/call","times":%d}`, times)
	}
}

// clear ends all that is still to happen.
func (w *weather) clear() { w.control(http.MethodDelete, "faults", "") }

// control uses the sandbox's control path.
func (w *weather) control(method, path, body string) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.address+"/_sandbox/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		w.t.Fatalf("%s %s: %s %s", method, path, res.Status, text)
	}
}

func (w *weather) note(what string, took ...time.Duration) {
	w.counts[what]++
	w.t.Logf("%7.2f s  %s %v", time.Since(w.begun).Seconds(), what, took)
}

func (w *weather) upTo(milliseconds int) time.Duration {
	return time.Duration(w.draw.IntN(milliseconds)) * time.Millisecond
}

// pass lets time pass, which is what happens meanwhile.
func (w *weather) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
	}
}

package soak

import (
	"fmt"
	"syscall"
	"time"
)

// happen has one thing happen, drawn by lot.
func (w *weather) happen() {
	w.t.Helper()
	switch w.draw.IntN(14) {
	case 0:
		down := w.upTo(pick(300*time.Millisecond, 1500*time.Millisecond))
		w.note("restart", down)
		w.set()
		w.pass(down)
		w.rise()
	case 1, 2:
		frozen := w.upTo(pick(500*time.Millisecond, 3*time.Second))
		if *long && w.draw.IntN(20) == 0 {
			frozen = 40 * time.Second // the programs find out that nobody is there
		}
		w.note("freeze", frozen)
		w.signal(syscall.SIGSTOP)
		w.pass(frozen)
		w.signal(syscall.SIGCONT)
	case 3, 4:
		w.note("lose sessions")
		w.tell("lose-sessions")
	case 5:
		w.note("lose sessions with 400")
		w.tell(`fault {"kind":"lost-session","rpc":"tools/call","status":400,"times":1}`)
	case 6:
		w.note("new key")
		w.cutKey() // first: between the two the old one is as good
		w.tell("key " + w.part.Key)
	case 7, 8:
		w.strike("rate limit", `"kind":"status","status":429,"retry_after":"1"`)
	case 9:
		w.strike("unavailable", `"kind":"status","status":503,"carried":%t`, w.draw.IntN(2) == 0)
	case 10:
		w.strike("cut before the answer", `"kind":"cut","carried":%t`, w.draw.IntN(2) == 0)
	case 11:
		w.strike("cut in the answer", `"kind":"cut-stream"`)
	case 12:
		w.strike("cut in an answer that goes on", `"kind":"cut-stream","ids":true,"retry":"50ms"`)
		if again := w.draw.IntN(3); again > 0 { // the resumed streams too
			w.tell(fmt.Sprintf(`fault {"method":"GET","kind":"cut-stream","ids":true,"retry":"50ms","times":%d}`, again))
		}
	case 13:
		w.strike("half an answer", `"kind":"truncate"`)
	}
}

// strike arms a fault for the next few calls of the hosted server or of the REST API.
func (w *weather) strike(name, format string, args ...any) {
	w.t.Helper()
	what := []string{`"rpc":"tools/call"`, `"path":"/v1/people"`}[w.draw.IntN(2)]
	w.note(name)
	w.tell(fmt.Sprintf(`fault {%s,"times":%d,`+format+`}`, append([]any{what, 1 + w.draw.IntN(5)}, args...)...))
}

// clear ends all that is still to happen.
func (w *weather) clear() { w.tell("clear") }

func (w *weather) note(what string, took ...time.Duration) {
	w.counts[what]++
	if len(took) > 0 {
		w.t.Logf("%7.2f s  %s, %.2f s", time.Since(w.begun).Seconds(), what, took[0].Seconds())
		return
	}
	w.t.Logf("%7.2f s  %s", time.Since(w.begun).Seconds(), what)
}

func (w *weather) upTo(d time.Duration) time.Duration { return time.Duration(w.draw.Int64N(int64(d))) }

// pass lets time pass, which is what happens meanwhile.
func (w *weather) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
	}
}

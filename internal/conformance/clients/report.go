package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A report is the testing.T of a run that is no Go test: what it needs are programs that only a script installs. It
// implements [testscript.T].
type report struct {
	name   string
	out    io.Writer
	broken atomic.Bool
}

func (r *report) failed() bool { return r.broken.Load() }

// Run implements [testscript.T]. Scripts run one after the other: clients are heavy, and their times are told.
func (r *report) Run(name string, script func(testscript.T)) {
	child := &report{name: name, out: r.out}
	begun := time.Now()
	ended := make(chan struct{})
	go func() { // which FailNow ends
		defer close(ended)
		script(child)
	}()
	<-ended
	verdict := "ok"
	if child.failed() {
		verdict = "FAILED"
		r.broken.Store(true)
	}
	fmt.Fprintf(r.out, "%s: %s, %.1f s\n", name, verdict, time.Since(begun).Seconds())
}

// FailNow implements [testscript.T].
func (r *report) FailNow() {
	r.broken.Store(true)
	runtime.Goexit()
}

// Fatal implements [testscript.T].
func (r *report) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

// Skip implements [testscript.T]. Nothing may be left out.
func (r *report) Skip(args ...any) { r.Fatal(append([]any{"skipped: "}, args...)...) }

// Log implements [testscript.T]. A script that passes has nothing to say.
func (r *report) Log(args ...any) {
	if text := fmt.Sprint(args...); r.failed() || strings.Contains(text, "FAIL") {
		fmt.Fprintln(r.out, text)
	}
}

// Parallel implements [testscript.T].
func (r *report) Parallel() {}

// Verbose implements [testscript.T].
func (r *report) Verbose() bool { return false }

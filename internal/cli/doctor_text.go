package cli

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/doctor"
)

// marks are the colours of the outcomes on a terminal.
var marks = map[doctor.Status]string{
	doctor.OK:      "\x1b[32m",
	doctor.Warn:    "\x1b[33m",
	doctor.Fail:    "\x1b[31m",
	doctor.Skipped: "\x1b[2m",
}

// colours reports whether the output is to be coloured. Source: no-color.org.
func colours(env *Env) bool {
	if env.Getenv("NO_COLOR") != "" || env.Getenv("TERM") == "dumb" || !isTerminal(env.Stdout) {
		return false
	}
	return knowsColours(runtime.GOOS, env.Getenv)
}

// knowsColours reports whether a terminal does not show the codes of colours themselves, as the older console of
// Windows does.
func knowsColours(goos string, getenv func(string) string) bool {
	return goos != "windows" || getenv("WT_SESSION") != "" || getenv("TERM") != ""
}

// writeReport prints a report for a person.
func writeReport(out io.Writer, report *doctor.Report, coloured bool) error {
	var b strings.Builder
	p := report.Program
	fmt.Fprintf(&b, "%s %s (unofficial), %s/%s\n", p.Name, p.Version, p.OS, p.Arch)
	width := 0
	for _, c := range report.Checks {
		width = max(width, len(title(c)))
	}
	var stage doctor.Stage
	for _, c := range report.Checks {
		if c.Stage != stage {
			stage = c.Stage
			fmt.Fprintf(&b, "\n%s\n", stage)
		}
		status := fmt.Sprintf("%-7s", c.Status)
		if coloured {
			status = marks[c.Status] + status + "\x1b[0m"
		}
		fmt.Fprintf(&b, "  %s  %-*s  %s\n", status, width, title(c), c.Detail)
		if c.Hint != "" {
			fmt.Fprintf(&b, "  %7s  %-*s  hint: %s\n", "", width, "", c.Hint)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", verdict(report))
	_, err := io.WriteString(out, b.String())
	return err
}

// title is what a check is called in a list of many.
func title(c doctor.Check) string {
	if c.Editor != "" {
		return c.Editor + " " + c.Name
	}
	return c.Name
}

func verdict(report *doctor.Report) string {
	var parts []string
	if n := report.Summary.Fail; n > 0 {
		parts = append(parts, count(n, "thing")+" to fix")
	} else {
		parts = append(parts, "healthy")
	}
	if n := report.Summary.Warn; n > 0 {
		parts = append(parts, count(n, "warning"))
	}
	return strings.Join(parts, ", ")
}

// writeSupport prints the block for a support request, fenced as Markdown has it.
func writeSupport(out io.Writer, report *doctor.Report) error {
	if _, err := fmt.Fprintln(out, "```text"); err != nil {
		return err
	}
	if err := writeReport(out, report, false); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "```")
	return err
}

// A spinner says on a terminal what is waited for.
type spinner struct {
	out io.Writer // nil: nobody looks

	mu    sync.Mutex
	shown int
}

func newSpinner(env *Env) *spinner {
	if isTerminal(env.Stderr) && env.Getenv("TERM") != "dumb" {
		return &spinner{out: env.Stderr}
	}
	return &spinner{}
}

// say replaces what was said before.
func (s *spinner) say(what string) {
	if s.out == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	line := what + " …"
	fmt.Fprint(s.out, "\r"+line+strings.Repeat(" ", max(0, s.shown-len(line))))
	s.shown = len(line)
}

func (s *spinner) clear() {
	if s.out == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.out, "\r"+strings.Repeat(" ", s.shown)+"\r")
	s.shown = 0
}

package doctor

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// format is the number of the report's JSON form. It changes when a member is renamed, removed or means something
// else; new members, stages and checks do not change it.
const format = 1

// A Report is what was found. Its JSON form is stable. It never holds a key; the home folder is
// shortened to ~, and the current one to a dot.
type Report struct {
	Format  int     `json:"format"`
	Healthy bool    `json:"healthy"` // no check has failed
	Program Program `json:"program"`
	Summary Summary `json:"summary"`
	Checks  []Check `json:"checks"` // in the order of the path
}

// A Program is what made the report.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// A Summary counts the checks by their outcome.
type Summary struct {
	OK      int `json:"ok"`
	Warn    int `json:"warn"`
	Fail    int `json:"fail"`
	Skipped int `json:"skipped"`
}

func (d *Doctor) report(checks []Check) *Report {
	r := &Report{
		Format:  format,
		Program: Program{Name: editor.Program, Version: d.Version, OS: d.System.GOOS, Arch: runtime.GOARCH},
		Checks:  checks,
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Name, c.Detail, c.Hint = d.tidy(c.Name), d.tidy(c.Detail), d.tidy(c.Hint)
		switch c.Status {
		case OK:
			r.Summary.OK++
		case Warn:
			r.Summary.Warn++
		case Fail:
			r.Summary.Fail++
		case Skipped:
			r.Summary.Skipped++
		}
	}
	r.Healthy = r.Summary.Fail == 0
	return r
}

// maxText keeps what others say to what a person reads.
const maxText = 500

// tidy makes a text one line that may be shown to anybody: without control characters, keys and the name of the home
// folder. Much of it was written by others: servers, editors, config files.
func (d *Doctor) tidy(s string) string {
	s = keyscan.Hide(d.Keys.Redact(problem.PrintableLine(s, 0)))
	for _, f := range d.folders() {
		s = f.shorten(s)
	}
	return problem.PrintableLine(s, maxText)
}

// A folder has a name that is shorter than its path, and tells less of the user.
type folder struct{ path, name string }

// folders are the home folder and the current one, the longer path first: one may be part of the other.
func (d *Doctor) folders() []folder {
	var folders []folder
	add := func(path, name string) {
		// On Windows either sign stands between names.
		folders = append(folders, folder{path, name}, folder{filepath.ToSlash(path), name})
	}
	for _, home := range d.Homes {
		add(home, "~")
	}
	add(d.System.Folder, ".")
	slices.SortStableFunc(folders, func(a, b folder) int { return len(b.path) - len(a.path) })
	return folders
}

// shorten writes the folder's name, wherever s names it or something in it.
func (f folder) shorten(s string) string {
	path := strings.TrimRight(f.path, `/\`)
	if path == "" {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, path)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if after != "" && isName(after[0]) || before != "" && isName(before[len(before)-1]) {
			b.WriteString(path) // part of another folder's name
		} else {
			b.WriteString(f.name)
		}
		s = after
	}
}

// isName reports whether c may be part of a file's name.
func isName(c byte) bool {
	return c >= 0x80 || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.IndexByte("-_.", c) >= 0
}

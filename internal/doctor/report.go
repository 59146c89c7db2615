package doctor

import (
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

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
		if d.System.GOOS == "windows" {
			c.Hint = forPowerShell(c.Hint)
		}
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

// forPowerShell has the variable that a hint ends with set as PowerShell does it.
func forPowerShell(hint string) string {
	before, assignment, found := strings.Cut(hint, "export ")
	if !found {
		return hint
	}
	name, value, _ := strings.Cut(assignment, "=")
	return before + "$env:" + name + "='" + strings.Trim(value, "'") + "'"
}

// maxText keeps what others say to what a person reads.
const maxText = 500

// tidy makes a text one line that may be shown to anybody: without control characters, keys and the name of the home
// folder. Much of it was written by others: servers, editors, config files.
func (d *Doctor) tidy(s string) string {
	return problem.PrintableLine(d.shorten(keyscan.Hide(d.Keys.Redact(problem.PrintableLine(s, 0)))), maxText)
}

// shorten writes ~ for the home folder and a dot for the current one, wherever s names them or something in them.
func (d *Doctor) shorten(s string) string {
	type folder struct{ path, name string }
	folders := []folder{{d.System.Folder, "."}}
	for _, home := range d.Homes {
		folders = append(folders, folder{home, "~"})
	}
	// The longer path first: one may be part of the other.
	slices.SortStableFunc(folders, func(a, b folder) int { return len(b.path) - len(a.path) })
	for _, f := range folders {
		path := strings.TrimRight(filepath.ToSlash(f.path), `/\`)
		if path == "" {
			continue
		}
		const other = `[^\pL\pN._-]`                                    // than what may be part of a name
		path = strings.ReplaceAll(regexp.QuoteMeta(path), "/", `[/\\]`) // on Windows either sign stands between names
		named := regexp.MustCompile(`(^|` + other + `)` + path + `($|` + other + `)`)
		for range 2 { // one that begins where another ends is found the second time
			s = named.ReplaceAllString(s, "${1}"+f.name+"${2}")
		}
	}
	return s
}

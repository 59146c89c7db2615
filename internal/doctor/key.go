package doctor

import (
	"context"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
)

// key looks for the key as a session does. The error says that there is none.
func (d *Doctor) key(ctx context.Context) ([]Check, error) {
	n := &notes{stage: atKey}
	d.progress("looking for the key")
	_, err := d.Keys.Get(ctx)
	report := d.Keys.Describe()
	if err != nil {
		what, next := words(err)
		if advice := report.Advice(""); advice != "" {
			next = advice
		}
		n.fail("source", what, next)
		return n.checks, err
	}
	n.ok("source", "%s", strings.Join(append([]string{report.Source}, besides(report)...), "; "))
	if report.Odd {
		n.warn("form", "it does not begin with "+auth.Prefix+" as LeadMagic's keys do; it is sent all the same",
			"compare it with the one at app.leadmagic.io, Settings → API")
	} else {
		n.ok("form", "as LeadMagic's keys are")
	}
	for _, warning := range report.Warnings() {
		what, fix, _ := strings.Cut(warning, ": ")
		n.warn("file", what, fix)
	}
	return n.checks, nil
}

// besides are the sources that have no say.
func besides(report auth.Report) []string {
	var others []string
	if report.Hidden != "" {
		others = append(others, "the one from "+report.Hidden+" is not used")
	}
	for _, s := range report.Sources {
		if s.State == auth.Unset && s.Note != "" {
			others = append(others, s.Name+" "+s.Note+" and is passed over")
		}
	}
	return others
}

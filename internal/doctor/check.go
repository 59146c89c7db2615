package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Stage is a part of the path.
type Stage string

// The stages, in the order in which a message meets them.
const (
	atEnvironment Stage = "environment" // the program and its settings
	atKey         Stage = "key"         // where the key comes from
	atOrigin      Stage = "origin"      // where it may go
	atNetwork     Stage = "network"     // name, connection and TLS
	atAcceptance  Stage = "acceptance"  // whether LeadMagic takes it
	atSession     Stage = "session"     // what an editor gets
	atTools       Stage = "tools"       // what a model gets
	atEditors     Stage = "editors"     // what each editor would start, and with which key
	atFiles       Stage = "files"       // keys where none should stand
)

// A Status is how a check came out.
type Status string

// The outcomes of a check. Only Fail makes a report unhealthy.
const (
	OK      Status = "ok"
	Warn    Status = "warn"    // it works, and something is not right
	Fail    Status = "fail"    // something to fix
	Skipped Status = "skipped" // it was not looked at, or there is nothing to look at
)

// A Check is one thing that was looked at. Detail and Hint are one line each.
type Check struct {
	Stage Stage `json:"stage"`
	// Editor is the id of the editor it is about, empty if none.
	Editor string `json:"editor,omitempty"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	// Hint is what to do about it, empty if nothing.
	Hint string `json:"hint,omitempty"`
}

// notes are the checks of one stage, as they are made.
type notes struct {
	stage  Stage
	editor string
	checks []Check
}

func (n *notes) add(name string, status Status, detail, hint string) {
	n.checks = append(n.checks, Check{Stage: n.stage, Editor: n.editor, Name: name, Status: status, Detail: detail, Hint: hint})
}

func (n *notes) ok(name, format string, args ...any) {
	n.add(name, OK, fmt.Sprintf(format, args...), "")
}

func (n *notes) warn(name, detail, hint string) { n.add(name, Warn, detail, hint) }
func (n *notes) fail(name, detail, hint string) { n.add(name, Fail, detail, hint) }

func (n *notes) skip(why string, names ...string) {
	for _, name := range names {
		n.add(name, Skipped, why, "")
	}
}

// blame is a fault in the words of the part that met it.
func (n *notes) blame(name string, err error) {
	detail, hint := words(err)
	n.fail(name, detail, hint)
}

// words are what an error says and what to do about it.
func words(err error) (what, next string) {
	p := problem.As(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && (p == nil || p.Code == problem.Unreachable || p.Code == problem.Cut):
		return fmt.Sprintf("it took longer than %s", within), "try again later"
	case p == nil:
		return err.Error(), ""
	case p.Code == problem.Unreachable && p.Next == "":
		return p.What, "check the network, and whether a firewall or a company proxy is in the way"
	}
	// Who reads this has run doctor.
	what, next = p.What, strings.TrimSuffix(p.Fix(), "; leadmagic-mcp-proxy doctor finds the cause")
	if p.RequestID != "" {
		what += " (request " + p.RequestID + ")"
	}
	return what, next
}

package auth

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Report is what is known of the sources as they were last read. It never holds a key.
type Report struct {
	// Source has the key, and is empty if none has. Hidden is a source after it that also has one.
	Source, Hidden string
	// Odd says that the key does not look like those of LeadMagic.
	Odd bool
	// Waiting is the source that is being waited for.
	Waiting string
	Sources []Source
}

// Describe reports what the last reading found. It reads nothing itself.
func (k *Keys) Describe() Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.seen
	report := Report{Hidden: seen.hidden(), Waiting: k.waiting}
	for _, r := range seen {
		report.Sources = append(report.Sources, r.Source)
	}
	if first, _ := seen.decisive(); first != nil && first.State == Found {
		report.Source, report.Odd = first.Name, first.key.odd()
	}
	return report
}

// A Syntax is how an editor takes a variable. The zero value is that of an editor that is not known.
type Syntax struct {
	Editor string // its name
	// Entry is what to write into its configuration, where NAME stands for the variable. It is empty for an editor that
	// fills in no references.
	Entry string
}

// Advice says what to do when the last reading has found no key, in the syntax of the editor that is connected. It is empty
// where the problem says it itself or nothing is missing; then, and for an editor that is not known and nothing else to go by,
// the usual fix holds.
func (k *Keys) Advice(editor Syntax) string {
	k.mu.Lock()
	seen := k.seen
	k.mu.Unlock()
	if first, _ := seen.decisive(); first != nil || seen == nil {
		return ""
	}
	if name := k.nearMiss(); name != "" {
		return "name it " + NearestVariable(name) + " instead of " + name
	}
	for _, r := range seen {
		if r.Next != "" {
			return r.Next
		}
	}
	reference := slices.IndexFunc(Variables(), func(name string) bool { return unfilled(k.Getenv(name)) != "" })
	name := Variables()[max(reference, 0)]
	const login = "run: leadmagic-mcp-proxy login"
	switch {
	case editor.Editor == "" && reference < 0:
		return ""
	case editor.Editor == "":
		return "set " + name + " where the editor is started, refer to it as the editor wants it, or " + login
	case editor.Entry == "" && reference >= 0:
		return editor.Editor + " fills in no references: take it out of the configuration, then " + login
	case editor.Entry == "":
		return login + `; or write "env": {"` + fileVariable + `": "…"} with the path of a file in ` + editor.Editor
	}
	advice := "in " + editor.Editor + ", write " + strings.ReplaceAll(editor.Entry, "NAME", name)
	if !strings.Contains(editor.Entry, "${input:") { // an editor that asks needs no variable
		advice += " and set " + name + " where " + editor.Editor + " is started"
	}
	return advice + "; or " + login
}

// NoKey begins what is said where no source has a key; what each of them has instead follows.
const NoKey = "no LeadMagic API key is set: "

// problem says why there is no key.
func (k *Keys) problem(seen snapshot) *problem.Problem {
	if first, _ := seen.decisive(); first != nil {
		return first.problem()
	}
	var notes []string
	for _, r := range seen {
		if r.Note != "" {
			notes = append(notes, r.Name+" "+r.Note)
		}
	}
	if name := k.nearMiss(); name != "" {
		notes = append(notes, name+" is set, but the name is "+NearestVariable(name))
	}
	what := strings.TrimSuffix(NoKey, ": ")
	if len(notes) > 0 {
		what = NoKey + strings.Join(notes, "; ")
	}
	return problem.New(problem.KeyMissing, problem.NotSent, what, "")
}

// overdue says what was waited for when a caller could wait no longer.
func (k *Keys) overdue(cause error) *problem.Problem {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &problem.Problem{
		Code: problem.KeyMissing, Outcome: problem.NotSent, Cause: cause,
		What: "there is no LeadMagic API key yet: " + cmp.Or(k.waiting, "its source") + " has not answered",
		Next: "answer what it may be asking, then call again",
	}
}

// NearestVariable is the one of Variables for which another name is a near miss, or is empty.
func NearestVariable(name string) string {
	bare := strings.ToUpper(strings.NewReplacer("_", "", "-", "").Replace(name))
	has := func(part string) bool { return strings.Contains(bare, part) }
	secret := has("LEADMAGIC") && (has("KEY") || has("TOKEN") || has("SECRET"))
	switch {
	case slices.Contains(Variables(), name):
		return ""
	case !secret && !slices.Contains([]string{"LEADMAGICAPI", "LMAPIKEY", "LMKEY"}, bare):
		return ""
	case has("FILE"), has("PATH"):
		return fileVariable
	case has("COMMAND"), has("CMD"):
		return commandVariable
	}
	return variable
}

// nearMiss names a variable that is set and is almost ours, or is empty.
func (k *Keys) nearMiss() string {
	if k.Environ == nil {
		return ""
	}
	for _, entry := range k.Environ() {
		if name, value, _ := strings.Cut(entry, "="); NearestVariable(name) != "" && !isUnset(value) {
			return name
		}
	}
	return ""
}

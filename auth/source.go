package auth

import (
	"context"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// The variables that say what the key is, or where.
const (
	variable        = "LEADMAGIC_API_KEY"
	fileVariable    = "LEADMAGIC_API_KEY_FILE"
	commandVariable = "LEADMAGIC_API_KEY_COMMAND"
)

// The places where login keeps the key, as a user knows them.
const (
	privateName  = "the private file of login"
	keychainName = "the keychain of this system"
)

// State is what a source was found to be.
type State string

// The states of a source.
const (
	Unread State = "not read" // nobody asked it, or it has not answered
	Unset  State = "not set"  // it has nothing, or nothing that is a key
	Found  State = "has a key"
	Broken State = "unusable" // it has something that must not be passed over
)

// A Source is one place where a key may be, as it was last seen. It never holds the key.
type Source struct {
	Name  string
	State State
	// Note says more of a source without a key, and goes on after its name; so does Warning, of a source that
	// is used all the same.
	Note    string
	Warning string
}

// A reading is what a source held.
type reading struct {
	Source
	key     Key
	problem *problem.Problem // of a broken one
	// reference says that a variable holds a reference that nothing has filled in.
	reference bool
	// next is what to do about a source that is named and holds no key, empty where only the usual helps.
	next string
}

func (r reading) equal(other reading) bool { return r.Source == other.Source && r.key.Equal(other.key) }

func unread(name, note string) reading {
	return reading{Source: Source{Name: name, State: Unread, Note: note}}
}

func unset(name, note string) reading {
	return reading{Source: Source{Name: name, State: Unset, Note: note}}
}

// broken is a source that is set and gives no key.
func broken(name, note, fix string) reading {
	return reading{
		Source:  Source{Name: name, State: Broken, Note: note},
		problem: problem.New(problem.KeyMissing, problem.NotSent, "there is no LeadMagic API key: "+name+" "+note, fix),
	}
}

// advise adds to what is to be done about a source without a key.
func (r *reading) advise(next string) {
	if r.problem == nil {
		r.next += "; " + next
		return
	}
	said := *r.problem
	said.Next = said.Fix() + "; " + next
	r.problem = &said
}

// reading is what a source that holds this is read as. What it says of the source begins with lead.
func (f form) reading(name, lead string) reading {
	switch {
	case f.unset != "":
		return unset(name, lead+f.unset)
	case f.wrong != "":
		return reading{Source: Source{Name: name, State: Broken, Note: "has a key that " + f.wrong}, problem: f.problem(name)}
	}
	return reading{Source: Source{Name: name, State: Found}, key: f.key}
}

// A sighting is what the sources held, in their order.
type sighting []reading

// Where a source stands in a sighting. The private file comes before the keychain, since it costs nothing and
// asks nobody; login leaves a key in one of them alone.
const (
	inVariable = iota
	inFile
	inCommand
	inPrivate
	inKeychain
)

// first is the source that decides, nil if none does.
func (s sighting) first() *reading {
	for i := range s {
		if s[i].State == Found || s[i].State == Broken {
			return &s[i]
		}
	}
	return nil
}

// hidden names the first source behind the one that decides which has a key, or may have one.
func (s sighting) hidden() string {
	decided := false
	for _, r := range s {
		switch {
		case decided && (r.State == Found || r.State == Unread && r.Name == commandVariable):
			return r.Name
		case r.State == Found || r.State == Broken:
			decided = true
		}
	}
	return ""
}

// look reads the sources. Those that may ask a person are asked if none before them decides, and the keychain
// also after a rejected key, to say whether it has another.
func (k *Keys) look(ctx context.Context, rejected bool) sighting {
	if k.fixed != nil {
		return sighting{*k.fixed}
	}
	seen := k.glance()
	if seen[inCommand].State == Unread && seen[:inCommand].first() == nil {
		seen[inCommand] = k.readCommand(ctx)
	}
	if seen.first() == nil || rejected && seen.hidden() == "" {
		seen[inKeychain] = k.readKeychain(ctx)
	}
	return seen
}

// glance reads what costs nothing and asks nobody.
func (k *Keys) glance() sighting {
	command := unread(commandVariable, "")
	if line := k.Getenv(commandVariable); isUnset(line) {
		command = k.unsetVariable(commandVariable, line)
	}
	return sighting{
		inVariable: k.readVariable(),
		inFile:     k.readKeyFile(),
		inCommand:  command,
		inPrivate:  k.readPrivate(),
		inKeychain: unread(keychainName, ""),
	}
}

// readVariable reads LEADMAGIC_API_KEY.
func (k *Keys) readVariable() reading {
	raw := k.Getenv(variable)
	f := examine(raw)
	if f.unset != "" {
		return k.unsetVariable(variable, raw)
	}
	return f.reading(variable, "")
}

// isUnset reports whether a variable holds nothing, or a reference that nothing has filled in.
func isUnset(value string) bool {
	value = strings.TrimFunc(value, around)
	return value == "" || unfilled(value) != ""
}

// unsetVariable is a variable that holds nothing of use. One that is not there has nothing to be said of.
func (k *Keys) unsetVariable(name, value string) reading {
	if value == "" && !k.hasVariable(name) {
		return unset(name, "")
	}
	f := examine(value)
	r := f.reading(name, "")
	r.reference = f.reference
	return r
}

// hasVariable reports whether the environment has a variable, though it may be empty.
func (k *Keys) hasVariable(name string) bool {
	if k.Environ == nil {
		return false
	}
	for _, entry := range k.Environ() {
		if strings.HasPrefix(entry, name+"=") {
			return true
		}
	}
	return false
}

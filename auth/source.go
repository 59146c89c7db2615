package auth

import (
	"context"
	"slices"
	"strings"
	"time"

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

// Variables are the environment variables that say what the key is, or where.
func Variables() []string { return []string{variable, fileVariable, commandVariable} }

// State is what a source was found to be.
type State string

// The states of a source.
const (
	Unread State = "not read" // it was not asked, or has not answered
	Unset  State = "not set"  // it has nothing, or nothing that is a key
	Found  State = "has a key"
	Broken State = "unusable" // it has something that must not be ignored
)

// A Source is one place where a key may be, as it was last read. It never holds the key.
type Source struct {
	Name  string
	State State
	// Note says more of a source without a key, and goes on after its name; so does Warning, of a source that
	// is used all the same.
	Note    string
	Warning string
}

// A result is what reading a source has come to.
type result struct {
	Source
	key     Key
	problem *problem.Problem // of a broken one
	// reference says that a variable holds a reference that nothing has filled in.
	reference bool
	// next is what to do about a source that is named and holds no key, empty where only the usual helps.
	next string
}

func (r result) equal(other result) bool { return r.Source == other.Source && r.key.Equal(other.key) }

func unread(name, note string) result {
	return result{Source: Source{Name: name, State: Unread, Note: note}}
}

func unset(name, note string) result {
	return result{Source: Source{Name: name, State: Unset, Note: note}}
}

// broken is a source that is set and gives no key.
func broken(name, note, fix string) result {
	return result{
		Source:  Source{Name: name, State: Broken, Note: note},
		problem: problem.New(problem.KeyMissing, problem.NotSent, "there is no LeadMagic API key: "+name+" "+note, fix),
	}
}

// A snapshot is what the sources hold, in their order.
type snapshot []result

// decisive is the source that decides, nil if none does.
func (s snapshot) decisive() *result {
	for i := range s {
		if s[i].State == Found || s[i].State == Broken {
			return &s[i]
		}
	}
	return nil
}

// hidden names the first source behind the one that decides which has a key, or may have one.
func (s snapshot) hidden() string {
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

// sources read the places where a key may be, in the order in which they count. Where ask is not set, a source that may ask
// a person is not read. The private file comes before the keychain, since it costs nothing; login leaves a key in one of
// them alone.
func (k *Keys) sources() []func(ctx context.Context, ask bool) result {
	return []func(context.Context, bool) result{k.readVariable, k.readKeyFile, k.readCommand, k.readPrivate, k.readKeychain}
}

// look reads the sources. Those that may ask a person are asked if ask is set and none before them decides; the keychain also
// after a rejected key, to say whether it has another.
func (k *Keys) look(ctx context.Context, ask, rejected bool) snapshot {
	if k.only != nil {
		return snapshot{*k.only}
	}
	var seen snapshot
	sources := k.sources()
	for i, read := range sources {
		wanted := seen.decisive() == nil || rejected && i == len(sources)-1 && seen.hidden() == ""
		seen = append(seen, read(ctx, ask && wanted))
	}
	return seen
}

// readVariable reads LEADMAGIC_API_KEY.
func (k *Keys) readVariable(context.Context, bool) result { return k.examineVariable(variable) }

// examineVariable takes the value of a variable for a key. One that is not there has nothing to be said of.
func (k *Keys) examineVariable(name string) result {
	value := k.Getenv(name)
	is := func(entry string) bool { return strings.HasPrefix(entry, name+"=") }
	if value == "" && (k.Environ == nil || !slices.ContainsFunc(k.Environ(), is)) {
		return unset(name, "")
	}
	return examine(name, "", value)
}

// isUnset reports whether a variable holds nothing, or a reference that nothing has filled in.
func isUnset(value string) bool {
	value = strings.TrimFunc(value, around)
	return value == "" || unfilled(value) != ""
}

// slowPause is how long a source that may ask a person is left alone after it has answered.
const slowPause = 30 * time.Second

// An answer is that of a source that may ask a person.
type answer struct {
	done   chan struct{} // closed when the rest is there
	result result
	at     time.Time
	late   bool // somebody has stopped waiting for it; Keys.mu guards it
}

func (a *answer) isDone() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// await is the answer of a source that may ask a person, in last: the one that it gave less than 30 s ago, or a new one, for
// which it is asked only once. It is false if there is none before ctx ends or patience is over, or if that was so before.
func (k *Keys) await(ctx context.Context, last **answer, name string, patience time.Duration, read func() result) (result, bool) {
	k.mu.Lock()
	a := *last
	if a == nil || a.isDone() && time.Since(a.at) >= slowPause {
		a = &answer{done: make(chan struct{})}
		*last = a
		go func() {
			a.result, a.at = read(), time.Now()
			close(a.done)
		}()
	}
	if a.late && !a.isDone() {
		defer k.mu.Unlock()
		return result{}, false
	}
	k.waiting = name
	k.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = ""
	if a.late = !a.isDone(); a.late {
		return result{}, false
	}
	return a.result, true
}

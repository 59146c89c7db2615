package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
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
	// Next is what to do about either, empty where only the usual helps.
	Next string
}

// A result is what reading a source has come to.
type result struct {
	Source
	key Key
	// malformed says that a broken one holds a text that cannot be a key, of which its note says more.
	malformed bool
}

func (r result) equal(other result) bool { return r.Source == other.Source && r.key.Equal(other.key) }

// problem is that of a broken source.
func (r result) problem() *problem.Problem {
	if !r.malformed {
		return problem.New(problem.KeyMissing, problem.NotSent, "there is no LeadMagic API key: "+r.Name+" "+r.Note, r.Next)
	}
	from := ""
	if r.Name != "" {
		from = " from " + r.Name
	}
	return problem.New(problem.KeyMalformed, problem.NotSent, "the API key"+from+" "+r.Note, r.Next)
}

func unset(note string) result { return result{Source: Source{State: Unset, Note: note}} }

// broken is a source that is set and gives no key.
func broken(note, next string) result {
	return result{Source: Source{State: Broken, Note: note, Next: next}}
}

// A snapshot is what the sources hold, in their order.
type snapshot []result

// decisive is the source that decides, nil if none does, and those behind it.
func (s snapshot) decisive() (first *result, behind snapshot) {
	for i := range s {
		if s[i].State == Found || s[i].State == Broken {
			return &s[i], s[i+1:]
		}
	}
	return nil, nil
}

// hidden names the first source behind the one that decides which has a key, or may have one.
func (s snapshot) hidden() string {
	_, behind := s.decisive()
	for _, r := range behind {
		if r.State == Found || r.State == Unread && r.Name == commandVariable {
			return r.Name
		}
	}
	return ""
}

// A place is where a key may be.
type place struct {
	name string
	asks bool // reading it may ask a person; that is done in one goroutine at a time
	read func(ctx context.Context) result
}

// places are where a key may be, in the order in which they count. The private file comes before the keychain, since it costs
// nothing; login leaves a key in one of them alone.
func (k *Keys) places() []place {
	if k.only != nil {
		return []place{{k.only.Name, false, func(context.Context) result { return *k.only }}}
	}
	return []place{
		{variable, false, func(context.Context) result { return k.examineVariable(variable) }},
		{fileVariable, false, k.readKeyFile},
		{commandVariable, !isUnset(k.Getenv(commandVariable)), k.readCommand},
		{privateName, false, k.readPrivate},
		{keychainName, true, k.readKeychain},
	}
}

// look reads the sources. Those that may ask a person are asked if ask is set and none before them decides.
func (k *Keys) look(ctx context.Context, ask bool) snapshot {
	var seen snapshot
	for _, p := range k.places() {
		r := result{Source: Source{Name: p.name, State: Unread}}
		if first, _ := seen.decisive(); !p.asks || ask && first == nil {
			r = k.readPlace(ctx, p)
		}
		seen = append(seen, r)
	}
	return seen
}

func (k *Keys) readPlace(ctx context.Context, p place) result {
	if p.asks {
		k.waitFor(p.name)
		defer k.waitFor("")
	}
	r := p.read(ctx)
	r.Name = p.name
	return r
}

// waitFor notes the source that is being waited for.
func (k *Keys) waitFor(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = name
}

// examineVariable takes the value of a variable for a key. One that is not there has nothing to be said of.
func (k *Keys) examineVariable(name string) result {
	value := k.Getenv(name)
	is := func(entry string) bool { return strings.HasPrefix(entry, name+"=") }
	if value == "" && (k.Environ == nil || !slices.ContainsFunc(k.Environ(), is)) {
		return unset("")
	}
	return examine("", value)
}

// isUnset reports whether a variable holds nothing, or a reference that nothing has filled in.
func isUnset(value string) bool {
	return strings.TrimFunc(value, around) == "" || unfilled(value) != ""
}

// An answer is the last of a source that may ask a person, which is then left alone for slowPause.
type answer struct {
	result result
	at     time.Time
}

const slowPause = 30 * time.Second

func (a answer) counts() bool { return time.Since(a.at) < slowPause }

// maxFile is how much is read of what should be a key alone.
const maxFile = 64 << 10

// readKeyFile reads the file that LEADMAGIC_API_KEY_FILE names.
func (k *Keys) readKeyFile(context.Context) result {
	raw := k.Getenv(fileVariable)
	if isUnset(raw) {
		return k.examineVariable(fileVariable)
	}
	path := file.BelowHome(strings.TrimFunc(raw, around), k.Getenv)
	if _, err := os.Stat(path); err != nil && !filepath.IsAbs(path) {
		if strings.HasPrefix(path, Prefix) || isForeign(path) {
			return broken("holds a key and not the name of a file",
				"put the key into a file and the file's name there, or the key into "+variable)
		}
		return broken("names a file that is not there",
			"give its whole path: an editor starts servers in any folder")
	}
	return readFile("names a file that ", path)
}

// readPrivate reads the file that login --file has written.
func (k *Keys) readPrivate(context.Context) result {
	if path := k.store().Private(); path != "" {
		return readFile("", path)
	}
	return unset("")
}

// readFile reads a file with a key in it. What is said of it begins with lead.
func readFile(lead, path string) result {
	secret, mode, why, fix := readSecret(path)
	if why != "" {
		return broken(lead+why, fix)
	}
	r := examine(lead, secret)
	if r.State == Unset {
		r.Next = "write the key into " + path
	}
	if r.State == Found && runtime.GOOS != "windows" && mode&0o044 != 0 {
		r.Warning, r.Next = fmt.Sprintf("%scan be read by others (mode %04o)", lead, mode), "chmod 600 "+path
	}
	return r
}

// readSecret reads a file with a secret in it, or says of the file why it cannot be used, and what to do about that.
func readSecret(path string) (secret string, mode fs.FileMode, why, fix string) {
	path, _ = filepath.Abs(path) // none where the folder of this process is gone
	content, info, err := file.Read(path, maxFile)
	_, large := errors.AsType[*file.TooLargeError](err)
	switch {
	case errors.Is(err, file.ErrNotRegular):
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return "", 0, "is a folder", "name the file in it that holds the key"
		}
		return "", 0, "is not a regular file", "for a pipe use " + commandVariable
	case large:
		return "", 0, "is too large to be a key alone", "write the key alone into it"
	case errors.Is(err, fs.ErrPermission):
		return "", 0, "cannot be read", "give " + path + " to the user that the editor runs as"
	case err != nil:
		return "", 0, "is not there", "write the key into " + path + ", or correct the name"
	}
	if why, fix := distrust(path, trusted()); why != "" {
		return "", 0, why, fix
	}
	return problem.UTF8(content), info.Mode().Perm(), "", ""
}

// keychainFor is how long a reading waits for the keychain. It is less than a session waits before it explains
// itself, so that the explanation can say more than that something takes long. An answer that comes later
// counts for the next reading.
const keychainFor = 3 * time.Second

// readKeychain asks the keychain, unless that was done a short while ago. One that cannot be reached is one
// that has no key.
func (k *Keys) readKeychain(ctx context.Context) result {
	if len(k.late) > 0 {
		k.keychain, k.late = <-k.late, nil
	}
	silent := result{Source: Source{State: Unread, Note: "has not answered"}}
	switch {
	case k.late != nil:
		return silent
	case k.keychain.counts():
		return k.keychain.result
	}
	late := make(chan answer, 1)
	go func() { late <- answer{k.store().readChain(), time.Now()} }()
	ctx, stop := context.WithTimeout(ctx, keychainFor)
	defer stop()
	select {
	case k.keychain = <-late:
		return k.keychain.result
	case <-ctx.Done():
		k.late = late
		return silent
	}
}

// readChain is what the keychain holds.
func (s *Store) readChain() result {
	secret, err := s.use(Keychain.Get)
	switch {
	case err != nil:
		return unset("cannot be reached")
	case secret == "":
		return unset("")
	}
	return examine("holds a text that ", secret)
}

// Package auth finds the LeadMagic API key, puts it on requests to one origin, and takes copies of it out of what the
// program writes. It knows nothing of the messages that the requests carry.
package auth

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Keys finds the key in the places where a user may keep it. Nothing is read before the first Get. It is
// safe for concurrent use; its exported fields are set before.
type Keys struct {
	// Getenv looks up a variable.
	Getenv func(string) string
	// Environ lists all variables as NAME=value, so that one that is empty, or whose name is almost right, can be
	// told. Nil tells of none.
	Environ func() []string
	// Keychain is where login keeps the key. Nil is the keychain of the system.
	Keychain Keychain
	// Run runs a key command and returns what it printed. Nil runs it without a shell and with its stdin
	// closed. It ends when the context does.
	Run func(ctx context.Context, words []string, stderr io.Writer) ([]byte, error)
	// Stderr is where a key command may say something to a person. Nil is nowhere.
	Stderr io.Writer
	// Redactor is told each key that is found. Nil tells nobody.
	Redactor *Redactor

	only     *result            // in place of all sources
	readings singleflight.Group // of all sources, one at a time, for all that wait for it

	mu      sync.Mutex
	key     Key      // the last that was found, none if it is to be looked for again
	seen    snapshot // what the sources held when they were last read
	waiting string   // the source that is being waited for, or empty
	polled  time.Time
	ctx     context.Context //nolint:containedctx // ends a reading, by Close
	cancel  context.CancelFunc

	// Only a reading changes these, and only while it waits.
	command, keychain answer
	late              chan answer // what the keychain answers after all, nil if it has answered
}

// Only has one key and looks for no other. The source is how a user knows it.
func Only(key Key, source string) *Keys {
	r := result{Source: Source{Name: source, State: Found}, key: key}
	return &Keys{only: &r, seen: snapshot{r}}
}

// Get returns the key. The sources are read until one has a key, and then no more unless Newer or Changed finds
// another. The error is a *problem.Problem. One that has ctx's error in its tree says what was waited for:
// reading goes on, and the next Get has what comes of it.
func (k *Keys) Get(ctx context.Context) (Key, error) { return k.other(ctx, Key{}) }

// Newer looks for another key than used, which LeadMagic has rejected. All that call it while the sources are
// read wait for the same reading. A command and the keychain are asked again only after a while.
func (k *Keys) Newer(ctx context.Context, used Key) (Key, bool) {
	key, err := k.other(ctx, used)
	return key, err == nil && !key.Equal(used)
}

// other is the last key that was found, if it is not the one that was rejected, or else what the sources have now.
func (k *Keys) other(ctx context.Context, rejected Key) (Key, error) {
	k.mu.Lock()
	if !k.key.IsZero() && !k.key.Equal(rejected) {
		defer k.mu.Unlock()
		return k.key, nil
	}
	if err := ctx.Err(); err != nil {
		k.mu.Unlock()
		return Key{}, k.overdue(err)
	}
	k.mu.Unlock()
	select {
	case r := <-k.readings.DoChan("", func() (any, error) { return k.read(!rejected.IsZero()) }):
		key, _ := r.Val.(Key)
		return key, r.Err
	case <-ctx.Done():
		return Key{}, k.overdue(ctx.Err())
	}
}

// AtHand reports whether a variable or a file has the key, so that Get runs no command and does not ask the
// keychain, which may both ask a person.
func (k *Keys) AtHand() bool {
	seen := k.look(context.Background(), false)
	first := slices.IndexFunc(seen, func(r result) bool { return r.State != Unset }) // at last the keychain, which is not read
	return seen[first].State == Found
}

// Answered implements Credentials.
func (k *Keys) Answered(*http.Response) {}

// Close ends what is under way, such as a command that hangs. Keys is of no use after it.
func (k *Keys) Close() {
	k.mu.Lock()
	k.context()
	cancel := k.cancel
	k.mu.Unlock()
	cancel()
	<-k.readings.DoChan("", func() (any, error) { return nil, k.overdue(context.Canceled) })
}

// Redact is a text without the keys that Redactor knows.
func (k *Keys) Redact(text string) string { return string(k.Redactor.Redact([]byte(text))) }

// read reads the sources.
func (k *Keys) read(rejected bool) (Key, error) {
	k.mu.Lock()
	ctx := k.context()
	k.mu.Unlock()
	seen, places := k.look(ctx, true), k.places()
	// Who is told that a key was rejected wants to know whether the keychain, the last of all, has another.
	if last := len(seen) - 1; rejected && seen[last].State == Unread && seen.hidden() == "" {
		seen[last] = k.readPlace(ctx, places[last])
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if first, _ := seen.decisive(); first != nil && first.State == Found {
		k.Redactor.Add(first.key)
		k.key, k.seen = first.key, seen
		return first.key, nil
	}
	if k.key.IsZero() { // else a source that is being rewritten does not take away the key that was there
		k.seen = seen
	}
	return Key{}, k.problem(seen)
}

// context is that of all readings. The mutex is held.
func (k *Keys) context() context.Context {
	if k.ctx == nil {
		k.ctx, k.cancel = context.WithCancel(context.Background())
	}
	return k.ctx
}

// pollPause is how often Changed looks at files.
const pollPause = 5 * time.Second

// Changed reports whether the next Get may find another key than the last reading did, and makes it look. It
// asks nobody: it looks at variables and files, at most every 5 s, and whether the keychain has answered after all.
func (k *Keys) Changed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.seen == nil, k.waiting != "":
		return false
	case len(k.late) > 0:
		k.key = Key{}
		return true
	case time.Since(k.polled) < pollPause:
		return false
	}
	before := k.seen
	k.mu.Unlock()
	now := k.look(context.Background(), false)
	k.mu.Lock()
	for i := range now {
		if now[i].State != Unread && !now[i].equal(before[i]) {
			k.key = Key{}
			return true // and again until it is read
		}
	}
	k.polled = time.Now()
	return false
}

// store is where login keeps the key.
func (k *Keys) store() *Store { return &Store{k.Getenv, k.Keychain, "key", variable} }

// Keep is Store.Keep for a key.
func (k *Keys) Keep(ctx context.Context, key Key, private bool) (string, error) {
	return k.store().Keep(ctx, key.value(), private)
}

// Remove is Store.Remove for the key.
func (k *Keys) Remove(ctx context.Context) ([]string, error) { return k.store().Remove(ctx) }

// Above names the sources that come before what Keep keeps and are set: a session takes the first of them. No
// command is run.
func (k *Keys) Above() []string {
	var names []string
	for _, r := range k.look(context.Background(), false) {
		if r.Name == privateName {
			break
		}
		if r.State != Unset {
			names = append(names, r.Name)
		}
	}
	return names
}

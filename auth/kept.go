package auth

import (
	"context"
	"errors"
	"fmt"
)

// Keep keeps a key for later sessions, in the keychain or in the private file, reads it back, and returns the
// place in words. A key that was kept in the other place before is no longer found there first.
func (k *Keys) Keep(ctx context.Context, key Key, private bool) (string, error) {
	if private {
		path, err := k.writePrivate(key)
		if err != nil {
			return "", err
		}
		if r := readFile(privateName, "", path); !r.key.Equal(key) {
			return "", errors.New("the private file cannot be read back: it " + r.Note)
		}
		return path, nil
	}
	if _, err := bounded(ctx, "writing to the keychain", func() (string, error) { return "", k.chain().Set(key.value()) }); err != nil {
		return "", err
	}
	secret, err := bounded(ctx, "reading it back from the keychain", k.chain().Get)
	if err != nil {
		return "", err
	}
	if !examine(secret).key.Equal(key) {
		return "", errors.New("the keychain does not give back what was put into it")
	}
	if _, err := k.removePrivate(); err != nil {
		return "", fmt.Errorf("the keychain has the key, but an older one comes before it: %w", err)
	}
	return keychainName, nil
}

// Forget removes what Keep has kept, and returns the places that had something. A keychain that cannot be
// reached has nothing.
func (k *Keys) Forget(ctx context.Context) ([]string, error) {
	var places []string
	removed, err := k.removePrivate()
	if removed {
		places = append(places, privateName)
	}
	if err != nil {
		return places, err
	}
	secret, err := bounded(ctx, "reading the keychain", k.chain().Get)
	if ctx.Err() != nil {
		return places, ctx.Err()
	}
	if err != nil || secret == "" {
		return places, nil //nolint:nilerr // what is not there needs no removing
	}
	if _, err := bounded(ctx, "removing it from the keychain", func() (string, error) { return "", k.chain().Delete() }); err != nil {
		return places, err
	}
	return append(places, keychainName), nil
}

// Above names the sources that come before what Keep keeps and are set: a session takes the first of them. No
// command is run.
func (k *Keys) Above() []string {
	var names []string
	for _, r := range k.glance()[:inPrivate] {
		if r.State != Unset {
			names = append(names, r.Name)
		}
	}
	return names
}

package conformance

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// TestLockfilesNameNoAddresses holds every lockfile to versions and hashes: where packages are downloaded from is for who
// installs them to say.
func TestLockfilesNameNoAddresses(t *testing.T) {
	module, found := os.DirFS("../.."), 0
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.Name() != "package-lock.json":
			return nil
		}
		found++
		lockfile, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		if strings.Contains(string(lockfile), `"resolved":`) {
			t.Errorf("%s has download addresses", name)
		}
		settings, err := fs.ReadFile(module, path.Join(path.Dir(name), ".npmrc"))
		if err != nil || string(settings) != "omit-lockfile-registry-resolved=true\n" {
			t.Errorf("an update would write them into %s: %q %v", name, settings, err)
		}
		return nil
	})
	if err != nil || found < 3 {
		t.Errorf("%d lockfiles were found: %v", found, err)
	}
}

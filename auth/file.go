package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// maxFile is how much is read of what should be a key alone.
const maxFile = 64 << 10

// readKeyFile reads the file that LEADMAGIC_API_KEY_FILE names.
func (k *Keys) readKeyFile(context.Context, bool) result {
	raw := k.Getenv(fileVariable)
	if isUnset(raw) {
		return k.examineVariable(fileVariable)
	}
	path := file.BelowHome(strings.TrimFunc(raw, around), k.Getenv)
	if _, err := os.Stat(path); err != nil && !filepath.IsAbs(path) {
		if strings.HasPrefix(path, Prefix) || isForeign(path) {
			return broken(fileVariable, "holds a key and not the name of a file",
				"put the key into a file and the file's name there, or the key into "+variable)
		}
		return broken(fileVariable, "names a file that is not there",
			"give its whole path: an editor starts servers in any folder")
	}
	return readFile(fileVariable, "names a file that ", path)
}

// readFile reads a file with a key in it. What is said of it begins with lead.
func readFile(name, lead, path string) result {
	secret, mode, why, fix := readSecret(path)
	if why != "" {
		return broken(name, lead+why, fix)
	}
	r := examine(name, lead, secret)
	r.next = "write the key into " + path
	if r.State == Found && runtime.GOOS != "windows" && mode&0o044 != 0 {
		r.Warning = fmt.Sprintf("%scan be read by others (mode %04o): chmod 600 %s", lead, mode, path)
	}
	return r
}

// readSecret reads a file with a secret in it, or says of the file why it cannot be used, and what to do about that.
func readSecret(path string) (secret string, mode fs.FileMode, why, fix string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", 0, "cannot be looked at", "give its whole path"
	}
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

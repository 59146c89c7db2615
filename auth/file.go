package auth

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf16"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// maxFile is how much is read of what should be a key alone.
const maxFile = 64 << 10

// readKeyFile reads the file that LEADMAGIC_API_KEY_FILE names.
func (k *Keys) readKeyFile() reading {
	raw := k.Getenv(fileVariable)
	if isUnset(raw) {
		return k.unsetVariable(fileVariable, raw)
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

// readFile reads a file with a key in it. What is said of it begins with lead. A path is shown only if it is a
// whole one, since anything else may be a key in the wrong place.
func readFile(name, lead, path string) reading {
	whole := "the file"
	if filepath.IsAbs(path) {
		whole = path
	}
	// What is no file is not even opened: a pipe would block, a device has no end.
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return broken(name, lead+"cannot be looked at", "give "+whole+" to the user that the editor runs as")
	case err != nil:
		return broken(name, lead+"is not there", "write the key into "+whole+", or correct the name")
	case info.IsDir():
		return broken(name, lead+"is a folder", "name the file in it that holds the key")
	case !info.Mode().IsRegular():
		return broken(name, lead+"is not a regular file", "for a pipe use "+commandVariable)
	case info.Size() > maxFile:
		return broken(name, lead+"is too large to be a key alone", "write the key alone into it")
	}
	mode := info.Mode().Perm()
	if othersCan(runtime.GOOS, mode, 0o022) {
		return broken(name, fmt.Sprintf("%scan be changed by others (mode %04o)", lead, mode), "chmod 600 "+whole)
	}
	content, err := readSome(path)
	if err != nil {
		return broken(name, lead+"cannot be read", "give "+whole+" to the user that the editor runs as")
	}
	r := examine(text(content)).reading(name, lead)
	r.next = "write the key into " + whole
	if r.State == Found && othersCan(runtime.GOOS, mode, 0o044) {
		r.Warning = fmt.Sprintf("%scan be read by others (mode %04o): chmod 600 %s", lead, mode, whole)
	}
	return r
}

// othersCan reports whether a file's mode gives any of bits to others. Windows has no such bits.
func othersCan(goos string, mode, bits fs.FileMode) bool {
	return goos != "windows" && mode&bits != 0
}

func readSome(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// text is what a file or a command says, in UTF-8. Windows PowerShell writes UTF-16 with a byte order mark.
func text(b []byte) string {
	var order binary.ByteOrder
	switch {
	case len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe:
		order = binary.LittleEndian
	case len(b) >= 2 && b[0] == 0xfe && b[1] == 0xff:
		order = binary.BigEndian
	default:
		return string(b)
	}
	units := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return string(utf16.Decode(units))
}

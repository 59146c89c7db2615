package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
)

// errWithin says that a program is not started, since whoever wrote what is in the current folder may have written it.
var errWithin = errors.New("lies in this folder or its repository, and was not started")

// version is the version that a program prints. None is started that lies in the current folder, or in a repository that
// holds it, under its own name or behind links; this very program needs no start.
func (d *Doctor) version(ctx context.Context, program string) (string, error) {
	if file.Same(program, d.Executable) {
		return d.Version, nil
	}
	if file.Within(file.Roots(d.System.Folder), program) {
		return "", errWithin
	}
	return d.VersionOf(ctx, program)
}

// onNetwork reports whether Windows would ask another machine for a path, and sign in there.
func onNetwork(path string) bool {
	path = strings.ReplaceAll(path, `\`, "/")
	return strings.HasPrefix(path, "//")
}

package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/editor"
)

// environment looks at the program itself and at its settings.
func (d *Doctor) environment(ctx context.Context) []Check {
	n := &notes{stage: atEnvironment}
	d.program(ctx, n)
	switch {
	case d.Refusal != nil:
		n.blame("settings", d.Refusal)
	case len(d.Given) == 0:
		n.ok("settings", "all at their defaults")
	default:
		n.ok("settings", "given: %s", strings.Join(d.Given, ", "))
	}
	if stray := d.Stray(d.Environ); stray != nil {
		n.warn("variables", strings.Join(stray, "; "), "correct them: a limit that is spelled wrongly limits nothing")
	}
	return n.checks
}

// program says which program this is, and whether an entry that names it without a path starts another.
func (d *Doctor) program(ctx context.Context, n *notes) {
	const name = "program"
	first := d.System.Program(editor.Program)
	if first == "" {
		n.warn(name, d.Executable+" is not on the PATH, so an entry that names it without a path, such as a team's, does not start it",
			"put its folder on the PATH")
		return
	}
	version, err := d.version(ctx, first)
	switch {
	case errors.Is(err, errWithin):
		n.warn(name, "the first on the PATH, "+first+", "+err.Error(), "take that folder off the PATH")
	case err != nil:
		n.warn(name, "the first on the PATH, "+first+", does not run: "+err.Error(), "remove it, or put the folder of "+d.Executable+" before it")
	case version != d.Version:
		n.warn(name, "this is version "+d.Version+", and the first on the PATH, "+first+", is version "+version,
			"remove the one that is not wanted, or change the order of the PATH")
	default:
		n.ok(name, "version %s, %s", d.Version, first)
	}
}

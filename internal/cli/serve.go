package cli

import (
	"context"
	"errors"
	"runtime/debug"

	"golang.org/x/term"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/stdio"
)

// serve speaks MCP on stdin and stdout until the editor is done. A refusal that is not nil is explained in
// the session, as is a setting that cannot be used.
func serve(ctx context.Context, env *Env, s *settings, refusal *problem.Problem) error {
	if isTerminal(env.Stdin) {
		return misuse(&hintError{
			errors.New("this is an MCP server: an editor starts it and talks to it on stdin and stdout"),
			"leadmagic-mcp-proxy install puts it into your editor, call --sandbox check_credits tries it here, --help shows the rest",
		})
	}
	env.Stderr = stdio.NewLossy(env.Stderr) // no session waits for whoever should read the log
	sayStray(env)
	ss, _ := newSession(env, s)
	defer ss.close()
	ss.explained = ss.sayExplained
	if refusal != nil {
		ss.refusal = refusal
	}
	debug.SetGCPercent(calmGC)
	return ss.run(ctx, env.Stdin, env.Stdout)
}

// calmGC lets the heap, which is a few megabytes, grow to three times what is in use instead of two. With many
// calls in flight it is collected half as often then, and a fifth more of them get through.
const calmGC = 200

func isTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

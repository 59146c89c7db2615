package doctor

import (
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// session says what an editor gets, in both eras of the protocol. best is the one of them that gets further.
func (d *Doctor) session(old, modern, best *visit) []Check {
	n := &notes{stage: atSession}
	if best.err != nil {
		n.skip("LeadMagic opens none", "upstream", "initialize", "discover", "free call")
		return n.checks
	}
	by := map[string]string{"mcp": "the hosted server", "rest": "the REST API"}[best.upstream]
	if d.Route.Upstream == "auto" {
		n.ok("upstream", "auto takes %s", by)
	} else {
		n.ok("upstream", "%s, as --upstream says", by)
	}
	switch {
	case old.err != nil:
		n.blame("initialize", old.err)
		soften(n.checks[len(n.checks)-1:]) // the other era works
	default:
		n.ok("initialize", "%s in %s%s", old.opened.ProtocolVersion, milliseconds(old.took), server(old.opened))
	}
	switch {
	case modern.err != nil:
		n.blame("discover", modern.err)
		soften(n.checks[len(n.checks)-1:])
	case modern.opened.ProtocolVersion <= legacy:
		n.ok("discover", "not offered: editors that ask for it use initialize")
	default:
		n.ok("discover", "%s in %s", modern.opened.ProtocolVersion, milliseconds(modern.took))
	}
	switch c := best.call; {
	case best.toolsErr != nil:
		n.skip("the tools could not be listed", "free call")
	case c == nil:
		n.skip("no tool is known to be free", "free call")
	case c.err != nil:
		n.blame("free call", c.err)
	default:
		n.ok("free call", "%s answers in %s", c.tool, milliseconds(c.took))
	}
	return n.checks
}

// server is what the other side calls itself.
func server(opened *mcp.InitializeResult) string {
	if opened.ServerInfo == nil || opened.ServerInfo.Name == "" {
		return ""
	}
	return fmt.Sprintf(" with %s %s", opened.ServerInfo.Name, opened.ServerInfo.Version)
}

// windsurfTools is how many tools Windsurf takes of all servers together.
// Source: docs.windsurf.com, Cascade, MCP.
const windsurfTools = 100

// tools says how many tools a model is shown.
func (d *Doctor) tools(v *visit) []Check {
	n := &notes{stage: atTools}
	const name = "list"
	switch count := len(v.tools); {
	case v.err != nil:
		n.skip("LeadMagic opens no session", name)
	case v.toolsErr != nil:
		n.blame(name, v.toolsErr)
	case count == 0:
		n.fail(name, "there are no tools", "see whether --tools, --exclude-tools or --read-only leave any")
	case count > windsurfTools:
		n.warn(name, fmt.Sprintf("%d tools; Windsurf takes %d at most, of all servers together", count, windsurfTools),
			"offer fewer, such as: export LEADMAGIC_TOOLS='find_*,enrich_*,check_*'")
	default:
		n.ok(name, "%d tools", count)
	}
	if len(v.unmatched) > 0 {
		n.warn("patterns", "no tool of LeadMagic matches "+strings.Join(v.unmatched, ", "), "correct --tools or --exclude-tools")
	}
	return n.checks
}

package cli

import (
	"context"
	"log/slog"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// newGuard is what limits the session as the settings say, nil if they limit nothing and nobody keeps a log.
func (ss *session) newGuard() *proxy.Guard {
	s := ss.settings
	if len(s.tools) == 0 && len(s.exclude) == 0 && !s.readOnly && s.maxCredits == 0 && s.logFile == "" {
		return nil
	}
	g := &proxy.Guard{Tools: s.tools, Exclude: s.exclude, ReadOnly: s.readOnly, MaxCredits: s.maxCredits, Cost: ss.costs()}
	if s.logFile != "" {
		g.Spent = ss.logSpent
	}
	return g
}

// costs tells what a call costs at most. The hosted server has the same tools, but may take other arguments, so
// until it is known what carries the session less is known of the costs.
func (ss *session) costs() func(tool string, arguments []byte) (credits float64, known bool) {
	overREST, hosted := rest.Costs(), rest.HostedCosts()
	return func(tool string, arguments []byte) (float64, bool) {
		if ss.settings.upstream == "rest" || ss.choose.Status().Upstream == "rest" {
			return overREST(tool, arguments)
		}
		return hosted(tool, arguments)
	}
}

// logSpent writes a line for a paid call, whatever the level of the log: who asks for a log file wants to know.
func (ss *session) logSpent(s proxy.SpentCall) {
	r := slog.NewRecord(s.Time, slog.LevelInfo, "paid call", 0)
	r.AddAttrs(slog.String("tool", s.Tool))
	if s.Basis != proxy.Unknown {
		r.AddAttrs(slog.Float64("credits", s.Credits))
	}
	r.AddAttrs(slog.String("basis", string(s.Basis)))
	if s.BalanceKnown {
		r.AddAttrs(slog.Float64("balance", s.Balance))
	}
	if s.RequestID != "" {
		r.AddAttrs(slog.String("request", s.RequestID))
	}
	// A log that cannot be written must not end the session.
	_ = ss.log.Handler().Handle(context.Background(), r)
}

// shows reports whether the session's list has a tool, so that no text speaks of one that is hidden.
func (ss *session) shows(tool string) bool { return ss.guard == nil || ss.guard.Shows(tool) }

// unmatched are the tool patterns that match nothing, once the tools were listed.
func (ss *session) unmatched() []string {
	if ss.guard == nil {
		return nil
	}
	return ss.guard.Unmatched()
}

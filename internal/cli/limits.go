package cli

import (
	"context"
	"log/slog"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// limits reports whether the settings limit what may be called.
func (s *settings) limits() bool {
	return len(s.tools) > 0 || len(s.exclude) > 0 || s.readOnly || s.maxCredits > 0
}

// prices tells what a call costs at most. The hosted server has the same tools, but may take other arguments, so
// until it is known what carries the session less is known of the costs.
func (ss *session) prices() func(tool string, arguments []byte) (credits problem.Credits, known bool) {
	costs := rest.Costs()
	return func(tool string, arguments []byte) (problem.Credits, bool) {
		return costs(tool, arguments, ss.settings.upstream != "rest" && ss.status.Report().Upstream != "rest")
	}
}

// logSpent writes a line for a paid call, whatever the level of the log: who asks for a log file wants to know.
func (ss *session) logSpent(s proxy.SpentCall) {
	r := slog.NewRecord(s.Time, slog.LevelInfo, "paid call", 0)
	r.AddAttrs(slog.String("tool", s.Tool))
	if s.Basis != proxy.Unknown {
		r.AddAttrs(slog.Float64("credits", s.Credits.Float()))
	}
	r.AddAttrs(slog.String("basis", string(s.Basis)))
	if s.BalanceKnown {
		r.AddAttrs(slog.Float64("balance", s.Balance.Float()))
	}
	if s.RequestID != "" {
		r.AddAttrs(slog.String("request", s.RequestID))
	}
	// A log that cannot be written must not end the session.
	_ = ss.log.Handler().Handle(context.Background(), r)
}

// unmatched are the tool patterns that match nothing, once the tools were listed.
func (ss *session) unmatched() []string {
	if ss.filter == nil {
		return nil
	}
	return ss.filter.Unmatched()
}

package cli

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// levelTrace shows the messages themselves, without headers.
const levelTrace = slog.LevelDebug - 4

// newLog writes what is at least of that level to stderr, or to a file.
func newLog(env *Env, s *settings) *slog.Logger {
	out := env.Stderr
	if s.logFile != "" {
		out = &lateFile{name: s.logFile}
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: s.level(),
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.LevelKey && a.Value.Any() == levelTrace {
				return slog.String(slog.LevelKey, "TRACE")
			}
			return a
		},
	}))
}

// A lateFile is opened when something is written to it: editors start servers and end them again at once,
// and that should leave nothing behind. A file that cannot be opened takes the log with it, and so does a pipe,
// which would hold up the session until somebody reads it.
type lateFile struct {
	name string
	once sync.Once
	file io.Writer
}

func (l *lateFile) Write(p []byte) (int, error) {
	l.once.Do(func() {
		l.file = io.Discard
		if info, err := os.Stat(l.name); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			return
		}
		file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			l.file = file
		}
	})
	return l.file.Write(p)
}

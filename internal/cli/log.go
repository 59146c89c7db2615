package cli

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
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
// and that should leave nothing behind. A file that cannot be opened takes the log with it.
type lateFile struct {
	name string
	once sync.Once
	file io.Writer
}

func (l *lateFile) Write(p []byte) (int, error) {
	l.once.Do(func() {
		// A pipe that nobody reads cannot be opened then, and does not hold up the session until somebody does.
		file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o600)
		if err != nil {
			l.file = io.Discard
			return
		}
		l.file = file
	})
	return l.file.Write(p)
}

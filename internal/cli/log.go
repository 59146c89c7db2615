package cli

import (
	"errors"
	"fmt"
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
		out = env.redactor.Writer(&logFile{name: s.logFile, stderr: env.Stderr})
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

// A logFile is opened for each line: an editor that starts a server and ends it at once finds nothing left behind,
// and a file that was moved away, as when logs are rotated, is begun anew. What cannot be written never ends a
// session; it is said once, on stderr.
type logFile struct {
	name   string
	stderr io.Writer
	once   sync.Once
}

func (l *logFile) Write(p []byte) (int, error) {
	if err := l.add(p); err != nil {
		l.once.Do(func() { fmt.Fprintf(l.stderr, "leadmagic-mcp-proxy: the log cannot be written: %v\n", err) })
	}
	return len(p), nil
}

func (l *logFile) add(line []byte) error {
	// Without O_NONBLOCK a named pipe that nobody reads would hold up the session.
	file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(line)
	return errors.Join(err, file.Close())
}

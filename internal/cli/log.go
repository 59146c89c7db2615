package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// levelTrace shows the messages themselves, without headers.
const levelTrace = slog.LevelDebug - 4

// newLog writes what is at least of that level to stderr, or to a file.
func newLog(env *Env, s *settings) *slog.Logger {
	out := env.Stderr
	if s.logFile != "" && s.logFile != "/dev/stderr" {
		out = env.redactor.Writer(&logFile{name: s.logFile, stderr: env.Stderr})
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: s.level(),
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch {
			case a.Key == slog.LevelKey && a.Value.Any() == levelTrace:
				return slog.String(slog.LevelKey, "TRACE")
			case a.Key == "tool" && !plainName.MatchString(a.Value.String()): // the agent may have written anything
				return slog.String("tool", strconv.Quote(a.Value.String()))
			}
			return a
		},
	}))
}

// plainName is a name that a log has as it is.
var plainName = lazyregexp.New(`^[0-9A-Za-z_.-]+$`)

// A logFile is opened for each line: an editor that starts a server and ends it at once finds nothing left behind,
// and a file that was moved away, as when logs are rotated, is begun anew. What cannot be written never ends a
// session; it is reported once, on stderr.
//
// An entry in a repository that was cloned may name a file that is no log, such as a shell's profile, so nothing is
// written to a file that does not begin as our logs do, and no file is made behind a dangling link, or with the name of a
// hidden file that does not end in .log.
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
	out, err := l.open()
	if err != nil {
		return err
	}
	_, err = out.Write(line)
	return errors.Join(err, out.Close())
}

// open opens the file to add to it, or makes it.
func (l *logFile) open() (*os.File, error) {
	if _, err := os.Lstat(l.name); errors.Is(err, fs.ErrNotExist) {
		if base := filepath.Base(l.name); strings.HasPrefix(base, ".") && !strings.HasSuffix(base, ".log") {
			return nil, fmt.Errorf("%s would be a hidden file: call it something.log", l.name)
		}
		made, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if !errors.Is(err, fs.ErrExist) { // or else another session was faster
			return made, err
		}
	}
	info, err := os.Stat(l.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is a link to nothing", l.name)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // a pipe without a reader would block the session
		return nil, fmt.Errorf("%s is not a regular file", l.name)
	}
	out, err := os.OpenFile(l.name, os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := isLog(out); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// logLine is how each line of ours begins, whatever its level.
var logLine = lazyregexp.New(`^time=\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) level=[A-Z]+[+-]?\d* msg=`)

// isLog says why what was opened is no log of ours. An empty file is one.
func isLog(f *os.File) error {
	start := make([]byte, 80)
	n, err := f.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n > 0 && !logLine.Match(start[:n]) {
		return fmt.Errorf("%s is there and is no log of this program: name another file", f.Name())
	}
	return nil
}

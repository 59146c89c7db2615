package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal and returns the end that a person has and the end that a program has.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// shown is stderr, which says when something was written to it.
type shown struct {
	mu    sync.Mutex
	text  bytes.Buffer
	first chan struct{}
	once  sync.Once
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once.Do(func() { close(s.first) })
	return s.text.Write(p)
}

// startLogin starts login at a terminal and waits until it asks for the key.
func startLogin(ctx context.Context, t *testing.T, program *os.File) (d *desk, said *shown, ended chan error) {
	t.Helper()
	d, said, ended = newDesk(t, program), &shown{first: make(chan struct{})}, make(chan error, 1)
	d.env.Stderr = said
	go func() { ended <- login(ctx, d.env, d.keys(), true, good) }()
	<-said.first
	return d, said, ended
}

func TestLoginAtATerminalDoesNotShowTheKey(t *testing.T) {
	person, program := openTerminal(t)
	d, said, ended := startLogin(t.Context(), t, program)
	for echoes(t, program) { // the question stands there a moment before the terminal is silent
		if len(ended) > 0 {
			t.Fatal(<-ended)
		}
	}
	if _, err := io.WriteString(person, loginKey+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if d.finds(t) == "" || !strings.Contains(said.text.String(), "LeadMagic API key") {
		t.Error("the key is not kept, or it was not asked for")
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}
	if _, err := io.WriteString(program, "END"); err != nil {
		t.Fatal(err)
	}
	screen := make([]byte, 4096)
	var all string
	for !strings.Contains(all, "END") {
		n, err := person.Read(screen)
		if err != nil {
			t.Fatal(err)
		}
		all += string(screen[:n])
	}
	if strings.Contains(all, loginKey) {
		t.Error("the terminal shows the key")
	}
}

func TestAnInterruptedLoginLeavesTheTerminalAsItWas(t *testing.T) {
	person, program := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, _, ended := startLogin(ctx, t, program)
	for echoes(t, program) {
		if len(ended) > 0 {
			t.Fatal(<-ended)
		}
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	if !echoes(t, program) {
		t.Error("the terminal stays silent")
	}
	if _, err := io.WriteString(person, "\n"); err != nil { // the read that goes on ends
		t.Fatal(err)
	}
}

func TestLoginAtATerminalUnderstandsWhatIsTyped(t *testing.T) {
	tests := []struct {
		name  string
		typed string
		want  string // of the error, empty for a key that is kept
	}{
		{"the end of input", "\x04", "interrupted"},
		{"an interruption within the key", "lm_can\x03", "interrupted"},
		{"nothing", "\r", "the value is empty"},
		{"what another terminal marks as pasted", "\x1b[200~" + loginKey + "\x1b[201~\r", ""},
		{"a paste with its line end", "\x1b[200~" + loginKey + "\r\x1b[201~", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			person, program := openTerminal(t)
			d, _, ended := startLogin(t.Context(), t, program)
			if _, err := io.WriteString(person, tt.typed); err != nil {
				t.Fatal(err)
			}
			err := <-ended
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if kept := d.finds(t) != ""; kept != (tt.want == "") {
				t.Errorf("a key is kept: %v", kept)
			}
			if !echoes(t, program) {
				t.Error("the terminal stays silent")
			}
		})
	}
}

func TestTheLogoutCommandNeedsNoKeychain(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	d := newDesk(t, strings.NewReader(loginKey))
	d.values["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent"
	if err := login(t.Context(), d.env, d.keys(), true, good); err != nil {
		t.Fatal(err)
	}
	cmd := newLogoutCommand(d.env, newSettings())
	cmd.SetArgs([]string{})
	if err := cmd.ExecuteContext(t.Context()); err != nil || d.finds(t) != "" {
		t.Errorf("%v: the key is still there", err)
	}
}

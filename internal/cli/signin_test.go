package cli

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// A screen is what a command writes, as it does.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// shows waits until the screen shows something, and returns all of it.
func (s *screen) shows(ctx context.Context, t *testing.T, what string) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		if strings.Contains(text, what) {
			return text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never shows %q, but %q", what, text)
		}
	}
}

// atHome is a person's home folder, and a server that wants a sign-in.
func atHome(t *testing.T) (env *Env, box *faults.Server, home string) {
	t.Helper()
	env, box = stand(t, "auto", faults.Options{OAuthOnly: true})
	home = t.TempDir()
	others := env.Getenv
	env.Getenv = func(name string) string {
		own := map[string]string{"HOME": home, "USERPROFILE": home, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
		return cmp.Or(own[name], others(name))
	}
	return env, box, home
}

// below are the names of all files below a folder.
func below(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// Somebody signs in over SSH: the browser is on another machine, and its last address is pasted.
func TestSigningInWithoutABrowser(t *testing.T) {
	env, box, home := atHome(t)
	typed, keyboard := io.Pipe()
	shown := new(screen)
	env.Stdin, env.Stdout, env.Stderr = typed, shown, shown
	code := make(chan int)
	go func() { code <- Run(t.Context(), env, strings.Fields("login --no-browser --file --no-check")) }()
	text := shown.shows(t.Context(), t, "then paste the address")
	at := strings.Index(text, box.URL+"/authorize")
	address, _, _ := strings.Cut(text[at:], "\n")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(address) //nolint:noctx // it is on this machine
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if _, err := io.WriteString(keyboard, res.Header.Get("Location")+"\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 0 {
		t.Errorf("exit code %d: %s", got, shown.shows(t.Context(), t, ""))
	}
	shown.shows(t.Context(), t, "the sign-in is kept in ")
	if files := below(t, home); len(files) != 2 || !strings.HasSuffix(files[0], ".json") || !strings.HasSuffix(files[1], ".lock") {
		t.Errorf("%q are kept", files)
	}
}

// Ctrl-C leaves nothing behind, and neither does who closes the page.
func TestASignInThatIsInterrupted(t *testing.T) {
	env, box, home := atHome(t)
	shown := new(screen)
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), shown, shown
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- Run(ctx, env, strings.Fields("login --no-browser --file")) }()
	shown.shows(t.Context(), t, "then paste the address")
	interrupt()
	if got := <-code; got != exitFailed {
		t.Errorf("exit code %d", got)
	}
	shown.shows(t.Context(), t, "leadmagic-mcp-proxy: nothing was kept: interrupted\n")
	if files := below(t, home); len(files) > 0 {
		t.Errorf("%q are left behind", files)
	}
	for _, r := range box.Requests() {
		if strings.HasPrefix(r.Path, "/token") || strings.HasPrefix(r.Path, "/authorize") {
			t.Errorf("%s was asked", r.Path)
		}
	}
}

func TestASignInThatCannotBe(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	for _, tt := range []struct {
		args, fault string
		code        int
		want        []string
	}{
		{"login --web", "", exitFailed, []string{"nothing was kept: reading the keychain: ", "hint: leadmagic-mcp-proxy login --web --file keeps it in a private file instead"}},
		{"login --web --file", "no metadata of the server", exitFailed, []string{"nothing was kept: ", "says nothing of how to sign in", "hint: "}},
		{"login --web --file", "no registration", exitFailed, []string{"registers no clients by itself", "hint: give the id of one that is registered with --oauth-client-id"}},
		{"login --oauth-client-id x --file --sandbox", "", exitMisuse, []string{"--sandbox has a key of its own"}},
		{"login --web lm_something_typed", "", exitMisuse, []string{"login takes no argument"}},
	} {
		env, box, _ := atHome(t)
		if tt.fault != "" {
			box.Fault(box.OAuthFaults("")[tt.fault])
		}
		shown := new(screen)
		env.Stdout, env.Stderr = shown, shown
		if runtime.GOOS != "linux" && !strings.Contains(tt.args, "--file") {
			continue // where there always is a keychain
		}
		if got := Run(t.Context(), env, strings.Fields(tt.args)); got != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, got, tt.code)
		}
		for _, want := range tt.want {
			shown.shows(t.Context(), t, want)
		}
	}
}

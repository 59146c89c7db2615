package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

const loginKey = "lm_canary_5f1c0e9a7b3d2468"

// memory is a keychain that lives as long as a test.
type memory struct {
	secret string
	err    error // of writing
}

func (m *memory) Get() (string, error) { return m.secret, nil }

func (m *memory) Set(secret string) error {
	if m.err == nil {
		m.secret = secret
	}
	return m.err
}

func (m *memory) Delete() error {
	m.secret = ""
	return nil
}

// A desk is where a person types login.
type desk struct {
	env      *Env
	chain    *memory
	values   map[string]string
	out, err bytes.Buffer
}

func newDesk(t *testing.T, typed io.Reader) *desk {
	t.Helper()
	home := t.TempDir()
	d := &desk{chain: &memory{}, values: map[string]string{"HOME": home, "USERPROFILE": home}}
	d.env = &Env{Getenv: func(name string) string { return d.values[name] }, Stdin: typed, Stdout: &d.out, Stderr: &d.err}
	return d
}

func (d *desk) keys() *auth.Keys { return &auth.Keys{Getenv: d.env.Getenv, Keychain: d.chain} }

// good takes any key.
func good(context.Context, auth.Key) error { return nil }

// finds reports whether a session finds the key, and where.
func (d *desk) finds(t *testing.T) string {
	t.Helper()
	want, err := auth.Parse(loginKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := d.keys()
	defer keys.Close()
	key, err := keys.Get(t.Context())
	if err != nil || !key.Equal(want) {
		return ""
	}
	return keys.Describe().Source
}

func TestLoginKeepsTheKeyOfAPipe(t *testing.T) {
	for _, tt := range []struct {
		name    string
		typed   string
		private bool
		where   string
	}{
		{"a line, in the keychain", loginKey + "\n", false, "the keychain of this system"},
		{"no line end, in the private file", loginKey, true, "the private file of login"},
		{"more lines, of which one is read", loginKey + "\r\nnotes\n", true, "the private file of login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, strings.NewReader(tt.typed))
			checked := 0
			err := login(t.Context(), d.env, d.keys(), tt.private, func(context.Context, auth.Key) error {
				checked++
				return nil
			})
			if err != nil || checked != 1 {
				t.Fatalf("%v after %d checks", err, checked)
			}
			if got := d.finds(t); got != tt.where {
				t.Errorf("a session finds it in %q, want %q", got, tt.where)
			}
			if !strings.HasPrefix(d.out.String(), "the key is kept in ") || strings.Contains(d.out.String(), "hidden") || d.err.Len() > 0 {
				t.Errorf("it said %q and %q", d.out.String(), d.err.String())
			}
			if strings.Contains(d.out.String()+d.err.String(), loginKey) {
				t.Error("the key is shown")
			}
		})
	}
}

func TestLoginSaysWhatHidesTheKey(t *testing.T) {
	d := newDesk(t, strings.NewReader(loginKey))
	d.values["LEADMAGIC_API_KEY"] = "lm_older_0123456789"
	if err := login(t.Context(), d.env, d.keys(), true, good); err != nil {
		t.Fatal(err)
	}
	if want := "note: sessions started here use LEADMAGIC_API_KEY first\n"; !strings.HasSuffix(d.out.String(), want) {
		t.Errorf("it said %q, want %q", d.out.String(), want)
	}
}

func TestLoginKeepsNothingThatIsNoGoodKey(t *testing.T) {
	rejected := problem.New(problem.KeyRejected, problem.Refused, "LeadMagic rejected the API key", "")
	tests := []struct {
		name  string
		typed io.Reader
		check func(context.Context, auth.Key) error
		want  string
		hint  string
	}{
		{"nothing", strings.NewReader(""), good, "nothing was kept", "app.leadmagic.io"},
		{"a sample", strings.NewReader("lm_your_api_key_here\n"), good, "is a sample", "app.leadmagic.io"},
		{"half a key", strings.NewReader("lm_canary 5f1c\n"), good, "has a blank inside (copied completely?)", ""},
		{"another's key", strings.NewReader("sk-0123456789\n"), good, "LeadMagic keys start with lm_", ""},
		{"a pipe that breaks", iotest.ErrReader(errors.New("broken")), good, "reading the key: broken", ""},
		{
			"one that LeadMagic rejects", strings.NewReader(loginKey), func(context.Context, auth.Key) error { return rejected },
			"nothing was kept: LeadMagic rejected the API key", "app.leadmagic.io",
		},
		{
			"no way to ask LeadMagic", strings.NewReader(loginKey), func(context.Context, auth.Key) error { return errors.New("unreachable") },
			"nothing was kept: unreachable", "--no-check",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, tt.typed)
			err := login(t.Context(), d.env, d.keys(), true, tt.check)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if code := report(d.env, err); code != exitFailed {
				t.Errorf("exit code %d, want %d", code, exitFailed)
			}
			if said := d.err.String(); !strings.Contains(said, tt.hint) || strings.Contains(said, loginKey) {
				t.Error("the hint is missing, or the key is shown")
			}
			if got := d.finds(t); got != "" || d.chain.secret != "" {
				t.Errorf("a key is kept in %q", got)
			}
		})
	}
}

func TestLoginWithoutAKeychainPointsToTheFile(t *testing.T) {
	d := newDesk(t, strings.NewReader(loginKey))
	d.chain.err = auth.ErrNoKeychain
	err := login(t.Context(), d.env, d.keys(), false, good)
	if err == nil || !strings.Contains(err.Error(), "no keychain runs here") {
		t.Fatalf("got %v, want that there is no keychain", err)
	}
	if report(d.env, err); !strings.Contains(d.err.String(), "login --file") || strings.Contains(d.err.String(), loginKey) {
		t.Error("the way out is missing, or the key is shown")
	}
}

func TestLogoutRemovesFromBothPlaces(t *testing.T) {
	d := newDesk(t, strings.NewReader(loginKey))
	if err := login(t.Context(), d.env, d.keys(), true, good); err != nil {
		t.Fatal(err)
	}
	d.chain.secret = loginKey
	d.out.Reset()
	if err := logout(t.Context(), d.env, d.keys(), nil); err != nil {
		t.Fatal(err)
	}
	want := "the key was removed from the private file of login\nthe key was removed from the keychain of this system\n"
	if d.out.String() != want || d.chain.secret != "" || d.finds(t) != "" {
		t.Errorf("it said %q, want %q, and nothing left", d.out.String(), want)
	}
	d.out.Reset()
	d.values["LEADMAGIC_API_KEY"] = loginKey
	if err := logout(t.Context(), d.env, d.keys(), nil); err != nil {
		t.Fatal(err)
	}
	if want := "no key was kept\na session still takes one from LEADMAGIC_API_KEY\n"; d.out.String() != want {
		t.Errorf("it said %q, want %q", d.out.String(), want)
	}
}

func TestTheCommandsTakeNoKeyAsAnArgument(t *testing.T) {
	d := newDesk(t, strings.NewReader(""))
	cmd := newLoginCommand(d.env, newSettings())
	cmd.SetArgs([]string{loginKey})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	if code := report(d.env, err); err == nil || code != exitMisuse {
		t.Errorf("exit code %d, %v; want misuse", code, err)
	}
	if said := d.err.String(); !strings.Contains(said, "takes no argument") || strings.Contains(said, loginKey) {
		t.Error("it does not say that it takes no argument, or repeats the key")
	}
}

func TestNoCheckAsksNobody(t *testing.T) {
	d := newDesk(t, strings.NewReader(loginKey))
	d.values["LEADMAGIC_UPSTREAM"] = "none" // with which nobody can be asked
	cmd := newLoginCommand(d.env, newSettings())
	cmd.SetArgs([]string{"--file", "--no-check"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	place := strings.TrimSuffix(strings.TrimPrefix(d.out.String(), "the key is kept in "), "\n")
	if info, err := os.Stat(place); err != nil || d.finds(t) == "" {
		t.Errorf("%v, %v: the key is not kept", info, err)
	}
}

package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const leak = "LEADMAGIC_API_KEY=lm_leaked_5f1c0e9a7b3d2468\n"

func TestKeysInFiles(t *testing.T) {
	t.Run("in a file of this folder", func(t *testing.T) {
		d := newDoctor(t, key)
		d.write(t, "./.env", "A=b\n"+leak)
		report := d.Examine(t.Context())
		expect(t, report.Checks, "keys in files", Fail, "./.env, line 2 holds a key under LEADMAGIC_API_KEY (git: outside)", "create a new key")
		if report.Healthy {
			t.Error("got a healthy report")
		}
	})
	t.Run("under no name", func(t *testing.T) {
		d := newDoctor(t, key)
		d.write(t, "./.env", "# lm_leaked_5f1c0e9a7b3d2468\n")
		expect(t, d.Examine(t.Context()).Checks, "keys in files", Fail, "./.env, line 1 holds a key (git: outside)", "create a new key")
	})
	t.Run("in more places than anybody reads", func(t *testing.T) {
		d := newDoctor(t, key)
		d.write(t, "./.env", strings.Repeat(leak, 13))
		checks := checksOf(func(n *notes) { d.files(t.Context(), n) })
		if len(checks) != mostFindings+1 || checks[mostFindings].Detail != "3 more" || !strings.Contains(checks[mostFindings].Hint, "scan") {
			t.Errorf("got %d checks, the last %+v", len(checks), checks[len(checks)-1])
		}
	})
	t.Run("in none", func(t *testing.T) {
		d := newDoctor(t, key)
		d.write(t, "./.env", "LEADMAGIC_API_KEY=${SECRET}\n")
		d.write(t, ".cursor/mcp.json", "{}")
		expect(t, checksOf(func(n *notes) { d.files(t.Context(), n) }), "keys in files", OK, "none, of 2 files that editors read", "")
	})
	t.Run("when the time is up", func(t *testing.T) {
		d := newDoctor(t, key)
		d.write(t, "./.env", "A=b\n")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expect(t, checksOf(func(n *notes) { d.files(ctx, n) }), "keys in files", Fail, "context canceled", "")
	})
	t.Run("in as many files that cannot be read as are named", func(t *testing.T) {
		d := newDoctor(t, key)
		for _, name := range []string{"./.env/x", "./.envrc/x", "./.mcp.json/x"} {
			d.write(t, name, "")
			c := find(t, checksOf(func(n *notes) { d.files(t.Context(), n) }), "unread files")
			if c.Status != Warn || !strings.HasSuffix(c.Detail, ": it is not a regular file") {
				t.Errorf("with %s: got %s, %q", name, c.Status, c.Detail)
			}
		}
	})
	t.Run("in files that cannot be read", func(t *testing.T) {
		d := newDoctor(t, key)
		for _, name := range []string{".env", ".envrc", ".mcp.json", "opencode.json"} {
			if err := os.MkdirAll(filepath.Join(d.System.Folder, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, checksOf(func(n *notes) { d.files(t.Context(), n) }), "unread files", Warn, "it is not a regular file; and 1 more", "make them readable")
	})
}

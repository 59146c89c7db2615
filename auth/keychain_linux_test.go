package auth

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestABusThatCannotBeReachedIsNoKeychain(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	s := systemKeychain{variable}
	if secret, err := s.Get(); err == nil || secret != "" {
		t.Errorf("Get: %v, want an error", err)
	}
	if err := s.Set(canary); err == nil || leaks(err.Error()) {
		t.Error("Set: the key was kept nowhere, or is shown")
	}
	if err := s.Delete(); err == nil {
		t.Error("Delete: something was removed from nowhere")
	}
}

func TestABusThatNeverAnswersIsNotWaitedForLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	m := newMachine(t)
	m.Keychain = nil
	m.values["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + path
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := m.readKeychain(ctx); got.State != Unread || got.Note != "has not answered" {
		t.Errorf("got %+v, want that it has not answered", got)
	}
}

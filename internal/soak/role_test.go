package soak

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// roleVariable makes the test program play a part in a process of its own; partVariable says more of it.
const (
	roleVariable = "SOAK_ROLE"
	partVariable = "SOAK_PART"
)

// play plays a role and returns the exit code.
func play(role string) int {
	var err error
	switch role {
	case "sandbox":
		err = playSandbox(os.Getenv(partVariable))
	case "editor":
		err = playEditor(os.Getenv(partVariable))
	default:
		err = fmt.Errorf("there is no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

// A record is what a sandbox says at its end.
type record struct {
	Calls   []sandbox.Call `json:"calls"`
	Count   int            `json:"count"`
	Charged float64        `json:"charged"`
	Balance float64        `json:"balance"`
}

// opening is the balance of a sandbox that has just started.
const opening = 1_000_000

// A sandboxPart is what a sandbox in a process of its own has to know.
type sandboxPart struct {
	Address          string // to listen on
	Key              string
	Certificate, PEM []byte // of TLS and its key; none for plain HTTP
}

// playSandbox serves a sandbox until SIGTERM. It prints its address, and a record at its end.
func playSandbox(said string) error {
	var part sandboxPart
	if err := json.Unmarshal([]byte(said), &part); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", part.Address)
	if err != nil {
		return err
	}
	s := sandbox.New(sandbox.Options{Key: part.Key, Credits: opening, KeepCalls: 1 << 20, KeepRequests: -1})
	fmt.Println(listener.Addr())
	if part.Certificate == nil {
		err = s.Serve(ctx, listener)
	} else {
		var certificate tls.Certificate
		if certificate, err = tls.X509KeyPair(part.Certificate, part.PEM); err == nil {
			err = s.ServeTLS(ctx, listener, certificate)
		}
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(record{s.Calls(), s.CallCount(), s.Charged(), s.Balance()})
}

// playEditor starts a program as an editor does, opens a session, prints a line and then waits for its own end. What the
// program says on stderr goes where this one's does.
func playEditor(program string) error {
	cmd := exec.Command(program) //nolint:noctx // it ends with us, which is what is tested
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := io.WriteString(stdin, os.Getenv("SOAK_SAYS")); err != nil {
		return err
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		return err
	}
	fmt.Println("the session is open")
	select {}
}

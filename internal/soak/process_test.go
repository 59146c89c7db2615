package soak

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// roleVariable says what the test program is in a process of its own; optionsVariable says more of it.
const (
	roleVariable    = "SOAK_ROLE"
	optionsVariable = "SOAK_OPTIONS"
)

// runRole returns the exit code.
func runRole(role string) int {
	var err error
	switch role {
	case "sandbox":
		err = runSandbox(os.Getenv(optionsVariable))
	case "editor":
		err = runEditor(os.Getenv(optionsVariable))
	default:
		err = fmt.Errorf("there is no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

// sandboxOptions are what a sandbox in a process of its own has to know.
type sandboxOptions struct {
	Address          string // to listen on
	Key              string
	Certificate, PEM []byte // of TLS and its key; none for plain HTTP
}

// runSandbox serves a sandbox until its stdin ends. It prints its address, obeys the commands on stdin, each with a line of
// its own as the answer, and prints the calls that it has carried out at its end.
func runSandbox(text string) error {
	var options sandboxOptions
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", options.Address)
	if err != nil {
		return err
	}
	address := listener.Addr()
	if options.Certificate != nil {
		certificate, err := tls.X509KeyPair(options.Certificate, options.PEM)
		if err != nil {
			return err
		}
		listener = faults.TLSListener(listener, certificate)
	}
	s := faults.StartOn(listener, faults.Options{Key: options.Key, Credits: 1_000_000, EventIDs: true})
	fmt.Println(address)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		command, rest, _ := strings.Cut(in.Text(), " ")
		switch command {
		case "fault":
			f, err := faults.Parse(rest)
			if err != nil {
				return err
			}
			s.Fault(f)
		case "clear":
			s.ClearFaults()
		case "lose-sessions":
			s.DropSessions()
		case "key":
			s.SetKey(rest)
		default:
			return fmt.Errorf("there is no command %q", command)
		}
		fmt.Println("done")
	}
	s.Close()
	return json.NewEncoder(os.Stdout).Encode(s.Calls())
}

// runEditor starts a program as an editor does, opens a session, prints a line and then waits for its own end. What the
// program says on stderr goes where this one's does.
func runEditor(program string) error {
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
